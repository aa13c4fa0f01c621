//! TCP streams, where a short read or write may count as proof that nothing is left.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use crate::util::{LONG, NOW, assert_quiet, await_data, await_fin, tcp_pair, uncalled};
use selkie::{READ, Selector};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::thread;

#[test]
fn burst_of_a_mebibyte_read_by_single_bytes_is_drained() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let sent: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    let burst = sent.clone();
    // It does not fit into the buffers, so somebody has to be sending while it is read. The last of
    // it is read when the sender is done.
    let sender = thread::spawn(move || far.write_all(&burst).map(|()| far));
    let close = || drop(sender.join().expect("the sender panicked").expect("cannot send"));
    assert_drained_by_single_bytes(near, &sent, |conn, byte| conn.read(byte), close)
}

#[test]
fn burst_read_by_single_bytes_of_the_inner_value_is_drained() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"selkie")?;
    assert_drained_by_single_bytes(near, b"selkie", |conn, byte| (**conn).read(byte), || drop(far))
}

#[test]
fn burst_read_by_single_bytes_through_another_handle_is_drained() -> io::Result<()> {
    let (near, mut far) = std_pair()?;
    let mut other = near.try_clone()?;
    far.write_all(b"selkie")?;
    let near = selkie::net::TcpStream::from_std(near);
    assert_drained_by_single_bytes(near, b"selkie", |_, byte| other.read(byte), || drop(far))
}

/// As `tcp_pair`, with the near end not yet mio's, so that it can be cloned.
fn std_pair() -> io::Result<(std::net::TcpStream, std::net::TcpStream)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    near.set_nonblocking(true)?;
    Ok((near, listener.accept()?.0))
}

#[test]
fn selected_stream_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (near, mut peer) = std_pair()?;
        let other = near.try_clone()?;
        peer.write_all(b"data")?;
        Ok(Loaded { source: selkie::net::TcpStream::from_std(near), other, peer })
    };
    assert_selected_until_drained(load, |conn, buf| conn.read(buf), |conn, buf| conn.read(buf))
}

/// How long a stream is that is read `size` bytes at a time, one read per callback; also each read.
fn reads_of(near: selkie::net::TcpStream, size: usize, turns: usize) -> io::Result<Vec<usize>> {
    let reads = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        reads.borrow_mut().push(conn.read(&mut vec![0; size])?);
        Ok(())
    })?;
    for turn in 0..turns {
        assert_eq!(sel.turn(Some(LONG))?, 1, "in turn {turn}, after {:?}", reads.borrow());
    }
    assert_quiet(&sel);
    drop(sel);
    Ok(reads.into_inner())
}

#[test]
fn read_that_fills_its_buffer_is_followed_by_the_rest() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(&[7; 20])?;
    assert_eq!(reads_of(near, 8, 3)?, [8, 8, 4]);
    Ok(())
}

#[test]
fn read_that_fills_its_buffer_exactly_is_not_called_again() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(&[7; 16])?;
    assert_eq!(reads_of(near, 8, 2)?, [8, 8]);
    Ok(())
}

#[test]
fn vectored_read_that_fills_its_buffers_is_followed_by_the_rest() -> io::Result<()> {
    let reads = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(&[7; 20])?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let (mut first, mut second) = ([0; 3], [0; 5]);
        let n = conn.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])?;
        reads.borrow_mut().push(n);
        Ok(())
    })?;
    for _ in 0..3 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    assert_quiet(&sel);
    assert_eq!(*reads.borrow(), [8, 8, 4]);
    Ok(())
}

/// A vectored read takes no more than 1024 buffers, and with those full there may be more to read.
#[test]
fn vectored_read_into_too_many_buffers_proves_nothing() -> io::Result<()> {
    let received = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    far.write_all(&[7; 3000])?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let mut bytes = [[0; 1]; 1500];
        let mut bufs: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
        received.set(received.get() + conn.read_vectored(&mut bufs)?);
        Ok(())
    })?;
    while received.get() < 3000 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "{} bytes were received, and no more reported", received.get());
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn read_into_an_empty_buffer_proves_nothing() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| assert_eq!(conn.read(&mut []).unwrap(), 0))?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn peeked_data_is_reported_again() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| assert_eq!(conn.peek(&mut [0; 64]).unwrap(), 4))?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn would_block_of_another_socket_returned_proves_nothing() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |_, _| -> io::Result<()> { Err(ErrorKind::WouldBlock.into()) })?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn data_arriving_after_a_short_read_in_the_callback_is_reported() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"one")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let mut buf = [0; 64];
        let n = conn.read(&mut buf)?;
        if got.borrow().is_empty() {
            far.write_all(b"two")?;
        }
        got.borrow_mut().extend_from_slice(&buf[..n]);
        Ok(())
    })?;
    while got.borrow().len() < 6 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", got.borrow());
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn data_drained_before_the_wait_is_not_reported() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, uncalled)?;
    for _ in 0..3 {
        far.write_all(b"data")?;
        assert_eq!(sel.select(Some(LONG))?.len(), 1);
        assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 64]))??, 4);
        assert_quiet(&sel);
    }
    Ok(())
}

