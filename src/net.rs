//! Sockets: mio's, non-blocking from the start, and what [`Source`] adds to each.
//!
//! [`TcpStream`] and, on Unix, `UnixStream` are read and written by [`Read`](std::io::Read) and
//! [`Write`](std::io::Write), which [`Source`] has too. The methods below are those of the other
//! sockets; each does what the socket's own method of that name does, and watches for "would block".

use crate::interest::{READ, WRITE};
use crate::source::Source;
use std::io;
use std::net::SocketAddr;

pub use mio::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
pub use mio::net::{UnixDatagram, UnixListener, UnixStream};

impl Source<'_, '_, TcpListener> {
    /// Accepts one connection. One per call is enough.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if none is waiting. Otherwise those of
    /// [`std::net::TcpListener::accept`]; a server will want to survive a connection that was
    /// aborted while it waited, and a want of descriptors, rather than return such an error from
    /// its callback and lose the listener.
    pub fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.try_io(READ, |listener| listener.accept())
    }
}

impl Source<'_, '_, TcpStream> {
    /// Reads without taking out of the stream what was read.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::TcpStream::peek`].
    pub fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(READ, |stream| stream.peek(buf))
    }
}

impl Source<'_, '_, UdpSocket> {
    /// Receives one datagram, and tells from where. One per call is enough.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::UdpSocket::recv_from`].
    pub fn recv_from(&mut self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(READ, |socket| socket.recv_from(buf))
    }

    /// Receives one datagram from the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::UdpSocket::recv`].
    pub fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(READ, |socket| socket.recv(buf))
    }

    /// Receives one datagram and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::UdpSocket::peek_from`].
    pub fn peek_from(&mut self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(READ, |socket| socket.peek_from(buf))
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::UdpSocket::send_to`].
    pub fn send_to(&mut self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.try_io(WRITE, |socket| socket.send_to(buf, target))
    }

    /// Sends one datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::UdpSocket::send`].
    pub fn send(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.try_io(WRITE, |socket| socket.send(buf))
    }
}

#[cfg(unix)]
impl Source<'_, '_, UnixListener> {
    /// Accepts one connection. One per call is enough.
    ///
    /// # Errors
    ///
    /// As for a `TcpListener`.
    pub fn accept(&mut self) -> io::Result<(UnixStream, std::os::unix::net::SocketAddr)> {
        self.try_io(READ, |listener| {
            let (stream, peer) = listener.accept()?;
            Ok((stream, peer))
        })
    }
}

#[cfg(unix)]
impl Source<'_, '_, UnixDatagram> {
    /// Receives one datagram, and tells from where. One per call is enough.
    ///
    /// # Errors
    ///
    /// Those of [`std::os::unix::net::UnixDatagram::recv_from`].
    pub fn recv_from(&mut self, buf: &mut [u8]) -> io::Result<(usize, std::os::unix::net::SocketAddr)> {
        self.try_io(READ, |socket| socket.recv_from(buf))
    }

    /// Receives one datagram from the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Those of [`std::os::unix::net::UnixDatagram::recv`].
    pub fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(READ, |socket| socket.recv(buf))
    }

    /// Sends one datagram to the socket at `path`.
    ///
    /// # Errors
    ///
    /// Those of [`std::os::unix::net::UnixDatagram::send_to`].
    pub fn send_to(&mut self, buf: &[u8], path: impl AsRef<std::path::Path>) -> io::Result<usize> {
        self.try_io(WRITE, |socket| socket.send_to(buf, path))
    }

    /// Sends one datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Those of [`std::os::unix::net::UnixDatagram::send`].
    pub fn send(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.try_io(WRITE, |socket| socket.send(buf))
    }
}
