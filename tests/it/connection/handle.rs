//! The key of a connection is a handle to it: for other callbacks, timers, and whoever has it.

use super::{Log, Probe};
use crate::util::*;
use selkie::{Connection, ConnectionOptions, Selector, Written};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

#[test]
fn callback_of_another_connection_writes_to_it() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let (near_other, mut far_other) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    let probe = Probe::new(&log).received(move |conn, input| {
        let written = conn.selector().with(key, |other| other.write(input.consume_all()))?;
        assert_eq!(written, Written::Sent);
        conn.close();
        Ok(())
    });
    Connection::open(&sel, near_other, probe)?;
    far_other.write_all(b"hello")?;
    while sel.len() > 1 {
        sel.turn(Some(LONG))?;
    }
    let mut got = [0; 5];
    far.read_exact(&mut got)?;
    assert_eq!(&got, b"hello");
    Ok(())
}

#[test]
fn timer_writes_to_it_and_closes_it() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.call_later(Duration::from_millis(1), move |sel| {
        sel.with(key, |conn| {
            conn.write(b"bye");
            conn.close();
        })
        .unwrap();
    });
    in_time(|| sel.run())?;
    let mut said = String::new();
    far.read_to_string(&mut said)?;
    assert_eq!(said, "bye");
    assert_eq!(log.take(), ["connected", "closed Finished"]);
    Ok(())
}

#[test]
fn stale_handle_is_not_found() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.with(key, |conn| conn.abort())?;
    in_time(|| sel.run())?;
    let (near, _far) = tcp_pair()?;
    Connection::open(&sel, near, Probe::new(&log))?;
    let error = sel.with(key, |conn| conn.write(b"x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    Ok(())
}

#[test]
fn own_handle_in_a_callback_is_busy() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let probe = Probe::new(&log).connected(|conn| {
        let error = conn.selector().with(conn.key(), |conn| conn.write(b"x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected"]);
    Ok(())
}

/// What is done from outside is told in the next turn, and never at once.
#[test]
fn outside_write_over_the_mark_is_told_in_the_next_turn() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    log.take();
    let (mut total, mut written) = (0, Written::Sent);
    while written != Written::AboveHigh {
        written = sel.with(key, |conn| conn.write(&[7; 32 * 1024]))?;
        total += 32 * 1024;
    }
    assert!(log.take().is_empty());
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["paused"]);
    std::thread::scope(|scope| -> io::Result<()> {
        scope.spawn(|| far.read_exact(&mut vec![0; total]).unwrap());
        while sel.with(key, |conn| conn.waiting())? > 0 {
            sel.turn(Some(LONG))?;
        }
        Ok(())
    })?;
    assert_eq!(log.take(), ["resumed"]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn outside_write_over_the_cap_is_told_in_the_next_turn() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = ConnectionOptions::new().output_max(100_000).open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    log.take();
    while sel.with(key, |conn| conn.write(&[7; 32 * 1024]))? != Written::Closed {}
    assert_eq!(sel.with(key, |conn| (conn.waiting(), conn.is_open()))?, (0, false));
    assert!(log.take().is_empty());
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["closed QuotaExceeded"]);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn outside_end_is_told_in_the_next_turn() -> io::Result<()> {
    for (what, told) in [(0, "closed Finished"), (1, "closed Aborted"), (2, "closed Other"), (3, "stopping")] {
        let log = Log::default();
        let sel = Selector::new()?;
        let (near, _far) = tcp_pair()?;
        let key = Connection::open(&sel, near, Probe::new(&log))?;
        sel.turn(NOW)?;
        log.take();
        sel.with(key, |conn| {
            match what {
                0 => conn.close(),
                1 => conn.abort(),
                2 => conn.fail(ErrorKind::Other.into()),
                _ => conn.ask_to_stop(),
            }
            assert_eq!(conn.is_open(), what == 3);
        })?;
        assert!(log.take().is_empty());
        sel.turn(NOW)?;
        assert_eq!(log.take()[0], told);
        assert!(sel.is_empty());
    }
    Ok(())
}

#[test]
fn written_to_before_it_is_connected_is_sent() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    assert_eq!(sel.with(key, |conn| conn.write(b"x"))?, Written::Sent);
    far.read_exact(&mut [0])?;
    sel.with(key, |conn| conn.close())?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "closed Finished"]);
    Ok(())
}
