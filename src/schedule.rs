//! What is scheduled, and for when. Pure bookkeeping: no clock is read in it, `now` is an argument;
//! it calls nothing, and is generic over what it stores.
//!
//! An *entry* is what was scheduled, and its id is good until it goes. A *mark*, among those of moments
//! or in the queue of what is to come soon, says that an entry may be due. Marks are looked at only
//! when they come up: one whose entry is gone, or has another mark by now, is passed over then, and
//! one whose entry was put off is set anew. So to cancel and to put off take the same short time
//! however much is scheduled. Marks that are good for nothing are swept out before they are the most.

use crate::generations::Generations;
use crate::marks::{Mark, Marks};
use slab::Slab;
use std::collections::VecDeque;

/// Nanoseconds since the selector came to be. The last one, some 584 years on, is never reached.
pub(crate) type Moment = u64;

/// Which entry: where it is, and which of all that ever were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EntryId {
    pub(crate) slot: u32,
    pub(crate) generation: u64,
}

struct Entry<C> {
    generation: u64,
    /// When it is due; and which comes first, at the same moment.
    at: Moment,
    order: u64,
    /// The order that its one good mark carries. A mark comes up no later than its entry is due.
    mark: u64,
    /// `None` while it is in use.
    call: Option<C>,
}

/// In place of a mark, for an entry that is in use: nothing has to come up for it.
const NO_MARK: u64 = u64::MAX;

pub(crate) struct Schedule<C> {
    entries: Slab<Entry<C>>,
    generations: Generations,
    marks: Marks,
    /// Marks of what is to come soon, in order.
    soon: VecDeque<Mark>,
    /// Marks that came up and were too new for this turn.
    set_aside: Vec<Mark>,
    /// How few entries there have to be before it is worth looking for memory behind the last one.
    few_entries: usize,
}

/// With fewer marks than this there is nothing to be won by tidying up.
const FEW: usize = 64;

