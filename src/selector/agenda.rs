//! What is called for another reason than that a source is ready: because its time has come.

use super::Selector;
use crate::key::AnyKey;
use crate::schedule::{EntryId, Moment, Schedule};
use crate::timeouts::Timeouts;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// A wait takes no longer than this, so that no system has to be asked for more than it can do.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What was scheduled.
pub(crate) enum Call<'cb> {
    Once(Box<dyn FnOnce(&Selector<'cb>) + 'cb>),
    Every(Repeated<'cb>),
}

pub(crate) struct Repeated<'cb> {
    /// Nanoseconds, at least one.
    pub(crate) period: u64,
    pub(crate) callback: Box<dyn FnMut(&Selector<'cb>) + 'cb>,
}

/// Timers, deferred calls, and the timeouts of sources.
pub(crate) struct Agenda<'cb> {
    started: Instant,
    pub(crate) schedule: RefCell<Schedule<Call<'cb>>>,
    pub(crate) timeouts: RefCell<Timeouts>,
    /// When the last wait was over. It stands still while there is nothing on the agenda.
    now: Cell<Moment>,
    /// What was scheduled since then is not called in this turn.
    newcomers: Cell<u64>,
}

impl Agenda<'_> {
    pub(super) fn new() -> Self {
        Agenda {
            started: Instant::now(),
            schedule: RefCell::new(Schedule::new()),
            timeouts: RefCell::new(Timeouts::new()),
            now: Cell::new(0),
            newcomers: Cell::new(0),
        }
    }

    /// Whether no time is of any interest.
    pub(super) fn is_empty(&self) -> bool {
        self.schedule.borrow().is_empty() && self.timeouts.borrow().is_empty()
    }

    pub(crate) fn moment(&self, when: Instant) -> Moment {
        Moment::try_from(when.saturating_duration_since(self.started).as_nanos()).unwrap_or(Moment::MAX)
    }

    /// The moment that is `delay` from now.
    pub(crate) fn after(&self, delay: Duration) -> Moment {
        self.moment(Instant::now()).saturating_add(nanoseconds(delay))
    }

    /// How long a wait may take that is to take no longer than `timeout`.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        let mut schedule = self.schedule.borrow_mut();
        if schedule.has_soon() {
            return Some(Duration::ZERO);
        }
        let next = [schedule.next(), self.timeouts.borrow_mut().next()].into_iter().flatten().min();
        let Some(next) = next else { return timeout };
        let left = Duration::from_nanos(next.saturating_sub(self.moment(Instant::now()))).min(WAIT_MAX);
        Some(timeout.map_or(left, |timeout| timeout.min(left)))
    }

    /// A wait is over: reads the clock, once for the whole turn.
    pub(super) fn begin_turn(&self) {
        self.now.set(self.moment(Instant::now()));
        self.newcomers.set(self.schedule.borrow_mut().begin_turn());
    }

    pub(super) fn now(&self) -> Moment {
        self.now.get()
    }

    /// Whether there is anything to be called in this turn.
    pub(super) fn has_due(&self) -> bool {
        let mut schedule = self.schedule.borrow_mut();
        schedule.has_soon() || schedule.next().is_some_and(|next| next <= self.now())
    }

    #[cfg(debug_assertions)]
    pub(super) fn verify(&self) {
        self.schedule.borrow().verify();
        self.timeouts.borrow().verify();
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl<'cb> Selector<'cb> {
    /// Calls what is due, and then what was deferred. Answers how many that were.
    pub(super) fn call_due(&self) -> usize {
        let (now, newcomers) = (self.agenda.now(), self.agenda.newcomers.get());
        let mut called = 0;
        loop {
            // Each time anew: anything may have been scheduled, reset or cancelled by the last one.
            let taken = self.agenda.schedule.borrow_mut().take_due(now, newcomers);
            let Some((id, call)) = taken else { break };
            self.call_scheduled(id, call, "timer");
            called += 1;
        }
        loop {
            let taken = self.agenda.schedule.borrow_mut().take_soon(newcomers);
            let Some((id, call)) = taken else { return called };
            self.call_scheduled(id, call, "deferred call");
            called += 1;
        }
    }

    fn call_scheduled(&self, id: EntryId, call: Call<'cb>, what: &'static str) {
        match call {
            Call::Once(callback) => {
                self.agenda.schedule.borrow_mut().remove(id);
                self.meter.watch(what, || callback(self));
            }
            Call::Every(repeated) => {
                let repeated = InUse { selector: self, id, repeated: Some(repeated) };
                self.meter.watch(what, || repeated.call());
            }
        }
    }

    /// Takes down each source whose timeout is over. True if there is one.
    pub(super) fn report_timeouts(&self) -> bool {
        let now = self.agenda.now();
        let mut any = false;
        while let Some(key) = self.agenda.timeouts.borrow_mut().take_due(now) {
            self.slots.borrow_mut().report_timeout(key);
            any = true;
        }
        any
    }

    /// A source was called, so its timeout counts anew.
    #[cold]
    pub(super) fn put_off_timeout(&self, slot: u32) {
        self.agenda.timeouts.borrow_mut().put_off(slot, self.agenda.now());
    }

    pub(crate) fn change_timeout(&self, key: AnyKey, timeout: Option<Duration>) -> bool {
        if !self.slots.borrow_mut().set_timed(key, timeout.is_some()) {
            return false;
        }
        let agenda = self.agenda();
        let mut timeouts = agenda.timeouts.borrow_mut();
        match timeout {
            Some(timeout) => {
                timeouts.set(key, nanoseconds(timeout), agenda.after(timeout));
            }
            None => timeouts.remove(key.slot),
        }
        true
    }
}

/// A repeated call while it is being called. Dropped without having returned (it panicked), it takes
/// itself off the agenda.
struct InUse<'s, 'cb> {
    selector: &'s Selector<'cb>,
    id: EntryId,
    repeated: Option<Repeated<'cb>>,
}

impl InUse<'_, '_> {
    fn call(mut self) {
        let Some(repeated) = &mut self.repeated else { return };
        (repeated.callback)(self.selector);
        // Anything may have changed: it may have been cancelled, or reset.
        let agenda = &self.selector.agenda;
        let mut schedule = agenda.schedule.borrow_mut();
        let gone = match (self.repeated.take(), schedule.due_at(self.id)) {
            (Some(repeated), Some(due)) => {
                let at = next_of(due, repeated.period, agenda.now());
                schedule.put_back(self.id, Call::Every(repeated), at)
            }
            (repeated, _) => repeated.map(Call::Every),
        };
        drop(schedule);
        drop(gone);
    }
}

impl Drop for InUse<'_, '_> {
    fn drop(&mut self) {
        if self.repeated.is_some() {
            self.selector.agenda.schedule.borrow_mut().remove(self.id);
        }
    }
}

/// The first moment after `now` that is a whole number of periods after `due`.
fn next_of(due: Moment, period: u64, now: Moment) -> Moment {
    let missed = now.saturating_sub(due) / period;
    due.saturating_add(period.saturating_mul(missed.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn period_that_was_missed_is_skipped_and_the_phase_kept() {
        assert_eq!(next_of(100, 10, 100), 110);
        assert_eq!(next_of(100, 10, 109), 110);
        assert_eq!(next_of(100, 10, 110), 120);
        assert_eq!(next_of(100, 10, 157), 160);
    }

    #[test]
    fn period_without_end_is_never_over() {
        assert_eq!(next_of(100, u64::MAX, 100), Moment::MAX);
    }
}
