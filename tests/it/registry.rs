//! Registering, changing, looking up and taking out, from outside of any callback.

use crate::util::{Call, LONG, NOW, OnDrop, Own, REFUSED, keep, ready_pair, tcp_pair};
use selkie::net::{TcpListener, TcpStream};
use selkie::{AnyKey, Interest, Key, PRIORITY, READ, RegisterError, Selector, Source, WRITE};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};

fn listener() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0".parse().unwrap())
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Every method that takes a key must say that this one's source is not there.
fn assert_stale(sel: &Selector, key: Key<TcpStream>) {
    assert!(!sel.contains(key));
    assert!(!sel.keys().contains(&key.into()));
    let answers = [
        ("modify", kind(sel.modify(key, READ))),
        ("set_callback", kind(sel.set_callback(key, |_, _| ()))),
        ("unregister", kind(sel.unregister(key))),
        ("discard", kind(sel.discard(key))),
        ("with", kind(sel.with(key, |_| panic!("the key is stale")))),
        ("interest", kind(sel.interest(key))),
        ("typed", kind(sel.typed::<TcpStream>(key.into()))),
    ];
    for (method, answer) in answers {
        assert_eq!(answer, Some(ErrorKind::NotFound), "{method}");
    }
    // As `run` does, it passes over what is gone.
    assert!(!sel.call(key, READ).unwrap());
}

// ---- callbacks

fn read_one(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
    conn.read_exact(&mut [0])?;
    conn.unregister();
    Ok(())
}

fn leave(conn: &mut Source<TcpStream>, _: Interest) {
    conn.unregister();
}

#[test]
fn plain_function_is_taken_as_callback() -> io::Result<()> {
    let sel = Selector::new()?;
    let (one, _far_of_one) = ready_pair()?;
    let (another, _far_of_another) = ready_pair()?;
    sel.register(one, READ, read_one)?;
    sel.register(another, READ, leave)?;
    sel.run()?;
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn closure_is_taken_as_callback_and_keeps_its_state() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"abc")?;
    let mut left = 3;
    sel.register(near, READ, move |conn, _| -> io::Result<()> {
        conn.read_exact(&mut [0])?;
        left -= 1;
        if left == 0 {
            conn.unregister();
        }
        Ok(())
    })?;
    sel.run()
}

#[test]
fn closure_may_borrow_what_was_declared_before_the_selector() -> io::Result<()> {
    let names = RefCell::new(Vec::new());
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let mut peers = Vec::new();
    for name in ["one", "two"] {
        let (near, far) = ready_pair()?;
        peers.push(far);
        let (names, calls) = (&names, &calls);
        sel.register(near, READ, move |conn, _| {
            names.borrow_mut().push(name);
            calls.set(calls.get() + 1);
            conn.unregister();
        })?;
    }
    sel.run()?;
    assert_eq!(calls.get(), 2);
    names.borrow_mut().sort_unstable();
    assert_eq!(*names.borrow(), ["one", "two"]);
    Ok(())
}

#[test]
fn closure_with_a_question_mark_needs_no_annotation() -> io::Result<()> {
    // `Outcome` is implemented for one `Result` only, so which one is meant need not be said: neither
    // where `?` turns up nor where `Ok` does.
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |conn, _| {
        conn.read_exact(&mut [0])?;
        conn.unregister();
        Ok(())
    })?;
    sel.run()
}

// ---- looking up

#[test]
fn empty_selector_holds_nothing() -> io::Result<()> {
    let sel = Selector::new()?;
    assert_eq!((sel.is_empty(), sel.len(), sel.keys()), (true, 0, Vec::new()));
    Ok(())
}

