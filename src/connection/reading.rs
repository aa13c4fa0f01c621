//! Reading, into a buffer that all connections of a thread share.

use super::{Connection, Stream};
use crate::interest::READ;
use crate::protocol::Closed;
use crate::source::{Source, short_io_proves};
use std::cell::Cell;
use std::io::{self, ErrorKind};

/// How much is read in one call.
const READ_MAX: usize = 64 * 1024;

thread_local! {
    /// What is read goes here, for all connections of the thread: as a rule a protocol consumes it
    /// all, and then no connection needs a buffer of its own. Out while it is in use.
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

#[inline]
pub(super) fn take_buffer() -> Box<[u8]> {
    BUFFER.take().unwrap_or_else(|| vec![0; READ_MAX].into_boxed_slice())
}

#[inline]
pub(super) fn give_back(buffer: Box<[u8]>) {
    BUFFER.set(Some(buffer));
}

impl<'cb, S: Stream> Source<'_, 'cb, Connection<S>> {
    pub(super) fn read_into(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.try_io(READ, |conn| conn.stream.read(buffer)) {
            Ok(count) => {
                if count < buffer.len() && short_io_proves::<Connection<S>>() {
                    self.drained(READ);
                }
                self.received += count as u64;
                Some(count)
            }
            Err(error) => {
                self.cannot_read(error);
                None
            }
        }
    }

    #[cold]
    fn cannot_read(&mut self, error: io::Error) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => self.draining = 0,
            _ => self.end(Closed::Failed(error)),
        }
    }
}

impl<S: Stream> Connection<S> {
    #[cold]
    pub(super) fn peer_ended(&mut self) {
        self.attention = true;
        if self.draining > 0 {
            self.draining = 0;
        } else {
            self.ended = true;
        }
    }

    pub(super) fn check_input(&mut self) {
        let most = self.options.limits().input_max;
        if self.input.len() > most && self.may_receive() {
            let left = self.input.len();
            let message = format!("{left} bytes of input make no complete message, and {most} may be kept");
            self.end(Closed::Failed(io::Error::new(ErrorKind::InvalidData, message)));
        }
    }
}
