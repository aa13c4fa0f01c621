//! The connections of a server: how many there are, which, and who wants to know when one leaves.

use crate::key::AnyKey;

use crate::selector::Selector;
use crate::timer::Timer;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// The connections of a server. It outlives the server for as long as there are any.
pub(crate) struct Members {
    /// Their keys. One that is just being opened has none yet.
    keys: RefCell<Slab<Option<AnyKey>>>,
    watcher: Cell<Option<Watcher>>,
    catch_panics: bool,
}

/// Who wants to know when a connection leaves.
#[derive(Clone, Copy)]
pub(super) enum Watcher {
    /// A server that had no room, when there may be some.
    Server(AnyKey),
    /// A shutdown, when all have left.
    Shutdown(Timer),
}

impl Members {
    pub(super) fn new(catch_panics: bool) -> Self {
        Members { keys: RefCell::default(), watcher: Cell::new(None), catch_panics }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.borrow().len()
    }

    pub(super) fn keys(&self) -> Vec<AnyKey> {
        self.keys.borrow().iter().filter_map(|(_, key)| *key).collect()
    }

    pub(super) fn watch(&self, watcher: Option<Watcher>) {
        self.watcher.set(watcher);
    }

    /// One more, and where its key belongs.
    pub(super) fn join(members: &Rc<Members>) -> (Member, usize) {
        let entry = members.keys.borrow_mut().insert(None);
        (Member { members: Rc::clone(members), entry }, entry)
    }

    pub(super) fn name(&self, entry: usize, key: AnyKey) {
        if let Some(named) = self.keys.borrow_mut().get_mut(entry) {
            *named = Some(key);
        }
    }
}

/// A place among the members. The connection owns it, and drops it when its descriptor is closed.
pub(crate) struct Member {
    members: Rc<Members>,
    entry: usize,
}

impl Member {
    /// Whether a panic of its protocol costs the connection only.
    pub(crate) fn catches_panics(&self) -> bool {
        self.members.catch_panics
    }

    /// The connection is about to be dropped: when its callback returns. Who waits for that is called in
    /// a later turn.
    ///
    /// A connection can also be taken out of the selector from outside, and nobody is told then. Those
    /// who wait have a time limit for that.
    pub(crate) fn leaves(&self, selector: &Selector<'_>) {
        match self.members.watcher.get() {
            Some(Watcher::Server(key)) => {
                // It may be gone meanwhile, and then it waits no more.
                let _ = selector.set_timeout(key, Some(Duration::ZERO));
            }
            Some(Watcher::Shutdown(timer)) if self.members.len() == 1 => {
                let _ = selector.reset(timer, Duration::ZERO);
            }
            _ => {}
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.members.keys.borrow_mut().remove(self.entry);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").finish_non_exhaustive()
    }
}