#[test]
fn registered_sources_are_found_by_their_keys() -> io::Result<()> {
    let sel = Selector::new()?;
    let mut expected = HashSet::<AnyKey>::new();
    for interest in [READ, WRITE, READ | WRITE, PRIORITY, Interest::NONE] {
        let (near, _far) = tcp_pair()?;
        let key = sel.register(near, interest, |_, _| ())?;
        assert!(sel.contains(key) && sel.contains(AnyKey::from(key)));
        assert_eq!(sel.interest(key)?, interest);
        expected.insert(key.into());
        assert_eq!(sel.len(), expected.len());
        assert!(!sel.is_empty());
    }
    let keys = sel.keys();
    assert_eq!(keys.len(), expected.len(), "a key is named twice: {keys:?}");
    assert_eq!(keys.into_iter().collect::<HashSet<_>>(), expected);
    Ok(())
}

#[test]
fn untyped_key_finds_its_type_again() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, _| ())?;
    assert_eq!(sel.typed::<TcpStream>(key.into())?, key);
    Ok(())
}

#[test]
fn untyped_key_of_another_type_is_invalid_input() -> io::Result<()> {
    let sel = Selector::new()?;
    let key = sel.register(listener()?, READ, |_, _| ())?;
    let error = sel.typed::<TcpStream>(key.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("TcpListener") && text.contains("TcpStream") && text.contains(&key.to_string()), "{text}");
    // The question did no harm.
    assert!(sel.contains(key) && sel.interest(key)? == READ);
    assert!(sel.with(key, |listener| listener.local_addr().is_ok())?);
    Ok(())
}

#[test]
fn keys_are_equal_to_themselves_with_and_without_type() -> io::Result<()> {
    let sel = Selector::new()?;
    let [(one, _far_of_one), (another, _far_of_another)] = [tcp_pair()?, tcp_pair()?];
    let one = sel.register(one, READ, |_, _| ())?;
    let another = sel.register(another, READ, |_, _| ())?;
    let copy = one;
    assert!(copy == one && one == AnyKey::from(one) && AnyKey::from(one) == one);
    assert!(one != another && one != AnyKey::from(another));
    assert_eq!(HashSet::from([one, another, copy]).len(), 2);
    let number = one.to_string();
    assert!(number.starts_with('#') && number[1..].parse::<u64>().is_ok(), "{number}");
    assert_eq!(AnyKey::from(one).to_string(), number);
    assert!(format!("{one:?}").contains("TcpStream") && format!("{one:?}").contains(&number));
    Ok(())
}

#[test]
fn debug_output_names_what_is_registered() -> io::Result<()> {
    let sel = Selector::new()?;
    let key = sel.register(listener()?, READ, |_, _| ())?;
    let (near, _far) = tcp_pair()?;
    let paused = sel.register(near, Interest::NONE, |_, _| ())?;
    let text = format!("{sel:?}");
    for expected in ["TcpListener", "READ", "TcpStream", "NONE", &key.to_string(), &paused.to_string()] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    let text = sel.with(key, |listener| format!("{:?}", listener.selector()))?;
    assert!(text.contains("in use"), "{text}");
    Ok(())
}

// ---- stale keys

#[test]
fn key_of_unregistered_source_is_not_found() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, _| ())?;
    sel.unregister(key)?;
    assert_stale(&sel, key);
    Ok(())
}

#[test]
fn key_of_discarded_source_is_not_found() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, _| ())?;
    sel.discard(key)?;
    assert_stale(&sel, key);
    Ok(())
}

#[test]
fn key_of_source_that_left_is_not_found() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, leave)?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_stale(&sel, key);
    Ok(())
}

#[test]
fn key_of_source_lost_to_an_error_is_not_found() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.on_error(|_, _| ());
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| Err(ErrorKind::Other.into()))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_stale(&sel, key);
    Ok(())
}

