//! Signals as callbacks: none is lost, and what a signal does before and after. Each in a process of
//! its own, for a signal comes to all of it.
#![cfg(unix)]

use crate::util::{LONG, NOW, alone, alone_until_killed, assert_quiet, in_time, tcp_pair, uncalled};
use selkie::signal::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, Signals};
use selkie::{Interest, READ, Selector};
use signal_hook::low_level::raise;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::thread;

/// The path of a test in this file.
macro_rules! name {
    ($test:ident) => {{
        let _: fn() -> io::Result<()> = $test;
        concat!("signals::", stringify!($test))
    }};
}

// ---- telling

#[test]
fn signal_that_comes_calls_its_callback_and_no_other() -> io::Result<()> {
    alone(name!(signal_that_comes_calls_its_callback_and_no_other), || {
        let told = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        for signal in [SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH] {
            sel.on_signal(signal, |_, signal| told.borrow_mut().push(signal))?;
        }
        assert_quiet(&sel);
        for signal in [SIGUSR2, SIGWINCH, SIGUSR1, SIGHUP, SIGUSR2] {
            raise(signal)?;
            assert_eq!(sel.turn(Some(LONG))?, 1);
            assert_eq!(told.take(), [signal]);
        }
        assert_quiet(&sel);
        Ok(())
    })
}

#[test]
fn signal_of_several_callbacks_calls_each_also_in_another_selector() -> io::Result<()> {
    alone(name!(signal_of_several_callbacks_calls_each_also_in_another_selector), || {
        let calls = [Cell::new(0), Cell::new(0), Cell::new(0)];
        let (sel, other) = (Selector::new()?, Selector::new()?);
        sel.on_signal(SIGUSR1, |_, _| calls[0].set(calls[0].get() + 1))?;
        sel.on_signal(SIGUSR1, |_, _| calls[1].set(calls[1].get() + 1))?;
        other.on_signal(SIGUSR1, |_, _| calls[2].set(calls[2].get() + 1))?;
        for round in 1..=3 {
            raise(SIGUSR1)?;
            assert_eq!(sel.turn(Some(LONG))?, 2);
            assert_eq!(other.turn(Some(LONG))?, 1);
            assert!(calls.iter().all(|calls| calls.get() == round));
        }
        Ok(())
    })
}

#[test]
fn signal_to_another_thread_ends_the_wait() -> io::Result<()> {
    alone(name!(signal_to_another_thread_ends_the_wait), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        sel.on_signal(SIGUSR1, |_, _| calls.set(calls.get() + 1))?;
        for _ in 0..100 {
            let elsewhere = thread::spawn(|| raise(SIGUSR1));
            assert_eq!(sel.turn(Some(LONG))?, 1);
            elsewhere.join().unwrap()?;
        }
        assert_eq!(calls.get(), 100);
        Ok(())
    })
}

#[test]
fn more_signals_than_a_pipe_holds_are_told_once_and_the_next_again() -> io::Result<()> {
    alone(name!(more_signals_than_a_pipe_holds_are_told_once_and_the_next_again), || {
        let told = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        let key = sel.on_signal(SIGUSR1, |_, signal| told.borrow_mut().push(signal))?;
        let both = Signals::new([SIGUSR1, SIGUSR2])?;
        sel.register(both, READ, |signals, _| -> io::Result<()> {
            told.borrow_mut().extend(signals.take()?);
            Ok(())
        })?;
        for _ in 0..20_000 {
            raise(SIGUSR1)?;
        }
        // It comes last, when there is no room for it.
        raise(SIGUSR2)?;
        assert_eq!(sel.turn(NOW)?, 2);
        told.borrow_mut().sort_unstable();
        assert_eq!(told.take(), [SIGUSR1.min(SIGUSR2), SIGUSR1, SIGUSR2.max(SIGUSR1)]);
        assert_quiet(&sel);
        sel.discard(key)?;
        raise(SIGUSR2)?;
        assert_eq!(sel.turn(NOW)?, 1);
        assert_eq!(told.take(), [SIGUSR2]);
        Ok(())
    })
}

