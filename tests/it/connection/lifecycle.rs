//! Connected and closed, exactly once each, and everything else between.

use super::{Log, Probe, SHORT};
use crate::util::*;
use selkie::{Connection, Selector};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn peer_sends_and_ends_is_received_and_closed() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    Connection::open(
        &sel,
        near,
        Probe::new(&log).received(|conn, input| {
            conn.write(input.consume_all());
            Ok(())
        }),
    )?;
    far.write_all(b"hello")?;
    far.shutdown(Shutdown::Write)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "received 5", "ended", "closed Finished"]);
    let mut answer = String::new();
    far.read_to_string(&mut answer)?;
    assert_eq!(answer, "hello");
    Ok(())
}

#[test]
fn opened_nothing_is_called_before_the_next_turn() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    Connection::open(&sel, near, Probe::new(&log))?;
    assert!(log.take().is_empty());
    sel.turn(NOW)?;
    assert_eq!(log.take()[0], "connected");
    Ok(())
}

#[test]
fn opened_from_a_callback_is_connected_in_a_later_turn() -> io::Result<()> {
    let log = Log::default();
    let (near, _far) = tcp_pair()?;
    let log = &log;
    let sel = Selector::new()?;
    sel.call_soon(move |sel| {
        Connection::open(sel, near, Probe::new(log)).unwrap();
        log.note("opened");
    });
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["opened"]);
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected"]);
    Ok(())
}

#[test]
fn idle_is_called_no_more_after_connected() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    assert_quiet(&sel);
    assert_eq!(log.take(), ["connected"]);
    Ok(())
}

#[test]
fn dropped_before_it_was_connected_is_not_closed_either() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    Connection::open(&sel, near, Probe::new(&log))?;
    drop(sel);
    assert!(log.take().is_empty());
    Ok(())
}

#[test]
fn refused_by_the_selector_calls_nothing_and_gives_the_stream_back() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let own = Own::new(near, |_| Err(ErrorKind::Other.into()));
    let (error, own) = Connection::open(&sel, own, Probe::new(&log)).unwrap_err().into_parts();
    assert_eq!(error.kind(), ErrorKind::Other);
    own.stream.peer_addr()?;
    sel.turn(NOW)?;
    assert!(log.take().is_empty() && sel.is_empty());
    Ok(())
}

/// Each callback fails once; the connection beside it goes on.
#[test]
fn callback_fails_is_closed_with_its_error_which_the_hook_gets() -> io::Result<()> {
    let refuse = || Err(io::Error::from(ErrorKind::AddrInUse));
    for which in ["connected", "received", "ended", "paused", "timeout"] {
        let (log, other, hooked) = (Log::default(), Log::default(), Log::default());
        let sel = Selector::new()?;
        sel.on_error(|_, failure| hooked.note(format!("{:?}", failure.error.kind())));
        let (near, mut far) = tcp_pair()?;
        let (near_other, mut far_other) = tcp_pair()?;
        let probe = Probe::new(&log);
        let probe = match which {
            "connected" => probe.connected(move |_| refuse()),
            "received" => probe.received(move |_, _| refuse()),
            "ended" => probe.ended(move |_| refuse()),
            "paused" => probe.paused(move |_| refuse()).connected(|conn| {
                conn.write_bytes(vec![0; 8 << 20]);
                Ok(())
            }),
            _ => probe.timeout(move |_| refuse()),
        };
        let options = selkie::ConnectionOptions::new();
        let options = if which == "timeout" { options.idle_timeout(Some(SHORT)) } else { options };
        options.open(&sel, near, probe)?;
        let kept = Connection::open(&sel, near_other, Probe::new(&other))?;
        if which == "received" {
            far.write_all(b"x")?;
        } else if which == "ended" {
            far.shutdown(Shutdown::Write)?;
        }
        while sel.len() > 1 {
            sel.turn(Some(LONG))?;
        }
        let calls = log.take();
        assert!(calls.last().unwrap() == "closed AddrInUse", "{which}: {calls:?}");
        assert!(calls[calls.len() - 2].starts_with(which), "{which}: {calls:?}");
        assert_eq!(calls.iter().filter(|call| call.starts_with("closed")).count(), 1);
        assert_eq!(hooked.take(), ["AddrInUse"]);
        assert!(sel.contains(kept));
        far_other.write_all(b"x")?;
        while other.0.borrow().len() < 2 {
            sel.turn(Some(LONG))?;
        }
        assert_eq!(other.take(), ["connected", "received 1"]);
    }
    Ok(())
}

#[test]
fn callback_would_block_or_is_interrupted_goes_on() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).connected(|_| Err(ErrorKind::WouldBlock.into())).received(|_, input| {
        input.consume_all();
        Err(ErrorKind::Interrupted.into())
    });
    Connection::open(&sel, near, probe)?;
    for _ in 0..2 {
        far.write_all(b"x")?;
        while !log.0.borrow().iter().any(|call| call == "received 1") {
            sel.turn(Some(LONG))?;
        }
        log.take();
    }
    assert_eq!(sel.len(), 1);
    Ok(())
}

