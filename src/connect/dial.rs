//! What can be connected: how to begin, and how to learn what came of it.

use crate::interest::Interest;
use crate::net::TcpStream;
use mio::event;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// A stream that [`Connect`](crate::Connect) can make: TCP, Unix, or one of your own.
pub trait Dial: event::Source + Sized + 'static {
    /// What it connects to.
    type Address: Clone + fmt::Debug + Send + 'static;

    /// Begins to connect, and does not wait.
    ///
    /// # Errors
    ///
    /// Those of the system. [`WouldBlock`](ErrorKind::WouldBlock) if it cannot even begin just now.
    fn dial(address: &Self::Address) -> io::Result<Self>;

    /// What came of it, now that the system has reported `ready`: true if it is connected, false if
    /// that is still open.
    ///
    /// # Errors
    ///
    /// Why it failed.
    fn outcome(&self, ready: Interest) -> io::Result<bool>;

    /// The address as people write it.
    fn describe(address: &Self::Address) -> String;
}

impl Dial for TcpStream {
    type Address = SocketAddr;

    fn dial(address: &SocketAddr) -> io::Result<Self> {
        TcpStream::connect(*address)
    }

    fn outcome(&self, ready: Interest) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        let Some(peer) = known(self.peer_addr(), ready)? else { return Ok(false) };
        // The port that was chosen for this end can be the one it connects to.
        if self.local_addr()? == peer {
            return Err(io::Error::new(ErrorKind::ConnectionRefused, "it was connected to itself"));
        }
        Ok(true)
    }

    fn describe(address: &SocketAddr) -> String {
        address.to_string()
    }
}

#[cfg(unix)]
impl Dial for crate::net::UnixStream {
    type Address = std::path::PathBuf;

    fn dial(path: &std::path::PathBuf) -> io::Result<Self> {
        crate::net::UnixStream::connect(path)
    }

    fn outcome(&self, ready: Interest) -> io::Result<bool> {
        match self.take_error()? {
            Some(error) => Err(error),
            None => Ok(known(self.peer_addr(), ready)?.is_some()),
        }
    }

    fn describe(path: &std::path::PathBuf) -> String {
        path.display().to_string()
    }
}

/// The peer's address, or `None` while there is no peer yet. It is the only portable way to tell
/// "connected" from "not yet".
fn known<A>(peer: io::Result<A>, ready: Interest) -> io::Result<Option<A>> {
    match peer {
        Ok(peer) => Ok(Some(peer)),
        Err(error) if error.kind() == ErrorKind::NotConnected => {
            if ready.is_error() || ready.is_write_closed() {
                // There was a peer, and there is none any more.
                Err(ErrorKind::ConnectionReset.into())
            } else {
                Ok(None)
            }
        }
        Err(error) => Err(error),
    }
}