#[test]
fn signal_during_its_own_callback_is_told_again() -> io::Result<()> {
    alone(name!(signal_during_its_own_callback_is_told_again), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        sel.on_signal(SIGUSR1, |_, _| {
            calls.set(calls.get() + 1);
            if calls.get() < 5 {
                raise(SIGUSR1).expect("it can be raised");
            }
        })?;
        raise(SIGUSR1)?;
        for _ in 0..5 {
            assert_eq!(sel.turn(NOW)?, 1);
        }
        assert_quiet(&sel);
        assert_eq!(calls.get(), 5);
        Ok(())
    })
}

#[test]
fn signals_in_a_storm_leave_none_untold() -> io::Result<()> {
    alone(name!(signals_in_a_storm_leave_none_untold), || {
        use std::sync::atomic::{AtomicUsize, Ordering};
        const RAISED: usize = 50_000;
        // Raised by then, and told by then: each call says that what was raised before it is told.
        let (raised, told) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
        let sel = Selector::new()?;
        sel.on_signal(SIGUSR1, |_, _| told.store(raised.load(Ordering::SeqCst), Ordering::SeqCst))?;
        thread::scope(|threads| {
            let storm = threads.spawn(move || {
                for number in 1..=RAISED {
                    raised.store(number, Ordering::SeqCst);
                    raise(SIGUSR1)?;
                }
                io::Result::Ok(())
            });
            while told.load(Ordering::SeqCst) < RAISED {
                assert!(sel.turn(Some(LONG))? > 0, "untold since {} of {RAISED}", told.load(Ordering::SeqCst));
            }
            storm.join().unwrap()
        })?;
        while sel.turn(NOW)? > 0 {}
        assert_quiet(&sel);
        Ok(())
    })
}

// ---- putting off, taking out

#[test]
fn paused_signal_that_comes_is_told_when_it_is_resumed() -> io::Result<()> {
    alone(name!(paused_signal_that_comes_is_told_when_it_is_resumed), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        let key = sel.on_signal(SIGUSR1, |_, _| calls.set(calls.get() + 1))?;
        sel.modify(key, Interest::NONE)?;
        raise(SIGUSR1)?;
        assert_quiet(&sel);
        sel.modify(key, READ)?;
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, 1));
        Ok(())
    })
}

#[test]
fn discarded_callback_is_not_called_and_the_other_is() -> io::Result<()> {
    alone(name!(discarded_callback_is_not_called_and_the_other_is), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        let key = sel.on_signal(SIGUSR1, |_, _| unreachable!())?;
        sel.on_signal(SIGUSR1, |_, _| calls.set(calls.get() + 1))?;
        raise(SIGUSR1)?;
        sel.discard(key)?;
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, 1));
        raise(SIGUSR1)?;
        assert_eq!((sel.turn(NOW)?, calls.get()), (1, 2));
        assert_eq!(sel.discard(key).unwrap_err().kind(), ErrorKind::NotFound);
        Ok(())
    })
}

#[test]
fn callback_takes_itself_out_by_a_deferred_call() -> io::Result<()> {
    alone(name!(callback_takes_itself_out_by_a_deferred_call), || {
        let (own, calls) = (Cell::new(None), Cell::new(0));
        let sel = Selector::new()?;
        let key = sel.on_signal(SIGUSR1, |sel, _| {
            calls.set(calls.get() + 1);
            if let Some(key) = own.take() {
                sel.call_soon(move |sel| sel.discard(key).expect("it is there, and not in use"));
            }
        })?;
        own.set(Some(key));
        raise(SIGUSR1)?;
        assert_eq!(sel.turn(NOW)?, 1);
        sel.turn(NOW)?;
        assert!(!sel.contains(key));
        assert_eq!(calls.get(), 1);
        Ok(())
    })
}

#[test]
fn signals_that_unregister_themselves_are_told_once() -> io::Result<()> {
    alone(name!(signals_that_unregister_themselves_are_told_once), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        sel.register(Signals::new([SIGWINCH])?, READ, |signals, _| -> io::Result<()> {
            calls.set(calls.get() + signals.take()?.len());
            signals.unregister();
            Ok(())
        })?;
        raise(SIGWINCH)?;
        in_time(|| sel.run())?;
        raise(SIGWINCH)?;
        assert_quiet(&sel);
        assert_eq!(calls.get(), 1);
        Ok(())
    })
}

