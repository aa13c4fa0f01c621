//! Jobs that are done on other threads, so that they keep nobody waiting.

use crate::error::OffloadError;
use crate::generations::Generations;
use crate::mail::Call;
use crate::pool::Pool;
use crate::selector::Selector;
use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{error, fmt, io, thread};

/// What is to be called when a job is done, with what came of it.
type Done<'cb> = Box<dyn FnOnce(&Selector<'cb>, Box<dyn Any + Send>) + 'cb>;

/// The jobs of a selector that are not done, and those who do them.
pub(crate) struct Workers<'cb> {
    threads: Option<usize>,
    queue_max: usize,
    numbers: RefCell<Generations>,
    pending: RefCell<BTreeMap<u64, Done<'cb>>>,
    /// The last to be dropped, because that waits for the jobs which were begun.
    pool: OnceCell<Pool>,
}

impl Workers<'_> {
    /// With as many threads as are good for the machine, unless it is said how many.
    pub(crate) fn new(threads: Option<usize>, queue_max: usize) -> Self {
        Workers {
            threads,
            queue_max,
            numbers: RefCell::new(Generations::new()),
            pending: RefCell::new(BTreeMap::new()),
            pool: OnceCell::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// How many jobs are not done.
    pub(crate) fn len(&self) -> usize {
        self.pending.borrow().len()
    }
}

/// As Python's executors have it: a few more than processors, since jobs wait more than they compute.
fn default_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    32.min(processors + 4)
}

