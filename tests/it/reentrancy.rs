//! What may be done from inside a callback, cell by cell of the table in the documentation of
//! `Selector`; and what is left after a panic.

use crate::util::{Call, LONG, NOW, OnDrop, Own, REFUSED, await_fin, keep, ready_pair, tcp_pair};
use selkie::net::TcpStream;
use selkie::{AnyKey, Interest, Key, Outcome, PRIORITY, READ, Selector, Source, Trigger, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

const BUSY: Option<ErrorKind> = Some(ErrorKind::ResourceBusy);
const GONE: Option<ErrorKind> = Some(ErrorKind::NotFound);

/// Sources that are all ready to read when the first turn begins, so that they are told in one
/// batch, and one callback for all of them. Which one comes first is the system's business, so what
/// that callback does it does by the order of its calls.
#[derive(Default)]
struct Batch {
    keys: RefCell<Vec<Key<TcpStream>>>,
    called: RefCell<Vec<Key<TcpStream>>>,
    peers: RefCell<Vec<std::net::TcpStream>>,
}

impl Batch {
    /// Registers two sources whose callback is `act`, which is given the key of the other one, and
    /// how many were called before.
    fn of_two<'cb, A, R>(&'cb self, sel: &Selector<'cb>, act: A) -> io::Result<()>
    where
        A: Fn(&mut Source<'_, 'cb, TcpStream>, Key<TcpStream>, usize) -> R + Copy + 'cb,
        R: Outcome,
    {
        self.of(2, sel, Trigger::Level, move |source, nth| {
            let key = source.key();
            let other = self.keys.borrow().iter().copied().find(|other| *other != key).unwrap();
            act(source, other, nth)
        })
    }

    fn of<'cb, A, R>(&'cb self, count: usize, sel: &Selector<'cb>, trigger: Trigger, act: A) -> io::Result<()>
    where
        A: Fn(&mut Source<'_, 'cb, TcpStream>, usize) -> R + Copy + 'cb,
        R: Outcome,
    {
        for _ in 0..count {
            let (near, far) = ready_pair()?;
            self.peers.borrow_mut().push(far);
            let key = sel.register_with(near, READ, trigger, move |source, _| {
                let nth = self.called.borrow().len();
                self.called.borrow_mut().push(source.key());
                act(source, nth)
            })?;
            self.keys.borrow_mut().push(key);
        }
        Ok(())
    }

    fn calls(&self) -> usize {
        self.called.borrow().len()
    }

    /// The key that was called in that place.
    fn nth(&self, place: usize) -> Key<TcpStream> {
        self.called.borrow()[place]
    }
}

// ---- register

#[test]
fn newcomer_is_first_called_in_a_later_turn() -> io::Result<()> {
    let newcomer = Cell::new(None);
    let (calls, peer) = (Cell::new(0), RefCell::new(None));
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, _, nth| -> io::Result<()> {
        if nth == 0 {
            let (near, far) = ready_pair()?;
            peer.replace(Some(far));
            let sel = conn.selector();
            let key = sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
            // It is there at once.
            assert!(sel.contains(key) && sel.len() == 3);
            assert_eq!(sel.with(key, |newcomer| newcomer.interest())?, READ);
            newcomer.set(Some(key));
        }
        Ok(())
    })?;
    assert_eq!((sel.turn(NOW)?, calls.get()), (2, 0));
    assert_eq!((sel.turn(NOW)?, calls.get()), (3, 1));
    Ok(())
}

#[test]
fn newcomer_in_a_slot_freed_in_this_turn_is_first_called_in_a_later_turn() -> io::Result<()> {
    // As many registrations come between as it takes for the part of a generation that a token
    // carries to come round, where that is made small.
    for others in 0..20 {
        let calls = Cell::new(0);
        let batch = Batch::default();
        let sel = Selector::new()?;
        batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
            if nth > 0 {
                return Ok(());
            }
            let sel = conn.selector();
            sel.discard(other)?;
            for _ in 0..others {
                let (near, _far) = tcp_pair()?;
                sel.discard(sel.register(near, READ, |_, _| ())?)?;
            }
            let (near, far) = ready_pair()?;
            batch.peers.borrow_mut().push(far);
            sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
            assert_eq!(sel.len(), 2);
            Ok(())
        })?;
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, 0), "after {others} others");
        assert_eq!((sel.turn(NOW)?, calls.get()), (2, 1), "after {others} others");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn newcomer_with_a_descriptor_number_freed_in_this_turn_is_first_called_in_a_later_turn() -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // Other tests open and close descriptors at the same time and may get the number instead.
    for _ in 0..1_000 {
        let (calls, is_reused) = (Cell::new(0), Cell::new(false));
        let batch = Batch::default();
        let sel = Selector::new()?;
        batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
            if nth > 0 {
                return Ok(());
            }
            let sel = conn.selector();
            let number = sel.with(other, |other| other.as_raw_fd())?;
            sel.discard(other)?;
            let (near, far) = ready_pair()?;
            batch.peers.borrow_mut().push(far);
            is_reused.set(near.as_raw_fd() == number);
            sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
            Ok(())
        })?;
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, 0));
        assert_eq!((sel.turn(NOW)?, calls.get()), (2, 1));
        if is_reused.get() {
            return Ok(());
        }
    }
    panic!("no descriptor number was ever reused");
}

