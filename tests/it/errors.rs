//! What a callback may return as an error, and what comes of it.

use crate::util::{Call, LONG, NOW, OnDrop, Own, REFUSED, keep, logged, ready_pair, tcp_pair};
use selkie::net::TcpStream;
use selkie::{AnyKey, Interest, READ, Selector, Source, Trigger, WRITE};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// The code of some error that is neither "would block" nor "interrupted".
const CODE: i32 = REFUSED;

fn refused() -> io::Error {
    io::Error::from_raw_os_error(CODE)
}

/// What an error hook was told.
type Told = RefCell<Vec<(AnyKey, &'static str, ErrorKind, Option<i32>)>>;

/// A selector whose hook writes down what it is told.
fn selector_that_tells(told: &Told) -> io::Result<Selector<'_>> {
    let sel = Selector::new()?;
    sel.on_error(|_, failure| {
        let error = &failure.error;
        told.borrow_mut().push((failure.key, failure.source_type, error.kind(), error.raw_os_error()));
    });
    Ok(sel)
}

// ---- "not now"

#[test]
fn callback_that_says_would_block_is_called_again_while_its_source_is_ready() -> io::Result<()> {
    let (calls, told) = (Cell::new(0), Told::default());
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| {
        calls.set(calls.get() + 1);
        Err(ErrorKind::WouldBlock.into())
    })?;
    for turn in 1..=3 {
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, turn));
    }
    assert!(told.borrow().is_empty(), "it is no error");
    // Proven by the source's own method, that is another thing.
    sel.set_callback(key, |conn, _| -> io::Result<()> {
        loop {
            conn.read_exact(&mut [0])?;
        }
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 0);
    assert!(sel.contains(key) && told.borrow().is_empty());
    Ok(())
}

#[test]
fn edge_whose_callback_says_would_block_is_used_up() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, mut far) = ready_pair()?;
    sel.register_with(near, READ, Trigger::Edge, |_, _| Err(ErrorKind::WouldBlock.into()))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 0);
    // On poll(2) a source is not watched again until a read of its own is told "would block".
    if cfg!(not(mio_unsupported_force_poll_poll)) {
        far.write_all(b"y")?;
        assert_eq!(sel.turn(Some(LONG))?, 1, "the next arrival is reported");
    }
    assert!(told.borrow().is_empty());
    Ok(())
}

#[test]
fn would_block_of_a_write_does_not_stall_the_reader() -> io::Result<()> {
    let (read, told) = (Cell::new(0), Told::default());
    let sel = selector_that_tells(&told)?;
    let (near, mut far) = ready_pair()?;
    far.write_all(b"yz")?;
    while near.peek(&mut [0; 3])? < 3 {}
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        conn.read_exact(&mut [0])?;
        read.set(read.get() + 1);
        // Nobody reads at the far end: sooner or later this is told "would block".
        loop {
            conn.write_all(&[0; 65_536])?;
        }
    })?;
    for expected in 1..=3 {
        assert_eq!((sel.turn(NOW)?, read.get()), (1, expected));
    }
    assert_eq!((sel.turn(NOW)?, read.get()), (0, 3), "it was called with nothing to read");
    assert!(told.borrow().is_empty());
    Ok(())
}

#[test]
fn interrupted_callback_is_called_again_while_its_source_is_ready() -> io::Result<()> {
    for trigger in [Trigger::Level, Trigger::Edge] {
        let (calls, told) = (Cell::new(0), Told::default());
        let sel = selector_that_tells(&told)?;
        let (near, _far) = ready_pair()?;
        sel.register_with(near, READ, trigger, |conn, _| -> io::Result<()> {
            calls.set(calls.get() + 1);
            if calls.get() == 3 {
                conn.read_exact(&mut [0])?;
            }
            Err(ErrorKind::Interrupted.into())
        })?;
        for turn in 1..=3 {
            assert_eq!((sel.turn(NOW)?, calls.get()), (1, turn), "{trigger:?}");
        }
        assert_eq!(sel.turn(NOW)?, 0, "{trigger:?}: it was called with nothing to read");
        assert!(told.borrow().is_empty());
    }
    Ok(())
}

