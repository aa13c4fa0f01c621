//! TCP's urgent data. A read stops short at its mark, with more behind; and where only an urgent byte
//! has come, there is nothing to read.

use crate::util::{LONG, NOW, assert_quiet, await_fin, await_state, in_time, tcp_pair, uncalled};
use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};
use selkie::net::TcpStream;
use selkie::{Interest, PRIORITY, READ, Selector, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

fn send_urgent(far: &std::net::TcpStream) -> io::Result<()> {
    assert_eq!(send(far, b"!", SendFlags::OOB)?, 1);
    Ok(())
}

fn await_urgent(near: &TcpStream) {
    await_state(near, PollFlags::PRI);
}

/// All of `expected` is read by a source that asks for `asked`, `size` bytes per callback, with
/// nothing coming in but what has come; and then it is quiet.
#[track_caller]
fn assert_read_whole(near: TcpStream, asked: Interest, size: usize, expected: &[u8]) -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(near, asked, |conn, ready| -> io::Result<()> {
        assert!(ready.is_readable(), "told {ready:?}");
        let mut buf = vec![0; size];
        match conn.read(&mut buf) {
            Ok(n) => got.borrow_mut().extend_from_slice(&buf[..n]),
            // It is called for the urgent byte as well, and told of more than that.
            Err(error) if error.kind() == ErrorKind::WouldBlock && asked.is_priority() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    })?;
    while got.borrow().len() < expected.len() {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", got.borrow());
    }
    assert_eq!(*got.borrow(), expected);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn data_on_both_sides_of_an_urgent_byte_arrives_whole() -> io::Result<()> {
    for asked in [READ, READ | PRIORITY] {
        for size in [4096, 3, 1] {
            let (near, mut far) = tcp_pair()?;
            far.write_all(b"abc")?;
            send_urgent(&far)?;
            far.write_all(b"def")?;
            await_urgent(&near);
            assert_read_whole(near, asked, size, b"abcdef")?;
        }
    }
    Ok(())
}

#[test]
fn data_before_an_urgent_byte_is_told_without_waiting() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"abc")?;
    send_urgent(&far)?;
    await_urgent(&near);
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| conn.read(&mut [0; 64]).map(|n| assert_eq!(n, 3)))?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn data_around_several_urgent_bytes_arrives_whole() -> io::Result<()> {
    for asked in [READ, READ | PRIORITY] {
        let got = RefCell::new(Vec::new());
        let (near, mut far) = tcp_pair()?;
        let sel = Selector::new()?;
        sel.register(near, asked, |conn, _| -> io::Result<()> {
            let mut buf = [0; 4096];
            let n = conn.read(&mut buf)?;
            got.borrow_mut().extend_from_slice(&buf[..n]);
            Ok(())
        })?;
        // An urgent byte that is not taken out before the next one comes is an ordinary one, so each
        // is passed by before another is sent.
        for round in 1..=4 {
            far.write_all(b"ab")?;
            send_urgent(&far)?;
            far.write_all(b"cd")?;
            while got.borrow().len() < 4 * round {
                assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", got.borrow());
            }
        }
        assert_eq!(*got.borrow(), b"abcdabcdabcdabcd");
        assert_quiet(&sel);
    }
    Ok(())
}

#[test]
fn urgent_byte_in_the_stream_arrives_with_the_data() -> io::Result<()> {
    for asked in [READ, READ | PRIORITY] {
        let (near, mut far) = tcp_pair()?;
        sockopt::set_socket_oobinline(&near, true)?;
        far.write_all(b"abc")?;
        send_urgent(&far)?;
        far.write_all(b"def")?;
        await_urgent(&near);
        assert_read_whole(near, asked, 4096, b"abc!def")?;
    }
    Ok(())
}

