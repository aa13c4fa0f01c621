//! Connections and protocols. [`Probe`] is the protocol of most of these tests.

mod cost;
mod course;
mod ending;
mod handle;
mod input;
mod lifecycle;
mod output;
mod streams;
mod switching;
mod timeouts;

use selkie::net::TcpStream;
use selkie::{Closed, Connection, Input, Protocol, Source, Stream, Timeout};
use std::cell::RefCell;
use std::io;
use std::time::Duration;

/// A time-out that a test can wait for.
const SHORT: Duration = Duration::from_millis(20);

/// What was called, in order.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// What was called since this was asked last.
    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

type Conn<'s, 'cb, S> = Source<'s, 'cb, Connection<S>>;
type Call<'t, S> = Box<dyn FnMut(&mut Conn<'_, 't, S>) -> io::Result<()> + 't>;
type Received<'t, S> = Box<dyn FnMut(&mut Conn<'_, 't, S>, &mut Input) -> io::Result<()> + 't>;
type OnClosed<'t, S> = Box<dyn FnMut(Option<&mut Conn<'_, 't, S>>, &Closed) + 't>;

/// Writes down what is called of it, and then does what it was told to, or what a protocol does that
/// says nothing of that callback.
struct Probe<'t, S: Stream = TcpStream> {
    log: &'t Log,
    connected: Option<Call<'t, S>>,
    received: Option<Received<'t, S>>,
    ended: Option<Call<'t, S>>,
    paused: Option<Call<'t, S>>,
    resumed: Option<Call<'t, S>>,
    timeout: Option<Call<'t, S>>,
    closed: Option<OnClosed<'t, S>>,
}

impl<'t, S: Stream> Probe<'t, S> {
    fn new(log: &'t Log) -> Self {
        Probe {
            log,
            connected: None,
            received: None,
            ended: None,
            paused: None,
            resumed: None,
            timeout: None,
            closed: None,
        }
    }

    fn connected(mut self, f: impl FnMut(&mut Conn<'_, 't, S>) -> io::Result<()> + 't) -> Self {
        self.connected = Some(Box::new(f));
        self
    }

    fn received(mut self, f: impl FnMut(&mut Conn<'_, 't, S>, &mut Input) -> io::Result<()> + 't) -> Self {
        self.received = Some(Box::new(f));
        self
    }

    fn ended(mut self, f: impl FnMut(&mut Conn<'_, 't, S>) -> io::Result<()> + 't) -> Self {
        self.ended = Some(Box::new(f));
        self
    }

    fn paused(mut self, f: impl FnMut(&mut Conn<'_, 't, S>) -> io::Result<()> + 't) -> Self {
        self.paused = Some(Box::new(f));
        self
    }

    fn timeout(mut self, f: impl FnMut(&mut Conn<'_, 't, S>) -> io::Result<()> + 't) -> Self {
        self.timeout = Some(Box::new(f));
        self
    }

    fn closed(mut self, f: impl FnMut(Option<&mut Conn<'_, 't, S>>, &Closed) + 't) -> Self {
        self.closed = Some(Box::new(f));
        self
    }
}

/// What a protocol does that has nothing but `received`.
struct Plain;

impl<S: Stream> Protocol<'_, S> for Plain {
    fn received(&mut self, _: &mut Conn<'_, '_, S>, input: &mut Input) -> io::Result<()> {
        input.consume_all();
        Ok(())
    }
}

impl<'t, S: Stream> Protocol<'t, S> for Probe<'t, S> {
    fn connected(&mut self, conn: &mut Conn<'_, 't, S>) -> io::Result<()> {
        self.log.note("connected");
        match &mut self.connected {
            Some(f) => f(conn),
            None => Plain.connected(conn),
        }
    }

    fn received(&mut self, conn: &mut Conn<'_, 't, S>, input: &mut Input) -> io::Result<()> {
        self.log.note(format!("received {}", input.len()));
        match &mut self.received {
            Some(f) => f(conn, input),
            None => Plain.received(conn, input),
        }
    }

    fn ended(&mut self, conn: &mut Conn<'_, 't, S>) -> io::Result<()> {
        self.log.note("ended");
        match &mut self.ended {
            Some(f) => f(conn),
            None => Plain.ended(conn),
        }
    }

    fn paused(&mut self, conn: &mut Conn<'_, 't, S>) -> io::Result<()> {
        self.log.note("paused");
        match &mut self.paused {
            Some(f) => f(conn),
            None => Plain.paused(conn),
        }
    }

    fn resumed(&mut self, conn: &mut Conn<'_, 't, S>) -> io::Result<()> {
        self.log.note("resumed");
        match &mut self.resumed {
            Some(f) => f(conn),
            None => Plain.resumed(conn),
        }
    }

    fn timeout(&mut self, conn: &mut Conn<'_, 't, S>, what: Timeout) -> io::Result<()> {
        self.log.note(format!("timeout {what:?}"));
        match &mut self.timeout {
            Some(f) => f(conn),
            None => Plain.timeout(conn, what),
        }
    }

    fn stopping(&mut self, conn: &mut Conn<'_, 't, S>) -> io::Result<()> {
        self.log.note("stopping");
        Plain.stopping(conn)
    }

    fn closed(&mut self, conn: Option<&mut Conn<'_, 't, S>>, reason: &Closed) {
        self.log.note(match reason {
            Closed::Failed(error) => format!("closed {:?}", error.kind()),
            reason => format!("closed {reason:?}"),
        });
        if let Some(f) = &mut self.closed {
            f(conn, reason);
        }
    }
}
