//! One turn, in the order in which the documentation of `Selector` tells it.

use super::batch::Batch;
use super::holder::Holder;
use super::{Busy, Selector};
use crate::interest::Interest;
use crate::key::{AnyKey, token};
use crate::readiness;
use std::io;
use std::time::{Duration, Instant};

/// How long a wait may take.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// As long as the caller said.
    Timeout(Option<Duration>),
    /// Not at all: a source was lost in preparing it, something is always ready, a timeout was not told
    /// yet, or `stop` was called.
    AtOnce,
}

impl Limit {
    fn timeout(self) -> Option<Duration> {
        match self {
            Limit::Timeout(timeout) => timeout,
            Limit::AtOnce => Some(Duration::ZERO),
        }
    }
}

/// Turns that follow each other, and what they have in common: the buffer for events, and a holder.
/// While it exists, nobody else may wait.
pub(super) struct Turns<'s, 'cb> {
    selector: &'s Selector<'cb>,
    /// Dropped first: what a panic has left in it is foreign code.
    holder: Holder<'s, 'cb>,
    batch: Batch<'s, 'cb>,
    _busy: Busy<'s>,
}

impl<'s, 'cb> Turns<'s, 'cb> {
    pub(super) fn begin(selector: &'s Selector<'cb>) -> io::Result<Self> {
        let busy = Busy::outermost(selector)?;
        Ok(Turns { selector, holder: Holder::for_calls(selector), batch: Batch::new(selector), _busy: busy })
    }

    pub(super) fn turn_until(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.repeat(timeout, Self::turn_once, |called| *called > 0)
    }

    pub(super) fn select_until(&mut self, timeout: Option<Duration>) -> io::Result<Vec<(AnyKey, Interest)>> {
        self.repeat(timeout, Self::select_once, |reported| !reported.is_empty())
    }

    /// Waits by `once` until something was told or the time is over.
    fn repeat<T>(
        &mut self,
        timeout: Option<Duration>,
        once: impl Fn(&mut Self, Limit) -> io::Result<T>,
        is_something: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let selector = self.selector;
        let started = timeout.filter(|timeout| !timeout.is_zero()).map(|_| Instant::now());
        let mut left = timeout;
        loop {
            let limit = selector.prepare(left);
            let told = once(self, limit)?;
            if selector.heed_signals() || is_something(&told) || matches!(limit, Limit::AtOnce) {
                return Ok(told);
            }
            if let (Some(timeout), Some(started)) = (timeout, started) {
                left = Some(timeout.saturating_sub(started.elapsed()));
            }
            // Something may have been reported of which nothing could be told yet: then the system
            // is asked again, if only in passing.
            if left == Some(Duration::ZERO) && !selector.slots.borrow().has_unsettled() {
                return Ok(told);
            }
        }
    }

    #[inline(always)]
    pub(super) fn turn_once(&mut self, limit: Limit) -> io::Result<usize> {
        let selector = self.selector;
        selector.meter.count_turn();
        self.batch.fill(limit.timeout())?;
        let has_agenda = selector.has_other_business.get() && !selector.agenda.is_empty();
        let timed_out = has_agenda && selector.begin_agenda();
        // As a rule what the system reported can be told as it stands: each source once, and nothing
        // beside. Otherwise it is taken down first, and told then.
        let is_plain =
            readiness::REPORTS_ONCE && !self.batch.is_full() && !matches!(limit, Limit::AtOnce) && !timed_out;
        let mut called = if is_plain && !(readiness::DROPS_ON_HANG_UP && selector.look_twice.get()) {
            self.tell()
        } else {
            self.take_down()?;
            self.tell_taken_down()
        };
        if selector.has_other_business.get() {
            called += selector.call_others(has_agenda);
        }
        selector.meter.count_calls(called);
        #[cfg(debug_assertions)]
        selector.verify();
        Ok(called)
    }

    /// As a turn, but that it answers with what it would have told.
    fn select_once(&mut self, limit: Limit) -> io::Result<Vec<(AnyKey, Interest)>> {
        let selector = self.selector;
        selector.meter.count_turn();
        self.batch.fill(limit.timeout())?;
        let has_agenda = !selector.agenda.is_empty();
        if has_agenda {
            selector.begin_agenda();
        }
        self.take_down()?;
        let mut reported = selector.slots.borrow_mut().drain_ready();
        if has_agenda && selector.agenda.has_due() || selector.mailbox.calls() > 0 {
            reported.push((AnyKey::DUE, Interest::NONE));
        }
        Ok(reported)
    }

