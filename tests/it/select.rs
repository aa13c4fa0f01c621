//! `select`, `turn` and `run`: who is in the answer, how long is waited, and when it ends.

#[cfg(unix)]
use crate::util::alone;
use crate::util::{LONG, NOW, assert_quiet, await_data, in_time, tcp_pair, uncalled};
use selkie::net::TcpStream;
use selkie::{AnyKey, Interest, READ, Selector, Source, WRITE};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

// ---- the answer

#[test]
fn source_ready_in_both_directions_is_answered_once_with_both() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    await_data(&near);
    let sel = Selector::new()?;
    let key = sel.register(near, READ | WRITE, uncalled)?;
    for _ in 0..3 {
        assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ | WRITE)]);
    }
    Ok(())
}

#[test]
fn ready_sources_are_all_in_the_answer_and_no_others() -> io::Result<()> {
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    let mut expected = HashMap::new();
    for number in 0..60 {
        let (near, mut far) = tcp_pair()?;
        let is_ready = number % 3 != 0;
        if is_ready {
            far.write_all(b"x")?;
            await_data(&near);
        }
        let asked = if number % 2 == 0 { READ } else { READ | WRITE };
        let key = sel.register(near, asked, uncalled)?;
        let ready = if is_ready { asked } else { asked.without(READ) };
        if !ready.is_none() {
            expected.insert(AnyKey::from(key), ready);
        }
        fars.push(far);
    }
    for _ in 0..3 {
        let answer = sel.select(Some(LONG))?;
        assert_eq!(answer.len(), expected.len(), "somebody is in the answer twice, or is missing");
        assert_eq!(answer.into_iter().collect::<HashMap<_, _>>(), expected);
    }
    Ok(())
}

/// At the descriptor limit, in a process that has it to itself.
#[cfg(unix)]
#[test]
fn nine_thousand_ready_writers_are_in_one_answer() -> io::Result<()> {
    alone("select::nine_thousand_ready_writers_are_in_one_answer", || {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        const PAIRS: usize = 9_000;
        let limit = getrlimit(Resource::Nofile);
        assert!(
            limit.maximum.is_none_or(|maximum| maximum >= 19_000),
            "this test needs 19,000 descriptors, and the hard limit is {:?}: raise it (`ulimit -Hn`)",
            limit.maximum
        );
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;

        let calls = Cell::new(0);
        let calls = &calls;
        let sel = Selector::new()?;
        let mut keys = HashMap::new();
        for _ in 0..PAIRS {
            let (one, other) = selkie::net::UnixStream::pair()?;
            let writer = sel.register(one, WRITE, |_, _| calls.set(calls.get() + 1))?;
            sel.register(other, READ, |_, _| calls.set(calls.get() + 1))?;
            keys.insert(AnyKey::from(writer), ());
        }
        for _ in 0..3 {
            let answer = sel.select(Some(LONG))?;
            assert_eq!(answer.len(), PAIRS);
            assert!(answer.iter().all(|(key, ready)| keys.contains_key(key) && *ready == WRITE));
            assert_eq!(answer.into_iter().collect::<HashMap<_, _>>().len(), PAIRS, "somebody is in the answer twice");
        }
        for turns in 1..=3 {
            assert_eq!(sel.turn(Some(LONG))?, PAIRS);
            assert_eq!(calls.get(), turns * PAIRS);
        }
        Ok(())
    })
}

#[test]
fn source_that_became_ready_with_many_others_waits_for_nobody() -> io::Result<()> {
    // More than the system is first asked for at a time, so that the answer comes in several parts.
    const SOURCES: usize = 700;
    let calls = RefCell::new(HashMap::new());
    let calls = &calls;
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    for number in 0..SOURCES {
        let (near, far) = tcp_pair()?;
        sel.register(near, WRITE, move |_, _| *calls.borrow_mut().entry(number).or_insert(0) += 1)?;
        fars.push(far);
    }
    for turns in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, SOURCES);
        assert!((0..SOURCES).all(|number| calls.borrow()[&number] == turns));
    }
    Ok(())
}

// ---- the wait

#[test]
fn zero_timeout_does_not_wait() -> io::Result<()> {
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register(near, READ, uncalled)?;
    // The shortest wait there is takes a millisecond, so the quickest of many tells.
    let mut quickest = LONG;
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(sel.select(NOW)?, []);
        assert_eq!(sel.turn(NOW)?, 0);
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(1), "both waited: it took {quickest:?}");
    Ok(())
}

