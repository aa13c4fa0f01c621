//! The timeouts of sources: when they are over, what puts them off, and who is told.

use crate::util::{LONG, NOW, assert_quiet, await_data, in_time, ready_pair, tcp_pair, uncalled};
use selkie::net::TcpStream;
use selkie::{Interest, Key, READ, Selector, Source, Trigger, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// What a source was told, call by call.
type Told = RefCell<Vec<Interest>>;

fn noted<'cb>(told: &'cb Told) -> impl FnMut(&mut Source<'_, 'cb, TcpStream>, Interest) + 'cb {
    |_, ready| told.borrow_mut().push(ready)
}

fn only_timeouts(told: &Told) -> bool {
    told.borrow().iter().all(|ready| ready.is_timeout() && ready.is_none())
}

#[test]
fn silent_source_is_told_when_its_timeout_is_over_and_again_after_as_long() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let begun = Instant::now();
    let key = sel.register(near, READ, noted(&told))?;
    sel.set_timeout(key, Some(10 * MS))?;
    for times in 1..=3 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert!(begun.elapsed() >= times * 10 * MS);
    }
    assert!(only_timeouts(&told) && told.borrow().len() == 3);
    assert!(sel.contains(key), "what to make of it is for the callback to say");
    Ok(())
}

#[test]
fn source_that_is_called_has_its_timeout_put_off() -> io::Result<()> {
    const LENGTH: Duration = Duration::from_millis(60);
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = sel.register(near, READ, |near, ready| {
        told.borrow_mut().push(ready);
        if ready.is_readable() { near.read(&mut [0; 9]).map(drop) } else { Ok(()) }
    })?;
    let set = Instant::now();
    sel.set_timeout(key, Some(LENGTH))?;
    let mut last = set;
    // Until later than the timeout would have been over.
    while set.elapsed() < LENGTH + LENGTH / 2 {
        let before = Instant::now();
        far.write_all(b"x")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        let ready = told.borrow().last().copied().unwrap_or_default();
        assert!(!ready.is_timeout() || last.elapsed() >= LENGTH, "it counts from the last call");
        last = before;
    }
    told.borrow_mut().clear();
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(last.elapsed() >= LENGTH, "it counts from the last call");
    assert!(only_timeouts(&told));
    Ok(())
}

#[test]
fn source_that_is_lent_has_its_timeout_not_put_off() -> io::Result<()> {
    let told = Told::default();
    let told = &told;
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let silent = sel.register(near, READ, |near, ready| {
        told.borrow_mut().push(ready);
        near.selector().stop();
    })?;
    sel.set_timeout(silent, Some(100 * MS))?;
    // Another, called in each turn, lends it each time.
    let begun = Instant::now();
    let (near, _other_far) = tcp_pair()?;
    sel.register(near, WRITE, move |near, _| -> io::Result<()> {
        assert!(begun.elapsed() < 4000 * MS, "the timeout is put off for ever");
        near.selector().with(silent, |_| {})
    })?;
    in_time(|| sel.run())?;
    assert!(only_timeouts(told) && told.borrow().len() == 1);
    Ok(())
}

#[test]
fn timeout_set_anew_counts_from_then() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, noted(&told))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    sel.set_timeout(key, Some(LONG))?;
    assert_quiet(&sel);
    let begun = Instant::now();
    sel.set_timeout(key, Some(5 * MS))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(begun.elapsed() >= 5 * MS);
    sel.set_timeout(key, None)?;
    assert_quiet(&sel);
    assert_eq!(told.borrow().len(), 1);
    Ok(())
}

#[test]
fn source_ready_and_timed_out_in_one_turn_is_called_once_with_both() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, noted(&told))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    for times in 1..=3 {
        assert_eq!(sel.turn(NOW)?, 1);
        assert_eq!(told.borrow().len(), times);
        assert!(told.borrow().iter().all(|ready| ready.is_readable() && ready.is_timeout()));
    }
    Ok(())
}

