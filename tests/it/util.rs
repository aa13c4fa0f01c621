//! The vocabulary of the tests: pairs of connected things, and a script of what was called.
#![allow(dead_code)] // not every platform's tests use every word

use selkie::net::TcpStream;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// Longer than anything takes that is to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Zero: look, and do not wait.
pub(crate) const NOW: Option<Duration> = Some(Duration::ZERO);

/// A connected pair: one end for the selector, and a blocking one for the test.
pub(crate) fn tcp_pair() -> io::Result<(TcpStream, std::net::TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nonblocking(true)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((TcpStream::from_std(near), far))
}

/// Reads until "would block" or the end of the stream, and answers how much there was.
pub(crate) fn drain(stream: &mut impl Read) -> io::Result<usize> {
    let mut total = 0;
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return Ok(total),
            Ok(n) => total += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) => return Err(error),
        }
    }
}
