//! Calls at a given time.

use crate::schedule::EntryId;
use crate::selector::{Call, Repeated, Selector, nanoseconds};
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// A handle to something scheduled: `Copy`, and good to keep anywhere.
///
/// [`call_soon`](Selector::call_soon), [`call_later`](Selector::call_later),
/// [`call_at`](Selector::call_at) and [`call_every`](Selector::call_every) hand it out, for
/// [`cancel`](Selector::cancel) and [`reset`](Selector::reset). Once its call has begun, or was
/// cancelled, it is stale and stays so; that of `call_every` is good until it is cancelled. It never
/// comes to mean a later one, nor one of another selector.
///
/// Dropping it cancels nothing.
#[doc(alias = "TimerHandle")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer(EntryId);

/// # Time
///
/// What is scheduled is called once its time has come, on the thread of the selector, in a turn: by
/// [`run`](Selector::run), [`turn`](Selector::turn), or the loop over [`select`](Selector::select). A
/// callback is given the selector.
///
/// * It is never called early, and as soon after its time as the turn allows: a turn's wait ends when
///   the next one is due, on epoll to the millisecond above.
/// * What is due in the same turn is called in the order of the times, and at equal times in the order
///   of scheduling; after the sources that were ready, and before deferred calls.
/// * What is scheduled in a turn is called in a later one, so a call that schedules itself anew, be it
///   at once, keeps nobody else waiting.
/// * While anything is scheduled, `run` goes on.
/// * A time further off than some 584 years is never reached, and no error: [`Duration::MAX`] will do.
///
/// An error has nowhere to go, so these callbacks return nothing. One that panics is off the agenda
/// by then; the panic goes on out of `run`, which may be called again.
impl<'cb> Selector<'cb> {
    /// Has `callback` called in the next turn, which does not wait for anything: after its sources
    /// and timers, and in the order of deferring.
    ///
    /// # From inside a callback
    ///
    /// As from outside: it is called in a later turn than this. It is how to do what cannot be done
    /// here and now, such as to take out the very source whose callback is being called.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// sel.call_soon(|sel| {
    ///     println!("on the loop");
    ///     sel.stop();
    /// });
    /// sel.run()
    /// # }
    /// ```
    pub fn call_soon(&self, callback: impl FnOnce(&Selector<'cb>) + 'cb) -> Timer {
        Timer(self.agenda().schedule.borrow_mut().soon(Call::Once(Box::new(callback))))
    }

    /// Has `callback` called once, `delay` from now or a little later.
    ///
    /// # From inside a callback
    ///
    /// As from outside, and `delay` counts from this call, not from the beginning of the turn.
    ///
    /// ```
    /// # use selkie::Selector;
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let begun = Instant::now();
    /// let sel = Selector::new()?;
    /// sel.call_later(Duration::from_millis(20), |_| println!("twenty milliseconds on"));
    /// sel.run()?;
    /// assert!(begun.elapsed() >= Duration::from_millis(20));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "set_timeout")]
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce(&Selector<'cb>) + 'cb) -> Timer {
        let at = self.agenda().after(delay);
        Timer(self.agenda().schedule.borrow_mut().at(at, Call::Once(Box::new(callback))))
    }

    /// Has `callback` called once, at the time `when` or a little later. A time that has passed is due
    /// in the next turn.
    ///
    /// # From inside a callback
    ///
    /// As from outside.
    pub fn call_at(&self, when: Instant, callback: impl FnOnce(&Selector<'cb>) + 'cb) -> Timer {
        let at = self.agenda().moment(when);
        Timer(self.agenda().schedule.borrow_mut().at(at, Call::Once(Box::new(callback))))
    }

    /// Has `callback` called every `period`, first when one has passed.
    ///
    /// It keeps to its phase: the times are whole numbers of periods from now, however late each call
    /// was. A time that went by while something else kept the loop busy is made up for by one call, and
    /// those that went by beside it are skipped; there is no burst. A period of zero means in every turn,
    /// which then waits for nothing.
    ///
    /// # From inside a callback
    ///
    /// As from outside. It may cancel and reset itself too; it is dropped when it returns then.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # use std::time::Duration;
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// let mut ticks = 0;
    /// sel.call_every(Duration::from_millis(5), move |sel| {
    ///     ticks += 1;
    ///     if ticks == 3 {
    ///         sel.stop();
    ///     }
    /// });
    /// sel.run()
    /// # }
    /// ```
    #[doc(alias = "set_interval")]
    pub fn call_every(&self, period: Duration, callback: impl FnMut(&Selector<'cb>) + 'cb) -> Timer {
        let at = self.agenda().after(period);
        let repeated = Repeated { period: nanoseconds(period).max(1), callback: Box::new(callback) };
        Timer(self.agenda().schedule.borrow_mut().at(at, Call::Every(repeated)))
    }

    /// Takes back what was scheduled, and drops its callback at once. False if there is nothing to
    /// take back: it was called, or cancelled before.
    ///
    /// # From inside a callback
    ///
    /// At once, also for one that is due in this turn. A repeated one that cancels itself is dropped
    /// when it returns.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # use std::time::Duration;
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// let timer = sel.call_later(Duration::MAX, |_| unreachable!());
    /// assert!(sel.cancel(timer));
    /// assert!(!sel.cancel(timer));
    /// sel.run() // nothing is left to wait for
    /// # }
    /// ```
    pub fn cancel(&self, timer: Timer) -> bool {
        let removed = self.agenda().schedule.borrow_mut().remove(timer.0);
        // The callback is dropped here, and what it captured may do anything as it goes.
        removed.is_some()
    }

    /// Has what was scheduled called `delay` from now instead; what is repeated goes on from there. It
    /// keeps its callback and its handle, and counts as scheduled now.
    ///
    /// # From inside a callback
    ///
    /// At once, also for one that is due in this turn, and for a repeated one from inside itself.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if it was called or cancelled.
    pub fn reset(&self, timer: Timer, delay: Duration) -> io::Result<()> {
        let at = self.agenda().after(delay);
        if self.agenda().schedule.borrow_mut().reset(timer.0, at) {
            Ok(())
        } else {
            Err(io::Error::new(ErrorKind::NotFound, format!("nothing is scheduled as {timer:?} any more")))
        }
    }

    /// Whether a call is scheduled under `timer`: it is neither cancelled nor, if it is called only once,
    /// called.
    pub fn is_scheduled(&self, timer: Timer) -> bool {
        self.agenda().schedule.borrow().contains(timer.0)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timer(#{})", self.0.generation)
    }
}
