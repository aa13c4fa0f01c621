//! Jobs on other threads: what is done there comes back, what is cancelled does not, and a selector
//! that goes waits for what was begun and calls nothing.

use crate::util::{LONG, OnDrop, assert_quiet, in_time, ready_pair};
use selkie::{Job, JobPanic, READ, Selector, WhenFull};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// A job that tells when it is begun, and then goes on for as long as the test wants.
struct Held {
    begun: Receiver<()>,
    release: Sender<()>,
}

impl Held {
    /// Such a job; its value is whether it was released.
    fn job() -> (impl FnOnce() -> bool + Send + 'static, Held) {
        let (begins, begun) = channel();
        let (release, released) = channel();
        let job = move || {
            let _ = begins.send(());
            released.recv_timeout(LONG).is_ok()
        };
        (job, Held { begun, release })
    }

    /// Offloads one, and waits until it is begun.
    fn begin(sel: &Selector<'_>) -> io::Result<(Job, Held)> {
        let (job, held) = Held::job();
        let job = sel.offload(job, |_, _| {})?;
        held.begun();
        Ok((job, held))
    }

    #[track_caller]
    fn begun(&self) {
        self.begun.recv_timeout(LONG).expect("the job is not begun");
    }

    fn release(&self) {
        self.release.send(()).expect("the job is there");
    }
}

/// Something to be captured, and a count of how many of it are left.
fn counted() -> (Arc<()>, impl Fn() -> usize) {
    let token = Arc::new(());
    let kept = Arc::downgrade(&token);
    (token, move || kept.strong_count())
}

// ---- done

#[test]
fn job_is_done_on_another_thread_and_its_done_called_on_this_one() -> io::Result<()> {
    let here = Cell::new(Some(thread::current().id()));
    let threads = RefCell::new(None);
    let sel = Selector::new()?;
    sel.offload(
        || (thread::current().id(), thread::current().name().map(str::to_owned)),
        |_, there| {
            assert_eq!(Some(thread::current().id()), here.get());
            // Borrowed from the stack, as callbacks may.
            *threads.borrow_mut() = Some(there.unwrap());
        },
    )?;
    in_time(|| sel.run())?;
    let (there, name) = threads.take().expect("`done` was not called");
    assert_ne!(Some(there), here.get());
    assert_eq!(name.as_deref(), Some("selkie-worker"));
    Ok(())
}

#[test]
fn done_is_called_in_a_turn_and_never_inline() -> io::Result<()> {
    let called = Cell::new(0);
    let sel = Selector::new()?;
    let (finishing, finished) = channel();
    sel.offload(move || finishing.send(()), |_, _| called.set(called.get() + 1))?;
    finished.recv_timeout(LONG).unwrap();
    assert_eq!(called.get(), 0);
    assert_eq!(in_time(|| sel.turn(None))?, 1);
    assert_eq!(called.get(), 1);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn pending_job_keeps_run_going_without_any_source() -> io::Result<()> {
    let value = Cell::new(false);
    let sel = Selector::new()?;
    let (job, held) = Held::job();
    sel.offload(job, |_, released| value.set(released.unwrap()))?;
    sel.call_later(Duration::from_millis(20), move |_| held.release());
    in_time(|| sel.run())?;
    assert!(value.get());
    Ok(())
}

#[test]
fn job_can_be_offloaded_from_a_callback_and_from_a_done() -> io::Result<()> {
    let values = &RefCell::new(Vec::new());
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, move |conn, _| {
        conn.unregister();
        let first = conn.selector().offload(
            || 1,
            move |sel, one| {
                values.borrow_mut().push(one.unwrap());
                sel.offload(|| 2, |_, two| values.borrow_mut().push(two.unwrap())).unwrap();
            },
        );
        first.map(drop).map_err(io::Error::from)
    })?;
    in_time(|| sel.run())?;
    assert_eq!(values.take(), [1, 2]);
    Ok(())
}

#[test]
fn ten_thousand_jobs_come_back_once_each() -> io::Result<()> {
    const JOBS: usize = 10_000;
    let seen = RefCell::new(vec![0; JOBS]);
    let sel = Selector::builder().workers(3).build()?;
    for number in 0..JOBS {
        sel.offload(move || number, |_, number| seen.borrow_mut()[number.unwrap()] += 1)?;
    }
    in_time(|| sel.run())?;
    assert!(seen.take().into_iter().all(|times| times == 1));
    Ok(())
}

#[test]
fn jobs_of_one_worker_come_back_in_order() -> io::Result<()> {
    let order = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(1).build()?;
    for number in 0..100 {
        sel.offload(move || number, |_, number| order.borrow_mut().push(number.unwrap()))?;
    }
    in_time(|| sel.run())?;
    assert!(order.take().into_iter().eq(0..100));
    Ok(())
}