#[test]
fn key_whose_slot_is_reused_is_not_found() -> io::Result<()> {
    let sel = Selector::new()?;
    let mut stale = Vec::new();
    // Often enough for the part of a generation that a token carries to wrap around, where that is
    // made small.
    for _ in 0..40 {
        let (near, _far) = tcp_pair()?;
        let key = sel.register(near, READ, |_, _| ())?;
        for &key in &stale {
            assert_stale(&sel, key);
        }
        assert!(sel.contains(key) && sel.len() == 1, "the newcomer was reached by a stale key");
        sel.unregister(key)?;
        stale.push(key);
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn key_whose_descriptor_number_is_reused_is_not_found() -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let sel = Selector::new()?;
    // Other tests open and close descriptors at the same time, so it may take several attempts to be
    // given the number that was just freed.
    for _ in 0..10_000 {
        let (near, _far) = tcp_pair()?;
        let number = near.as_raw_fd();
        let stale = sel.register(near, READ, |_, _| ())?;
        sel.discard(stale)?;
        let (near, _far) = tcp_pair()?;
        let is_reused = near.as_raw_fd() == number;
        let key = sel.register(near, READ, |_, _| ())?;
        assert_stale(&sel, stale);
        assert!(sel.contains(key));
        sel.discard(key)?;
        if is_reused {
            return Ok(());
        }
    }
    panic!("no descriptor number was ever reused");
}

#[test]
fn key_of_another_selector_is_not_found() -> io::Result<()> {
    let [sel, another] = [Selector::new()?, Selector::new()?];
    let [(here, _far_here), (there, _far_there)] = [tcp_pair()?, tcp_pair()?];
    let here = sel.register(here, READ, |_, _| ())?;
    let there = another.register(there, READ, |_, _| ())?;
    assert_ne!(here, there);
    assert_stale(&sel, there);
    assert_stale(&another, here);
    assert!(sel.contains(here) && another.contains(there));
    Ok(())
}

// ---- changing

#[test]
fn modified_source_is_called_for_its_new_interest_by_its_old_callback() -> io::Result<()> {
    let told = Cell::new(Interest::NONE);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, ready| told.set(ready))?;
    assert_eq!((sel.turn(Some(LONG))?, told.get()), (1, READ));
    sel.modify(key, WRITE)?;
    assert_eq!(sel.interest(key)?, WRITE);
    assert_eq!((sel.turn(Some(LONG))?, told.get()), (1, WRITE));
    sel.modify(AnyKey::from(key), READ | WRITE)?;
    assert_eq!((sel.turn(Some(LONG))?, told.get()), (1, READ | WRITE));
    Ok(())
}

#[test]
fn source_modified_to_what_it_has_costs_no_call_into_the_system() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (own, calls) = Own::counted(near);
    let key = sel.register(own, READ, |_, _| ())?;
    sel.modify(key, READ)?;
    sel.with(key, |own| own.set_interest(READ))?;
    assert_eq!(*calls.borrow(), [Call::Register]);
    assert_eq!(sel.interest(key)?, READ);
    sel.modify(key, Interest::NONE)?;
    sel.modify(key, Interest::NONE)?;
    assert_eq!(*calls.borrow(), [Call::Register, Call::Deregister]);
    Ok(())
}

#[test]
fn paused_source_is_out_of_the_set_and_not_called() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, asked) = Own::counted(near);
    let key = sel.register(own, READ, |_, _| calls.set(calls.get() + 1))?;
    sel.modify(key, Interest::NONE)?;
    assert_eq!(asked.borrow().last(), Some(&Call::Deregister));
    assert_eq!(sel.turn(NOW)?, 0);
    assert_eq!(calls.get(), 0);
    assert!(sel.contains(key) && sel.len() == 1, "it is registered still");
    sel.modify(key, READ)?;
    assert_eq!(sel.turn(NOW)?, 1, "what was ready while it was paused is reported");
    Ok(())
}

#[test]
fn source_registered_with_nothing_asked_for_is_paused() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, asked) = Own::counted(near);
    let key = sel.register(own, Interest::NONE, |_, _| calls.set(calls.get() + 1))?;
    assert!(asked.borrow().is_empty(), "the system was asked");
    assert_eq!(sel.turn(NOW)?, 0);
    sel.modify(key, READ)?;
    assert_eq!((sel.turn(NOW)?, calls.get()), (1, 1));
    Ok(())
}

