//! What all models have in common: how one client is served.

use crate::around;
use std::io::{self, ErrorKind, Read, Write};

/// The longest line that is taken, in bytes.
const LINE_MAX: usize = 64 * 1024;

/// One client, as its server knows it.
#[derive(Default)]
pub(crate) struct Session {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// What the socket did not take yet. While there is any, nothing is read.
    unsent: Vec<u8>,
}

impl Session {
    /// Reads once, unless an answer waits, and sends what the socket takes. Whether the client is
    /// still there. On a socket that blocks this waits, and on another it returns.
    pub(crate) fn turn(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        if self.unsent.is_empty() {
            let mut buf = [0; 4096];
            match stream.read(&mut buf) {
                Ok(0) => return Ok(false),
                Ok(n) => self.received(&buf[..n])?,
                Err(error) if around::not_now(&error) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        if !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if around::not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether an answer waits for room.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.extend_from_slice(bytes);
        let lines = self.line.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        self.unsent.extend(self.line.drain(..lines));
        self.unsent.make_ascii_uppercase();
        if self.line.len() > LINE_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "a line is too long"));
        }
        Ok(())
    }
}
