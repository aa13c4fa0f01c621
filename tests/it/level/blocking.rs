//! Blocking descriptors, such as an inherited standard input. A call on a guess would hang the loop.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use selkie::unix::Fd;
use std::fs::File;
use std::io::{self, Read, Write};

/// Both ends, blocking.
fn pipe() -> io::Result<(File, File)> {
    let (rx, tx) = rustix::pipe::pipe()?;
    Ok((File::from(rx), File::from(tx)))
}

/// Sees to it that a wrong call fails the test instead of hanging it.
fn assert_would_not_block(file: &File) {
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    let ready = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("poll failed");
    assert_eq!(ready, 1, "called on a guess: this read would block");
}

#[test]
fn blocking_pipe_read_by_single_bytes_is_drained_and_never_blocks() -> io::Result<()> {
    let (rx, mut tx) = pipe()?;
    tx.write_all(b"selkie")?;
    let read = |fd: &mut selkie::Source<Fd<File>>, byte: &mut [u8]| {
        assert_would_not_block(fd);
        fd.read(byte)
    };
    assert_drained_by_single_bytes(Fd::new(rx), b"selkie", read, || drop(tx))
}

#[test]
fn blocking_pipe_read_by_single_bytes_of_the_inner_value_is_drained_and_never_blocks() -> io::Result<()> {
    let (rx, mut tx) = pipe()?;
    tx.write_all(b"selkie")?;
    let read = |fd: &mut selkie::Source<Fd<File>>, byte: &mut [u8]| {
        assert_would_not_block(fd);
        (***fd).read(byte)
    };
    assert_drained_by_single_bytes(Fd::new(rx), b"selkie", read, || drop(tx))
}

#[test]
fn selected_blocking_pipe_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (rx, mut peer) = pipe()?;
        peer.write_all(b"data")?;
        Ok(Loaded { other: rx.try_clone()?, source: Fd::new(rx), peer })
    };
    assert_selected_until_drained(load, |fd, buf| fd.read(buf), |fd, buf| fd.read(buf))
}
