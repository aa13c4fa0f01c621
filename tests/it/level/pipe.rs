//! Pipes, as mio's own type and as a bare descriptor, ordinary and in packet mode.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use crate::util::{LONG, assert_quiet};
use selkie::unix::pipe::{self, Receiver, Sender};
use selkie::{READ, Selector, WRITE};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Write};

#[test]
fn full_pipe_read_by_single_bytes_is_drained() -> io::Result<()> {
    let (mut tx, rx) = pipe::new()?;
    let mut sent = Vec::new();
    let line: Vec<u8> = (0..=255).collect();
    while let Ok(n) = tx.write(&line) {
        sent.extend_from_slice(&line[..n]);
    }
    assert!(sent.len() > 4096, "a pipe holds more than {} bytes", sent.len());
    assert_drained_by_single_bytes(rx, &sent, |rx, byte| rx.read(byte), || drop(tx))
}

#[test]
fn pipe_read_by_single_bytes_of_the_inner_value_is_drained() -> io::Result<()> {
    let (mut tx, rx) = pipe::new()?;
    tx.write_all(b"selkie")?;
    assert_drained_by_single_bytes(rx, b"selkie", |rx, byte| (**rx).read(byte), || drop(tx))
}

#[test]
fn pipe_closed_before_the_wait_is_drained() -> io::Result<()> {
    let (mut tx, rx) = pipe::new()?;
    tx.write_all(b"selkie")?;
    drop(tx);
    let reads = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(rx, READ, |rx, _| -> io::Result<()> {
        let n = rx.read(&mut [0; 4])?;
        reads.borrow_mut().push(n);
        if n == 0 {
            rx.unregister();
        }
        Ok(())
    })?;
    for _ in 0..3 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), [4, 2, 0]);
    assert!(sel.is_empty());
    Ok(())
}

/// In packet mode a read stops at the end of what one `write` wrote.
#[cfg(target_os = "linux")]
#[test]
fn pipe_in_packet_mode_is_drained_by_one_read_per_callback() -> io::Result<()> {
    use rustix::pipe::{PipeFlags, pipe_with};
    let (rx, tx) = pipe_with(PipeFlags::DIRECT | PipeFlags::NONBLOCK)?;
    let (rx, mut tx) = (Receiver::from(rx), Sender::from(tx));
    for packet in ["one", "three", "seventeen"] {
        tx.write_all(packet.as_bytes())?;
    }
    let reads = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(rx, READ, |rx, _| -> io::Result<()> {
        reads.borrow_mut().push(rx.read(&mut [0; 64])?);
        Ok(())
    })?;
    for _ in 0..3 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), [3, 5, 9]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn selected_pipe_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (rx, tx) = rustix::pipe::pipe()?;
        rustix::io::ioctl_fionbio(&rx, true)?;
        let mut peer = Sender::from(tx);
        peer.write_all(b"data")?;
        Ok(Loaded { other: File::from(rx.try_clone()?), source: Receiver::from(rx), peer })
    };
    assert_selected_until_drained(load, |rx, buf| rx.read(buf), |rx, buf| rx.read(buf))
}

#[test]
fn writer_with_room_is_called_once_per_turn_until_the_pipe_is_full() -> io::Result<()> {
    let (tx, mut rx) = pipe::new()?;
    let written = Cell::new(0);
    let sel = Selector::new()?;
    let key = sel.register(tx, WRITE, |tx, _| -> io::Result<()> {
        written.set(written.get() + tx.write(&[7; 4096])?);
        Ok(())
    })?;
    // The system's own word on whether there is room is what counts.
    let mut turns = 0;
    while sel.turn(Some(std::time::Duration::ZERO))? == 1 {
        turns += 1;
        assert_eq!(written.get(), turns * 4096);
    }
    assert!(turns > 1, "a pipe holds more than {} bytes", written.get());
    assert_quiet(&sel);
    let mut all = vec![0; written.get()];
    rx.read_exact(&mut all)?;
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), WRITE)]);
    Ok(())
}