#[test]
fn timeout_is_waited_for_in_full() -> io::Result<()> {
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register(near, READ, uncalled)?;
    for timeout in [1, 999, 1_000, 1_001, 1_500, 2_999, 10_000].map(Duration::from_micros) {
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(sel.select(Some(timeout))?, []);
            assert!(began.elapsed() >= timeout, "`select` came back {:?} early", timeout - began.elapsed());
            let began = Instant::now();
            assert_eq!(sel.turn(Some(timeout))?, 0);
            assert!(began.elapsed() >= timeout, "`turn` came back {:?} early", timeout - began.elapsed());
        }
    }
    Ok(())
}

#[test]
fn empty_selector_sleeps_through_its_timeout() -> io::Result<()> {
    let sel = Selector::new()?;
    assert_quiet(&sel);
    let began = Instant::now();
    assert_eq!(sel.select(Some(Duration::from_micros(1_500)))?, []);
    assert!(began.elapsed() >= Duration::from_micros(1_500));
    Ok(())
}

#[test]
fn longest_timeout_is_taken() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, uncalled)?;
    far.write_all(b"x")?;
    assert_eq!(sel.select(Some(Duration::MAX))?, [(key.into(), READ)]);
    Ok(())
}

#[cfg(target_os = "linux")]
mod beside_a_waiting_thread {
    use super::*;
    use std::fs;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::thread;

    /// Calls `act` in another thread when this one sleeps, and what it calls in `wait` is the first
    /// thing to sleep in.
    fn while_it_sleeps<T>(act: impl FnOnce() + Send, wait: impl FnOnce() -> T) -> io::Result<T> {
        let stat = std::path::Path::new("/proc").join(fs::read_link("/proc/thread-self")?).join("stat");
        let sleeps = move || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S "));
        Ok(thread::scope(|scope| {
            scope.spawn(|| {
                while !sleeps() {
                    thread::yield_now();
                }
                act();
            });
            wait()
        }))
    }

    #[test]
    fn wait_without_timeout_blocks_until_another_thread_writes() -> io::Result<()> {
        let (near, mut far) = tcp_pair()?;
        let sel = Selector::new()?;
        let key = sel.register(near, READ, |_, _| ())?;
        for byte in 1..=4 {
            let written = AtomicBool::new(false);
            let write = || {
                written.store(true, SeqCst);
                far.write_all(&[byte]).expect("cannot write");
            };
            if byte % 2 == 0 {
                assert_eq!(while_it_sleeps(write, || sel.select(None))??, [(key.into(), READ)]);
            } else {
                assert_eq!(while_it_sleeps(write, || sel.turn(None))??, 1);
            }
            assert!(written.load(SeqCst), "it did not wait for anything");
            sel.with(key, |conn| conn.read(&mut [0; 8]))??;
        }
        Ok(())
    }

    /// Stops this process and has it go on, which ends a wait of the system's as a signal with a
    /// handler does, and needs no handler.
    fn stop_and_continue() {
        let status = Command::new("sh").args(["-c", "kill -STOP $PPID; kill -CONT $PPID"]).status();
        assert!(status.expect("cannot start a shell").success());
    }

    #[test]
    fn signal_does_not_end_a_wait_without_timeout() -> io::Result<()> {
        alone("select::beside_a_waiting_thread::signal_does_not_end_a_wait_without_timeout", || {
            let (near, mut far) = tcp_pair()?;
            let sel = Selector::new()?;
            let key = sel.register(near, READ, |conn, _| conn.read(&mut [0; 8]).map(drop))?;
            for is_select in [true, false] {
                let signalled = AtomicBool::new(false);
                let act = || {
                    for _ in 0..3 {
                        stop_and_continue();
                    }
                    signalled.store(true, SeqCst);
                    far.write_all(b"x").expect("cannot write");
                };
                if is_select {
                    assert_eq!(while_it_sleeps(act, || sel.select(None))??, [(key.into(), READ)]);
                } else {
                    assert_eq!(while_it_sleeps(act, || sel.turn(None))??, 1);
                }
                assert!(signalled.load(SeqCst), "a signal ended the wait");
                sel.with(key, |conn| conn.read(&mut [0; 8]).ok())?;
            }
            Ok(())
        })
    }

