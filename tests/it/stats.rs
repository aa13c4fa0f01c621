//! What a selector knows about itself: its counts, its times, and who was slow.

use crate::util::{LONG, NOW, assert_quiet, drain, logged, ready_pair, tcp_pair, uncalled};
use log::Level;
use selkie::{AnyKey, READ, Selector, WRITE};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// What was logged about slow callbacks since this was last asked.
fn reports() -> Vec<String> {
    let warnings = logged().into_iter().filter(|(level, text)| *level == Level::Warn && text.contains("took"));
    warnings.map(|(_, text)| text).collect()
}

#[test]
fn turns_waits_events_and_calls_are_counted() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ | WRITE, |_, _| {})?;
    let (silent, _silent_far) = tcp_pair()?;
    sel.register(silent, READ, uncalled)?;
    for turns in 1..=3 {
        sel.call_soon(|_| {});
        sel.call_later(Duration::ZERO, |_| {});
        assert_eq!(sel.turn(NOW)?, 3);
        let stats = sel.stats();
        assert_eq!((stats.turns, stats.waits, stats.events, stats.calls), (turns, turns, turns, 3 * turns));
    }
    Ok(())
}

#[test]
fn loop_over_select_is_counted_as_run_is() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| {})?;
    sel.call_soon(|_| {});
    for (key, ready) in sel.select(Some(LONG))? {
        assert!(sel.call(key, ready)?);
    }
    let stats = sel.stats();
    assert_eq!((stats.turns, stats.events, stats.calls), (1, 1, 2));
    Ok(())
}

#[test]
fn call_whose_first_operation_would_block_is_counted_as_spurious_and_no_other() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    let thief = std::net::TcpStream::from(near);
    let near = selkie::net::TcpStream::from_std(thief.try_clone()?);
    let key = sel.register(near, READ, uncalled)?;
    // Through methods of the source, to the end: what would block is not the first.
    sel.set_callback(key, |near, _| drain(near).map(drop))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(sel.stats().spurious_calls, 0);
    // A full buffer, and then nothing.
    sel.set_callback(key, |near, _| -> io::Result<()> {
        near.read_exact(&mut [0; 4])?;
        assert_eq!(near.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    })?;
    far.write_all(b"four")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(sel.stats().spurious_calls, 0);
    // Somebody else reads it first.
    sel.set_callback(key, move |near, _| -> io::Result<()> {
        (&thief).read_exact(&mut [0])?;
        for _ in 0..2 {
            assert_eq!(near.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        Ok(())
    })?;
    far.write_all(b"x")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(sel.stats().spurious_calls, 1);
    // Lent, it is not called.
    sel.with(key, |near| near.read(&mut [0]).unwrap_err())?;
    assert_eq!(sel.stats().spurious_calls, 1);
    Ok(())
}

#[test]
fn what_is_held_is_told_and_shown() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| {})?;
    sel.set_timeout(key, Some(LONG))?;
    sel.call_later(LONG, |_| {});
    sel.call_later(LONG, |_| {});
    sel.turn(NOW)?;
    let remote = sel.remote()?;
    remote.call(|_| {})?;
    let stats = sel.stats();
    assert_eq!((stats.sources, stats.unsettled, stats.timeouts, stats.timers), (1, 1, 1, 2));
    assert_eq!((stats.posted, stats.jobs), (1, 0));
    let shown = format!("{sel:?}");
    assert!(shown.contains("TcpStream") && shown.contains("READ") && shown.contains("timers: 2"), "{shown}");
    sel.turn(NOW)?;
    assert_eq!(sel.stats().posted, 0);
    Ok(())
}

