//! What the system reported in one call.

use super::Selector;
use crate::readiness;
use mio::Events;
use mio::event;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

/// Events taken from the system in one call, to begin with. The buffer doubles when it was full, so
/// that a busy loop comes to take all that is ready in one call; up to `EVENTS_MAX`.
const EVENTS_AT_FIRST: usize = 256;
const EVENTS_MAX: usize = 16_384;

/// What the system reported in one call. Dropped before everybody was told, because a callback
/// panicked, it has the system asked again about the rest.
pub(super) struct Batch<'s, 'cb> {
    selector: &'s Selector<'cb>,
    events: Events,
    pub(super) count: usize,
    pub(super) told: Cell<usize>,
}

impl<'s, 'cb> Batch<'s, 'cb> {
    /// Nothing yet, with the selector's buffer to put it in.
    pub(super) fn new(selector: &'s Selector<'cb>) -> Self {
        let events = selector.events.take().unwrap_or_else(|| Events::with_capacity(EVENTS_AT_FIRST));
        Batch { selector, events, count: 0, told: Cell::new(0) }
    }

    /// One call into the system, when everything from the last one was told or taken down.
    #[inline]
    pub(super) fn fill(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let meter = &self.selector.meter;
        meter.count_wait();
        let result = if meter.is_timing() { self.wait_timed(timeout) } else { self.wait(timeout) };
        self.count = self.events.iter().count();
        meter.count_events(self.count);
        self.told.set(0);
        match result {
            // A signal is none of the caller's business.
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    #[inline]
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // Lent out only while a source's own `register` and the like are running, and then nobody
        // may wait.
        self.selector.poll.borrow_mut().poll(&mut self.events, timeout)
    }

    #[cold]
    fn wait_timed(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let began = Instant::now();
        let result = self.wait(timeout);
        self.selector.meter.add_time_waiting(began.elapsed());
        result
    }

    pub(super) fn events(&self) -> event::Iter<'_> {
        self.events.iter()
    }

    /// Whether there may be more where this came from.
    pub(super) fn is_full(&self) -> bool {
        self.count >= self.events.capacity()
    }

    /// Makes room for more in the next turn, if there was too little. Everything in it has been taken
    /// down.
    pub(super) fn grow(&mut self) {
        if self.is_full() && self.count < EVENTS_MAX {
            self.events = Events::with_capacity(EVENTS_MAX.min(self.count * 2));
            self.count = 0;
            self.told.set(0);
        }
    }

    /// Takes down everything, for later.
    pub(super) fn report(&self) {
        let mut slots = self.selector.slots.borrow_mut();
        for event in self.events() {
            slots.report(event.token().0, readiness::of(event));
        }
        drop(slots);
        self.told.set(self.count);
    }

    #[cold]
    fn forget_rest(&self) {
        let mut slots = self.selector.slots.borrow_mut();
        for event in self.events().skip(self.told.get()) {
            slots.forget(event.token().0);
        }
    }
}

impl Drop for Batch<'_, '_> {
    fn drop(&mut self) {
        if self.told.get() < self.count {
            self.forget_rest();
        }
        self.selector.events.set(Some(mem::replace(&mut self.events, Events::with_capacity(0))));
    }
}