#[test]
fn timeout_does_not_unsettle_a_source_that_is_drained() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = sel.register(near, READ, |near, ready| {
        told.borrow_mut().push(ready);
        if ready.is_readable() { near.read(&mut [0; 9]).map(drop) } else { Ok(()) }
    })?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    assert_eq!(sel.turn(NOW)?, 1);
    sel.set_timeout(key, Some(LONG))?;
    assert_quiet(&sel);
    far.write_all(b"x")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(told.borrow()[0].is_none() && told.borrow()[1].is_readable() && !told.borrow()[1].is_timeout());
    Ok(())
}

#[test]
fn paused_source_is_told_and_keeps_run_going() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, Interest::NONE, |near, ready| {
        assert!(ready.is_timeout() && ready.is_none());
        calls.set(calls.get() + 1);
        if calls.get() == 2 {
            near.set_timeout(None);
        }
    })?;
    sel.set_timeout(key, Some(MS))?;
    in_time(|| sel.run())?;
    assert_eq!(calls.get(), 2);
    Ok(())
}

#[test]
fn edge_triggered_source_is_told() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register_with(near, READ, Trigger::Edge, noted(&told))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert!(only_timeouts(&told));
    Ok(())
}

#[cfg(unix)]
#[test]
fn file_that_is_always_ready_is_told_both_in_one_call() -> io::Result<()> {
    let told = Told::default();
    let told = &told;
    let sel = Selector::new()?;
    let file = selkie::unix::Fd::new(std::fs::File::open("/dev/null")?);
    let key = sel.register(file, READ, move |_, ready| told.borrow_mut().push(ready))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    for _ in 0..3 {
        assert_eq!(sel.turn(NOW)?, 1);
    }
    assert!(told.borrow().iter().all(|ready| ready.is_readable() && ready.is_timeout()), "{told:?}");
    assert_eq!(told.borrow().len(), 3);
    Ok(())
}

#[test]
fn timeout_goes_with_its_source_and_is_not_told_to_the_next_in_its_slot() -> io::Result<()> {
    let sel = Selector::new()?;
    let (one, _far) = tcp_pair()?;
    let key = sel.register(one, READ, uncalled)?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    sel.unregister(key)?;
    let (other, _far) = tcp_pair()?;
    let other = sel.register(other, READ, uncalled)?;
    assert_quiet(&sel);
    assert_eq!(sel.set_timeout(key, Some(MS)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(sel.set_timeout(key, None).unwrap_err().kind(), ErrorKind::NotFound);
    sel.discard(other)?;
    in_time(|| sel.run())
}

#[test]
fn source_removed_in_the_turn_of_its_timeout_is_not_called() -> io::Result<()> {
    let keys = RefCell::new(Vec::<Key<TcpStream>>::new());
    let keys = &keys;
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    for _ in 0..2 {
        let (near, far) = tcp_pair()?;
        fars.push(far);
        let key = sel.register(near, READ, move |near, ready| {
            assert!(ready.is_timeout());
            let other = keys.borrow().iter().copied().find(|key| *key != near.key());
            near.selector().discard(other.expect("there are two"))
        })?;
        sel.set_timeout(key, Some(Duration::ZERO))?;
        keys.borrow_mut().push(key);
    }
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.len(), 1);
    Ok(())
}

#[test]
fn source_sets_its_own_timeout_which_counts_from_then() -> io::Result<()> {
    let told = Told::default();
    let set = Cell::new(None::<Instant>);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |near, ready| -> io::Result<()> {
        told.borrow_mut().push(ready);
        if ready.is_timeout() {
            assert!(set.get().is_some_and(|set| set.elapsed() >= 20 * MS), "it counts from when it was set");
            near.unregister();
        } else {
            // Much later than the turn began.
            std::thread::sleep(40 * MS);
            set.set(Some(Instant::now()));
            near.set_timeout(Some(20 * MS));
            near.read_exact(&mut [0])?;
        }
        Ok(())
    })?;
    in_time(|| sel.run())?;
    assert_eq!(told.borrow().len(), 2);
    Ok(())
}