#[test]
fn loop_of_ones_own_calls_done_by_the_key_of_what_is_due() -> io::Result<()> {
    let called = Cell::new(false);
    let sel = Selector::new()?;
    sel.offload(|| (), |_, _| called.set(true))?;
    for (key, ready) in in_time(|| sel.select(None))? {
        assert!(sel.call(key, ready)?);
    }
    assert!(called.get());
    Ok(())
}

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(mio_unsupported_force_waker_pipe)))]
#[test]
fn jobs_that_end_before_the_selector_looks_cost_one_wake() -> io::Result<()> {
    crate::util::alone("offload::jobs_that_end_before_the_selector_looks_cost_one_wake", || {
        let called = Cell::new(0);
        let sel = Selector::builder().workers(1).build()?;
        for _ in 0..100 {
            sel.offload(|| (), |_, _| called.set(called.get() + 1))?;
        }
        // All are done: their thread has begun another.
        let (_, held) = Held::begin(&sel)?;
        assert_eq!(crate::util::wakes(), 1);
        assert_eq!(in_time(|| sel.turn(None))?, 100);
        assert_eq!(called.get(), 100);
        held.release();
        in_time(|| sel.run())
    })
}

// ---- panics

#[test]
fn job_that_panics_reaches_its_done_as_an_error() -> io::Result<()> {
    let panics = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(1).build()?;
    sel.offload(|| panic!("a text"), |_, never: Result<(), _>| panics.borrow_mut().push(never.unwrap_err()))?;
    sel.offload(|| panic!("a text of {}", 1), |_, never: Result<(), _>| panics.borrow_mut().push(never.unwrap_err()))?;
    sel.offload(|| panic_any(17), |_, never: Result<(), _>| panics.borrow_mut().push(never.unwrap_err()))?;
    // The thread has outlived them.
    sel.offload(|| 1, |_, value| assert_eq!(value.unwrap(), 1))?;
    in_time(|| sel.run())?;
    let panics = panics.take();
    let messages: Vec<_> = panics.iter().map(JobPanic::message).collect();
    assert_eq!(messages, [Some("a text"), Some("a text of 1"), None]);
    let mut panics = panics.into_iter();
    let error = io::Error::from(panics.next().unwrap());
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.to_string(), "a job panicked: a text");
    assert_eq!(panics.next_back().unwrap().into_payload().downcast_ref(), Some(&17));
    Ok(())
}

#[test]
fn panic_in_a_done_goes_out_of_run_and_loses_no_other() -> io::Result<()> {
    let called = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(1).build()?;
    for number in 0..3 {
        let called = &called;
        sel.offload(
            || (),
            move |_, _| {
                assert_ne!(number, 1, "on purpose");
                called.borrow_mut().push(number);
            },
        )?;
    }
    assert!(catch_unwind(AssertUnwindSafe(|| in_time(|| sel.run()))).is_err());
    assert_eq!(*called.borrow(), [0]);
    in_time(|| sel.run())?;
    assert_eq!(*called.borrow(), [0, 2]);
    Ok(())
}

// ---- cancelling

#[test]
fn queued_job_cancelled_is_never_done_and_both_closures_are_freed_at_once() -> io::Result<()> {
    let sel = Selector::builder().workers(1).build()?;
    let (_, held) = Held::begin(&sel)?;
    let (token, left) = counted();
    let (in_job, in_done) = (Arc::clone(&token), token);
    let job =
        sel.offload(move || unreachable!("{in_job:?}"), move |_, _: Result<(), _>| unreachable!("{in_done:?}"))?;
    assert_eq!(left(), 2);
    assert!(sel.cancel_job(job));
    assert_eq!(left(), 0);
    assert!(!sel.cancel_job(job));
    held.release();
    in_time(|| sel.run())
}

#[test]
fn running_job_cancelled_goes_on_and_its_done_is_dropped_uncalled() -> io::Result<()> {
    let value = Cell::new(0);
    let sel = Selector::builder().workers(1).build()?;
    let (job, held) = Held::job();
    let (in_done, left) = counted();
    let job = sel.offload(job, move |_, _| unreachable!("{in_done:?}"))?;
    held.begun();
    assert!(!sel.cancel_job(job), "it was begun");
    assert_eq!(left(), 0);
    // Nobody waits for it any more.
    in_time(|| sel.run())?;
    held.release();
    // And when it comes to its end the thread is free for others.
    sel.offload(|| 5, |_, five| value.set(five.unwrap()))?;
    in_time(|| sel.run())?;
    assert_eq!(value.get(), 5);
    Ok(())
}

