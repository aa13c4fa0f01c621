//! Signals as callbacks.
//!
//! In a signal handler hardly anything may be done. Ours sets a flag and puts a byte into a socket;
//! the other end of that socket is a source, and so the rest is done on the loop.

mod caught;

use crate::interest::READ;
use crate::key::Key;
use crate::selector::Selector;
use caught::Caught;
use mio::net::UnixStream;
use mio::{Interest, Registry, Token, event};
use std::ffi::c_int;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;

pub use signal_hook::consts::signal::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGUSR1, SIGUSR2, SIGWINCH,
};

/// # Signals
///
/// With the feature `signal`, on Unix. A signal is noticed at once and told on the loop, in a turn,
/// where everything is allowed that is allowed in any callback.
///
/// * After a signal has come, the callback is called. Those that come before that call are told by
///   it together, as the system itself merges what it could not deliver yet. So a call means "at
///   least once since the last call": none is lost, and they are not counted.
/// * There may be several callbacks for a signal, in one selector or in several, each told of it.
/// * A signal comes to the process, and any thread may be the one that takes it. If some have it
///   blocked, there must be one that has not.
/// * While somebody waits for a signal, it does not do what it does by default, such as to end the
///   process. When nobody in the process waits for it any more, it does that again, even if it was
///   ignored when the program began, or another handler was set. Only `SIGPIPE`, which Rust has
///   ignored from the start, and real-time signals do nothing then.
impl<'cb> Selector<'cb> {
    /// Has `callback` called each time that `signal` (one of those in [`selkie::signal`](self), or
    /// any other number) has come, with the selector and that number.
    ///
    /// The key is that of any source: [`modify`](Selector::modify) with
    /// [`Interest::NONE`](crate::Interest::NONE) puts the callback off until it asks for `READ` again,
    /// and [`discard`](Selector::discard) takes it out. Unlike another source it is no reason for
    /// [`run`](Selector::run) to go on: a server that has closed its last connection ends, though a
    /// signal might still come. One that is to go on registers [`Signals`].
    ///
    /// It costs two descriptors.
    ///
    /// ```
    /// use selkie::{Selector, signal::{SIGHUP, SIGUSR1}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// sel.on_signal(SIGHUP, |_, _| println!("reading the configuration anew"))?;
    /// sel.on_signal(SIGUSR1, |sel, _| println!("{} sources", sel.len()))?;
    /// sel.run() // returns at once: there is nothing else to do
    /// # }
    /// ```
    ///
    /// # From inside a callback
    ///
    /// At once. To take itself out, a callback has [`call_soon`](Selector::call_soon) do it, or is one
    /// of [`Signals`], which has [`Source::unregister`](crate::Source::unregister).
    ///
    /// # Errors
    ///
    /// As for [`Signals::new`] and for [`register`](Selector::register).
    pub fn on_signal(
        &self,
        signal: c_int,
        mut callback: impl FnMut(&Selector<'cb>, c_int) + 'cb,
    ) -> io::Result<Key<Signals>> {
        let key = self.register(Signals::new([signal])?, READ, move |signals, _| -> io::Result<()> {
            for signal in signals.take()? {
                callback(signals.selector(), signal);
            }
            Ok(())
        })?;
        self.set_background(key);
        Ok(key)
    }

    /// Has [`run`](Selector::run) return when the process is told to end: by Ctrl-C (`SIGINT`), or by
    /// whoever supervises it (`SIGTERM`).
    ///
    /// ```no_run
    /// # use selkie::Selector;
    /// # fn main() -> std::io::Result<()> {
    /// # let serve = |_: &Selector| -> std::io::Result<()> { Ok(()) };
    /// let sel = Selector::new()?;
    /// sel.stop_on_signals()?;
    /// serve(&sel)?;
    /// sel.run()?;
    /// println!("stopped"); // and this is said also after Ctrl-C
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Once it has stopped for a signal, neither is waited for any more. So the next one ends the
    /// process as it does by default, should what there is to do after `run` take too long. Ask again
    /// before another `run`.
    ///
    /// A callback that does not return keeps `run` from returning, whatever signal comes. `SIGQUIT`
    /// (Ctrl-\\) and `SIGKILL` are not waited for, and always help.
    ///
    /// It is no reason for `run` to go on, and costs two descriptors.
    ///
    /// # From inside a callback
    ///
    /// At once.
    ///
    /// # Errors
    ///
    /// Those of the system: usually, too many descriptors are open.
    ///
    /// **Platforms**: on Windows it stops on Ctrl-C and Ctrl-Break, of which a thread is told, and there
    /// is nothing else about signals.
    pub fn stop_on_signals(&self) -> io::Result<()> {
        let key = self.register(Signals::new([SIGINT, SIGTERM])?, READ, |signals, _| -> io::Result<()> {
            if !signals.take()?.is_empty() {
                signals.unregister();
                signals.selector().stop();
            }
            Ok(())
        })?;
        self.set_background(key);
        Ok(())
    }
}

/// A source that is ready to read when one of some signals has come.
///
/// [`Selector::on_signal`] is the short way to it. This one is for a callback that ends itself, or
/// returns errors, or for a `run` that is to go on for as long as a signal may come.
///
/// ```
/// use selkie::{READ, Selector, signal::{SIGUSR1, SIGUSR2, Signals}};
/// # use std::io;
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// sel.register(Signals::new([SIGUSR1, SIGUSR2])?, READ, |signals, _| -> io::Result<()> {
///     for signal in signals.take()? {
///         println!("signal {signal}");
///         signals.unregister();
///     }
///     Ok(())
/// })?;
/// # signal_hook::low_level::raise(SIGUSR2)?;
/// sel.run()
/// # }
/// ```
#[derive(Debug)]
pub struct Signals {
    caught: Vec<Caught>,
    /// Has something in it when one has come. It may be full, which does no harm.
    arrivals: UnixStream,
}

impl Signals {
    /// Begins to wait for `signals`: from now on each of them is kept until it is [taken](Self::take).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no signal, or cannot be waited for:
    /// `SIGKILL`, `SIGSTOP`, and those of a fault (`SIGSEGV`, `SIGILL`, `SIGFPE`). Otherwise those of
    /// the system: usually, too many descriptors are open.
    pub fn new(signals: impl IntoIterator<Item = c_int>) -> io::Result<Signals> {
        let (arrivals, notify) = UnixStream::pair()?;
        let notify = OwnedFd::from(notify);
        let catch = |signal| Caught::new(signal, notify.try_clone()?);
        let caught = signals.into_iter().map(catch).collect::<io::Result<_>>()?;
        Ok(Signals { caught, arrivals })
    }

    /// Which of the signals have come since this was last asked.
    ///
    /// # Errors
    ///
    /// None that is known of.
    pub fn take(&mut self) -> io::Result<Vec<c_int>> {
        // Before the flags are looked at, or the byte of a later one might be read, and its flag missed.
        match self.arrivals.read(&mut [0; 4096]) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        Ok(self.caught.iter().filter(|caught| caught.take()).map(|caught| caught.signal).collect())
    }
}

impl event::Source for Signals {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.arrivals.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.arrivals.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.arrivals.deregister(registry)
    }
}