#[test]
fn error_returned_for_a_timeout_costs_the_source() -> io::Result<()> {
    let lost = Cell::new(None);
    let sel = Selector::new()?;
    sel.on_error(|_, error| lost.set(Some(error.error.kind())));
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, |_, _| Err::<(), _>(ErrorKind::TimedOut.into()))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    in_time(|| sel.run())?;
    assert_eq!(lost.get(), Some(ErrorKind::TimedOut));
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn timeout_that_a_panic_kept_from_being_told_is_told_in_the_next_turn() -> io::Result<()> {
    // Longer than it takes to print where the panic was.
    const LENGTH: Duration = Duration::from_millis(500);
    let calls = Cell::new(0);
    let calls = &calls;
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    for _ in 0..2 {
        let (near, far) = tcp_pair()?;
        fars.push(far);
        let key = sel.register(near, READ, move |near, ready| {
            assert!(ready.is_timeout());
            near.set_timeout(None);
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                panic!("as it should");
            }
        })?;
        sel.set_timeout(key, Some(LENGTH))?;
    }
    std::thread::sleep(LENGTH + MS);
    assert!(catch_unwind(AssertUnwindSafe(|| sel.turn(NOW))).is_err());
    assert_eq!(calls.get(), 1);
    assert_eq!(sel.turn(NOW)?, 1, "it does not have to wait once more");
    assert_eq!(sel.len(), 1);
    Ok(())
}

#[test]
fn loop_over_select_is_told_of_timeouts_as_run_is() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = sel.register(near, READ, noted(&told))?;
    sel.set_timeout(key, Some(5 * MS))?;
    let answer = sel.select(Some(LONG))?;
    assert_eq!(answer.len(), 1);
    assert!(answer[0].0 == key && answer[0].1.is_timeout() && answer[0].1.is_none());
    assert!(sel.call(answer[0].0, answer[0].1)?);
    assert!(only_timeouts(&told));
    far.write_all(b"x")?;
    sel.with(key, |near| await_data(&**near))?;
    let answer = sel.select(Some(LONG))?;
    assert!(answer[0].1.is_readable());
    Ok(())
}

#[test]
fn timeout_and_interest_are_apart() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = sel.register(near, READ, noted(&told))?;
    sel.set_timeout(key, Some(Duration::ZERO))?;
    sel.modify(key, READ | WRITE)?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert!(told.borrow()[0].is_writable() && told.borrow()[0].is_timeout());
    // A set that was told can be handed back.
    let given = told.borrow()[0];
    sel.modify(key, given)?;
    assert_eq!(sel.interest(key)?, WRITE);
    Ok(())
}

#[test]
fn many_timeouts_are_put_off_without_a_search() -> io::Result<()> {
    // Each call puts its source's timeout off; were that done in the heap, it would grow by a mark each
    // time, and were it swept each time, this would not end today.
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
    sel.set_timeout(key, Some(LONG))?;
    let used = allocation_counter::measure(|| {
        for _ in 0..10_000 {
            sel.turn(NOW).expect("the turn failed");
        }
    });
    assert_eq!(calls.get(), 10_000);
    assert!(used.bytes_max < 64 * 1024, "{} bytes", used.bytes_max);
    Ok(())
}

#[test]
fn timeout_that_comes_and_goes_takes_no_memory_each_time() -> io::Result<()> {
    let sel = Selector::new()?;
    let mut kept = Vec::new();
    for _ in 0..200 {
        let (near, far) = tcp_pair()?;
        kept.push((sel.register(near, READ, uncalled)?, far));
    }
    let (last, _) = kept[kept.len() - 1];
    let come_and_go = |times| {
        for _ in 0..times {
            sel.set_timeout(last, Some(LONG)).expect("it is registered");
            sel.set_timeout(last, None).expect("it is registered");
        }
    };
    come_and_go(1000);
    let used = allocation_counter::measure(|| come_and_go(1000));
    assert_eq!(used.count_total, 0, "it was made room for before");
    Ok(())
}
