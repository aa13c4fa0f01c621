//! The run from beginning to end: what is asked for, the steps, the results.

use crate::Result;
use crate::budget::{self, Budget, Verdict};
use crate::figures::Run;
use crate::options::{Options, USAGE, Wish};
use crate::peer::{Peer, Peers};
use crate::plan::{Case, steps};
use crate::report::{self, Report};
use crate::suite::{self, Setting};
use crate::watch;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::rc::Rc;

pub fn run() -> Result<()> {
    let options = Options::parse(lexopt::Parser::from_env())?;
    match options.wish {
        Wish::Help => println!("{USAGE}"),
        Wish::List => {
            println!("suites: {}", suite::NAMES.join(", "));
            println!("peers: {}", Peer::ALL.map(Peer::name).join(", "));
        }
        Wish::Measure => measure(&options)?,
    }
    Ok(())
}

fn measure(options: &Options) -> Result<()> {
    allow_many_descriptors()?;
    let peers = Peers::find(&options.peers)?;
    let mut missing = peers.missing.clone();
    missing.extend(watch::missing());
    let versions = peers.versions()?;
    let setting = Rc::new(Setting::new(peers, options.quick)?);
    let cases: Vec<Case> = options.suites.iter().flat_map(|name| suite::cases(name, &setting)).collect();
    let (runs, failures) = run_all(&cases);
    let report = Report::new(versions, missing, &cases, runs, failures)?;
    report::write(&report, &options.out)?;
    if !report.failures.is_empty() {
        return Err(format!("{} runs failed: the report says which", report.failures.len()).into());
    }
    match &options.budget {
        Some(file) => keep_to(&budget::read(&fs::read_to_string(file)?)?, &report.runs),
        None => Ok(()),
    }
}

fn keep_to(budget: &Budget, runs: &[Run]) -> Result<()> {
    let Verdict { exceeded, loose } = budget::compare(budget, runs);
    for loose in loose {
        println!("the budget could be lower: {loose}");
    }
    if exceeded.is_empty() {
        println!("within the budget");
        return Ok(());
    }
    Err(format!("over the budget:\n{}", exceeded.join("\n")).into())
}

/// Does all there is to do. What fails is told and does not keep the others from running.
fn run_all(cases: &[Case]) -> (Vec<Run>, Vec<String>) {
    let steps = steps(cases);
    let bar = ProgressBar::new(steps.len() as u64).with_style(style());
    let mut runs = Vec::new();
    let mut failures = Vec::new();
    for step in steps {
        let case = step.case;
        bar.set_message(format!("{}: {}, {}", case.suite, case.name, step.peer));
        match (case.run)(step.peer) {
            Ok(figures) => runs.push(Run {
                suite: case.suite,
                case: case.name.clone(),
                exact: case.exact,
                round: step.round,
                place: step.place,
                peer: step.peer.name(),
                figures,
            }),
            Err(error) => {
                let failure = format!("{}: {}, {}: {error}", case.suite, case.name, step.peer);
                bar.suspend(|| eprintln!("{failure}"));
                failures.push(failure);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    (runs, failures)
}

fn style() -> ProgressStyle {
    let template = "{elapsed:>4} {bar:30} {pos}/{len}, {eta} left  {wide_msg}";
    ProgressStyle::with_template(template).expect("the template is right")
}

/// Thousands of clients need as many descriptors. What we start has them from us.
fn allow_many_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