// ---- errors

#[test]
fn error_costs_its_own_source_and_nothing_else() -> io::Result<()> {
    let (calls, dropped, told) = (Cell::new(0), Cell::new(0), Told::default());
    let sel = selector_that_tells(&told)?;
    let mut keys = Vec::new();
    let mut peers = Vec::new();
    for place in 0..3 {
        let (near, far) = ready_pair()?;
        let held = OnDrop(|| dropped.set(dropped.get() + 1));
        let calls = &calls;
        keys.push(sel.register(near, READ, move |_, _| {
            keep(&held);
            calls.set(calls.get() + 1);
            if place == 1 { Err(refused()) } else { Ok(()) }
        })?);
        peers.push(far);
    }
    assert_eq!((sel.turn(NOW)?, calls.get(), dropped.get()), (3, 3, 1));
    let expected = (keys[1].into(), std::any::type_name::<TcpStream>(), refused().kind(), Some(CODE));
    assert_eq!(*told.borrow(), [expected]);
    assert!(!sel.contains(keys[1]) && sel.contains(keys[0]) && sel.contains(keys[2]));
    assert!(matches!(peers[1].read(&mut [0]), Ok(0) | Err(_)), "it is open still");
    assert_eq!((sel.turn(NOW)?, told.borrow().len()), (2, 1), "it is told once");
    Ok(())
}

#[test]
fn run_returns_without_error_when_an_error_cost_the_last_source() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| Err(refused()))?;
    sel.run()?;
    assert_eq!((sel.len(), told.borrow().len()), (0, 1));
    Ok(())
}

#[test]
fn error_of_a_called_callback_goes_to_the_hook_and_not_to_the_caller() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| Err(refused()))?;
    assert!(sel.call(key, READ)?);
    assert!(!sel.contains(key));
    assert_eq!(told.borrow()[..], [(key.into(), std::any::type_name::<TcpStream>(), refused().kind(), Some(CODE))]);
    Ok(())
}

#[test]
fn reset_costs_one_connection_and_keeps_its_code() -> io::Result<()> {
    fn read(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
        if conn.read(&mut [0; 8])? == 0 {
            conn.unregister();
        }
        Ok(())
    }
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (mut near, far) = tcp_pair()?;
    let (another, _peer_of_another) = tcp_pair()?;
    // Closed with a byte unread, which makes a reset.
    near.write_all(b"x")?;
    while far.peek(&mut [0])? == 0 {}
    drop(far);
    sel.register(near, READ, read)?;
    sel.register(another, READ, read)?;
    while sel.len() > 1 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    let told = told.borrow();
    let [(_, _, kind, code)] = told[..] else { panic!("{told:?}") };
    assert_eq!((kind, code.is_some()), (ErrorKind::ConnectionReset, true));
    Ok(())
}

#[test]
fn error_returned_by_a_source_that_unregistered_is_still_reported() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |conn, _| {
        conn.unregister();
        Err(refused())
    })?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!((told.borrow().len(), sel.len()), (1, 0));
    Ok(())
}

#[test]
fn error_without_a_hook_is_one_warning() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| Err(refused()))?;
    logged();
    assert_eq!(sel.turn(NOW)?, 1);
    let warnings = logged().into_iter().filter(|(level, _)| *level <= log::Level::Info).collect::<Vec<_>>();
    let [(log::Level::Warn, text)] = &warnings[..] else { panic!("{warnings:?}") };
    for expected in [&key.to_string(), "TcpStream", &refused().to_string()] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    Ok(())
}

