//! What a request costs in things that can be counted, and so come out the same everywhere.

use super::{Setting, clients_in_words};
use crate::Result;
use crate::figures::{Figure, figure};
use crate::load::Load;
use crate::machine;
use crate::peer::{Executable, Program};
use crate::plan::Case;
use crate::watch;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let programs = [Program::Echo, Program::Buffered].into_iter();
    let all = programs.flat_map(|program| [(program, 1), (program, 50)]);
    all.filter_map(|(program, clients)| case(setting, program, clients)).collect()
}

fn case(setting: &Rc<Setting>, program: Program, clients: usize) -> Option<Case> {
    let name = format!("{}, {}", program.name(), clients_in_words(clients));
    let baseline = setting.baseline(program)?;
    let peers = setting.peers.with(program);
    let setting = setting.clone();
    let run = Box::new(move |peer| count(&setting, setting.peers.executable(peer, program), clients));
    Some(Case { suite: "counts", name, exact: true, rounds: 1, peers, baseline, run })
}

fn count(setting: &Setting, executable: &Executable, clients: usize) -> Result<Vec<Figure>> {
    let load = |rounds| Load::InStep { clients, size: 64, rounds };
    let (few, many) = if setting.quick { (20, 60) } else { (20, 220) };
    let per_request = |more: f64, less: f64| (more - less) / ((many - few) * clients) as f64;
    let mut figures = Vec::new();
    if machine::has("valgrind") {
        let less = watch::memory(executable, setting.counted, setting.server, &load(few))?;
        let more = watch::memory(executable, setting.counted, setting.server, &load(many))?;
        figures.push(figure("instructions per request", per_request(more.instructions, less.instructions)));
        figures.push(figure("allocations per request", per_request(more.allocations, less.allocations)));
    }
    if machine::has("strace") {
        // A wait that ends early for something else is another call, and of the requests none: so the
        // least of several counts is theirs.
        let least = |rounds| -> Result<f64> {
            let count = || watch::system_calls(executable, setting.counted, setting.server, &load(rounds));
            Ok(count()?.min(count()?).min(count()?))
        };
        figures.push(figure("system calls per request", per_request(least(many)?, least(few)?)));
    }
    Ok(figures)
}