// ---- modify, set_interest, set_callback: of oneself

#[test]
fn interest_that_a_callback_sets_for_itself_holds_when_it_returns() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let during = RefCell::new(Vec::new());
    let (near, _far) = ready_pair()?;
    let (own, asked) = Own::counted(near);
    let sel = Selector::new()?;
    sel.register(own, READ, |own, ready| -> io::Result<()> {
        told.borrow_mut().push(ready);
        if ready == READ {
            own.set_interest(PRIORITY);
            // By key is no other than by `set_interest`, and the last one counts.
            own.selector().modify(own.key(), WRITE)?;
            assert_eq!(own.interest(), WRITE);
            assert_eq!(own.selector().interest(own.key())?, WRITE);
            during.replace(asked.borrow().clone());
        }
        Ok(())
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(*during.borrow(), [Call::Register], "it took effect before the callback returned");
    assert_eq!(*asked.borrow(), [Call::Register, Call::Reregister]);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(*told.borrow(), [READ, WRITE]);
    Ok(())
}

#[test]
fn callback_that_pauses_itself_is_not_called_until_it_is_resumed() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of(1, &sel, Trigger::Level, |conn, _| conn.set_interest(Interest::NONE))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 0);
    sel.run()?;
    assert_eq!(batch.calls(), 1, "with nothing but a paused source, `run` returns");
    sel.modify(batch.nth(0), READ)?;
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn callback_that_replaces_itself_is_dropped_when_it_returns() -> io::Result<()> {
    let events = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let held = OnDrop(|| events.borrow_mut().push("first dropped"));
    sel.register(near, READ, {
        let events = &events;
        move |conn, _| -> io::Result<()> {
            keep(&held);
            conn.set_callback(|_, _| events.borrow_mut().push("second"));
            events.borrow_mut().push("first returns");
            Ok(())
        }
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(*events.borrow(), ["first returns", "first dropped"]);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(events.borrow().last(), Some(&"second"));
    Ok(())
}

#[test]
fn last_of_several_replacements_wins_and_the_others_are_dropped() -> io::Result<()> {
    let called = Cell::new("nobody");
    let dropped = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let held = OnDrop(|| dropped.set(dropped.get() + 1));
        let called = &called;
        conn.set_callback(move |_, _| {
            keep(&held);
            called.set("the second");
        });
        // By key is no other.
        let held = OnDrop(|| dropped.set(dropped.get() + 1));
        conn.selector().set_callback(conn.key(), move |_, _| {
            keep(&held);
            called.set("the third");
        })?;
        assert_eq!(dropped.get(), 1);
        conn.set_callback(|_, _| called.set("the last"));
        assert_eq!(dropped.get(), 2);
        Ok(())
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!((sel.turn(NOW)?, called.get()), (1, "the last"));
    Ok(())
}

// ---- modify, set_interest, set_callback: of another

#[test]
fn other_to_come_that_is_paused_is_not_called() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| conn.selector().modify(other, Interest::NONE))?;
    assert_eq!(sel.turn(NOW)?, 1);
    let paused = batch.keys.borrow().iter().copied().find(|key| *key != batch.nth(0)).unwrap();
    assert_eq!(sel.interest(paused)?, Interest::NONE);
    sel.modify(paused, READ)?;
    sel.modify(batch.nth(0), Interest::NONE)?;
    assert_eq!(sel.turn(NOW)?, 1, "resumed, it is told of what it missed");
    assert_eq!(batch.nth(1), paused);
    Ok(())
}

#[test]
fn other_to_come_that_is_paused_in_with_is_not_called() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| conn.selector().with(other, |other| other.set_interest(Interest::NONE)))?;
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn other_that_was_called_and_is_paused_is_not_called_in_the_next_turn() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(
        &sel,
        |conn, other, nth| {
            if nth == 1 { conn.selector().modify(other, Interest::NONE) } else { Ok(()) }
        },
    )?;
    assert_eq!(sel.turn(NOW)?, 2);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(batch.nth(2), batch.nth(1));
    Ok(())
}

#[test]
fn other_to_come_is_told_only_what_it_asks_for_now() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let keys = RefCell::new(Vec::new());
    let mut peers = Vec::new();
    let sel = Selector::new()?;
    for _ in 0..2 {
        let (near, far) = ready_pair()?;
        peers.push(far);
        let key = sel.register(near, READ | WRITE, |conn, ready| -> io::Result<()> {
            told.borrow_mut().push(ready);
            let other = keys.borrow().iter().copied().find(|other| *other != conn.key()).unwrap();
            conn.selector().modify(other, WRITE)
        })?;
        keys.borrow_mut().push(key);
    }
    assert_eq!(sel.turn(NOW)?, 2);
    assert_eq!(*told.borrow(), [READ | WRITE, WRITE]);
    Ok(())
}