    #[test]
    fn signal_does_not_shorten_a_wait() -> io::Result<()> {
        alone("select::beside_a_waiting_thread::signal_does_not_shorten_a_wait", || {
            let (near, _far) = tcp_pair()?;
            let sel = Selector::new()?;
            sel.register(near, READ, uncalled)?;
            for is_select in [true, false] {
                // Longer and longer, until the signals come within the wait on any machine.
                let mut timeout = Duration::from_millis(100);
                loop {
                    let signalled = AtomicBool::new(false);
                    let act = || {
                        stop_and_continue();
                        signalled.store(true, SeqCst);
                    };
                    let wait = || -> io::Result<_> {
                        let began = Instant::now();
                        let reported =
                            if is_select { sel.select(Some(timeout))?.len() } else { sel.turn(Some(timeout))? };
                        Ok((reported, began.elapsed(), signalled.load(SeqCst)))
                    };
                    let (reported, waited, was_signalled) = while_it_sleeps(act, wait)??;
                    assert_eq!(reported, 0);
                    assert!(waited >= timeout, "it came back after {waited:?} of {timeout:?}");
                    if was_signalled {
                        break;
                    }
                    timeout *= 2;
                    assert!(timeout < LONG, "the signals never came in time");
                }
            }
            Ok(())
        })
    }
}

// ---- the end of `run`

/// A source that is ready to write in every turn, and its peer.
fn writer() -> io::Result<(TcpStream, std::net::TcpStream)> {
    tcp_pair()
}

#[test]
fn run_with_no_source_returns() -> io::Result<()> {
    let sel = Selector::new()?;
    in_time(|| sel.run())
}

#[test]
fn run_with_paused_sources_only_returns() -> io::Result<()> {
    let (one, mut far) = tcp_pair()?;
    let (other, _far_of_other) = writer()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(one, Interest::NONE, uncalled)?;
    let key = sel.register(other, WRITE, |conn, _| conn.set_interest(Interest::NONE))?;
    in_time(|| sel.run())?;
    assert_eq!(sel.len(), 2);
    in_time(|| sel.run())?;
    sel.modify(key, WRITE)?;
    in_time(|| sel.run())
}

#[test]
fn run_returns_when_the_last_source_unregisters_itself() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, _far) = writer()?;
    let sel = Selector::new()?;
    sel.register(near, WRITE, |conn, _| {
        calls.set(calls.get() + 1);
        if calls.get() == 5 {
            conn.unregister();
        }
    })?;
    in_time(|| sel.run())?;
    assert_eq!(calls.get(), 5);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn run_returns_when_the_last_source_is_lost_to_an_error() -> io::Result<()> {
    let (near, _far) = writer()?;
    let sel = Selector::new()?;
    sel.on_error(|_, _| ());
    sel.register(near, WRITE, |_, _| -> io::Result<()> { Err(io::Error::other("enough")) })?;
    in_time(|| sel.run())?;
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn stop_before_run_is_kept_for_one_run() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, _far) = writer()?;
    let sel = Selector::new()?;
    sel.register(near, WRITE, |conn, _| {
        calls.set(calls.get() + 1);
        conn.selector().stop();
    })?;
    assert!(!sel.is_stopping());
    sel.stop();
    assert!(sel.is_stopping());
    in_time(|| sel.run())?;
    assert_eq!(calls.get(), 0, "a callback was called after `stop`");
    assert!(!sel.is_stopping());
    for runs in 1..=3 {
        in_time(|| sel.run())?;
        assert_eq!(calls.get(), runs);
        assert!(!sel.is_stopping());
    }
    Ok(())
}

#[test]
fn stop_from_a_callback_lets_the_turn_finish() -> io::Result<()> {
    const SOURCES: usize = 20;
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    for _ in 0..SOURCES {
        let (near, far) = writer()?;
        // Each of them does, so the first that is called does.
        sel.register(near, WRITE, |conn, _| {
            calls.set(calls.get() + 1);
            conn.selector().stop();
        })?;
        fars.push(far);
    }
    for runs in 1..=3 {
        in_time(|| sel.run())?;
        assert_eq!(calls.get(), runs * SOURCES);
        assert!(!sel.is_stopping());
    }
    Ok(())
}

#[test]
fn stopping_selector_does_not_wait() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
    sel.stop();
    let began = Instant::now();
    assert_eq!(sel.turn(Some(LONG))?, 0);
    assert_eq!(sel.select(Some(LONG))?, []);
    assert!(began.elapsed() < LONG, "it waited");
    // What is ready is reported still.
    far.write_all(b"data")?;
    sel.with(key, |conn| await_data(&**conn))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
    assert_eq!(calls.get(), 1);
    assert!(sel.is_stopping());
    Ok(())
}

// ---- a loop of one's own

/// Who was called, of what happened to whom, in order.
type Log = HashMap<&'static str, Vec<String>>;

