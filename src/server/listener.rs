//! What a server can listen with, and what the errors of accepting mean.

use crate::connection::Stream;
use crate::net::{TcpListener, TcpStream};
use mio::event;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// What a [`Server`](crate::Server) can listen with: TCP, Unix sockets, or one of your own, which for
/// instance wraps the streams of another.
pub trait Listener: event::Source + 'static {
    /// What is accepted.
    type Stream: Stream;
    /// What names a client.
    type Address: fmt::Debug;

    /// Accepts one client, and does not wait.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) if none is there; otherwise those of the system.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Address)>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self)
    }
}

#[cfg(unix)]
impl Listener for crate::net::UnixListener {
    type Stream = crate::net::UnixStream;
    type Address = std::os::unix::net::SocketAddr;

    fn accept(&self) -> io::Result<(Self::Stream, Self::Address)> {
        crate::net::UnixListener::accept(self)
    }
}

/// Whether an error of accepting is that of one client, so that the next one can be accepted. Linux
/// hands on what the network says of a connection that waited.
pub(super) fn concerns_one_client(error: &io::Error) -> bool {
    /// Linux: a protocol error; it has no kind of its own.
    const EPROTO: i32 = 71;
    matches!(
        error.kind(),
        ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied
    ) || cfg!(any(target_os = "linux", target_os = "android")) && error.raw_os_error() == Some(EPROTO)
}

/// Whether an error says that the system has no descriptor, or no memory, for one more.
pub(super) fn is_want(error: &io::Error) -> bool {
    let numbers: &[i32] = if cfg!(windows) {
        &[10024, 10055] // WSAEMFILE, WSAENOBUFS
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        &[24, 23, 105, 12, 28] // EMFILE, ENFILE, ENOBUFS, ENOMEM, and ENOSPC for epoll's own limit
    } else {
        &[24, 23, 55, 12] // the first four, as the BSDs count
    };
    error.kind() == ErrorKind::OutOfMemory || error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}
