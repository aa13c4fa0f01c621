//! Other threads: what they post is called, once and in order; what they stop stops, and what they
//! wake wakes.

use crate::util::{LONG, NOW, OnDrop, assert_quiet, in_time, ready_pair, tcp_pair, uncalled};
use selkie::{AnyKey, Interest, READ, Remote, Selector, Source, net::TcpStream};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What was called, in order. Calls that are sent cannot borrow it.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<usize>>>);

impl Calls {
    fn note(&self, call: usize) {
        self.0.lock().unwrap().push(call);
    }

    /// Posts a call that notes its number.
    fn post(&self, remote: &Remote, call: usize) {
        let calls = self.clone();
        remote.call(move |_| calls.note(call)).expect("the selector is there");
    }

    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn close_when_read(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
    let n = conn.read(&mut [0; 16])?;
    assert_eq!(n, 1);
    conn.unregister();
    Ok(())
}

// ---- calls

#[test]
fn remote_can_be_sent_shared_and_cloned() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<Remote>();
}

#[test]
fn call_from_another_thread_runs_on_the_selectors_thread() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    sel.register(near, READ, uncalled)?;
    let remote = sel.remote()?;
    let here = thread::current().id();
    let posting = thread::spawn(move || {
        let posted = remote.call(move |sel| {
            assert_eq!(thread::current().id(), here);
            assert_eq!(sel.len(), 1);
            sel.stop();
        });
        assert!(posted.is_ok());
    });
    in_time(|| sel.run())?;
    posting.join().unwrap();
    Ok(())
}

#[test]
fn calls_run_once_each_and_in_the_order_of_posting() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let calls = Calls::default();
    for call in 0..1000 {
        calls.post(&remote, call);
    }
    assert_eq!(sel.turn(None)?, 1000);
    assert!(calls.take().into_iter().eq(0..1000));
    assert_quiet(&sel);
    assert!(calls.take().is_empty());
    Ok(())
}

#[test]
fn call_runs_in_the_last_step_of_the_turn_after_what_was_deferred() -> io::Result<()> {
    let order = &RefCell::new(Vec::new());
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let (near, _far) = ready_pair()?;
    // Posted first of all.
    calls.post(&remote, 1);
    sel.call_soon(|_| order.borrow_mut().push("deferred"));
    sel.register(near, READ, |conn, _| {
        order.borrow_mut().push("source");
        assert!(calls.take().is_empty());
        conn.unregister();
    })?;
    assert_eq!(sel.turn(None)?, 3);
    assert_eq!(*order.borrow(), ["source", "deferred"]);
    assert_eq!(calls.take(), [1]);
    Ok(())
}

#[test]
fn call_posted_from_a_callback_runs_in_the_same_turn() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |conn, _| {
        calls.post(&conn.selector().remote()?, 1);
        assert!(calls.take().is_empty(), "it was called inline");
        close_when_read(conn, READ)
    })?;
    assert_eq!(sel.turn(None)?, 2);
    assert_eq!(calls.take(), [1]);
    Ok(())
}

#[test]
fn call_posted_from_a_posted_call_runs_in_the_next_turn() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let noted = calls.clone();
    let again = remote.clone();
    remote
        .call(move |_| {
            noted.note(1);
            noted.post(&again, 3);
        })
        .unwrap();
    calls.post(&remote, 2);
    assert_eq!(sel.turn(None)?, 2);
    assert_eq!(calls.take(), [1, 2]);
    assert_eq!(sel.turn(None)?, 1);
    assert_eq!(calls.take(), [3]);
    Ok(())
}

/// Posts itself anew each time it is called, until it is told to end.
fn post_for_ever(remote: Remote, calls: Arc<AtomicUsize>, end: Arc<AtomicBool>) {
    let again = remote.clone();
    let posted = remote.call(move |_| {
        calls.fetch_add(1, SeqCst);
        if !end.load(SeqCst) {
            post_for_ever(again, calls, end);
        }
    });
    assert!(posted.is_ok());
}

