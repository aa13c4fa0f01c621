//! Numbers for registrations and timers: none is given out twice in a process, so a handle cannot
//! come to mean a later thing, nor one of another selector.
//!
//! Each selector takes a block of them at a time, so that registering shares nothing with other
//! threads. A token carries their lower bits only, and those wrap around.

use std::sync::atomic::{AtomicU32, Ordering};

/// Within one of these the numbers ascend.
pub(crate) struct Generations {
    next: u64,
    block_end: u64,
}

impl Generations {
    /// Numbers in a block: small under test, so that they run out.
    const BLOCK: u64 = if cfg!(any(test, selkie_small_generations)) { 1 << 3 } else { 1 << 32 };

    pub(crate) fn new() -> Self {
        Generations { next: 0, block_end: 0 }
    }

    pub(crate) fn next(&mut self) -> u64 {
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

    /// Not above any number that is given out from now on, and above all that were.
    pub(crate) fn upcoming(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn generations_are_never_given_out_twice_and_ascend() {
        let mut one = Generations::new();
        let mut another = Generations::new();
        let mut given = HashSet::new();
        for generations in [&mut one, &mut another] {
            let numbers: Vec<u64> = (0..3 * Generations::BLOCK).map(|_| generations.next()).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b));
            assert!(numbers.into_iter().all(|number| given.insert(number)));
        }
        // And so in turns.
        for _ in 0..3 * Generations::BLOCK {
            assert!(given.insert(one.next()) && given.insert(another.next()));
        }
    }

    #[test]
    fn upcoming_number_divides_those_given_out_from_those_to_come() {
        let mut generations = Generations::new();
        for _ in 0..3 * Generations::BLOCK {
            let divide = generations.upcoming();
            let given = generations.next();
            assert!(given >= divide && given < generations.upcoming());
        }
    }
}