#[test]
fn other_to_come_that_asks_for_what_was_not_reported_is_not_called() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, nth| if nth == 0 { conn.selector().modify(other, WRITE) } else { Ok(()) })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 2, "in the next turn it is told what it asked for");
    Ok(())
}

#[test]
fn other_is_modified_at_once() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _peer_of_other) = tcp_pair()?;
    let (own, asked) = Own::counted(near);
    let other = sel.register(own, READ, |_, _| ())?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, move |conn, _| -> io::Result<()> {
        let before = asked.borrow().len();
        conn.selector().modify(other, READ | WRITE)?;
        assert_eq!(asked.borrow()[before..], [Call::Reregister]);
        conn.unregister();
        Ok(())
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.len(), 1, "its callback failed");
    Ok(())
}

#[test]
fn other_given_another_callback_is_called_by_that_one() -> io::Result<()> {
    for changed_by in [0, 1] {
        let by_new = Cell::new(0);
        let batch = Batch::default();
        let sel = Selector::new()?;
        batch.of_two(&sel, |conn, other, nth| {
            if nth != changed_by {
                return Ok(());
            }
            conn.selector().set_callback(other, |_, _| by_new.set(by_new.get() + 1))
        })?;
        assert_eq!(sel.turn(NOW)?, 2);
        // The other comes after in this turn, or was called before.
        assert_eq!(by_new.get(), 1 - changed_by);
        assert_eq!(sel.turn(NOW)?, 2);
        assert_eq!(by_new.get(), 2 - changed_by);
    }
    Ok(())
}

// ---- unregister

#[test]
fn callback_that_unregisters_itself_keeps_its_source_until_it_returns() -> io::Result<()> {
    let events = RefCell::new(Vec::new());
    let source_dropped = Rc::new(Cell::new(false));
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    let held = OnDrop({
        let source_dropped = Rc::clone(&source_dropped);
        move || source_dropped.set(true)
    });
    let own = Own::new(near, move |_| {
        keep(&held);
        Ok(())
    });
    let held = OnDrop(|| events.borrow_mut().push("callback dropped"));
    let key = sel.register(own, READ, {
        let (events, source_dropped) = (&events, &source_dropped);
        move |own, _| -> io::Result<()> {
            keep(&held);
            own.unregister();
            let (sel, key) = (own.selector(), own.key());
            assert!(sel.contains(key) && sel.len() == 1);
            own.stream.write_all(b"farewell")?;
            events.borrow_mut().push(if source_dropped.get() { "too early" } else { "callback returns" });
            Ok(())
        }
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(*events.borrow(), ["callback returns", "callback dropped"]);
    assert!(source_dropped.get());
    assert!(!sel.contains(key) && sel.is_empty());
    let mut said = String::new();
    // Its queue was not read to the end, so the connection may well end in a reset; not before this.
    let _ = far.read_to_string(&mut said);
    assert_eq!(said, "farewell");
    Ok(())
}

#[test]
fn callback_may_not_take_itself_out_by_key() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of(1, &sel, Trigger::Level, |conn, _| {
        let (sel, key) = (conn.selector(), conn.key());
        assert_eq!(kind(sel.unregister(key)), BUSY);
        assert_eq!(kind(sel.discard(key)), BUSY);
        assert_eq!(kind(sel.typed::<TcpStream>(key.into())), BUSY);
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 1, "it is there still");
    Ok(())
}

#[test]
fn other_to_come_that_is_unregistered_is_not_called() -> io::Result<()> {
    let taken = RefCell::new(None);
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| -> io::Result<()> {
        taken.replace(Some(conn.selector().unregister(other)?));
        assert_eq!(conn.selector().len(), 1);
        assert_eq!(kind(conn.selector().unregister(other)), GONE);
        conn.unregister();
        Ok(())
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert!(sel.is_empty());
    // It is whole.
    let taken = taken.take().unwrap();
    sel.register(taken, READ, |conn, _| conn.read_exact(&mut [0]))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 0);
    Ok(())
}

#[test]
fn other_to_come_that_is_discarded_is_not_called() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| conn.selector().discard(AnyKey::from(other)))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.len(), 1);
    Ok(())
}

#[test]
fn other_to_come_that_is_unregistered_in_with_is_not_called() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| conn.selector().with(other, |other| other.unregister()))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.len(), 1);
    Ok(())
}

