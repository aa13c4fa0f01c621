//! Whether the servers do what they are measured at.

use super::Setting;
use crate::load::Load;
use crate::peer::Program;
use crate::plan::Case;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    [Program::Echo, Program::Buffered, Program::Lines]
        .into_iter()
        .filter_map(|program| case(setting, program))
        .collect()
}

fn case(setting: &Rc<Setting>, program: Program) -> Option<Case> {
    let baseline = setting.baseline(program)?;
    let peers = setting.peers.with(program);
    let setting = setting.clone();
    let run =
        Box::new(move |peer| setting.under_load(peer, program, setting.apart.unwrap_or(setting.beside), &Load::Check));
    Some(Case { suite: "check", name: program.name().into(), exact: true, rounds: 1, peers, baseline, run })
}
