//! Calls at a given time: when they come, in what order, and what takes them back.

use crate::util::{LONG, NOW, OnDrop, assert_quiet, in_time, keep, ready_pair, tcp_pair, uncalled};
use selkie::{AnyKey, Interest, READ, Selector};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// What was called, in order.
type Calls = RefCell<Vec<&'static str>>;

// ---- when

#[test]
fn delay_that_has_passed_calls_once_and_not_early() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let begun = Instant::now();
    sel.call_later(15 * MS, |_| calls.set(calls.get() + 1));
    in_time(|| sel.run())?;
    assert!(begun.elapsed() >= 15 * MS);
    assert_eq!(calls.get(), 1);
    Ok(())
}

#[test]
fn timer_is_never_early_whatever_its_delay() -> io::Result<()> {
    let sel = Selector::new()?;
    for microseconds in (0..5000).step_by(271) {
        let delay = Duration::from_micros(microseconds);
        let due = Instant::now() + delay;
        sel.call_later(delay, move |_| assert!(Instant::now() >= due, "{delay:?} is not over"));
        sel.call_at(due, move |_| assert!(Instant::now() >= due, "{delay:?} is not over"));
    }
    in_time(|| sel.run())
}

#[test]
fn timer_a_third_of_a_millisecond_away_takes_three_turns_at_most() -> io::Result<()> {
    let fired = Cell::new(false);
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    sel.register(near, READ, uncalled)?;
    for _ in 0..20 {
        fired.set(false);
        sel.call_later(Duration::from_micros(300), |_| fired.set(true));
        let before = sel.stats().turns;
        // It goes on for as long as nothing was called, and each time counts as a turn.
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert!(fired.get());
        let turns = sel.stats().turns - before;
        assert!(turns <= 3, "{turns} turns");
    }
    Ok(())
}

#[test]
fn wait_for_a_timer_is_waited_for_and_not_spun_through() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.call_later(LONG, |_| unreachable!());
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn time_without_end_is_no_error_and_never_comes() -> io::Result<()> {
    let sel = Selector::new()?;
    let later = sel.call_later(Duration::MAX, |_| unreachable!());
    let every = sel.call_every(Duration::MAX, |_| unreachable!());
    if let Some(far) = Instant::now().checked_add(Duration::from_secs(u64::MAX >> 8)) {
        sel.call_at(far, |_| unreachable!());
    }
    assert_quiet(&sel);
    sel.reset(later, Duration::MAX)?;
    assert_quiet(&sel);
    assert!(sel.cancel(later) && sel.cancel(every));
    Ok(())
}

#[test]
fn time_that_has_passed_is_due_in_the_next_turn() -> io::Result<()> {
    let sel = Selector::new()?;
    let past = Instant::now().checked_sub(MS).unwrap_or_else(Instant::now);
    let timer = sel.call_at(past, |_| {});
    assert_eq!(sel.turn(NOW)?, 1);
    assert!(!sel.is_scheduled(timer));
    Ok(())
}

#[test]
fn run_goes_on_while_anything_is_scheduled_and_no_longer() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let sel = Selector::new()?;
    sel.call_soon(move |sel| {
        calls.borrow_mut().push("soon");
        sel.call_later(MS, move |sel| {
            calls.borrow_mut().push("later");
            sel.call_soon(move |_| calls.borrow_mut().push("soon again"));
        });
    });
    in_time(|| sel.run())?;
    assert_eq!(*calls.borrow(), ["soon", "later", "soon again"]);
    in_time(|| sel.run())
}

#[test]
fn stop_from_a_timer_ends_the_run_with_the_turn() -> io::Result<()> {
    let calls = Calls::default();
    let sel = Selector::new()?;
    let now = Instant::now();
    sel.call_at(now, |sel| {
        calls.borrow_mut().push("stops");
        sel.stop();
    });
    sel.call_at(now, |_| calls.borrow_mut().push("is due too"));
    let later = sel.call_later(LONG, |_| unreachable!());
    in_time(|| sel.run())?;
    assert_eq!(*calls.borrow(), ["stops", "is due too"]);
    assert!(sel.is_scheduled(later));
    Ok(())
}

// ---- in what order

#[test]
fn equal_times_are_called_in_order_of_scheduling() -> io::Result<()> {
    let order = RefCell::new(Vec::new());
    let order = &order;
    let sel = Selector::new()?;
    let (one, other) = (Instant::now(), Instant::now() + MS);
    for number in 0..50 {
        let when = if number % 2 == 0 { other } else { one };
        sel.call_at(when, move |_| order.borrow_mut().push(number));
    }
    in_time(|| sel.run())?;
    let expected: Vec<_> = (1..50).step_by(2).chain((0..50).step_by(2)).collect();
    assert_eq!(*order.borrow(), expected);
    Ok(())
}

