//! The ways in which a connection ends, by itself and by its peer.

use super::{Log, Probe, SHORT};
use crate::util::*;
use mio::{Interest as MioInterest, Registry, Token, event};
use selkie::{Connection, ConnectionOptions, Key, Selector, Stream, Written};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

const BIG: usize = 8 << 20;

fn opened<'t>(sel: &Selector<'t>, log: &'t Log) -> io::Result<(Key<Connection>, std::net::TcpStream)> {
    let (near, far) = tcp_pair()?;
    let key = Connection::open(sel, near, Probe::new(log))?;
    sel.turn(NOW)?;
    Ok((key, far))
}

#[test]
fn closed_with_output_waiting_sends_it_first() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.close();
        assert!(!conn.is_open());
        assert_eq!(conn.write(b"x"), Written::Closed);
        conn.close();
    })?;
    let count = std::thread::scope(|scope| -> io::Result<usize> {
        let reader = scope.spawn(move || far.read_to_end(&mut Vec::new()));
        in_time(|| sel.run())?;
        reader.join().unwrap()
    })?;
    assert_eq!(count, BIG);
    assert_eq!(log.take(), ["connected", "paused", "resumed", "closed Finished"]);
    Ok(())
}

#[test]
fn closed_and_peer_does_not_read_is_given_up_in_time() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = ConnectionOptions::new().close_timeout(SHORT).open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    let began = Instant::now();
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.close();
    })?;
    in_time(|| sel.run())?;
    assert!(began.elapsed() >= SHORT);
    assert_eq!(log.take(), ["connected", "paused", "closed TimedOut"]);
    Ok(())
}

#[test]
fn close_within_has_a_limit_of_its_own() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, _far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.close_within(Duration::MAX);
        conn.close_within(SHORT);
    })?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "paused", "closed TimedOut"]);
    Ok(())
}

#[test]
fn closed_while_peer_sends_on_has_its_last_words_arrive() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    // More than is ever read; and it is not read by the time of the close.
    far.write_all(&[7; 100_000])?;
    sel.with(key, |conn| {
        conn.write(b"no more");
        conn.close();
    })?;
    sel.turn(NOW)?;
    far.write_all(&[7; 100_000])?;
    let said = std::thread::scope(|scope| -> io::Result<String> {
        let peer = scope.spawn(move || {
            let mut said = String::new();
            far.read_to_string(&mut said)?;
            far.write_all(&[7; 100_000])?;
            Ok(said)
        });
        in_time(|| sel.run())?;
        peer.join().unwrap()
    })?;
    assert_eq!(said, "no more");
    assert_eq!(log.take(), ["connected", "closed Finished"]);
    Ok(())
}

#[test]
fn closed_while_peer_sends_without_end_is_given_up_in_time() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    far.write_all(b"x")?;
    sel.with(key, |conn| conn.close_within(SHORT))?;
    in_time(|| sel.run())?;
    // All that was to be sent has been.
    assert_eq!(log.take(), ["connected", "closed Finished"]);
    Ok(())
}

#[test]
fn aborted_with_output_waiting_drops_it() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.abort();
        assert_eq!((conn.waiting(), conn.write(b"x")), (0, Written::Closed));
        conn.abort();
        conn.close();
        conn.fail(ErrorKind::Other.into());
    })?;
    in_time(|| sel.run())?;
    assert!(far.read_to_end(&mut Vec::new())? < BIG);
    assert_eq!(log.take(), ["connected", "closed Aborted"]);
    Ok(())
}

#[test]
fn closed_then_aborted_is_aborted() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, _far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.close();
    })?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.abort())?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "paused", "closed Aborted"]);
    Ok(())
}

#[test]
fn failed_by_hand_is_closed_with_that_and_no_hook() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    sel.on_error(|_, _| panic!("no callback has failed"));
    let (near, _far) = ready_pair()?;
    let probe = Probe::new(&log).received(|conn, _| {
        conn.fail(io::Error::new(ErrorKind::InvalidInput, "who are you?"));
        assert_eq!(conn.write(b"x"), Written::Closed);
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "received 1", "closed InvalidInput"]);
    Ok(())
}

#[test]
fn closed_in_its_callback_takes_no_more() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    let probe = Probe::new(&log)
        .received(|conn, _| {
            assert_eq!(conn.write(b"bye"), Written::Sent);
            conn.close();
            assert_eq!(conn.write(b"x"), Written::Closed);
            assert_eq!(conn.write_bytes("x"), Written::Closed);
            assert_eq!(conn.write_vectored(&[]), Written::Closed);
            assert_eq!(conn.write_several([]), Written::Closed);
            Ok(())
        })
        .closed(|conn, _| assert_eq!(conn.unwrap().write(b"x"), Written::Closed));
    Connection::open(&sel, near, probe)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "received 1", "closed Finished"]);
    let mut said = String::new();
    far.read_to_string(&mut said)?;
    assert_eq!(said, "bye");
    Ok(())
}

