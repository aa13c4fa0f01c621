//! What is between a connection and its protocol: the connection's callback.

use super::deadlines::Due;
use super::reading::{give_back, take_buffer};
use super::{Connection, Input, Stream};
use crate::interest::{Interest, READ};
use crate::protocol::{Closed, Protocol};
use crate::server::Member;
use crate::source::Source;
use bytes::{Buf, BytesMut};
use std::any::Any;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// The callback by which a connection calls `protocol`.
pub(super) fn callback<'cb, S, P>(
    protocol: P,
) -> impl FnMut(&mut Source<'_, 'cb, Connection<S>>, Interest) -> io::Result<()> + 'cb
where
    S: Stream,
    P: Protocol<'cb, S> + 'cb,
{
    let mut driver = Driver { protocol, stage: Stage::New, of: PhantomData };
    move |conn, ready| {
        if conn.member.as_ref().is_some_and(Member::catches_panics) {
            let driven = panic::catch_unwind(AssertUnwindSafe(|| driver.drive(conn, ready)));
            driven.unwrap_or_else(|panic| Err(as_error(&*panic)))
        } else {
            driver.drive(conn, ready)
        }
    }
}

/// A panic that costs a connection only, as the error that does.
#[cold]
fn as_error(panic: &(dyn Any + Send)) -> io::Error {
    let said = panic.downcast_ref::<&str>().copied();
    let said =
        said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("something else than text");
    io::Error::other(format!("its protocol panicked: {said}"))
}

/// A protocol, and how far it has come.
struct Driver<'cb, S: Stream, P: Protocol<'cb, S>> {
    protocol: P,
    stage: Stage,
    of: PhantomData<fn(&'cb (), S)>,
}

#[derive(PartialEq, Eq)]
enum Stage {
    New,
    Connected,
    Closed,
}

impl<'cb, S: Stream, P: Protocol<'cb, S>> Driver<'cb, S, P> {
    #[inline]
    fn drive(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>, ready: Interest) -> io::Result<()> {
        conn.driving = true;
        let mut call = Call { driver: self, conn };
        let result = call.run(ready);
        // There was no panic.
        mem::forget(call);
        result
    }
}

/// The connection is gone, or somebody else's, and the protocol was not told.
impl<'cb, S: Stream, P: Protocol<'cb, S>> Drop for Driver<'cb, S, P> {
    fn drop(&mut self) {
        if mem::replace(&mut self.stage, Stage::Closed) != Stage::Connected {
            return;
        }
        let protocol = &mut self.protocol;
        let mut close = || protocol.closed(None, &Closed::Dropped);
        if thread::panicking() {
            // A second panic would end the program.
            let _ = panic::catch_unwind(AssertUnwindSafe(close));
        } else {
            close();
        }
    }
}

/// One call of a connection's callback.
struct Call<'d, 's, 'cb, S: Stream, P: Protocol<'cb, S>> {
    driver: &'d mut Driver<'cb, S, P>,
    conn: &'d mut Source<'s, 'cb, Connection<S>>,
}

/// The protocol has panicked.
impl<'cb, S: Stream, P: Protocol<'cb, S>> Drop for Call<'_, '_, 'cb, S, P> {
    fn drop(&mut self) {
        self.conn.leaves();
        if mem::replace(&mut self.driver.stage, Stage::Closed) == Stage::Connected {
            self.conn.drop_output();
            // A second panic would end the program.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| {
                self.driver.protocol.closed(Some(self.conn), &Closed::Panicked);
            }));
        }
    }
}

