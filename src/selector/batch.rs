//! What the system reported in one call.

use super::Selector;
use crate::readiness;
use mio::{Events, event};
use std::cell::Cell;

/// The buffer doubles when it was full, so that a busy loop comes to take all that is ready in one
/// call; up to this.
const EVENTS_MAX: usize = 16_384;

/// What the system reported in one call. Dropped before everybody was told, because a callback
/// panicked, it has the system asked again about the rest.
pub(super) struct Batch<'s, 'cb> {
    selector: &'s Selector<'cb>,
    /// Always there, but for the moment in which it is given back.
    pub(super) events: Option<Events>,
    pub(super) count: usize,
    pub(super) told: Cell<usize>,
}

impl<'s, 'cb> Batch<'s, 'cb> {
    pub(super) fn new(selector: &'s Selector<'cb>, events: Events) -> Self {
        Batch { selector, count: events.iter().count(), events: Some(events), told: Cell::new(0) }
    }

    fn events(&self) -> impl Iterator<Item = &event::Event> {
        self.events.iter().flatten()
    }

    /// Whether there may be more where this came from.
    pub(super) fn is_full(&self) -> bool {
        self.events.as_ref().is_some_and(|events| self.count >= events.capacity())
    }

    /// Takes down everything, for later.
    pub(super) fn report(self) {
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
        let larger = if self.is_full() { EVENTS_MAX.min(self.count * 2) } else { 0 };
        let events = if larger > self.count { Some(Events::with_capacity(larger)) } else { self.events.take() };
        self.selector.events.set(events);
    }
}
