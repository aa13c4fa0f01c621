//! Calls from another thread: some at once, and the next when the last of them was answered.
//!
//! A single call meets a loop that waits. Several are made while the loop is busy, in the last call
//! before them; else it would depend on luck how many of them it takes up together.

use super::clock::processor_time;
use crate::Result;
use std::env::Args;
use std::iter::Skip;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// A loop that can be called from another thread.
pub trait Called {
    type Caller: Caller;

    fn caller(&self) -> Result<Self::Caller>;

    /// Runs what it is called with, until that has set `over`.
    fn run(self, over: &AtomicBool) -> Result<()>;
}

pub trait Caller: Send + 'static {
    fn call(&self, call: impl FnOnce() + Send + 'static);
}

/// A call, for those who have to send it as one type.
pub type Boxed = Box<dyn FnOnce() + Send>;

/// Be the program: of `BURSTS CALLS`.
pub fn run<L: Called>(called: L, args: &mut Skip<Args>) -> Result<()> {
    let mut next = || args.next().ok_or("usage: BURSTS CALLS");
    let (bursts, calls): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let over = Arc::new(AtomicBool::new(false));
    let caller = called.caller()?;
    let thread = thread::spawn({
        let over = over.clone();
        move || {
            let spent = call_in_bursts(&caller, bursts, calls);
            caller.call(move || over.store(true, Ordering::Relaxed));
            spent
        }
    });
    called.run(&over)?;
    let spent = thread.join().map_err(|_| "the calling thread panicked")?;
    println!("processor ns per call = {}", spent / (bursts * calls) as f64);
    Ok(())
}

fn call_in_bursts(caller: &impl Caller, bursts: usize, calls: usize) -> f64 {
    let (answer, answered) = mpsc::channel();
    // Has the loop go on that is busy in a last call.
    let mut go_on: Option<Sender<()>> = None;
    let begin = processor_time();
    for _ in 0..bursts {
        for _ in 1..calls {
            caller.call(|| ());
        }
        let (next, busy) = mpsc::channel();
        let answer = answer.clone();
        caller.call(move || {
            let _ = answer.send(());
            if calls > 1 {
                let _ = busy.recv();
            }
        });
        // Dropping it does that.
        drop(go_on.replace(next));
        let _ = answered.recv();
    }
    drop(go_on);
    processor_time() - begin
}