    // ---- telling

    /// Calls the callback of each source in the batch.
    #[inline(always)]
    fn tell(&mut self) -> usize {
        let selector = self.selector;
        let Turns { holder, batch, .. } = self;
        let mut passed_over = 0;
        let mut table = selector.slots.borrow_mut();
        table.begin_telling();
        for event in batch.events() {
            batch.told.set(batch.told.get() + 1);
            let token = event.token().0;
            let told = match readiness::plain(event) {
                Some(ready) => table.take_plain(token, ready, &mut holder.body),
                None => table.take_reported(token, readiness::of(event), &mut holder.body),
            };
            if told == Interest::NONE {
                passed_over += 1;
                continue;
            }
            table = holder.dispatch(selector, table, token::slot(token) as u32, told);
        }
        batch.count - passed_over
    }

    /// Takes down all that is ready, also what did not fit into the batch.
    fn take_down(&mut self) -> io::Result<()> {
        let selector = self.selector;
        let Turns { batch, .. } = self;
        let mut seen = 0;
        let mut look_twice = selector.look_twice.get();
        loop {
            seen += batch.count;
            batch.report();
            if selector.slots.borrow().has_unsettled() {
                // Of some nothing could be told: the system is asked again at once.
                selector.rearm_unsettled();
            } else if std::mem::take(&mut look_twice) {
                // See the field.
            } else if !batch.is_full() || seen > selector.len() {
                // The system hands out in turn what is ready, so when as many events were seen as
                // there are sources, each that was ready is among them.
                break;
            }
            batch.fill(Some(Duration::ZERO))?;
        }
        batch.grow();
        if seen > 0 {
            selector.look_twice.set(false);
        }
        selector.slots.borrow_mut().report_always_ready();
        Ok(())
    }

    /// Calls the callback of each source that was taken down.
    fn tell_taken_down(&mut self) -> usize {
        let selector = self.selector;
        let holder = &mut self.holder;
        let mut called = 0;
        let mut table = selector.slots.borrow_mut();
        while let Some((slot, told)) = table.take_next_ready(&mut holder.body) {
            table = holder.dispatch(selector, table, slot, told);
            called += 1;
        }
        called
    }
}

impl Selector<'_> {
    /// Reads the clock, and takes down the timeouts that are over. True if there is one.
    fn begin_agenda(&self) -> bool {
        self.agenda.begin_turn();
        self.report_timeouts()
    }

    /// Calls what there is beside sources; what is on the agenda, if that was begun in this turn.
    #[inline(never)]
    fn call_others(&self, has_agenda: bool) -> usize {
        let due = if has_agenda { self.call_due() } else { 0 };
        due + self.call_posted()
    }

    #[cfg(debug_assertions)]
    fn verify(&self) {
        self.slots.borrow().verify();
        self.agenda.verify();
    }

    // ---- waiting

    /// Whether a wait can begin as things stand, and has sources to wait for and nothing beside.
    #[inline]
    pub(super) fn is_at_rest(&self) -> bool {
        let slots = self.slots.borrow();
        slots.has_nothing_to_do() && !slots.nothing_asked() && !self.has_other_business.get()
    }

    /// Asks the system about all that may still be ready, and tells how long there is to wait.
    pub(super) fn prepare(&self, timeout: Option<Duration>) -> Limit {
        let others = self.stopping.get() || self.mailbox.is_open() || !self.agenda.is_empty();
        self.has_other_business.set(others);
        let untold = self.slots.borrow_mut().forget_ready();
        let lost = self.rearm_unsettled();
        if untold || lost || self.slots.borrow().has_always_ready() || self.stopping.get() {
            Limit::AtOnce
        } else if self.mailbox.has_mail() {
            Limit::Timeout(Some(Duration::ZERO))
        } else {
            Limit::Timeout(self.agenda.limit(timeout))
        }
    }

    /// Asks the system again about every source that may still be ready. True if one was lost in
    /// that.
    fn rearm_unsettled(&self) -> bool {
        let mut lost = false;
        loop {
            let next = self.slots.borrow_mut().next_to_rearm();
            let Some(key) = next else { return lost };
            let Ok(mut holder) = self.take(key) else { continue };
            match holder.rearm() {
                Ok(()) => holder.put_back(),
                Err(error) => {
                    lost = true;
                    holder.lose(error);
                }
            }
        }
    }
}
