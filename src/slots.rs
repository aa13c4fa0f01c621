//! The table of registrations: who is registered, who was reported, who must be re-armed.
//!
//! Pure bookkeeping: it knows no mio, calls nothing, and is generic over what it stores (`B`, the
//! boxed pair of source and callback). Its invariants are in [`Slots::verify`].
//!
//! The life of a slot:
//!
//! ```text
//!           reserve                put_back
//! (vacant) ---------> [body out] <----------> [body in]
//!     ^                    |       take            |
//!     +------ remove ------+------- remove --------+
//! ```
//!
//! The body is out while user code runs with it, so a second taker finds nothing to take, and
//! nothing here is borrowed meanwhile.
//!
//! Readiness of a level-triggered slot, in four words. *Armed* is what the system was asked for.
//! *Ready* is what it has reported and no callback was told yet. *Unsettled* is what was reported
//! and is not proven to be drained: before the next wait the system must be asked again. *Doubted*
//! is a slot whose proofs count for nothing, because an error or hang-up was reported with it, or
//! something that nobody was told.

use crate::generations::Generations;
use crate::interest::Interest;
use crate::key::{AnyKey, token};
use slab::Slab;
use std::collections::VecDeque;
use std::mem;

/// How a slot comes to be reported again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By being re-armed, unless it is proven to be drained.
    Level,
    /// As `Level`, and a short read or write is among the proofs. For as long as that is so, urgent
    /// data is watched for as well, because a read stops short at its mark.
    Stream,
    /// By the system, at the next arrival.
    Edge,
    /// Each turn: the system refuses to wait for it, because it is always ready.
    Always,
}

pub(crate) struct Slot<B> {
    body: Option<B>,
    generation: u64,
    interest: Interest,
    armed: Interest,
    ready: Interest,
    kind: Kind,
    /// Is on the list of those to re-arm.
    listed: bool,
    /// Is not waited for when there is nothing else to wait for.
    background: bool,
    notes: Notes,
}

/// What there is to see to when a body comes back: as a rule, nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Notes(u8);

impl Notes {
    const NONE: Notes = Notes(0);
    /// Its source has a timeout, which counts anew when it was called.
    const TIMED: u8 = 1 << 4;
    /// Urgent data was seen: proofs count for nothing any more.
    const URGENT: u8 = 1 << 5;
    /// An error or hang-up was reported, or may have been: proofs count for nothing until the system
    /// has looked anew.
    const DOUBTED: u8 = 1 << 6;
    /// Another interest or callback was chosen while the body was out.
    const CHANGED: u8 = 1 << 7;

    fn unsettled(self) -> Interest {
        Interest::of_bits(self.0).asked()
    }

    fn set_unsettled(&mut self, unsettled: Interest) {
        self.0 = self.0 & !Interest::ALL.bits() | unsettled.asked().bits();
    }

    fn is_doubted(self) -> bool {
        self.0 & (Self::URGENT | Self::DOUBTED) != 0
    }

    fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    fn is_changed(self) -> bool {
        self.0 & Self::CHANGED != 0
    }
}

impl<B> Slot<B> {
    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    pub(crate) fn armed(&self) -> Interest {
        self.armed
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.notes.is_timed()
    }

    pub(crate) fn body(&self) -> Option<&B> {
        self.body.as_ref()
    }

    /// Whether it is a reason to wait: it asks for something, and not only in passing.
    fn is_asking(&self) -> bool {
        !self.interest.is_none() && !self.background
    }

    /// What it is ready for if it is always ready. There is never anything urgent about a file.
    fn always_ready(&self) -> Interest {
        self.interest.without(Interest::PRIORITY)
    }

    /// What the system is to be asked for.
    pub(crate) fn to_arm(&self) -> Interest {
        arming(self.kind, self.interest)
    }
}

/// What the system is asked for when a slot of that kind asks for `interest`.
pub(crate) fn arming(kind: Kind, interest: Interest) -> Interest {
    match kind {
        Kind::Always => Interest::NONE,
        Kind::Stream if interest.is_readable() => interest | Interest::PRIORITY,
        _ => interest,
    }
}

/// What is to be done after a body was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After {
    /// Its interest or callback was changed while it was out.
    pub(crate) change: bool,
    /// It has a timeout, which counts anew if its callback was called.
    pub(crate) timed: bool,
}

impl After {
    #[cfg(test)]
    pub(crate) const NOTHING: After = After { change: false, timed: false };

    fn of(notes: Notes) -> After {
        After { change: notes.is_changed(), timed: notes.is_timed() }
    }
}

pub(crate) struct Slots<B> {
    slab: Slab<Slot<B>>,
    generations: Generations,
    /// Slots with something ready, in the order in which they were reported.
    queue: VecDeque<u32>,
    /// Slots to re-arm. May name a slot that has been vacated, or given to another, since.
    to_rearm: VecDeque<u32>,
    /// Slots of kind `Always`.
    always: Vec<u32>,
    /// How many slots ask for anything, those in the background left out.
    asking: usize,
    /// Generations from this one on were given out since the present telling began.
    newcomers: u64,
}

impl<B> Slots<B> {
    pub(crate) fn new() -> Self {
        Slots {
            slab: Slab::new(),
            generations: Generations::new(),
            queue: VecDeque::new(),
            to_rearm: VecDeque::new(),
            always: Vec::new(),
            asking: 0,
            newcomers: 0,
        }
    }

    /// A slot for a body that comes later, by [`put_back`](Self::put_back). `None` if there are as
    /// many as a token can tell apart.
    pub(crate) fn reserve(&mut self, kind: Kind, interest: Interest) -> Option<AnyKey> {
        let entry = self.slab.vacant_entry();
        let slot = entry.key();
        if slot >= token::SLOTS_MAX {
            return None;
        }
        let generation = self.generations.next();
        entry.insert(Slot {
            body: None,
            generation,
            interest,
            armed: Interest::NONE,
            ready: Interest::NONE,
            kind,
            listed: false,
            background: false,
            notes: Notes::NONE,
        });
        self.asking += usize::from(!interest.is_none());
        Some(AnyKey { slot: slot as u32, generation })
    }