#[test]
fn turn_calls_sources_then_timers_then_what_was_deferred() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let sel = Selector::new()?;
    sel.call_soon(|_| calls.borrow_mut().push("deferred"));
    sel.call_soon(|_| calls.borrow_mut().push("deferred second"));
    sel.call_later(Duration::ZERO, |_| calls.borrow_mut().push("timer"));
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| calls.borrow_mut().push("source"))?;
    assert_eq!(sel.turn(NOW)?, 4);
    assert_eq!(*calls.borrow(), ["source", "timer", "deferred", "deferred second"]);
    Ok(())
}

#[test]
fn what_is_scheduled_in_a_turn_is_called_in_a_later_one() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let sel = Selector::new()?;
    let schedule = move |sel: &Selector<'_>, past| {
        // Each of these is due at once.
        sel.call_soon(move |_| {});
        sel.call_later(Duration::ZERO, move |_| {});
        sel.call_at(past, move |_| {});
    };
    let past = Instant::now();
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, move |source, _| {
        schedule(source.selector(), past);
        source.unregister();
    })?;
    sel.call_later(Duration::ZERO, move |sel| schedule(sel, past));
    sel.call_soon(move |sel| schedule(sel, past));
    assert_eq!(sel.turn(NOW)?, 3, "the source, the timer and the deferred call, and nothing they scheduled");
    assert_eq!(sel.turn(NOW)?, 9, "now that");
    assert!(calls.borrow().is_empty());
    Ok(())
}

#[test]
fn timer_that_schedules_itself_at_once_starves_no_source() -> io::Result<()> {
    fn again(sel: &Selector<'_>) {
        sel.call_later(Duration::ZERO, again);
        sel.call_soon(|sel| {
            sel.call_soon(|_| {});
        });
    }
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |_, _| calls.set(calls.get() + 1))?;
    again(&sel);
    for turn in 1..=20 {
        sel.turn(NOW)?;
        assert_eq!(calls.get(), turn);
    }
    Ok(())
}

// ---- again and again

#[test]
fn repeated_call_keeps_its_phase_and_skips_what_it_missed() -> io::Result<()> {
    let period = 10 * MS;
    let ticks = RefCell::new(Vec::new());
    let ticks = &ticks;
    let sel = Selector::new()?;
    let begun = Instant::now();
    sel.call_every(period, move |sel| {
        let mut ticks = ticks.borrow_mut();
        ticks.push(begun.elapsed());
        match ticks.len() {
            // Keeps the loop busy for some periods.
            1 => std::thread::sleep(4 * period),
            5 => sel.stop(),
            _ => {}
        }
    });
    let after = Instant::now();
    in_time(|| sel.run())?;
    let slack = after - begun;
    // Which period each tick is in, counted from the first of the two moments between which it began to
    // count. No two are in the same one: there is no burst, and none is early.
    let periods: Vec<u128> = ticks.borrow().iter().map(|tick| tick.as_nanos() / period.as_nanos()).collect();
    assert!(periods.is_sorted_by(|one, other| one < other), "{ticks:?}, give or take {slack:?}");
    assert!(periods[0] >= 1 && periods[1] >= 5, "{ticks:?}");
    Ok(())
}

#[test]
fn repeated_call_without_a_period_comes_once_a_turn() -> io::Result<()> {
    let ticks = Cell::new(0);
    let sel = Selector::new()?;
    sel.call_every(Duration::ZERO, |_| ticks.set(ticks.get() + 1));
    for turn in 1..=10 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(ticks.get(), turn);
    }
    Ok(())
}

#[test]
fn repeated_call_that_cancels_itself_is_dropped_when_it_returns() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let timer = Cell::new(None);
    let timer = &timer;
    let sel = Selector::new()?;
    let guard = OnDrop(|| calls.borrow_mut().push("dropped"));
    timer.set(Some(sel.call_every(MS, move |sel| {
        keep(&guard);
        assert!(timer.get().is_some_and(|timer| sel.cancel(timer)));
        assert!(timer.get().is_some_and(|timer| !sel.is_scheduled(timer)));
        calls.borrow_mut().push("called");
    })));
    in_time(|| sel.run())?;
    assert_eq!(*calls.borrow(), ["called", "dropped"]);
    Ok(())
}

#[test]
fn repeated_call_that_resets_itself_comes_then_and_goes_on_from_there() -> io::Result<()> {
    let timer = Cell::new(None);
    let timer = &timer;
    let ticks = RefCell::new(Vec::new());
    let ticks = &ticks;
    let sel = Selector::new()?;
    timer.set(Some(sel.call_every(MS, move |sel| {
        let mut ticks = ticks.borrow_mut();
        ticks.push(Instant::now());
        match (ticks.len(), timer.get()) {
            (1, Some(timer)) => sel.reset(timer, 30 * MS).expect("it is scheduled"),
            (3, Some(timer)) => assert!(sel.cancel(timer)),
            _ => {}
        }
    })));
    in_time(|| sel.run())?;
    let ticks = ticks.borrow();
    assert_eq!(ticks.len(), 3);
    assert!(ticks[1] - ticks[0] >= 30 * MS);
    Ok(())
}