#[test]
fn call_that_posts_itself_for_ever_does_not_starve_a_source() -> io::Result<()> {
    let sel = Selector::new()?;
    let (calls, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    post_for_ever(sel.remote()?, Arc::clone(&calls), Arc::clone(&end));
    let (near, _far) = ready_pair()?;
    let mut served = 0;
    let ended = Arc::clone(&end);
    sel.register(near, READ, move |conn, _| {
        // Reads nothing, and so is ready in each turn.
        served += 1;
        if served == 100 {
            ended.store(true, SeqCst);
            conn.unregister();
        }
    })?;
    in_time(|| sel.run())?;
    let calls = calls.load(SeqCst);
    assert!((100..=101).contains(&calls), "{calls} calls beside 100 of a source");
    Ok(())
}

#[test]
fn panic_in_a_posted_call_loses_none_of_the_others() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    calls.post(&remote, 1);
    let (late, later) = (calls.clone(), remote.clone());
    remote
        .call(move |_| {
            late.post(&later, 4);
            panic!("on purpose");
        })
        .unwrap();
    calls.post(&remote, 2);
    calls.post(&remote, 3);
    drop(remote);
    let panicked = catch_unwind(AssertUnwindSafe(|| in_time(|| sel.run())));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"on purpose"));
    assert_eq!(calls.take(), [1]);
    // Nothing is left after those, so it ends.
    in_time(|| sel.run())?;
    assert_eq!(calls.take(), [2, 3, 4]);
    Ok(())
}

#[test]
fn posted_call_may_use_the_selector_as_a_callback_may() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| {})?;
    let remote = sel.remote()?;
    remote
        .call(|sel| {
            for refused in [sel.run(), sel.turn(NOW).map(drop), sel.select(NOW).map(drop)] {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::ResourceBusy);
            }
            sel.discard(sel.keys()[0]).unwrap();
            sel.call_soon(|sel| sel.stop());
        })
        .unwrap();
    in_time(|| sel.run())?;
    assert!(sel.is_empty());
    Ok(())
}

// ---- what becomes of a call

#[test]
fn run_that_is_stopped_has_called_what_was_accepted_before() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    sel.stop();
    for call in 0..3 {
        calls.post(&remote, call);
    }
    remote.stop();
    in_time(|| sel.run())?;
    assert_eq!(calls.take(), [0, 1, 2]);
    assert!(!sel.is_stopping());
    Ok(())
}

#[test]
fn call_accepted_after_the_cut_is_for_the_next_run() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let (noted, late) = (calls.clone(), remote.clone());
    remote
        .call(move |sel| {
            noted.post(&late, 1);
            // Of this `run`, which is stopping already, not of the next.
            sel.stop();
        })
        .unwrap();
    remote.stop();
    drop(remote);
    in_time(|| sel.run())?;
    assert!(calls.take().is_empty());
    in_time(|| sel.run())?;
    assert_eq!(calls.take(), [1]);
    Ok(())
}

#[test]
fn calls_posted_while_the_selector_stops_again_and_again_are_all_called() -> io::Result<()> {
    const THREADS: usize = 4;
    const STOPS: usize = 50;
    let (called, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sel = Selector::new()?;
    let posting: Vec<_> = (0..THREADS)
        .map(|_| {
            let (remote, called, runs) = (sel.remote()?, Arc::clone(&called), Arc::clone(&runs));
            Ok(thread::spawn(move || {
                for _ in 0..STOPS {
                    for _ in 0..20 {
                        let called = Arc::clone(&called);
                        let count = move |_: &Selector| called.store(called.load(SeqCst) + 1, SeqCst);
                        remote.call(count).unwrap();
                    }
                    let before = runs.load(SeqCst);
                    remote.stop();
                    while runs.load(SeqCst) == before {
                        thread::yield_now();
                    }
                }
            }))
        })
        .collect::<io::Result<_>>()?;
    in_time(|| {
        while !posting.iter().all(|thread| thread.is_finished()) {
            sel.run()?;
            runs.fetch_add(1, SeqCst);
        }
        // The last stop may have come before the last calls.
        sel.run()
    })?;
    posting.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(runs.load(SeqCst) >= STOPS);
    assert_eq!(called.load(SeqCst), THREADS * STOPS * 20);
    Ok(())
}

#[test]
fn selector_gone_refuses_a_call_and_hands_it_back() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    drop(sel);
    let text = String::from("the very closure");
    let refused = remote.call(move |_| assert_eq!(text, "the very closure")).unwrap_err();
    // It is the closure itself, and as good as before.
    refused.into_inner()(&Selector::new()?);
    let refused = remote.call(|_| unreachable!()).unwrap_err();
    assert_eq!(io::Error::from(refused).kind(), ErrorKind::BrokenPipe);
    remote.wake();
    remote.stop();
    Ok(())
}

