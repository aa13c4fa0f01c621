//! The client of `upper_echo`: what you type goes out line by line, and what comes back is printed.
//!
//! It shows one thread waiting for two things at once, the keyboard and a socket, and two callbacks
//! that share their state.
//!
//! ```text
//! cargo run --example upper_client [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise. With `upper_echo` running in another terminal:
//!
//! ```text
//! >>: hello
//! HELLO
//! >>:
//! ```
//!
//! Ctrl-D ends the input. The server is told so, its last answers are printed, and the program ends;
//! it also ends when the server closes the connection.
//!
//! Standard input may as well be a pipe, a file or `/dev/null`. The prompt is printed then too, so
//! that what you see is the same conversation, less the lines that no terminal echoes. It comes
//! whenever everything that was sent has been answered.
//!
//! A line is sent without its line end, as the client of the tutorial does it, and an empty one not
//! at all. Only lines that come faster than they are answered, from a file for example, are parted
//! by a line end, which the server then sends back with them.

use selkie::net::TcpStream;
use selkie::{Interest, Key, READ, Selector, Source, Stdin, WRITE};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;

/// Bytes that are read at once, from either side.
const READ_MAX: usize = 16 * 1024;

/// A line that is longer is cut in two, so that one without an end does not fill the memory.
const LINE_MAX: usize = 1024 * 1024;

