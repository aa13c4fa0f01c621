//! Writing: at once as far as there is room, and what waits, by itself.

use super::output::Output;
use super::{Alarm, Connection, Shutdown, Stream};
use crate::interest::WRITE;
use crate::protocol::Closed;
use crate::source::{Source, short_io_proves};
use bytes::{Buf, Bytes};
use std::io::{self, ErrorKind, IoSlice};
use std::mem;

/// How often at most a connection is read from that can no longer be written to: what had arrived
/// before is received, but not without end.
const DRAIN_READS_MAX: u8 = 16;

/// What became of what was written.
///
/// It may be ignored by who answers requests: [`Protocol::paused`](crate::Protocol::paused) sees to a
/// peer that does not read its answers. Who writes of his own accord looks at it, and writes no more
/// when it is `AboveHigh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it was handed to the system.
    Sent,
    /// Some of it waits until there is room. It goes by itself.
    Queued,
    /// As `Queued`, and more waits than the high mark: write no more until
    /// [`resumed`](crate::Protocol::resumed), which is sure to be called, or `closed`.
    AboveHigh,
    /// None of it will go: the connection is closed or about to be, or its own side has ended.
    Closed,
}

impl<'cb, S: Stream> Source<'_, 'cb, Connection<S>> {
    /// Sends `data`: at once, as far as there is room. The rest is copied, and goes by itself, in order.
    ///
    /// Each call that finds nothing waiting is a system call: what belongs together is cheaper written
    /// together, here or by [`write_vectored`](Self::write_vectored).
    ///
    /// If it fails, the answer is [`Written::Closed`], and why is told to
    /// [`closed`](crate::Protocol::closed), after what had arrived until then was received.
    ///
    /// # From inside a callback
    ///
    /// Of its own protocol, or in [`with`](crate::Selector::with): at once. What it leads to is told
    /// later: when the callback returns, or from `with`, in the next turn. No method of a connection
    /// calls its protocol.
    ///
    /// ```
    /// # use selkie::{Connection, Input, Protocol, Selector, Source, Written, net::TcpStream};
    /// # use std::io;
    /// # struct Quiet;
    /// # impl Protocol<'_> for Quiet {
    /// #     fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> { Ok(()) }
    /// # }
    /// # fn main() -> io::Result<()> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = TcpStream::from_std(std::net::TcpStream::connect(listener.local_addr()?)?);
    /// let sel = Selector::new()?;
    /// let key = Connection::open(&sel, stream, Quiet)?;
    /// assert_eq!(sel.with(key, |conn| conn.write(b"hello"))?, Written::Sent);
    /// # Ok(())
    /// # }
    /// ```
    pub fn write(&mut self, data: &[u8]) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let mut sent = 0;
        if self.output.is_empty() {
            sent = self.send(data.len(), |stream| stream.write(data));
            if sent == data.len() {
                return self.all_sent();
            }
        }
        self.queue(data.len() - sent, |output| output.push_copy(&data[sent..]))
    }

    /// As [`write`](Self::write), of bytes that are given away: a [`Bytes`], a `Vec<u8>`, a `String`,
    /// something `'static`. What does not go at once waits without being copied, so a clone of one
    /// `Bytes` can wait in any number of connections.
    pub fn write_bytes(&mut self, data: impl Into<Bytes>) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let mut data = data.into();
        if self.output.is_empty() {
            let sent = self.send(data.len(), |stream| stream.write(&data));
            data.advance(sent);
            if data.is_empty() {
                return self.all_sent();
            }
        }
        self.queue(data.len(), |output| output.push(data))
    }

    /// As [`write`](Self::write), of several slices in one system call (`writev`): a head and a body,
    /// say.
    pub fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let length = data.iter().map(|slice| slice.len()).sum();
        let mut sent = 0;
        if self.output.is_empty() {
            sent = self.send(length, |stream| stream.write_vectored(data));
            if sent == length {
                return self.all_sent();
            }
        }
        self.queue(length - sent, |output| {
            for slice in data {
                let skip = sent.min(slice.len());
                sent -= skip;
                output.push_copy(&slice[skip..]);
            }
        })
    }

    /// As [`write_bytes`](Self::write_bytes), of several in one system call (`writev`).
    pub fn write_several(&mut self, data: impl IntoIterator<Item = Bytes>) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let may_send = self.output.is_empty();
        let mut several = Output::default();
        for bytes in data {
            several.push(bytes);
        }
        if may_send {
            self.send_from(&mut several);
            if several.is_empty() {
                return self.all_sent();
            }
        }
        self.queue(several.waiting(), |output| output.append(several))
    }

    /// Has `send` send what it can of `length` bytes, and answers how much went.
    #[inline]
    fn send(&mut self, length: usize, send: impl FnOnce(&mut S) -> io::Result<usize>) -> usize {
        if length == 0 {
            return 0;
        }
        match self.try_io(WRITE, |conn| send(&mut conn.stream)) {
            Ok(sent) if sent == length => {
                self.sent += sent as u64;
                sent
            }
            Ok(sent) if sent > 0 => {
                if short_io_proves::<Connection<S>>() {
                    self.drained(WRITE);
                }
                self.sent += sent as u64;
                sent
            }
            Ok(_) => self.cannot_send(ErrorKind::WriteZero.into()),
            Err(error) => self.cannot_send(error),
        }
    }

    fn all_sent(&mut self) -> Written {
        if self.stream.has_output() {
            self.changed();
        }
        // A call of the driver puts the idle time-out off by itself.
        if !self.driving && self.alarm == Alarm::Idle {
            let timeout = self.options.limits().idle;
            self.set_timeout(timeout);
        }
        Written::Sent
    }

    #[cold]
    fn cannot_send(&mut self, error: io::Error) -> usize {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            let draining = if self.receives() { DRAIN_READS_MAX } else { 0 };
            self.end(Closed::Failed(error));
            self.draining = draining;
        }
        0
    }

    fn send_from(&mut self, output: &mut Output) {
        let sent = output.next(|slices, length| self.send(length, |stream| stream.write_vectored(slices)));
        output.went(sent);
    }

    /// Has `length` bytes wait that `push` adds to the output.
    #[cold]
    fn queue(&mut self, length: usize, push: impl FnOnce(&mut Output)) -> Written {
        if self.is_open {
            let limits = self.options.limits();
            let (high, most) = (limits.high, limits.output_max);
            if self.output.waiting() + length > most {
                let message = format!("more than {most} bytes of output would wait: the peer does not read");
                self.end(Closed::Failed(io::Error::new(ErrorKind::QuotaExceeded, message)));
            } else {
                push(&mut self.output);
                self.above_high |= self.output.waiting() > high;
            }
        }
        self.changed();
        match () {
            () if !self.is_open => Written::Closed,
            () if self.above_high => Written::AboveHigh,
            () if self.output.is_empty() => Written::Sent,
            () => Written::Queued,
        }
    }

    /// Sends what waits, once.
    pub(super) fn flush(&mut self) {
        if self.stream.has_output() {
            if let Err(error) = self.try_io(WRITE, |conn| conn.stream.flush()) {
                self.cannot_send(error);
            }
        }
        if self.output.is_empty() {
            return;
        }
        let mut output = mem::take(&mut self.output);
        self.send_from(&mut output);
        if self.end.is_some() {
            return;
        }
        self.output = output;
        if self.output.waiting() <= self.options.limits().low {
            self.above_high = false;
        }
        if self.output.is_empty() && self.shutdown == Shutdown::Wanted {
            self.shut_down();
        }
    }
}
