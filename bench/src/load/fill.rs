//! Clients that are merely there, all at once, and then all gone.

use super::PATIENCE;
use super::client::connect_all;
use crate::Result;
use crate::figures::Figure;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

pub fn run(port: u16, pid: u32, clients: usize, times: usize) -> Result<Vec<Figure>> {
    // A server that has answered has opened what it needs for itself.
    let one = connect_all(port, 1)?;
    let at_rest = descriptors(pid)? - one.len();
    drop(one);
    await_closed(pid, at_rest)?;
    for _ in 0..times {
        drop(connect_all(port, clients)?);
        await_closed(pid, at_rest)?;
    }
    Ok(Vec::new())
}

/// Waits until the server has closed what we have closed. It says so to nobody, so we have to look.
fn await_closed(pid: u32, at_rest: usize) -> Result<()> {
    let begin = Instant::now();
    while descriptors(pid)? > at_rest {
        if begin.elapsed() > PATIENCE {
            return Err("the server does not close its connections".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// How many descriptors a process has open.
fn descriptors(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