#[test]
fn error_that_the_hook_was_told_is_not_logged() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| Err(refused()))?;
    logged();
    assert_eq!(sel.turn(NOW)?, 1);
    let records = logged();
    assert!(records.iter().all(|(level, _)| *level == log::Level::Trace), "{records:?}");
    Ok(())
}

#[test]
fn source_error_prints_what_was_lost_and_why() -> io::Result<()> {
    let checked = Cell::new(false);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| Err(refused()))?;
    let checked_by_hook = &checked;
    sel.on_error(move |_, failure| {
        let text = failure.to_string();
        for expected in [&key.to_string(), "TcpStream", &refused().to_string()] {
            assert!(text.contains(expected), "no {expected} in {text}");
        }
        assert!(format!("{failure:?}").contains("SourceError"));
        let cause = failure.source().and_then(|cause| cause.downcast_ref::<io::Error>()).unwrap();
        assert_eq!(cause.raw_os_error(), Some(CODE));
        checked_by_hook.set(true);
    });
    sel.turn(NOW)?;
    assert!(checked.get());
    Ok(())
}

// ---- the hook

#[test]
fn hook_finds_its_source_gone_and_may_use_the_selector() -> io::Result<()> {
    let replaced = Cell::new(None);
    let (discarded, peers) = (Cell::new(None), RefCell::new(Vec::new()));
    let sel = Selector::new()?;
    sel.on_error(|sel, failure| {
        assert!(!sel.contains(failure.key));
        let (near, far) = ready_pair().unwrap();
        peers.borrow_mut().push(far);
        replaced.set(Some(sel.register(near, READ, |conn, _| conn.unregister()).unwrap()));
        sel.discard(discarded.take().unwrap()).unwrap();
    });
    let (near, far) = tcp_pair()?;
    peers.borrow_mut().push(far);
    discarded.set(Some(sel.register(near, READ, |_, _| ())?));
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| Err(refused()))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.keys(), [replaced.get().unwrap()]);
    sel.run()
}

#[test]
fn hook_set_by_the_hook_is_in_force_from_then_on() -> io::Result<()> {
    let (first, second, dropped) = (Cell::new(0), Cell::new(0), Cell::new(false));
    let sel = Selector::new()?;
    let held = OnDrop(|| dropped.set(true));
    sel.on_error({
        let (first, second, dropped) = (&first, &second, &dropped);
        move |sel, _| {
            keep(&held);
            sel.on_error(|_, _| second.set(second.get() + 1));
            assert!(!dropped.get(), "a hook is dropped when it returns, not before");
            first.set(first.get() + 1);
        }
    });
    for _ in 0..3 {
        let (near, _far) = ready_pair()?;
        sel.register(near, READ, |_, _| Err(refused()))?;
        sel.turn(NOW)?;
        assert!(dropped.get());
    }
    assert_eq!((first.get(), second.get()), (1, 2));
    Ok(())
}

#[test]
fn hook_set_by_a_callback_is_told_of_its_error() -> io::Result<()> {
    let told = Cell::new(0);
    let sel = Selector::new()?;
    sel.on_error(|_, _| panic!("this hook was replaced"));
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |conn, _| {
        conn.selector().on_error(|_, _| told.set(told.get() + 1));
        Err(refused())
    })?;
    assert_eq!((sel.turn(NOW)?, told.get()), (1, 1));
    Ok(())
}

#[test]
fn error_that_comes_up_in_the_hook_is_logged() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let (another, _peer_of_another) = tcp_pair()?;
    let another = sel.register(another, READ, |_, _| Err(refused()))?;
    let key = sel.register(near, READ, |_, _| Err(refused()))?;
    sel.on_error(move |sel, failure| {
        assert_eq!(failure.key, key);
        calls.set(calls.get() + 1);
        assert!(sel.call(another, READ).unwrap());
    });
    logged();
    assert_eq!(sel.turn(NOW)?, 1);
    assert!(sel.is_empty());
    let warnings = logged().into_iter().filter(|(level, _)| *level == log::Level::Warn).collect::<Vec<_>>();
    assert!(warnings.len() == 1 && warnings[0].1.contains(&another.to_string()), "{warnings:?}");
    Ok(())
}

