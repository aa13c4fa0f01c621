//! What a connection can be made of.

use mio::event;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

/// What a [`Connection`](crate::Connection) can be made of: a non-blocking stream of bytes that is a
/// source.
///
/// mio's streams are, and so is a pair of pipes as a [`Duplex`](crate::Duplex). A type of one's own is
/// by one line, `impl Stream for Mine {}`; the methods are for what it can do besides. One that holds
/// back input or output of its own, as an encrypting one does, has to say so in the last two.
pub trait Stream: Read + Write + event::Source + 'static {
    /// Ends the own side, so that the peer reads an end of stream, and goes on to receive.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported), unless there is such a thing.
    fn shutdown_write(&mut self) -> io::Result<()> {
        Err(io::Error::new(ErrorKind::Unsupported, "this stream has no half-close"))
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported), unless it has one; otherwise those of the system.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::Error::new(ErrorKind::Unsupported, "the peer of this stream has no internet address"))
    }

    /// Whether small writes are to be sent at once. Nothing, unless the stream might do otherwise.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        let _ = nodelay;
        Ok(())
    }

    /// Whether more can be read at once, though the system may have no more: the stream has read ahead.
    fn has_input(&self) -> bool {
        false
    }

    /// Whether the stream has taken more than it has handed to the system. Its
    /// [`flush`](Write::flush) is called then while there is room, and the connection is not closed
    /// before. To keep this within bounds, its `write` says "would block".
    fn has_output(&self) -> bool {
        false
    }
}

impl Stream for TcpStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        TcpStream::peer_addr(self)
    }

    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        TcpStream::set_nodelay(self, nodelay)
    }
}

#[cfg(unix)]
impl Stream for mio::net::UnixStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