// ---- taking back

#[test]
fn cancelled_timer_frees_its_callback_at_once_and_is_not_called() -> io::Result<()> {
    let held = Rc::new(());
    let sel = Selector::new()?;
    let timers = [
        sel.call_soon({
            let held = Rc::clone(&held);
            move |_| drop(held)
        }),
        sel.call_later(Duration::ZERO, {
            let held = Rc::clone(&held);
            move |_| drop(held)
        }),
        sel.call_every(MS, {
            let held = Rc::clone(&held);
            move |_| keep(&held)
        }),
    ];
    assert_eq!(Rc::strong_count(&held), 4);
    for timer in timers {
        assert!(sel.is_scheduled(timer));
        assert!(sel.cancel(timer));
        assert!(!sel.cancel(timer) && !sel.is_scheduled(timer));
    }
    assert_eq!(Rc::strong_count(&held), 1);
    assert_eq!(sel.turn(NOW)?, 0);
    in_time(|| sel.run())
}

#[test]
fn timer_due_in_the_same_turn_can_be_cancelled_and_reset() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let others = Cell::new(None);
    let others = &others;
    let sel = Selector::new()?;
    let now = Instant::now();
    sel.call_at(now, move |sel| {
        let (cancelled, put_off, deferred) = others.get().expect("they are scheduled");
        assert!(sel.cancel(cancelled) && sel.cancel(deferred));
        sel.reset(put_off, 2 * MS).expect("it is scheduled");
    });
    let cancelled = sel.call_at(now, |_| calls.borrow_mut().push("cancelled"));
    let put_off = sel.call_at(now, |_| calls.borrow_mut().push("put off"));
    let deferred = sel.call_soon(|_| calls.borrow_mut().push("deferred"));
    others.set(Some((cancelled, put_off, deferred)));
    assert_eq!(sel.turn(NOW)?, 1);
    in_time(|| sel.run())?;
    assert_eq!(*calls.borrow(), ["put off"]);
    Ok(())
}

#[test]
fn timer_that_is_reset_keeps_its_handle_and_comes_once() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let begun = Instant::now();
    let timer = sel.call_later(MS, |_| calls.set(calls.get() + 1));
    sel.reset(timer, LONG)?;
    sel.reset(timer, 15 * MS)?;
    in_time(|| sel.run())?;
    assert!(begun.elapsed() >= 15 * MS && begun.elapsed() < LONG);
    assert_eq!(calls.get(), 1);
    let error = sel.reset(timer, MS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    Ok(())
}

#[test]
fn timer_is_stale_while_it_is_called() -> io::Result<()> {
    let timer = Cell::new(None);
    let sel = Selector::new()?;
    timer.set(Some(sel.call_soon(|sel| {
        let timer = timer.get().expect("it was handed out");
        assert!(!sel.is_scheduled(timer) && !sel.cancel(timer));
        assert_eq!(sel.reset(timer, MS).unwrap_err().kind(), ErrorKind::NotFound);
    })));
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn timer_of_another_selector_reaches_nothing() -> io::Result<()> {
    let (one, other) = (Selector::new()?, Selector::new()?);
    let timer = one.call_later(LONG, |_| unreachable!());
    let _same_place = other.call_later(LONG, |_| unreachable!());
    assert!(!other.cancel(timer) && !other.is_scheduled(timer));
    assert!(other.reset(timer, MS).is_err());
    assert!(one.is_scheduled(timer));
    Ok(())
}

#[test]
fn million_cancelled_timers_hold_no_memory() -> io::Result<()> {
    let sel = Selector::new()?;
    let held = allocation_counter::measure(|| {
        let timers: Vec<_> = (0..1_000_000_u64).map(|n| sel.call_later(LONG, move |_| keep(&n))).collect();
        assert!(timers.into_iter().all(|timer| sel.cancel(timer)));
    });
    assert!(held.bytes_current < 128 * 1024, "{} bytes are held", held.bytes_current);
    Ok(())
}

// ---- what goes wrong

#[test]
fn timer_that_panics_is_gone_and_the_others_are_called_by_the_next_run() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let ticks = Cell::new(0);
    let sel = Selector::new()?;
    let now = Instant::now();
    sel.call_at(now, |_| calls.borrow_mut().push("before"));
    let once = sel.call_at(now, |_| panic!("as it should"));
    sel.call_at(now, |_| calls.borrow_mut().push("after"));
    sel.call_soon(|_| calls.borrow_mut().push("deferred"));
    let every = sel.call_every(Duration::ZERO, |_| {
        ticks.set(ticks.get() + 1);
        panic!("as it should");
    });
    let mut panics = 0;
    while catch_unwind(AssertUnwindSafe(|| in_time(|| sel.run()))).is_err() {
        panics += 1;
    }
    assert_eq!((panics, ticks.get()), (2, 1));
    assert!(!sel.is_scheduled(once) && !sel.is_scheduled(every));
    assert_eq!(*calls.borrow(), ["before", "after", "deferred"]);
    Ok(())
}

