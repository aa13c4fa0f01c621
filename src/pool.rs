//! Threads that do jobs, and the queue in front of them. What comes of a job goes to the selector by
//! its mail.
//!
//! One thread, the selector's, puts jobs in and takes them back. No foreign code runs while the queue
//! is locked: a job that comes out is called or dropped elsewhere.

use crate::mail::{Call, Mail};
use crate::offload::WhenFull;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A job, and how the selector is told what came of it.
pub(crate) type Work = Box<dyn FnOnce() -> Call + Send>;

pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: RefCell<Vec<JoinHandle<()>>>,
    workers: usize,
    /// How many jobs there may be beside the threads that are there to do them.
    queue_max: usize,
}

struct Shared {
    mail: Arc<Mail>,
    state: Mutex<State>,
    has_work: Condvar,
    has_room: Condvar,
}

#[derive(Default)]
struct State {
    /// By their numbers, which ascend.
    queue: BTreeMap<u64, Work>,
    /// How many threads are doing a job.
    busy: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(mail: Arc<Mail>, workers: usize, queue_max: usize) -> Pool {
        let shared = Shared { mail, state: Mutex::default(), has_work: Condvar::new(), has_room: Condvar::new() };
        Pool { shared: Arc::new(shared), threads: RefCell::new(Vec::new()), workers, queue_max }
    }

    /// Sees to it that another job can be put in, and will be done. The answer is the job that had
    /// to go for it, if any.
    pub(crate) fn make_room(&self, when_full: WhenFull) -> io::Result<Option<(u64, Work)>> {
        if self.workers == 0 {
            return Err(io::Error::new(ErrorKind::Unsupported, "the selector was built without workers"));
        }
        self.start_thread_if_needed()?;
        let mut state = self.shared.lock();
        while state.busy + state.queue.len() >= self.workers.saturating_add(self.queue_max) {
            match when_full {
                WhenFull::Wait => {
                    state = self.shared.has_room.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                WhenFull::DropOldest if !state.queue.is_empty() => return Ok(state.queue.pop_first()),
                WhenFull::DropOldest | WhenFull::Refuse => {
                    return Err(io::Error::new(ErrorKind::QuotaExceeded, "the queue of jobs is full"));
                }
            }
        }
        Ok(None)
    }

    /// Has a job done that there is room for. Its number is above all before it.
    pub(crate) fn put(&self, number: u64, work: Work) {
        self.shared.lock().queue.insert(number, work);
        self.shared.has_work.notify_one();
    }

    /// Takes a job back, unless it was begun.
    pub(crate) fn take_back(&self, number: u64) -> Option<Work> {
        self.shared.lock().queue.remove(&number)
    }

    /// Starts one more thread if all there are will have enough to do without another job.
    fn start_thread_if_needed(&self) -> io::Result<()> {
        let mut threads = self.threads.borrow_mut();
        let state = self.shared.lock();
        let is_needed = state.busy + state.queue.len() >= threads.len() && threads.len() < self.workers;
        drop(state);
        if !is_needed {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        match thread::Builder::new().name("selkie-worker".to_owned()).spawn(move || shared.work()) {
            Ok(thread) => threads.push(thread),
            Err(error) if threads.is_empty() => return Err(error),
            Err(error) => log::warn!("no more than {} workers can be started: {error}", threads.len()),
        }
        Ok(())
    }
}

impl Drop for Pool {
    /// Drops the jobs that were not begun, and waits for those that were.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let queue = mem::take(&mut state.queue);
        drop(state);
        self.shared.has_work.notify_all();
        drop(queue);
        for thread in self.threads.take() {
            // It does not panic, unless something does that is dropped there. Then nothing is lost.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does, as long as there is a pool.
    fn work(&self) {
        while let Some(work) = self.next() {
            let told = work();
            // Before the selector is told: what it offloads then finds this thread free.
            self.lock().busy -= 1;
            self.has_room.notify_one();
            drop(self.mail.post(told));
        }
    }

    /// Waits for the next job. `None` if there will be none.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some((_, work)) = state.queue.pop_first() {
                state.busy += 1;
                return Some(work);
            }
            if state.closed {
                return None;
            }
            state = self.has_work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
