//! Listening at a path, and what becomes of the file there.

use crate::net::{UnixListener, UnixStream};
use crate::server::Listener;
use mio::{Registry, Token, event};
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A Unix listener that looks after the file at its path.
///
/// A Unix socket leaves its file behind when it is closed, and then the path cannot be bound again. So:
///
/// * **What was left behind is replaced.** If the path is taken by a socket at which nobody listens,
///   which is found out by connecting to it, that file is removed. A server that is alive, a file of
///   another kind and a symbolic link are left alone: [`bind`](Self::bind) fails with
///   [`AddrInUse`](ErrorKind::AddrInUse).
/// * **The file goes when the listener is dropped**, if it is still the listener's own. One that another
///   has put there stays.
///
/// Two servers that are started at the same moment can both find the same file left behind. Where that
/// may be, have them lock a file first.
///
/// [`UnixListener`] does none of this.
///
/// ```
/// use selkie::{Selector, Server, unix::PathListener};
/// # use selkie::{Connection, Input, Protocol, Source, net::UnixStream};
/// # struct Sink;
/// # impl Protocol<'_, UnixStream> for Sink {
/// #     fn received(&mut self, _: &mut Source<Connection<UnixStream>>, _: &mut Input) -> std::io::Result<()> { Ok(()) }
/// # }
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("selkie-doc-{}", std::process::id()));
/// let sel = Selector::new()?;
/// Server::open(&sel, PathListener::bind(&path)?, |_peer| Sink)?;
/// assert!(path.exists());
/// drop(sel);
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PathListener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, by which it is known again.
    file: (u64, u64),
}

impl PathListener {
    /// Listens at `path`.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](ErrorKind::AddrInUse) if the path is taken, but for a socket that was left behind;
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it is too long for the address of a socket (some 100
    /// bytes); otherwise those of the system.
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && was_left_behind(&path) => {
                fs::remove_file(&path)?;
                UnixListener::bind(&path)
            }
            result => result,
        }?;
        let file = identity(&path)?;
        Ok(PathListener { listener, path, file })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Whether the file at `path` is a socket at which nobody listens.
fn was_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    // Whoever has a full queue, or is no stream, gives another answer, and is alive.
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

impl Drop for PathListener {
    fn drop(&mut self) {
        // Before the socket is closed, so that no client is refused by a file that is to go.
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            if let Err(error) = fs::remove_file(&self.path) {
                log::warn!("cannot remove {}: {error}", self.path.display());
            }
        }
    }
}

impl Deref for PathListener {
    type Target = UnixListener;

    fn deref(&self) -> &UnixListener {
        &self.listener
    }
}

impl Listener for PathListener {
    type Stream = UnixStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.listener.accept()
    }
}

impl event::Source for PathListener {
    fn register(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.listener.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.listener.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.listener.deregister(registry)
    }
}
