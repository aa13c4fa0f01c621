//! Handles to registrations.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// A handle to a registered source of type `S`: `Copy`, and good to keep anywhere.
///
/// [`Selector::register`](crate::Selector::register) hands it out, and
/// [`Source::key`](crate::Source::key) tells it to a callback. When its source is gone the key is
/// stale and stays so: it never comes to mean a later source, even one that took the same place or
/// has the same descriptor, nor a source of another selector. Methods that take a stale key answer
/// [`NotFound`](std::io::ErrorKind::NotFound), but for [`call`](crate::Selector::call), which passes
/// it over.
///
/// It prints as `#17`: the registration's number, unlike any other in the process.
pub struct Key<S> {
    any: AnyKey,
    source: PhantomData<fn() -> S>,
}

/// A [`Key`] without the type of its source, as [`Selector::select`](crate::Selector::select)
/// reports it. [`Selector::typed`](crate::Selector::typed) finds the typed key again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnyKey {
    /// Where in the slab.
    pub(crate) slot: u32,
    /// Which of all that ever stood there.
    pub(crate) generation: u64,
}

impl AnyKey {
    /// Stands for all timers and calls, deferred or posted, that are due, in the answer of
    /// [`Selector::select`](crate::Selector::select): [`call`](crate::Selector::call) calls them. No
    /// source has it.
    // As a slot, it is one more than there can be.
    pub const DUE: AnyKey = AnyKey { slot: u32::MAX, generation: u64::MAX };
}

impl<S> Key<S> {
    pub(crate) fn new(any: AnyKey) -> Self {
        Key { any, source: PhantomData }
    }
}

impl<S> From<Key<S>> for AnyKey {
    fn from(key: Key<S>) -> AnyKey {
        key.any
    }
}

// By hand, because derived they would ask the same of `S`.
impl<S> Clone for Key<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Key<S> {}

impl<S> PartialEq for Key<S> {
    fn eq(&self, other: &Self) -> bool {
        self.any == other.any
    }
}

impl<S> Eq for Key<S> {}

impl<S> PartialEq<AnyKey> for Key<S> {
    fn eq(&self, other: &AnyKey) -> bool {
        self.any == *other
    }
}

impl<S> PartialEq<Key<S>> for AnyKey {
    fn eq(&self, other: &Key<S>) -> bool {
        *self == other.any
    }
}

impl<S> Hash for Key<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.any.hash(state);
    }
}

impl<S> fmt::Display for Key<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}

impl<S> fmt::Debug for Key<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key<{}>({})", type_name::<S>(), self.any)
    }
}

impl fmt::Display for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DUE { f.write_str("#due") } else { write!(f, "#{}", self.generation) }
    }
}

impl fmt::Debug for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyKey({self})")
    }
}

/// What the system is given to name a source by: the slot, and as much of the generation as fits.
///
/// The part of the generation matters for one case only. A descriptor that was closed behind the
/// selector's back while a duplicate of it lives on stays in an epoll set under its old token, and
/// nothing can take it out; its events must not reach whoever has the slot now.
pub(crate) mod token {
    use super::AnyKey;

    const SLOT_BITS: u32 = if usize::BITS >= 64 { 32 } else { 20 };
    const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;

    /// How much of the generation fits: under test so little that it soon comes round.
    const GENERATION_BITS: u32 = if cfg!(selkie_small_generations) { 3 } else { usize::BITS - SLOT_BITS };

    /// Whether tokens can come round while one batch of events is told: with 32 bits they cannot, for
    /// want of time and memory.
    pub(crate) const COMES_ROUND: bool = GENERATION_BITS < 32 || cfg!(test);
    const GENERATION_MASK: usize = usize::MAX >> (usize::BITS - GENERATION_BITS);

    /// How many sources a selector can hold.
    pub(crate) const SLOTS_MAX: usize = SLOT_MASK;

    pub(crate) fn pack(key: AnyKey) -> usize {
        (key.generation as usize & GENERATION_MASK) << SLOT_BITS | key.slot as usize
    }

    pub(crate) fn slot(token: usize) -> usize {
        token & SLOT_MASK
    }

    /// Whether `token` was packed for `generation`, as far as a token can tell.
    pub(crate) fn is_of(token: usize, generation: u64) -> bool {
        token >> SLOT_BITS == generation as usize & GENERATION_MASK
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn packed_key_comes_apart_again() {
            let key = AnyKey { slot: 77, generation: (5 << 32) + 3 };
            assert_eq!(slot(pack(key)), 77);
            assert!(is_of(pack(key), key.generation));
            assert!(!is_of(pack(key), key.generation + 1));
        }
    }
}
