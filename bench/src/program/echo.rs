//! A server that sends back what it is sent.
//!
//! All servers do the same for a client: one read of up to `READ_MAX` bytes into a buffer that
//! all clients share, then a write. What a write leaves over is kept, and nothing more is read until
//! it is out.

use crate::Result;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;

pub const READ_MAX: usize = 4096;

/// A listener that does not block, on a port that the system chooses. Says where it is.
pub fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    println!("{} {}", listener.local_addr()?.port(), process::id());
    Ok(listener)
}

/// What is known of a client.
#[derive(Default)]
pub struct Client {
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

/// What to wait for next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// For input. There may be more already.
    Read,
    /// For input, and there was no more when we looked.
    ReadLater,
    /// For room for output.
    Write,
    /// For nothing: it has ended, or is broken.
    Close,
}

impl Client {
    /// Whether it waits for room.
    #[inline]
    pub fn is_writing(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Does what there is to do for a client that is ready: one read and one write at most.
    #[inline]
    pub fn ready<S: Read + Write>(&mut self, stream: &mut S, buf: &mut [u8]) -> Next {
        if self.is_writing() {
            return self.send_rest(stream);
        }
        let read = match stream.read(buf) {
            Ok(0) => return Next::Close,
            Ok(read) => read,
            Err(error) if is_not_now(&error) => return Next::ReadLater,
            Err(_) => return Next::Close,
        };
        let sent = match stream.write(&buf[..read]) {
            Ok(sent) => sent,
            Err(error) if is_not_now(&error) => 0,
            Err(_) => return Next::Close,
        };
        if sent < read {
            self.unsent = buf[sent..read].to_vec();
            return Next::Write;
        }
        if read < buf.len() { Next::ReadLater } else { Next::Read }
    }

    #[cold]
    fn send_rest<S: Write>(&mut self, stream: &mut S) -> Next {
        match stream.write(&self.unsent) {
            Ok(sent) => drop(self.unsent.drain(..sent)),
            Err(error) if is_not_now(&error) => {}
            Err(_) => return Next::Close,
        }
        if !self.unsent.is_empty() {
            return Next::Write;
        }
        self.unsent = Vec::new();
        Next::Read
    }
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these bytes to read, and takes so many in each write.
    struct Stream {
        input: Vec<u8>,
        room: usize,
        output: Vec<u8>,
    }

    impl Read for Stream {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.input.len().min(buf.len());
            buf[..n].copy_from_slice(&self.input[..n]);
            self.input.drain(..n);
            Ok(n)
        }
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            self.output.extend(&bytes[..n]);
            if n == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_left_over_goes_out_before_more_is_read() {
        let mut stream = Stream { input: b"abcdef".to_vec(), room: 1, output: Vec::new() };
        let mut client = Client::default();
        let mut buf = [0; 4];
        assert!(client.ready(&mut stream, &mut buf) == Next::Write);
        stream.room = 0;
        assert!(client.ready(&mut stream, &mut buf) == Next::Write);
        stream.room = 9;
        assert!(client.ready(&mut stream, &mut buf) == Next::Read);
        assert_eq!(stream.output, b"abcd");
        assert!(client.ready(&mut stream, &mut buf) == Next::ReadLater);
        assert!(client.ready(&mut stream, &mut buf) == Next::Close);
        assert_eq!(stream.output, b"abcdef");
    }
}