#[test]
fn delivered_flags_handed_back_are_ignored() -> io::Result<()> {
    let flags = Cell::new(Interest::NONE);
    let sel = Selector::new()?;
    let (near, far) = tcp_pair()?;
    drop(far);
    let key = sel.register(near, READ, |conn, ready| {
        flags.set(ready);
        conn.set_interest(ready);
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    let flags = flags.get();
    #[cfg(target_os = "linux")]
    assert!(flags.is_read_closed(), "nothing but {flags:?} was delivered");
    assert_eq!(sel.interest(key)?, READ, "by set_interest");
    sel.modify(key, WRITE)?;
    sel.modify(key, flags)?;
    assert_eq!(sel.interest(key)?, READ, "by modify");
    let again = sel.register(sel.unregister(key)?, flags, |_, _| ())?;
    assert_eq!(sel.interest(again)?, READ, "by register");
    sel.modify(again, flags.without(READ))?;
    assert_eq!(sel.turn(NOW)?, 0, "flags alone ask for nothing");
    Ok(())
}

#[test]
fn failed_modify_leaves_the_old_interest_in_force() -> io::Result<()> {
    let told = Cell::new(Interest::NONE);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Reregister);
    let key = sel.register(own, READ, |_, ready| told.set(ready))?;
    refusal.set(Some(REFUSED));
    let error = sel.modify(key, WRITE).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(REFUSED));
    assert_eq!(sel.interest(key)?, READ);
    assert_eq!((sel.turn(Some(LONG))?, told.get()), (1, READ));
    refusal.set(None);
    sel.modify(key, WRITE)?;
    assert_eq!((sel.turn(Some(LONG))?, told.get()), (1, WRITE));
    Ok(())
}

#[test]
fn failed_pause_leaves_the_source_asking() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Deregister);
    let key = sel.register(own, READ, |_, _| ())?;
    refusal.set(Some(REFUSED));
    assert_eq!(sel.modify(key, Interest::NONE).unwrap_err().raw_os_error(), Some(REFUSED));
    assert_eq!(sel.interest(key)?, READ);
    assert_eq!(sel.turn(NOW)?, 1);
    refusal.set(None);
    sel.modify(key, Interest::NONE)?;
    assert_eq!(sel.turn(NOW)?, 0);
    Ok(())
}

#[test]
fn failed_resume_leaves_the_source_paused_and_can_be_repeated() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Register);
    let key = sel.register(own, Interest::NONE, |_, _| ())?;
    refusal.set(Some(REFUSED));
    assert_eq!(sel.modify(key, READ).unwrap_err().raw_os_error(), Some(REFUSED));
    assert_eq!(sel.interest(key)?, Interest::NONE);
    assert_eq!(sel.turn(NOW)?, 0);
    refusal.set(None);
    sel.modify(key, READ)?;
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn replaced_callback_is_dropped_and_the_new_one_called() -> io::Result<()> {
    let called = Cell::new("nobody");
    let dropped = Cell::new(false);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, asked) = Own::counted(near);
    let held = OnDrop(|| dropped.set(true));
    let key = sel.register(own, READ, {
        let called = &called;
        move |_, _| {
            keep(&held);
            called.set("the old one");
        }
    })?;
    // Of another type, and returning another type.
    sel.set_callback(key, |_, _| -> io::Result<()> {
        called.set("the new one");
        Ok(())
    })?;
    assert!(dropped.get());
    assert_eq!(*asked.borrow(), [Call::Register], "it cost a call into the system");
    assert_eq!((sel.turn(NOW)?, called.get()), (1, "the new one"));
    Ok(())
}

// ---- lending

#[test]
fn lent_source_does_io_and_hands_out_a_value() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| ())?;
    let n = sel.with(key, |conn| {
        assert_eq!(conn.key(), key);
        assert_eq!(conn.interest(), READ);
        conn.write_all(b"y")?;
        conn.read(&mut [0; 8])
    })??;
    assert_eq!(n, 1);
    far.read_exact(&mut [0])?;
    assert_eq!(sel.turn(NOW)?, 0, "what was read in `with` is not reported");
    Ok(())
}

