//! A body that is out of its slot: whatever is done with a source is done here.

use super::Selector;
use crate::error::{SourceError, Unavailable};
use crate::interest::Interest;
use crate::key::{AnyKey, token};
use crate::readiness;
use crate::registered::{Body, Registered, Replace};
use crate::slots::{After, Kind, Slots, arming};
use crate::source::Usage;
use mio::{Poll, Registry, Token, event};
use std::cell::{Cell, RefMut};
use std::io::{self, ErrorKind};

pub(super) const IN_HAND: &str = "a holder has its body until it is put back or given up";

/// The table of slots, borrowed.
pub(super) type Table<'s, 'cb> = RefMut<'s, Slots<Body<'cb>>>;

/// A body that is out of its slot. Dropped with the body still in it (its user panicked, failed or
/// asked for it), it takes the source out of the system's set and vacates the slot.
pub(super) struct Holder<'s, 'cb> {
    pub(super) usage: Usage<'s, 'cb>,
    pub(super) body: Option<Body<'cb>>,
    /// Whether its callback was called, as opposed to lent by `with`.
    called: bool,
}

impl<'s, 'cb> Holder<'s, 'cb> {
    pub(super) fn empty(selector: &'s Selector<'cb>) -> Self {
        Holder {
            usage: Usage { selector, slot: 0, left: Cell::new(Interest::ALL), used: Cell::new(false) },
            body: None,
            called: false,
        }
    }

    /// For bodies that are taken out one after the other, to be called.
    pub(super) fn for_calls(selector: &'s Selector<'cb>) -> Self {
        let mut holder = Holder::empty(selector);
        holder.called = true;
        holder
    }

    /// For a slot that was reserved for `body`.
    pub(super) fn of(selector: &'s Selector<'cb>, key: AnyKey, body: Body<'cb>) -> Self {
        let mut holder = Holder::empty(selector);
        holder.usage.slot = key.slot;
        holder.body = Some(body);
        holder
    }

    fn place(&self) -> (&'s Selector<'cb>, AnyKey) {
        (self.usage.selector, self.usage.key())
    }

    pub(super) fn body(&mut self) -> &mut (dyn Registered<'cb> + 'cb) {
        self.body.as_deref_mut().expect(IN_HAND)
    }

    // ---- calling

    /// Calls the callback of a body that was just taken out of the table, because the system reported
    /// its source. The table is given back for that, and borrowed anew for the next one.
    #[inline(always)]
    pub(super) fn dispatch(
        &mut self,
        selector: &'s Selector<'cb>,
        table: Table<'s, 'cb>,
        slot: u32,
        told: Interest,
    ) -> Table<'s, 'cb> {
        drop(table);
        self.usage.slot = slot;
        self.usage.left.set(told);
        self.usage.used.set(false);
        let result = self.call(selector, told);
        // Anything may have changed: sources come and gone, interests, the slab moved. Only this
        // slot is sure to be there still, because its body is out.
        if self.usage.left.get() != Interest::NONE || result.is_err() {
            self.finish_reported(result);
            return selector.slots.borrow_mut();
        }
        let mut table = selector.slots.borrow_mut();
        if !table.put_back_drained(slot, &mut self.body) {
            drop(table);
            self.settle();
            table = selector.slots.borrow_mut();
        }
        table
    }

    #[inline(always)]
    fn call(&mut self, selector: &'s Selector<'cb>, ready: Interest) -> io::Result<()> {
        if selector.meter.is_timing() {
            return self.call_timed(ready);
        }
        self.body.as_mut().expect(IN_HAND).call(&self.usage, ready)
    }

    /// Calls the callback with what its user chose himself to tell it.
    pub(super) fn call_unreported(mut self, ready: Interest) {
        self.called = true;
        let result = self.call(self.usage.selector, ready);
        self.finish_unreported(result);
    }

    #[cold]
    fn call_timed(&mut self, ready: Interest) -> io::Result<()> {
        let (selector, key) = self.place();
        let source_type = self.body().source_type();
        selector.meter.time(key, source_type, || self.body.as_mut().expect(IN_HAND).call(&self.usage, ready))
    }

