//! Unix datagrams: as UDP, but that none is ever lost.

use super::{Loaded, assert_selected_until_drained};
use crate::util::{LONG, assert_quiet};
use selkie::net::UnixDatagram;
use selkie::{READ, Selector, WRITE};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

#[test]
fn queued_datagrams_are_taken_by_one_recv_per_callback() -> io::Result<()> {
    let received = Cell::new(0);
    let (near, far) = UnixDatagram::pair()?;
    // As many as the system queues.
    let mut queued: usize = 0;
    while far.send(&[queued as u8]).is_ok() {
        queued += 1;
    }
    assert!(queued > 1, "{queued} datagrams were queued");
    let sel = Selector::new()?;
    sel.register(near, READ, |socket, _| -> io::Result<()> {
        let mut buf = [0; 64];
        assert_eq!(socket.recv(&mut buf)?, 1);
        assert_eq!(buf[0], received.get() as u8);
        received.set(received.get() + 1);
        Ok(())
    })?;
    for turns in 1..=queued {
        assert_eq!(sel.turn(Some(LONG))?, 1, "{} were received, and no more reported", turns - 1);
        assert_eq!(received.get(), turns);
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn writer_is_called_once_per_turn_until_the_queue_is_full_and_again_when_it_is_not() -> io::Result<()> {
    let (near, far) = UnixDatagram::pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |socket, _| socket.send(b"datagram").map(drop))?;
    let mut sent = 0;
    while sel.turn(crate::util::NOW)? == 1 {
        sent += 1;
    }
    assert!(sent > 1, "{sent} datagrams were queued");
    assert_quiet(&sel);
    // The last call may have been told "would block".
    let mut received = 0;
    while far.recv(&mut [0; 64]).is_ok() {
        received += 1;
    }
    assert!(received == sent || received == sent - 1, "{received} of {sent} arrived");
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), WRITE)]);
    Ok(())
}

#[test]
fn selected_socket_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (near, peer) = std::os::unix::net::UnixDatagram::pair()?;
        near.set_nonblocking(true)?;
        peer.send(b"datagram")?;
        let other = File::from(OwnedFd::from(near.try_clone()?));
        Ok(Loaded { source: UnixDatagram::from_std(near), other, peer })
    };
    assert_selected_until_drained(load, |socket, buf| socket.recv(buf), |socket, buf| socket.recv(buf))
}