/// A small world that ends by `stop`; `drive` is the loop.
fn log_of(drive: impl FnOnce(&Selector<'_>) -> io::Result<()>) -> io::Result<Log> {
    let log = RefCell::new(Log::new());
    let open = Cell::new(0);
    let other_of_pair = RefCell::new(Vec::new());
    let (log, open, other_of_pair) = (&log, &open, &other_of_pair);
    let note = |who, what: String| log.borrow_mut().entry(who).or_default().push(what);
    let done = |sel: &Selector<'_>| {
        open.set(open.get() - 1);
        if open.get() == 0 {
            sel.stop();
        }
    };
    let mut fars = Vec::new();
    let sel = Selector::new()?;
    sel.on_error(|sel, lost| {
        note("the hook", lost.error.to_string());
        done(sel);
    });

    // Reads by single bytes to the end.
    let (reader, mut far) = tcp_pair()?;
    far.write_all(b"selkie")?;
    drop(far);
    open.set(open.get() + 1);
    sel.register(reader, READ, move |conn, ready| -> io::Result<()> {
        let mut byte = [0];
        let n = conn.read(&mut byte)?;
        note("reader", format!("{} {:?}", ready.is_readable(), &byte[..n]));
        if n == 0 {
            conn.unregister();
            done(conn.selector());
        }
        Ok(())
    })?;

    // Pauses itself after some calls, having put another callback in its place before that.
    let (writer, far) = tcp_pair()?;
    fars.push(far);
    open.set(open.get() + 1);
    sel.register(writer, WRITE, move |conn, ready| {
        note("writer", format!("{ready:?}"));
        conn.set_callback(move |conn, ready| {
            note("writer's second", format!("{ready:?}"));
            conn.set_interest(Interest::NONE);
            done(conn.selector());
        });
    })?;

    // Fails.
    let (failing, far) = tcp_pair()?;
    fars.push(far);
    open.set(open.get() + 1);
    sel.register(failing, WRITE, move |_, _| -> io::Result<()> { Err(io::Error::other("by design")) })?;

    // Each takes the other out when it is called: whichever is first, its twin, reported in the same
    // turn, is not called.
    for _ in 0..2 {
        let (twin, far) = tcp_pair()?;
        fars.push(far);
        let key = sel.register(twin, WRITE, move |conn: &mut Source<TcpStream>, _| {
            note("one of the twins", "called".into());
            for key in other_of_pair.take() {
                if conn.key() != key {
                    conn.selector().discard(key).expect("the twin is gone");
                }
            }
            conn.unregister();
            done(conn.selector());
        })?;
        other_of_pair.borrow_mut().push(AnyKey::from(key));
    }
    open.set(open.get() + 1);

    // Registers another, which is called in a later turn.
    let (parent, far) = tcp_pair()?;
    fars.push(far);
    let child = RefCell::new(Some(tcp_pair()?));
    open.set(open.get() + 1);
    sel.register(parent, WRITE, move |conn, _| -> io::Result<()> {
        if let Some((child, far)) = child.take() {
            note("parent", "registers".into());
            conn.selector().register(child, WRITE, move |child, _| {
                note("child", format!("called, {:?}", far.local_addr().is_ok()));
                child.unregister();
                done(child.selector());
            })?;
        } else {
            conn.unregister();
        }
        Ok(())
    })?;

    drive(&sel)?;
    drop(sel);
    Ok(log.take())
}

#[test]
fn loop_of_ones_own_over_select_and_call_behaves_as_run() -> io::Result<()> {
    let by_run = log_of(|sel| in_time(|| sel.run()))?;
    let by_select = log_of(|sel| {
        while !sel.is_stopping() {
            for (key, ready) in sel.select(Some(LONG))? {
                sel.call(key, ready)?;
            }
        }
        Ok(())
    })?;
    let by_turn = log_of(|sel| {
        while !sel.is_stopping() {
            sel.turn(Some(LONG))?;
        }
        Ok(())
    })?;
    assert_eq!(by_run["reader"].len(), 7);
    assert_eq!(by_run["writer"].len(), 1);
    assert_eq!(by_run["writer's second"].len(), 1);
    assert_eq!(by_run["the hook"], ["by design"]);
    assert_eq!(by_run["one of the twins"].len(), 1);
    assert_eq!(by_run["parent"].len() + by_run["child"].len(), 2);
    assert_eq!(by_select, by_run);
    assert_eq!(by_turn, by_run);
    Ok(())
}

#[test]
fn reported_source_that_is_paused_before_its_call_is_passed_over() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, _far) = writer()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |_, _| calls.set(calls.get() + 1))?;
    let answer = sel.select(Some(LONG))?;
    sel.modify(key, Interest::NONE)?;
    assert!(!sel.call(answer[0].0, answer[0].1)?);
    sel.modify(key, WRITE)?;
    assert!(sel.call(answer[0].0, answer[0].1)?);
    sel.unregister(key)?;
    assert!(!sel.call(answer[0].0, answer[0].1)?);
    assert_eq!(calls.get(), 1);
    Ok(())
}
