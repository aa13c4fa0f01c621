//! The idle and the write time-out.

use super::{Log, Probe, SHORT};
use crate::util::*;
use selkie::{ConnectionOptions, Selector};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// More than the system takes at once, and more than it takes in the time of a test.
const BIG: usize = 8 << 20;
const MUCH: usize = 96 << 20;

#[test]
fn idle_for_long_enough_is_told_and_closed() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let began = Instant::now();
    ConnectionOptions::new().idle_timeout(Some(SHORT)).open(&sel, near, Probe::new(&log))?;
    in_time(|| sel.run())?;
    assert!(began.elapsed() >= SHORT);
    assert_eq!(log.take(), ["connected", "timeout Idle", "closed TimedOut"]);
    Ok(())
}

#[test]
fn timeout_that_does_not_close_counts_anew() -> io::Result<()> {
    let log = Log::default();
    let left = Cell::new(3);
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let probe = Probe::new(&log).timeout(|conn| {
        left.set(left.get() - 1);
        if left.get() == 0 {
            conn.close();
        }
        Ok(())
    });
    let began = Instant::now();
    ConnectionOptions::new().idle_timeout(Some(SHORT)).open(&sel, near, probe)?;
    in_time(|| sel.run())?;
    assert!(began.elapsed() >= 3 * SHORT);
    assert_eq!(log.take(), ["connected", "timeout Idle", "timeout Idle", "timeout Idle", "closed Finished"]);
    Ok(())
}

/// Something moves every half of the time-out, one way or the other, for three times its length.
#[test]
fn something_received_or_sent_puts_idle_off() -> io::Result<()> {
    const LENGTH: Duration = Duration::from_millis(400);
    for (sends, waits) in [(false, false), (true, false), (true, true), (false, true)] {
        let log = Log::default();
        let sel = Selector::new()?;
        let (near, mut far) = tcp_pair()?;
        let options = ConnectionOptions::new().idle_timeout(Some(LENGTH)).write_timeout(Some(LONG));
        let options = options.output_max(MUCH);
        let key = options.open(&sel, near, Probe::new(&log).paused(|_| Ok(())))?;
        sel.turn(NOW)?;
        if waits {
            sel.with(key, |conn| conn.write_bytes(vec![0; MUCH]))?;
        }
        let began = Instant::now();
        let mut steps = 0;
        while began.elapsed() < 3 * LENGTH {
            if began.elapsed() >= steps * LENGTH / 2 {
                steps += 1;
                match (sends, waits) {
                    (true, false) => assert_eq!(sel.with(key, |conn| conn.write(b"x"))?, selkie::Written::Sent),
                    (true, true) => far.read_exact(&mut vec![0; 2 << 20])?,
                    (false, _) => far.write_all(b"x")?,
                }
            }
            sel.turn(Some(LENGTH / 20))?;
        }
        assert!(!log.0.borrow().iter().any(|call| call.starts_with("timeout")), "{sends} {waits}: {:?}", log.take());
        while !log.0.borrow().iter().any(|call| call == "timeout Idle") {
            sel.turn(Some(LONG))?;
        }
    }
    Ok(())
}

#[test]
fn output_waits_for_too_long_is_told_though_input_comes() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let options = ConnectionOptions::new().write_timeout(Some(5 * SHORT)).idle_timeout(Some(LONG));
    let key = options.open(&sel, near, Probe::new(&log).paused(|_| Ok(())))?;
    sel.turn(NOW)?;
    let began = Instant::now();
    sel.with(key, |conn| conn.write_bytes(vec![0; BIG]))?;
    while !sel.is_empty() {
        far.write_all(b"x")?;
        sel.turn(Some(SHORT))?;
    }
    assert!(began.elapsed() >= 5 * SHORT);
    let calls = log.take();
    assert_eq!(calls[calls.len() - 2..], ["timeout Write", "closed TimedOut"]);
    assert!(calls.iter().any(|call| call.starts_with("received")));
    Ok(())
}

#[test]
fn nothing_waits_is_never_told_of_the_write_timeout() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    ConnectionOptions::new().write_timeout(Some(SHORT)).open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    assert_quiet(&sel);
    assert_eq!(log.take(), ["connected"]);
    Ok(())
}

#[test]
fn paused_connection_is_idle_too() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = ready_pair()?;
    let probe = Probe::new(&log).connected(|conn| {
        conn.pause_reading();
        Ok(())
    });
    ConnectionOptions::new().idle_timeout(Some(SHORT)).open(&sel, near, probe)?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "timeout Idle", "closed TimedOut"]);
    Ok(())
}

#[test]
fn timeout_made_shorter_is_told_sooner() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let options = ConnectionOptions::new().idle_timeout(Some(100 * LONG));
    let key = options.open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.set_options(&options.clone().idle_timeout(Some(SHORT))))?;
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "timeout Idle", "closed TimedOut"]);
    Ok(())
}

#[test]
fn timeout_taken_away_is_not_told() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let options = ConnectionOptions::new().idle_timeout(Some(SHORT));
    let key = options.open(&sel, near, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.set_options(&options.clone().idle_timeout(None)))?;
    sel.turn(NOW)?;
    assert_quiet(&sel);
    assert_eq!(log.take(), ["connected"]);
    Ok(())
}
