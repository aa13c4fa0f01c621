//! Standard input as a source.

#[cfg(any(windows, target_vendor = "apple"))]
use crate::pump;
use crate::readiness;
#[cfg(unix)]
use crate::unix::Fd;
use mio::{Interest, Registry, Token, event};
use std::fmt;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsFd;

/// Standard input as a source to read from, be it a terminal, a pipe, a file or `/dev/null`.
///
/// ```no_run
/// use selkie::{READ, Selector};
/// use std::io::{self, Read};
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// sel.register(selkie::stdin()?, READ, |stdin, _| -> io::Result<()> {
///     let mut buf = [0; 4096];
///     match stdin.read(&mut buf)? {
///         0 => stdin.unregister(), // the end of the file; Ctrl-D at a terminal
///         n => println!("{n} bytes"),
///     }
///     Ok(())
/// })?;
/// sel.run()
/// # }
/// ```
///
/// One `read` per call of its callback does not block. So the mode of standard input is left as it
/// is: it is shared with the shell and with whoever else has this terminal, and one that is left
/// non-blocking breaks them. A second `read` in the same call, or one outside of it, may block.
///
/// A terminal hands over what is typed when the line is ended, unless the program has changed that.
/// A file and `/dev/null` are ready in every turn, up to the end and on, so unregister them there. A
/// directory is refused by [`register`](crate::Selector::register)
/// ([`IsADirectory`](io::ErrorKind::IsADirectory)).
///
/// It is read past the buffer of [`std::io::Stdin`], and does not see what that has read already; do
/// not use both. Of two at the same time, each gets what it is the first to read.
///
/// # Errors
///
/// Those of the system: usually, too many descriptors are open. A standard input that was closed when
/// the program began is no error, but `/dev/null`: so Rust has it.
///
/// **Platforms**: on Windows, where nothing but a socket can be waited for, a thread reads standard
/// input and passes it on through a socket, from this call on. So some of it, as much as
/// the socket holds, is taken before it is asked for, and when the source is dropped the thread stays
/// until it has read once more. What is an error there is the end of the input here, and logged. macOS
/// can wait for most of what standard input may be, and does it that way for the rest, such as
/// `/dev/tty`.
pub fn stdin() -> io::Result<Stdin> {
    #[cfg(unix)]
    let stdin = {
        let file = own_handle()?;
        let hides_its_end = readiness::HIDES_END_OF_FILE && file.metadata()?.is_file();
        Stdin { input: Box::new(Fd::new(file)), hides_its_end }
    };
    #[cfg(windows)]
    let stdin = Stdin { input: Box::new(pump::read_from(io::stdin())?), hides_its_end: false };
    Ok(stdin)
}

/// The same standard input under a descriptor of our own, without the standard library's buffer.
#[cfg(unix)]
fn own_handle() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Standard input as a source. [`stdin()`] makes it, and says what it does.
#[derive(Debug)]
pub struct Stdin {
    input: Box<dyn Input>,
    /// It is a regular file, of which the system would not tell the end.
    hides_its_end: bool,
}

trait Input: event::Source + Read + fmt::Debug + Send {}

impl<T: event::Source + Read + fmt::Debug + Send> Input for T {}

impl event::Source for Stdin {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        if self.hides_its_end {
            // The selector has it ready in every turn then.
            return Err(io::Error::from_raw_os_error(readiness::EPERM));
        }
        match self.input.register(registry, token, interests) {
            #[cfg(target_vendor = "apple")]
            // How it refuses some terminals and other devices.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.input = Box::new(pump::read_from(own_handle()?)?);
                self.input.register(registry, token, interests)
            }
            result => result,
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.input.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.input.deregister(registry)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.input.read(buf)
    }
}
