//! What the loop does not do: leave descriptors open, allocate, take turns for who has nothing.

use crate::util::{LONG, NOW, assert_quiet, tcp_pair, uncalled};
use selkie::{Interest, READ, Selector, WRITE};
use std::cell::Cell;
use std::io::{self, Read, Write};

/// In a process that has its descriptors to itself.
#[cfg(target_os = "linux")]
mod descriptors {
    use super::*;
    use crate::util::alone;
    use selkie::unix::{Fd, pipe};
    use std::fs::{self, File};

    fn open_descriptors() -> io::Result<usize> {
        Ok(fs::read_dir("/proc/self/fd")?.count())
    }

    /// What `test` opens and leaves to the selector is closed when `end` has ended that.
    fn assert_all_closed(name: &str, end: impl FnOnce(Selector<'_>) -> io::Result<()>) -> io::Result<()> {
        alone(name, || {
            let before = open_descriptors()?;
            let sel = Selector::new()?;
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
            for number in 0..50 {
                let asked = [READ, WRITE, READ | WRITE, Interest::NONE][number % 4];
                sel.register(mio::net::TcpStream::connect(listener.local_addr()?)?, asked, |_, _| ())?;
                let (tx, rx) = pipe::new()?;
                sel.register(tx, WRITE, |_, _| ())?;
                sel.register(rx, READ, |_, _| ())?;
                sel.register(Fd::new(File::open("/dev/null")?), READ, |_, _| ())?;
                let one = selkie::net::UnixStream::pair()?;
                // One end is registered, and the other is what a callback owns.
                sel.register(one.0, READ, move |_, _| assert!(one.1.take_error().is_ok()))?;
            }
            for _ in 0..3 {
                sel.turn(Some(LONG))?;
                sel.select(Some(LONG))?;
            }
            drop(listener);
            assert!(open_descriptors()? > before + 300, "this test has opened too little");
            end(sel)?;
            assert_eq!(open_descriptors()?, before, "descriptors were left open");
            Ok(())
        })
    }

    #[test]
    fn dropped_selector_has_closed_every_descriptor() -> io::Result<()> {
        assert_all_closed("limits::descriptors::dropped_selector_has_closed_every_descriptor", |sel| {
            drop(sel);
            Ok(())
        })
    }

    #[test]
    fn closed_selector_has_closed_every_descriptor() -> io::Result<()> {
        assert_all_closed("limits::descriptors::closed_selector_has_closed_every_descriptor", |sel| {
            sel.close();
            Ok(())
        })
    }

    #[test]
    fn discarded_sources_have_closed_every_descriptor() -> io::Result<()> {
        assert_all_closed("limits::descriptors::discarded_sources_have_closed_every_descriptor", |sel| {
            for key in sel.keys() {
                sel.discard(key)?;
            }
            assert!(sel.is_empty());
            // All that is left is what the selector itself has open.
            let own = open_descriptors()?;
            drop(sel);
            assert!(own - open_descriptors()? <= 3, "sources were left open: {own}");
            Ok(())
        })
    }

    #[test]
    fn source_unregistered_by_its_callback_is_closed_when_that_returns() -> io::Result<()> {
        let (near, mut far) = tcp_pair()?;
        let sel = Selector::new()?;
        sel.register(near, READ, |conn, _| conn.unregister())?;
        far.write_all(b"x")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        // The peer sees it: what was sent was never read, so that is a reset.
        assert_eq!(far.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        Ok(())
    }
}

/// Turns, each begun by `prepare`, in which one source is called; how often was memory allocated?
fn allocations_of(turns: usize, sel: &Selector<'_>, mut prepare: impl FnMut()) -> u64 {
    let mut allocations = 0;
    for _ in 0..turns {
        prepare();
        let turn = allocation_counter::measure(|| assert_eq!(sel.turn(Some(LONG)).unwrap(), 1));
        allocations += turn.count_total;
    }
    allocations
}

/// What a debug build allocates in each turn to check itself. In a release build, nothing.
fn allocations_for_checks(turns: usize, sel: &Selector<'_>) -> u64 {
    let turn = allocation_counter::measure(|| assert_eq!(sel.turn(NOW).unwrap(), 0));
    assert!(cfg!(debug_assertions) || turn.count_total == 0, "a turn that calls nobody allocates");
    turn.count_total * turns as u64
}

#[test]
fn requests_are_answered_without_an_allocation() -> io::Result<()> {
    const REQUESTS: usize = 1_000;
    const SIZE: usize = 64;
    // A read that comes back short, and one that has to be asked about.
    for size in [4096, SIZE] {
        let (near, mut far) = tcp_pair()?;
        let sel = Selector::new()?;
        sel.register(near, READ, |conn, _| -> io::Result<()> {
            let mut buf = [0; 4096];
            let n = conn.read(&mut buf[..size])?;
            conn.write_all(&buf[..n])
        })?;
        let mut sent = 0;
        let mut request = || {
            if sent > 0 {
                far.read_exact(&mut [0; SIZE]).expect("no answer");
            }
            far.write_all(&[7; SIZE]).expect("cannot send");
            sent += 1;
        };
        // Until buffers have their sizes.
        allocations_of(10, &sel, &mut request);
        let for_checks = allocations_for_checks(REQUESTS, &sel);
        assert_eq!(allocations_of(REQUESTS, &sel, &mut request), for_checks, "with reads of {size}");
    }
    Ok(())
}

#[test]
fn interest_left_on_is_called_without_an_allocation() -> io::Result<()> {
    const TURNS: usize = 1_000;
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |_, _| ())?;
    allocations_of(10, &sel, || ());
    sel.modify(key, Interest::NONE)?;
    let for_checks = allocations_for_checks(TURNS, &sel);
    sel.modify(key, WRITE)?;
    assert_eq!(allocations_of(TURNS, &sel, || ()), for_checks);
    Ok(())
}

#[test]
fn idle_connections_cost_no_turn() -> io::Result<()> {
    const IDLE: usize = 200;
    const REQUESTS: usize = 500;
    let calls = Cell::new(0);
    let mut fars = Vec::new();
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    for _ in 0..IDLE {
        let (near, far) = tcp_pair()?;
        sel.register(near, READ, uncalled)?;
        fars.push(far);
    }
    assert_quiet(&sel);
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        calls.set(calls.get() + 1);
        conn.read(&mut [0; 64]).map(drop)
    })?;
    for requests in 1..=REQUESTS {
        far.write_all(&[7; 64])?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), requests);
    }
    assert_quiet(&sel);
    Ok(())
}