#[test]
fn urgent_data_coming_between_the_event_and_the_read_does_not_hide_what_is_behind() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"abc")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        if got.borrow().is_empty() {
            // When the event was fetched nothing was urgent.
            send_urgent(&far)?;
            far.write_all(b"def")?;
            await_urgent(conn);
        }
        let mut buf = [0; 4096];
        let n = conn.read(&mut buf)?;
        got.borrow_mut().extend_from_slice(&buf[..n]);
        Ok(())
    })?;
    while got.borrow().len() < 6 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", got.borrow());
    }
    assert_eq!(*got.borrow(), b"abcdef");
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn data_urgent_data_and_fin_end_in_eof() -> io::Result<()> {
    for asked in [READ, READ | PRIORITY] {
        let reads = RefCell::new(Vec::new());
        let (near, mut far) = tcp_pair()?;
        far.write_all(b"abc")?;
        send_urgent(&far)?;
        far.write_all(b"def")?;
        far.shutdown(Shutdown::Write)?;
        await_fin(&near);
        let sel = Selector::new()?;
        sel.register(near, asked, |conn, _| -> io::Result<()> {
            let n = conn.read(&mut [0; 4096])?;
            reads.borrow_mut().push(n);
            if n == 0 {
                conn.unregister();
            }
            Ok(())
        })?;
        in_time(|| sel.run())?;
        assert_eq!(*reads.borrow(), [3, 3, 0]);
    }
    Ok(())
}

#[test]
fn lone_urgent_byte_is_not_told_to_a_reader() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    send_urgent(&far)?;
    await_urgent(&near);
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, ready| -> io::Result<()> {
        assert_eq!(ready, READ);
        let mut buf = [0; 64];
        let n = conn.read(&mut buf)?;
        got.borrow_mut().extend_from_slice(&buf[..n]);
        Ok(())
    })?;
    assert_quiet(&sel);
    assert_eq!(sel.select(NOW)?, []);
    // What comes behind it is another matter.
    far.write_all(b"data")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(*got.borrow(), b"data");
    // So it is the second time.
    send_urgent(&far)?;
    assert_quiet(&sel);
    far.write_all(b"more")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(*got.borrow(), b"datamore");
    Ok(())
}

#[test]
fn lone_urgent_byte_is_told_each_turn_to_who_asks_until_it_is_taken() -> io::Result<()> {
    for asked in [PRIORITY, READ | PRIORITY] {
        let (take, taken) = (Cell::new(false), Cell::new(false));
        let (near, far) = tcp_pair()?;
        send_urgent(&far)?;
        let sel = Selector::new()?;
        sel.register(near, asked, |conn, ready| -> io::Result<()> {
            assert!(ready.is_priority(), "told {ready:?}");
            if take.get() {
                let mut byte = [0];
                recv(&**conn, &mut byte, RecvFlags::OOB)?;
                assert_eq!(byte, *b"!");
                taken.set(true);
            }
            Ok(())
        })?;
        for _ in 0..4 {
            assert_eq!(sel.turn(Some(LONG))?, 1);
        }
        take.set(true);
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert!(taken.get());
        assert_quiet(&sel);
    }
    Ok(())
}

#[test]
fn writer_goes_on_when_an_urgent_byte_comes() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let (near, far) = tcp_pair()?;
    send_urgent(&far)?;
    await_urgent(&near);
    let sel = Selector::new()?;
    sel.register(near, READ | WRITE, |_, ready| told.borrow_mut().push(ready))?;
    for _ in 0..4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
    }
    assert_eq!(*told.borrow(), [WRITE; 4]);
    Ok(())
}

#[test]
fn urgent_byte_that_came_during_a_pause_does_not_hide_what_is_behind() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    let sel = Selector::new()?;
    let key = sel.register(near, READ, |conn, _| -> io::Result<()> {
        let mut buf = [0; 64];
        let n = conn.read(&mut buf)?;
        got.borrow_mut().extend_from_slice(&buf[..n]);
        Ok(())
    })?;
    far.write_all(b"ab")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    sel.modify(key, Interest::NONE)?;
    far.write_all(b"cd")?;
    send_urgent(&far)?;
    far.write_all(b"ef")?;
    assert_quiet(&sel);
    sel.modify(key, READ)?;
    while got.borrow().len() < 6 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", got.borrow());
    }
    assert_eq!(*got.borrow(), b"abcdef");
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn selected_reader_before_an_urgent_byte_is_repeated_until_drained() -> io::Result<()> {
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"abc")?;
    send_urgent(&far)?;
    far.write_all(b"def")?;
    await_urgent(&near);
    let sel = Selector::new()?;
    let key = sel.register(near, READ, uncalled)?;
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
        }
        assert_eq!(sel.with(key, |conn| conn.read(&mut [0; 64]))??, 3);
    }
    assert_eq!(sel.select(NOW)?, []);
    Ok(())
}