#[test]
fn other_that_was_called_is_unregistered_at_once() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
        if nth == 1 {
            conn.selector().unregister(other)?;
            assert_eq!(conn.selector().len(), 1);
        }
        Ok(())
    })?;
    assert_eq!(sel.turn(NOW)?, 2);
    assert_eq!((sel.len(), sel.turn(NOW)?), (1, 1));
    Ok(())
}

#[test]
fn source_that_is_unregistered_leaves_whatever_else_it_did() -> io::Result<()> {
    type Act = fn(&mut Source<TcpStream>) -> io::Result<()>;
    let acts: [Act; 4] = [
        |conn| {
            conn.set_interest(WRITE);
            conn.unregister();
            Ok(())
        },
        |conn| {
            conn.unregister();
            conn.set_interest(WRITE);
            Ok(())
        },
        |conn| {
            conn.set_callback(|_, _| ());
            conn.unregister();
            conn.set_callback(|_, _| ());
            Ok(())
        },
        |conn| {
            conn.unregister();
            Err(ErrorKind::WouldBlock.into())
        },
    ];
    for act in acts {
        let sel = Selector::new()?;
        sel.on_error(|_, failure| panic!("{failure}"));
        let (near, _far) = ready_pair()?;
        let key = sel.register(near, READ, move |conn, _| act(conn))?;
        assert_eq!(sel.turn(NOW)?, 1);
        assert!(!sel.contains(key) && sel.is_empty());
        assert_eq!(sel.turn(NOW)?, 0);
    }
    Ok(())
}

// ---- with and call

#[test]
fn callback_may_not_borrow_or_call_itself() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of(1, &sel, Trigger::Level, |conn, _| {
        let (sel, key) = (conn.selector(), conn.key());
        assert_eq!(kind(sel.with(key, |_| ())), BUSY);
        assert_eq!(kind(sel.call(key, READ)), BUSY);
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 1, "it is there still");
    Ok(())
}

#[test]
fn source_in_with_may_not_be_had_a_second_time() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (another, _peer_of_another) = ready_pair()?;
    let another = sel.register(another, READ, |_, _| ())?;
    let key = sel.register(near, READ, |_, _| ())?;
    sel.with(key, |conn| {
        let sel = conn.selector();
        assert_eq!(kind(sel.with(key, |_| ())), BUSY);
        assert_eq!(kind(sel.unregister(key)), BUSY);
        assert_eq!(kind(sel.call(key, READ)), BUSY);
        // Another may be, and not the first from inside that.
        sel.with(another, |_| assert_eq!(kind(sel.with(key, |_| ())), BUSY))?;
        sel.modify(key, WRITE)
    })??;
    assert_eq!(sel.interest(key)?, WRITE, "put off until `with` returned");
    assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 8]))??, 1);
    Ok(())
}

#[test]
fn other_is_lent_at_once_whether_it_was_called_or_not() -> io::Result<()> {
    for lent_by in [0, 1] {
        let batch = Batch::default();
        let sel = Selector::new()?;
        batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
            if nth == lent_by {
                let n = conn.selector().with(other, |other| other.read(&mut [0; 8]))??;
                assert_eq!(n, 1);
            }
            Ok(())
        })?;
        assert_eq!(sel.turn(NOW)?, 2);
        assert_eq!(sel.turn(NOW)?, 1, "one of them was drained");
        assert_eq!(batch.nth(2), batch.nth(lent_by));
    }
    Ok(())
}

#[test]
fn other_is_called_at_once_and_in_its_own_right_too() -> io::Result<()> {
    let depth = Cell::new(0);
    let deepest = Cell::new(0);
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
        depth.set(depth.get() + 1);
        deepest.set(deepest.get().max(depth.get()));
        if nth == 0 {
            assert!(conn.selector().call(other, READ | WRITE)?);
        } else if depth.get() == 2 {
            // The first is in use, further up.
            assert_eq!(kind(conn.selector().call(other, READ)), BUSY);
        }
        depth.set(depth.get() - 1);
        Ok(())
    })?;
    assert_eq!((sel.turn(NOW)?, batch.calls(), deepest.get()), (2, 3, 2));
    assert_eq!(batch.nth(1), batch.nth(2));
    Ok(())
}

#[test]
fn call_tells_no_more_than_is_asked_for() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, ready| told.borrow_mut().push(ready))?;
    assert!(sel.call(key, READ | WRITE)?);
    assert!(!sel.call(key, WRITE)?);
    sel.modify(key, Interest::NONE)?;
    assert!(!sel.call(key, READ)?);
    assert_eq!(*told.borrow(), [READ]);
    Ok(())
}

// ---- run, turn, select

fn assert_cannot_wait(sel: &Selector) {
    assert_eq!(kind(sel.turn(NOW)), BUSY);
    assert_eq!(kind(sel.select(NOW)), BUSY);
    assert_eq!(kind(sel.run()), BUSY);
}

