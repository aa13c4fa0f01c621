//! The way to a selector from other threads.

use crate::mail::Mail;
use crate::selector::Selector;
use std::any::type_name;
use std::sync::Arc;
use std::{error, fmt, io};

/// A handle to a selector that other threads may have: it calls there, wakes and stops.
///
/// [`Selector::remote`] hands it out. It is `Send`, `Sync` and cheap to clone; each thread may have
/// its own.
///
/// ```
/// use selkie::{READ, Selector, Source, net::UdpSocket};
/// use std::{io, thread};
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// let remote = sel.remote()?;
/// let thread = thread::spawn(move || {
///     let sum: u64 = (1..=1000).sum(); // takes its time
///     remote.call(move |sel| {
///         println!("on the loop: {sum}, and {} sources", sel.len());
///     })
/// });
/// sel.run()?; // until the thread is done, and with it its `remote`
/// assert!(thread.join().unwrap().is_ok());
/// # Ok(())
/// # }
/// ```
///
/// # What keeps `run` going
///
/// As long as there is a `Remote` something may yet be called, so [`Selector::run`] waits, also
/// without any source. When the last one is dropped, `run` may end. A callback that captures one
/// keeps it for as long as the callback is registered.
///
/// # What becomes of a call
///
/// A call that was accepted runs, on the thread of the selector, once: in the last step of a turn,
/// after sources, timers and deferred calls, in the order in which calls were accepted. Calls of one
/// thread are in its order. What a call posts runs in a later turn, so that calls which go on posting
/// keep no source waiting.
///
/// That is before [`run`](Selector::run) returns `Ok`: when it has decided to return, because it was
/// stopped, it runs all calls that were accepted until that moment. A call accepted later, by one of
/// those or while they ran, is for the next `run`, [`turn`](Selector::turn) or
/// [`select`](Selector::select). If none comes, because the selector is dropped instead, it is
/// dropped with it.
///
/// The queue has no bound: threads that post faster than calls run fill the memory. One that might
/// can wait for an answer, by a channel, every so often.
pub struct Remote {
    mail: Arc<Mail>,
}

impl Remote {
    fn new(mail: &Arc<Mail>) -> Remote {
        mail.remote_comes();
        Remote { mail: Arc::clone(mail) }
    }

    /// Has `f` called on the thread of the selector, which is woken if it waits. Calls that come
    /// before it has looked make do with one wake.
    ///
    /// It takes the selector and returns nothing; an error has nowhere to go. A panic goes on out of
    /// `run`, which may be called again and then goes on with the next call.
    ///
    /// # From inside a callback
    ///
    /// As from another thread: `f` is called in this turn if its last step is yet to come, else in the
    /// next. [`Selector::call_soon`] does the same for closures that cannot be sent.
    ///
    /// # Errors
    ///
    /// [`Refused`], which hands `f` back, if the selector is gone. As an [`io::Error`] it is of the
    /// kind [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    #[doc(alias = "call_soon_threadsafe")]
    #[doc(alias = "post")]
    pub fn call<F>(&self, f: F) -> Result<(), Refused<F>>
    where
        F: for<'a, 'cb> FnOnce(&'a Selector<'cb>) + Send + 'static,
    {
        self.mail.post(f).map_err(Refused)
    }

    /// Ends the wait that is going on, or the next one if none is: [`turn`](Selector::turn) and
    /// [`select`](Selector::select) return, if with nothing. `run` goes on with its next turn. Does
    /// nothing if the selector is gone.
    pub fn wake(&self) {
        self.mail.wake();
    }

    /// Stops the selector as [`Selector::stop`] does: `run` returns when the present turn ends, and
    /// when none is going on, the next `run` returns at once. Does nothing if the selector is gone.
    ///
    /// Calls that were accepted before it run before that.
    pub fn stop(&self) {
        self.mail.stop();
    }
}

impl Clone for Remote {
    fn clone(&self) -> Remote {
        Remote::new(&self.mail)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.mail.remote_goes();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// # Other threads
impl Selector<'_> {
    /// A handle for other threads, by which they [call](Remote::call) here, [wake](Remote::wake) and
    /// [stop](Remote::stop).
    ///
    /// As long as it or a clone of it exists, [`run`](Self::run) waits for calls.
    ///
    /// # From inside a callback
    ///
    /// As from outside.
    ///
    /// # Errors
    ///
    /// Those of the system, which is asked for a waker the first time: usually, too many descriptors
    /// are open.
    ///
    /// **Platforms**: the waker is a descriptor on Linux and wherever mio has it so (on some, two), and
    /// stays open until the last handle is dropped, also when the selector is gone.
    #[doc(alias = "Waker")]
    pub fn remote(&self) -> io::Result<Remote> {
        self.mail().map(Remote::new)
    }
}

/// A call that was not accepted, because the selector is gone: the closure, handed back.
///
/// It turns into an [`io::Error`] of the kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) (and drops
/// the closure), so `?` works where an [`io::Result`] is returned.
pub struct Refused<F>(F);

impl<F> Refused<F> {
    /// The closure.
    pub fn into_inner(self) -> F {
        self.0
    }
}

impl<F> From<Refused<F>> for io::Error {
    fn from(refused: Refused<F>) -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, refused.to_string())
    }
}

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({})", type_name::<F>())
    }
}

impl<F> fmt::Display for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the selector that was to be called is gone")
    }
}

impl<F> error::Error for Refused<F> {}