#[test]
fn selector_dropped_drops_calls_that_it_never_came_to() -> io::Result<()> {
    let dropped = Arc::new(AtomicUsize::new(0));
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    for _ in 0..2 {
        let (late, count) = (remote.clone(), Arc::clone(&dropped));
        let on_drop = OnDrop(move || {
            // It may use its handle in this, to no avail.
            assert!(late.call(|_| unreachable!()).is_err());
            count.fetch_add(1, SeqCst);
        });
        remote.call(move |_| drop(on_drop)).unwrap();
    }
    in_time(|| drop(sel));
    assert_eq!(dropped.load(SeqCst), 2);
    Ok(())
}

// ---- waking

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(mio_unsupported_force_waker_pipe)))]
#[test]
fn calls_that_come_before_the_selector_looks_cost_one_wake() -> io::Result<()> {
    crate::util::alone("remote::calls_that_come_before_the_selector_looks_cost_one_wake", || {
        let sel = Selector::new()?;
        let remote = sel.remote()?;
        for burst in 1..=3 {
            let barrier = Arc::new(std::sync::Barrier::new(4));
            let posting: Vec<_> = (0..4)
                .map(|_| {
                    let (remote, barrier) = (remote.clone(), Arc::clone(&barrier));
                    thread::spawn(move || {
                        barrier.wait();
                        (0..1000).for_each(|_| remote.call(|_| {}).unwrap());
                    })
                })
                .collect();
            posting.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(crate::util::wakes(), burst);
            assert_eq!(sel.turn(None)?, 4000);
        }
        Ok(())
    })
}

#[test]
fn wake_ends_a_wait_with_nothing() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    sel.register(near, READ, uncalled)?;
    let remote = sel.remote()?;
    let (waiting, is_waiting) = channel();
    let waking = thread::spawn(move || {
        // Whether it comes before the wait or in it is all the same.
        for () in is_waiting {
            remote.wake();
        }
    });
    for _ in 0..50 {
        waiting.send(()).unwrap();
        assert_eq!(in_time(|| sel.turn(None))?, 0);
        waiting.send(()).unwrap();
        assert_eq!(in_time(|| sel.select(None))?, []);
    }
    drop(waiting);
    waking.join().unwrap();
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn wakes_before_a_wait_end_one() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    for _ in 0..3 {
        remote.wake();
    }
    assert_eq!(in_time(|| sel.turn(None))?, 0);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn wake_does_not_end_a_run() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    remote.wake();
    let noted = calls.clone();
    sel.call_later(Duration::from_millis(5), move |_| {
        noted.note(1);
        drop(remote);
    });
    in_time(|| sel.run())?;
    assert_eq!(calls.take(), [1]);
    Ok(())
}

// ---- stopping

#[test]
fn stop_from_another_thread_returns_a_run_without_sources_below_50_ms() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let (running, is_running) = channel();
    let (stopped, stopped_at) = channel();
    // It stays, so that nothing but the stop ends `run`.
    let kept = remote.clone();
    let stopping = thread::spawn(move || {
        for () in is_running {
            thread::yield_now();
            stopped.send(Instant::now()).unwrap();
            remote.stop();
        }
    });
    let mut took = Vec::new();
    for _ in 0..21 {
        running.send(()).unwrap();
        in_time(|| sel.run())?;
        took.push(stopped_at.recv().unwrap().elapsed());
    }
    // Now and then the machine is busy with something else.
    took.sort();
    assert!(took[10] < Duration::from_millis(50), "it took {took:?}");
    drop(running);
    stopping.join().unwrap();
    drop(kept);
    Ok(())
}

#[test]
fn stop_before_run_calls_no_source() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, uncalled)?;
    let remote = sel.remote()?;
    remote.stop();
    in_time(|| sel.run())?;
    // And once only.
    remote.call(|sel| sel.stop()).unwrap();
    sel.discard(sel.keys()[0])?;
    in_time(|| sel.run())
}

#[test]
fn stop_ends_the_wait_of_a_loop_of_ones_own() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let stopping = thread::spawn(move || remote.stop());
    in_time(|| {
        while !sel.is_stopping() {
            assert_eq!(sel.select(None)?, []);
        }
        Ok::<_, io::Error>(())
    })?;
    stopping.join().unwrap();
    Ok(())
}

