//! What an event costs by itself, as sources stand by: tokens in a ring.

use super::Setting;
use crate::child;
use crate::peer::Program;
use crate::plan::Case;
use std::rc::Rc;

/// How many places, and how many tokens.
const SIZES: [(usize, usize); 4] = [(100, 1), (1000, 1), (9000, 1), (1000, 100)];

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let kinds = ["tcp", "pipe"].into_iter();
    let all = kinds.flat_map(|kind| SIZES.map(|(places, tokens)| (kind, places, tokens)));
    all.filter_map(|(kind, places, tokens)| case(setting, kind, places, tokens)).collect()
}

fn case(setting: &Rc<Setting>, kind: &'static str, places: usize, tokens: usize) -> Option<Case> {
    if setting.quick && places > 1000 {
        return None;
    }
    let baseline = setting.baseline(Program::Ring)?;
    let peers = setting.peers.with(Program::Ring);
    let rounds = setting.rounds();
    let events = if setting.quick { 2000 } else { 30_000 };
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let executable = setting.peers.executable(peer, Program::Ring);
        let mut command = executable.at(setting.server);
        command.arg(kind).args([places, tokens, events].map(|number: usize| number.to_string()));
        child::figures(&mut command)
    });
    let name = format!("{kind}, {tokens} of {places}");
    Some(Case { suite: "ring", name, exact: false, rounds, peers, baseline, run })
}