#[test]
fn waiting_from_a_callback_is_refused() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, _, _| assert_cannot_wait(conn.selector()))?;
    assert_eq!(sel.turn(NOW)?, 2, "and does no harm");
    for (key, ready) in sel.select(NOW)? {
        assert!(sel.call(key, ready)?);
    }
    assert_eq!(batch.calls(), 4);
    Ok(())
}

#[test]
fn waiting_from_with_is_refused() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, nth| -> io::Result<()> {
        if nth == 0 {
            conn.selector().with(other, |other| assert_cannot_wait(other.selector()))?;
            // `with` is over, and the callback is not.
            assert_cannot_wait(conn.selector());
        }
        Ok(())
    })?;
    let key = batch.keys.borrow()[0];
    sel.with(key, |conn| assert_cannot_wait(conn.selector()))?;
    assert_eq!(sel.turn(NOW)?, 2);
    Ok(())
}

#[test]
fn waiting_from_the_error_hook_is_refused() -> io::Result<()> {
    let told = Cell::new(0);
    let sel = Selector::new()?;
    sel.on_error(|sel, _| {
        assert_cannot_wait(sel);
        told.set(told.get() + 1);
    });
    for by_call in [false, true] {
        let (near, _far) = ready_pair()?;
        let key = sel.register(near, READ, |_, _| Err(ErrorKind::Other.into()))?;
        if by_call {
            sel.call(key, READ)?;
        } else {
            sel.turn(NOW)?;
        }
    }
    // One that is lost before the wait.
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Reregister);
    sel.register(own, READ, |_, _| ())?;
    refusal.set(Some(REFUSED));
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 0);
    assert_eq!(told.get(), 3);
    Ok(())
}

// ---- foreign code that uses the selector: drops, and the methods of a source

/// Uses every method of a selector that may be used at any time, and tries the others.
fn use_everything(sel: &Selector<'static>) {
    let before = sel.len();
    let (near, far) = tcp_pair().unwrap();
    let key = sel.register(near, READ, |_, _| ()).unwrap();
    assert!(sel.contains(key) && sel.keys().contains(&key.into()) && sel.typed::<TcpStream>(key.into()).is_ok());
    sel.modify(key, READ | WRITE).unwrap();
    assert_eq!(sel.interest(key).unwrap(), READ | WRITE);
    sel.set_callback(key, |conn, _| conn.unregister()).unwrap();
    sel.with(key, |conn| conn.set_interest(READ)).unwrap();
    assert!(sel.call(key, READ).unwrap());
    assert!(!sel.contains(key) && !format!("{sel:?}").is_empty());
    assert_eq!(sel.len(), before);
    // Whether it may wait depends on what is going on; that it must not panic does not.
    let waited = [kind(sel.turn(NOW)), kind(sel.select(NOW))];
    assert!(waited == [None, None] || waited == [BUSY, BUSY], "{waited:?}");
    for key in sel.keys() {
        // Of these some are in use.
        let _ = sel.interest(key).and_then(|interest| sel.modify(key, interest));
        let _ = sel.typed::<TcpStream>(key);
    }
    drop(far);
}

/// Something to be held by a callback, which uses the selector when it is dropped, and counts that.
fn user_when_dropped(sel: &Rc<Selector<'static>>, count: &Rc<Cell<usize>>) -> impl Drop + 'static {
    struct User(Rc<Selector<'static>>, Rc<Cell<usize>>);
    impl Drop for User {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            use_everything(&self.0);
        }
    }
    User(Rc::clone(sel), Rc::clone(count))
}

type Held = Box<dyn std::any::Any>;

#[test]
fn callback_that_uses_the_selector_while_it_is_dropped_finds_nothing_borrowed() -> io::Result<()> {
    /// What has a callback with `Held` in it dropped, on a source that is ready.
    type Way = fn(&Selector<'static>, TcpStream, Held) -> io::Result<()>;
    let ways: [(&str, Way); 11] = [
        ("unregister", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.unregister(key).map(drop)
        }),
        ("discard", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.discard(key)
        }),
        ("unregister from another's callback", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            let (another, _far) = ready_pair()?;
            sel.register(another, READ, move |another, _| -> io::Result<()> {
                another.unregister();
                // Whichever comes first, and the other way about.
                let _ = another.selector().unregister(key);
                Ok(())
            })?;
            while sel.contains(key) {
                sel.turn(NOW)?;
            }
            Ok(())
        }),
        ("unregister from inside", |sel, near, held| {
            sel.register(near, READ, move |conn, _| {
                keep(&held);
                conn.unregister();
            })?;
            sel.run()
        }),
        ("an error", |sel, near, held| {
            sel.register(near, READ, move |_, _| {
                keep(&held);
                Err(ErrorKind::Other.into())
            })?;
            sel.run()
        }),
        ("a panic", |sel, near, held| {
            sel.register(near, READ, move |_, _| {
                keep(&held);
                panic_quietly();
            })?;
            catch_unwind(AssertUnwindSafe(|| sel.run())).unwrap_err();
            Ok(())
        }),
        ("set_callback", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.set_callback(key, |_, _| ())?;
            sel.discard(key)
        }),
        ("set_callback from inside", |sel, near, held| {
            let key = sel.register(near, READ, move |conn, _| {
                keep(&held);
                conn.set_callback(|_, _| ());
            })?;
            sel.turn(NOW)?;
            sel.discard(key)
        }),
        ("set_callback twice", |sel, near, held| {
            let key = sel.register(near, READ, |_, _| ())?;
            sel.with(key, move |conn| {
                conn.set_callback(move |_, _| keep(&held));
                conn.set_callback(|_, _| ());
            })?;
            sel.discard(key)
        }),
        ("set_callback and unregister", |sel, near, held| {
            let key = sel.register(near, READ, |_, _| ())?;
            sel.with(key, move |conn| {
                conn.set_callback(move |_, _| keep(&held));
                conn.unregister();
            })
        }),
        ("a failed register", |sel, near, held| {
            let (own, refusal) = Own::refusing(near, Call::Register);
            refusal.set(Some(REFUSED));
            sel.register(own, READ, move |_, _| keep(&held)).unwrap_err();
            Ok(())
        }),
    ];
    for (what, way) in ways {
        let sel = Rc::new(Selector::new()?);
        sel.on_error(|_, _| ());
        let count = Rc::new(Cell::new(0));
        let (near, _far) = ready_pair()?;
        way(&sel, near, Box::new(user_when_dropped(&sel, &count)))?;
        assert_eq!(count.get(), 1, "{what}");
        assert!(sel.is_empty(), "{what}: {sel:?}");
        assert_eq!(Rc::strong_count(&sel), 1, "{what}: something was kept");
        assert_eq!(sel.turn(NOW)?, 0, "{what}");
    }
    Ok(())
}