#[test]
fn data_read_in_part_outside_the_callback_is_reported_still() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, |conn, _| assert_eq!(conn.read(&mut [0; 64]).unwrap(), 2))?;
    assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
    assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 2]))??, 2);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_quiet(&sel);
    Ok(())
}

// ---- the end of the stream

/// The data, and then the end of the stream, each in a turn of its own.
fn assert_data_then_end(near: selkie::net::TcpStream, data: usize) -> io::Result<()> {
    let reads = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let n = conn.read(&mut [0; 4096])?;
        reads.borrow_mut().push(n);
        if n == 0 {
            conn.unregister();
        }
        Ok(())
    })?;
    for _ in 0..2 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), [data, 0]);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn data_and_fin_queued_before_the_wait_end_in_eof() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    far.shutdown(Shutdown::Write)?;
    await_fin(&near);
    assert_data_then_end(near, 4)
}

#[cfg(target_os = "linux")]
#[test]
fn data_and_fin_in_one_packet_end_in_eof() -> io::Result<()> {
    let (near, far) = tcp_pair()?;
    // MORE holds the data back for what comes next, and that is the FIN.
    rustix::net::send(&far, b"data", rustix::net::SendFlags::MORE)?;
    far.shutdown(Shutdown::Write)?;
    await_fin(&near);
    assert_data_then_end(near, 4)
}

#[test]
fn fin_that_comes_while_waiting_ends_in_eof() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let peer = thread::spawn(move || far.write_all(b"data"));
    assert_data_then_end(near, 4)?;
    peer.join().expect("the peer panicked")
}

#[test]
fn fin_arriving_between_the_event_and_the_read_ends_in_eof() -> io::Result<()> {
    let reads = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        // When the event was fetched there was no end in sight.
        far.shutdown(Shutdown::Write)?;
        await_fin(conn);
        reads.borrow_mut().push(conn.read(&mut [0; 4096])?);
        Ok(())
    })?;
    for _ in 0..2 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), [4, 0]);
    Ok(())
}

#[test]
fn fin_arriving_after_the_read_in_the_callback_ends_in_eof() -> io::Result<()> {
    let reads = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        reads.borrow_mut().push(conn.read(&mut [0; 4096])?);
        far.shutdown(Shutdown::Write)?;
        await_fin(conn);
        Ok(())
    })?;
    for _ in 0..2 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), [4, 0]);
    Ok(())
}

#[test]
fn fin_left_unread_is_reported_every_turn() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    far.shutdown(Shutdown::Write)?;
    await_fin(&near);
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, ready| -> io::Result<()> {
        assert!(ready.is_readable() && !ready.is_error(), "told {ready:?}");
        if calls.replace(calls.get() + 1) == 0 {
            assert_eq!(conn.read(&mut [0; 64])?, 4);
        }
        Ok(())
    })?;
    for turns in 1..=100 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), turns);
    }
    Ok(())
}

#[test]
fn selected_end_of_stream_is_repeated_after_the_data_is_read() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    far.shutdown(Shutdown::Write)?;
    await_fin(&near);
    let sel = Selector::new()?;
    let key = sel.register(near, READ, uncalled)?;
    assert_eq!(sel.select(Some(LONG))?.len(), 1);
    assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 64]))??, 4);
    for _ in 0..4 {
        assert!(matches!(sel.select(Some(LONG))?[..], [(found, ready)] if found == key && ready.is_readable()));
        assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 64]))??, 0);
    }
    Ok(())
}

// ---- among others

#[test]
fn source_with_much_to_read_is_called_once_per_turn_like_the_others() -> io::Result<()> {
    let calls = RefCell::new(Vec::new());
    let (greedy, mut far) = tcp_pair()?;
    far.write_all(&[7; 100])?;
    await_data(&greedy);
    let (modest, mut modest_far) = tcp_pair()?;
    modest_far.write_all(&[7; 20])?;
    await_data(&modest);
    let sel = Selector::new()?;
    let calls = &calls;
    let read_and_note = |name| {
        move |conn: &mut selkie::Source<selkie::net::TcpStream>, _| -> io::Result<()> {
            calls.borrow_mut().push(name);
            conn.read(&mut [0; 1]).map(drop)
        }
    };
    sel.register(greedy, READ, read_and_note("greedy"))?;
    sel.register(modest, READ, read_and_note("modest"))?;
    for _ in 0..20 {
        assert_eq!(sel.turn(Some(LONG))?, 2);
        let mut turn = calls.take();
        turn.sort_unstable();
        assert_eq!(turn, ["greedy", "modest"]);
    }
    Ok(())
}
