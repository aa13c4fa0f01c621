//! A server with a queue of messages for each client, which idle clients have to leave.
//!
//! It shows write interest that is on only while there is something to write, a timeout for each
//! source, and urgent data as an event of its own.
//!
//! ```text
//! cargo run --example message_queues [ADDR] [--idle SECONDS]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. A client that
//! sends and takes nothing for five seconds, or as many as you say, has to leave. Ctrl-C ends it. From
//! another terminal:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! This is the message.
//! This is the message.
//! you have been idle for 5 s
//! ```
//!
//! Each piece that a client sends is a message, and is sent back. With urgent data (`MSG_OOB`, which
//! Linux reports) it is answered with `urgent: 0x21`, ahead of what waits.
//!
//! The original keeps the lists `inputs` and `outputs` and the table `message_queues` beside the three lists
//! that `select.select` returns, and walks these while it changes those. A client that is in two of the
//! three, readable and writable, or writable and exceptional, is removed by the one and looked up by the
//! other: `message_queues[s]` raises `KeyError`, and the server is gone. Where the loop runs over `inputs`
//! itself, `inputs.remove(s)` moves the next client into the place that was just passed, and that client
//! is not looked at. And an idle client stays for ever: the timeout there is that of all of them together.
//!
//! None of that can happen here. There are no lists: a client's queue lies in its callback, and is dropped
//! with it, when the client is unregistered, whatever the reason. A client is called once per turn, with all
//! that it is ready for in one set. What a turn has to tell is taken out of the system before the first
//! callback, and each entry is looked up by its key when its time comes: it is told, or it is gone.
//! Removing one moves no other.

mod around;

use around::Args;
use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, PRIORITY, READ, Selector, Source, WRITE};
use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 1024;

/// As many messages may wait. While they do, none is read.
const QUEUE_MAX: usize = 64;

fn main() -> ExitCode {
    around::run("message_queues", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = Args::new("message_queues [ADDR] [--idle SECONDS]")?;
    let seconds = args.value("--idle", "a number of seconds")?.unwrap_or(5.0);
    let idle = Duration::try_from_secs_f64(seconds).map_err(|_| format!("nobody can be idle for {seconds} s"))?;
    let addr = args.addr()?;

    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    sel.register(listener, READ, move |listener: &mut Source<TcpListener>, _| accept(listener, idle))?;
    sel.run()?;
    Ok(())
}

/// The callback of the listener.
fn accept(listener: &mut Source<TcpListener>, idle: Duration) -> io::Result<()> {
    if let Some((conn, _peer)) = around::accept(listener) {
        let mut client = Client { queue: VecDeque::new(), sent: 0, has_ended: false, idle };
        let sel = listener.selector();
        let key = sel.register(conn, READ | PRIORITY, move |conn, ready| client.ready(conn, ready))?;
        sel.set_timeout(key, Some(idle))?;
    }
    Ok(())
}

struct Client {
    /// The messages that wait, the oldest first.
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the oldest that have gone.
    sent: usize,
    /// It will send no more. What waits is sent before it is let go.
    has_ended: bool,
    idle: Duration,
}

impl Client {
    /// The callback of a client.
    fn ready(&mut self, conn: &mut Source<TcpStream>, ready: Interest) -> io::Result<()> {
        if ready.is_priority() {
            self.exceptional(conn)?;
        }
        if ready.is_readable() {
            self.read(conn)?;
        }
        if ready.is_writable() {
            self.write(conn)?;
        }
        if self.has_ended && self.queue.is_empty() {
            conn.unregister();
            return Ok(());
        }
        if ready.is_timeout() && !ready.is_readable() && !ready.is_writable() && !ready.is_priority() {
            // If there is no room for it, the client has not even read what it was sent before.
            let _ = writeln!(conn, "you have been idle for {} s", self.idle.as_secs_f64());
            conn.unregister();
            return Ok(());
        }
        conn.set_interest(self.interest());
        Ok(())
    }

    fn interest(&self) -> Interest {
        if self.has_ended {
            return WRITE;
        }
        let mut interest = PRIORITY;
        if self.queue.len() < QUEUE_MAX {
            interest |= READ;
        }
        if !self.queue.is_empty() {
            interest |= WRITE;
        }
        interest
    }

    /// Puts one message into the queue.
    fn read(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        let mut buf = [0; MESSAGE_MAX];
        match conn.read(&mut buf) {
            Ok(0) => self.has_ended = true,
            Ok(n) => self.queue.push_back(buf[..n].to_vec()),
            // Urgent data is told as something to read as well, and is not read this way.
            Err(error) if around::not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends what there is room for of the oldest message.
    fn write(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        let Some(message) = self.queue.front() else { return Ok(()) };
        match conn.write(&message[self.sent..]) {
            Ok(n) => self.sent += n,
            Err(error) if around::not_now(&error) => {}
            Err(error) => return Err(error),
        }
        if self.sent == message.len() {
            self.queue.pop_front();
            self.sent = 0;
        }
        Ok(())
    }

    /// Urgent data: one byte, beside the stream.
    fn exceptional(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        if let Some(byte) = urgent(conn)? {
            log::info!("urgent data: {byte:#04x}");
            // Ahead of all others, but not into the middle of one.
            let next = usize::from(self.sent > 0);
            self.queue.insert(next, format!("urgent: {byte:#04x}\n").into_bytes());
        }
        Ok(())
    }
}

/// The urgent byte, if it is there.
#[cfg(unix)]
fn urgent(conn: &mut Source<TcpStream>) -> io::Result<Option<u8>> {
    use rustix::io::Errno;
    use rustix::net::{RecvFlags, recv};
    let mut byte = [0];
    // To say that there is none, or none any more, the system has an error of its own. A source that is
    // to be settled by it has to be told "would block".
    let received = conn.try_io(PRIORITY, |conn| match recv(&*conn, &mut byte, RecvFlags::OOB) {
        Err(Errno::INVAL) => Err(io::ErrorKind::WouldBlock.into()),
        received => Ok(received?.1),
    });
    match received {
        Ok(count) => Ok((count > 0).then_some(byte[0])),
        Err(error) if around::not_now(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn urgent(_: &mut Source<TcpStream>) -> io::Result<Option<u8>> {
    Ok(None) // never reported there
}
