//! Timers, by the million.

use super::Setting;
use crate::child;
use crate::peer::{Peer, Program};
use crate::plan::Case;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let counts = if setting.quick { &[1000][..] } else { &[10_000, 1_000_000][..] };
    counts.iter().filter_map(|&count| case(setting, count)).collect()
}

fn case(setting: &Rc<Setting>, count: usize) -> Option<Case> {
    let baseline = setting.baseline(Program::Timers)?;
    let mut peers = setting.peers.with(Program::Timers);
    if count > 100_000 {
        // It looks for a place for a timer among all that there are: a million would take hours.
        peers.retain(|peer| *peer != Peer::Calloop);
    }
    let rounds = setting.rounds();
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let executable = setting.peers.executable(peer, Program::Timers);
        child::figures(executable.at(setting.server).arg(count.to_string()))
    });
    let name = format!("{count} timers");
    Some(Case { suite: "timers", name, exact: false, rounds, peers, baseline, run })
}
