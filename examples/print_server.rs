//! A server that prints what its clients send, in UTF-8 or any other encoding.
//!
//! It shows state that belongs to a client, here half a character, living in the client's callback.
//!
//! ```text
//! cargo run --example print_server [ADDR] [--encoding NAME]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. `NAME` is
//! `utf-8` unless you say otherwise; `gbk`, `big5`, `shift_jis` and all others that browsers know will
//! do. Ctrl-C ends it. From another terminal:
//!
//! ```text
//! $ printf '你好\n' | nc -N 127.0.0.1 8088
//! ```
//!
//! and the server prints, for each piece that it reads:
//!
//! ```text
//! 127.0.0.1:40312 | 你好
//! 127.0.0.1:40312 left
//! ```
//!
//! The server of the tutorials does `print(data.decode("utf-8"))`. A character takes up to four bytes,
//! and a read ends where it ends: sooner or later between two of them. Then `decode` raises
//! `UnicodeDecodeError`, and the server is gone with all its clients. It is gone as well when a client
//! sends from a Chinese console, which speaks GBK. Here the first half of a character waits in the
//! client's decoder for the other one, and what is no character at all is printed as `�`.
//!
//! Nobody should be able to clear your screen or worse, so control characters are printed as `\u{1b}`.

mod around;

use around::Args;
use encoding_rs::{Decoder, Encoding};
use selkie::net::{TcpListener, TcpStream};
use selkie::{READ, Selector, Source};
use std::cell::Cell;
use std::error::Error;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::ExitCode;

fn main() -> ExitCode {
    around::run("print_server", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = Args::new("print_server [ADDR] [--encoding NAME]")?;
    let name = args.value("--encoding", "a name such as gbk")?.unwrap_or_else(|| "utf-8".to_owned());
    let encoding = Encoding::for_label(name.as_bytes()).ok_or_else(|| format!("there is no encoding {name:?}"))?;
    let addr = args.addr()?;

    let printer = &Printer { encoding, failure: Cell::new(None) };
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    sel.register(listener, READ, move |listener, _| printer.accept(listener))?;
    sel.run()?;
    match printer.failure.take() {
        Some(error) => Err(format!("cannot print: {error}").into()),
        None => Ok(()),
    }
}

struct Printer {
    encoding: &'static Encoding,
    /// Why nothing can be printed any more.
    failure: Cell<Option<io::Error>>,
}

impl Printer {
    fn accept<'cb>(&'cb self, listener: &mut Source<'_, 'cb, TcpListener>) -> io::Result<()> {
        if let Some((conn, peer)) = around::accept(listener) {
            let mut decoder = self.encoding.new_decoder();
            listener.selector().register(conn, READ, move |conn, _| self.read(conn, peer, &mut decoder))?;
        }
        Ok(())
    }

    /// The callback of a client.
    fn read(&self, conn: &mut Source<TcpStream>, peer: SocketAddr, decoder: &mut Decoder) -> io::Result<()> {
        let mut buf = [0; 4096];
        let n = match conn.read(&mut buf) {
            Err(error) if !around::not_now(&error) => {
                self.print(conn, &format!("{peer} was cut off: {error}"));
                return Err(error);
            }
            result => result?,
        };
        let text = decode(decoder, &buf[..n]);
        for line in text.lines() {
            self.print(conn, &format!("{peer} | {}", harmless(line)));
        }
        if n == 0 {
            self.print(conn, &format!("{peer} left"));
            conn.unregister();
        }
        Ok(())
    }

    /// No client is to blame if this fails, and there is no point in going on.
    fn print(&self, conn: &Source<TcpStream>, line: &str) {
        if let Err(error) = around::say(line) {
            self.failure.set(Some(error));
            conn.selector().stop();
        }
    }
}

/// The characters that `bytes` complete. At the end, which no bytes stand for, half a character is none.
fn decode(decoder: &mut Decoder, bytes: &[u8]) -> String {
    let longest = decoder.max_utf8_buffer_length(bytes.len()).expect("a buffer of a few kilobytes");
    let mut text = String::with_capacity(longest);
    let (_result, _read, _had_errors) = decoder.decode_to_string(bytes, &mut text, bytes.is_empty());
    text
}

/// The same text without the power to command a terminal.
fn harmless(line: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(escaped).collect()
}
