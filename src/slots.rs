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
//! is a slot whose proofs count for nothing, because an error or hang-up was reported with it.

use crate::interest::Interest;
use crate::key::{AnyKey, token};
use slab::Slab;
use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};

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
    notes: Notes,
}

/// What there is to see to when a body comes back: as a rule, nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Notes(u8);

impl Notes {
    const NONE: Notes = Notes(0);
    /// Urgent data was seen: proofs count for nothing any more.
    const URGENT: u8 = 1 << 5;
    /// An error or hang-up was reported: proofs count for nothing until the system has looked anew.
    const DOUBTED: u8 = 1 << 6;
    /// Another interest or callback was chosen while the body was out.
    const CHANGED: u8 = 1 << 7;

    fn unsettled(self) -> Interest {
        Interest::of_bits(self.0).asked()
    }

    fn set_unsettled(&mut self, unsettled: Interest) {
        self.0 = self.0 & (Self::URGENT | Self::DOUBTED | Self::CHANGED) | unsettled.asked().bits();
    }

    fn is_doubted(self) -> bool {
        self.0 & (Self::URGENT | Self::DOUBTED) != 0
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

    pub(crate) fn body(&self) -> Option<&B> {
        self.body.as_ref()
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// Its interest or callback was changed while it was out.
    Change,
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
    /// How many slots ask for anything.
    asking: usize,
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
            notes: Notes::NONE,
        });
        self.asking += usize::from(!interest.is_none());
        Some(AnyKey { slot: slot as u32, generation })
    }

    /// Vacates a slot, and gives back its body unless that is out.
    pub(crate) fn remove(&mut self, key: AnyKey) -> Option<B> {
        self.get(key)?;
        let slot = self.slab.remove(key.slot as usize);
        self.asking -= usize::from(!slot.interest.is_none());
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

    /// Whether no slot asks for anything: nothing will ever be reported.
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

    /// Moves the body that an event is for into `place`, and answers what it is to be told: nothing,
    /// if it did not ask for it, or is gone. The event says no more than that it is ready to read
    /// or to write.
    #[inline(always)]
    pub(crate) fn take_plain(&mut self, token: usize, ready: Interest, place: &mut Option<B>) -> Interest {
        let Some(slot) = self.slab.get_mut(token::slot(token)) else { return Interest::NONE };
        let told = ready.and(slot.interest);
        if told == Interest::NONE || !token::is_of(token, slot.generation) {
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
            Some(slot) if token::is_of(token, slot.generation) => {}
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

    /// Puts a body back. Of what its user was told, `left` is not proven to be drained; of what was
    /// unsettled before, `proven` is.
    #[inline(always)]
    pub(crate) fn put_back(&mut self, index: u32, place: &mut Option<B>, left: Interest, proven: Interest) -> After {
        let slot = &mut self.slab[index as usize];
        move_over(place, &mut slot.body);
        if left == Interest::NONE && slot.notes == Notes::NONE {
            return After::Nothing;
        }
        self.settle(index, left, proven)
    }

    /// Puts a body back that nobody used: nothing has come to be known, and nothing to be doubted.
    pub(crate) fn put_back_unused(&mut self, index: u32, place: &mut Option<B>) -> After {
        let slot = &mut self.slab[index as usize];
        move_over(place, &mut slot.body);
        if slot.notes.is_changed() { After::Change } else { After::Nothing }
    }

    #[cold]
    fn settle(&mut self, index: u32, left: Interest, proven: Interest) -> After {
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
        if slot.notes.is_changed() { After::Change } else { After::Nothing }
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
        let Some(slot) = self.get_mut(key) else { return };
        let before = mem::replace(&mut slot.interest, interest);
        self.asking += usize::from(!interest.is_none());
        self.asking -= usize::from(!before.is_none());
    }

    /// The system was asked for `armed`, and so has looked anew: what was reported before says
    /// nothing any more of what needs re-arming.
    pub(crate) fn armed(&mut self, key: AnyKey, armed: Interest) {
        if let Some(slot) = self.get_mut(key) {
            slot.armed = armed;
            slot.notes.0 &= Notes::URGENT | Notes::CHANGED;
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

    /// Moves the body of the next slot that was reported and has anything to be told into `place`.
    pub(crate) fn take_next_ready(&mut self, place: &mut Option<B>) -> Option<(u32, Interest)> {
        while let Some(index) = self.queue.pop_front() {
            // Gone since, or a newcomer in its place: nothing is ready there.
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            let ready = mem::take(&mut slot.ready).masked(slot.interest);
            if !ready.is_none() && take(slot, place) {
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
            if ready.is_none() {
                continue;
            }
            reported.push((key_at(index, slot), ready));
            if slot.kind != Kind::Edge && slot.kind != Kind::Always {
                slot.notes.set_unsettled(slot.notes.unsettled() | ready);
                list(slot, index, &mut self.to_rearm);
            }
        }
        reported
    }

    /// Has the system asked again about what was reported and told to nobody, because a callback
    /// panicked before its turn came.
    pub(crate) fn forget_ready(&mut self) {
        while let Some(index) = self.queue.pop_front() {
            let Some(slot) = self.slab.get_mut(index as usize) else { continue };
            slot.ready = Interest::NONE;
            unsettle(slot, index, &mut self.to_rearm);
        }
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
    pub(crate) fn has_nothing_to_do(&self) -> bool {
        self.queue.is_empty() && self.to_rearm.is_empty() && self.always.is_empty()
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
            asking += usize::from(!slot.interest.is_none());
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

fn unsettle<B>(slot: &mut Slot<B>, index: u32, to_rearm: &mut VecDeque<u32>) {
    slot.notes.set_unsettled(slot.interest);
    list(slot, index, to_rearm);
}

fn list<B>(slot: &mut Slot<B>, index: u32, to_rearm: &mut VecDeque<u32>) {
    if !mem::replace(&mut slot.listed, true) {
        to_rearm.push_back(index);
    }
}

/// Numbers for registrations: none is given out twice in a process, so a key cannot come to mean a
/// later source, nor one of another selector.
///
/// Each selector takes a block of them at a time, so that registering shares nothing with other
/// threads. A token carries their lower bits only, and those wrap around.
struct Generations {
    next: u64,
    block_end: u64,
}

impl Generations {
    /// Numbers in a block: small under test, so that they run out.
    const BLOCK: u64 = if cfg!(any(test, selkie_small_generations)) { 1 << 3 } else { 1 << 32 };

    fn new() -> Self {
        Generations { next: 0, block_end: 0 }
    }

    fn next(&mut self) -> u64 {
        if self.next == self.block_end {
            static BLOCKS: AtomicU32 = AtomicU32::new(0);
            let block = u64::from(BLOCKS.fetch_add(1, Ordering::Relaxed));
            self.next = block * Self::BLOCK;
            self.block_end = self.next + Self::BLOCK;
        }
        let generation = self.next;
        self.next += 1;
        generation
    }
}