#[test]
fn what_is_changed_in_with_holds_when_it_returns() -> io::Result<()> {
    let called = Cell::new("nobody");
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, WRITE, |_, _| called.set("the old one"))?;
    sel.with(key, |conn| {
        conn.set_interest(READ);
        conn.set_callback(|_, _| called.set("the new one"));
        assert_eq!(conn.interest(), READ);
    })?;
    assert_eq!(sel.interest(key)?, READ);
    assert_eq!((sel.turn(NOW)?, called.get()), (1, "the new one"));
    sel.with(key, |conn| {
        conn.unregister();
        assert!(conn.selector().contains(conn.key()), "not before it returns");
    })?;
    assert_stale(&sel, key);
    Ok(())
}

// ---- taking out

#[test]
fn unregistered_source_comes_back_whole_and_goes_on_elsewhere() -> io::Result<()> {
    let dropped = Cell::new(false);
    let calls = Cell::new(0);
    let [sel, another] = [Selector::new()?, Selector::new()?];
    let (near, _far) = ready_pair()?;
    let held = OnDrop(|| dropped.set(true));
    let key = sel.register(near, READ, move |_, _| keep(&held))?;
    let near = sel.unregister(key)?;
    assert!(dropped.get(), "its callback is dropped");
    assert!(sel.is_empty());
    assert_eq!(near.peek(&mut [0])?, 1);
    let key = another.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
    assert_eq!((another.turn(NOW)?, calls.get()), (1, 1));
    // And back again.
    sel.register(another.unregister(key)?, READ, |_, _| calls.set(calls.get() + 10))?;
    assert_eq!((sel.turn(NOW)?, calls.get()), (1, 11));
    assert_eq!(another.turn(NOW)?, 0);
    Ok(())
}

#[test]
fn discarded_source_is_closed() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, _| ())?;
    sel.discard(AnyKey::from(key))?;
    assert!(sel.is_empty());
    assert_eq!(far.read(&mut [0])?, 0);
    Ok(())
}

#[test]
fn dropped_or_closed_selector_drops_every_source_and_callback() -> io::Result<()> {
    for by_close in [true, false] {
        let dropped = Cell::new(0);
        let sel = Selector::new()?;
        let mut peers = Vec::new();
        for interest in [READ, WRITE, Interest::NONE] {
            let (near, far) = tcp_pair()?;
            peers.push(far);
            let held = OnDrop(|| dropped.set(dropped.get() + 1));
            sel.register(near, interest, move |_, _| keep(&held))?;
        }
        if by_close {
            sel.close();
        } else {
            drop(sel);
        }
        assert_eq!(dropped.get(), 3);
        for mut far in peers {
            assert_eq!(far.read(&mut [0])?, 0);
        }
    }
    Ok(())
}

// ---- registrations that fail

#[test]
fn refused_source_comes_back_and_leaves_nothing_behind() -> io::Result<()> {
    let dropped = Cell::new(false);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Register);
    refusal.set(Some(REFUSED));
    let held = OnDrop(|| dropped.set(true));
    let refused = sel.register(own, READ, move |_, _| keep(&held));
    let (error, own) = refused.unwrap_err().into_parts();
    assert_eq!(error.raw_os_error(), Some(REFUSED));
    assert!(sel.is_empty() && sel.keys().is_empty());
    assert!(dropped.get(), "its callback stayed behind");
    assert_eq!(sel.turn(NOW)?, 0);
    refusal.set(None);
    sel.register(own, READ, |_, _| ())?;
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn register_error_says_what_failed_and_turns_into_the_io_error() -> io::Result<()> {
    let sel = Selector::new()?;
    let refused = || -> Result<Key<Own>, RegisterError<Own>> {
        let (near, _far) = tcp_pair().unwrap();
        let (own, refusal) = Own::refusing(near, Call::Register);
        refusal.set(Some(REFUSED));
        sel.register(own, READ, |_, _| ())
    };
    let io_error = io::Error::from_raw_os_error(REFUSED);

    let failed = refused().unwrap_err();
    assert_eq!(failed.error().raw_os_error(), Some(REFUSED));
    let text = failed.to_string();
    assert!(text.contains("Own") && text.contains(&io_error.to_string()), "{text}");
    assert!(format!("{failed:?}").contains("RegisterError"));
    let cause = failed.source().and_then(|cause| cause.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(cause.raw_os_error(), Some(REFUSED));

    let by_question_mark = || -> io::Result<Key<Own>> { Ok(refused()?) };
    let error = by_question_mark().unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (io_error.kind(), Some(REFUSED)));
    Ok(())
}