// ---- how long `run` goes on

#[test]
fn signals_alone_let_run_end() -> io::Result<()> {
    alone(name!(signals_alone_let_run_end), || {
        let sel = Selector::new()?;
        sel.on_signal(SIGUSR1, |_, _| unreachable!())?;
        sel.stop_on_signals()?;
        in_time(|| sel.run())?;
        let (near, far) = tcp_pair()?;
        sel.register(near, READ, |near, _| near.unregister())?;
        drop(far);
        in_time(|| sel.run())?;
        assert_eq!(sel.len(), 2);
        Ok(())
    })
}

#[test]
fn registered_signals_keep_run_going() -> io::Result<()> {
    alone(name!(registered_signals_keep_run_going), || {
        let sel = Selector::new()?;
        let signals = Signals::new([SIGUSR1])?;
        let elsewhere = thread::spawn(|| raise(SIGUSR1));
        sel.register(signals, READ, |signals, _| signals.unregister())?;
        in_time(|| sel.run())?;
        assert!(sel.is_empty());
        elsewhere.join().unwrap()
    })
}

#[test]
fn run_stops_on_interrupt_and_on_terminate() -> io::Result<()> {
    alone(name!(run_stops_on_interrupt_and_on_terminate), || {
        let sel = Selector::new()?;
        let (near, _far) = tcp_pair()?;
        sel.register(near, READ, uncalled)?;
        for signal in [SIGINT, SIGTERM] {
            sel.stop_on_signals()?;
            assert_eq!(sel.len(), 2);
            let elsewhere = thread::spawn(move || raise(signal));
            in_time(|| sel.run())?;
            elsewhere.join().unwrap()?;
            assert_eq!(sel.len(), 1);
        }
        Ok(())
    })
}

#[test]
fn run_that_begins_after_the_signal_stops_too() -> io::Result<()> {
    alone(name!(run_that_begins_after_the_signal_stops_too), || {
        let sel = Selector::new()?;
        sel.stop_on_signals()?;
        let (near, _far) = tcp_pair()?;
        sel.register(near, READ, uncalled)?;
        raise(SIGTERM)?;
        in_time(|| sel.run())
    })
}

// ---- what a signal does by default

#[test]
fn second_signal_after_a_stop_ends_the_process() -> io::Result<()> {
    alone_until_killed(name!(second_signal_after_a_stop_ends_the_process), SIGTERM, || {
        let sel = Selector::new()?;
        sel.stop_on_signals()?;
        sel.call_every(LONG, |_| ());
        raise(SIGINT)?;
        sel.run()?;
        // Not the one that came before.
        raise(SIGTERM)
    })
}

#[test]
fn signal_that_nobody_waits_for_any_more_ends_the_process() -> io::Result<()> {
    alone_until_killed(name!(signal_that_nobody_waits_for_any_more_ends_the_process), SIGUSR1, || {
        let sel = Selector::new()?;
        sel.on_signal(SIGUSR1, |_, _| ())?;
        let other = Selector::new()?;
        other.on_signal(SIGUSR1, |_, _| ())?;
        drop(sel);
        raise(SIGUSR1)?;
        assert_eq!(other.turn(NOW)?, 1);
        drop(other);
        raise(SIGUSR1)
    })
}

#[test]
fn signal_that_was_ignored_at_the_start_ends_the_process_afterwards() -> io::Result<()> {
    const INSIDE: &str = "SELKIE_TEST_IGNORES_HANGUPS";
    let name = name!(signal_that_was_ignored_at_the_start_ends_the_process_afterwards);
    alone(name, || {
        if std::env::var_os(INSIDE).is_some() {
            raise(SIGHUP)?; // to no effect
            let sel = Selector::new()?;
            let key = sel.on_signal(SIGHUP, |_, _| ())?;
            raise(SIGHUP)?;
            assert_eq!(sel.turn(NOW)?, 1);
            sel.discard(key)?;
            return raise(SIGHUP);
        }
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(std::env::current_exe()?);
        let output = shell.args(["--exact", name, "--nocapture"]).env(INSIDE, "yes").output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        let killed_by = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(killed_by, Some(SIGHUP), "{}: {complaint}", output.status);
        Ok(())
    })
}

