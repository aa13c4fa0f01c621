//! Two streams of one direction each, as one of both.

use super::Stream;
use mio::{Interest, Registry, Token, event};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

/// A source to read from and another to write to, as one stream: a pair of pipes, the standard output
/// and input of a child, for a [`Connection`](crate::Connection) over them.
///
/// Half-close closes the writer.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> std::io::Result<()> {
/// use selkie::{Duplex, unix::pipe};
/// use std::io::{Read, Write};
///
/// let (to_there, mut there_from) = pipe::new()?;
/// let (mut there_to, from_there) = pipe::new()?;
/// let mut here = Duplex::new(from_there, to_there);
/// here.write_all(b"ping")?;
/// # let mut buf = [0; 4];
/// there_from.read_exact(&mut buf)?;
/// there_to.write_all(b"pong")?;
/// here.read_exact(&mut buf)?;
/// assert_eq!(&buf, b"pong");
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Duplex<R, W> {
    reader: Half<R>,
    /// Without one, its side is closed.
    writer: Half<Option<W>>,
    /// The writer is to be closed as soon as it is out of the system's set.
    ending: bool,
}

/// A source, and whether it is in the system's set.
#[derive(Debug)]
struct Half<T> {
    source: T,
    registered: bool,
}

impl<R, W> Duplex<R, W> {
    /// One stream of `reader` and `writer`. Both have to be non-blocking, as mio's pipes are.
    pub fn new(reader: R, writer: W) -> Self {
        let reader = Half { source: reader, registered: false };
        Duplex { reader, writer: Half { source: Some(writer), registered: false }, ending: false }
    }

    /// The two of it; no writer, if its side was closed.
    pub fn into_parts(self) -> (R, Option<W>) {
        (self.reader.source, self.writer.source)
    }

    fn writer(&mut self) -> io::Result<&mut W> {
        match &mut self.writer.source {
            Some(writer) if !self.ending => Ok(writer),
            _ => Err(ErrorKind::BrokenPipe.into()),
        }
    }
}

impl<R: event::Source, W: event::Source> Duplex<R, W> {
    /// Has each half be in the system's set if `interests` speak of it, and look anew.
    fn arm(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        // What is urgent, is to be read.
        let read = interests.remove(Interest::WRITABLE);
        let write = interests.is_writable().then_some(Interest::WRITABLE);
        arm_half(&mut self.reader.source, &mut self.reader.registered, registry, token, read)?;
        if let Some(writer) = &mut self.writer.source {
            arm_half(writer, &mut self.writer.registered, registry, token, write)?;
        }
        self.close_ending();
        Ok(())
    }

    fn close_ending(&mut self) {
        if self.ending && !self.writer.registered {
            self.writer.source = None;
        }
    }
}

fn arm_half(
    source: &mut impl event::Source,
    registered: &mut bool,
    registry: &Registry,
    token: Token,
    interest: Option<Interest>,
) -> io::Result<()> {
    match interest {
        Some(interest) if *registered => registry.reregister(source, token, interest),
        Some(interest) => {
            registry.register(source, token, interest)?;
            *registered = true;
            Ok(())
        }
        None => disarm_half(source, registered, registry),
    }
}

fn disarm_half(source: &mut impl event::Source, registered: &mut bool, registry: &Registry) -> io::Result<()> {
    if std::mem::take(registered) { registry.deregister(source) } else { Ok(()) }
}

impl<R: event::Source, W: event::Source> event::Source for Duplex<R, W> {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.arm(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.arm(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let read = disarm_half(&mut self.reader.source, &mut self.reader.registered, registry);
        let write = match &mut self.writer.source {
            Some(writer) => disarm_half(writer, &mut self.writer.registered, registry),
            None => Ok(()),
        };
        self.close_ending();
        read.and(write)
    }
}

impl<R: Read, W> Read for Duplex<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.source.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.reader.source.read_vectored(bufs)
    }
}

impl<R, W: Write> Write for Duplex<R, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writer()?.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writer()?.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl<R, W> Stream for Duplex<R, W>
where
    R: Read + event::Source + 'static,
    W: Write + event::Source + 'static,
{
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.ending = true;
        self.close_ending();
        Ok(())
    }
}
