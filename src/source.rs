//! What a callback receives: its source, and the way to everything else.

use crate::connection::Connection;
use crate::interest::{Interest, READ, WRITE};
use crate::key::{AnyKey, Key};
use crate::readiness;
use crate::registered::Outcome;
use crate::selector::Selector;
use mio::event;
use mio::net::TcpStream;
use std::any::TypeId;
use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A registered source in the hands of its callback.
///
/// It stands for the `S` that was registered: by `Deref` for that type's own methods, and by
/// [`Read`], [`Write`], `accept`, `recv_from` and so on of its own, which do the same and watch for
/// "would block". Through it a callback also reaches its [key](Self::key), its
/// [interest](Self::interest), and the [selector](Self::selector), so it need not capture any of
/// them.
///
/// Both lifetimes can be left out where the type is named:
///
/// ```
/// use selkie::{Interest, Source, net::TcpStream};
/// use std::io::{self, Read};
///
/// fn discard(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
///     if conn.read(&mut [0; 4096])? == 0 {
///         conn.unregister();
///     }
///     Ok(())
/// }
/// ```
///
/// # What the I/O methods save
///
/// After a callback the selector asks the system whether the source is still ready, which costs a
/// system call, unless it knows the answer. It knows when one of the methods here was told "would
/// block", and, on Linux, when a read or write on a TCP stream came back short. I/O done on the
/// inner value, or on another handle to the same descriptor, is as right and saves nothing.
/// [`try_io`](Self::try_io) and [`drained`](Self::drained) are for sources that do their own.
pub struct Source<'s, 'cb, S> {
    source: &'s mut S,
    usage: &'s Usage<'s, 'cb>,
}

/// One use of a source, by its callback or in `with`: what the user knows, and what came of it.
pub(crate) struct Usage<'s, 'cb> {
    pub(crate) selector: &'s Selector<'cb>,
    pub(crate) slot: u32,
    /// What the source may still be ready for: to begin with, what the callback was told.
    pub(crate) left: Cell<Interest>,
    /// Whether an operation came to something, or was counted as one that did not.
    pub(crate) used: Cell<bool>,
}

impl Usage<'_, '_> {
    /// Beside what is left: the source is to be unregistered.
    pub(crate) const UNREGISTER: Interest = Interest::UNREGISTER;

    fn prove(&self, direction: Interest) {
        self.left.set(self.left.get().without(direction.asked()));
    }

    pub(crate) fn key(&self) -> AnyKey {
        self.selector.key_of(self.slot)
    }
}

impl<'s, 'cb, S> Source<'s, 'cb, S> {
    #[inline]
    pub(crate) fn new(source: &'s mut S, usage: &'s Usage<'s, 'cb>) -> Self {
        Source { source, usage }
    }
}

