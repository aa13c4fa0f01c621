//! The timeouts of sources. Pure bookkeeping, as the schedule that it stands on.

use crate::key::AnyKey;
use crate::schedule::{EntryId, Moment, Schedule};

struct Timeout {
    key: AnyKey,
    /// Nanoseconds.
    length: u64,
}

/// At most one timeout for each source. They are re-armed lazily: to put one off, which every call
/// of a source does, takes no search and no sorting.
pub(crate) struct Timeouts {
    schedule: Schedule<Timeout>,
    /// By the source's slot.
    by_slot: Vec<Option<EntryId>>,
}

impl Timeouts {
    pub(crate) fn new() -> Self {
        Timeouts { schedule: Schedule::new(), by_slot: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.schedule.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.schedule.len()
    }

    /// Sets the timeout of a source, or sets it anew.
    pub(crate) fn set(&mut self, key: AnyKey, length: u64, at: Moment) {
        self.remove(key.slot);
        let slot = key.slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        self.by_slot[slot] = Some(self.schedule.at(at, Timeout { key, length }));
    }

    /// The source in `slot` has no timeout any more.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(id) = self.by_slot.get_mut(slot as usize).and_then(Option::take) {
            self.schedule.remove(id);
        }
        if self.schedule.is_empty() {
            self.by_slot = Vec::new();
        }
    }

    /// The timeout of the source in `slot` counts from `now`, unless it counts from later.
    pub(crate) fn put_off(&mut self, slot: u32, now: Moment) {
        let Some(Some(id)) = self.by_slot.get(slot as usize).copied() else { return };
        let (Some(timeout), Some(due)) = (self.schedule.holds(id), self.schedule.due_at(id)) else { return };
        let at = now.saturating_add(timeout.length);
        if at > due {
            self.schedule.reset(id, at);
        }
    }

    /// When the next one is over.
    pub(crate) fn next(&mut self) -> Option<Moment> {
        self.schedule.next()
    }

    /// A source whose timeout is over at `now`. It counts anew from there.
    pub(crate) fn take_due(&mut self, now: Moment) -> Option<AnyKey> {
        let (id, timeout) = self.schedule.take_due(now, u64::MAX)?;
        let key = timeout.key;
        // Later by at least one moment, so that this ends.
        let at = now.saturating_add(timeout.length.max(1));
        self.schedule.put_back(id, timeout, at);
        Some(key)
    }

    #[cfg(debug_assertions)]
    pub(crate) fn verify(&self) {
        self.schedule.verify();
        assert_eq!(self.by_slot.iter().flatten().count(), self.schedule.len(), "a timeout of no source");
    }
}