    /// Vacates a slot, and gives back its body unless that is out.
    pub(crate) fn remove(&mut self, key: AnyKey) -> Option<B> {
        self.get(key)?;
        let slot = self.slab.remove(key.slot as usize);
        self.asking -= usize::from(slot.is_asking());
        if slot.kind == Kind::Always {
            self.always.retain(|&other| other != key.slot);
        }
        slot.body
    }

    pub(crate) fn get(&self, key: AnyKey) -> Option<&Slot<B>> {
        self.slab.get(key.slot as usize).filter(|slot| slot.generation == key.generation)
    }

    fn get_mut(&mut self, key: AnyKey) -> Option<&mut Slot<B>> {
        self.slab.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation)
    }

    /// The key of a slot that is known to be occupied.
    pub(crate) fn key_of(&self, index: u32) -> AnyKey {
        key_at(index, &self.slab[index as usize])
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether no slot asks for anything, but for those in the background: nothing will ever be
    /// reported that is worth waiting for.
    pub(crate) fn nothing_asked(&self) -> bool {
        self.asking == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (AnyKey, &Slot<B>)> {
        self.slab.iter().map(|(index, slot)| (key_at(index as u32, slot), slot))
    }

    /// Moves a body into `place`, to be put back.
    pub(crate) fn take(&mut self, key: AnyKey, place: &mut Option<B>) -> bool {
        self.get_mut(key).is_some_and(|slot| take(slot, place))
    }

    /// What was reported is going to be told. None of it is about slots that are reserved from now on:
    /// the part of a generation that a token carries may come round meanwhile.
    #[inline]
    pub(crate) fn begin_telling(&mut self) {
        if token::COMES_ROUND {
            self.newcomers = self.generations.upcoming();
        }
    }

    /// Moves the body that an event is for into `place`, and answers what it is to be told: nothing,
    /// if it did not ask for it, or is gone. The event says no more than that it is ready to read
    /// or to write.
    #[inline(always)]
    pub(crate) fn take_plain(&mut self, token: usize, ready: Interest, place: &mut Option<B>) -> Interest {
        let Some(slot) = self.slab.get_mut(token::slot(token)) else { return Interest::NONE };
        let told = ready.and(slot.interest);
        if told == Interest::NONE || !token::is_of(token, slot.generation) || is_newcomer(slot, self.newcomers) {
            return Interest::NONE;
        }
        move_over(&mut slot.body, place);
        told
    }

    /// As `take_plain`, for an event of any kind.
    #[cold]
    pub(crate) fn take_reported(&mut self, token: usize, ready: Interest, place: &mut Option<B>) -> Interest {
        let index = token::slot(token);
        match self.slab.get(index) {
            Some(slot) if token::is_of(token, slot.generation) && !is_newcomer(slot, self.newcomers) => {}
            _ => return Interest::NONE,
        }
        if !self.heed(index, ready) {
            return Interest::NONE;
        }
        let slot = &mut self.slab[index];
        let told = ready.masked(slot.interest);
        if !told.is_none() && take(slot, place) { told } else { Interest::NONE }
    }

    /// Takes note of an error, a hang-up or urgent data. False if the system is to be asked again
    /// before anybody is told of this event.
    fn heed(&mut self, index: usize, ready: Interest) -> bool {
        let slot = &mut self.slab[index];
        if ready.has_condition() {
            slot.notes.0 |= Notes::DOUBTED;
        }
        if ready.is_priority() && slot.kind == Kind::Stream {
            // Urgent data lies ahead. From here on this is no stream on which a short read proves
            // anything. And if it did not ask for that, then whether there is anything else to read
            // is not to be told from this event: the next wait tells, without priority in the
            // question.
            slot.kind = Kind::Level;
            slot.notes.0 |= Notes::URGENT;
            if !slot.interest.is_priority() {
                slot.notes.set_unsettled(slot.interest);
                list(slot, index as u32, &mut self.to_rearm);
                return false;
            }
        }
        true
    }

    /// Puts a body back, of which nothing is left to be told. False if there is something to see to
    /// all the same, by `settle`.
    #[inline(always)]
    pub(crate) fn put_back_drained(&mut self, index: u32, place: &mut Option<B>) -> bool {
        let slot = &mut self.slab[index as usize];
        move_over(place, &mut slot.body);
        slot.notes == Notes::NONE
    }

    /// Puts a body back. Of what its user was told, `left` is not proven to be drained; of what was
    /// unsettled before, `proven` is.
    pub(crate) fn put_back(&mut self, index: u32, place: &mut Option<B>, left: Interest, proven: Interest) -> After {
        move_over(place, &mut self.slab[index as usize].body);
        self.settle(index, left, proven)
    }

    /// Puts a body back whose source was not used: there is nothing to settle.
    pub(crate) fn put_back_unused(&mut self, index: u32, place: &mut Option<B>) -> After {
        let slot = &mut self.slab[index as usize];
        move_over(place, &mut slot.body);
        After::of(slot.notes)
    }

    pub(crate) fn settle(&mut self, index: u32, left: Interest, proven: Interest) -> After {
        let slot = &mut self.slab[index as usize];
        let before = slot.notes.unsettled();
        slot.notes.set_unsettled(match slot.kind {
            Kind::Edge | Kind::Always => before,
            _ if slot.notes.is_doubted() => before | slot.interest,
            _ => before.without(proven) | left,
        });
        if !slot.notes.unsettled().is_none() {
            list(slot, index, &mut self.to_rearm);
        }
        After::of(slot.notes)
    }

    /// Notes whether a slot has a timeout. False if it is gone.
    pub(crate) fn set_timed(&mut self, key: AnyKey, timed: bool) -> bool {
        let Some(slot) = self.get_mut(key) else { return false };
        if timed {
            slot.notes.0 |= Notes::TIMED;
        } else {
            slot.notes.0 &= !Notes::TIMED;
        }
        true
    }

    /// Notes another interest for a slot whose body is out, to be seen to when it comes back.
    pub(crate) fn wish(&mut self, key: AnyKey, interest: Interest) {
        self.mark_changed(key);
        self.set_interest(key, interest);
    }

    /// Notes that a slot whose body is out has another callback waiting.
    pub(crate) fn mark_changed(&mut self, key: AnyKey) {
        if let Some(slot) = self.get_mut(key) {
            slot.notes.0 |= Notes::CHANGED;
        }
    }

    /// Whether there is something to be done now that the body is back: then it is moved out again
    /// into `place`, for that.
    pub(crate) fn take_changed(&mut self, key: AnyKey, place: &mut Option<B>) -> bool {
        match self.get_mut(key) {
            Some(slot) if slot.notes.is_changed() => {
                slot.notes.0 &= !Notes::CHANGED;
                take(slot, place)
            }
            _ => false,
        }
    }

    pub(crate) fn set_interest(&mut self, key: AnyKey, interest: Interest) {
        self.change(key, |slot| slot.interest = interest);
    }

    /// Has a slot not count among those that are waited for.
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) fn set_background(&mut self, key: AnyKey) {
        self.change(key, |slot| slot.background = true);
    }

    fn change(&mut self, key: AnyKey, change: impl FnOnce(&mut Slot<B>)) {
        let Some(slot) = self.get_mut(key) else { return };
        let before = slot.is_asking();
        change(slot);
        let after = slot.is_asking();
        self.asking += usize::from(after);
        self.asking -= usize::from(before);
    }

    /// The system was asked for `armed`, and so has looked anew: what was reported before says
    /// nothing any more of what needs re-arming.
    pub(crate) fn armed(&mut self, key: AnyKey, armed: Interest) {
        if let Some(slot) = self.get_mut(key) {
            slot.armed = armed;
            slot.notes.0 &= Notes::URGENT | Notes::CHANGED | Notes::TIMED;
        }
    }

    /// The system refuses to wait for this slot, because it is always ready.
    pub(crate) fn is_always_ready(&mut self, key: AnyKey) {
        if let Some(slot) = self.get_mut(key) {
            slot.kind = Kind::Always;
            slot.armed = Interest::NONE;
            self.always.push(key.slot);
        }
    }

    /// Whether anything is ready without waiting for the system to say so.
    pub(crate) fn has_always_ready(&self) -> bool {
        self.always.iter().any(|&index| !self.slab[index as usize].always_ready().is_none())
    }

    /// Makes ready what is always ready.
    pub(crate) fn report_always_ready(&mut self) {
        for &index in &self.always {
            let slot = &mut self.slab[index as usize];
            let ready = slot.always_ready();
            if slot.ready == Interest::NONE && !ready.is_none() {
                self.queue.push_back(index);
            }
            slot.ready |= ready;
        }
    }

    /// Takes down what the system reported under `token`, to be told later. An event of a source
    /// that is gone is dropped.
    pub(crate) fn report(&mut self, token: usize, ready: Interest) {
        let index = token::slot(token);
        match self.slab.get(index) {
            Some(slot) if token::is_of(token, slot.generation) => {}
            _ => return,
        }
        if !self.heed(index, ready) {
            return;
        }
        let slot = &mut self.slab[index];
        if slot.ready == Interest::NONE {
            self.queue.push_back(index as u32);
        }
        slot.ready |= ready;
    }

    /// Takes down that a slot's timeout is over.
    pub(crate) fn report_timeout(&mut self, key: AnyKey) {
        let Some(slot) = self.get_mut(key) else { return };
        let before = slot.ready;
        slot.ready |= Interest::TIMEOUT;
        if before == Interest::NONE {
            self.queue.push_back(key.slot);
        }
    }

    /// Moves the body of the next slot that was reported and has anything to be told into `place`.
    pub(crate) fn take_next_ready(&mut self, place: &mut Option<B>) -> Option<(u32, Interest)> {
        while let Some(index) = self.queue.pop_front() {
            // Gone since, or a newcomer in its place: nothing is ready there.
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            let ready = mem::take(&mut slot.ready).masked(slot.interest);
            if !ready.tells_nothing() && take(slot, place) {
                return Some((index, ready));
            }
        }
        None
    }

    /// All that was reported, for a caller who will call the callbacks in his own time: none of it
    /// counts as settled.
    pub(crate) fn drain_ready(&mut self) -> Vec<(AnyKey, Interest)> {
        let mut reported = Vec::with_capacity(self.queue.len());
        while let Some(index) = self.queue.pop_front() {
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            let ready = mem::take(&mut slot.ready).masked(slot.interest);
            if ready.tells_nothing() {
                continue;
            }
            reported.push((key_at(index, slot), ready));
            if !ready.is_none() && slot.kind != Kind::Edge && slot.kind != Kind::Always {
                slot.notes.set_unsettled(slot.notes.unsettled() | ready);
                list(slot, index, &mut self.to_rearm);
            }
        }
        reported
    }

    /// Has the system asked again about what was reported and told to nobody, because a callback
    /// panicked before its turn came. Of a timeout the system knows nothing: that stays. True if there
    /// is one.
    pub(crate) fn forget_ready(&mut self) -> bool {
        for _ in 0..self.queue.len() {
            let Some(index) = self.queue.pop_front() else { break };
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            // Of a newcomer in its place nothing was reported.
            let ready = mem::take(&mut slot.ready);
            if ready.without(Interest::TIMEOUT) != Interest::NONE {
                unsettle(slot, index, &mut self.to_rearm);
            }
            if ready.is_timeout() {
                slot.ready = Interest::TIMEOUT;
                self.queue.push_back(index);
            }
        }
        !self.queue.is_empty()
    }

    /// As `forget_ready`, for an event that was not even taken down.
    pub(crate) fn forget(&mut self, token: usize) {
        let index = token::slot(token);
        match self.slab.get_mut(index) {
            Some(slot) if token::is_of(token, slot.generation) => unsettle(slot, index as u32, &mut self.to_rearm),
            _ => {}
        }
    }

    /// The system is to be asked about this slot again before the next wait, be it level-triggered
    /// or not.
    pub(crate) fn unsettle(&mut self, key: AnyKey) {
        if self.get(key).is_some() {
            unsettle(&mut self.slab[key.slot as usize], key.slot, &mut self.to_rearm);
        }
    }

    /// Whether the next wait can begin as things stand.
    #[inline]
    pub(crate) fn has_nothing_to_do(&self) -> bool {
        self.queue.is_empty() && self.to_rearm.is_empty() && self.always.is_empty()
    }

    /// How many slots the system is to be asked about again.
    pub(crate) fn unsettled(&self) -> usize {
        self.slab.iter().filter(|(_, slot)| !slot.notes.unsettled().is_none() && !slot.armed.is_none()).count()
    }

    pub(crate) fn has_unsettled(&self) -> bool {
        !self.to_rearm.is_empty()
    }

    /// The next slot that the system must be asked about again.
    pub(crate) fn next_to_rearm(&mut self) -> Option<AnyKey> {
        while let Some(index) = self.to_rearm.pop_front() {
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            if mem::take(&mut slot.listed) && !slot.notes.unsettled().is_none() && !slot.armed.is_none() {
                return Some(key_at(index, slot));
            }
        }
        None
    }

    /// Checks every invariant.
    #[cfg(debug_assertions)]
    pub(crate) fn verify(&self) {
        let entries = self.slab.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        let members = |list: &mut dyn Iterator<Item = &u32>| {
            let mut is_member = vec![false; entries];
            for &index in list {
                if let Some(mark) = is_member.get_mut(index as usize) {
                    *mark = true;
                }
            }
            is_member
        };
        let queued = members(&mut self.queue.iter());
        let to_rearm = members(&mut self.to_rearm.iter());
        let always = members(&mut self.always.iter());
        let mut asking = 0;
        for (index, slot) in &self.slab {
            let key = key_at(index as u32, slot);
            asking += usize::from(slot.is_asking());
            assert_eq!(slot.interest, slot.interest.asked(), "{key} asks for what cannot be asked for");
            assert_eq!(slot.kind == Kind::Always, always[index], "{key}: kind and list of the always ready differ");
            assert!(slot.kind != Kind::Always || slot.armed.is_none(), "{key} is armed, and cannot be");
            assert!(!slot.listed || to_rearm[index], "{key} is marked as one to re-arm, and is not listed");
            assert!(slot.ready == Interest::NONE || queued[index], "{key} is ready, and in no queue");
            assert!(slot.body.is_some(), "{key} was left without its body at the end of a turn");
            assert!(!slot.notes.is_changed(), "{key} has a change that nobody saw to");
            let settled = slot.notes.unsettled().is_none() || slot.armed.is_none();
            assert!(settled || slot.listed, "{key} is neither settled nor to be re-armed");
        }
        assert_eq!(self.asking, asking, "the count of slots that ask for anything is off");
    }
}

