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
    /// Which entry of the schedule, by the source's slot. It grows with the table of sources, and is kept:
    /// to make it anew for a timeout that comes and goes would take longer with many sources.
    by_slot: Vec<u32>,
}

/// In place of an entry.
const NONE: u32 = u32::MAX;

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
            self.by_slot.resize(slot + 1, NONE);
        }
        self.by_slot[slot] = self.schedule.at(at, Timeout { key, length }).slot;
    }

    /// The source in `slot` has no timeout any more.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(id) = self.entry_of(slot) {
            self.by_slot[slot as usize] = NONE;
            self.schedule.remove(id);
        }
    }

    /// The timeout of the source in `slot` counts from `now`, unless it counts from later.
    pub(crate) fn put_off(&mut self, slot: u32, now: Moment) {
        let Some(id) = self.entry_of(slot) else { return };
        let (Some(timeout), Some(due)) = (self.schedule.holds(id), self.schedule.due_at(id)) else { return };
        let at = now.saturating_add(timeout.length);
        if at > due {
            self.schedule.reset(id, at);
        }
    }

    fn entry_of(&self, slot: u32) -> Option<EntryId> {
        self.schedule.id_at(*self.by_slot.get(slot as usize)?)
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
        let entries = self.by_slot.iter().filter(|&&entry| entry != NONE).count();
        assert_eq!(entries, self.schedule.len(), "a timeout of no source");
    }
}