#[test]
fn slow_callback_is_reported_with_its_key_and_type_and_a_quick_one_is_not() -> io::Result<()> {
    let _ = reports();
    let sel = Selector::new()?;
    sel.set_slow_callback_duration(Some(20 * MS));
    let (near, _far) = ready_pair()?;
    let slow = sel.register(near, READ, |near, _| {
        thread::sleep(20 * MS);
        near.unregister();
    })?;
    let (near, _other_far) = tcp_pair()?;
    let quick = sel.register(near, WRITE, |_, _| {})?;
    assert_eq!(sel.turn(NOW)?, 2);
    let said = reports();
    assert!(
        said.iter().any(|text| text.contains(&format!("{slow} (mio::net")) && text.contains("TcpStream")),
        "{said:?}"
    );
    assert!(!said.iter().any(|text| text.contains(&quick.to_string())), "{said:?}");
    let slowest = sel.stats().slowest_callback.expect("one was timed");
    assert!(slowest.key == slow && slowest.took >= 20 * MS && slowest.source_type.contains("TcpStream"));
    assert!(sel.stats().time_in_callbacks >= slowest.took);
    Ok(())
}

#[test]
fn slow_timer_and_deferred_and_posted_call_are_reported_too() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.set_slow_callback_duration(Some(5 * MS));
    sel.call_later(Duration::ZERO, |_| thread::sleep(5 * MS));
    sel.call_every(Duration::ZERO, |_| thread::sleep(5 * MS));
    sel.call_soon(|_| thread::sleep(5 * MS));
    sel.remote()?.call(|_| thread::sleep(5 * MS))?;
    let _ = reports();
    assert_eq!(sel.turn(NOW)?, 4);
    let said = reports();
    for (what, times) in [("(timer)", 2), ("(deferred call)", 1), ("(posted call)", 1)] {
        assert_eq!(said.iter().filter(|text| text.contains(what)).count(), times, "{said:?}");
    }
    assert_eq!(sel.stats().slowest_callback.map(|slowest| slowest.key), Some(AnyKey::DUE));
    Ok(())
}

#[test]
fn callbacks_that_are_not_timed_leave_the_times_at_zero() -> io::Result<()> {
    let _ = reports();
    let sel = Selector::new()?;
    sel.set_slow_callback_duration(None);
    sel.call_soon(|_| thread::sleep(110 * MS));
    sel.turn(NOW)?;
    assert_quiet(&sel);
    let stats = sel.stats();
    assert_eq!((stats.time_in_callbacks, stats.time_waiting), (Duration::ZERO, Duration::ZERO));
    assert!(stats.slowest_callback.is_none() && stats.calls == 1);
    assert!(reports().is_empty());
    Ok(())
}

#[cfg(debug_assertions)]
#[test]
fn callback_of_a_tenth_of_a_second_is_reported_without_being_asked_for() -> io::Result<()> {
    let _ = reports();
    let sel = Selector::new()?;
    sel.call_soon(|_| thread::sleep(100 * MS));
    sel.turn(NOW)?;
    assert_eq!(reports().len(), 1);
    Ok(())
}

#[test]
fn wait_is_timed_apart_from_callbacks() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.set_slow_callback_duration(Some(LONG));
    sel.call_later(30 * MS, |_| thread::sleep(10 * MS));
    sel.turn(Some(LONG))?;
    let stats = sel.stats();
    assert!(stats.time_waiting >= 29 * MS && stats.time_in_callbacks >= 10 * MS, "{stats:?}");
    Ok(())
}

#[test]
fn slow_callback_may_change_what_counts_as_slow_and_may_panic() -> io::Result<()> {
    let _ = reports();
    let sel = Selector::new()?;
    sel.set_slow_callback_duration(Some(Duration::ZERO));
    sel.call_soon(|sel| sel.set_slow_callback_duration(None));
    sel.turn(NOW)?;
    assert!(reports().is_empty());
    sel.set_slow_callback_duration(Some(Duration::ZERO));
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, uncalled)?;
    assert!(catch_unwind(AssertUnwindSafe(|| sel.turn(NOW))).is_err());
    assert!(!sel.contains(key) && sel.turn(NOW)? == 0);
    Ok(())
}