fn main() -> ExitCode {
    match talk(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upper_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn talk(args: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let addr = parse(args)?;
    let cannot_connect = move |error: io::Error| explain(format_args!("cannot connect to {addr}"), error);
    let conn = TcpStream::connect(addr).map_err(cannot_connect)?;

    // Declared before the selector, so the callbacks may borrow it.
    let client = &RefCell::new(Client::default());
    let failure = &Cell::new(None);
    let sel = Selector::new()?;
    // Nothing works without one of the two sources, so an error of either is the end.
    sel.on_error(|sel, lost| {
        failure.set(Some(lost.error));
        sel.stop();
    });
    sel.register(conn, WRITE, move |conn, _| match is_connected(conn) {
        Ok(true) => start(client, conn),
        Ok(false) => Ok(()),
        Err(error) => Err(cannot_connect(error)),
    })?;
    sel.run()?;
    match failure.take() {
        Some(error) => Err(error.into()),
        None => Ok(client.borrow_mut().say_goodbye()?),
    }
}

/// Whether a connection attempt has succeeded, once the socket is ready to write.
fn is_connected(conn: &TcpStream) -> io::Result<bool> {
    if let Some(error) = conn.take_error()? {
        return Err(error);
    }
    match conn.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Brings in the keyboard, and gives the connection the callback that it keeps.
fn start<'cb>(client: &'cb RefCell<Client>, conn: &mut Source<'_, 'cb, TcpStream>) -> io::Result<()> {
    let no_keyboard = |error| explain("cannot read standard input", error);
    let keyboard = selkie::stdin().map_err(no_keyboard)?;
    let server = conn.key();
    let keyboard = conn
        .selector()
        .register(keyboard, READ, move |keyboard, _| client.borrow_mut().typed(keyboard, server))
        .map_err(|error| no_keyboard(error.into()))?;
    conn.set_interest(READ);
    conn.set_callback(move |conn, ready| client.borrow_mut().heard(conn, ready, keyboard));
    client.borrow_mut().prompt()
}

/// What both callbacks know.
#[derive(Default)]
struct Client {
    /// The beginning of a line whose end was not typed yet.
    line: Vec<u8>,
    /// What the socket did not take yet. While there is any, the keyboard is not read.
    unsent: Vec<u8>,
    /// How many of the bytes for the server it has not answered yet.
    unanswered: usize,
    input_ended: bool,
    /// Whether what was printed last was anything but the end of a line.
    in_printed_line: bool,
}

impl Client {
    /// The callback of the keyboard.
    fn typed(&mut self, keyboard: &mut Source<Stdin>, server: Key<TcpStream>) -> io::Result<()> {
        let mut buf = [0; READ_MAX];
        let n = keyboard.read(&mut buf).map_err(|error| explain("cannot read standard input", error))?;
        if n == 0 {
            self.input_ended = true;
            self.end_line()?; // it may have had no line end
            keyboard.unregister();
        }
        for piece in buf[..n].split_inclusive(|&byte| byte == b'\n') {
            let text = piece.strip_suffix(b"\n");
            self.line.extend_from_slice(text.unwrap_or(piece));
            if text.is_some() || self.line.len() >= LINE_MAX {
                self.end_line()?;
            }
        }
        keyboard.selector().with(server, |conn| self.send(conn))??;
        if !self.unsent.is_empty() {
            keyboard.set_interest(Interest::NONE);
        }
        Ok(())
    }

    /// The callback of the connection.
    fn heard(&mut self, conn: &mut Source<TcpStream>, ready: Interest, keyboard: Key<Stdin>) -> io::Result<()> {
        if ready.is_writable() && !self.unsent.is_empty() {
            self.send(conn)?;
            if self.unsent.is_empty() && !self.input_ended {
                conn.selector().modify(keyboard, READ)?;
            }
        }
        if ready.is_readable() {
            let mut buf = [0; READ_MAX];
            match conn.read(&mut buf) {
                Ok(0) => conn.selector().stop(),
                Ok(n) => self.answered(&buf[..n])?,
                Err(error) if is_closed(&error) => conn.selector().stop(),
                Err(error) => return Err(explain("cannot read from the server", error)),
            }
        }
        Ok(())
    }

    /// A line is whole: puts it behind what is to be sent.
    fn end_line(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            let is_idle = self.unanswered == 0 && !self.input_ended;
            return if is_idle { self.prompt() } else { Ok(()) };
        }
        let before = self.unsent.len();
        if self.unanswered > 0 {
            self.unsent.push(b'\n');
        }
        self.unsent.append(&mut self.line);
        self.unanswered += self.unsent.len() - before;
        Ok(())
    }

    /// Sends what there is to send, as far as there is room, and asks for room for the rest.
    fn send(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        if !self.unsent.is_empty() {
            match conn.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                // Not returned: "not now" here is no reason to leave out what follows.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // What it answered before that is still to be read, and then the end.
                Err(error) if is_closed(&error) => self.unsent.clear(),
                Err(error) => return Err(explain("cannot write to the server", error)),
            }
        }
        let is_all_sent = self.unsent.is_empty();
        conn.set_interest(if is_all_sent { READ } else { READ | WRITE });
        if is_all_sent && self.input_ended {
            // No more questions. The server answers what it has and then closes as well.
            let _ = conn.shutdown(Shutdown::Write); // fails only if the server is gone: a read tells
        }
        Ok(())
    }

    /// Prints an answer, and a prompt when nothing is left to be answered.
    fn answered(&mut self, answer: &[u8]) -> io::Result<()> {
        self.print(answer)?;
        self.unanswered = self.unanswered.saturating_sub(answer.len());
        if self.unanswered > 0 || self.input_ended {
            return Ok(());
        }
        self.end_printed_line()?;
        self.prompt()
    }

    fn prompt(&mut self) -> io::Result<()> {
        self.print(b">>: ")
    }

    fn say_goodbye(&mut self) -> io::Result<()> {
        self.end_printed_line()?;
        let is_all_answered = self.input_ended && self.unanswered == 0;
        self.print(if is_all_answered { b"end of input, all answered\n" } else { b"server closed the connection\n" })
    }

    fn end_printed_line(&mut self) -> io::Result<()> {
        if self.in_printed_line { self.print(b"\n") } else { Ok(()) }
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.in_printed_line = bytes.last() != Some(&b'\n');
        let mut stdout = io::stdout();
        // Also "would block" would be an error here: what was not printed is lost.
        let result = stdout.write_all(bytes).and_then(|()| stdout.flush());
        result.map_err(|error| io::Error::other(format!("cannot print: {error}")))
    }
}

/// Whether an error says that the server closed the connection. It depends on what was under way
/// whether that shows as such an error or as the end of what there is to read.
fn is_closed(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

/// Makes a sentence of an error, and keeps its kind, for some kinds mean "not now".
fn explain(what: impl Display, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<SocketAddr, String> {
    const USAGE: &str = "usage: upper_client [ADDR]";
    let Some(addr) = args.next() else { return Ok(SocketAddr::from(([127, 0, 0, 1], 8088))) };
    if let Some(extra) = args.next() {
        return Err(format!("what does {extra:?} mean here? {USAGE}"));
    }
    let parsed = addr.to_str().and_then(|addr| addr.parse().ok());
    parsed.ok_or_else(|| format!("{addr:?} is not an address such as 127.0.0.1:8088; {USAGE}"))
}
