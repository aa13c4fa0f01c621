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
    _actions: [Action; 2],
}

impl Caught {
    /// Has `signal` set a flag and put a byte into the socket `notify`, from now on.
    pub(super) fn new(signal: c_int, notify: OwnedFd) -> io::Result<Caught> {
        // signal-hook panics for these.
        if FORBIDDEN.contains(&signal) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("signal {signal} cannot be waited for")));
        }
        // The actions of a signal are done in the order in which they are registered. This one comes
        // before ours: once we have told of a signal it may not be waited for any more, and it is not
        // to do both. And whoever reads the byte finds the flag set.
        prepare_default(signal);
        let has_come = Arc::new(AtomicBool::new(false));
        let set = Action(flag::register(signal, Arc::clone(&has_come))?);
        let tell = Action(low_level::pipe::register(signal, notify)?);
        begin_waiting(signal);
        Ok(Caught { signal, has_come, _actions: [set, tell] })
    }

    /// Whether it has come since this was last asked.
    pub(super) fn take(&self) -> bool {
        self.has_come.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        // Before the actions are dropped, so that the signal is never without any effect.
        end_waiting(self.signal);
    }
}

/// What is done in the signal handler, for as long as this lives.
#[derive(Debug)]
struct Action(SigId);

impl Drop for Action {
    fn drop(&mut self) {
        low_level::unregister(self.0);
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

/// Has `signal` go on to do by default what it does, until somebody waits for it.
fn prepare_default(signal: c_int) {
    let mut all = waiters();
    // The start-up code of Rust has SIGPIPE ignored, and that is not to end.
    if signal == SIGPIPE || all.contains_key(&signal) {
        return;
    }
    let none = Arc::new(AtomicBool::new(true));
    // A signal without a name, a real-time one, is refused here, and so ignored later.
    if flag::register_conditional_default(signal, Arc::clone(&none)).is_ok() {
        all.insert(signal, Waiters { count: 0, none });
    }
}

fn begin_waiting(signal: c_int) {
    if let Some(waiters) = waiters().get_mut(&signal) {
        waiters.count += 1;
        waiters.none.store(false, Ordering::SeqCst);
    }
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
