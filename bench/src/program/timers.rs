//! Many timers: started, cancelled in another order, started once more and left to fire.

use super::clock::processor_time;
use crate::Result;
use std::env::Args;
use std::iter::Skip;
use std::time::Duration;

/// Timers that are to be cancelled, and are far away.
const FAR_MS: u64 = 10_000;
/// Timers that are to fire do so within this.
const NEAR_MS: u64 = 500;

/// A loop that has timers. Each counts one when it fires.
pub trait Timers {
    type Timer;

    /// Starts a timer that can be cancelled.
    fn start(&mut self, delay: Duration) -> Self::Timer;

    fn cancel(&mut self, timer: Self::Timer);

    /// Starts a timer that is left alone.
    fn start_and_leave(&mut self, delay: Duration) {
        self.start(delay);
    }

    /// Runs until so many have fired.
    fn run(&mut self, fired: usize) -> Result<()>;
}

/// Be the program: of `COUNT`.
pub fn run<T: Timers>(mut timers: T, args: &mut Skip<Args>) -> Result<()> {
    let count: usize = args.next().ok_or("usage: COUNT")?.parse()?;
    let mut random = Random(1);
    let mut some_of = |most_ms: u64| -> Vec<Duration> {
        (0..count).map(|_| Duration::from_micros(random.below(most_ms * 1000))).collect()
    };
    let far: Vec<Duration> = some_of(FAR_MS).iter().map(|more| Duration::from_millis(FAR_MS) + *more).collect();
    let near = some_of(NEAR_MS);

    let begin = processor_time();
    let mut started: Vec<T::Timer> = far.into_iter().map(|delay| timers.start(delay)).collect();
    let start = processor_time() - begin;

    random.shuffle(&mut started);
    let begin = processor_time();
    started.into_iter().for_each(|timer| timers.cancel(timer));
    let cancel = processor_time() - begin;

    near.into_iter().for_each(|delay| timers.start_and_leave(delay));
    let begin = processor_time();
    timers.run(count)?;
    let fire = processor_time() - begin;

    for (what, time) in [("start", start), ("cancel", cancel), ("fire", fire), ("do all three", start + cancel + fire)]
    {
        println!("ns to {what} = {}", time / count as f64);
    }
    Ok(())
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffled_is_the_same_in_another_order() {
        let mut all: Vec<usize> = (0..100).collect();
        Random(1).shuffle(&mut all);
        assert_ne!(all, (0..100).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
}
