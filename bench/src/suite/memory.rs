//! What idle connections cost in memory, and what is left when they have gone.

use super::Setting;
use crate::Result;
use crate::figures::{Figure, figure};
use crate::load::Load;
use crate::machine;
use crate::peer::{Executable, Program};
use crate::plan::Case;
use crate::watch;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    if !machine::has("valgrind") {
        return Vec::new();
    }
    [Program::Echo, Program::Buffered].into_iter().filter_map(|program| case(setting, program)).collect()
}

fn case(setting: &Rc<Setting>, program: Program) -> Option<Case> {
    let clients = if setting.quick { 500 } else { 9000 };
    let baseline = setting.baseline(program)?;
    let peers = setting.peers.with(program);
    let setting = setting.clone();
    let run = Box::new(move |peer| fill(&setting, setting.peers.executable(peer, program), clients));
    let name = format!("{}, {clients} connections", program.name());
    Some(Case { suite: "memory", name, exact: true, rounds: 1, peers, baseline, run })
}

fn fill(setting: &Setting, executable: &Executable, clients: usize) -> Result<Vec<Figure>> {
    let seen =
        |clients, times| watch::memory(executable, setting.counted, setting.server, &Load::Fill { clients, times });
    let one = seen(1, 1)?;
    let once = seen(clients, 1)?;
    let twice = seen(clients, 2)?;
    Ok(vec![
        figure("heap bytes per connection", (once.most - one.most) / clients as f64),
        figure("heap bytes left after all have closed", once.last - one.last),
        figure("heap bytes more when filled again", twice.most - once.most),
    ])
}
