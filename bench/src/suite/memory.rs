//! What idle connections cost in memory, and what is left when they have gone.

use super::Setting;
use crate::Result;
use crate::figures::{Figure, figure};
use crate::load::Load;
use crate::machine;
use crate::peer::{Peer, Program};
use crate::plan::Case;
use crate::watch;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    if !machine::has("valgrind") {
        return Vec::new();
    }
    case(setting, if setting.quick { 500 } else { 9000 }).into_iter().collect()
}

fn case(setting: &Rc<Setting>, clients: usize) -> Option<Case> {
    let name = format!("{clients} connections");
    let baseline = setting.baseline(Program::Echo)?;
    let peers = setting.peers.with(Program::Echo);
    let setting = setting.clone();
    let run = Box::new(move |peer| fill(&setting, peer, clients));
    Some(Case { suite: "memory", name, exact: true, rounds: 1, peers, baseline, run })
}

fn fill(setting: &Setting, peer: Peer, clients: usize) -> Result<Vec<Figure>> {
    let executable = setting.peers.executable(peer, Program::Echo).expect("each of the peers has it");
    let seen =
        |clients, times| watch::memory(executable, setting.server, setting.beside, &Load::Fill { clients, times });
    let one = seen(1, 1)?;
    let once = seen(clients, 1)?;
    let twice = seen(clients, 2)?;
    Ok(vec![
        figure("heap bytes per connection", (once.most - one.most) / clients as f64),
        figure("heap bytes left after all have closed", once.last - one.last),
        figure("heap bytes more when filled again", twice.most - once.most),
    ])
}