#[cfg(unix)]
mod descriptors {
    use super::*;
    use selkie::unix::Fd;
    use std::fs::File;
    use std::os::fd::{AsRawFd, RawFd};

    /// Higher than any that can be open.
    const CLOSED: RawFd = 1 << 30;
    const EBADF: i32 = 9;

    #[test]
    fn directory_is_refused_and_comes_back() -> io::Result<()> {
        let sel = Selector::new()?;
        let mut directory = Fd::new(File::open("/")?);
        for _ in 0..2 {
            let (error, same) = sel.register(directory, READ, |_, _| ()).unwrap_err().into_parts();
            assert_eq!(error.kind(), ErrorKind::IsADirectory);
            assert!(same.metadata()?.is_dir());
            assert!(sel.is_empty());
            directory = same;
        }
        Ok(())
    }

    #[test]
    fn directory_that_asks_for_nothing_is_refused_when_it_asks() -> io::Result<()> {
        let sel = Selector::new()?;
        let key = sel.register(Fd::new(File::open("/")?), Interest::NONE, |_, _| ())?;
        assert_eq!(kind(sel.modify(key, READ)), Some(ErrorKind::IsADirectory));
        assert_eq!(sel.interest(key)?, Interest::NONE);
        assert!(sel.unregister(key)?.metadata()?.is_dir());
        Ok(())
    }

    #[test]
    fn closed_descriptor_is_refused_with_its_code() -> io::Result<()> {
        let sel = Selector::new()?;
        let mut closed = Fd::new(CLOSED);
        for _ in 0..2 {
            let (error, same) = sel.register(closed, READ, |_, _| ()).unwrap_err().into_parts();
            assert_eq!(error.raw_os_error(), Some(EBADF));
            assert_eq!(same.as_raw_fd(), CLOSED);
            assert!(sel.is_empty());
            closed = same;
        }
        Ok(())
    }

    /// kqueue does not notice.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn descriptor_registered_twice_is_refused_and_the_first_goes_on() -> io::Result<()> {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        let (near, mut far) = tcp_pair()?;
        let number = near.as_raw_fd();
        let first = sel.register(near, READ, |conn, _| {
            calls.set(calls.get() + 1);
            conn.read_exact(&mut [0])
        })?;
        let refused = sel.register(Fd::new(number), READ, |_, _| calls.set(1_000));
        let (error, second) = refused.unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(sel.len(), 1);
        far.write_all(b"x")?;
        assert_eq!((sel.turn(Some(LONG))?, calls.get()), (1, 1));

        // Once the first is out, the second gets in.
        let _near = sel.unregister(first)?;
        sel.register(second, READ, |_, _| calls.set(calls.get() + 10))?;
        far.write_all(b"x")?;
        assert_eq!((sel.turn(Some(LONG))?, calls.get()), (1, 11));
        Ok(())
    }

    /// The same with a source of which mio takes note, in debug builds, before it tries.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn stream_refused_because_its_descriptor_is_registered_gets_in_later() -> io::Result<()> {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        let (near, mut far) = tcp_pair()?;
        let first = sel.register(Fd::new(near.as_raw_fd()), READ, |_, _| calls.set(calls.get() + 1))?;
        let (error, near) = sel.register(near, READ, |_, _| ()).unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        far.write_all(b"x")?;
        assert_eq!((sel.turn(Some(LONG))?, calls.get()), (1, 1));

        sel.unregister(first)?;
        sel.register(near, READ, |_, _| calls.set(calls.get() + 10))?;
        assert_eq!((sel.turn(Some(LONG))?, calls.get()), (1, 11));
        Ok(())
    }
}
