//! Unix streams. A read stops where descriptors were passed, so a short read proves nothing here.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use crate::util::{LONG, assert_quiet, in_time};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use selkie::net::UnixStream;
use selkie::{READ, Selector};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};

fn pair() -> io::Result<(UnixStream, std::os::unix::net::UnixStream)> {
    let (near, far) = std::os::unix::net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    Ok((UnixStream::from_std(near), far))
}

#[test]
fn burst_read_by_single_bytes_is_drained() -> io::Result<()> {
    let (near, mut far) = pair()?;
    let sent: Vec<u8> = (0..16_384).map(|n: u32| (n % 251) as u8).collect();
    far.write_all(&sent)?;
    assert_drained_by_single_bytes(near, &sent, |conn, byte| conn.read(byte), || drop(far))
}

#[test]
fn burst_read_by_single_bytes_of_the_inner_value_is_drained() -> io::Result<()> {
    let (near, mut far) = pair()?;
    far.write_all(b"selkie")?;
    assert_drained_by_single_bytes(near, b"selkie", |conn, byte| (**conn).read(byte), || drop(far))
}

#[test]
fn data_and_end_queued_before_the_wait_end_in_eof() -> io::Result<()> {
    let (near, mut far) = pair()?;
    far.write_all(b"data")?;
    far.shutdown(Shutdown::Write)?;
    let reads = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let n = conn.read(&mut [0; 64])?;
        reads.borrow_mut().push(n);
        if n == 0 {
            conn.unregister();
        }
        Ok(())
    })?;
    in_time(|| sel.run())?;
    assert_eq!(*reads.borrow(), [4, 0]);
    Ok(())
}

/// Sends `data` with a descriptor in it.
fn send_descriptor(to: &impl AsFd, data: &[u8], descriptor: &impl AsFd) -> io::Result<()> {
    let passed = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
    assert_eq!(sendmsg(to, &[IoSlice::new(data)], &mut control, SendFlags::empty())?, data.len());
    Ok(())
}

#[test]
fn data_between_passed_descriptors_arrives_whole() -> io::Result<()> {
    let reads = RefCell::new(Vec::new());
    let (near, mut far) = pair()?;
    far.write_all(b"plain")?;
    send_descriptor(&far, b"one", &far)?;
    send_descriptor(&far, b"two", &far)?;
    far.write_all(b"plain again")?;
    let sel = Selector::new()?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        let mut buf = [0; 4096];
        let n = conn.read(&mut buf)?;
        reads.borrow_mut().push(String::from_utf8_lossy(&buf[..n]).into_owned());
        Ok(())
    })?;
    while reads.borrow().concat() != "plainonetwoplain again" {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert!(reads.borrow().len() > 1, "no read stopped at a descriptor: {:?}", reads.borrow());
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn selected_stream_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (near, mut peer) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        peer.write_all(b"data")?;
        let other = File::from(OwnedFd::from(near.try_clone()?));
        Ok(Loaded { source: UnixStream::from_std(near), other, peer })
    };
    assert_selected_until_drained(load, |conn, buf| conn.read(buf), |conn, buf| conn.read(buf))
}
