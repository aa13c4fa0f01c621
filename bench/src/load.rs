//! The load on a server, in a process of its own: a number of clients, and what they do.
//!
//! The load is the same for all servers. It is built on mio alone, so that it is fast and none of
//! the others is measured by itself.

mod check;
mod churn;
mod client;
mod echo;
mod fill;
mod tally;

use crate::Result;
use crate::figures::Figure;
use serde::{Deserialize, Serialize};
use std::env::Args;
use std::iter::Skip;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
pub enum Load {
    /// Each client has `depth` requests of `size` bytes on their way, and sends another when one
    /// has been answered.
    Echo { clients: usize, size: usize, depth: usize, until: Until },
    /// Each of `parallel` clients connects, has one request answered, closes, and begins again.
    Churn { parallel: usize, until: Until },
    /// That many clients connect and do nothing, then all close; as often as said.
    Fill { clients: usize, times: usize },
    /// Clients that make it hard for the server to lose nothing.
    Check,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum Until {
    /// For so long, after a while that does not count.
    Time(Duration),
    /// Until so many were served.
    Served(u64),
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
        Load::Echo { clients, size, depth, until } => echo::run(port, pid, clients, size, depth, until)?,
        Load::Churn { parallel, until } => churn::run(port, pid, parallel, until)?,
        Load::Check => check::run(port)?,
        Load::Fill { clients, times } => fill::run(port, pid, clients, times)?,
    };
    for Figure { what, value } in figures {
        println!("{what} = {value}");
    }
    Ok(())
}
