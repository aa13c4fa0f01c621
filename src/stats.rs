//! What a selector knows about itself.

use crate::key::AnyKey;
use crate::selector::Selector;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// From when on a callback is reported as slow, in builds with debug assertions.
const SLOW_AT_FIRST: Option<Duration> = if cfg!(debug_assertions) { Some(Duration::from_millis(100)) } else { None };

/// What a selector did since it came to be, and what it holds now: see [`Selector::stats`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Turns, and calls of [`select`](Selector::select).
    pub turns: u64,
    /// Calls into the system to wait, or to look without waiting. At least one per turn.
    pub waits: u64,
    /// Events that the system reported: a source each, as a rule, and one for each time that another
    /// thread woke the selector.
    pub events: u64,
    /// Callbacks that returned: of sources, timers, deferred and posted calls. Those of a turn count when
    /// it is over, and one that ends in a panic is not counted.
    pub calls: u64,
    /// Calls of a source whose first operation by a method of [`Source`](crate::Source) said "would
    /// block". There are some where two read from the same descriptor, and with urgent data; many mean
    /// that something is amiss.
    pub spurious_calls: u64,
    /// How long the waits took; zero while callbacks are not [timed](Selector::set_slow_callback_duration).
    pub time_waiting: Duration,
    /// How long the callbacks took; zero while they are not timed.
    pub time_in_callbacks: Duration,
    /// The one that took longest, of those that were timed.
    pub slowest_callback: Option<SlowCallback>,
    /// Sources that are registered.
    pub sources: usize,
    /// Sources of which the system will be asked before the next wait whether they are still ready.
    pub unsettled: usize,
    /// Sources that have a timeout.
    pub timeouts: usize,
    /// Calls that are scheduled: timers, and those that are deferred.
    pub timers: usize,
    /// Calls that other threads have posted, and that wait for the end of the turn.
    pub posted: usize,
    /// Jobs that were given to workers, and whose `done` was not called yet.
    pub jobs: usize,
}

/// A callback that took a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowCallback {
    /// The key of its source, which may be gone by now. [`AnyKey::DUE`] for what belongs to no source.
    pub key: AnyKey,
    /// The name of the type of its source; "timer", "deferred call" or "posted call" where there is none.
    pub source_type: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// # Self-knowledge
impl Selector<'_> {
    /// What the selector did since it came to be, and what it holds now.
    ///
    /// Counting costs a few instructions per turn, and is always done. Times are zero unless callbacks
    /// are timed, see [`set_slow_callback_duration`](Self::set_slow_callback_duration).
    ///
    /// # From inside a callback
    ///
    /// At once; the calls of the present turn are not in it.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// sel.call_soon(|_| {});
    /// assert_eq!(sel.stats().timers, 1);
    /// sel.run()?;
    /// let stats = sel.stats();
    /// assert_eq!((stats.turns, stats.calls, stats.timers), (1, 1, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        let meter = self.meter();
        let holds = self.holds();
        Stats {
            turns: meter.turns.get(),
            waits: meter.waits.get(),
            events: meter.events.get(),
            calls: meter.calls.get(),
            spurious_calls: meter.spurious_calls.get(),
            time_waiting: meter.time_waiting.get(),
            time_in_callbacks: meter.time_in_callbacks.get(),
            slowest_callback: meter.slowest_callback.get(),
            ..holds
        }
    }

    /// Has callbacks timed, and each that takes `slow` or longer reported by a `log::warn!` with its key
    /// and the type of its source: while it was being called, nobody else was. `None` times nothing.
    ///
    /// To begin with it is 100 milliseconds in builds with debug assertions, and `None` in others:
    /// asyncio has the same length, in its debug mode. To time them costs two readings of the clock per
    /// call and two per wait; not to time them, a comparison.
    ///
    /// # From inside a callback
    ///
    /// At once, though not for callbacks that are being called.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # use std::{thread, time::Duration};
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// sel.set_slow_callback_duration(Some(Duration::from_millis(5)));
    /// sel.call_soon(|_| thread::sleep(Duration::from_millis(10))); // is reported
    /// sel.run()?;
    /// let slowest = sel.stats().slowest_callback.expect("there was one");
    /// assert!(slowest.took >= Duration::from_millis(10));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn set_slow_callback_duration(&self, slow: Option<Duration>) {
        self.meter().slow.set(slow);
    }
}

/// Counts and times for a selector.
pub(crate) struct Meter {
    turns: Cell<u64>,
    waits: Cell<u64>,
    events: Cell<u64>,
    calls: Cell<u64>,
    spurious_calls: Cell<u64>,
    time_waiting: Cell<Duration>,
    time_in_callbacks: Cell<Duration>,
    slowest_callback: Cell<Option<SlowCallback>>,
    /// From when on a callback is slow; `None` if none is timed.
    slow: Cell<Option<Duration>>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter {
            turns: Cell::new(0),
            waits: Cell::new(0),
            events: Cell::new(0),
            calls: Cell::new(0),
            spurious_calls: Cell::new(0),
            time_waiting: Cell::new(Duration::ZERO),
            time_in_callbacks: Cell::new(Duration::ZERO),
            slowest_callback: Cell::new(None),
            slow: Cell::new(SLOW_AT_FIRST),
        }
    }

    #[inline]
    pub(crate) fn count_turn(&self) {
        self.turns.set(self.turns.get() + 1);
    }

    #[inline]
    pub(crate) fn count_wait(&self) {
        self.waits.set(self.waits.get() + 1);
    }

    #[inline]
    pub(crate) fn count_events(&self, events: usize) {
        self.events.set(self.events.get() + events as u64);
    }

    #[inline]
    pub(crate) fn count_calls(&self, calls: usize) {
        self.calls.set(self.calls.get() + calls as u64);
    }

    pub(crate) fn count_spurious_call(&self) {
        self.spurious_calls.set(self.spurious_calls.get() + 1);
    }

    #[inline(always)]
    pub(crate) fn is_timing(&self) -> bool {
        self.slow.get().is_some()
    }

    pub(crate) fn add_time_waiting(&self, took: Duration) {
        self.time_waiting.set(self.time_waiting.get().saturating_add(took));
    }

    /// Does `call`, the callback of a source, and times it.
    #[cold]
    pub(crate) fn time<T>(&self, key: AnyKey, source_type: &'static str, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let value = call();
        let took = began.elapsed();
        self.time_in_callbacks.set(self.time_in_callbacks.get().saturating_add(took));
        if self.slowest_callback.get().is_none_or(|slowest| slowest.took < took) {
            self.slowest_callback.set(Some(SlowCallback { key, source_type, took }));
        }
        // It may have been set by the callback itself.
        if self.slow.get().is_some_and(|slow| took >= slow) {
            log::warn!("the callback of {key} ({source_type}) took {took:?}: nobody else was called meanwhile");
        }
        value
    }

    /// Does `call`, which belongs to no source, and times it if anything is timed.
    #[inline]
    pub(crate) fn watch<T>(&self, what: &'static str, call: impl FnOnce() -> T) -> T {
        if self.is_timing() { self.time(AnyKey::DUE, what, call) } else { call() }
    }
}