#[test]
fn source_that_uses_the_selector_while_it_is_dropped_finds_nothing_borrowed() -> io::Result<()> {
    type Way = fn(&mut Source<Own>) -> io::Result<()>;
    let ways: [Way; 3] = [
        |own| {
            own.unregister();
            Ok(())
        },
        |_| Err(ErrorKind::Other.into()),
        |_| {
            panic_quietly();
            Ok(())
        },
    ];
    for way in ways {
        let sel = Rc::new(Selector::new()?);
        sel.on_error(|_, _| ());
        let count = Rc::new(Cell::new(0));
        let held = user_when_dropped(&sel, &count);
        let (near, _far) = ready_pair()?;
        let own = Own::new(near, move |_| {
            keep(&held);
            Ok(())
        });
        sel.register(own, READ, move |own, _| way(own))?;
        let _ = catch_unwind(AssertUnwindSafe(|| sel.turn(NOW)));
        assert_eq!((count.get(), sel.len(), Rc::strong_count(&sel)), (1, 0, 1));
        assert_eq!(sel.turn(NOW)?, 0);
    }
    Ok(())
}

#[test]
fn error_hook_that_uses_the_selector_while_it_is_dropped_finds_nothing_borrowed() -> io::Result<()> {
    let sel = Rc::new(Selector::new()?);
    let count = Rc::new(Cell::new(0));
    let held = user_when_dropped(&sel, &count);
    sel.on_error(move |_, _| keep(&held));
    sel.on_error(|_, _| ());
    assert_eq!(count.get(), 1);
    Ok(())
}

#[test]
fn source_whose_own_methods_use_the_selector_finds_nothing_borrowed() -> io::Result<()> {
    let sel = Rc::new(Selector::new()?);
    let calls = Rc::new(RefCell::new(Vec::new()));
    let (near, _far) = ready_pair()?;
    let own = Own::new(near, {
        let (sel, calls) = (Rc::clone(&sel), Rc::clone(&calls));
        move |call| {
            use_everything(&sel);
            // The set of the system is on loan to this very method.
            assert_cannot_wait(&sel);
            calls.borrow_mut().push(call);
            Ok(())
        }
    });
    let key = sel.register(own, READ, |_, _| ())?;
    // Called, and asked again about because nothing was read.
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 1);
    sel.modify(key, WRITE)?;
    sel.modify(key, Interest::NONE)?;
    sel.modify(key, READ)?;
    drop(sel.unregister(key)?);
    use Call::{Deregister, Register, Reregister};
    assert_eq!(*calls.borrow(), [Register, Reregister, Reregister, Deregister, Register, Deregister]);
    assert_eq!(Rc::strong_count(&sel), 1);
    Ok(())
}

#[test]
fn refused_source_whose_own_methods_use_the_selector_finds_nothing_borrowed() -> io::Result<()> {
    let sel = Rc::new(Selector::new()?);
    for error in [ErrorKind::Other, ErrorKind::AlreadyExists] {
        let (near, _far) = ready_pair()?;
        let own = Own::new(near, {
            let sel = Rc::clone(&sel);
            move |call| {
                use_everything(&sel);
                assert_cannot_wait(&sel);
                if call == Call::Register { Err(error.into()) } else { Ok(()) }
            }
        });
        assert_eq!(sel.register(own, READ, |_, _| ()).unwrap_err().error().kind(), error);
        assert!(sel.is_empty());
    }
    Ok(())
}

