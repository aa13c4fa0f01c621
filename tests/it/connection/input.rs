//! Input is kept until it is consumed, within a limit, and reading can be paused.

use super::{Log, Probe};
use crate::util::*;
use selkie::{Connection, ConnectionOptions, Key, Selector};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::net::Shutdown;
use std::thread;

/// Turns until `log` has `count` calls.
fn turn_until(sel: &Selector<'_>, log: &Log, count: usize) -> io::Result<()> {
    while log.0.borrow().len() < count {
        sel.turn(Some(LONG))?;
    }
    Ok(())
}

#[test]
fn left_input_comes_again_with_more() -> io::Result<()> {
    let (log, seen) = (Log::default(), Log::default());
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|conn, input| {
        assert!(conn.input().is_empty());
        seen.note(String::from_utf8_lossy(input).into_owned());
        while let Some(end) = input.iter().position(|&byte| byte == b'.') {
            input.consume(end + 1);
        }
        Ok(())
    });
    let key = Connection::open(&sel, near, probe)?;
    for (piece, all, left) in [("on", "on", "on"), ("e.tw", "one.tw", "tw"), ("o.", "two.", ""), ("x.", "x.", "")] {
        far.write_all(piece.as_bytes())?;
        seen.take();
        turn_until(&sel, &seen, 1)?;
        assert_eq!(seen.take(), [all]);
        assert_eq!(sel.with(key, |conn| conn.input().to_vec())?, left.as_bytes());
    }
    Ok(())
}

#[test]
fn more_input_than_is_read_at_once_arrives_whole_and_in_order() -> io::Result<()> {
    let log = Log::default();
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let (left, got) = (Cell::new(0), RefCell::new(Vec::new()));
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    // One that consumes an odd part of what there is, and the last bit when the end has come.
    let probe = Probe::new(&log)
        .received(|_, input| {
            let part = input.len() / 3 * 2;
            got.borrow_mut().extend_from_slice(input.consume(part));
            left.set(input.len());
            Ok(())
        })
        .ended(|conn| {
            assert_eq!(conn.input().len(), left.get());
            got.borrow_mut().extend_from_slice(conn.input());
            conn.close();
            Ok(())
        });
    Connection::open(&sel, near, probe)?;
    thread::scope(|scope| -> io::Result<()> {
        let sent = &sent;
        scope.spawn(move || {
            far.write_all(sent).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
        });
        in_time(|| sel.run())
    })?;
    drop(sel);
    assert!(got.into_inner() == sent);
    Ok(())
}

#[test]
fn peer_never_completes_a_message_is_closed_at_the_limit() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|_, _| Ok(())).closed(|_, reason| {
        let said = reason.error().unwrap().to_string();
        assert_eq!(said, "11 bytes of input make no complete message, and 10 may be kept");
    });
    ConnectionOptions::new().input_max(10).open(&sel, near, probe)?;
    far.write_all(b"0123456789")?;
    turn_until(&sel, &log, 2)?;
    assert_quiet(&sel);
    far.write_all(b"x")?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "received 10", "received 11", "closed InvalidData"]);
    Ok(())
}

#[test]
fn usual_limit_of_input_is_a_mebibyte() -> io::Result<()> {
    let log = Log::default();
    let kept = Cell::new(0);
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|_, input| {
        kept.set(input.len());
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    thread::scope(|scope| {
        scope.spawn(move || while far.write_all(&[0; 4096]).is_ok() {});
        in_time(|| sel.run())
    })?;
    assert_eq!(log.take().last().unwrap(), "closed InvalidData");
    assert!((1_048_577..1_048_577 + 65_536).contains(&kept.get()), "{}", kept.get());
    Ok(())
}

#[test]
fn message_larger_than_the_limit_in_one_piece_is_consumed() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    ConnectionOptions::new().input_max(0).open(&sel, near, Probe::new(&log))?;
    far.write_all(&[0; 100])?;
    turn_until(&sel, &log, 2)?;
    assert_eq!(log.take(), ["connected", "received 100"]);
    Ok(())
}

/// One that pauses when it has received, and consumes nothing.
fn pausing<'t>(sel: &Selector<'t>, log: &'t Log) -> io::Result<(Key<Connection>, std::net::TcpStream)> {
    let (near, far) = tcp_pair()?;
    let probe = Probe::new(log).received(|conn, input| {
        if conn.is_open() && input.len() < 4 {
            conn.pause_reading();
        } else {
            input.consume_all();
        }
        Ok(())
    });
    Ok((ConnectionOptions::new().input_max(1).open(sel, near, probe)?, far))
}

