//! Child processes: each exit told once, no zombie, and pipes that are sources like any other. Each
//! in a process of its own, which has no other children.
#![cfg(unix)]

use crate::util::{LONG, NOW, alone, assert_quiet, in_time};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, test_kill_process, wait, waitid, waitpid};
use selkie::process::{Child, ChildInput, ChildOutput};
use selkie::{Connection, Duplex, Input, Key, Protocol, READ, Selector, Source, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Whether the exit of a child is waited for without a thread.
const HAS_PIDFD: bool = cfg!(all(target_os = "linux", not(mio_unsupported_force_poll_poll)));

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// The path of a test in this file.
macro_rules! name {
    ($test:ident) => {{
        let _: fn() -> io::Result<()> = $test;
        concat!("processes::", stringify!($test))
    }};
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null());
    command
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id as i32).expect("a child has a number")
}

/// Waits until the child has exited, and leaves it to be waited for.
fn await_exit(child: &Child) -> io::Result<()> {
    waitid(WaitId::Pid(pid(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    Ok(())
}

/// Sees to it that all children were waited for: none runs, and none is a zombie.
#[track_caller]
fn assert_no_child_left() {
    assert!(matches!(wait(WaitOptions::NOHANG), Err(Errno::CHILD)), "a child is left");
}

/// As `assert_no_child_left`, for those that a thread waits for in its own time.
#[track_caller]
fn await_no_child_left() {
    let deadline = Instant::now() + LONG;
    let children = || waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG);
    while !matches!(children(), Err(Errno::CHILD)) {
        assert!(Instant::now() < deadline, "a child is left");
        thread::yield_now();
    }
}

/// Registers an output, to be read to its end into `text`.
fn collect<'cb>(
    sel: &Selector<'cb>,
    output: Option<ChildOutput>,
    text: &'cb RefCell<Vec<u8>>,
) -> io::Result<Key<ChildOutput>> {
    let key = sel.register(output.expect("it is piped"), READ, move |output, _| read_some(output, text))?;
    Ok(key)
}

fn read_some(output: &mut Source<ChildOutput>, text: &RefCell<Vec<u8>>) -> io::Result<()> {
    let mut buf = [0; 1000];
    match output.read(&mut buf)? {
        0 => output.unregister(),
        n => text.borrow_mut().extend_from_slice(&buf[..n]),
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn open_descriptors() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

// ---- exits

#[test]
fn exit_of_any_kind_is_told_with_its_status() -> io::Result<()> {
    alone(name!(exit_of_any_kind_is_told_with_its_status), || {
        let statuses = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        for script in ["exit 0", "exit 7", "kill -TERM $$", "kill -KILL $$"] {
            sel.spawn(&mut shell(script), |_, status| statuses.borrow_mut().push(status.expect("it is ours")))?;
            in_time(|| sel.run())?;
        }
        let statuses: Vec<_> = statuses.take().iter().map(|status| (status.code(), status.signal())).collect();
        assert_eq!(statuses, [(Some(0), None), (Some(7), None), (None, Some(SIGTERM)), (None, Some(SIGKILL))]);
        assert!(sel.is_empty());
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn exit_before_the_first_turn_is_told_in_it() -> io::Result<()> {
    alone(name!(exit_before_the_first_turn_is_told_in_it), || {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        // Where a thread waits for it, it may have been faster.
        let child = sel.spawn(&mut shell("exit 3"), |_, status| {
            assert_eq!(status.expect("it is ours").code(), Some(3));
            calls.set(calls.get() + 1);
        })?;
        if HAS_PIDFD {
            await_exit(&child)?;
            assert_eq!(sel.turn(NOW)?, 1);
        } else {
            assert_eq!(sel.turn(Some(LONG))?, 1);
        }
        assert_quiet(&sel);
        assert_eq!(calls.get(), 1);
        assert!(!sel.contains(child.key));
        Ok(())
    })
}

#[test]
fn running_child_is_not_called_about_until_it_exits() -> io::Result<()> {
    alone(name!(running_child_is_not_called_about_until_it_exits), || {
        let status = Cell::new(None);
        let sel = Selector::new()?;
        // It ends with its input.
        let child = sel.spawn(Command::new("cat").stdin(Stdio::piped()), |_, exit| status.set(exit.ok()))?;
        assert_quiet(&sel);
        assert!(sel.with(child.key, |process| process.try_wait())??.is_none());
        drop(child.stdin);
        in_time(|| sel.run())?;
        assert!(status.get().is_some_and(|status| status.success()));
        Ok(())
    })
}

#[test]
fn thousand_children_at_once_exit_each_once_and_leave_no_zombie() -> io::Result<()> {
    alone(name!(thousand_children_at_once_exit_each_once_and_leave_no_zombie), || {
        const CHILDREN: usize = 1000;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        rustix::process::setrlimit(
            rustix::process::Resource::Nofile,
            rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum },
        )?;
        let exits = RefCell::new(vec![0; CHILDREN]);
        let sel = Selector::new()?;
        // All of them wait for the end of one pipe.
        let (gate, opener) = io::pipe()?;
        for number in 0..CHILDREN {
            let mut command = shell(&format!("read line; exit {}", number % 251));
            let exits = &exits;
            sel.spawn(command.stdin(gate.try_clone()?), move |_, status| {
                assert_eq!(status.expect("it is ours").code(), Some((number % 251) as i32));
                exits.borrow_mut()[number] += 1;
            })?;
        }
        assert_eq!(sel.turn(NOW)?, 0);
        assert_eq!(sel.len(), CHILDREN);
        drop(opener);
        in_time(|| sel.run())?;
        assert!(exits.borrow().iter().all(|&exits| exits == 1), "{exits:?}");
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn children_that_start_each_other_from_callbacks_are_all_told() -> io::Result<()> {
    fn start<'cb>(sel: &Selector<'cb>, exits: &'cb Cell<i32>) {
        let mut command = shell(&format!("exit {}", exits.get()));
        let next = move |sel: &Selector<'cb>, status: io::Result<ExitStatus>| {
            assert_eq!(status.expect("it is ours").code(), Some(exits.get()));
            exits.set(exits.get() + 1);
            if exits.get() < 20 {
                start(sel, exits);
            }
        };
        sel.spawn(&mut command, next).expect("it can be started");
    }
    alone(name!(children_that_start_each_other_from_callbacks_are_all_told), || {
        let exits = Cell::new(0);
        let sel = Selector::new()?;
        start(&sel, &exits);
        in_time(|| sel.run())?;
        assert_eq!(exits.get(), 20);
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn child_that_somebody_else_has_waited_for_is_told_as_an_error() -> io::Result<()> {
    alone(name!(child_that_somebody_else_has_waited_for_is_told_as_an_error), || {
        let told = Cell::new(None);
        let sel = Selector::new()?;
        let child = sel.spawn(&mut shell("exit 1"), |_, status| told.set(Some(status)))?;
        let is_taken = match waitpid(Some(pid(&child)), WaitOptions::empty()) {
            Ok(taken) => taken.is_some(),
            // Where a thread waits for it, that may have been faster.
            Err(Errno::CHILD) if !HAS_PIDFD => false,
            Err(error) => return Err(error.into()),
        };
        in_time(|| sel.run())?;
        match told.take().expect("it was told") {
            Ok(status) => assert!(!is_taken && status.code() == Some(1)),
            Err(error) => assert!(is_taken && error.raw_os_error() == Some(Errno::CHILD.raw_os_error())),
        }
        Ok(())
    })
}

// ---- pipes

#[test]
fn outputs_are_sources_and_end() -> io::Result<()> {
    alone(name!(outputs_are_sources_and_end), || {
        let texts = [RefCell::default(), RefCell::default()];
        let exits = Cell::new(0);
        let sel = Selector::new()?;
        let mut command = shell("echo one; echo two >&2; echo three; exit 1");
        let child = sel.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()), |_, _| exits.set(1))?;
        assert!(child.stdin.is_none());
        collect(&sel, child.stdout, &texts[0])?;
        collect(&sel, child.stderr, &texts[1])?;
        in_time(|| sel.run())?;
        assert_eq!(texts.each_ref().map(RefCell::take), [b"one\nthree\n".to_vec(), b"two\n".to_vec()]);
        assert_eq!(exits.get(), 1);
        Ok(())
    })
}

#[test]
fn output_that_is_read_too_often_would_block() -> io::Result<()> {
    alone(name!(output_that_is_read_too_often_would_block), || {
        let sel = Selector::new()?;
        let mut command = shell("echo yes; cat");
        let child = sel.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()), |_, _| ())?;
        sel.register(child.stdout.expect("it is piped"), READ, |output, _| -> io::Result<()> {
            assert_eq!(output.read(&mut [0; 100])?, 4);
            assert_eq!(output.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
            output.unregister();
            Ok(())
        })?;
        assert_eq!(in_time(|| sel.turn(None))?, 1);
        drop(child.stdin);
        in_time(|| sel.run())
    })
}

#[test]
fn output_of_a_child_that_has_exited_is_read_to_its_end() -> io::Result<()> {
    alone(name!(output_of_a_child_that_has_exited_is_read_to_its_end), || {
        let text = RefCell::default();
        let exited = Cell::new(false);
        let sel = Selector::new()?;
        let child = sel.spawn(shell("echo last words").stdout(Stdio::piped()), |_, _| exited.set(true))?;
        while !exited.get() {
            sel.turn(Some(LONG))?;
        }
        collect(&sel, child.stdout, &text)?;
        in_time(|| sel.run())?;
        assert_eq!(text.take(), b"last words\n");
        Ok(())
    })
}

#[test]
fn output_that_a_grandchild_has_ends_after_the_exit() -> io::Result<()> {
    alone(name!(output_that_a_grandchild_has_ends_after_the_exit), || {
        let text = RefCell::default();
        let exited = Cell::new(false);
        let sel = Selector::new()?;
        // `cat` goes on for as long as there is input.
        let mut command = shell("exec 3<&0; cat <&3 & echo started");
        let child = sel.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()), |_, _| exited.set(true))?;
        let output = collect(&sel, child.stdout, &text)?;
        while !exited.get() {
            in_time(|| sel.turn(None))?;
        }
        assert!(sel.contains(output));
        child.stdin.expect("it is piped").write_all(b"and going on\n")?;
        in_time(|| sel.run())?;
        assert_eq!(text.take(), b"started\nand going on\n");
        Ok(())
    })
}

#[test]
fn more_input_than_a_pipe_holds_goes_through_a_child_and_back() -> io::Result<()> {
    alone(name!(more_input_than_a_pipe_holds_goes_through_a_child_and_back), || {
        let input: Vec<u8> = (0..3_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let text = RefCell::default();
        let sel = Selector::new()?;
        let mut command = Command::new("cat");
        let child = sel.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()), |_, _| ())?;
        collect(&sel, child.stdout, &text)?;
        let mut sent = 0;
        let mut calls = 0;
        let stdin = child.stdin.expect("it is piped");
        let rest = input.clone();
        sel.register(stdin, WRITE, move |stdin: &mut Source<ChildInput>, _| -> io::Result<()> {
            calls += 1;
            sent += stdin.write(&rest[sent..])?;
            if sent == rest.len() {
                stdin.unregister();
                assert!(calls > 1, "a pipe took 3 MB at once: this write has blocked");
            }
            Ok(())
        })?;
        in_time(|| sel.run())?;
        assert!(text.take() == input);
        Ok(())
    })
}

#[test]
fn input_that_nobody_reads_any_more_is_a_broken_pipe() -> io::Result<()> {
    alone(name!(input_that_nobody_reads_any_more_is_a_broken_pipe), || {
        let broken = Cell::new(false);
        let sel = Selector::new()?;
        let child = sel.spawn(shell("exit 0").stdin(Stdio::piped()), |_, _| ())?;
        in_time(|| sel.run())?;
        sel.on_error(|_, lost| broken.set(lost.error.kind() == ErrorKind::BrokenPipe));
        sel.register(child.stdin.expect("it is piped"), WRITE, |stdin, _| stdin.write_all(b"hello?"))?;
        in_time(|| sel.run())?;
        assert!(broken.get());
        Ok(())
    })
}

#[test]
fn child_behind_a_connection_is_talked_with_and_ends_with_it() -> io::Result<()> {
    struct Talk<'a> {
        heard: &'a RefCell<Vec<u8>>,
    }

    type Pipes = Duplex<ChildOutput, ChildInput>;

    impl Protocol<'_, Pipes> for Talk<'_> {
        fn connected(&mut self, conn: &mut Source<Connection<Pipes>>) -> io::Result<()> {
            conn.write(b"1\n");
            Ok(())
        }

        fn received(&mut self, conn: &mut Source<Connection<Pipes>>, input: &mut Input) -> io::Result<()> {
            let answer = input.consume_all();
            self.heard.borrow_mut().extend_from_slice(answer);
            if self.heard.borrow().len() < 12 {
                conn.write(answer);
            } else {
                conn.shutdown_write();
            }
            Ok(())
        }
    }

    alone(name!(child_behind_a_connection_is_talked_with_and_ends_with_it), || {
        let heard = RefCell::default();
        let code = Cell::new(None);
        let sel = Selector::new()?;
        let mut command = shell("while read number; do echo $((number * 2)); done; exit 3");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = sel.spawn(&mut command, |_, status| code.set(status.expect("it is ours").code()))?;
        let pipes = Duplex::new(child.stdout.expect("it is piped"), child.stdin.expect("it is piped"));
        Connection::open(&sel, pipes, Talk { heard: &heard })?;
        in_time(|| sel.run())?;
        assert_eq!(heard.take(), b"2\n4\n8\n16\n32\n");
        assert_eq!(code.get(), Some(3));
        Ok(())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn child_that_has_exited_has_no_descriptor_left_open() -> io::Result<()> {
    alone(name!(child_that_has_exited_has_no_descriptor_left_open), || {
        let sel = Selector::new()?;
        let before = open_descriptors()?;
        for _ in 0..3 {
            let mut command = shell("exit 0");
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = sel.spawn(&mut command, |_, _| ())?;
            in_time(|| sel.run())?;
            assert_eq!(open_descriptors()?, before + 3);
            drop(child);
            sel.output(&mut command, 1, |_, output| assert!(output.is_ok()))?;
            in_time(|| sel.run())?;
            assert_eq!(open_descriptors()?, before);
        }
        Ok(())
    })
}

// ---- ending it

#[test]
fn killed_child_is_told_as_any_other() -> io::Result<()> {
    alone(name!(killed_child_is_told_as_any_other), || {
        let signals = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        let start = || {
            let exited = |_: &Selector, status: io::Result<ExitStatus>| {
                signals.borrow_mut().push(status.expect("it is ours").signal());
            };
            sel.spawn(Command::new("sleep").arg("1000"), exited)
        };
        let (one, other, third) = (start()?, start()?, start()?);
        sel.with(one.key, |process| process.kill())??;
        in_time(|| sel.turn(None))?;
        sel.with(other.key, |process| process.signal(SIGTERM))??;
        in_time(|| sel.turn(None))?;
        sel.call_later(Duration::from_millis(1), move |sel| {
            sel.with(third.key, |process| process.kill()).expect("it sleeps").expect("it is ours");
        });
        in_time(|| sel.run())?;
        assert_eq!(signals.take(), [Some(SIGKILL), Some(SIGTERM), Some(SIGKILL)]);
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn child_that_has_exited_is_killed_in_vain() -> io::Result<()> {
    alone(name!(child_that_has_exited_is_killed_in_vain), || {
        let code = Cell::new(None);
        let sel = Selector::new()?;
        let child = sel.spawn(&mut shell("exit 5"), |_, status| code.set(status.expect("it is ours").code()))?;
        sel.with(child.key, |process| -> io::Result<()> {
            while process.try_wait()?.is_none() {
                thread::yield_now();
            }
            process.kill()?;
            process.signal(SIGTERM)
        })??;
        in_time(|| sel.run())?;
        assert_eq!(code.get(), Some(5));
        let late = sel.with(child.key, |process| process.kill());
        assert_eq!(late.unwrap_err().kind(), ErrorKind::NotFound);
        Ok(())
    })
}

#[test]
fn what_is_no_signal_is_not_sent() -> io::Result<()> {
    alone(name!(what_is_no_signal_is_not_sent), || {
        let sel = Selector::new()?;
        let child = sel.spawn(Command::new("cat").stdin(Stdio::piped()), |_, _| ())?;
        let refused = sel.with(child.key, |process| process.signal(1000))?;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        drop(child.stdin);
        in_time(|| sel.run())
    })
}

#[test]
fn children_outlive_their_selector_and_leave_no_zombie() -> io::Result<()> {
    alone(name!(children_outlive_their_selector_and_leave_no_zombie), || {
        let sel = Selector::new()?;
        let mut children = Vec::new();
        for _ in 0..20 {
            children.push(sel.spawn(Command::new("cat").stdin(Stdio::piped()), |_, _| unreachable!())?);
        }
        // One of them is taken out only.
        sel.discard(children[0].key)?;
        drop(sel);
        for child in &children {
            test_kill_process(pid(child)).expect("it runs");
        }
        // They end when their inputs do.
        drop(children);
        await_no_child_left();
        Ok(())
    })
}

#[test]
fn child_that_exits_while_its_selector_is_dropped_leaves_no_zombie() -> io::Result<()> {
    alone(name!(child_that_exits_while_its_selector_is_dropped_leaves_no_zombie), || {
        for _ in 0..20 {
            let sel = Selector::new()?;
            sel.spawn(&mut shell("exit 0"), |_, _| unreachable!())?;
            drop(sel);
        }
        await_no_child_left();
        Ok(())
    })
}

// ---- what cannot be started

#[test]
fn command_that_is_not_there_is_refused_and_leaves_nothing() -> io::Result<()> {
    alone(name!(command_that_is_not_there_is_refused_and_leaves_nothing), || {
        let sel = Selector::new()?;
        #[cfg(target_os = "linux")]
        let before = open_descriptors()?;
        let mut command = Command::new("/nowhere/to/be/found");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let refused = sel.spawn(&mut command, |_, _| unreachable!()).expect_err("there is no such command");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        let refused = sel.output(&mut command, 1, |_, _| unreachable!()).expect_err("there is no such command");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        #[cfg(target_os = "linux")]
        assert_eq!(open_descriptors()?, before);
        assert!(sel.is_empty());
        assert_no_child_left();
        Ok(())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn child_without_enough_descriptors_is_refused_and_leaves_nothing() -> io::Result<()> {
    alone(name!(child_without_enough_descriptors_is_refused_and_leaves_nothing), || {
        let sel = Selector::new()?;
        let mut taken = crate::util::use_up_descriptors()?;
        let full = taken.len();
        let mut refusals = 0;
        // With none to spare, with one, with two, until there are enough.
        loop {
            taken.truncate(full - refusals);
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            match sel.spawn(&mut command, |_, _| ()) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()), "{error}"),
            }
            assert!(sel.is_empty());
            assert_no_child_left();
            // What was free is free again.
            let free: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
            assert_eq!(free.len(), refusals);
            refusals += 1;
        }
        assert!(refusals > 3, "it needs three pipes at the least");
        in_time(|| sel.run())
    })
}

// ---- all in one

#[test]
fn output_comes_whole_with_the_status_in_one_call() -> io::Result<()> {
    alone(name!(output_comes_whole_with_the_status_in_one_call), || {
        let outcome = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        let mut command = shell("read line || echo no input; head -c 300000 /dev/zero; echo trouble >&2; exit 4");
        sel.output(&mut command, 1 << 20, |_, output| outcome.borrow_mut().push(output))?;
        in_time(|| sel.run())?;
        let [output] = &outcome.borrow()[..] else { panic!("{} calls", outcome.borrow().len()) };
        let output = output.as_ref().expect("it is ours");
        assert_eq!(output.status.code(), Some(4));
        assert!(output.stdout.starts_with(b"no input\n\0\0") && output.stdout.len() == 300_009);
        assert_eq!(output.stderr, b"trouble\n");
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn output_up_to_the_limit_is_no_error_and_beyond_is() -> io::Result<()> {
    alone(name!(output_up_to_the_limit_is_no_error_and_beyond_is), || {
        let outcome = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        for max in [6, 5] {
            let mut command = shell("echo one; echo 2 >&2; test $0 = 6 || exec sleep 1000");
            sel.output(command.arg(max.to_string()), max, |_, output| {
                let result = output.map(|output| output.stdout.len() + output.stderr.len());
                outcome.borrow_mut().push(result.map_err(|error| error.kind()));
            })?;
            in_time(|| sel.run())?;
        }
        assert_eq!(outcome.take(), [Ok(6), Err(ErrorKind::FileTooLarge)]);
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn output_too_large_is_told_though_a_grandchild_keeps_the_pipes_open() -> io::Result<()> {
    alone(name!(output_too_large_is_told_though_a_grandchild_keeps_the_pipes_open), || {
        let outcome = Cell::new(None);
        let sel = Selector::new()?;
        // It ends with this process, which has the other end of its input.
        let (input, writer) = rustix::pipe::pipe()?;
        rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::CLOEXEC)?;
        let mut command = shell(&format!("cat <&{} & yes", input.as_raw_fd()));
        sel.output(&mut command, 100_000, |_, output| outcome.set(Some(output)))?;
        in_time(|| sel.run())?;
        let error = outcome.take().expect("it was told").expect_err("there is more than that");
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        drop(writer);
        assert_no_child_left();
        Ok(())
    })
}

#[test]
fn output_of_a_killed_child_is_what_it_has_said() -> io::Result<()> {
    alone(name!(output_of_a_killed_child_is_what_it_has_said), || {
        let outcome = Cell::new(None);
        let sel = Selector::new()?;
        let mut command = shell("echo before; exec sleep 1000");
        let key = sel.output(&mut command, 1000, |_, output| outcome.set(Some(output)))?;
        // It says something first.
        assert_eq!(sel.turn(Some(LONG))?, 1);
        sel.with(key, |process| process.kill())??;
        in_time(|| sel.run())?;
        let output = outcome.take().expect("it was told")?;
        assert_eq!((output.status.signal(), &*output.stdout), (Some(SIGKILL), &b"before\n"[..]));
        Ok(())
    })
}
