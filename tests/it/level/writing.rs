//! Writing to a stream: called once per turn while there is room, not while there is none, and again
//! when there is.

use crate::util::{LONG, NOW, await_data, drain, tcp_pair};
use selkie::net::{TcpListener, TcpStream};
use selkie::{READ, Selector, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::thread;
use std::time::Duration;

/// More than fits into a socket and its peer's.
const MUCH: usize = 32 << 20;

/// Writes until nothing more fits, and answers how much did.
fn fill(stream: &mut impl Write) -> io::Result<usize> {
    let mut total = 0;
    loop {
        match stream.write(&[7; 65_536]) {
            Ok(n) => total += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(total),
            Err(error) => return Err(error),
        }
    }
}

/// The system's own word for it.
fn assert_has_room(stream: &TcpStream) {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(stream, PollFlags::OUT)];
        let ready = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("poll failed");
        assert_eq!(ready, 1, "called though there is no room");
    }
    #[cfg(not(unix))]
    let _ = stream;
}

/// Turns until there is no more room. What was written moves on to the peer in the system's own time,
/// so there may be room a few times more; for longer than it takes to acknowledge, there is none.
fn until_quiet(sel: &Selector<'_>) -> io::Result<()> {
    const ACKNOWLEDGED: Duration = Duration::from_millis(60);
    while sel.turn(Some(ACKNOWLEDGED))? == 1 {}
    Ok(())
}

#[test]
fn interest_left_on_is_called_exactly_once_per_turn() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |_, ready| {
        assert_eq!(ready, WRITE);
        calls.set(calls.get() + 1);
    })?;
    for turns in 1..=200 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), turns);
    }
    for _ in 0..4 {
        assert_eq!(sel.select(Some(LONG))?, [(key.into(), WRITE)]);
    }
    Ok(())
}

#[test]
fn interest_left_on_is_called_once_per_turn_with_reading_in_the_same_call() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"xx")?;
    await_data(&near);
    let sel = Selector::new()?;
    sel.register(near, READ | WRITE, |conn, ready| -> io::Result<()> {
        told.borrow_mut().push(ready);
        if ready.is_readable() {
            assert_eq!(conn.read(&mut [0; 1])?, 1);
        }
        Ok(())
    })?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    assert_eq!(*told.borrow(), [READ | WRITE, READ | WRITE, WRITE, WRITE]);
    Ok(())
}

/// It fills the socket in its callback, by whichever write, and is called again only when its peer
/// has read.
fn assert_called_when_there_is_room_again(
    write: impl FnMut(&mut selkie::Source<'_, '_, TcpStream>) -> io::Result<()>,
) -> io::Result<()> {
    let write = RefCell::new(write);
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |conn, ready| -> io::Result<()> {
        assert_eq!(ready, WRITE);
        assert_has_room(conn);
        calls.set(calls.get() + 1);
        (write.borrow_mut())(conn)
    })?;
    far.set_nonblocking(true)?;
    for _ in 0..3 {
        until_quiet(&sel)?;
        let before = calls.get();
        while sel.select(NOW)?.is_empty() {
            await_data(&far);
            drain(&mut far)?;
        }
        assert_eq!(calls.get(), before);
        assert_eq!(sel.select(Some(LONG))?, [(key.into(), WRITE)]);
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn short_write_that_filled_the_socket_is_called_again_when_the_peer_has_read() -> io::Result<()> {
    let much = vec![7; MUCH];
    assert_called_when_there_is_room_again(|conn| {
        assert!(conn.write(&much)? < much.len(), "the socket took all of it");
        Ok(())
    })
}

/// A vectored write takes no more than 1024 buffers, and a socket that took those may have room still.
#[test]
fn vectored_write_of_too_many_buffers_is_called_once_per_turn() -> io::Result<()> {
    let (near, _far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register(near, WRITE, |conn, _| -> io::Result<()> {
        assert!(conn.write_vectored(&[IoSlice::new(b"x"); 1500])? > 0);
        Ok(())
    })?;
    for turn in 0..3 {
        assert_eq!(sel.turn(NOW)?, 1, "turn {turn}");
    }
    Ok(())
}

#[test]
fn write_that_would_block_is_called_again_when_the_peer_has_read() -> io::Result<()> {
    assert_called_when_there_is_room_again(|conn| fill(conn).map(drop))
}

#[test]
fn whole_writes_that_filled_the_socket_are_called_again_when_the_peer_has_read() -> io::Result<()> {
    assert_called_when_there_is_room_again(|conn| conn.write(&[7; 1000]).map(drop))
}

#[test]
fn writes_of_the_inner_value_that_filled_the_socket_are_called_again_when_the_peer_has_read() -> io::Result<()> {
    assert_called_when_there_is_room_again(|conn| fill(&mut **conn).map(drop))
}

#[test]
fn full_socket_is_not_called_and_is_when_the_peer_has_read() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, WRITE, |_, _| calls.set(calls.get() + 1))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    // Not in its callback, and not by its `Source`: nobody tells the selector.
    while !sel.select(Some(Duration::from_millis(60)))?.is_empty() {
        sel.with(key, |conn| fill(&mut **conn))??;
    }
    far.set_nonblocking(true)?;
    while sel.select(NOW)?.is_empty() {
        await_data(&far);
        drain(&mut far)?;
    }
    for turns in 2..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), turns);
    }
    Ok(())
}

