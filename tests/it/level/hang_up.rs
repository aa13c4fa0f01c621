//! Hang-ups and errors: they reach a source whatever it asked for, and none that is paused.

use super::terminal::pty;
use crate::util::{LONG, NOW, assert_quiet, await_fin, await_state, in_time, reset, tcp_pair};
use rustix::event::PollFlags;
use selkie::net::{TcpStream, UnixStream};
use selkie::unix::{Fd, pipe};
use selkie::{Interest, PRIORITY, READ, Selector, WRITE, event};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// Elsewhere nothing can be waited for that is urgent.
const ANYTHING: &[Interest] = if cfg!(target_os = "linux") { &[READ, WRITE, PRIORITY] } else { &[READ, WRITE] };

fn fill(stream: &mut impl Write) {
    while stream.write(&[7; 65_536]).is_ok() {}
}

/// A source that is ready for nothing of what it asks for, until `hang_up`; then it is told, in every
/// turn. What it is told is the answer.
#[track_caller]
fn told_of_hang_up<S: event::Source + 'static>(
    source: S,
    asked: Interest,
    hang_up: impl FnOnce(),
) -> io::Result<Interest> {
    let told = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    let key = sel.register(source, asked, |_, ready| told.borrow_mut().push(ready))?;
    assert_quiet(&sel);
    hang_up();
    let selected = sel.select(Some(LONG))?;
    for turns in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(told.borrow().len(), turns);
    }
    let last = told.borrow()[3];
    assert!(last.contains(asked), "asked for {asked:?}, told {last:?}");
    for other in ANYTHING {
        assert!(asked == *other || !last.contains(*other), "asked for {asked:?}, told {last:?}");
    }
    assert!(matches!(selected[..], [(found, ready)] if key == found && ready.contains(asked)), "{selected:?}");
    Ok(last)
}

#[test]
fn reset_reaches_a_tcp_stream_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        let (mut near, far) = tcp_pair()?;
        fill(&mut near);
        let told = told_of_hang_up(near, asked, || reset(far))?;
        assert!(told.is_error() && told.is_read_closed() && told.is_write_closed(), "told {told:?}");
    }
    Ok(())
}

#[test]
fn peer_that_closes_reaches_a_unix_stream_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        let (mut near, far) = UnixStream::pair()?;
        fill(&mut near);
        let told = told_of_hang_up(near, asked, || drop(far))?;
        assert!(told.is_read_closed() && told.is_write_closed(), "told {told:?}");
    }
    Ok(())
}

#[test]
fn writer_that_closes_reaches_a_drained_pipe_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        let (tx, rx) = pipe::new()?;
        let told = told_of_hang_up(rx, asked, || drop(tx))?;
        assert!(told.is_read_closed() && !told.is_error(), "told {told:?}");
    }
    Ok(())
}

#[test]
fn reader_that_closes_reaches_a_full_pipe_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        let (mut tx, rx) = pipe::new()?;
        fill(&mut tx);
        let told = told_of_hang_up(tx, asked, || drop(rx))?;
        assert!(told.is_write_closed(), "told {told:?}");
    }
    Ok(())
}

#[test]
fn terminal_that_closes_reaches_its_driver_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        if asked != WRITE {
            let (terminal, driver) = pty()?;
            told_of_hang_up(Fd::new(driver), asked, || drop(terminal))?;
        }
    }
    Ok(())
}

#[test]
fn driver_that_closes_reaches_its_terminal_whatever_it_asked_for() -> io::Result<()> {
    for &asked in ANYTHING {
        if asked != WRITE {
            let (terminal, driver) = pty()?;
            told_of_hang_up(Fd::new(terminal), asked, || drop(driver))?;
        }
    }
    Ok(())
}

#[test]
fn refused_connection_is_told_to_who_waits_for_it() -> io::Result<()> {
    let errors = Cell::new(0);
    let address = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let conn = TcpStream::connect(address)?;
    let sel = Selector::new()?;
    sel.register(conn, WRITE, |conn, ready| -> io::Result<()> {
        assert!(ready.is_writable() && ready.is_error(), "told {ready:?}");
        assert_eq!(conn.take_error()?.map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
        errors.set(errors.get() + 1);
        conn.unregister();
        Ok(())
    })?;
    in_time(|| sel.run())?;
    assert_eq!(errors.get(), 1);
    Ok(())
}

#[test]
fn data_that_came_before_a_hang_up_is_read_to_the_end() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = std::os::unix::net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.write_all(b"goodbye")?;
    drop(far);
    let sel = Selector::new()?;
    sel.register(UnixStream::from_std(near), READ, |conn, ready| -> io::Result<()> {
        assert!(ready.is_read_closed(), "told {ready:?}");
        let mut buf = [0; 2];
        match conn.read(&mut buf)? {
            0 => conn.unregister(),
            n => got.borrow_mut().extend_from_slice(&buf[..n]),
        }
        Ok(())
    })?;
    in_time(|| sel.run())?;
    assert_eq!(*got.borrow(), b"goodbye");
    Ok(())
}

// ---- what the flags say is true