/// # Workers
///
/// What would keep the loop from turning, a long computation, a file system, a name lookup, is a job
/// for another thread. What comes of it comes back to the loop.
///
/// * A selector has a pool of threads of its own, named `selkie-worker`. None is started before the
///   first job, and another only when all those there are have enough to do. There are at most as many
///   as [`Builder::workers`](crate::Builder::workers) says, by default four more than processors, and
///   at most 32. They stay until the selector is dropped.
/// * Jobs are begun in the order of offloading, and each `done` is called in the order in which the jobs
///   came to their ends: in the last step of a turn, among the calls that [`Remote`](crate::Remote)s
///   have posted. Several that end together wake the loop once.
/// * While a job is pending, [`run`](Selector::run) goes on.
/// * A selector that is dropped drops the jobs that were not begun, calls no `done` any more, drops its
///   sources, and then waits for the jobs that are being done, as a thread cannot be ended from outside.
impl<'cb> Selector<'cb> {
    /// Has `job` done on another thread, and then `done` called on this one, with what `job` returned.
    ///
    /// Only `job` and its value go to another thread. `done` stays, and may borrow whatever callbacks
    /// may.
    ///
    /// ```
    /// # use selkie::Selector;
    /// # fn main() -> std::io::Result<()> {
    /// let text = &std::cell::RefCell::new(String::new());
    /// let sel = Selector::new()?;
    /// sel.offload(
    ///     || std::fs::read_to_string("Cargo.toml"),
    ///     |_, read| match read {
    ///         Ok(Ok(manifest)) => *text.borrow_mut() = manifest,
    ///         Ok(Err(error)) => eprintln!("it cannot be read: {error}"),
    ///         Err(panic) => eprintln!("{panic}"),
    ///     },
    /// )?;
    /// sel.run()?;
    /// assert!(text.borrow().contains("[package]"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A job that panics ends with that, and `done` is given a [`JobPanic`]; the thread goes on to the
    /// next. A panic of `done` goes on out of `run`, as that of any callback.
    ///
    /// The [`Job`] is for [`cancel_job`](Self::cancel_job), and may be ignored.
    ///
    /// # From inside a callback
    ///
    /// As from outside. `done` is never called before this returns.
    ///
    /// # Errors
    ///
    /// `job` and `done` come back in the error.
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the queue is full: it has a bound only if
    /// [`Builder::queue_max`](crate::Builder::queue_max) has set one.
    /// [`Unsupported`](io::ErrorKind::Unsupported) if the selector was built with no workers. Otherwise
    /// those of the system: the first job needs a waker (see [`remote`](Self::remote)) and a thread.
    #[doc(alias = "run_in_executor")]
    #[doc(alias = "spawn_blocking")]
    pub fn offload<T, J, D>(&self, job: J, done: D) -> Result<Job, OffloadError<J, D>>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
        D: FnOnce(&Selector<'cb>, Result<T, JobPanic>) + 'cb,
    {
        self.offload_with(WhenFull::Refuse, job, done)
    }

    /// As [`offload`](Self::offload), with a choice of what happens when the queue is full.
    ///
    /// # Errors
    ///
    /// As for `offload`.
    pub fn offload_with<T, J, D>(&self, when_full: WhenFull, job: J, done: D) -> Result<Job, OffloadError<J, D>>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
        D: FnOnce(&Selector<'cb>, Result<T, JobPanic>) + 'cb,
    {
        let ready = self.pool().and_then(|pool| Ok((pool, pool.make_room(when_full)?)));
        let (pool, dropped) = match ready {
            Ok(ready) => ready,
            Err(error) => return Err(OffloadError::new(error, job, done)),
        };
        let workers = self.workers();
        let number = workers.numbers.borrow_mut().next();
        let done = move |sel: &Selector<'cb>, value: Box<dyn Any + Send>| {
            done(sel, *value.downcast().expect("what came of a job is of its own type"));
        };
        workers.pending.borrow_mut().insert(number, Box::new(done));
        let work = move || -> Call {
            let value: Result<T, JobPanic> = catch_unwind(AssertUnwindSafe(job)).map_err(JobPanic);
            Box::new(move |sel| sel.job_is_done(number, Box::new(value)))
        };
        pool.put(number, Box::new(work));
        if let Some((number, work)) = dropped {
            let done = workers.pending.borrow_mut().remove(&number);
            drop((work, done));
        }
        Ok(Job(number))
    }

    /// Sees to it that the `done` of a job is not called, and drops it. True if this was in time for
    /// the job as well: it was still in the queue, and is dropped too.
    ///
    /// A job that was begun cannot be ended from here. It goes on, and what it returns is dropped; but
    /// [`run`](Self::run) does not wait for it any more. If `done` was called already, or the job was
    /// cancelled, this does nothing.
    ///
    /// # From inside a callback
    ///
    /// At once.
    pub fn cancel_job(&self, job: Job) -> bool {
        let workers = self.workers();
        let work = workers.pool.get().and_then(|pool| pool.take_back(job.0));
        let done = workers.pending.borrow_mut().remove(&job.0);
        let in_time = work.is_some();
        // They are dropped when nothing is borrowed: what they captured may do anything as it goes.
        drop((work, done));
        in_time
    }

    fn pool(&self) -> io::Result<&Pool> {
        let workers = self.workers();
        if let Some(pool) = workers.pool.get() {
            return Ok(pool);
        }
        let mail = Arc::clone(self.mail()?);
        let threads = workers.threads.unwrap_or_else(default_threads);
        Ok(workers.pool.get_or_init(|| Pool::new(mail, threads, workers.queue_max)))
    }

    fn job_is_done(&self, number: u64, value: Box<dyn Any + Send>) {
        let done = self.workers().pending.borrow_mut().remove(&number);
        if let Some(done) = done {
            done(self, value);
        }
    }
}

/// A handle to a job that was offloaded: `Copy`, and good to keep anywhere. When the job is done, or
/// was cancelled, it is stale and stays so.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Job(u64);

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job(#{})", self.0)
    }
}

/// What [`Selector::offload_with`] does when the queue is full: every worker has a job, and as many
/// wait as [`Builder::queue_max`](crate::Builder::queue_max) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// The job is refused, and handed back.
    Refuse,
    /// The thread of the selector waits until a worker has come to the end of a job. Nothing else
    /// happens on the loop meanwhile, so no job may itself wait for something from the loop.
    Wait,
    /// The job that has waited longest is dropped, and its `done` with it, as if it was cancelled. If
    /// none waits, since `queue_max` is zero, the new one is refused.
    DropOldest,
}

/// A job that panicked: what `done` is given instead of a value.
///
/// It turns into an [`io::Error`] that has its message.
pub struct JobPanic(Box<dyn Any + Send>);

impl JobPanic {
    /// What the job said as it panicked, if that was a text.
    pub fn message(&self) -> Option<&str> {
        let text = self.0.downcast_ref::<&str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str))
    }

    /// What it panicked with, for [`resume_unwind`](std::panic::resume_unwind), say.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
    }
}

impl From<JobPanic> for io::Error {
    fn from(panic: JobPanic) -> io::Error {
        io::Error::other(panic.to_string())
    }
}

impl fmt::Debug for JobPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobPanic").field("message", &self.message()).finish_non_exhaustive()
    }
}

impl fmt::Display for JobPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "a job panicked: {message}"),
            None => f.write_str("a job panicked"),
        }
    }
}

impl error::Error for JobPanic {}
