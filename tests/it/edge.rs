//! `Trigger::Edge`: reported once per arrival, as mio does it, and never re-armed.

use crate::util::{LONG, NOW, assert_quiet, await_data, drain, tcp_pair, uncalled};
use selkie::{Interest, READ, Selector, Trigger, WRITE};
use std::cell::Cell;
use std::io::{self, Read, Write};

#[test]
fn arrival_is_reported_once_though_it_is_left_unread() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register_with(near, READ, Trigger::Edge, |_, ready| {
        assert_eq!(ready, READ);
        calls.set(calls.get() + 1);
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    for _ in 0..3 {
        assert_quiet(&sel);
    }
    assert_eq!(calls.get(), 1);
    Ok(())
}

#[test]
fn arrival_read_in_part_is_not_reported_again() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register_with(near, READ, Trigger::Edge, |conn, _| conn.read(&mut [0; 1]).map(drop))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn each_arrival_is_reported_once_when_all_is_read() -> io::Result<()> {
    let read = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register_with(near, READ, Trigger::Edge, |conn, _| -> io::Result<()> {
        read.set(read.get() + drain(conn)?);
        Ok(())
    })?;
    for arrivals in 1..=5 {
        far.write_all(b"data")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(read.get(), 4 * arrivals);
        assert_quiet(&sel);
    }
    Ok(())
}

/// Only where mio's edges are the system's: its `poll(2)` has to be told "would block" in between.
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn later_arrival_is_reported_though_the_earlier_is_left_unread() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register_with(near, READ, Trigger::Edge, |_, _| calls.set(calls.get() + 1))?;
    for arrivals in 1..=5 {
        far.write_all(b"data")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_quiet(&sel);
        assert_eq!(calls.get(), arrivals);
    }
    Ok(())
}

#[test]
fn selected_arrival_is_not_repeated() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    let key = sel.register_with(near, READ, Trigger::Edge, uncalled)?;
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
    for _ in 0..3 {
        assert_eq!(sel.select(NOW)?, []);
    }
    Ok(())
}

#[test]
fn room_to_write_is_reported_once() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register_with(near, WRITE, Trigger::Edge, |_, ready| {
        assert_eq!(ready, WRITE);
        calls.set(calls.get() + 1);
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_quiet(&sel);
    assert_eq!(calls.get(), 1);
    Ok(())
}

#[test]
fn paused_and_resumed_source_is_reported_again() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    let key = sel.register_with(near, READ, Trigger::Edge, |_, _| calls.set(calls.get() + 1))?;
    for resumed in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), resumed);
        sel.modify(key, Interest::NONE)?;
        assert_quiet(&sel);
        sel.modify(key, READ)?;
    }
    Ok(())
}

#[test]
fn data_that_came_during_a_pause_is_reported_when_resumed() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register_with(near, READ, Trigger::Edge, |conn, _| drain(conn).map(drop))?;
    for _ in 0..3 {
        sel.modify(key, Interest::NONE)?;
        far.write_all(b"data")?;
        assert_quiet(&sel);
        sel.modify(key, READ)?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_quiet(&sel);
    }
    Ok(())
}

#[test]
fn source_asked_for_the_same_again_is_reported_again() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    let key = sel.register_with(near, READ, Trigger::Edge, |_, _| ())?;
    for _ in 0..3 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_quiet(&sel);
        sel.modify(key, READ)?;
    }
    Ok(())
}

#[test]
fn hang_up_is_reported_once() -> io::Result<()> {
    let told = Cell::new(Interest::NONE);
    let (near, far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register_with(near, READ, Trigger::Edge, |conn, ready| -> io::Result<()> {
        told.set(ready);
        assert_eq!(drain(conn)?, 0);
        Ok(())
    })?;
    drop(far);
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(told.get().is_readable() && told.get().is_read_closed(), "told {:?}", told.get());
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn level_triggered_source_beside_it_is_reported_every_turn() -> io::Result<()> {
    let (edges, levels) = (Cell::new(0), Cell::new(0));
    let (edge, mut far_of_edge) = tcp_pair()?;
    let (level, mut far_of_level) = tcp_pair()?;
    far_of_edge.write_all(b"data")?;
    far_of_level.write_all(b"data")?;
    await_data(&edge);
    await_data(&level);
    let sel = Selector::new()?;
    sel.register_with(edge, READ, Trigger::Edge, |_, _| edges.set(edges.get() + 1))?;
    sel.register_with(level, READ, Trigger::Level, |_, _| levels.set(levels.get() + 1))?;
    for _ in 0..5 {
        sel.turn(Some(LONG))?;
    }
    assert_eq!((edges.get(), levels.get()), (1, 5));
    Ok(())
}