impl<'s, 'cb, S: event::Source + 'static> Source<'s, 'cb, S> {
    /// The handle by which others reach this source.
    pub fn key(&self) -> Key<S> {
        Key::new(self.usage.key())
    }

    /// The selector it is registered with.
    pub fn selector(&self) -> &'s Selector<'cb> {
        self.usage.selector
    }

    /// What it asks for, counting what [`set_interest`](Self::set_interest) was told in this call.
    pub fn interest(&self) -> Interest {
        self.usage.selector.interest(self.usage.key()).unwrap_or_default()
    }

    /// Asks for something else from now on; [`Interest::NONE`] pauses the source.
    ///
    /// It takes effect when the callback returns, at the price of one system call if anything
    /// changed. If the system refuses, that is an error of this source, see
    /// [`Selector::on_error`].
    pub fn set_interest(&mut self, interest: Interest) {
        self.usage.selector.wish(self.usage.key(), interest);
    }

    /// Has another callback called from now on. It takes effect when this one returns, which is
    /// also when this one is dropped. No system call.
    pub fn set_callback<F, R>(&mut self, callback: F)
    where
        F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
        R: Outcome,
    {
        self.usage.selector.replace_later::<S, F, R>(self.usage.key(), callback);
    }

    /// Gives the source a timeout from now on, or takes it away: see [`Selector::set_timeout`]. At once.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.usage.selector.change_timeout(self.usage.key(), timeout);
    }

    /// Unregisters the source and drops it, and so closes it, when the callback returns. What the
    /// callback returns then still counts: an error is reported.
    pub fn unregister(&mut self) {
        self.usage.left.set(self.usage.left.get() | Usage::UNREGISTER);
    }

    /// Does `io` and watches it for "would block", which settles `direction` ([`READ`], [`WRITE`],
    /// [`PRIORITY`](crate::PRIORITY) or several, if one operation speaks for several).
    ///
    /// For operations that [`Source`] has no method for. The direction is asked for because "would
    /// block" from a write says nothing of what there is to read.
    ///
    /// # Errors
    ///
    /// Those of `io`.
    pub fn try_io<T>(&mut self, direction: Interest, io: impl FnOnce(&mut S) -> io::Result<T>) -> io::Result<T> {
        let result = io(self.source);
        self.watch(direction, result)
    }

    /// Promises that the source is not ready for `direction` any more, that is, that some operation
    /// was told "would block" since the callback was called. A promise that is not true stalls this
    /// source until something new arrives, and does no other harm.
    ///
    /// It is worth it for pipes: a read that came back short has emptied one, if you know that nobody
    /// put it in packet mode (`O_DIRECT`), which cannot be seen from here. The promise saves the system
    /// call that asks.
    ///
    /// It has no effect on a source of which an error or hang-up was reported, nor on platforms
    /// where mio has to be told in any case.
    pub fn drained(&mut self, direction: Interest) {
        if readiness::WOULD_BLOCK_PROVES {
            self.usage.prove(direction);
        }
    }

    fn watch<T>(&mut self, direction: Interest, result: io::Result<T>) -> io::Result<T> {
        match result {
            Ok(done) => {
                self.usage.used.set(true);
                Ok(done)
            }
            Err(error) => Err(self.watch_error(direction, error)),
        }
    }

    #[cold]
    fn watch_error(&mut self, direction: Interest, error: io::Error) -> io::Error {
        match error.kind() {
            ErrorKind::WouldBlock => {
                if !self.usage.used.replace(true) {
                    self.usage.selector.meter().count_spurious_call();
                }
                self.drained(direction);
            }
            // Where mio drops a descriptor on a hang-up, it answers "would block" by trying to
            // watch that one again, and hands on what came of that.
            ErrorKind::NotFound if readiness::DROPS_ON_HANG_UP => return ErrorKind::WouldBlock.into(),
            _ => {}
        }
        error
    }

    /// As `watch`, for an operation on a stream that was to move `asked` bytes.
    #[inline]
    fn watch_stream(&mut self, direction: Interest, result: io::Result<usize>, asked: usize) -> io::Result<usize> {
        match result {
            Ok(moved) => {
                self.usage.used.set(true);
                // This holds for an end of stream too. Either it was reported with what was ready,
                // and no proof counts then; or it came later, and so is reported later.
                if short_io_proves::<S>() && moved < asked {
                    self.usage.prove(direction);
                }
                Ok(moved)
            }
            Err(error) => Err(self.watch_error(direction, error)),
        }
    }
}

/// How many buffers one vectored read or write takes on Linux. The standard library leaves out those
/// beyond, so to come back without having used them is not to come back short.
const IOVECS_MAX: usize = 1024;

/// Whether a short read or write on a source of this type proves that nothing is left: it is a TCP
/// stream, or a connection over one.
pub(crate) fn short_io_proves<S: 'static>() -> bool {
    let is = TypeId::of::<S>();
    readiness::SHORT_IO_PROVES && (is == TypeId::of::<TcpStream>() || is == TypeId::of::<Connection<TcpStream>>())
}

impl<S> Deref for Source<'_, '_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.source
    }
}

impl<S> DerefMut for Source<'_, '_, S> {
    fn deref_mut(&mut self) -> &mut S {
        self.source
    }
}

impl<S: event::Source + Read + 'static> Read for Source<'_, '_, S> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.source.read(buf);
        self.watch_stream(READ, result, buf.len())
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let asked = bufs.iter().take(IOVECS_MAX).map(|buf| buf.len()).sum();
        let result = self.source.read_vectored(bufs);
        self.watch_stream(READ, result, asked)
    }
}

impl<S: event::Source + Write + 'static> Write for Source<'_, '_, S> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.source.write(buf);
        self.watch_stream(WRITE, result, buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let asked = bufs.iter().take(IOVECS_MAX).map(|buf| buf.len()).sum();
        let result = self.source.write_vectored(bufs);
        self.watch_stream(WRITE, result, asked)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.source.flush();
        self.watch(WRITE, result)
    }
}

impl<S: fmt::Debug> fmt::Debug for Source<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("key", &self.usage.key()).field("source", &self.source).finish_non_exhaustive()
    }
}
