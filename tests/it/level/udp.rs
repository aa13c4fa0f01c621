//! UDP: one `recv_from` per callback. Of a datagram that is read in part the rest is gone, so here a
//! short read says nothing at all.

use crate::util::{LONG, NOW, assert_quiet, uncalled};
use selkie::net::UdpSocket;
use selkie::{READ, Selector};
use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;

const DATAGRAMS: usize = 1_000;

/// A socket for the selector, and one to send to it.
fn pair() -> io::Result<(UdpSocket, std::net::UdpSocket)> {
    let near = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let far = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    far.connect(near.local_addr()?)?;
    near.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(near), far))
}

/// How many small datagrams surely fit into the socket's queue, once it is as large as it can be.
fn room(#[cfg(unix)] socket: &UdpSocket, #[cfg(not(unix))] _: &UdpSocket) -> io::Result<usize> {
    #[cfg(unix)]
    {
        use rustix::net::sockopt::{set_socket_recv_buffer_size, socket_recv_buffer_size};
        const EACH: usize = 2048; // with what the system keeps about it
        let _ = set_socket_recv_buffer_size(socket, DATAGRAMS * EACH);
        Ok(DATAGRAMS.min(socket_recv_buffer_size(socket)? / EACH))
    }
    #[cfg(not(unix))]
    Ok(32)
}

#[test]
fn queued_datagrams_are_taken_by_one_recv_from_per_callback() -> io::Result<()> {
    let received = Cell::new(0);
    let (near, far) = pair()?;
    // All thousand at once, where the system lets the queue be as long; none is lost in any case.
    let room = room(&near)?;
    assert!(room > 1, "the queue is too short for this test: {room}");
    let sel = Selector::new()?;
    sel.register(near, READ, |socket, _| -> io::Result<()> {
        let mut buf = [0; 64];
        let (n, from) = socket.recv_from(&mut buf)?;
        assert_eq!(from, far.local_addr()?);
        assert_eq!(buf[..n], received.get().to_string().into_bytes());
        received.set(received.get() + 1);
        Ok(())
    })?;
    let mut sent = 0;
    while sent < DATAGRAMS {
        for _ in 0..room.min(DATAGRAMS - sent) {
            far.send(sent.to_string().as_bytes())?;
            sent += 1;
        }
        while received.get() < sent {
            let before = received.get();
            assert_eq!(sel.turn(Some(LONG))?, 1, "{before} were received, and no more reported");
            assert_eq!(received.get(), before + 1);
        }
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn queued_datagrams_are_taken_by_the_recv_of_the_inner_value() -> io::Result<()> {
    let received = Cell::new(0);
    let (near, far) = pair()?;
    for _ in 0..5 {
        far.send(b"datagram")?;
    }
    let sel = Selector::new()?;
    sel.register(near, READ, |socket, _| -> io::Result<()> {
        // What does not fit into the buffer is lost, and the next one is not.
        assert_eq!((**socket).recv(&mut [0; 3]).unwrap_or(3), 3);
        received.set(received.get() + 1);
        Ok(())
    })?;
    for turns in 1..=5 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(received.get(), turns);
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn empty_datagram_is_reported() -> io::Result<()> {
    let (near, far) = pair()?;
    for _ in 0..2 {
        far.send(b"")?;
    }
    let sel = Selector::new()?;
    sel.register(near, READ, |socket, _| assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 0))?;
    for _ in 0..2 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn peeked_datagram_is_reported_again() -> io::Result<()> {
    let (near, far) = pair()?;
    far.send(b"datagram")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |socket, _| assert_eq!(socket.peek_from(&mut [0; 64]).unwrap().0, 8))?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn selected_socket_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    for way in 0..3 {
        let near = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        near.set_nonblocking(true)?;
        let far = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let other = near.try_clone()?;
        let sel = Selector::new()?;
        let key = sel.register(UdpSocket::from_std(near), READ, uncalled)?;
        for _ in 0..2 {
            far.send_to(b"datagram", other.local_addr()?)?;
        }
        for _ in 0..2 {
            for _ in 0..3 {
                assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
            }
            let read = match way {
                0 => sel.with(key, |socket| socket.recv(&mut [0; 64]))??,
                1 => sel.with(key, |socket| (**socket).recv(&mut [0; 64]))??,
                _ => other.recv(&mut [0; 64])?,
            };
            assert_eq!(read, 8);
        }
        assert_eq!(sel.select(NOW)?, []);
    }
    Ok(())
}