// ---- what the system says when it is asked again

#[test]
fn source_that_cannot_be_rearmed_is_lost_and_the_others_go_on() -> io::Result<()> {
    for code in [CODE, 1] {
        let told = Told::default();
        let sel = selector_that_tells(&told)?;
        let mut peers = Vec::new();
        let mut own_ones = Vec::new();
        for _ in 0..3 {
            let (near, far) = ready_pair()?;
            let (own, refusal) = Own::refusing(near, Call::Reregister);
            own_ones.push((sel.register(own, READ, |_, _| ())?, refusal));
            peers.push(far);
        }
        assert_eq!(sel.turn(NOW)?, 3);
        own_ones[1].1.set(Some(code));
        assert_eq!(sel.turn(NOW)?, 2, "the others");
        let expected =
            (own_ones[1].0.into(), std::any::type_name::<Own>(), io::Error::from_raw_os_error(code).kind(), Some(code));
        assert_eq!(*told.borrow(), [expected]);
        assert!(!sel.contains(own_ones[1].0));
        assert!(matches!(peers[1].read(&mut [0]), Ok(0) | Err(_)), "it is open still");
        assert_eq!((sel.turn(NOW)?, told.borrow().len()), (2, 1));
    }
    Ok(())
}

#[test]
fn run_returns_when_the_last_source_cannot_be_rearmed() -> io::Result<()> {
    let (calls, told) = (Cell::new(0), Told::default());
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Reregister);
    let calls_so_far = &calls;
    sel.register(own, READ, move |_, _| {
        calls_so_far.set(calls_so_far.get() + 1);
        refusal.set(Some(CODE));
    })?;
    sel.run()?;
    assert_eq!((calls.get(), told.borrow().len(), sel.len()), (1, 1, 0));
    Ok(())
}

#[test]
fn wait_ends_early_when_a_source_was_lost_in_preparing_it() -> io::Result<()> {
    for by_select in [false, true] {
        let told = Told::default();
        let sel = selector_that_tells(&told)?;
        let (quiet, _peer_of_quiet) = tcp_pair()?;
        sel.register(quiet, READ, |_, _| ())?;
        let (near, _far) = ready_pair()?;
        let (own, refusal) = Own::refusing(near, Call::Reregister);
        sel.register(own, READ, |_, _| ())?;
        assert_eq!(sel.turn(NOW)?, 1);
        refusal.set(Some(CODE));
        let started = Instant::now();
        if by_select {
            assert_eq!(sel.select(Some(LONG))?, []);
        } else {
            assert_eq!(sel.turn(Some(LONG))?, 0);
        }
        assert!(started.elapsed() < LONG / 2);
        assert_eq!((told.borrow().len(), sel.len()), (1, 1));
    }
    Ok(())
}

#[test]
fn interest_that_a_callback_chose_and_the_system_refuses_is_its_error() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Reregister);
    let key = sel.register(own, READ, |own, _| own.set_interest(WRITE))?;
    refusal.set(Some(CODE));
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(told.borrow()[..], [(key.into(), std::any::type_name::<Own>(), refused().kind(), Some(CODE))]);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn interest_chosen_in_with_that_the_system_refuses_is_the_sources_error() -> io::Result<()> {
    let told = Told::default();
    let sel = selector_that_tells(&told)?;
    let (near, _far) = ready_pair()?;
    let (own, refusal) = Own::refusing(near, Call::Deregister);
    let key = sel.register(own, READ, |_, _| ())?;
    refusal.set(Some(CODE));
    let value = sel.with(key, |own| {
        own.set_interest(Interest::NONE);
        17
    })?;
    assert_eq!((value, told.borrow().len(), sel.len()), (17, 1, 0));
    Ok(())
}
