//! What other threads have for a selector: calls, and the wish to wake it or to stop it.
//!
//! Many put in, one takes out. Whoever puts something into an empty box wakes the selector; the
//! others find that somebody has, so a burst costs one wake. No foreign code runs while the box is
//! locked, calls are neither called nor dropped then.

use crate::selector::Selector;
use mio::Waker;
use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something to be called on the thread of the selector, whatever the callbacks there may borrow.
pub(crate) type Call = Box<dyn for<'a, 'cb> FnOnce(&'a Selector<'cb>) + Send>;

pub(crate) struct Mail {
    waker: Waker,
    /// Whether there is anything for the selector to see to. It is changed with the box locked, and
    /// read without, so that a turn with no mail takes no lock.
    waiting: AtomicBool,
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    calls: VecDeque<Call>,
    wake: bool,
    stop: bool,
    /// How many `Remote`s there are.
    remotes: usize,
    /// The selector is gone.
    closed: bool,
}

impl Mail {
    pub(crate) fn new(waker: Waker) -> Self {
        Mail { waker, waiting: AtomicBool::new(false), contents: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- from any thread

    /// Puts a call in. It comes back if there is nobody any more to take it out.
    pub(crate) fn post<F>(&self, call: F) -> Result<(), F>
    where
        F: for<'a, 'cb> FnOnce(&'a Selector<'cb>) + Send + 'static,
    {
        let call = Box::new(call);
        let mut contents = self.lock();
        if contents.closed {
            drop(contents);
            return Err(*call);
        }
        contents.calls.push_back(call);
        self.notify(contents);
        Ok(())
    }

    pub(crate) fn wake(&self) {
        let mut contents = self.lock();
        contents.wake = true;
        self.notify(contents);
    }

    pub(crate) fn stop(&self) {
        let mut contents = self.lock();
        contents.stop = true;
        self.notify(contents);
    }

    pub(crate) fn remote_comes(&self) {
        self.lock().remotes += 1;
    }

    /// The last one to go has the selector look whether anything is left to wait for.
    pub(crate) fn remote_goes(&self) {
        let mut contents = self.lock();
        contents.remotes -= 1;
        if contents.remotes == 0 {
            self.notify(contents);
        }
    }

    /// Unlocks the box, and wakes the selector unless somebody has, and it did not look yet.
    fn notify(&self, contents: MutexGuard<'_, Contents>) {
        let is_first = !contents.closed && !self.waiting.swap(true, Ordering::Release);
        drop(contents);
        if is_first {
            // No way is known in which this fails. What is in the box then waits for the next turn.
            if let Err(error) = self.waker.wake() {
                log::warn!("cannot wake the selector: {error}");
            }
        }
    }

    // ---- from the selector's thread

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    pub(crate) fn calls(&self) -> usize {
        if self.is_waiting() { self.lock().calls.len() } else { 0 }
    }

    /// Whether nothing is in the box, and nobody left to put anything in.
    pub(crate) fn is_abandoned(&self) -> bool {
        let contents = self.lock();
        contents.remotes == 0 && contents.calls.is_empty()
    }

    /// Whether the selector was to be woken, and whether it was to be stopped.
    pub(crate) fn take_signals(&self) -> (bool, bool) {
        let mut contents = self.lock();
        self.waiting.store(!contents.calls.is_empty(), Ordering::Relaxed);
        (mem::take(&mut contents.wake), mem::take(&mut contents.stop))
    }

    /// All calls that are in the box at this moment.
    pub(crate) fn take_calls(&self) -> VecDeque<Call> {
        let mut contents = self.lock();
        self.waiting.store(contents.wake || contents.stop, Ordering::Relaxed);
        mem::take(&mut contents.calls)
    }

    /// Puts calls back, before those that came since they were taken.
    pub(crate) fn put_back(&self, mut calls: VecDeque<Call>) {
        let mut contents = self.lock();
        calls.append(&mut contents.calls);
        contents.calls = calls;
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Nobody takes anything out any more. What is in the box is handed out, to be dropped.
    pub(crate) fn close(&self) -> VecDeque<Call> {
        let mut contents = self.lock();
        contents.closed = true;
        mem::take(&mut contents.calls)
    }
}
