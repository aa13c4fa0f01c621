//! What is done to a connection beside writing: ending it, pausing it, changing it.

use super::deadlines::Deadlines;
use super::{Alarm, Connection, ConnectionOptions, Shutdown, Stream, driver};
use crate::protocol::{Closed, Protocol};
use crate::source::Source;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

impl<'cb, S: Stream> Source<'_, 'cb, Connection<S>> {
    // ---- ending

    /// Closes the connection when all that was written has gone, with [`Closed::Finished`]. From now on
    /// nothing is received or taken to be written.
    ///
    /// If that takes longer than [`close_timeout`](ConnectionOptions::close_timeout), 10 seconds unless
    /// told otherwise, the rest is dropped, and the reason is
    /// [`TimedOut`](ErrorKind::TimedOut).
    ///
    /// If by then there is input that nobody will receive, the own side is ended first
    /// ([half-close](Stream::shutdown_write), where there is such a thing) and such input thrown away
    /// until the peer ends its side as well, within the same time. A socket that is closed with input
    /// in it answers with a reset, and that would overtake what was written last.
    ///
    /// Closing a connection that is closed already, or about to be, does nothing.
    ///
    /// # From inside a callback
    ///
    /// It takes effect when the callback returns; from [`with`](crate::Selector::with), in the next
    /// turn. So do [`abort`](Self::abort) and [`fail`](Self::fail).
    pub fn close(&mut self) {
        let timeout = self.options.limits().close;
        self.close_within(timeout);
    }

    /// As [`close`](Self::close), with another limit of time, which counts from now.
    pub fn close_within(&mut self, timeout: Duration) {
        if !self.ended || self.has_output() {
            let now = Instant::now();
            let deadlines = Deadlines::new(self.received, self.sent, now);
            self.deadlines.get_or_insert_with(|| Box::new(deadlines)).close_within(timeout, now);
        }
        self.is_open = false;
        self.draining = 0;
        self.closing = true;
        self.changed();
    }

    /// Closes the connection at once and drops what waits, with [`Closed::Aborted`].
    pub fn abort(&mut self) {
        self.end(Closed::Aborted);
        self.changed();
    }

    /// Closes the connection at once and drops what waits, with `error` for the reason. To end another's
    /// connection, say; a callback of its own may as well return the error, which then goes to
    /// [`on_error`](crate::Selector::on_error) besides.
    pub fn fail(&mut self, error: io::Error) {
        self.end(Closed::Failed(error));
        self.changed();
    }

    /// Ends the own side when all that was written has gone: the peer reads an end of stream then.
    /// Nothing more can be written; what the peer sends is received as before.
    ///
    /// If the stream [has no half-close](Stream::shutdown_write), the connection fails with
    /// [`Unsupported`](ErrorKind::Unsupported).
    pub fn shutdown_write(&mut self) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        if self.output.is_empty() {
            self.shut_down();
        } else {
            self.shutdown = Shutdown::Wanted;
        }
        self.changed();
    }

    pub(super) fn shut_down(&mut self) {
        self.shutdown = Shutdown::Done;
        match self.stream.shutdown_write() {
            Err(error) if error.kind() != ErrorKind::NotConnected => self.end(Closed::Failed(error)),
            // What became of the peer, reading tells.
            _ => {}
        }
    }

    /// Has the protocol told that the program wants to end: [`Protocol::stopping`] is called, when the
    /// present callback returns at the earliest, and from [`with`](crate::Selector::with) in the next turn.
    pub fn ask_to_stop(&mut self) {
        self.stopping = true;
        self.changed();
    }

    // ---- receiving

    /// Has nothing received any more, until [`resume_reading`](Self::resume_reading). At once, and to
    /// pause what is paused does nothing.
    ///
    /// What arrives stays with the system, so the peer is held up when that has no more room. That the
    /// peer ends or fails is not noticed meanwhile, unless by writing.
    pub fn pause_reading(&mut self) {
        self.reading_paused = true;
        self.draining = 0;
        self.changed();
    }

    /// Goes on receiving. Input that the protocol had left comes first, and in the next turn also if
    /// nothing new arrives.
    pub fn resume_reading(&mut self) {
        if mem::replace(&mut self.reading_paused, false) {
            self.redeliver = true;
            self.changed();
        }
    }

    /// Whether reading is paused.
    pub fn is_reading_paused(&self) -> bool {
        self.reading_paused
    }

    // ---- changing

    /// Has another protocol called from now on: an upgrade, or what is spoken once the introductions
    /// are over. Input that was not consumed is kept for it, and output that waits goes on.
    ///
    /// In the next turn the new one is [`connected`](Protocol::connected); then it receives the input
    /// that was left, if any, though nothing new may arrive. That the peer has ended, or that more waits
    /// than the high mark, it is told as well. Paused reading stays paused.
    ///
    /// The old one is [`closed`](Protocol::closed): with [`Closed::Replaced`] when its callback returns,
    /// or, if it is replaced in [`with`](crate::Selector::with), with [`Closed::Dropped`].
    ///
    /// ```
    /// use selkie::{Connection, Input, Protocol, Source};
    /// use std::io;
    ///
    /// struct Hello;
    /// struct Talk;
    ///
    /// impl Protocol<'_> for Hello {
    ///     fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
    ///         if input.starts_with(b"HELLO\n") {
    ///             input.consume(6);
    ///             conn.set_protocol(Talk); // receives what came behind it
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl Protocol<'_> for Talk {
    ///     fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
    ///         conn.write(input.consume_all());
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn set_protocol<P>(&mut self, protocol: P)
    where
        P: Protocol<'cb, S> + 'cb,
    {
        self.set_callback(driver::callback(protocol));
        self.replaced = self.driving;
        self.is_new = true;
        self.redeliver = true;
        self.told_end = false;
        self.told_above = false;
        self.changed();
    }

    /// Changes its limits and time-outs. They hold from now on; only [`nodelay`] is looked at when a
    /// connection is opened.
    ///
    /// [`nodelay`]: ConnectionOptions::nodelay
    pub fn set_options(&mut self, options: &ConnectionOptions) {
        self.options = options.clone();
        if self.alarm == Alarm::Idle {
            // It may have another length now.
            self.alarm = Alarm::None;
            self.set_timeout(None);
        }
        let (waiting, limits) = (self.output.waiting(), self.options.limits());
        self.above_high = waiting > limits.high || self.above_high && waiting > limits.low;
        self.changed();
    }

    /// It is about to be dropped.
    pub(super) fn leaves(&self) {
        if let Some(member) = &self.member {
            member.leaves(self.selector());
        }
    }
}
