//! Another protocol for a live connection.

use super::{Log, Probe};
use crate::util::*;
use selkie::{Connection, Input, Protocol, Selector, Source};
use std::io::{self, Write};
use std::net::Shutdown;

#[test]
fn switched_in_its_callback_has_the_next_receive_what_was_left() -> io::Result<()> {
    let (old, new) = (Log::default(), Log::default());
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let new = &new;
    let probe = Probe::new(&old)
        .received(move |conn, input| {
            assert_eq!(input.consume(8), b"upgrade.");
            conn.set_protocol(Probe::new(new).received(|_, input| {
                assert_eq!(input.consume_all(), b"hello");
                Ok(())
            }));
            Ok(())
        })
        .closed(|conn, _| assert!(conn.is_some()));
    Connection::open(&sel, near, probe)?;
    far.write_all(b"upgrade.hello")?;
    while new.0.borrow().len() < 2 {
        sel.turn(Some(LONG))?;
    }
    assert_eq!(old.take(), ["connected", "received 13", "closed Replaced"]);
    assert_eq!(new.take(), ["connected", "received 5"]);
    assert_quiet(&sel);
    far.shutdown(Shutdown::Write)?;
    in_time(|| sel.run())?;
    assert_eq!(new.take(), ["ended", "closed Finished"]);
    assert!(old.take().is_empty());
    Ok(())
}

#[test]
fn switched_from_outside_closes_the_old_and_connects_the_new_later() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let key = Connection::open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.set_protocol(Probe::new(&log)))?;
    assert_eq!(log.take(), ["connected", "closed Dropped"]);
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected"]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn switched_when_the_peer_has_ended_tells_the_new_one_as_well() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, far) = tcp_pair()?;
    let other = &log;
    let probe = Probe::new(&log).ended(move |conn| {
        conn.set_protocol(Probe::new(other));
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    far.shutdown(Shutdown::Write)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "ended", "closed Replaced", "connected", "ended", "closed Finished"]);
    Ok(())
}

#[test]
fn switched_while_output_waits_tells_the_new_one_that_it_is_paused() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let other = &log;
    let probe = Probe::new(&log).connected(|conn| {
        conn.write_bytes(vec![0; 8 << 20]);
        Ok(())
    });
    let probe = probe.paused(move |conn| {
        conn.set_protocol(Probe::new(other));
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    sel.turn(NOW)?;
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected", "paused", "closed Replaced", "connected", "paused"]);
    Ok(())
}

#[test]
fn switched_and_failed_closes_the_old_with_the_error_and_calls_the_new_never() -> io::Result<()> {
    let (old, new) = (Log::default(), Log::default());
    let sel = Selector::new()?;
    sel.on_error(|_, _| ());
    let (near, _far) = ready_pair()?;
    let new = &new;
    let probe = Probe::new(&old).received(move |conn, _| {
        conn.set_protocol(Probe::new(new));
        Err(io::ErrorKind::InvalidData.into())
    });
    Connection::open(&sel, near, probe)?;
    in_time(|| sel.run())?;
    assert_eq!(old.take(), ["connected", "received 1", "closed InvalidData"]);
    assert!(new.take().is_empty());
    Ok(())
}

#[test]
fn switched_twice_in_one_call_has_the_last_one_called() -> io::Result<()> {
    let (old, new, never) = (Log::default(), Log::default(), Log::default());
    let (new, never) = (&new, &never);
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let probe = Probe::new(&old).received(move |conn, _| {
        conn.set_protocol(Probe::new(never));
        conn.set_protocol(Probe::new(new));
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    while new.0.borrow().len() < 2 {
        sel.turn(Some(LONG))?;
    }
    assert_eq!(new.take(), ["connected", "received 1"]);
    assert!(never.take().is_empty());
    Ok(())
}

#[test]
fn switched_once_more_when_it_is_closed_for_that_has_the_last_one_called() -> io::Result<()> {
    let (old, new, never) = (Log::default(), Log::default(), Log::default());
    let (new, never) = (&new, &never);
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let probe = Probe::new(&old)
        .connected(move |conn| {
            conn.set_protocol(Probe::new(never));
            Ok(())
        })
        .closed(move |conn, _| conn.unwrap().set_protocol(Probe::new(new)));
    Connection::open(&sel, near, probe)?;
    sel.turn(NOW)?;
    sel.turn(NOW)?;
    assert_quiet(&sel);
    assert_eq!(old.take(), ["connected", "closed Replaced"]);
    assert_eq!(new.take(), ["connected"]);
    assert!(never.take().is_empty());
    Ok(())
}

/// What is chosen at run time.
#[test]
fn boxed_protocol_is_a_protocol() -> io::Result<()> {
    struct Say(&'static [u8]);
    impl Protocol<'_> for Say {
        fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
            conn.write(self.0);
            conn.close();
            Ok(())
        }
        fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> {
            Ok(())
        }
    }
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let protocol: Box<dyn Protocol<'_>> = Box::new(Say(b"boxed"));
    Connection::open(&sel, near, protocol)?;
    in_time(|| sel.run())?;
    let mut said = String::new();
    io::Read::read_to_string(&mut far, &mut said)?;
    assert_eq!(said, "boxed");
    Ok(())
}
