//! A child process as a source that is ready when it has exited.

use super::{ChildInput, ChildOutput, Pipes};
use crate::pump;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::unix::Fd;
use mio::{Interest, Registry, Token, event};
use shared_child::SharedChild;
use std::fmt;
use std::io;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;

/// A child process: a source that is ready to read once the child has exited.
///
/// [`Selector::spawn`](crate::Selector::spawn) makes it and keeps it. It is lent by
/// [`with`](crate::Selector::with) to those who have its key; when the child has exited, and that was
/// told, the key is stale.
///
/// Dropped while the child runs, it lets the child run on, and has a thread wait for it, so that it
/// leaves no zombie.
pub struct Process {
    child: Arc<SharedChild>,
    /// Is ready to read once it has exited.
    exit: Box<dyn event::Source + Send>,
    /// A thread waits for it already.
    has_waiter: bool,
}

impl Process {
    /// Starts a child, unless there is no way to wait for it.
    pub(super) fn start(command: &mut Command) -> io::Result<Process> {
        // What may be wanting is procured before anything is done that cannot be undone.
        let watch = Watch::prepare()?;
        let child = Arc::new(SharedChild::spawn(command)?);
        let has_waiter = watch.is_thread();
        match watch.begin(&child) {
            Ok(exit) => Ok(Process { child, exit, has_waiter }),
            Err(error) => {
                end(&child);
                Err(error)
            }
        }
    }

    /// Kills a child that was started in vain, because of `error`.
    pub(super) fn withdraw(&self, error: io::Error) -> io::Error {
        end(&self.child);
        error
    }

    pub(super) fn take_pipes(&self) -> io::Result<Pipes> {
        Ok(Pipes {
            stdin: self.child.take_stdin().map(ChildInput::new).transpose()?,
            stdout: self.child.take_stdout().map(ChildOutput::new).transpose()?,
            stderr: self.child.take_stderr().map(ChildOutput::new).transpose()?,
        })
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its status if it has exited. It is then waited for, in the sense of the system: it is no zombie
    /// any more. That the exit is told as well does not change.
    ///
    /// # Errors
    ///
    /// Those of the system, if the child is not known there any more.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills the child: `SIGKILL`, or what Windows has for it. Its exit is told as any other.
    ///
    /// Nothing happens if it has exited. Its own children are not killed.
    ///
    /// # Errors
    ///
    /// Those of the system: usually, the child has become another user, whom we may not kill.
    pub fn kill(&self) -> io::Result<()> {
        self.child.kill()
    }

    /// Sends the child a signal, `SIGTERM` for instance, which asks it to end. Nothing happens if it has
    /// exited.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no signal; otherwise as for
    /// [`kill`](Self::kill).
    ///
    /// **Platforms**: Unix.
    #[cfg(unix)]
    pub fn signal(&self, signal: std::ffi::c_int) -> io::Result<()> {
        shared_child::unix::SharedChildExt::send_signal(&*self.child, signal)
    }
}

/// Has a child exit at once, and waits until it has.
fn end(child: &SharedChild) {
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        log::warn!("cannot kill child {}, of which nobody knows: {error}", child.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_waiter || !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let child = Arc::clone(&self.child);
        if let Err(error) = wait_on_a_thread(move || drop(child.wait())) {
            log::warn!("child {} will be a zombie when it exits: {error}", self.child.id());
        }
    }
}

fn wait_on_a_thread(wait: impl FnOnce() + Send + 'static) -> io::Result<()> {
    /// It does next to nothing, and there may be many.
    const STACK_SIZE: usize = 64 * 1024;
    thread::Builder::new().name("selkie child".to_owned()).stack_size(STACK_SIZE).spawn(wait)?;
    Ok(())
}

/// How the exit of a child is waited for, before there is a child.
enum Watch {
    /// By a descriptor of the child itself; until there is one, another keeps its place.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Descriptor { place: std::os::fd::OwnedFd },
    /// By a thread that drops its end of a pair of sockets.
    Thread { near: pump::Near, far: pump::Far },
}

impl Watch {
    fn prepare() -> io::Result<Watch> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(watch) = Watch::by_descriptor()? {
            return Ok(watch);
        }
        Watch::by_thread()
    }

    /// `None` if there is no such thing here.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn by_descriptor() -> io::Result<Option<Watch>> {
        use rustix::io::Errno;
        use rustix::process::{PidfdFlags, getpid, pidfd_open};
        // The other back end stands for systems that have no such thing.
        if cfg!(mio_unsupported_force_poll_poll) {
            return Ok(None);
        }
        match pidfd_open(getpid(), PidfdFlags::empty()) {
            Ok(place) => Ok(Some(Watch::Descriptor { place })),
            // Those of a kernel before 5.3, and of a sandbox that does not let everything through.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn by_thread() -> io::Result<Watch> {
        let (near, far) = pump::pair()?;
        Ok(Watch::Thread { near, far })
    }

    fn is_thread(&self) -> bool {
        matches!(self, Watch::Thread { .. })
    }

    /// Answers what is ready to read once `child` has exited.
    fn begin(self, child: &Arc<SharedChild>) -> io::Result<Box<dyn event::Source + Send>> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Watch::Descriptor { place } => {
                use rustix::process::{Pid, PidfdFlags, pidfd_open};
                drop(place);
                // It is not waited for before this has returned, so the number is still its own.
                let id = Pid::from_raw(child.id() as i32).ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(Fd::new(pidfd_open(id, PidfdFlags::empty())?)))
            }
            Watch::Thread { near, far } => {
                let child = Arc::clone(child);
                wait_on_a_thread(move || {
                    // Whatever came of it, `try_wait` will find out.
                    let _ = child.wait();
                    drop(far);
                })?;
                Ok(Box::new(near))
            }
        }
    }
}

impl event::Source for Process {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.exit.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.exit.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.exit.deregister(registry)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).finish_non_exhaustive()
    }
}