#[test]
fn run_from_a_timer_is_refused() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.call_soon(|sel| {
        assert_eq!(sel.run().unwrap_err().kind(), ErrorKind::ResourceBusy);
        assert_eq!(sel.turn(NOW).unwrap_err().kind(), ErrorKind::ResourceBusy);
        assert_eq!(sel.select(NOW).unwrap_err().kind(), ErrorKind::ResourceBusy);
    });
    assert_eq!(sel.turn(NOW)?, 1);
    Ok(())
}

#[test]
fn timer_may_use_its_selector_as_it_likes() -> io::Result<()> {
    let read = Cell::new(0);
    let read = &read;
    let (near, _far) = ready_pair()?;
    let source = Cell::new(Some(near));
    let source = &source;
    let sel = Selector::new()?;
    sel.call_soon(move |sel| {
        let near = source.take().expect("called once");
        let key = sel.register(near, READ, move |near, _| {
            read.set(near.read(&mut [0; 9]).expect("it is ready"));
            near.unregister();
        });
        let key = key.expect("it is a new source");
        sel.modify(key, Interest::NONE).expect("it is registered");
        sel.call_soon(move |sel| sel.modify(key, READ).expect("it is registered"));
    });
    in_time(|| sel.run())?;
    assert_eq!(read.get(), 1);
    Ok(())
}

// ---- in a loop of one's own

#[test]
fn loop_over_select_calls_timers_as_run_does() -> io::Result<()> {
    let calls = Calls::default();
    let calls = &calls;
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    sel.register(near, READ, |source, _| {
        calls.borrow_mut().push("source");
        source.unregister();
    })?;
    sel.call_soon(|_| calls.borrow_mut().push("deferred"));
    sel.call_later(Duration::ZERO, |_| calls.borrow_mut().push("timer"));
    sel.call_later(300 * MS, |sel| {
        calls.borrow_mut().push("later");
        sel.stop();
    });
    in_time(|| -> io::Result<()> {
        while !sel.is_stopping() {
            for (key, ready) in sel.select(None)? {
                sel.call(key, ready)?;
            }
        }
        Ok(())
    })?;
    assert_eq!(*calls.borrow(), ["source", "timer", "deferred", "later"]);
    Ok(())
}

#[test]
fn answer_has_one_entry_behind_the_sources_for_all_that_is_due() -> io::Result<()> {
    let calls = Cell::new(0);
    let calls = &calls;
    let sel = Selector::new()?;
    for _ in 0..3 {
        sel.call_soon(move |sel| {
            calls.set(calls.get() + 1);
            sel.call_soon(move |_| calls.set(calls.get() + 1));
        });
    }
    let (near, _far) = ready_pair()?;
    let key = sel.register(near, READ, uncalled)?;
    let answer = sel.select(None)?;
    assert_eq!(answer, [(key.into(), READ), (AnyKey::DUE, Interest::NONE)]);
    assert!(!sel.contains(AnyKey::DUE));
    assert!(sel.call(AnyKey::DUE, Interest::NONE)?);
    assert_eq!(calls.get(), 3, "not what those scheduled");
    assert!(!sel.call(AnyKey::DUE, Interest::NONE)?);
    assert_eq!(calls.get(), 3);
    Ok(())
}

#[test]
fn call_that_was_taken_back_or_put_off_does_not_end_a_wait() -> io::Result<()> {
    let sel = Selector::new()?;
    let cancelled = sel.call_soon(|_| unreachable!());
    let put_off = sel.call_soon(|_| unreachable!());
    sel.reset(put_off, Duration::MAX)?;
    sel.cancel(cancelled);
    let begun = Instant::now();
    assert_eq!(sel.select(Some(5 * MS))?, []);
    assert!(begun.elapsed() >= 5 * MS);
    Ok(())
}

#[test]
fn selector_that_is_dropped_drops_what_is_scheduled_and_calls_nothing() -> io::Result<()> {
    let held = Rc::new(());
    let sel = Selector::new()?;
    for _ in 0..3 {
        let held = Rc::clone(&held);
        sel.call_soon(move |_| panic!("{held:?}"));
    }
    sel.close();
    assert_eq!(Rc::strong_count(&held), 1);
    Ok(())
}