#[test]
fn finished_job_can_be_cancelled_until_its_done_is_called() -> io::Result<()> {
    let called = Cell::new(0);
    let sel = Selector::builder().workers(1).build()?;
    let first = sel.offload(|| (), |_, _| unreachable!())?;
    let second = sel.offload(|| (), |_, _| called.set(called.get() + 1))?;
    // Both are done: their thread has begun another.
    let (third, held) = Held::begin(&sel)?;
    held.release();
    assert!(!sel.cancel_job(first));
    in_time(|| sel.run())?;
    assert_eq!(called.get(), 1);
    for stale in [first, second, third] {
        assert!(!sel.cancel_job(stale));
    }
    Ok(())
}

// ---- dropping the selector

#[test]
fn selector_dropped_waits_for_what_was_begun_and_calls_no_done() -> io::Result<()> {
    let finished = Arc::new(AtomicBool::new(false));
    let (in_done, left) = counted();
    let sel = Selector::builder().workers(1).build()?;
    let (job, held) = Held::job();
    let finishing = Arc::clone(&finished);
    let in_first = Arc::clone(&in_done);
    let job = move || {
        let released = job();
        // Long enough for the test to be over by then, if nobody waits for this.
        thread::sleep(Duration::from_millis(20));
        finishing.store(released, SeqCst);
    };
    sel.offload(job, move |_, _| unreachable!("{in_first:?}"))?;
    held.begun();
    // It is queued behind the other, which goes on only when this is dropped.
    let on_drop = OnDrop(move || held.release());
    sel.offload(move || drop(on_drop), move |_, _| unreachable!("{in_done:?}"))?;
    in_time(|| drop(sel));
    assert!(finished.load(SeqCst), "it was not waited for");
    assert_eq!(left(), 0);
    Ok(())
}

#[test]
fn selector_dropped_does_not_wait_for_a_job_that_waits_for_it() -> io::Result<()> {
    let sel = Selector::builder().workers(1).build()?;
    let remote = sel.remote()?;
    let (begins, begun) = channel();
    sel.offload(
        move || {
            begins.send(()).unwrap();
            // Until it is refused; each answer that never comes ends with its call.
            let mut asked = 0;
            loop {
                let (answer, answered) = channel();
                if remote.call(move |_| answer.send(()).unwrap()).is_err() {
                    return asked;
                }
                asked += 1;
                let _ = answered.recv();
            }
        },
        |_, _| unreachable!(),
    )?;
    begun.recv_timeout(LONG).unwrap();
    in_time(|| drop(sel));
    Ok(())
}

// ---- threads

#[test]
fn jobs_run_on_as_many_threads_as_there_are_workers_and_no_more() -> io::Result<()> {
    const WORKERS: usize = 3;
    let threads = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(WORKERS).build()?;
    // Each waits until all have begun.
    let barrier = Arc::new(Barrier::new(WORKERS));
    for _ in 0..4 * WORKERS {
        let barrier = Arc::clone(&barrier);
        let job = move || {
            barrier.wait();
            thread::current().id()
        };
        sel.offload(job, |_, id| threads.borrow_mut().push(id.unwrap()))?;
    }
    in_time(|| sel.run())?;
    assert_eq!(threads.take().into_iter().collect::<HashSet<_>>().len(), WORKERS);
    Ok(())
}

#[test]
fn jobs_one_after_another_share_one_thread() -> io::Result<()> {
    let threads = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(8).build()?;
    for _ in 0..20 {
        sel.offload(|| thread::current().id(), |_, id| threads.borrow_mut().push(id.unwrap()))?;
        in_time(|| sel.run())?;
    }
    assert_eq!(threads.take().into_iter().collect::<HashSet<_>>().len(), 1);
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn thread_is_started_by_the_first_job_and_ends_with_the_selector() -> io::Result<()> {
    fn workers() -> usize {
        let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = names.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "selkie-worker").count()
    }
    crate::util::alone("offload::thread_is_started_by_the_first_job_and_ends_with_the_selector", || {
        let sel = Selector::new()?;
        let _remote = sel.remote()?;
        sel.turn(crate::util::NOW)?;
        assert_eq!(workers(), 0);
        let (_, first) = Held::begin(&sel)?;
        assert_eq!(workers(), 1);
        let (_, second) = Held::begin(&sel)?;
        assert_eq!(workers(), 2);
        first.release();
        second.release();
        in_time(|| {
            drop(sel);
            // A thread that was waited for has ended, but may be listed a little longer.
            while workers() > 0 {
                thread::yield_now();
            }
        });
        Ok(())
    })
}

#[test]
fn selector_without_workers_refuses_each_job() -> io::Result<()> {
    let sel = Selector::builder().workers(0).build()?;
    let refused = sel.offload(|| (), |_, _| unreachable!()).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::Unsupported);
    in_time(|| sel.run())
}

// ---- a full queue