/// What a source that asks to read and write is told when `change` has come.
fn told(near: TcpStream, change: impl FnOnce(&TcpStream)) -> io::Result<Interest> {
    let told = Cell::new(Interest::NONE);
    change(&near);
    let sel = Selector::new()?;
    sel.register(near, READ | WRITE, |_, ready| told.set(ready))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    Ok(told.get())
}

#[test]
fn data_is_told_without_any_flag() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    assert_eq!(told(near, |near| await_state(near, PollFlags::IN))?, READ | WRITE);
    Ok(())
}

#[test]
fn half_closed_peer_is_told_as_read_closed_alone() -> io::Result<()> {
    let (near, far) = tcp_pair()?;
    far.shutdown(Shutdown::Write)?;
    let told = told(near, await_fin)?;
    assert!(told.contains(READ | WRITE), "told {told:?}");
    assert!(told.is_read_closed() && !told.is_write_closed() && !told.is_error(), "told {told:?}");
    Ok(())
}

#[test]
fn stream_closed_in_both_directions_is_told_as_such_and_as_no_error() -> io::Result<()> {
    let (near, far) = tcp_pair()?;
    far.shutdown(Shutdown::Write)?;
    near.shutdown(Shutdown::Write)?;
    let told = told(near, |near| await_state(near, PollFlags::HUP))?;
    assert!(told.is_read_closed() && told.is_write_closed() && !told.is_error(), "told {told:?}");
    Ok(())
}

// ---- paused

/// A paused source hears nothing, costs no turn, and learns of it when it is resumed.
#[track_caller]
fn assert_unheard_while_paused<S: event::Source + 'static>(source: S, hang_up: impl FnOnce()) -> io::Result<()> {
    let told = Cell::new(Interest::NONE);
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let key = sel.register(source, READ, |_, ready| {
        told.set(ready);
        calls.set(calls.get() + 1);
    })?;
    sel.modify(key, Interest::NONE)?;
    hang_up();
    assert_quiet(&sel);
    assert_eq!(sel.select(NOW)?, []);
    in_time(|| sel.run())?; // a paused source keeps nobody
    assert_eq!(calls.get(), 0);
    for resumed in 1..=2 {
        sel.modify(key, READ)?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), resumed);
        assert!(told.get().is_readable() && told.get().is_read_closed(), "told {:?}", told.get());
        // And once it knows, the same again.
        sel.modify(key, Interest::NONE)?;
        assert_quiet(&sel);
    }
    Ok(())
}

#[test]
fn paused_peer_resets_is_not_called_and_told_when_resumed() -> io::Result<()> {
    let (near, far) = tcp_pair()?;
    assert_unheard_while_paused(near, || reset(far))
}

#[test]
fn paused_peer_closes_is_not_called_and_told_when_resumed() -> io::Result<()> {
    let (near, far) = UnixStream::pair()?;
    assert_unheard_while_paused(near, || drop(far))
}

#[test]
fn paused_pipe_whose_writer_closes_is_not_called_and_told_when_resumed() -> io::Result<()> {
    let (tx, rx) = pipe::new()?;
    assert_unheard_while_paused(rx, || drop(tx))
}

#[test]
fn registered_paused_peer_resets_is_not_called_and_told_when_resumed() -> io::Result<()> {
    let told = Cell::new(Interest::NONE);
    let (near, far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, Interest::NONE, |_, ready| told.set(ready))?;
    reset(far);
    assert_quiet(&sel);
    sel.modify(key, WRITE)?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(told.get().is_writable() && told.get().is_error(), "told {:?}", told.get());
    Ok(())
}

#[test]
fn source_that_pauses_itself_at_a_hang_up_is_not_called_again() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| {
        calls.set(calls.get() + 1);
        conn.set_interest(Interest::NONE);
    })?;
    reset(far);
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_quiet(&sel);
    assert_eq!(calls.get(), 1);
    Ok(())
}

#[test]
fn data_that_came_during_a_pause_is_told_when_resumed() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, |_, ready| {
        assert_eq!(ready, READ);
        calls.set(calls.get() + 1);
    })?;
    for round in 1..=3 {
        sel.modify(key, Interest::NONE)?;
        far.write_all(b"data")?;
        assert_quiet(&sel);
        sel.modify(key, READ)?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), round);
    }
    Ok(())
}

/// `poll(2)` takes a descriptor of which it can only say that there is nothing to wait for. (An epoll
/// set refuses it.)
#[cfg(all(target_os = "linux", mio_unsupported_force_poll_poll))]
#[test]
fn descriptor_that_cannot_be_waited_for_is_told_of_an_error() -> io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, openat};

    let path_only = std::fs::File::from(openat(CWD, "/dev/null", OFlags::PATH, Mode::empty())?);
    let sel = Selector::new()?;
    sel.register(Fd::new(path_only), READ, |file, ready| -> io::Result<()> {
        assert!(ready.is_error() && ready.is_readable());
        file.read(&mut [0]).map(drop)
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(sel.is_empty(), "it could not be read, and is lost");
    Ok(())
}