// ---- panics

const ON_PURPOSE: &str = "on purpose";

/// A panic of which nothing is printed.
fn panic_quietly() {
    std::panic::resume_unwind(Box::new(ON_PURPOSE));
}

/// Does what has to panic, and with that very panic.
fn expect_panic<T>(f: impl FnOnce() -> T) {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("nobody panicked");
    assert_eq!(payload.downcast_ref(), Some(&ON_PURPOSE));
}

#[test]
fn panicking_callback_costs_its_source_and_no_other_event() -> io::Result<()> {
    for trigger in [Trigger::Level, Trigger::Edge] {
        for panics in 0..4 {
            let batch = Batch::default();
            let sel = Selector::new()?;
            batch.of(4, &sel, trigger, |conn, nth| {
                if nth == panics {
                    panic_quietly();
                }
                conn.unregister();
            })?;
            expect_panic(|| sel.run());
            assert_eq!(batch.calls(), panics + 1);
            assert_eq!(sel.len(), 3 - panics);
            assert!(!sel.contains(batch.nth(panics)));
            sel.run()?;
            assert!(sel.is_empty());
            assert_eq!(batch.calls(), 4, "{trigger:?}: events were lost with that of call {panics}");
            for far in batch.peers.borrow_mut().iter_mut() {
                // Closed with a byte unread, which makes a reset.
                assert!(matches!(far.read(&mut [0]), Ok(0) | Err(_)));
            }
        }
    }
    Ok(())
}

/// The event that nobody was told spoke of the end as well, which a read that comes short of it must
/// not settle.
#[test]
fn panicking_callback_costs_no_hang_up_of_a_source_that_is_read_before_the_next_turn() -> io::Result<()> {
    let ends = Cell::new(0);
    let panicked = Cell::new(false);
    let sel = Selector::new()?;
    for _ in 0..2 {
        let (near, far) = ready_pair()?;
        far.shutdown(std::net::Shutdown::Write)?;
        await_fin(&near);
        sel.register(near, READ, |conn, _| -> io::Result<()> {
            if !panicked.replace(true) {
                panic_quietly();
            }
            if conn.read(&mut [0; 8])? == 0 {
                ends.set(ends.get() + 1);
                conn.unregister();
            }
            Ok(())
        })?;
    }
    expect_panic(|| sel.turn(Some(LONG)));
    let [left] = sel.keys()[..] else { panic!("{:?} are left", sel.keys()) };
    assert_eq!(sel.with(sel.typed::<TcpStream>(left)?, |conn| conn.read(&mut [0; 8]))??, 1);
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(ends.get(), 1);
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn panicking_callback_costs_no_other_event_beside_what_is_always_ready() -> io::Result<()> {
    use selkie::unix::Fd;

    for trigger in [Trigger::Level, Trigger::Edge] {
        for panics in 0..4 {
            let batch = Batch::default();
            let sel = Selector::new()?;
            let null = Fd::new(std::fs::File::open("/dev/null")?);
            let null = sel.register(null, READ, |_, _| ())?;
            batch.of(4, &sel, trigger, |conn, nth| {
                if nth == panics {
                    panic_quietly();
                }
                conn.unregister();
            })?;
            expect_panic(|| sel.turn(NOW));
            assert!(!sel.contains(batch.nth(panics)));
            assert_eq!(sel.turn(NOW)?, 4 - panics, "{trigger:?}: the others, and what is always ready");
            assert_eq!(sel.keys(), [AnyKey::from(null)]);
        }
    }
    Ok(())
}

#[test]
fn panic_in_with_costs_that_source() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |_, _, _| ())?;
    let [lost, kept] = batch.keys.borrow()[..] else { panic!() };
    expect_panic(|| sel.with(lost, |_| panic_quietly()));
    assert!(!sel.contains(lost) && sel.len() == 1);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(batch.nth(0), kept);
    Ok(())
}

#[test]
fn panic_in_with_inside_a_callback_costs_both_sources() -> io::Result<()> {
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of_two(&sel, |conn, other, _| conn.selector().with(other, |_| panic_quietly()))?;
    expect_panic(|| sel.turn(NOW));
    assert!(sel.is_empty());
    assert_eq!((batch.calls(), sel.turn(NOW)?), (1, 0));
    Ok(())
}

#[test]
fn panic_in_a_called_callback_costs_its_source() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| panic_quietly())?;
    expect_panic(|| sel.call(key, READ));
    assert!(sel.is_empty());
    assert_eq!(sel.turn(NOW)?, 0);
    Ok(())
}