#[test]
fn full_queue_refuses_a_job_and_hands_both_closures_back() -> io::Result<()> {
    let values = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(1).queue_max(2).build()?;
    let (_, held) = Held::begin(&sel)?;
    let offload = |number| sel.offload(move || number, |_, number| values.borrow_mut().push(number.unwrap()));
    offload(1)?;
    offload(2)?;
    let (error, job, done) = offload(3).unwrap_err().into_parts();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert_eq!(io::Error::from(offload(4).unwrap_err()).kind(), ErrorKind::QuotaExceeded);
    held.release();
    in_time(|| sel.run())?;
    // They are as good as before.
    sel.offload(job, done)?;
    in_time(|| sel.run())?;
    assert_eq!(values.take(), [1, 2, 3]);
    Ok(())
}

#[test]
fn job_whose_done_is_called_has_left_room_for_another() -> io::Result<()> {
    let sel = Selector::builder().workers(1).queue_max(0).build()?;
    for _ in 0..200 {
        let (near, _far) = ready_pair()?;
        let key = sel.register(near, READ, |_, _| {})?;
        sel.offload(|| (), move |sel, _| sel.discard(key).unwrap())?;
        // Not to its rest: from one call to the next.
        while sel.contains(key) {
            in_time(|| sel.turn(None))?;
        }
    }
    Ok(())
}

#[test]
fn queue_of_none_refuses_while_every_worker_has_a_job() -> io::Result<()> {
    let sel = Selector::builder().workers(2).queue_max(0).build()?;
    let (_, first) = Held::begin(&sel)?;
    let (_, second) = Held::begin(&sel)?;
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest] {
        let refused = sel.offload_with(when_full, || (), |_, _| unreachable!()).unwrap_err();
        assert_eq!(refused.error().kind(), ErrorKind::QuotaExceeded, "{when_full:?}");
    }
    first.release();
    second.release();
    in_time(|| sel.run())
}

#[test]
fn full_queue_that_is_waited_for_takes_the_job_when_a_worker_is_free() -> io::Result<()> {
    let called = Cell::new(0);
    let sel = Selector::builder().workers(1).queue_max(0).build()?;
    let (first, held) = Held::job();
    sel.offload(first, |_, _| called.set(called.get() + 1))?;
    held.begun();
    let releasing = thread::spawn(move || held.release());
    in_time(|| sel.offload_with(WhenFull::Wait, || (), |_, _| called.set(called.get() + 1)))?;
    assert_eq!(called.get(), 0, "called inline");
    in_time(|| sel.run())?;
    assert_eq!(called.get(), 2);
    releasing.join().unwrap();
    Ok(())
}

#[test]
fn full_queue_drops_the_oldest_job_for_the_newest() -> io::Result<()> {
    let values = RefCell::new(Vec::new());
    let sel = Selector::builder().workers(1).queue_max(2).build()?;
    let (_, held) = Held::begin(&sel)?;
    let (token, left) = counted();
    let mut jobs = Vec::new();
    for number in 1..=4 {
        let (in_job, in_done, values) = (Arc::clone(&token), Rc::new(Arc::clone(&token)), &values);
        let job = move || {
            drop(in_job);
            number
        };
        let done = move |_: &Selector<'_>, number: Result<i32, JobPanic>| {
            drop(in_done);
            values.borrow_mut().push(number.unwrap());
        };
        jobs.push(sel.offload_with(WhenFull::DropOldest, job, done)?);
    }
    // What was dropped is freed at once: two jobs are left, with two closures each.
    assert_eq!(left(), 1 + 2 * 2);
    assert!(!sel.cancel_job(jobs[0]));
    held.release();
    in_time(|| sel.run())?;
    assert_eq!(values.take(), [3, 4]);
    Ok(())
}

// ---- all at once

#[test]
fn slow_jobs_keep_no_source_waiting() -> io::Result<()> {
    let turns = Arc::new(AtomicUsize::new(0));
    let left = &Cell::new(4);
    let sel = Selector::builder().workers(2).build()?;
    let (near, _far) = ready_pair()?;
    let counted = Arc::clone(&turns);
    let key = sel.register(near, READ, move |_, _| counted.store(counted.load(SeqCst) + 1, SeqCst))?;
    for _ in 0..4 {
        let turns = Arc::clone(&turns);
        // It goes on until the loop has turned ten times more.
        let job = move || {
            let enough = turns.load(SeqCst) + 10;
            while turns.load(SeqCst) < enough {
                thread::yield_now();
            }
        };
        sel.offload(job, move |sel, ended| {
            ended.unwrap();
            left.set(left.get() - 1);
            if left.get() == 0 {
                sel.discard(key).unwrap();
            }
        })?;
    }
    in_time(|| sel.run())
}
