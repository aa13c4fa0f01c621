//! Ending a server's connections: asking, waiting, and aborting those that are left.

use super::members::{Members, Watcher};
use crate::connection::{Connection, Stream};
use crate::selector::Selector;
use crate::source::Source;
use std::rc::Rc;
use std::time::Duration;

/// How many connections a server had when it was [shut down](Source::shutdown), and how they ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Those that ended in time.
    pub ended: usize,
    /// Those that were still there when the time was over.
    pub aborted: usize,
}

/// How long an aborted connection may take to tell its protocol so. It needs one turn.
const GRACE: Duration = Duration::from_secs(1);

/// Asks the connections to stop, and waits until all have left or the time is over. There were `before`
/// of them when that was decided.
pub(super) fn begin<'cb, S: Stream>(
    selector: &Selector<'cb>,
    members: Rc<Members>,
    before: usize,
    limit: Duration,
    done: impl FnOnce(&Selector<'cb>, Drained) + 'cb,
) {
    for_each::<S>(selector, &members, |conn| conn.ask_to_stop());
    wait(selector, members, limit, move |sel, members| abort::<S>(sel, members, before, done));
}

/// Aborts those that are left, and waits until they have told their protocols.
fn abort<'cb, S: Stream>(
    selector: &Selector<'cb>,
    members: Rc<Members>,
    before: usize,
    done: impl FnOnce(&Selector<'cb>, Drained) + 'cb,
) {
    let aborted = members.len();
    let drained = Drained { ended: before - aborted, aborted };
    for_each::<S>(selector, &members, |conn| conn.abort());
    wait(selector, members, GRACE, move |sel, members| {
        // There is none left but by some fault; but then it must not stay for ever.
        for key in members.keys() {
            let _ = sel.discard(key);
        }
        done(sel, drained);
    });
}

/// Calls `then` when there are no members any more or the time is over.
fn wait<'cb>(
    selector: &Selector<'cb>,
    members: Rc<Members>,
    limit: Duration,
    then: impl FnOnce(&Selector<'cb>, Rc<Members>) + 'cb,
) {
    if members.len() == 0 {
        return then(selector, members);
    }
    let waiting = Rc::clone(&members);
    let timer = selector.call_later(limit, move |sel| then(sel, waiting));
    members.watch(Some(Watcher::Shutdown(timer)));
}

fn for_each<'cb, S: Stream>(
    selector: &Selector<'cb>,
    members: &Members,
    mut tell: impl FnMut(&mut Source<'_, 'cb, Connection<S>>),
) {
    for key in members.keys() {
        // One that is not to be had has just left, by the doing of another.
        if let Ok(key) = selector.typed::<Connection<S>>(key) {
            let _ = selector.with(key, &mut tell);
        }
    }
}
