//! Child processes: their exits as callbacks, their pipes as sources.

mod exit;
mod output;

use crate::interest::READ;
use crate::key::Key;
#[cfg(windows)]
use crate::pump;
use crate::selector::Selector;
use mio::{Interest, Registry, Token, event};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::process::{Command, ExitStatus};

pub use exit::Process;

/// # Child processes
///
/// With the feature `process`.
///
/// A child is no part of the selector. It runs on when its [`Process`] is taken out, and when the
/// selector is dropped: then nobody is told of its exit, but it is waited for, so that no zombie stays
/// behind. To end it, [kill](Process::kill) it.
///
/// **Platforms**: on Linux the exit of a child is a descriptor that can be waited for (a pidfd, since
/// 5.3). Elsewhere, and where the kernel or a sandbox refuses that, a thread waits for each child, and
/// two descriptors are needed. On Windows, moreover, a thread passes on what goes through each pipe.
impl<'cb> Selector<'cb> {
    /// Starts `command` as a child, and has `exited` called once it has exited.
    ///
    /// Those of its standard streams that are to be piped (`stdin(Stdio::piped())` and so on) are in
    /// the [`Child`], each a source to be registered; the others are as [`Command::spawn`] has them.
    /// They are independent of the exit: a child may close its output long before it exits, and after
    /// it has, output of its own may still be in the pipe, or more may come from children of its
    /// own. [`output`](Self::output) waits for all three.
    ///
    /// `exited` is given an error only if the system does not know the child any more: somebody else
    /// has waited for it, or `SIGCHLD` is ignored.
    ///
    /// ```
    /// use selkie::{READ, Selector};
    /// use std::io::{self, Read};
    /// use std::process::{Command, Stdio};
    ///
    /// # fn main() -> io::Result<()> {
    /// let sel = Selector::new()?;
    /// # #[cfg(unix)] {
    /// let mut child = sel.spawn(Command::new("echo").arg("hello").stdout(Stdio::piped()), |_, status| {
    ///     println!("it has exited: {status:?}");
    /// })?;
    /// sel.register(child.stdout.take().expect("it is piped"), READ, |stdout, _| -> io::Result<()> {
    ///     let mut buf = [0; 4096];
    ///     match stdout.read(&mut buf)? {
    ///         0 => stdout.unregister(),
    ///         n => print!("{}", String::from_utf8_lossy(&buf[..n])),
    ///     }
    ///     Ok(())
    /// })?;
    /// # }
    /// sel.run() // until both have ended
    /// # }
    /// ```
    ///
    /// # From inside a callback
    ///
    /// At once; `exited` is called in a later turn. Starting takes the time that it takes: a
    /// millisecond or so, during which nobody else is called.
    ///
    /// # Errors
    ///
    /// Those of [`Command::spawn`], [`NotFound`](io::ErrorKind::NotFound) for one, and those of the
    /// system: usually, too many descriptors are open. Nothing stays behind. If it fails after the child
    /// was started, which it does only for want of memory or of a descriptor that another thread
    /// took, the child is killed.
    #[doc(alias = "subprocess_exec")]
    pub fn spawn(
        &self,
        command: &mut Command,
        exited: impl FnOnce(&Selector<'cb>, io::Result<ExitStatus>) + 'cb,
    ) -> io::Result<Child> {
        let process = Process::start(command)?;
        let id = process.id();
        let pipes = process.take_pipes().map_err(|error| process.withdraw(error))?;
        let mut exited = Some(exited);
        let registered = self.register(process, READ, move |process, _| {
            let status = match process.try_wait() {
                Ok(None) => return,
                Ok(Some(status)) => Ok(status),
                Err(error) => Err(error),
            };
            process.unregister();
            if let Some(exited) = exited.take() {
                exited(process.selector(), status);
            }
        });
        let key = registered.map_err(|failed| {
            let (error, process) = failed.into_parts();
            process.withdraw(error)
        })?;
        let Pipes { stdin, stdout, stderr } = pipes;
        Ok(Child { key, id, stdin, stdout, stderr })
    }
}

/// A child process that was started: its key, and its pipes. [`Selector::spawn`] hands it out.
///
/// For a child that one talks with, [`Duplex`](crate::Duplex) makes one stream of its output and its
/// input, and a [`Connection`](crate::Connection) can be opened over that.
///
/// Dropping it closes the pipes that were not taken, and does nothing else to the child.
#[derive(Debug)]
#[non_exhaustive]
pub struct Child {
    /// Its [`Process`], in the selector until it has exited. To kill it, say, from a timer:
    ///
    /// ```
    /// # use selkie::Selector;
    /// # use std::{process::Command, time::Duration};
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// # #[cfg(unix)] {
    /// let key = sel.spawn(Command::new("sleep").arg("1000"), |_, status| println!("{status:?}"))?.key;
    /// sel.call_later(Duration::from_millis(10), move |sel| {
    ///     // An error means that it has exited by itself.
    ///     let _ = sel.with(key, |process| process.kill());
    /// });
    /// # }
    /// sel.run()
    /// # }
    /// ```
    pub key: Key<Process>,
    /// Its number. Once it has exited the system may give it to another process.
    pub id: u32,
    /// The other end of its standard input, if that is piped. Dropped, so closed, it is the end of
    /// the child's input.
    pub stdin: Option<ChildInput>,
    /// The other end of its standard output, if that is piped.
    pub stdout: Option<ChildOutput>,
    /// The other end of its standard error, if that is piped.
    pub stderr: Option<ChildOutput>,
}

/// The pipes of a child, as far as there are any.
struct Pipes {
    stdin: Option<ChildInput>,
    stdout: Option<ChildOutput>,
    stderr: Option<ChildOutput>,
}

#[cfg(unix)]
type Sender = mio::unix::pipe::Sender;
#[cfg(windows)]
type Sender = pump::Near;
#[cfg(unix)]
type Receiver = mio::unix::pipe::Receiver;
#[cfg(windows)]
type Receiver = pump::Near;

/// A pipe into a child's standard input: a source to write to.
///
/// Once nobody reads from it any more, a write fails with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// **Platforms**: on Windows a thread writes on to the child. So what was written may not have arrived
/// yet, and the kind of the error may be another.
pub struct ChildInput(Sender);

/// A pipe out of a child's standard output or standard error: a source to read from.
///
/// It ends when the child has closed it, or has exited, and so have all to whom it has passed it on.
///
/// **Platforms**: on Windows a thread reads from the child.
pub struct ChildOutput(Receiver);

impl ChildInput {
    #[cfg(unix)]
    fn new(pipe: std::process::ChildStdin) -> io::Result<Self> {
        let sender = Sender::from(pipe);
        sender.set_nonblocking(true)?;
        Ok(ChildInput(sender))
    }

    #[cfg(windows)]
    fn new(pipe: std::process::ChildStdin) -> io::Result<Self> {
        pump::write_to(pipe).map(ChildInput)
    }
}

impl ChildOutput {
    #[cfg(unix)]
    fn new(pipe: impl Into<std::os::fd::OwnedFd>) -> io::Result<Self> {
        let receiver = Receiver::from(pipe.into());
        receiver.set_nonblocking(true)?;
        Ok(ChildOutput(receiver))
    }

    #[cfg(windows)]
    fn new(pipe: impl Read + Send + 'static) -> io::Result<Self> {
        pump::read_from(pipe).map(ChildOutput)
    }
}

impl Write for ChildInput {
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

impl Read for ChildOutput {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

/// A source that is what it has within.
macro_rules! source_within {
    ($type:ty) => {
        impl event::Source for $type {
            fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
                self.0.register(registry, token, interests)
            }

            fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
                self.0.reregister(registry, token, interests)
            }

            fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
                self.0.deregister(registry)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

source_within!(ChildInput);
source_within!(ChildOutput);