#[test]
fn error_hook_survives_its_panic() -> io::Result<()> {
    let told = Cell::new(0);
    let batch = Batch::default();
    let sel = Selector::new()?;
    sel.on_error(|_, _| {
        told.set(told.get() + 1);
        panic_quietly();
    });
    batch.of(3, &sel, Trigger::Level, |_, _| Err(ErrorKind::Other.into()))?;
    for round in 1..=3 {
        expect_panic(|| sel.run());
        assert_eq!((told.get(), sel.len()), (round, 3 - round));
    }
    sel.run()
}

/// Panics when it is dropped.
fn panicking_when_dropped() -> OnDrop<impl FnMut()> {
    OnDrop(panic_quietly)
}

#[test]
fn panic_in_dropping_a_callback_leaves_nothing_half_done() -> io::Result<()> {
    type Way = fn(&Selector<'static>, TcpStream, Held) -> io::Result<()>;
    let ways: [(&str, Way); 7] = [
        ("unregister", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.unregister(key).map(drop)
        }),
        ("discard", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.discard(key)
        }),
        ("unregister from inside", |sel, near, held| {
            sel.register(near, READ, move |conn, _| {
                keep(&held);
                conn.unregister();
            })?;
            sel.run()
        }),
        ("set_callback", |sel, near, held| {
            let key = sel.register(near, READ, move |_, _| keep(&held))?;
            sel.set_callback(key, |_, _| ())
        }),
        ("set_callback from inside", |sel, near, held| {
            sel.register(near, READ, move |conn, _| {
                keep(&held);
                conn.set_callback(|_, _| ());
            })?;
            sel.run()
        }),
        ("set_callback twice", |sel, near, held| {
            let key = sel.register(near, READ, |_, _| ())?;
            sel.with(key, move |conn| {
                conn.set_callback(move |_, _| keep(&held));
                conn.set_callback(|_, _| ());
            })
        }),
        ("set_callback and unregister", |sel, near, held| {
            let key = sel.register(near, READ, |_, _| ())?;
            sel.with(key, move |conn| {
                conn.set_callback(move |_, _| keep(&held));
                conn.unregister();
            })
        }),
    ];
    for (what, way) in ways {
        let sel = Selector::new()?;
        let (near, mut far) = ready_pair()?;
        expect_panic(|| way(&sel, near, Box::new(panicking_when_dropped())));
        assert!(sel.is_empty(), "{what}: {sel:?}");
        assert!(matches!(far.read(&mut [0]), Ok(0) | Err(_)), "{what}: the source is open still");
        // The selector is whole.
        let (near, _far) = ready_pair()?;
        sel.register(near, READ, |conn, _| conn.unregister())?;
        sel.run()?;
        assert!(sel.is_empty(), "{what}");
    }
    Ok(())
}

#[test]
fn panic_in_a_sources_own_method_costs_that_source() -> io::Result<()> {
    let own_that_panics_in = |which| -> io::Result<(Own, std::net::TcpStream)> {
        let (near, far) = ready_pair()?;
        let own = Own::new(near, move |call| {
            if call == which {
                panic_quietly();
            }
            Ok(())
        });
        Ok((own, far))
    };
    let batch = Batch::default();
    let sel = Selector::new()?;
    batch.of(1, &sel, Trigger::Level, |_, _| ())?;

    let (own, _far) = own_that_panics_in(Call::Register)?;
    expect_panic(|| sel.register(own, READ, |_, _| ()));
    assert_eq!((sel.len(), sel.turn(NOW)?), (1, 1), "in register");

    let (own, _far) = own_that_panics_in(Call::Reregister)?;
    sel.register(own, READ, |_, _| ())?;
    assert_eq!(sel.turn(NOW)?, 2);
    expect_panic(|| sel.turn(NOW));
    assert_eq!((sel.len(), sel.turn(NOW)?), (1, 1), "in reregister");

    let (own, _far) = own_that_panics_in(Call::Deregister)?;
    let key = sel.register(own, READ, |_, _| ())?;
    expect_panic(|| sel.unregister(key));
    assert_eq!((sel.len(), sel.turn(NOW)?), (1, 1), "in deregister");
    assert!(!sel.contains(key));

    let (own, _far) = own_that_panics_in(Call::Deregister)?;
    sel.register(own, READ, |own, _| own.unregister())?;
    expect_panic(|| sel.turn(NOW));
    assert_eq!((sel.len(), sel.turn(NOW)?), (1, 1), "in deregister, from inside");
    Ok(())
}

#[test]
fn selector_waits_again_after_a_panic() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    sel.register(near, READ, |_, _| panic_quietly())?;
    expect_panic(|| sel.turn(Some(LONG)));
    assert!(matches!(far.read(&mut [0]), Ok(0) | Err(_)), "the source that panicked is open still");
    assert_eq!(sel.turn(NOW)?, 0);
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |conn, _| conn.unregister())?;
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
    sel.run()
}
