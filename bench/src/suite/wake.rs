//! Calls from another thread.

use super::Setting;
use crate::child;
use crate::figures::figure;
use crate::machine;
use crate::peer::Program;
use crate::plan::Case;
use crate::watch;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let mut cases: Vec<Case> = [1, 100].into_iter().filter_map(|calls| timed(setting, calls)).collect();
    if machine::has("strace") {
        cases.extend(counted(setting, 100));
    }
    cases
}

fn timed(setting: &Rc<Setting>, calls: usize) -> Option<Case> {
    let baseline = setting.baseline(Program::Wake)?;
    let peers = setting.peers.with(Program::Wake);
    let rounds = setting.rounds();
    let bursts = if setting.quick { 10_000 } else { 200_000 } / (calls + 9);
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let executable = setting.peers.executable(peer, Program::Wake);
        child::figures(executable.at(setting.server).args([bursts, calls].map(|number| number.to_string())))
    });
    Some(Case { suite: "wake", name: name(calls), exact: false, rounds, peers, baseline, run })
}

fn counted(setting: &Rc<Setting>, calls: usize) -> Option<Case> {
    let baseline = setting.baseline(Program::Wake)?;
    let peers = setting.peers.with(Program::Wake);
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let executable = setting.peers.executable(peer, Program::Wake);
        let count = |bursts: usize| {
            let args = [bursts, calls].map(|number| number.to_string());
            watch::system_calls_of_threads(executable, setting.server, &args)
        };
        let (few, many) = (100, 300);
        let per_burst = (count(many)? - count(few)?) / (many - few) as f64;
        Ok(vec![figure("system calls for all of them", per_burst)])
    });
    Some(Case { suite: "wake", name: name(calls), exact: true, rounds: 1, peers, baseline, run })
}

fn name(calls: usize) -> String {
    if calls == 1 { "one call".into() } else { format!("{calls} calls at once") }
}
