//! The load on a server, in a process of its own: a number of clients, and what they do.
//!
//! The load is the same for all servers. It is built on mio alone, so that it is fast and none of
//! the others is measured by itself.

mod check;
mod churn;
mod client;
mod echo;
mod fill;
mod in_step;
mod tally;

use crate::Result;
use crate::figures::Figure;
use serde::{Deserialize, Serialize};
use std::env::Args;
use std::iter::Skip;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
pub enum Load {
    /// Clients that make it hard for the server to lose nothing.
    Check,
    /// Each client has `depth` requests of `size` bytes on their way, and sends another when one
    /// has been answered, for so long.
    Echo { clients: usize, size: usize, depth: usize, time: Duration },
    /// All clients send one request at once, and the next when all were answered.
    InStep { clients: usize, size: usize, rounds: usize },
    /// Each of `parallel` clients connects, has one request answered, closes, and begins again, for
    /// so long.
    Churn { parallel: usize, time: Duration },
    /// That many clients connect and do nothing, then all close; as often as said.
    Fill { clients: usize, times: usize },
}

/// How long a server has to be silent to be taken for dead.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a load runs before it counts.
const WARM_UP: Duration = Duration::from_millis(100);

/// Be a load, as the arguments say.
pub fn play(args: &mut Skip<Args>) -> Result<()> {
    let mut next = || args.next().ok_or("a load needs a port, a process and an order");
    let port: u16 = next()?.parse()?;
    let pid: u32 = next()?.parse()?;
    let figures: Vec<Figure> = match serde_json::from_str(&next()?)? {
        Load::Check => check::run(port)?,
        Load::Echo { clients, size, depth, time } => echo::run(port, pid, clients, size, depth, time)?,
        Load::InStep { clients, size, rounds } => in_step::run(port, clients, size, rounds)?,
        Load::Churn { parallel, time } => churn::run(port, pid, parallel, time)?,
        Load::Fill { clients, times } => fill::run(port, pid, clients, times)?,
    };
    for Figure { what, value } in figures {
        println!("{what} = {value}");
    }
    Ok(())
}
