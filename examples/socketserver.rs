//! A server that answers each client's line in upper case, and hangs up: a request handler for each
//! connection, as in Python's `socketserver`.
//!
//! It shows `Server` and `Protocol`, with nothing else around them, and an end that gives the clients
//! their time.
//!
//! ```text
//! cargo run --example socketserver [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. From another
//! terminal:
//!
//! ```text
//! $ printf 'hello world\n' | nc 127.0.0.1 8088
//! HELLO WORLD
//! ```
//!
//! and the server prints:
//!
//! ```text
//! 127.0.0.1:40312 wrote: "hello world"
//! ```
//!
//! Ctrl-C ends it: nobody new is accepted, and those who are there have five seconds, or until you
//! press it again.
//!
//! In Python this is a class with a `handle` that blocks in `readline`, and `ThreadingTCPServer` to
//! serve more than one client at a time. Here `received` is called when there is something to read,
//! and what is no line yet waits.

mod around;

use around::Args;
use selkie::codec::Lines;
use selkie::{Connection, Input, Protocol, Selector, Server, Source};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// How many bytes a line may have.
const LINE_MAX: usize = 10_000;

/// How long clients may take when the server ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is done with one connection.
struct Handler {
    peer: SocketAddr,
    lines: Lines,
}

impl Protocol<'_> for Handler {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        if let Some(line) = input.decode(&mut self.lines)? {
            // Quoted, so that no client can command the terminal.
            around::say(&format!("{} wrote: {:?}", self.peer, String::from_utf8_lossy(line)))?;
            conn.write(&[&line.to_ascii_uppercase(), &b"\n"[..]].concat());
            conn.close(); // when that is sent
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    around::run("socketserver", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = Args::new("socketserver [ADDR]")?.addr()?;
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    let server = Server::open(&sel, listener, |peer| Handler { peer: *peer, lines: Lines::new(LINE_MAX) })?;
    sel.run()?;

    sel.with(server, |server| {
        server.shutdown(PATIENCE, |sel, drained| {
            log::info!("{} clients have ended, {} had to be cut off", drained.ended, drained.aborted);
            sel.stop();
        });
    })?;
    sel.run()?;
    Ok(())
}