fn key_at<B>(index: u32, slot: &Slot<B>) -> AnyKey {
    AnyKey { slot: index, generation: slot.generation }
}

/// Whether a slot was given out since the generation `newcomers`. Where its token says so itself,
/// nobody has to ask.
#[inline(always)]
fn is_newcomer<B>(slot: &Slot<B>, newcomers: u64) -> bool {
    token::COMES_ROUND && slot.generation >= newcomers
}

#[inline(always)]
fn take<B>(slot: &mut Slot<B>, place: &mut Option<B>) -> bool {
    let is_in = slot.body.is_some();
    if is_in {
        move_over(&mut slot.body, place);
    }
    is_in
}

/// Moves what is in `from` to `to`, in which there is nothing, and so nothing to be dropped.
#[inline(always)]
fn move_over<B>(from: &mut Option<B>, to: &mut Option<B>) {
    debug_assert!(to.is_none(), "a body would be lost");
    mem::forget(mem::replace(to, from.take()));
}

/// Has the system asked again, whatever is proven until then: what was reported and is not told may
/// have been a hang-up.
fn unsettle<B>(slot: &mut Slot<B>, index: u32, to_rearm: &mut VecDeque<u32>) {
    slot.notes.set_unsettled(slot.interest);
    slot.notes.0 |= Notes::DOUBTED;
    list(slot, index, to_rearm);
}

