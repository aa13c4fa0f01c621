//! The same burst, read level-triggered and edge-triggered, with each call printed.
//!
//! It shows what the two modes do, and how a client stalls in the second if it is read as is right in
//! the first.
//!
//! ```text
//! cargo run --example level_and_edge [ADDR] [--show]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. Each client is
//! read eight bytes at a time. The first in level mode, the second in edge mode by a callback that reads
//! on to "would block", the third in edge mode by one that reads once, the fourth again as the first.
//! With `--show` the program plays three such clients itself, and ends; otherwise Ctrl-C ends it.
//!
//! ```text
//! client 1: level, one read per call
//! client 1: call 1 reads "a burst "
//! client 1: call 2 reads "of 20 by"
//! client 1: call 3 reads "tes\n"
//! client 1: no call for 200 ms, 0 bytes are unread
//! client 2: edge, reading to "would block"
//! client 2: call 1 reads "a burst ", "of 20 by", "tes\n"
//! client 2: no call for 200 ms, 0 bytes are unread
//! client 3: edge, one read per call
//! client 3: call 1 reads "a burst "
//! client 3: no call for 200 ms, 12 bytes are unread: a stall
//! client 3: call 2 reads "of 20 by"
//! client 3: no call for 200 ms, 8 bytes are unread: a stall
//! ```
//!
//! The last client is told nothing more of what it has not read, for an edge is an arrival. Its second
//! call came because four more bytes arrived; and it is behind for good. (Where mio stands on `poll(2)`, a
//! source is not told of another arrival before it was told "would block", so there that call does not
//! come either, and the client is given up.)
//!
//! The tutorials show the two modes of `epoll` in two programs, and the one with `EPOLLET` reads once, with
//! a buffer that is large enough for the burst that they send. So the difference is not seen, and
//! neither is the stall. Python's `selectors` cannot be asked for edges at all. In selkie level is the
//! default, and costs no more: see `Selector::register_with` for when an edge saves a system call.

mod around;

use around::Args;
use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, READ, Selector, Source, Trigger};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Bytes that are read at once.
const READ_MAX: usize = 8;

/// After so long without a call a client is told how it stands.
const QUIET: Duration = Duration::from_millis(200);

/// After so long in a stall, a client is given up. It may well have left: nobody is told.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    around::run("level_and_edge", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = Args::new("level_and_edge [ADDR] [--show]")?;
    let show = args.flag("--show");
    let addr = args.addr()?;

    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    let addr = listener.local_addr()?;
    let mut clients = 0;
    sel.register(listener, READ, move |listener, _| accept(listener, &mut clients))?;
    if !show {
        return Ok(sel.run()?);
    }
    let remote = sel.remote()?;
    let player = thread::spawn(move || {
        let played = (0..3).try_for_each(|number| play(addr, number == 2));
        remote.stop();
        played
    });
    sel.run()?;
    if !player.is_finished() {
        return Ok(()); // Ctrl-C
    }
    Ok(player.join().expect("it does not panic")?)
}

/// One client: a burst, and, if it `goes_on`, some more when it has been told of its stall.
fn play(addr: SocketAddr, goes_on: bool) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(addr)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    stream.write_all(b"a burst of 20 bytes\n")?;
    answers.read_line(&mut String::new())?;
    if goes_on {
        stream.write_all(b"more")?;
        answers.read_line(&mut String::new())?;
    }
    Ok(())
}

/// The callback of the listener.
fn accept(listener: &mut Source<TcpListener>, clients: &mut usize) -> io::Result<()> {
    let Some((conn, _peer)) = around::accept(listener) else { return Ok(()) };
    let (trigger, drains, mode) = [
        (Trigger::Level, false, "level, one read per call"),
        (Trigger::Edge, true, "edge, reading to \"would block\""),
        (Trigger::Edge, false, "edge, one read per call"),
    ][*clients % 3];
    *clients += 1;
    around::say(&format!("client {clients}: {mode}"))?;
    let mut client = Client { number: *clients, drains, calls: 0, is_stalled: false };
    let sel = listener.selector();
    let key = sel.register_with(conn, READ, trigger, move |conn, ready| client.ready(conn, ready))?;
    sel.set_timeout(key, Some(QUIET))?;
    Ok(())
}

struct Client {
    number: usize,
    /// Whether a call reads on to "would block".
    drains: bool,
    calls: usize,
    is_stalled: bool,
}

impl Client {
    /// The callback of a client.
    fn ready(&mut self, conn: &mut Source<TcpStream>, ready: Interest) -> io::Result<()> {
        if ready.is_readable() {
            conn.set_timeout(Some(QUIET));
            self.read(conn)
        } else if self.is_stalled {
            around::say(&format!("client {}: is given up", self.number))?;
            conn.unregister();
            Ok(())
        } else {
            self.quiet(conn)
        }
    }

    fn read(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        self.calls += 1;
        self.is_stalled = false;
        let mut pieces = Vec::new();
        let mut buf = [0; READ_MAX];
        loop {
            match conn.read(&mut buf) {
                Ok(0) => {
                    pieces.push("the end".to_owned());
                    conn.unregister();
                    break;
                }
                Ok(n) => pieces.push(format!("{:?}", String::from_utf8_lossy(&buf[..n]))),
                Err(error) if around::not_now(&error) => break,
                Err(error) => return Err(error),
            }
            if !self.drains {
                break;
            }
        }
        around::say(&format!("client {}: call {} reads {}", self.number, self.calls, pieces.join(", ")))
    }

    /// Nothing was reported for a while.
    fn quiet(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        let unread = match conn.peek(&mut [0; 4096]) {
            Err(error) if around::not_now(&error) => 0,
            result => result?,
        };
        self.is_stalled = unread > 0;
        conn.set_timeout(self.is_stalled.then_some(PATIENCE));
        let stall = if self.is_stalled { ": a stall" } else { "" };
        let report =
            format!("client {}: no call for {} ms, {unread} bytes are unread{stall}", self.number, QUIET.as_millis());
        around::say(&report)?;
        // A line, into a socket that has taken little so far. Should there be no room, the client has
        // not read that.
        let _ = writeln!(conn, "{report}");
        Ok(())
    }
}