#[cfg(unix)]
#[test]
fn peer_resets_is_closed_with_that_and_no_error_of_a_callback() -> io::Result<()> {
    let (log, hooked) = (Log::default(), std::cell::Cell::new(0));
    let sel = Selector::new()?;
    sel.on_error(|_, _| hooked.set(hooked.get() + 1));
    let (near, far) = tcp_pair()?;
    Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    reset(far);
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "closed ConnectionReset"]);
    assert_eq!(hooked.get(), 0);
    Ok(())
}

#[test]
fn callback_panics_is_closed_once_and_the_others_go_on() -> io::Result<()> {
    for which in ["connected", "received", "ended", "closed"] {
        let (log, other) = (Log::default(), Log::default());
        let sel = Selector::new()?;
        let (near, mut far) = tcp_pair()?;
        let (near_other, far_other) = tcp_pair()?;
        let probe = Probe::new(&log);
        let probe = match which {
            "connected" => probe.connected(|_| panic!("as told")),
            "received" => probe.received(|_, _| panic!("as told")),
            "ended" => probe.ended(|_| panic!("as told")),
            _ => probe.closed(|_, _| panic!("as told")),
        };
        Connection::open(&sel, near, probe)?;
        Connection::open(&sel, near_other, Probe::new(&other))?;
        far.write_all(b"x")?;
        far.shutdown(Shutdown::Write)?;
        let mut panics = 0;
        while sel.len() > 1 {
            panics += usize::from(catch_unwind(AssertUnwindSafe(|| sel.turn(Some(LONG)))).is_err());
        }
        assert_eq!(panics, 1, "{which}");
        let calls = log.take();
        let closed: Vec<_> = calls.iter().filter(|call| call.starts_with("closed")).collect();
        let reason = if which == "closed" { "closed Finished" } else { "closed Panicked" };
        assert_eq!(closed, [reason], "{which}");
        assert_eq!(calls.last().unwrap(), reason, "{which}");
        far_other.shutdown(Shutdown::Write)?;
        in_time(|| sel.run())?;
        assert_eq!(other.take(), ["connected", "ended", "closed Finished"]);
    }
    Ok(())
}

#[test]
fn panicking_closed_after_a_panic_ends_nothing_more() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let probe = Probe::new(&log).received(|_, _| panic!("as told")).closed(|_, _| panic!("once more"));
    Connection::open(&sel, near, probe)?;
    let panic = catch_unwind(AssertUnwindSafe(|| while sel.turn(Some(LONG)).is_ok() {})).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"as told"));
    assert_eq!(log.take(), ["connected", "received 1", "closed Panicked"]);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn panicked_connection_can_still_say_who_it_was() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, far) = ready_pair()?;
    let peer = Some(far.local_addr()?);
    let probe = Probe::new(&log).received(|_, _| panic!("as told")).closed(move |conn, _| {
        let conn = conn.expect("the connection is there");
        assert_eq!((conn.peer_addr(), conn.bytes_received()), (peer, 1));
        assert!(!conn.is_open() && conn.selector().contains(conn.key()));
    });
    Connection::open(&sel, near, probe)?;
    catch_unwind(AssertUnwindSafe(|| while sel.turn(Some(LONG)).is_ok() {})).unwrap_err();
    assert_eq!(log.take().last().unwrap(), "closed Panicked");
    Ok(())
}

#[test]
fn selector_dropped_closes_each_connection_once() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let mut fars = Vec::new();
    for _ in 0..3 {
        let (near, far) = tcp_pair()?;
        Connection::open(&sel, near, Probe::new(&log).closed(|conn, _| assert!(conn.is_none())))?;
        fars.push(far);
    }
    sel.turn(NOW)?;
    assert_eq!(log.take().len(), 3);
    drop(sel);
    assert_eq!(log.take(), ["closed Dropped", "closed Dropped", "closed Dropped"]);
    Ok(())
}

#[test]
fn panic_of_another_callback_drops_the_selector_and_closes() -> io::Result<()> {
    let log = Log::default();
    let (near, _far) = tcp_pair()?;
    let (near_other, _far_other) = ready_pair()?;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let sel = Selector::new().unwrap();
        let probe = Probe::new(&log).closed(|_, _| panic!("in the midst of a panic"));
        Connection::open(&sel, near, probe).unwrap();
        sel.turn(NOW).unwrap();
        let other = Probe::new(&log).connected(|_| panic!("as told"));
        Connection::open(&sel, near_other, other).unwrap();
        sel.run().unwrap();
    }));
    assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"as told"));
    assert_eq!(log.take(), ["connected", "connected", "closed Panicked", "closed Dropped"]);
    Ok(())
}

#[test]
fn unregistered_from_outside_is_closed_and_gives_stream_and_input_back() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = ready_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log).received(|_, _| Ok(())))?;
    while sel.with(key, |conn| conn.input().is_empty())? {
        sel.turn(Some(LONG))?;
    }
    let (mut stream, input) = sel.unregister(key)?.into_parts();
    assert_eq!(log.take(), ["connected", "received 1", "closed Dropped"]);
    assert_eq!(&input[..], b"x");
    stream.write_all(b"y")?;
    far.read_exact(&mut [0])?;
    Ok(())
}