    /// Sees to what came of a callback that was told what the system reported, some of which may
    /// be true still.
    #[cold]
    fn finish_reported(&mut self, result: io::Result<()>) {
        self.finish(result, self.usage.left.get().asked(), Interest::NONE);
    }

    /// Sees to what came of a use of the source that its user chose himself: the system reported
    /// nothing that would have to be settled, though something may have been proven.
    pub(super) fn finish_unreported(mut self, result: io::Result<()>) {
        let proven = Interest::ALL.without(self.usage.left.get());
        self.finish(result, Interest::NONE, proven);
    }

    fn finish(&mut self, result: io::Result<()>, left: Interest, proven: Interest) {
        match result {
            Err(error) if !is_passing(&error) => return self.lose(error),
            // An edge that was not used up: the system has to tell again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                let (selector, key) = self.place();
                selector.slots.borrow_mut().unsettle(key);
            }
            _ => {}
        }
        if self.usage.left.get().contains(Usage::UNREGISTER) {
            drop(self.leave());
        } else {
            let Usage { selector, slot, .. } = self.usage;
            let after = selector.slots.borrow_mut().put_back(slot, &mut self.body, left, proven);
            self.see_to(after);
        }
    }

    /// Settles a body that is back in its slot, and of which nothing is left.
    #[cold]
    fn settle(&mut self) {
        let Usage { selector, slot, .. } = self.usage;
        let after = selector.slots.borrow_mut().settle(slot, Interest::NONE, Interest::NONE);
        self.see_to(after);
    }

    /// Does what had to wait for the body to be back in its slot.
    fn see_to(&mut self, after: After) {
        if after.timed && self.called {
            self.usage.selector.put_off_timeout(self.usage.slot);
        }
        if after.change {
            self.make_changes();
        }
    }

    /// `settle` for a body whose source was not used.
    pub(super) fn put_back(mut self) {
        let Usage { selector, slot, .. } = self.usage;
        let after = selector.slots.borrow_mut().put_back_unused(slot, &mut self.body);
        if after.change {
            self.make_changes();
        }
    }

    /// Makes the changes that had to wait for the body to come back. Each may lead to another.
    #[cold]
    fn make_changes(&mut self) {
        let (selector, key) = self.place();
        while selector.slots.borrow_mut().take_changed(key, &mut self.body) {
            if let Some(replace) = selector.take_replacement(key) {
                self.replace(replace);
            }
            if let Err(error) = self.arm_if_changed() {
                return self.lose(error);
            }
            selector.slots.borrow_mut().put_back_unused(key.slot, &mut self.body);
        }
    }

    /// Drops the source because of an error, and reports that.
    pub(super) fn lose(&mut self, error: io::Error) {
        let (selector, key) = self.place();
        let source_type = self.body().source_type();
        drop(self.leave());
        // Foreign code was dropped: anything may have changed.
        selector.report_loss(SourceError { key, source_type, error });
    }

    // ---- changing

    pub(super) fn replace(&mut self, replace: Replace<'cb>) {
        if let Some(body) = self.body.take() {
            replace(body, &mut self.body);
        }
    }

    /// Has the source wait for something else; on failure nothing has changed.
    pub(super) fn change_interest(&mut self, interest: Interest) -> io::Result<()> {
        let (selector, key) = self.place();
        let (before, armed, kind) = {
            let slots = selector.slots.borrow();
            let slot = slots.get(key).ok_or(Unavailable::Gone(key))?;
            (slot.interest(), slot.armed(), slot.kind())
        };
        if kind != Kind::Always && (interest != before || kind == Kind::Edge) {
            self.arm(armed, arming(kind, interest))?;
        }
        selector.slots.borrow_mut().set_interest(key, interest);
        Ok(())
    }

    /// Has the system look at the source anew, for what its slot asks for now.
    pub(super) fn rearm(&mut self) -> io::Result<()> {
        let (selector, key) = self.place();
        let (armed, to_arm) = {
            let slots = selector.slots.borrow();
            let slot = slots.get(key).ok_or(Unavailable::Gone(key))?;
            (slot.armed(), slot.to_arm())
        };
        self.arm(armed, to_arm)
    }

    fn arm_if_changed(&mut self) -> io::Result<()> {
        let (selector, key) = self.place();
        let changed = selector.slots.borrow().get(key).is_some_and(|slot| slot.armed() != slot.to_arm());
        if changed { self.rearm() } else { Ok(()) }
    }

    /// Has the system wait for `to` instead of `from`, and look anew.
    fn arm(&mut self, from: Interest, to: Interest) -> io::Result<()> {
        let (selector, key) = self.place();
        let result = {
            let poll = selector.poll.borrow();
            arm(poll.registry(), self.body().event_source(), Token(token::pack(key)), from, to, &selector.look_twice)
        };
        match result {
            Ok(()) => selector.slots.borrow_mut().armed(key, to),
            Err(error) if from.is_none() && readiness::is_always_ready(&error) => {
                selector.slots.borrow_mut().is_always_ready(key);
            }
            Err(error) => {
                if from.is_none() {
                    self.undo_register(&error);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// After a registration that failed, has the source be as it was before: one that is made of
    /// several may have got half way, and mio's debug builds take note of a registration before they
    /// try it.
    #[cold]
    fn undo_register(&mut self, error: &io::Error) {
        let (selector, source) = (self.usage.selector, self.body.as_mut().expect(IN_HAND).event_source());
        if error.kind() != ErrorKind::AlreadyExists {
            let _ = selector.poll.borrow().registry().deregister(source);
        } else if cfg!(debug_assertions) {
            // What is in the set already is another's, and has to stay there. The note can be undone
            // with any set.
            if let Ok(empty) = Poll::new() {
                let _ = empty.registry().deregister(source);
            }
        }
    }

    // ---- leaving

    /// Takes the source out of the system's set, vacates the slot, and gives up the body.
    pub(super) fn leave(&mut self) -> Option<Body<'cb>> {
        let (selector, key) = self.place();
        log::trace!("{key} leaves");
        let mut body = self.body.take();
        let (armed, timed) = match selector.slots.borrow().get(key) {
            Some(slot) => (!slot.armed().is_none(), slot.is_timed()),
            None => (false, false),
        };
        // First of all, because all else is foreign code, which may panic.
        selector.slots.borrow_mut().remove(key);
        if timed {
            selector.agenda.timeouts.borrow_mut().remove(key.slot);
        }
        let outdone = selector.take_replacement(key);
        if let (true, Some(body)) = (armed, &mut body) {
            // It may be out already: its descriptor was closed by hand, or mio dropped it on a
            // hang-up. There is nothing that could be done about it here.
            if let Err(error) = selector.poll.borrow().registry().deregister(body.event_source()) {
                selector.look_twice.set(readiness::DROPS_ON_HANG_UP);
                log::debug!("source {key} was not in the system's set any more: {error}");
            }
        }
        drop(outdone);
        body
    }

    #[cold]
    fn give_up(&mut self) {
        drop(self.leave());
    }
}

impl Drop for Holder<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if self.body.is_some() {
            self.give_up();
        }
    }
}

/// "Not now", as opposed to an error.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Has the system wait for `to` instead of `from`, and look anew.
fn arm(
    registry: &Registry,
    source: &mut dyn event::Source,
    token: Token,
    from: Interest,
    to: Interest,
    look_twice: &Cell<bool>,
) -> io::Result<()> {
    // Where mio drops a source by itself, it does not find it any more.
    let dropped = |error: &io::Error| readiness::DROPS_ON_HANG_UP && error.kind() == ErrorKind::NotFound;
    match (readiness::to_mio(from), readiness::to_mio(to)) {
        (None, None) => Ok(()),
        (None, Some(interest)) => registry.register(source, token, interest),
        (Some(_), None) => match registry.deregister(source) {
            Err(error) if dropped(&error) => {
                look_twice.set(true);
                Ok(())
            }
            result => result,
        },
        (Some(_), Some(interest)) => match registry.reregister(source, token, interest) {
            Err(error) if dropped(&error) => {
                look_twice.set(true);
                let _ = registry.deregister(source);
                registry.register(source, token, interest)
            }
            result => result,
        },
    }
}