#[test]
fn peer_ended_and_the_own_side_is_kept_open_goes_on_writing() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log).ended(|_| Ok(())))?;
    far.shutdown(Shutdown::Write)?;
    while log.0.borrow().len() < 2 {
        sel.turn(Some(LONG))?;
    }
    assert_quiet(&sel);
    assert_eq!(sel.with(key, |conn| conn.write(b"still here"))?, Written::Sent);
    sel.with(key, |conn| conn.close())?;
    in_time(|| sel.run())?;
    let mut said = String::new();
    far.read_to_string(&mut said)?;
    assert_eq!(said, "still here");
    assert_eq!(log.take(), ["connected", "ended", "closed Finished"]);
    Ok(())
}

#[test]
fn own_side_shut_down_goes_on_receiving() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(b"that is all");
        conn.shutdown_write();
        conn.shutdown_write();
        assert_eq!(conn.write(b"x"), Written::Closed);
        assert!(!conn.is_open());
    })?;
    let mut said = String::new();
    far.read_to_string(&mut said)?;
    assert_eq!(said, "that is all");
    far.write_all(b"so?")?;
    far.shutdown(Shutdown::Write)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "received 3", "ended", "closed Finished"]);
    Ok(())
}

#[test]
fn own_side_shut_down_with_output_waiting_sends_it_first() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.write(&[7; BIG]);
        conn.shutdown_write();
    })?;
    let count = std::thread::scope(|scope| -> io::Result<usize> {
        let peer = scope.spawn(move || {
            let count = far.read_to_end(&mut Vec::new())?;
            far.write_all(b"so?")?;
            Ok(count)
        });
        in_time(|| sel.run())?;
        peer.join().unwrap()
    })?;
    assert_eq!(count, BIG);
    assert_eq!(log.take(), ["connected", "paused", "resumed", "received 3", "ended", "closed Finished"]);
    Ok(())
}

#[test]
fn half_close_of_a_stream_that_has_none_fails() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = Connection::open(&sel, Own::new(near, |_| Ok(())), Probe::new(&log))?;
    sel.with(key, |conn| conn.shutdown_write())?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "closed Unsupported"]);
    Ok(())
}

/// What had arrived before is received, though it was the writing that found out.
#[cfg(unix)]
#[test]
fn writing_finds_the_peer_gone_after_its_last_input_was_received() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    far.write_all(&[7; 70_000])?;
    await_bytes(&sel, key, 70_000)?;
    reset(far);
    // A first write may still be taken.
    while sel.with(key, |conn| conn.write(b"x"))? != Written::Closed {}
    in_time(|| sel.run())?;
    let calls = log.take();
    assert_eq!(calls[..3], ["connected", "received 65536", "received 4464"], "{calls:?}");
    assert!(["closed ConnectionReset", "closed BrokenPipe"].contains(&calls[3].as_str()), "{calls:?}");
    assert_eq!(calls.len(), 4);
    Ok(())
}

/// One that cannot be written to, and never has an end.
struct Endless;

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(buf.len())
    }
}

impl Write for Endless {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl event::Source for Endless {
    fn register(&mut self, _: &Registry, _: Token, _: MioInterest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: MioInterest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Endless {}

#[test]
fn writing_fails_and_input_has_no_end_is_closed_all_the_same() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let key = Connection::open(&sel, Endless, Probe::new(&log))?;
    assert_eq!(sel.with(key, |conn| conn.write(b"x"))?, Written::Closed);
    in_time(|| sel.run())?;
    let calls = log.take();
    assert_eq!((calls.len(), &calls[17][..]), (18, "closed BrokenPipe"), "{calls:?}");
    Ok(())
}

/// Waits until so much has arrived.
#[cfg(unix)]
fn await_bytes(sel: &Selector<'_>, key: Key<Connection>, count: usize) -> io::Result<()> {
    let mut buf = vec![0; count];
    while sel.with(key, |conn| conn.stream().peek(&mut buf))?.unwrap_or(0) < count {
        std::thread::yield_now();
    }
    Ok(())
}

#[test]
fn asked_to_stop_is_told_once_and_closes() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, _far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        conn.ask_to_stop();
        conn.ask_to_stop();
    })?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "stopping", "closed Finished"]);
    Ok(())
}
