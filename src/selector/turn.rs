//! One turn, in the order in which the documentation of `Selector` tells it.

use super::Selector;
use super::batch::Batch;
use super::holder::Holder;
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

impl<'cb> Selector<'cb> {
    pub(super) fn turn_until(&self, timeout: Option<Duration>) -> io::Result<usize> {
        let mut batch = Batch::new(self);
        self.repeat(timeout, |limit| self.turn_once(&mut batch, limit), |called| *called > 0)
    }

    pub(super) fn select_until(&self, timeout: Option<Duration>) -> io::Result<Vec<(AnyKey, Interest)>> {
        let mut batch = Batch::new(self);
        self.repeat(timeout, |limit| self.select_once(&mut batch, limit), |reported| !reported.is_empty())
    }

    /// Waits by `once` until something was told or the time is over.
    fn repeat<T>(
        &self,
        timeout: Option<Duration>,
        mut once: impl FnMut(Limit) -> io::Result<T>,
        is_something: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let started = timeout.filter(|timeout| !timeout.is_zero()).map(|_| Instant::now());
        let mut left = timeout;
        loop {
            let limit = self.prepare(left);
            let told = once(limit)?;
            if self.heed_signals() || is_something(&told) || matches!(limit, Limit::AtOnce) {
                return Ok(told);
            }
            if let (Some(timeout), Some(started)) = (timeout, started) {
                left = Some(timeout.saturating_sub(started.elapsed()));
            }
            // Something may have been reported of which nothing could be told yet: then the system
            // is asked again, if only in passing.
            if left == Some(Duration::ZERO) && !self.slots.borrow().has_unsettled() {
                return Ok(told);
            }
        }
    }

    #[inline]
    pub(super) fn turn_once(&self, batch: &mut Batch<'_, 'cb>, limit: Limit) -> io::Result<usize> {
        self.meter.count_turn();
        batch.fill(limit.timeout())?;
        let has_agenda = !self.agenda.is_empty();
        let timed_out = has_agenda && self.begin_agenda();
        // As a rule what the system reported can be told as it stands: each source once, and nothing
        // beside. Otherwise it is taken down first, and told then.
        let is_plain = readiness::REPORTS_ONCE && !batch.is_full() && !matches!(limit, Limit::AtOnce) && !timed_out;
        let mut called = if is_plain && !(readiness::DROPS_ON_HANG_UP && self.look_twice.get()) {
            self.tell(batch)
        } else {
            self.take_down(batch)?;
            self.tell_taken_down()
        };
        if has_agenda {
            called += self.call_due();
        }
        called += self.call_posted();
        self.meter.count_calls(called);
        #[cfg(debug_assertions)]
        self.verify();
        Ok(called)
    }

    /// As a turn, but that it answers with what it would have told.
    fn select_once(&self, batch: &mut Batch<'_, 'cb>, limit: Limit) -> io::Result<Vec<(AnyKey, Interest)>> {
        self.meter.count_turn();
        batch.fill(limit.timeout())?;
        let has_agenda = !self.agenda.is_empty();
        if has_agenda {
            self.begin_agenda();
        }
        self.take_down(batch)?;
        let mut reported = self.slots.borrow_mut().drain_ready();
        if has_agenda && self.agenda.has_due() || self.mailbox.calls() > 0 {
            reported.push((AnyKey::DUE, Interest::NONE));
        }
        Ok(reported)
    }

    /// Reads the clock, and takes down the timeouts that are over. True if there is one.
    fn begin_agenda(&self) -> bool {
        self.agenda.begin_turn();
        self.report_timeouts()
    }

    #[cfg(debug_assertions)]
    fn verify(&self) {
        self.slots.borrow().verify();
        self.agenda.verify();
    }

    // ---- waiting

    /// Asks the system about all that may still be ready, and tells how long there is to wait.
    #[inline]
    pub(super) fn prepare(&self, timeout: Option<Duration>) -> Limit {
        let nothing_to_do =
            self.slots.borrow().has_nothing_to_do() && self.agenda.is_empty() && !self.mailbox.has_mail();
        if nothing_to_do && !self.stopping.get() { Limit::Timeout(timeout) } else { self.prepare_something(timeout) }
    }

    #[inline(never)]
    fn prepare_something(&self, timeout: Option<Duration>) -> Limit {
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

    // ---- telling

    /// Calls the callback of each source in a batch.
    #[inline(always)]
    fn tell(&self, batch: &Batch<'_, 'cb>) -> usize {
        let mut passed_over = 0;
        let mut holder = Holder::empty(self);
        self.slots.borrow_mut().begin_telling();
        for event in batch.events() {
            batch.told.set(batch.told.get() + 1);
            let token = event.token().0;
            let told = match readiness::plain(event) {
                Some(ready) => self.slots.borrow_mut().take_plain(token, ready, &mut holder.body),
                None => self.slots.borrow_mut().take_reported(token, readiness::of(event), &mut holder.body),
            };
            if told == Interest::NONE {
                passed_over += 1;
                continue;
            }
            holder.dispatch(self, token::slot(token) as u32, told);
        }
        batch.count - passed_over
    }

    /// Takes down all that is ready, also what did not fit into `batch`.
    fn take_down(&self, batch: &mut Batch<'_, 'cb>) -> io::Result<()> {
        let mut seen = 0;
        let mut look_twice = self.look_twice.get();
        loop {
            seen += batch.count;
            batch.report();
            if self.slots.borrow().has_unsettled() {
                // Of some nothing could be told: the system is asked again at once.
                self.rearm_unsettled();
            } else if std::mem::take(&mut look_twice) {
                // See the field.
            } else if !batch.is_full() || seen > self.len() {
                // The system hands out in turn what is ready, so when as many events were seen as
                // there are sources, each that was ready is among them.
                break;
            }
            batch.fill(Some(Duration::ZERO))?;
        }
        batch.grow();
        if seen > 0 {
            self.look_twice.set(false);
        }
        self.slots.borrow_mut().report_always_ready();
        Ok(())
    }

    /// Calls the callback of each source that was taken down.
    fn tell_taken_down(&self) -> usize {
        let mut called = 0;
        let mut holder = Holder::empty(self);
        loop {
            let taken = self.slots.borrow_mut().take_next_ready(&mut holder.body);
            let Some((slot, told)) = taken else { return called };
            holder.dispatch(self, slot, told);
            called += 1;
        }
    }
}