impl<C> Schedule<C> {
    pub(crate) fn new() -> Self {
        Schedule {
            entries: Slab::new(),
            generations: Generations::new(),
            marks: Marks::new(),
            soon: VecDeque::new(),
            set_aside: Vec::new(),
            few_entries: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    // ---- scheduling

    /// Schedules `call` for a moment, behind all that are scheduled for the same one.
    pub(crate) fn at(&mut self, at: Moment, call: C) -> EntryId {
        let (id, mark) = self.enter(at, call);
        self.marks.push(mark);
        id
    }

    /// Schedules `call` for as soon as may be.
    pub(crate) fn soon(&mut self, call: C) -> EntryId {
        let (id, mark) = self.enter(0, call);
        self.soon.push_back(mark);
        id
    }

    fn enter(&mut self, at: Moment, call: C) -> (EntryId, Mark) {
        let order = self.generations.next();
        if self.entries.len() == self.entries.capacity() {
            self.few_entries = usize::MAX;
        }
        let slot = self.entries.insert(Entry { generation: order, at, order, mark: order, call: Some(call) });
        let slot = u32::try_from(slot).expect("there is no memory for as many as that");
        (EntryId { slot, generation: order }, Mark { at, order, slot })
    }

    /// Schedules an entry for another moment, behind all that are scheduled for that one. False if
    /// it is gone.
    pub(crate) fn reset(&mut self, id: EntryId, at: Moment) -> bool {
        let order = self.generations.next();
        let Some(entry) = self.entry_mut(id) else { return false };
        // Its mark will come up before, and is set anew then.
        let is_put_off = entry.mark != NO_MARK && entry.at <= at;
        entry.at = at;
        entry.order = order;
        if !is_put_off {
            entry.mark = order;
            self.marks.push(Mark { at, order, slot: id.slot });
            self.tidy();
        }
        true
    }

    /// Takes an entry out. `None` if it is gone. Within, what it holds, unless that is in use.
    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Option<C>> {
        self.entry_mut(id)?;
        let entry = self.entries.remove(id.slot as usize);
        self.tidy();
        Some(entry.call)
    }

    pub(crate) fn contains(&self, id: EntryId) -> bool {
        self.entries.get(id.slot as usize).is_some_and(|entry| entry.generation == id.generation)
    }

    /// The entry that is in a slot now.
    pub(crate) fn id_at(&self, slot: u32) -> Option<EntryId> {
        let entry = self.entries.get(slot as usize)?;
        Some(EntryId { slot, generation: entry.generation })
    }

    fn entry_mut(&mut self, id: EntryId) -> Option<&mut Entry<C>> {
        self.entries.get_mut(id.slot as usize).filter(|entry| entry.generation == id.generation)
    }

    // ---- being due

    /// When the next entry is due.
    pub(crate) fn next(&mut self) -> Option<Moment> {
        self.bring_back();
        loop {
            let mark = self.marks.peek()?;
            match self.entries.get_mut(mark.slot as usize).filter(|entry| entry.mark == mark.order) {
                None => drop(self.marks.pop()),
                Some(entry) if entry.order == mark.order => return Some(entry.at),
                Some(_) => {
                    let mark = self.marks.pop()?;
                    self.set_anew(mark.slot);
                }
            }
        }
    }

    fn bring_back(&mut self) {
        while let Some(mark) = self.set_aside.pop() {
            self.marks.push(mark);
        }
    }

    /// Whether anything is to come soon.
    pub(crate) fn has_soon(&mut self) -> bool {
        while let Some(mark) = self.soon.front() {
            let slot = mark.slot;
            match self.entries.get(slot as usize).filter(|entry| entry.mark == mark.order) {
                Some(entry) if entry.order == mark.order => return true,
                None => drop(self.soon.pop_front()),
                Some(_) => {
                    self.soon.pop_front();
                    self.set_anew(slot);
                }
            }
        }
        false
    }

    /// A turn begins. What is scheduled from now on is not before the answer, and what was is; for the
    /// two below.
    pub(crate) fn begin_turn(&mut self) -> u64 {
        self.bring_back();
        self.generations.upcoming()
    }

    /// The next entry that is due at `now` and was scheduled before `newcomers`, and what it holds.
    /// It is in use then, until it is removed or put back.
    pub(crate) fn take_due(&mut self, now: Moment, newcomers: u64) -> Option<(EntryId, C)> {
        loop {
            if self.marks.peek()?.at > now {
                return None;
            }
            let mark = self.marks.pop()?;
            match self.entries.get_mut(mark.slot as usize).filter(|entry| entry.mark == mark.order) {
                None => {}
                Some(entry) if entry.order != mark.order => self.set_anew(mark.slot),
                Some(_) if mark.order >= newcomers => self.set_aside.push(mark),
                Some(entry) => return take(entry, mark.slot),
            }
        }
    }

    /// The next of those that are to come soon and were scheduled before `newcomers`, likewise.
    pub(crate) fn take_soon(&mut self, newcomers: u64) -> Option<(EntryId, C)> {
        loop {
            if self.soon.front()?.order >= newcomers {
                return None;
            }
            let mark = self.soon.pop_front()?;
            match self.entries.get_mut(mark.slot as usize).filter(|entry| entry.mark == mark.order) {
                None => {}
                Some(entry) if entry.order != mark.order => self.set_anew(mark.slot),
                Some(entry) => return take(entry, mark.slot),
            }
        }
    }

    /// Puts back what was in use, to be due at `at` unless it was reset meanwhile. If its entry was
    /// removed meanwhile, it comes back, to be dropped.
    pub(crate) fn put_back(&mut self, id: EntryId, call: C, at: Moment) -> Option<C> {
        let Some(entry) = self.entry_mut(id) else { return Some(call) };
        entry.call = Some(call);
        if entry.mark == NO_MARK {
            self.reset(id, at);
        }
        None
    }

    /// When an entry is due.
    pub(crate) fn due_at(&self, id: EntryId) -> Option<Moment> {
        self.entries.get(id.slot as usize).filter(|entry| entry.generation == id.generation).map(|entry| entry.at)
    }

    /// What an entry holds, unless that is in use.
    pub(crate) fn holds(&self, id: EntryId) -> Option<&C> {
        let entry = self.entries.get(id.slot as usize).filter(|entry| entry.generation == id.generation)?;
        entry.call.as_ref()
    }

    /// Marks an entry that was put off for when it is due now.
    fn set_anew(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        entry.mark = entry.order;
        self.marks.push(Mark { at: entry.at, order: entry.order, slot });
    }

    // ---- memory

    /// Sweeps out marks that are good for nothing when they are the most, and gives memory back.
    fn tidy(&mut self) {
        let marks = self.marks.len() + self.soon.len() + self.set_aside.len();
        if marks > 2 * self.entries.len() + FEW {
            let entries = &self.entries;
            let is_good = |mark: &Mark| entries.get(mark.slot as usize).is_some_and(|entry| entry.mark == mark.order);
            self.marks.retain(is_good);
            self.soon.retain(is_good);
            self.set_aside.retain(is_good);
        }
        self.give_back();
    }

    /// Gives memory back when a quarter of it is in use.
    fn give_back(&mut self) {
        let enough = |used: usize| 2 * (used + FEW);
        self.marks.give_back();
        if self.soon.capacity() > 2 * enough(self.soon.len()) {
            self.soon.shrink_to(enough(self.soon.len()));
        }
        let entries = self.entries.len();
        if self.entries.capacity() > 2 * enough(entries) && entries <= self.few_entries {
            // A walk through all of it. What lies before the last entry stays, so it may be in vain,
            // and is not done again before half of those that are left have gone.
            self.entries.shrink_to_fit();
            self.few_entries = entries / 2;
        }
    }

    /// Checks every invariant.
    #[cfg(debug_assertions)]
    pub(crate) fn verify(&self) {
        let mut good = vec![0_usize; self.entries.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0)];
        for mark in self.marks.iter().chain(&self.soon).chain(&self.set_aside) {
            let entry = self.entries.get(mark.slot as usize).filter(|entry| entry.mark == mark.order);
            if let Some(entry) = entry {
                good[mark.slot as usize] += 1;
                assert!(mark.at <= entry.at, "a mark comes up after its entry is due");
            }
        }
        for (slot, entry) in &self.entries {
            assert!(entry.call.is_some(), "an entry was left in use");
            assert_eq!(good[slot], 1, "an entry has to have one good mark");
        }
    }
}

fn take<C>(entry: &mut Entry<C>, slot: u32) -> Option<(EntryId, C)> {
    let id = EntryId { slot, generation: entry.generation };
    entry.mark = NO_MARK;
    entry.call.take().map(|call| (id, call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes out all that is due, as a turn does.
    fn due(schedule: &mut Schedule<u32>, now: Moment) -> Vec<u32> {
        let newcomers = schedule.begin_turn();
        let mut calls = Vec::new();
        while let Some((id, call)) = schedule.take_due(now, newcomers) {
            schedule.remove(id);
            calls.push(call);
        }
        verify(schedule);
        calls
    }

    fn soon(schedule: &mut Schedule<u32>) -> Vec<u32> {
        let newcomers = schedule.begin_turn();
        let mut calls = Vec::new();
        while let Some((id, call)) = schedule.take_soon(newcomers) {
            schedule.remove(id);
            calls.push(call);
        }
        verify(schedule);
        calls
    }

    fn verify(schedule: &Schedule<u32>) {
        #[cfg(debug_assertions)]
        schedule.verify();
        let _ = schedule;
    }

    #[test]
    fn equal_moments_come_in_order_of_scheduling() {
        let mut schedule = Schedule::new();
        for call in 0..100 {
            schedule.at(if call % 2 == 0 { 7 } else { 5 }, call);
        }
        let odd = (1..100).step_by(2);
        let even = (0..100).step_by(2);
        assert_eq!(due(&mut schedule, 7), odd.chain(even).collect::<Vec<_>>());
    }

    #[test]
    fn entry_is_not_due_a_moment_early() {
        let mut schedule = Schedule::new();
        schedule.at(10, 1);
        assert_eq!(schedule.next(), Some(10));
        assert!(due(&mut schedule, 9).is_empty());
        assert_eq!(due(&mut schedule, 10), [1]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn entry_scheduled_after_the_division_waits_for_the_next_turn() {
        let mut schedule = Schedule::new();
        schedule.at(5, 1);
        let newcomers = schedule.begin_turn();
        schedule.at(3, 2);
        let (id, call) = schedule.take_due(9, newcomers).unwrap();
        assert_eq!(call, 1);
        schedule.remove(id);
        assert_eq!(schedule.take_due(9, newcomers), None);
        verify(&schedule);
        assert_eq!(schedule.next(), Some(3), "what was set aside is due still");
        assert_eq!(due(&mut schedule, 9), [2]);
    }

    #[test]
    fn entry_put_off_keeps_its_id_and_comes_behind_its_equals() {
        let mut schedule = Schedule::new();
        let id = schedule.at(5, 1);
        schedule.at(8, 2);
        assert!(schedule.reset(id, 8));
        assert_eq!(schedule.next(), Some(8));
        assert_eq!(due(&mut schedule, 8), [2, 1]);
        assert!(!schedule.reset(id, 9), "it is gone");
    }

    #[test]
    fn entry_brought_forward_comes_once() {
        let mut schedule = Schedule::new();
        let id = schedule.at(50, 1);
        assert!(schedule.reset(id, 5));
        assert_eq!(due(&mut schedule, 60), [1]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn soon_entry_that_is_reset_comes_at_its_moment() {
        let mut schedule = Schedule::new();
        let id = schedule.soon(1);
        schedule.soon(2);
        assert!(schedule.reset(id, 5));
        assert_eq!(soon(&mut schedule), [2]);
        assert!(!schedule.has_soon());
        assert!(due(&mut schedule, 4).is_empty());
        assert_eq!(due(&mut schedule, 5), [1]);
    }

    #[test]
    fn entry_in_use_can_be_removed_and_comes_back_to_be_dropped() {
        let mut schedule = Schedule::new();
        let id = schedule.at(5, 1);
        let newcomers = schedule.begin_turn();
        let (taken, call) = schedule.take_due(5, newcomers).unwrap();
        assert_eq!(taken, id);
        assert_eq!(schedule.remove(id), Some(None));
        assert_eq!(schedule.put_back(id, call, 10), Some(1));
        verify(&schedule);
        assert!(schedule.is_empty());
    }

    #[test]
    fn entry_reset_while_in_use_is_due_when_it_was_reset_to() {
        let mut schedule = Schedule::new();
        let id = schedule.at(5, 1);
        let newcomers = schedule.begin_turn();
        let (_, call) = schedule.take_due(5, newcomers).unwrap();
        schedule.reset(id, 100);
        assert_eq!(schedule.put_back(id, call, 10), None);
        assert_eq!(schedule.next(), Some(100));
        verify(&schedule);
    }

    #[test]
    fn stale_id_of_a_reused_slot_reaches_nothing() {
        let mut schedule = Schedule::new();
        let stale = schedule.at(5, 1);
        schedule.remove(stale);
        let id = schedule.at(6, 2);
        assert_eq!(id.slot, stale.slot, "the slot is reused");
        assert_eq!(schedule.remove(stale), None);
        assert!(!schedule.reset(stale, 1) && !schedule.contains(stale) && schedule.due_at(stale).is_none());
        assert_eq!(due(&mut schedule, 6), [2]);
    }

    #[test]
    fn last_moment_is_a_moment_like_others() {
        let mut schedule = Schedule::new();
        schedule.at(Moment::MAX, 1);
        assert_eq!(schedule.next(), Some(Moment::MAX));
        assert!(due(&mut schedule, Moment::MAX - 1).is_empty());
    }

    #[test]
    fn million_cancelled_hold_no_memory() {
        let mut schedule = Schedule::new();
        schedule.at(1, 0);
        let ids: Vec<EntryId> = (0..1_000_000).map(|at| schedule.at(at, 1)).collect();
        for id in ids {
            assert_eq!(schedule.remove(id), Some(Some(1)));
        }
        verify(&schedule);
        assert!(schedule.marks.capacity() <= 32 * FEW, "{} marks", schedule.marks.capacity());
        let entries = schedule.entries.capacity();
        assert!(entries <= 8 * FEW, "{entries} entries");
        assert_eq!(due(&mut schedule, 1), [0]);
    }

    #[test]
    fn entry_brought_forward_for_ever_holds_no_memory() {
        let mut schedule = Schedule::new();
        let id = schedule.at(Moment::MAX, 1);
        for at in (0..1_000_000).rev() {
            assert!(schedule.reset(id, at));
        }
        assert!(schedule.marks.capacity() <= 32 * FEW, "{} marks", schedule.marks.capacity());
    }

    /// The same, written so that it is plainly right: a list, searched through.
    #[derive(Default)]
    struct Plain {
        entries: Vec<(u32, Moment, u64)>,
        orders: u64,
    }

    impl Plain {
        fn set(&mut self, call: u32, at: Moment) {
            self.orders += 1;
            self.entries.push((call, at, self.orders));
        }

        fn remove(&mut self, call: u32) -> bool {
            let before = self.entries.len();
            self.entries.retain(|entry| entry.0 != call);
            self.entries.len() < before
        }

        fn due(&mut self, now: Moment) -> Vec<u32> {
            self.entries.sort_by_key(|&(_, at, order)| (at, order));
            let count = self.entries.iter().take_while(|entry| entry.1 <= now).count();
            self.entries.drain(..count).map(|entry| entry.0).collect()
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        At(Moment),
        Remove(usize),
        Reset(usize, Moment),
        Pass(Moment),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..50_u64).prop_map(Step::At),
            (0..64_usize).prop_map(Step::Remove),
            (0..64_usize, 0..50_u64).prop_map(|(which, at)| Step::Reset(which, at)),
            (0..10_u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn any_steps_give_what_a_plain_list_gives(steps in prop::collection::vec(step(), 0..200)) {
            let mut schedule = Schedule::new();
            let mut plain = Plain::default();
            let mut ids = Vec::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::At(after) => {
                        let call = ids.len() as u32;
                        ids.push(schedule.at(now + after, call));
                        plain.set(call, now + after);
                    }
                    Step::Remove(which) if which < ids.len() => {
                        let was_there = schedule.remove(ids[which]).is_some();
                        prop_assert_eq!(was_there, plain.remove(which as u32));
                    }
                    Step::Reset(which, after) if which < ids.len() => {
                        let was_there = schedule.reset(ids[which], now + after);
                        prop_assert_eq!(was_there, plain.remove(which as u32));
                        if was_there {
                            plain.set(which as u32, now + after);
                        }
                    }
                    Step::Pass(time) => {
                        now += time;
                        prop_assert_eq!(due(&mut schedule, now), plain.due(now));
                    }
                    Step::Remove(_) | Step::Reset(..) => {}
                }
                prop_assert_eq!(schedule.len(), plain.entries.len());
                prop_assert_eq!(schedule.next(), plain.entries.iter().map(|entry| entry.1).min());
            }
        }
    }
}
