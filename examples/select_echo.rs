//! `upper_echo` once more, with a loop of one's own.
//!
//! It shows the loop as Python has it, over `select()`, and what that is good for: whatever is to be
//! done between the turns stands in the loop, in plain sight.
//!
//! ```text
//! cargo run --example select_echo [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. From another
//! terminal:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! hello
//! HELLO
//! ```
//!
//! Ctrl-C ends it, and then it tells how many turns there were and how many calls in them.
//!
//! This is the loop in the documentation of Python's `selectors`:
//!
//! ```text
//! while True:
//!     events = sel.select()
//!     for key, mask in events:
//!         callback = key.data
//!         callback(key.fileobj, mask)
//! ```
//!
//! Three things are wrong with it there. It never ends. An exception of one callback ends it for all
//! clients, and a `send` that meets a full socket raises one. And a callback may close a client that
//! stands further down in `events`, which is then called with a closed socket. Here `stop` ends the
//! loop, an error costs its own client, and `call` passes over whoever has gone in the meantime.

mod around;

use around::Args;
use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, READ, Selector, Source, WRITE};
use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    around::run("select_echo", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = Args::new("select_echo [ADDR]")?.addr()?;
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    sel.register(listener, READ, accept)?;

    let mut turns = 0_u64;
    let mut calls = 0_u64;
    while !sel.is_stopping() {
        for (key, ready) in sel.select(None)? {
            calls += u64::from(sel.call(key, ready)?);
        }
        turns += 1;
    }
    around::say(&format!("{calls} calls in {turns} turns"))?;
    Ok(())
}

/// The callback of the listener.
fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
    if let Some((conn, _peer)) = around::accept(listener) {
        // What the client was not sent yet. The callback owns it, so it is gone when the client is.
        let mut unsent = Vec::new();
        listener.selector().register(conn, READ, move |conn: &mut Source<TcpStream>, _| answer(conn, &mut unsent))?;
    }
    Ok(())
}

/// The callback of a client.
fn answer(conn: &mut Source<TcpStream>, unsent: &mut Vec<u8>) -> io::Result<()> {
    if unsent.is_empty() {
        let mut buf = [0; 4096];
        let n = conn.read(&mut buf)?;
        if n == 0 {
            conn.unregister();
            return Ok(());
        }
        unsent.extend(buf[..n].to_ascii_uppercase());
    }
    match conn.write(unsent) {
        Ok(n) => drop(unsent.drain(..n)),
        Err(error) if around::not_now(&error) => {}
        Err(error) => return Err(error),
    }
    // While something is left we wait for room, and read no more. Asking for what is asked for
    // already costs nothing.
    conn.set_interest(if unsent.is_empty() { READ } else { WRITE });
    Ok(())
}