/// The thread that it came to may still be in the signal handler when it is told and waited for no
/// more. That is seen in one process of a few dozen, and only for the first of its kind there.
#[test]
fn first_signal_that_is_not_waited_for_once_told_does_not_end_the_process() -> io::Result<()> {
    for _ in 0..10 {
        alone(name!(first_signal_that_is_not_waited_for_once_told_does_not_end_the_process), || {
            for signal in [SIGHUP, SIGINT, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2] {
                let mut signals = Signals::new([signal])?;
                let elsewhere = thread::spawn(move || raise(signal));
                while signals.take()?.is_empty() {}
                drop(signals);
                elsewhere.join().unwrap()?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn signal_that_is_waited_for_anew_does_not_end_the_process() -> io::Result<()> {
    alone(name!(signal_that_is_waited_for_anew_does_not_end_the_process), || {
        let sel = Selector::new()?;
        for _ in 0..3 {
            let key = sel.on_signal(SIGTERM, |_, _| ())?;
            raise(SIGTERM)?;
            assert_eq!(sel.turn(NOW)?, 1);
            sel.discard(key)?;
        }
        Ok(())
    })
}

#[test]
fn signals_that_do_nothing_by_default_do_nothing_afterwards() -> io::Result<()> {
    alone(name!(signals_that_do_nothing_by_default_do_nothing_afterwards), || {
        let sel = Selector::new()?;
        // The last but one is ignored by Rust from the start, and the last is a real-time signal.
        let signals = [SIGCHLD, SIGWINCH, SIGPIPE, 40];
        for signal in signals.into_iter().take(if cfg!(target_os = "linux") { 4 } else { 3 }) {
            let key = sel.on_signal(signal, |_, _| ())?;
            raise(signal)?;
            assert_eq!(sel.turn(NOW)?, 1);
            sel.discard(key)?;
            raise(signal)?;
        }
        assert_quiet(&sel);
        Ok(())
    })
}

// ---- what is refused

#[test]
fn what_is_no_signal_is_refused() -> io::Result<()> {
    const SIGKILL: i32 = 9;
    const SIGSEGV: i32 = 11;
    let sel = Selector::new()?;
    for number in [0, -1, i32::MIN, i32::MAX, 1000, SIGKILL, SIGSEGV] {
        let refused = sel.on_signal(number, |_, _| ()).expect_err("no such signal");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{number}: {refused}");
        // And one that is in order before it is waited for no more.
        assert!(Signals::new([SIGUSR2, number]).is_err());
    }
    assert!(sel.is_empty());
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn signal_without_a_descriptor_left_is_refused_and_leaves_nothing() -> io::Result<()> {
    alone_until_killed(name!(signal_without_a_descriptor_left_is_refused_and_leaves_nothing), SIGUSR1, || {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let descriptors = || Ok::<_, io::Error>(std::fs::read_dir("/proc/self/fd")?.count());
        let sel = Selector::new()?;
        let before = descriptors()?;
        let maximum = getrlimit(Resource::Nofile).maximum;
        // One of the pair, both of it, both and one copy.
        for spare in 0..3 {
            let lowest_refused = std::fs::File::open("/dev/null")?;
            let number = std::os::fd::AsRawFd::as_raw_fd(&lowest_refused) as u64;
            drop(lowest_refused);
            setrlimit(Resource::Nofile, Rlimit { current: Some(number + spare), maximum })?;
            let refused = sel.on_signal(SIGUSR1, |_, _| ()).map_err(|error| error.raw_os_error());
            setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
            assert_eq!(refused, Err(Some(rustix::io::Errno::MFILE.raw_os_error())), "with {spare}");
            assert_eq!((descriptors()?, sel.len()), (before, 0));
        }
        let key = sel.on_signal(SIGUSR1, |_, _| ())?;
        raise(SIGUSR1)?;
        assert_eq!(sel.turn(NOW)?, 1);
        sel.discard(key)?;
        assert_eq!(descriptors()?, before);
        raise(SIGUSR1)
    })
}