#[test]
fn paused_input_waits_and_comes_when_resumed() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = pausing(&sel, &log)?;
    far.write_all(b"abc")?;
    turn_until(&sel, &log, 2)?;
    // More than the limit, which is for peers that could send on.
    assert_eq!(sel.with(key, |conn| (conn.input().len(), conn.is_reading_paused()))?, (3, true));
    far.write_all(b"de")?;
    assert_quiet(&sel);
    sel.with(key, |conn| conn.resume_reading())?;
    assert_eq!(log.take(), ["connected", "received 3"]);
    // What was left comes again though nothing new has, and pauses once more.
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["received 3"]);
    assert_quiet(&sel);
    // Resumed and paused is paused.
    sel.with(key, |conn| {
        conn.resume_reading();
        conn.pause_reading();
        conn.pause_reading();
    })?;
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn paused_and_nothing_left_is_resumed_and_called_for_what_is_new_only() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.pause_reading())?;
    far.write_all(b"abc")?;
    assert_quiet(&sel);
    sel.with(key, |conn| {
        conn.resume_reading();
        conn.resume_reading();
    })?;
    turn_until(&sel, &log, 2)?;
    assert_eq!(log.take(), ["connected", "received 3"]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn resumed_with_input_left_receives_it_once() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log).received(|_, _| Ok(())))?;
    far.write_all(b"abc")?;
    turn_until(&sel, &log, 2)?;
    sel.with(key, |conn| {
        conn.pause_reading();
        conn.resume_reading();
    })?;
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected", "received 3", "received 3"]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn resumed_with_no_input_left_leaves_some_later_and_is_not_called_for_it() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log).received(|_, _| Ok(())))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| {
        conn.pause_reading();
        conn.resume_reading();
    })?;
    far.write_all(b"abc")?;
    turn_until(&sel, &log, 2)?;
    sel.with(key, |conn| conn.set_options(&ConnectionOptions::new()))?;
    assert_quiet(&sel);
    assert_eq!(log.take(), ["connected", "received 3"]);
    Ok(())
}

#[test]
fn paused_while_connected_receives_nothing() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let key = Connection::open(
        &sel,
        near,
        Probe::new(&log).connected(|conn| {
            conn.pause_reading();
            Ok(())
        }),
    )?;
    sel.turn(NOW)?;
    assert_quiet(&sel);
    sel.with(key, |conn| conn.resume_reading())?;
    turn_until(&sel, &log, 2)?;
    assert_eq!(log.take(), ["connected", "received 1"]);
    Ok(())
}

#[test]
fn paused_and_resumed_in_each_call_does_not_hold_up_the_turn() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    // A protocol that takes one byte at a time, and gives way to others after each.
    let probe = Probe::new(&log).received(|conn, input| {
        input.consume(1);
        conn.pause_reading();
        conn.resume_reading();
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    far.write_all(b"abc")?;
    far.shutdown(Shutdown::Write)?;
    await_end(&sel, &log)?;
    let calls = log.take();
    assert_eq!(calls, ["connected", "received 3", "received 2", "received 1", "ended", "closed Finished"]);
    Ok(())
}

/// Turns until all is over, and sees to it that each turn receives once at most.
fn await_end(sel: &Selector<'_>, log: &Log) -> io::Result<()> {
    while !sel.is_empty() {
        let before = log.0.borrow().len();
        sel.turn(Some(LONG))?;
        let calls = log.0.borrow();
        assert!(calls[before..].iter().filter(|call| call.starts_with("received")).count() <= 1);
    }
    Ok(())
}

#[test]
fn ended_peer_has_its_input_received_first() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = pausing(&sel, &log)?;
    far.write_all(b"abc")?;
    turn_until(&sel, &log, 2)?;
    far.write_all(b"d")?;
    far.shutdown(Shutdown::Write)?;
    sel.with(key, |conn| conn.set_protocol(Probe::new(&log)))?;
    sel.with(key, |conn| conn.resume_reading())?;
    in_time(|| sel.run())?;
    let calls = log.take();
    assert_eq!(calls[3..], ["connected", "received 3", "received 1", "ended", "closed Finished"]);
    Ok(())
}

#[test]
fn ended_peer_and_input_left_is_not_received_again() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|_, _| Ok(())).ended(|conn| {
        conn.pause_reading();
        conn.resume_reading();
        assert_eq!(conn.input(), b"abc");
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    far.write_all(b"abc")?;
    turn_until(&sel, &log, 2)?;
    far.shutdown(Shutdown::Write)?;
    turn_until(&sel, &log, 3)?;
    assert_quiet(&sel);
    assert_eq!(log.take(), ["connected", "received 3", "ended"]);
    Ok(())
}

#[test]
fn closed_while_input_waits_receives_no_more() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    far.write_all(b"abc")?;
    far.shutdown(Shutdown::Write)?;
    sel.with(key, |conn| conn.close())?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "closed Finished"]);
    Ok(())
}
