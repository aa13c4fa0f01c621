//! The suites: what is compared, and how it is measured.

mod check;
mod churn;
mod counts;
mod echo;
mod memory;
mod protocol;
mod ring;
mod timers;
mod wake;

use crate::Result;
use crate::child::{self, Manners, Place, Server};
use crate::figures::Figure;
use crate::load::Load;
use crate::machine;
use crate::peer::{Peer, Peers, Program};
use crate::plan::Case;
use std::rc::Rc;
use std::time::Duration;

pub const NAMES: [&str; 9] = ["check", "echo", "counts", "protocol", "ring", "memory", "timers", "wake", "churn"];

/// What all suites have to go by.
pub struct Setting {
    pub peers: Peers,
    pub quick: bool,
    /// Where a server runs.
    pub server: Place,
    /// Where the load runs that shares the server's processor, and lets it finish a turn.
    pub beside: Place,
    /// Where the load runs that has a processor of its own, if there is a second one.
    pub apart: Option<Place>,
    /// Where a server runs of which is counted what it does. It lets its load, at `server`, finish.
    pub counted: Place,
}

impl Setting {
    pub fn new(peers: Peers, quick: bool) -> Result<Setting> {
        let processors = machine::processors()?;
        let first = |manners| Place { processor: processors[0], manners };
        let second = processors.get(1).map(|&processor| Place { processor, manners: Manners::Usual });
        Ok(Setting {
            peers,
            quick,
            server: first(Manners::Usual),
            beside: first(Manners::Patient),
            apart: second,
            counted: first(Manners::Yielding),
        })
    }

    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How long one run of a server under load takes.
    fn window(&self) -> Duration {
        Duration::from_millis(if self.quick { 50 } else { 400 })
    }

    /// Starts a server, sets a load on it that runs at `place`, and ends it.
    fn under_load(&self, peer: Peer, program: Program, place: Place, load: &Load) -> Result<Vec<Figure>> {
        let server = Server::start(&mut self.peers.executable(peer, program).at(self.server))?;
        let figures = child::load(&server, place, load)?;
        server.stop()?;
        Ok(figures)
    }

    /// The one to compare with: nothing but the system, or what comes nearest to it; where these
    /// have nothing to compare, the fastest.
    fn baseline(&self, program: Program) -> Option<Peer> {
        let peers = self.peers.with(program);
        [Peer::Epoll, Peer::Mio, Peer::Libev, Peer::Libuv, Peer::Tokio, Peer::Selkie]
            .into_iter()
            .find(|peer| peers.contains(peer))
    }
}

/// The cases of a suite.
pub fn cases(name: &str, setting: &Rc<Setting>) -> Vec<Case> {
    match name {
        "check" => check::cases(setting),
        "echo" => echo::cases(setting),
        "counts" => counts::cases(setting),
        "ring" => ring::cases(setting),
        "timers" => timers::cases(setting),
        "wake" => wake::cases(setting),
        "protocol" => protocol::cases(setting),
        "churn" => churn::cases(setting),
        "memory" => memory::cases(setting),
        _ => Vec::new(),
    }
}

fn clients_in_words(clients: usize) -> String {
    if clients == 1 { "1 client".into() } else { format!("{clients} clients") }
}

/// Whether a load there shares the processor of its server.
fn shares_a_core(load: Place) -> bool {
    load.manners == Manners::Patient
}
