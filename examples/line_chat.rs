//! A chat room: what one client writes, all others read.
//!
//! It shows a codec that cuts the input into lines, state that all connections share, how one
//! connection writes to others by their keys, one message in the queues of a thousand clients without
//! a copy for each, and what becomes of a client that does not read.
//!
//! ```text
//! cargo run --example line_chat [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8089 unless you say otherwise; with port 0 the system chooses one. The server
//! says where it listens, and Ctrl-C ends it. From two other terminals:
//!
//! ```text
//! $ nc 127.0.0.1 8089                         $ nc 127.0.0.1 8089
//! What is your name?                          What is your name?
//! ann                                         bob
//! * 1 in the room                             * 2 in the room
//! * bob has come
//!                                             hello
//! bob: hello
//! ```
//!
//! What a client has not read yet waits for it in the server, so that nobody has to wait for the
//! slowest. When that is more than 256 KiB, it is that client who has to go.

mod around;

use around::Args;
use bytes::Bytes;
use selkie::codec::Lines;
use selkie::{Closed, Connection, ConnectionOptions, Input, Key, Protocol, Selector, ServerOptions, Source};
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

/// Bytes of a line, and of a name.
const LINE_MAX: usize = 400;
const NAME_MAX: usize = 20;
/// Bytes that may wait for a client.
const UNREAD_MAX: usize = 256 * 1024;

fn main() -> ExitCode {
    around::run("line_chat", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = Args::new("line_chat [ADDR]")?.addr_or(8089)?;
    // Declared before the selector, so that the callbacks may borrow it.
    let room = &Room::default();
    let options = ConnectionOptions::new().output_max(UNREAD_MAX);
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    ServerOptions::new().connection(options).open(&sel, listener, |_| Client::new(room))?;
    sel.run()?;
    Ok(())
}

/// Those who have said their names.
#[derive(Default)]
struct Room {
    names: RefCell<HashMap<Key<Connection>, String>>,
}

impl Room {
    /// Takes `name` in, unless somebody has it.
    fn enter(&self, conn: &mut Source<Connection>, name: &str) -> bool {
        let mut names = self.names.borrow_mut();
        let is_free = !names.values().any(|taken| taken == name);
        if is_free {
            names.insert(conn.key(), name.to_owned());
        }
        is_free
    }

    /// Writes a line to all but one.
    fn tell_others(&self, conn: &Source<Connection>, line: String) {
        let line = Bytes::from(line + "\n");
        for &key in self.names.borrow().keys().filter(|&&key| key != conn.key()) {
            // Where it cannot be written to, it is about to be closed, and `closed` is told why.
            let _ = conn.selector().with(key, |other| other.write_bytes(line.clone()));
        }
    }
}

/// One client.
struct Client<'cb> {
    room: &'cb Room,
    lines: Lines,
    /// Empty until it has said it.
    name: String,
}

impl Protocol<'_> for Client<'_> {
    fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        conn.write(b"What is your name?\n");
        Ok(())
    }

    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        loop {
            match input.decode(&mut self.lines) {
                // What would do something to the terminals of others is left out.
                Ok(Some(line)) => self.said(conn, &String::from_utf8_lossy(line).replace(char::is_control, "")),
                Ok(None) => return Ok(()),
                // The rest of the line is passed over, and the next one is as good as any.
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    conn.write(format!("* nobody has read that: more than {LINE_MAX} bytes in a line\n").as_bytes());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn closed(&mut self, conn: Option<&mut Source<Connection>>, reason: &Closed) {
        // If there is none, the program ends.
        let Some(conn) = conn else { return };
        if self.room.names.borrow_mut().remove(&conn.key()).is_none() {
            return;
        }
        let too_slow = reason.error().is_some_and(|error| error.kind() == ErrorKind::QuotaExceeded);
        let why = if too_slow { "did not read, and had to go" } else { "has left" };
        self.room.tell_others(conn, format!("* {} {why}", self.name));
    }
}

impl<'cb> Client<'cb> {
    fn new(room: &'cb Room) -> Self {
        Client { room, lines: Lines::new(LINE_MAX), name: String::new() }
    }

    fn said(&mut self, conn: &mut Source<Connection>, line: &str) {
        if !self.name.is_empty() {
            self.room.tell_others(conn, format!("{}: {line}", self.name));
            return;
        }
        let name = line.trim();
        if name.is_empty() || name.len() > NAME_MAX {
            conn.write(format!("A name of up to {NAME_MAX} bytes, please.\n").as_bytes());
        } else if !self.room.enter(conn, name) {
            conn.write(b"That is somebody else's. What is yours?\n");
        } else {
            self.name = name.to_owned();
            conn.write(format!("* {} in the room\n", self.room.names.borrow().len()).as_bytes());
            self.room.tell_others(conn, format!("* {name} has come"));
        }
    }
}