/// The proof of one direction is none of the other.
#[test]
fn data_left_while_the_socket_is_filled_is_reported_still() -> io::Result<()> {
    let reads = Cell::new(0);
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"data")?;
    await_data(&near);
    let sel = Selector::new()?;
    sel.register(near, READ | WRITE, |conn, ready| -> io::Result<()> {
        reads.set(reads.get() + i32::from(ready.is_readable()));
        fill(conn).map(drop)
    })?;
    for turns in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(reads.get(), turns);
    }
    Ok(())
}

#[test]
fn room_left_while_the_data_is_drained_is_reported_still() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    sel.register(near, READ | WRITE, |conn, ready| {
        assert!(ready.is_writable(), "told {ready:?}");
        drain(conn).map(drop)
    })?;
    for _ in 0..4 {
        far.write_all(b"data")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    Ok(())
}

#[test]
fn long_answer_written_as_there_is_room_arrives_whole() -> io::Result<()> {
    const LENGTH: usize = 8 << 20;
    let (near, mut far) = tcp_pair()?;
    let answer: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
    let peer = thread::spawn(move || {
        let mut got = Vec::new();
        // In pieces that are no fraction of anything.
        while let Ok(n @ 1..) = (&mut far).take(10_007).read_to_end(&mut got) {
            assert!(n <= 10_007);
        }
        got
    });
    let sent = Cell::new(0);
    let sel = Selector::new()?;
    sel.register(near, WRITE, |conn, _| -> io::Result<()> {
        sent.set(sent.get() + conn.write(&answer[sent.get()..])?);
        if sent.get() == LENGTH {
            conn.unregister();
        }
        Ok(())
    })?;
    while !sel.is_empty() {
        assert_eq!(sel.turn(Some(LONG))?, 1, "{} of {LENGTH} were sent", sent.get());
    }
    assert!(peer.join().expect("the peer panicked") == answer, "what came is not what was sent");
    Ok(())
}

#[test]
fn connecting_socket_is_told_when_it_is_connected() -> io::Result<()> {
    let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    let conn = TcpStream::connect(listener.local_addr()?)?;
    let sel = Selector::new()?;
    sel.register(conn, WRITE, |conn, ready| -> io::Result<()> {
        assert_eq!(ready, WRITE);
        assert!(conn.take_error()?.is_none());
        conn.peer_addr()?;
        conn.unregister();
        Ok(())
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(sel.is_empty());
    Ok(())
}
