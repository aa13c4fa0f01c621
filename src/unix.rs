//! Sources for descriptors that are not sockets: [`Fd`] for anything, and mio's pipes; and listening at
//! a path, [`PathListener`].

mod path_listener;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};
use std::fs;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, RawFd};

pub use mio::unix::pipe;
pub use path_listener::PathListener;

/// A source made of anything that has a descriptor: a file, a terminal, an inherited pipe, a socket
/// of some other library, or a bare [`RawFd`].
///
/// It is `T` still, by `Deref`, and reads and writes if `T` does. What owns the descriptor owns it
/// as before: an `Fd<File>` closes when it is dropped, an `Fd<RawFd>` does not.
///
/// The descriptor need not be non-blocking. Since a callback is called only while there is something
/// to read, one `read` per call does not block, unless somebody else reads from it as well; so leave
/// a terminal or an inherited standard input as it is, for the mode is shared with whoever else has
/// it. A `write` of much to a blocking descriptor may well block.
///
/// A regular file or `/dev/null` is always ready. On the other hand a type that reads ahead into a
/// buffer of its own, like [`std::io::Stdin`], hides from the selector what it holds: use what is
/// beneath it.
///
/// ```no_run
/// use selkie::{READ, Selector, unix::Fd};
/// use std::{fs::File, io::{self, Read}};
///
/// # fn main() -> io::Result<()> {
/// let modem = File::open("/dev/ttyS0")?;
/// let sel = Selector::new()?;
/// sel.register(Fd::new(modem), READ, |modem, _| -> io::Result<()> {
///     let mut buf = [0; 4096];
///     match modem.read(&mut buf)? {
///         0 => modem.unregister(),
///         n => println!("{n} bytes"),
///     }
///     Ok(())
/// })?;
/// sel.run()
/// # }
/// ```
///
/// # Errors
///
/// [`register`](crate::Selector::register) refuses a closed descriptor (`EBADF`), a directory
/// ([`IsADirectory`](ErrorKind::IsADirectory)) and, except on kqueue, a descriptor that is
/// registered already ([`AlreadyExists`](ErrorKind::AlreadyExists)).
///
/// For standard input there is [`stdin`](crate::stdin()).
///
/// **Platforms**: Unix. macOS refuses `/dev/tty` itself, though not the terminal under its own name
/// or as standard input.
#[derive(Debug)]
pub struct Fd<T>(T);

impl<T: AsRawFd> Fd<T> {
    /// A source of what has the descriptor.
    pub fn new(inner: T) -> Self {
        Fd(inner)
    }

    /// What was put in.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Fd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Fd<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: AsRawFd> AsRawFd for Fd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl<T: AsRawFd> event::Source for Fd<T> {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        let fd = self.0.as_raw_fd();
        if !crate::readiness::REFUSES_ALWAYS_READY {
            examine(fd)?;
        }
        SourceFd(&fd).register(registry, token, interests).map_err(|error| match error.kind() {
            // How epoll refuses a file, which is always ready, and a directory, which never is.
            ErrorKind::PermissionDenied => examine(fd).err().unwrap_or(error),
            _ => error,
        })
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

/// Whether the system refuses a closed descriptor by itself. `poll(2)` takes any number.
const REFUSES_CLOSED: bool = crate::readiness::WOULD_BLOCK_PROVES;

/// What is wrong with a descriptor, where the system's wait would accept it and not say all there is.
fn examine(fd: RawFd) -> io::Result<()> {
    const EBADF: i32 = 9;
    match fs::metadata(format!("/dev/fd/{fd}")) {
        Ok(metadata) if metadata.is_dir() => {
            Err(io::Error::new(ErrorKind::IsADirectory, "a directory is never ready: there is nothing to wait for"))
        }
        Ok(metadata) if crate::readiness::HIDES_END_OF_FILE && metadata.is_file() => {
            Err(io::Error::from_raw_os_error(crate::readiness::EPERM))
        }
        // On the BSDs `/dev/fd` may list the first few descriptors only: what it lacks may be open.
        Err(error) if !REFUSES_CLOSED && error.kind() == ErrorKind::NotFound && fs::metadata("/dev/fd").is_ok() => {
            Err(io::Error::from_raw_os_error(EBADF))
        }
        // Nothing against it, or no way to tell.
        _ => Ok(()),
    }
}

impl<T: Read> Read for Fd<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

impl<T: Write> Write for Fd<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
