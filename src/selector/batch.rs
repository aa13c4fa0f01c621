//! What the system reported in one call.

use super::{Selector, busy};
use crate::readiness;
use mio::Events;
use mio::event;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Events taken from the system in one call, to begin with. The buffer doubles when it was full, so
/// that a busy loop comes to take all that is ready in one call; up to `EVENTS_MAX`.
const EVENTS_AT_FIRST: usize = 256;
const EVENTS_MAX: usize = 16_384;

/// What the system reported in one call, and the buffer for it, for as many turns as are made one after
/// the other. Dropped before everybody was told, because a callback panicked, it has the system asked
/// again about the rest.
pub(super) struct Batch<'s, 'cb> {
    selector: &'s Selector<'cb>,
    /// Always there, but for the moment in which it is given back.
    events: Option<Box<Events>>,
    pub(super) count: usize,
    pub(super) told: Cell<usize>,
}

impl<'s, 'cb> Batch<'s, 'cb> {
    /// Nothing yet, with the selector's buffer to put it in.
    pub(super) fn new(selector: &'s Selector<'cb>) -> Self {
        let events = selector.events.take().unwrap_or_else(|| Box::new(Events::with_capacity(EVENTS_AT_FIRST)));
        Batch { selector, events: Some(events), count: 0, told: Cell::new(0) }
    }

    /// One call into the system.
    #[inline(always)]
    pub(super) fn fill(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        // Lent out only while a source's own `register` and the like are running.
        let Ok(mut poll) = self.selector.poll.try_borrow_mut() else { return Err(busy()) };
        let meter = &self.selector.meter;
        let began = meter.wait_begins();
        let result = poll.poll(events, timeout);
        meter.wait_ended(began);
        self.count = events.iter().count();
        meter.count_wait(self.count);
        self.told.set(0);
        match result {
            // A signal is none of the caller's business.
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) fn events(&self) -> event::Iter<'_> {
        self.events.as_ref().expect("given back only when dropped").iter()
    }

    /// Whether there may be more where this came from.
    pub(super) fn is_full(&self) -> bool {
        self.events.as_ref().is_some_and(|events| self.count >= events.capacity())
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

    /// Makes room for more, if there was too little. Everything in it has been taken down.
    pub(super) fn grow(&mut self) {
        if self.is_full() && self.count < EVENTS_MAX {
            self.events = Some(Box::new(Events::with_capacity(EVENTS_MAX.min(self.count * 2))));
            self.count = 0;
            self.told.set(0);
        }
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
        self.selector.events.set(self.events.take());
    }
}