impl<'cb, S: Stream, P: Protocol<'cb, S>> Call<'_, '_, 'cb, S, P> {
    #[inline]
    fn run(&mut self, ready: Interest) -> io::Result<()> {
        if ready == READ && !self.conn.attention {
            self.read();
        } else {
            self.see_to(ready);
        }
        if self.conn.attention || self.conn.stream.has_input() || self.conn.stream.has_output() {
            return self.see_to_what_came_of_it();
        }
        self.conn.driving = false;
        Ok(())
    }

    /// Does all that there may be to do.
    #[cold]
    fn see_to(&mut self, ready: Interest) {
        if mem::take(&mut self.conn.is_new) {
            self.driver.stage = Stage::Connected;
            let result = self.driver.protocol.connected(self.conn);
            self.note(result);
        }
        if mem::take(&mut self.conn.stopping) && self.conn.goes_on() {
            let result = self.driver.protocol.stopping(self.conn);
            self.note(result);
        }
        // Before there is any less: who was told that it is above the mark waits for `resumed`.
        self.tell_pressure();
        if ready.is_writable() {
            self.conn.flush();
        }
        if self.conn.has_left() && self.conn.may_receive() {
            self.conn.redeliver = false;
            self.deliver(&[]);
        } else if self.conn.draining > 0 && !self.conn.replaced {
            self.conn.draining -= 1;
            self.read();
        } else if (ready.is_readable() || self.conn.stream.has_input()) && self.conn.receives() {
            self.read();
        } else if ready.is_readable() && self.conn.lingering {
            self.discard();
        }
        self.tell_timeout(ready);
        self.conn.attention = true;
    }

    fn tell_timeout(&mut self, ready: Interest) {
        match self.conn.take_due(ready) {
            Some(Due::Close) if self.conn.lingering => self.conn.end(Closed::Finished),
            Some(Due::Close) => {
                let message = "the output could not be sent in the time that `close` had";
                self.conn.end(Closed::Failed(io::Error::new(ErrorKind::TimedOut, message)));
            }
            Some(Due::Told(what)) if self.conn.goes_on() => {
                let result = self.driver.protocol.timeout(self.conn, what);
                self.note(result);
            }
            _ => {}
        }
    }

    /// Reads once, and has the protocol receive that.
    #[inline]
    fn read(&mut self) {
        let mut buffer = take_buffer();
        match self.conn.read_into(&mut buffer) {
            Some(0) => self.conn.peer_ended(),
            Some(count) => self.deliver(&buffer[..count]),
            None => {}
        }
        give_back(buffer);
    }

    /// Has the protocol receive what it has left and what is new.
    #[inline]
    fn deliver(&mut self, new: &[u8]) {
        if !self.conn.input.is_empty() {
            return self.deliver_together(new);
        }
        let mut input = Input::new(new);
        let result = self.driver.protocol.received(self.conn, &mut input);
        if !input.is_empty() || result.is_err() {
            self.keep(BytesMut::from(&*input), result);
        }
    }

    #[cold]
    fn deliver_together(&mut self, new: &[u8]) {
        let mut kept = mem::take(&mut self.conn.input);
        kept.extend_from_slice(new);
        let mut input = Input::new(&kept);
        let result = self.driver.protocol.received(self.conn, &mut input);
        let consumed = kept.len() - input.len();
        kept.advance(consumed);
        self.keep(kept, result);
    }

    #[cold]
    fn keep(&mut self, left: BytesMut, result: io::Result<()>) {
        // An empty buffer is memory, too.
        if !left.is_empty() {
            self.conn.input = left;
        }
        self.note(result);
        self.conn.check_input();
    }

    /// Takes note of what a callback of the protocol came to.
    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                self.conn.end_by_protocol(error);
            }
        }
    }

    /// Tells the protocol what has become of the connection, until there is no more to tell, and has
    /// the selector wait for what comes next.
    #[cold]
    fn see_to_what_came_of_it(&mut self) -> io::Result<()> {
        loop {
            if self.conn.draining == 0 {
                if let Some(reason) = self.conn.end.take() {
                    return self.close(reason);
                }
            }
            if self.conn.replaced {
                self.driver.stage = Stage::Closed;
                self.driver.protocol.closed(Some(self.conn), &Closed::Replaced);
                // Not before, in case that the protocol has replaced itself once more.
                self.conn.replaced = false;
                break;
            }
            if !self.tell_pressure() && !self.tell_end() && !self.finish() {
                break;
            }
        }
        self.conn.driving = false;
        self.conn.wait();
        Ok(())
    }

    /// True if there was something to tell.
    fn tell_pressure(&mut self) -> bool {
        if self.conn.above_high == self.conn.told_above || !self.conn.goes_on() {
            return false;
        }
        self.conn.told_above = self.conn.above_high;
        let result = if self.conn.above_high {
            self.driver.protocol.paused(self.conn)
        } else {
            self.driver.protocol.resumed(self.conn)
        };
        self.note(result);
        true
    }

    /// True if there was something to tell.
    fn tell_end(&mut self) -> bool {
        if !self.conn.is_end_to_tell() {
            return false;
        }
        self.conn.told_end = true;
        let result = self.driver.protocol.ended(self.conn);
        self.note(result);
        true
    }

    /// Ends a connection that was closed, when all has gone. True if it is over.
    ///
    /// A socket that is closed with input in it answers its peer with a reset, which may overtake what
    /// was sent last. So if there is any, the own side is ended first, and the rest waits for the peer
    /// to do the same.
    fn finish(&mut self) -> bool {
        let conn = &mut *self.conn;
        if !conn.closing || conn.lingering || conn.has_output() || conn.end.is_some() {
            return false;
        }
        if !conn.ended && self.discard() && self.conn.stream.shutdown_write().is_ok() {
            self.conn.lingering = true;
            return false;
        }
        self.conn.end(Closed::Finished);
        true
    }

    /// Reads, and throws it away. True if there was anything.
    fn discard(&mut self) -> bool {
        let mut buffer = take_buffer();
        let count = self.conn.read_into(&mut buffer);
        give_back(buffer);
        if count == Some(0) {
            self.conn.end(Closed::Finished);
        }
        count.is_some_and(|count| count > 0)
    }

    fn close(&mut self, reason: Closed) -> io::Result<()> {
        self.driver.stage = Stage::Closed;
        self.conn.drop_output();
        self.driver.protocol.closed(Some(self.conn), &reason);
        self.conn.unregister();
        self.conn.leaves();
        match reason {
            Closed::Failed(error) if self.conn.ended_by_protocol => Err(error),
            Closed::Failed(error) => {
                log::debug!("connection {} failed: {error}", self.conn.key());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
