//! What a signal does while it is waited for, and what it does afterwards.

use signal_hook::consts::{FORBIDDEN, SIGPIPE};
use signal_hook::{SigId, flag, low_level};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A signal that is caught for as long as this lives.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) signal: c_int,
    has_come: Arc<AtomicBool>,
    actions: [SigId; 2],
}

impl Caught {
    /// Has `signal` set a flag and put a byte into the socket `notify`, from now on.
    pub(super) fn new(signal: c_int, notify: OwnedFd) -> io::Result<Caught> {
        // signal-hook panics for these.
        if FORBIDDEN.contains(&signal) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("signal {signal} cannot be waited for")));
        }
        let has_come = Arc::new(AtomicBool::new(false));
        // Done in this order, so that whoever reads the byte finds the flag set.
        let set = flag::register(signal, Arc::clone(&has_come))?;
        let tell = low_level::pipe::register(signal, notify).inspect_err(|_| {
            low_level::unregister(set);
        })?;
        begin_waiting(signal);
        Ok(Caught { signal, has_come, actions: [set, tell] })
    }

    /// Whether it has come since this was last asked.
    pub(super) fn take(&self) -> bool {
        self.has_come.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        // In this order, so that the signal is never without any effect.
        end_waiting(self.signal);
        for action in self.actions {
            low_level::unregister(action);
        }
    }
}

/// How many in this process wait for a signal.
struct Waiters {
    count: usize,
    /// Whether there are none, for the signal handler to see: then the signal does by default what it
    /// does.
    none: Arc<AtomicBool>,
}

/// By signal. What was waited for once stays in it: signal-hook does not give a signal back, so that
/// its default action has to be made up for.
static WAITERS: Mutex<BTreeMap<c_int, Waiters>> = Mutex::new(BTreeMap::new());

fn begin_waiting(signal: c_int) {
    let mut all = waiters();
    let waiters = all.entry(signal).or_insert_with(|| {
        let none = Arc::new(AtomicBool::new(false));
        // The start-up code of Rust has it ignored, and that is not to end.
        if signal != SIGPIPE {
            // A signal without a name, one of the real-time ones, is refused here, and so ignored later.
            let _ = flag::register_conditional_default(signal, Arc::clone(&none));
        }
        Waiters { count: 0, none }
    });
    waiters.count += 1;
    waiters.none.store(false, Ordering::SeqCst);
}

fn end_waiting(signal: c_int) {
    if let Some(waiters) = waiters().get_mut(&signal) {
        waiters.count -= 1;
        waiters.none.store(waiters.count == 0, Ordering::SeqCst);
    }
}

fn waiters() -> MutexGuard<'static, BTreeMap<c_int, Waiters>> {
    WAITERS.lock().unwrap_or_else(PoisonError::into_inner)
}