fn list<B>(slot: &mut Slot<B>, index: u32, to_rearm: &mut VecDeque<u32>) {
    if !mem::replace(&mut slot.listed, true) {
        to_rearm.push_back(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{PRIORITY, READ, WRITE};
    use proptest::prelude::*;
    use std::collections::HashMap;

    const NONE: Interest = Interest::NONE;

    /// A slot with `body` in it, of which the system was asked for what it asks for.
    fn occupy(slots: &mut Slots<u32>, kind: Kind, interest: Interest, body: u32) -> AnyKey {
        let key = slots.reserve(kind, interest).unwrap();
        slots.armed(key, arming(kind, interest));
        assert_eq!(slots.put_back_unused(key.slot, &mut Some(body)), After::NOTHING);
        key
    }

    /// Uses the body of `key`, and leaves that much of it unproven.
    fn use_up(slots: &mut Slots<u32>, key: AnyKey, left: Interest, proven: Interest) -> After {
        let mut place = None;
        assert!(slots.take(key, &mut place));
        slots.put_back(key.slot, &mut place, left, proven)
    }

    /// Re-arms what is to be, and tells which that was.
    fn rearmed(slots: &mut Slots<u32>) -> Vec<AnyKey> {
        let rearm = || {
            let key = slots.next_to_rearm()?;
            let to_arm = slots.get(key)?.to_arm();
            slots.armed(key, to_arm);
            Some(key)
        };
        std::iter::from_fn(rearm).collect()
    }

    fn verify(slots: &Slots<u32>) {
        #[cfg(debug_assertions)]
        slots.verify();
        let _ = slots;
    }

    // ---- bodies and keys

    #[test]
    fn body_that_is_out_cannot_be_taken_again() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ, 7);
        let (mut place, mut another) = (None, None);
        assert!(slots.take(key, &mut place));
        assert_eq!(place, Some(7));
        assert!(!slots.take(key, &mut another));
        assert!(slots.get(key).is_some_and(|slot| slot.body().is_none()), "it is registered all the same");
        slots.put_back(key.slot, &mut place, NONE, NONE);
        assert_eq!(place, None);
        assert!(slots.take(key, &mut another));
        assert_eq!(another, Some(7));
    }

    #[test]
    fn removed_slot_gives_its_body_back_unless_that_is_out() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ, 7);
        assert_eq!(slots.remove(key), Some(7));
        assert_eq!(slots.remove(key), None);
        let key = occupy(&mut slots, Kind::Level, READ, 8);
        assert!(slots.take(key, &mut None));
        assert_eq!(slots.remove(key), None);
        assert_eq!((slots.len(), slots.get(key).is_some()), (0, false));
    }

    #[test]
    fn stale_key_of_a_reused_slot_reaches_nothing() {
        let mut slots = Slots::new();
        let stale = occupy(&mut slots, Kind::Level, READ, 1);
        slots.remove(stale);
        let key = occupy(&mut slots, Kind::Level, WRITE, 2);
        assert_eq!(key.slot, stale.slot, "the slot is reused");
        assert_ne!(key, stale);
        let mut place = None;
        assert!(!slots.take(stale, &mut place) && slots.get(stale).is_none() && slots.remove(stale).is_none());
        slots.wish(stale, READ);
        slots.mark_changed(stale);
        slots.set_interest(stale, READ);
        slots.unsettle(stale);
        slots.armed(stale, READ);
        slots.is_always_ready(stale);
        assert!(!slots.take_changed(stale, &mut place));
        let slot = slots.get(key).unwrap();
        assert_eq!((slot.interest(), slot.armed(), slot.kind()), (WRITE, WRITE, Kind::Level));
        assert!(rearmed(&mut slots).is_empty());
        verify(&slots);
    }

    #[test]
    fn slots_that_ask_for_nothing_are_counted_out() {
        let mut slots = Slots::new();
        assert!(slots.nothing_asked());
        let paused = occupy(&mut slots, Kind::Level, NONE, 1);
        assert!(slots.nothing_asked());
        let key = occupy(&mut slots, Kind::Level, READ, 2);
        assert!(!slots.nothing_asked());
        slots.set_interest(key, NONE);
        slots.set_interest(paused, PRIORITY);
        assert!(!slots.nothing_asked());
        slots.remove(paused);
        assert!(slots.nothing_asked());
        verify(&slots);
    }

    #[test]
    #[cfg(all(unix, feature = "signal"))]
    fn slots_in_the_background_are_not_counted() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ, 1);
        slots.set_background(key);
        assert!(slots.nothing_asked());
        slots.set_interest(key, NONE);
        slots.set_interest(key, READ);
        assert!(slots.nothing_asked());
        let other = occupy(&mut slots, Kind::Level, READ, 2);
        assert!(!slots.nothing_asked());
        slots.remove(key);
        assert!(!slots.nothing_asked());
        slots.remove(other);
        assert!(slots.nothing_asked());
        verify(&slots);
    }

    #[test]
    fn change_chosen_while_the_body_is_out_is_seen_to_when_it_is_back() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ, 7);
        let mut place = None;
        assert!(slots.take(key, &mut place));
        slots.wish(key, WRITE);
        assert_eq!(slots.get(key).unwrap().interest(), WRITE);
        assert_eq!(slots.put_back(key.slot, &mut place, NONE, NONE), After { change: true, timed: false });
        assert!(slots.take_changed(key, &mut place));
        assert_eq!(place, Some(7));
        slots.armed(key, WRITE);
        assert_eq!(slots.put_back_unused(key.slot, &mut place), After::NOTHING);
        assert!(!slots.take_changed(key, &mut place));
        verify(&slots);
    }

    // ---- what is told

    #[test]
    fn event_is_told_as_far_as_it_was_asked_for() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ, 7);
        slots.begin_telling();
        let mut place = None;
        let token = token::pack(key);
        assert_eq!(slots.take_plain(token, WRITE, &mut place), NONE);
        assert_eq!(slots.take_reported(token, WRITE, &mut place), NONE);
        assert_eq!(place, None);
        assert_eq!(slots.take_plain(token, READ | WRITE, &mut place), READ);
        slots.put_back(key.slot, &mut place, NONE, NONE);
        let told = slots.take_reported(token, WRITE | Interest::ERROR, &mut place);
        assert_eq!(told, READ | Interest::ERROR, "an error reaches it whatever it asked for");
    }

    #[test]
    fn event_of_a_slot_that_was_vacated_or_given_to_another_is_not_told() {
        let mut slots = Slots::new();
        let gone = occupy(&mut slots, Kind::Level, READ, 1);
        let token = token::pack(gone);
        slots.report(token, READ);
        slots.remove(gone);
        slots.begin_telling();
        let mut place = None;
        for _ in 0..2 {
            assert_eq!(slots.take_plain(token, READ, &mut place), NONE);
            assert_eq!(slots.take_reported(token, READ | Interest::ERROR, &mut place), NONE);
            slots.report(token, READ);
            slots.forget(token);
            assert_eq!(slots.take_next_ready(&mut place), None);
            assert!(rearmed(&mut slots).is_empty());
            if slots.len() == 0 {
                occupy(&mut slots, Kind::Level, READ, 2);
            }
        }
        assert_eq!(slots.len(), 1);
        verify(&slots);
    }

    #[test]
    fn event_is_not_told_to_a_newcomer_even_if_its_token_fits() {
        let mut slots = Slots::new();
        slots.begin_telling();
        let newcomer = occupy(&mut slots, Kind::Level, READ, 1);
        let mut place = None;
        assert_eq!(slots.take_plain(token::pack(newcomer), READ, &mut place), NONE);
        assert_eq!(slots.take_reported(token::pack(newcomer), READ | Interest::ERROR, &mut place), NONE);
        slots.begin_telling();
        assert_eq!(slots.take_plain(token::pack(newcomer), READ, &mut place), READ);
    }

    #[test]
    fn what_was_taken_down_is_told_once_in_order_and_in_one_mask() {
        let mut slots = Slots::new();
        let keys = [1, 2, 3].map(|body| occupy(&mut slots, Kind::Level, READ | WRITE, body));
        for (place, ready) in [(2, READ), (0, WRITE), (2, WRITE), (1, READ)] {
            slots.report(token::pack(keys[place]), ready);
        }
        slots.set_interest(keys[1], WRITE);
        let told = std::iter::from_fn(|| {
            let mut place = None;
            let (slot, told) = slots.take_next_ready(&mut place)?;
            let body = place.unwrap();
            slots.put_back(slot, &mut place, NONE, NONE);
            Some((body, told))
        });
        // The second does not ask for what was reported any more.
        assert_eq!(told.collect::<Vec<_>>(), [(3, READ | WRITE), (1, WRITE)]);
        assert!(slots.has_nothing_to_do());
        verify(&slots);
    }

    #[test]
    fn answer_for_the_caller_settles_nothing() {
        let mut slots = Slots::new();
        let level = occupy(&mut slots, Kind::Level, READ, 1);
        let edge = occupy(&mut slots, Kind::Edge, READ, 2);
        for key in [edge, level] {
            slots.report(token::pack(key), READ);
        }
        assert_eq!(slots.drain_ready(), [(edge, READ), (level, READ)]);
        assert!(slots.drain_ready().is_empty());
        assert_eq!(rearmed(&mut slots), [level]);
        verify(&slots);
    }

    #[test]
    fn what_is_always_ready_is_ready_each_time() {
        let mut slots = Slots::new();
        let key = slots.reserve(Kind::Level, READ | PRIORITY).unwrap();
        slots.is_always_ready(key);
        slots.put_back_unused(key.slot, &mut Some(1));
        assert_eq!(slots.get(key).unwrap().to_arm(), NONE);
        for _ in 0..2 {
            assert!(slots.has_always_ready() && !slots.has_nothing_to_do());
            slots.report_always_ready();
            assert_eq!(slots.drain_ready(), [(key, READ)], "there is nothing urgent about it");
            assert!(rearmed(&mut slots).is_empty());
            verify(&slots);
        }
        slots.set_interest(key, PRIORITY);
        assert!(!slots.has_always_ready());
        slots.set_interest(key, WRITE);
        assert!(slots.has_always_ready());
        slots.remove(key);
        assert!(!slots.has_always_ready() && slots.has_nothing_to_do());
        slots.report_always_ready();
        assert!(slots.drain_ready().is_empty());
    }

    // ---- what is to be re-armed

    #[test]
    fn what_is_left_is_rearmed_and_what_is_proven_is_not() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Level, READ | WRITE, 1);
        assert_eq!(use_up(&mut slots, key, NONE, NONE), After::NOTHING);
        assert!(rearmed(&mut slots).is_empty());
        use_up(&mut slots, key, READ, NONE);
        use_up(&mut slots, key, WRITE, NONE);
        assert_eq!(rearmed(&mut slots), [key], "once");
        assert!(rearmed(&mut slots).is_empty());
        use_up(&mut slots, key, READ | WRITE, NONE);
        use_up(&mut slots, key, NONE, READ);
        assert_eq!(slots.get(key).unwrap().notes.unsettled(), WRITE);
        use_up(&mut slots, key, NONE, WRITE);
        assert!(rearmed(&mut slots).is_empty());
        verify(&slots);
    }

    #[test]
    fn edges_and_paused_slots_are_not_rearmed() {
        let mut slots = Slots::new();
        let edge = occupy(&mut slots, Kind::Edge, READ, 1);
        use_up(&mut slots, edge, READ, NONE);
        let paused = occupy(&mut slots, Kind::Level, READ, 2);
        use_up(&mut slots, paused, READ, NONE);
        slots.set_interest(paused, NONE);
        slots.armed(paused, NONE);
        assert!(rearmed(&mut slots).is_empty());
        // But an edge that was not used up.
        slots.unsettle(edge);
        assert_eq!(rearmed(&mut slots), [edge]);
    }

    #[test]
    fn proofs_count_for_nothing_after_a_hang_up_until_the_system_looked_anew() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Stream, READ, 1);
        slots.begin_telling();
        let mut place = None;
        let told = slots.take_reported(token::pack(key), READ | Interest::READ_CLOSED, &mut place);
        assert_eq!(told, READ | Interest::READ_CLOSED);
        // Nothing is left of it, as far as its user can tell.
        slots.put_back(key.slot, &mut place, NONE, READ);
        assert_eq!(rearmed(&mut slots), [key]);
        use_up(&mut slots, key, NONE, READ);
        assert!(rearmed(&mut slots).is_empty());
        verify(&slots);
    }

    #[test]
    fn urgent_data_nobody_asked_for_is_not_told_and_proofs_count_for_nothing_from_then_on() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Stream, READ, 1);
        assert_eq!(slots.get(key).unwrap().armed(), READ | PRIORITY, "it is watched for");
        slots.begin_telling();
        assert_eq!(slots.take_reported(token::pack(key), READ | PRIORITY, &mut None), NONE);
        assert_eq!(rearmed(&mut slots), [key], "and asked without it whether there is anything to read");
        assert_eq!(slots.get(key).unwrap().armed(), READ);
        use_up(&mut slots, key, NONE, READ);
        assert_eq!(rearmed(&mut slots), [key]);
        verify(&slots);
    }

    #[test]
    fn urgent_data_that_was_asked_for_is_told() {
        let mut slots = Slots::new();
        let key = occupy(&mut slots, Kind::Stream, READ | PRIORITY, 1);
        slots.begin_telling();
        let mut place = None;
        assert_eq!(slots.take_reported(token::pack(key), READ | PRIORITY, &mut place), READ | PRIORITY);
        slots.put_back(key.slot, &mut place, NONE, NONE);
        assert_eq!(rearmed(&mut slots), [key]);
    }

    #[test]
    fn what_was_reported_and_told_to_nobody_is_asked_for_again() {
        let mut slots = Slots::new();
        let keys = [Kind::Level, Kind::Edge, Kind::Stream].map(|kind| occupy(&mut slots, kind, READ, 1));
        for key in keys {
            slots.report(token::pack(key), READ);
        }
        slots.remove(keys[0]);
        slots.forget_ready();
        assert!(slots.drain_ready().is_empty());
        slots.forget(token::pack(keys[2]));
        slots.forget(token::pack(keys[0]));
        assert_eq!(rearmed(&mut slots), [keys[1], keys[2]]);
        verify(&slots);
    }

    // ---- any sequence of these

    #[derive(Clone, Debug)]
    enum Op {
        Occupy {
            kind: Kind,
            interest: Interest,
        },
        Remove {
            nth: usize,
        },
        Modify {
            nth: usize,
            interest: Interest,
        },
        /// By one of the two ways in which an event is told; a stale key stands for a stale event.
        Tell {
            nth: usize,
            ready: Interest,
            left: Interest,
            proven: Interest,
            wish: Option<Interest>,
        },
        Report {
            nth: usize,
            ready: Interest,
        },
        ReportAlwaysReady,
        TellReported {
            left: Interest,
            proven: Interest,
        },
        Drain,
        Rearm,
        Unsettle {
            nth: usize,
        },
        Forget {
            nth: usize,
        },
        ForgetReady,
        BeginTelling,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let asked = || (0..8_u8).prop_map(|bits| Interest::of_bits(bits).asked());
        // What can be told, mostly without an error or a hang-up.
        let ready = || prop_oneof![3 => 1..8_u8, 1 => 1..64_u8].prop_map(Interest::of_bits);
        let kind =
            prop::sample::select(vec![Kind::Level, Kind::Level, Kind::Stream, Kind::Stream, Kind::Edge, Kind::Always]);
        let nth = 0..12_usize;
        let op = prop_oneof![
            4 => (kind, asked()).prop_map(|(kind, interest)| Op::Occupy { kind, interest }),
            2 => nth.clone().prop_map(|nth| Op::Remove { nth }),
            2 => (nth.clone(), asked()).prop_map(|(nth, interest)| Op::Modify { nth, interest }),
            4 => (nth.clone(), ready(), asked(), asked(), prop::option::weighted(0.2, asked()))
                .prop_map(|(nth, ready, left, proven, wish)| Op::Tell { nth, ready, left, proven, wish }),
            4 => (nth.clone(), ready()).prop_map(|(nth, ready)| Op::Report { nth, ready }),
            1 => Just(Op::ReportAlwaysReady),
            3 => (asked(), asked()).prop_map(|(left, proven)| Op::TellReported { left, proven }),
            1 => Just(Op::Drain),
            2 => Just(Op::Rearm),
            1 => nth.clone().prop_map(|nth| Op::Unsettle { nth }),
            1 => nth.prop_map(|nth| Op::Forget { nth }),
            1 => Just(Op::ForgetReady),
            2 => Just(Op::BeginTelling),
        ];
        prop::collection::vec(op, 1..80)
    }

    /// What a slot is to be, told by the rules and without any list.
    #[derive(Clone, Debug, PartialEq)]
    struct Expected {
        body: u32,
        kind: Kind,
        interest: Interest,
        armed: Interest,
        ready: Interest,
        unsettled: Interest,
        doubted: bool,
        urgent: bool,
        is_newcomer: bool,
    }

    impl Expected {
        /// False if nothing of the event counts.
        fn heed(&mut self, ready: Interest) -> bool {
            self.doubted |= ready.has_condition();
            if ready.is_priority() && self.kind == Kind::Stream {
                self.kind = Kind::Level;
                self.urgent = true;
                if !self.interest.is_priority() {
                    self.unsettled = self.interest;
                    return false;
                }
            }
            true
        }

        fn settle(&mut self, left: Interest, proven: Interest) {
            self.unsettled = match self.kind {
                Kind::Edge | Kind::Always => self.unsettled,
                _ if self.doubted || self.urgent => self.unsettled | self.interest,
                _ => self.unsettled.without(proven) | left,
            };
        }

        fn unsettle(&mut self) {
            self.unsettled = self.interest;
            self.doubted = true;
        }

        fn arm(&mut self) {
            self.armed = arming(self.kind, self.interest);
            self.unsettled = NONE;
            self.doubted = false;
        }

        fn is_to_be_rearmed(&self) -> bool {
            !self.unsettled.is_none() && !self.armed.is_none()
        }
    }

    #[derive(Default)]
    struct Model {
        live: HashMap<AnyKey, Expected>,
        /// Every key there ever was, in order.
        keys: Vec<AnyKey>,
    }

    impl Model {
        /// One of the last keys, be it stale or not.
        fn nth(&self, nth: usize) -> Option<AnyKey> {
            self.keys.iter().rev().nth(nth).copied()
        }

        /// The slot that a stale key's token has come to fit, where little of a generation is in it.
        fn namesake(&self, stale: AnyKey) -> Option<&Expected> {
            let fits = |key: &AnyKey| *key != stale && token::pack(*key) == token::pack(stale);
            self.live.iter().find(|(key, _)| fits(key)).map(|(_, slot)| slot)
        }

        fn to_be_told(&self) -> HashMap<AnyKey, Interest> {
            let told = |(key, slot): (&AnyKey, &Expected)| (*key, slot.ready.masked(slot.interest));
            self.live.iter().map(told).filter(|(_, told)| !told.is_none()).collect()
        }

        fn apply(&mut self, slots: &mut Slots<u32>, op: Op) {
            match op {
                Op::Occupy { kind, interest } => {
                    let body = self.keys.len() as u32;
                    let asked_for = if kind == Kind::Always { Kind::Level } else { kind };
                    let key = slots.reserve(asked_for, interest).unwrap();
                    if kind == Kind::Always {
                        slots.is_always_ready(key)
                    } else {
                        slots.armed(key, arming(kind, interest))
                    }
                    slots.put_back_unused(key.slot, &mut Some(body));
                    let expected = Expected {
                        body,
                        kind,
                        interest,
                        armed: arming(kind, interest),
                        ready: NONE,
                        unsettled: NONE,
                        doubted: false,
                        urgent: false,
                        is_newcomer: true,
                    };
                    assert!(self.live.insert(key, expected).is_none(), "{key} was given out before");
                    self.keys.push(key);
                }
                Op::Remove { nth } => {
                    let Some(key) = self.nth(nth) else { return };
                    let expected = self.live.remove(&key).map(|slot| slot.body);
                    assert_eq!(slots.remove(key), expected);
                }
                Op::Modify { nth, interest } => {
                    let Some(key) = self.nth(nth) else { return };
                    let expected = self.live.get_mut(&key);
                    let mut place = None;
                    assert_eq!(slots.take(key, &mut place), expected.is_some());
                    let Some(expected) = expected else { return };
                    expected.interest = interest;
                    if expected.kind != Kind::Always {
                        expected.arm();
                        slots.armed(key, expected.armed);
                    }
                    slots.set_interest(key, interest);
                    slots.put_back_unused(key.slot, &mut place);
                }
                Op::Tell { nth, ready, left, proven, wish } => {
                    let Some(key) = self.nth(nth) else { return };
                    if self.namesake(key).is_some_and(|slot| !slot.is_newcomer) {
                        return;
                    }
                    let mut place = None;
                    let is_plain = !ready.has_condition() && !ready.is_priority();
                    let told = match is_plain {
                        true => slots.take_plain(token::pack(key), ready, &mut place),
                        false => slots.take_reported(token::pack(key), ready, &mut place),
                    };
                    let Some(expected) = self.live.get_mut(&key).filter(|slot| !slot.is_newcomer) else {
                        assert_eq!((told, place), (NONE, None), "{key} is stale or a newcomer");
                        return;
                    };
                    let counts = is_plain || expected.heed(ready);
                    let to_be_told = if counts { ready.masked(expected.interest) } else { NONE };
                    assert_eq!(told.is_none(), to_be_told.is_none());
                    if told.is_none() {
                        return;
                    }
                    assert_eq!((told, place), (to_be_told, Some(expected.body)));
                    let left = told.and(left);
                    if let Some(interest) = wish {
                        slots.wish(key, interest);
                        expected.interest = interest;
                    }
                    expected.settle(left, proven);
                    let after = slots.put_back(key.slot, &mut place, left, proven);
                    assert_eq!(after.change, wish.is_some());
                    if slots.take_changed(key, &mut place) {
                        expected.arm();
                        slots.armed(key, expected.armed);
                        slots.put_back_unused(key.slot, &mut place);
                    }
                }
                Op::Report { nth, ready } => {
                    let Some(key) = self.nth(nth).filter(|&key| self.namesake(key).is_none()) else { return };
                    slots.report(token::pack(key), ready);
                    if let Some(expected) = self.live.get_mut(&key) {
                        if expected.heed(ready) {
                            expected.ready |= ready;
                        }
                    }
                }
                Op::ReportAlwaysReady => {
                    slots.report_always_ready();
                    for slot in self.live.values_mut().filter(|slot| slot.kind == Kind::Always) {
                        slot.ready |= slot.interest.without(PRIORITY);
                    }
                }
                Op::TellReported { left, proven } => {
                    let mut place = None;
                    let to_be_told = self.to_be_told();
                    let Some((index, told)) = slots.take_next_ready(&mut place) else {
                        assert!(to_be_told.is_empty(), "{to_be_told:?} were forgotten");
                        for slot in self.live.values_mut() {
                            slot.ready = NONE;
                        }
                        return;
                    };
                    let key = slots.key_of(index);
                    assert_eq!(to_be_told.get(&key), Some(&told));
                    let expected = self.live.get_mut(&key).unwrap();
                    assert_eq!(place, Some(expected.body));
                    expected.ready = NONE;
                    expected.settle(told.and(left), proven);
                    slots.put_back(index, &mut place, told.and(left), proven);
                    // Those that were passed over are forgotten, and only those.
                    for (&other, slot) in &mut self.live {
                        if !to_be_told.contains_key(&other) && slots.get(other).unwrap().ready == NONE {
                            slot.ready = NONE;
                        }
                    }
                }
                Op::Drain => {
                    let drained = slots.drain_ready();
                    assert_eq!(drained.iter().copied().collect::<HashMap<_, _>>(), self.to_be_told());
                    assert_eq!(drained.len(), self.to_be_told().len(), "each once");
                    for (key, told) in drained {
                        let slot = self.live.get_mut(&key).unwrap();
                        if !matches!(slot.kind, Kind::Edge | Kind::Always) {
                            slot.unsettled |= told.asked();
                        }
                    }
                    for slot in self.live.values_mut() {
                        slot.ready = NONE;
                    }
                }
                Op::Rearm => {
                    let due = self.live.values().filter(|slot| slot.is_to_be_rearmed()).count();
                    let mut count = 0;
                    while let Some(key) = slots.next_to_rearm() {
                        let slot = self.live.get_mut(&key).unwrap();
                        assert!(slot.is_to_be_rearmed(), "{key} is settled");
                        slot.arm();
                        slots.armed(key, slot.armed);
                        count += 1;
                    }
                    assert_eq!(count, due);
                    assert!(!slots.has_unsettled());
                }
                Op::Unsettle { nth } => {
                    let Some(key) = self.nth(nth) else { return };
                    slots.unsettle(key);
                    if let Some(slot) = self.live.get_mut(&key) {
                        slot.unsettle();
                    }
                }
                Op::Forget { nth } => {
                    let Some(key) = self.nth(nth).filter(|&key| self.namesake(key).is_none()) else { return };
                    slots.forget(token::pack(key));
                    if let Some(slot) = self.live.get_mut(&key) {
                        slot.unsettle();
                    }
                }
                Op::ForgetReady => {
                    slots.forget_ready();
                    for slot in self.live.values_mut().filter(|slot| slot.ready != NONE) {
                        slot.ready = NONE;
                        slot.unsettle();
                    }
                }
                Op::BeginTelling => {
                    slots.begin_telling();
                    for slot in self.live.values_mut() {
                        slot.is_newcomer = false;
                    }
                }
            }
        }

        fn check(&self, slots: &Slots<u32>) {
            verify(slots);
            assert_eq!(slots.len(), self.live.len());
            assert_eq!(slots.nothing_asked(), self.live.values().all(|slot| slot.interest.is_none()));
            for (&key, expected) in &self.live {
                let slot = slots.get(key).unwrap();
                let actual = Expected {
                    body: *slot.body().unwrap(),
                    kind: slot.kind(),
                    interest: slot.interest(),
                    armed: slot.armed(),
                    ready: slot.ready,
                    unsettled: slot.notes.unsettled(),
                    doubted: slot.notes.0 & Notes::DOUBTED != 0,
                    urgent: slot.notes.0 & Notes::URGENT != 0,
                    is_newcomer: slot.generation >= slots.newcomers,
                };
                assert_eq!(&actual, expected, "{key}");
            }
            for &key in self.keys.iter().filter(|key| !self.live.contains_key(key)) {
                assert!(slots.get(key).is_none(), "{key} is stale");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn any_sequence_keeps_to_the_rules(ops in ops()) {
            let mut slots = Slots::new();
            let mut model = Model::default();
            for op in ops {
                model.apply(&mut slots, op);
                model.check(&slots);
            }
        }
    }
}
