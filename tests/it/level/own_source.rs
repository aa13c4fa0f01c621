//! A source type of the user's own, which does its own I/O and says nothing, or says what it knows.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use crate::util::{LONG, assert_quiet};
use selkie::net::UnixStream;
use selkie::{READ, Selector, event};
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read, Write};

/// Lines over a socket. It reads ahead, so the selector cannot know what it has seen.
struct Lines {
    stream: BufReader<UnixStream>,
}

impl Lines {
    fn pair() -> io::Result<(Lines, std::os::unix::net::UnixStream)> {
        let (near, far) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        Ok((Lines::new(near), far))
    }

    fn new(near: std::os::unix::net::UnixStream) -> Lines {
        Lines { stream: BufReader::with_capacity(16, UnixStream::from_std(near)) }
    }

    fn raw(&mut self) -> &mut UnixStream {
        self.stream.get_mut()
    }

    /// The next line; `None` at the end.
    fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        Ok(if self.stream.read_line(&mut line)? > 0 { Some(line) } else { None })
    }
}

impl event::Source for Lines {
    fn register(&mut self, registry: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        self.raw().register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        self.raw().reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.raw().deregister(registry)
    }
}

#[test]
fn source_that_says_nothing_is_drained_by_single_bytes() -> io::Result<()> {
    let (near, mut far) = Lines::pair()?;
    far.write_all(b"selkie")?;
    assert_drained_by_single_bytes(near, b"selkie", |lines, byte| lines.raw().read(byte), || drop(far))
}

#[test]
fn source_that_says_what_it_tried_is_drained_by_single_bytes() -> io::Result<()> {
    let (near, mut far) = Lines::pair()?;
    far.write_all(b"selkie")?;
    let read = |lines: &mut selkie::Source<Lines>, byte: &mut [u8]| lines.try_io(READ, |lines| lines.raw().read(byte));
    assert_drained_by_single_bytes(near, b"selkie", read, || drop(far))
}

#[test]
fn selected_source_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (near, mut peer) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        peer.write_all(b"data")?;
        Ok(Loaded { other: near.try_clone()?, source: Lines::new(near), peer })
    };
    assert_selected_until_drained(
        load,
        |lines, buf| lines.try_io(READ, |lines| lines.raw().read(buf)),
        |lines, buf| lines.raw().read(buf),
    )
}

/// It takes all there is, to "would block", and promises so.
#[test]
fn source_that_drains_itself_and_says_so_gets_every_burst_and_the_end() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (near, mut far) = Lines::pair()?;
    let sel = Selector::new()?;
    sel.register(near, READ, |lines, _| -> io::Result<()> {
        loop {
            match lines.next() {
                Ok(Some(line)) => got.borrow_mut().push(line),
                Ok(None) => {
                    lines.unregister();
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    lines.drained(READ);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    })?;
    for burst in 0..3 {
        far.write_all(b"a line that is longer than the buffer\nanother\n")?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(got.borrow().len(), 2 * (burst + 1));
        assert_quiet(&sel);
    }
    drop(far);
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert!(sel.is_empty());
    Ok(())
}

#[test]
fn would_block_in_one_direction_proves_nothing_of_the_other() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, mut far) = Lines::pair()?;
    far.write_all(b"data")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |lines, _| {
        let refused: io::Result<()> = lines.try_io(selkie::WRITE, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert!(refused.is_err());
        lines.drained(selkie::WRITE);
        calls.set(calls.get() + 1);
    })?;
    for turns in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), turns);
    }
    Ok(())
}

/// Where mio has to be told in any case, a promise has no effect, and a wrong one none either.
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn wrong_promise_stalls_its_source_until_something_arrives_and_no_other() -> io::Result<()> {
    let calls = RefCell::new(Vec::new());
    let (liar, mut far_of_liar) = Lines::pair()?;
    let (other, mut far_of_other) = Lines::pair()?;
    far_of_liar.write_all(b"xx")?;
    far_of_other.write_all(b"xx")?;
    let sel = Selector::new()?;
    sel.register(liar, READ, |lines, _| {
        calls.borrow_mut().push("liar");
        lines.drained(READ);
    })?;
    sel.register(other, READ, |lines, _| -> io::Result<()> {
        calls.borrow_mut().push("other");
        lines.raw().read(&mut [0; 1]).map(drop)
    })?;
    assert_eq!(sel.turn(Some(LONG))?, 2);
    calls.take();
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(calls.take(), ["other"]);
    assert_quiet(&sel);
    far_of_liar.write_all(b"x")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_eq!(calls.take(), ["liar"]);
    Ok(())
}

/// A promise that is made while the end of the stream is in sight counts for nothing.
#[test]
fn promise_of_a_source_that_was_told_of_a_hang_up_has_no_effect() -> io::Result<()> {
    let calls = Cell::new(0);
    let (near, far) = Lines::pair()?;
    drop(far);
    let sel = Selector::new()?;
    sel.register(near, READ, |lines, _| {
        lines.drained(READ);
        calls.set(calls.get() + 1);
    })?;
    for turns in 1..=4 {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(calls.get(), turns);
    }
    Ok(())
}