// ---- what keeps `run` going

#[test]
fn remote_that_lives_keeps_run_waiting_and_the_last_one_dropped_lets_it_end() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let others: Vec<_> = (0..3).map(|_| remote.clone()).collect();
    let calls = Calls::default();
    let noted = calls.clone();
    let last = thread::spawn(move || {
        drop(others);
        // Each is called, so none before has ended it.
        for call in 0..3 {
            let (called, is_called) = channel();
            let noted = noted.clone();
            remote
                .call(move |_| {
                    noted.note(call);
                    called.send(()).unwrap();
                })
                .unwrap();
            is_called.recv_timeout(LONG).unwrap();
        }
    });
    in_time(|| sel.run())?;
    assert_eq!(calls.take(), [0, 1, 2]);
    last.join().unwrap();
    Ok(())
}

#[test]
fn last_remote_in_a_posted_call_goes_with_it() -> io::Result<()> {
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    let inner = remote.clone();
    remote.call(move |_| drop(inner)).unwrap();
    drop(remote);
    in_time(|| sel.run())
}

// ---- a loop of one's own

#[test]
fn posted_calls_are_due_in_the_answer_of_select_until_they_are_called() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let remote = sel.remote()?;
    calls.post(&remote, 1);
    for _ in 0..3 {
        assert_eq!(in_time(|| sel.select(None))?, [(AnyKey::DUE, Interest::NONE)]);
    }
    assert!(calls.take().is_empty());
    calls.post(&remote, 2);
    assert!(sel.call(AnyKey::DUE, Interest::NONE)?);
    assert_eq!(calls.take(), [1, 2]);
    assert!(!sel.call(AnyKey::DUE, Interest::NONE)?);
    assert_eq!(sel.select(NOW)?, []);
    assert_quiet(&sel);
    Ok(())
}

// ---- all at once

fn echo(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
    let mut buf = [0; 64];
    let n = conn.read(&mut buf)?;
    if n == 0 {
        conn.unregister();
    }
    conn.write_all(&buf[..n])
}

#[test]
fn eight_threads_post_while_connections_echo_and_all_are_served() -> io::Result<()> {
    const THREADS: usize = 8;
    const EACH: usize = 100_000;
    const CONNECTIONS: usize = 4;
    // The next number that is expected of each thread.
    let next: Arc<[AtomicUsize; THREADS]> = Arc::default();
    let sel = Selector::new()?;
    let posting = Arc::new(AtomicUsize::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (remote, next, posting) = (sel.remote()?, Arc::clone(&next), Arc::clone(&posting));
            Ok(thread::spawn(move || {
                for number in 0..EACH {
                    let next = Arc::clone(&next);
                    remote.call(move |_| assert_eq!(next[thread].fetch_add(1, SeqCst), number)).unwrap();
                }
                posting.fetch_sub(1, SeqCst);
            }))
        })
        .collect::<io::Result<_>>()?;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (near, mut far) = tcp_pair()?;
            sel.register(near, READ, echo)?;
            far.set_read_timeout(Some(LONG))?;
            let posting = Arc::clone(&posting);
            Ok(thread::spawn(move || {
                let mut echoes = 0_u32;
                let mut buf = [0; 4];
                while posting.load(SeqCst) > 0 || echoes == 0 {
                    far.write_all(&echoes.to_be_bytes()).unwrap();
                    far.read_exact(&mut buf).unwrap();
                    assert_eq!(buf, echoes.to_be_bytes());
                    echoes += 1;
                }
                echoes
            }))
        })
        .collect::<io::Result<_>>()?;
    let turns = Cell::new(0_usize);
    let begun = Instant::now();
    // As `run` does, and counts.
    while !sel.is_empty() || posting.load(SeqCst) > 0 {
        in_time(|| sel.turn(None))?;
        turns.set(turns.get() + 1);
    }
    in_time(|| sel.run())?;
    let took = begun.elapsed();
    for thread in threads {
        thread.join().unwrap();
    }
    let echoes: Vec<u32> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(next.iter().all(|next| next.load(SeqCst) == EACH));
    println!("{} calls in {took:?}, in {} turns, beside {echoes:?} echoes", THREADS * EACH, turns.get());
    Ok(())
}
