//! Tables in Markdown: for each figure of a suite one, a row for each peer, a column for each case.
//! They have ratios with their spread, or counts. Bare times and rates are in no table, for they
//! say more of the machine than of the peers.

use super::{Heading, Report};
use crate::figures::{Spread, ratios};
use std::fmt::Write;

/// All of them, and the plots of those suites that have one.
pub fn text(report: &Report, plots: &[&str]) -> String {
    let mut text = format!("# Results\n\n{}", origin(report));
    let mut suite = "";
    for cases in report.cases.chunk_by(|a, b| (a.suite, a.compared_with()) == (b.suite, b.compared_with())) {
        if cases[0].suite != suite {
            suite = cases[0].suite;
            let _ = write!(text, "\n## {suite}\n");
            if plots.contains(&suite) {
                let _ = write!(text, "\n![{suite}]({suite}.svg)\n");
            }
        }
        for figure in figures(report, cases) {
            let _ = write!(text, "\n**{figure}**{}\n\n{}", legend(&cases[0]), table(report, cases, figure));
        }
    }
    text
}

/// When, where and with what it was measured.
pub fn origin(report: &Report) -> String {
    let mut origin =
        format!("Measured on {}: {}.\n\nWith {}.\n", report.date, report.machine, report.versions.join(", "));
    for missing in &report.missing {
        let _ = write!(origin, "\nWithout {missing}.\n");
    }
    for failure in &report.failures {
        let _ = write!(origin, "\nFailed: {failure}.\n");
    }
    origin
}

fn legend(case: &Heading) -> String {
    match case.compared_with() {
        None => ", counted".into(),
        Some(baseline) => format!(" ÷ those of {baseline}: median (least–greatest)"),
    }
}

/// What was measured in any of these cases, in the order in which it came.
fn figures<'r>(report: &'r Report, cases: &[Heading]) -> Vec<&'r str> {
    let mut figures: Vec<&str> = Vec::new();
    for run in cases.iter().flat_map(|case| report.runs_of(case)) {
        for figure in &run.figures {
            if !figures.contains(&&*figure.what) {
                figures.push(&figure.what);
            }
        }
    }
    figures
}

fn table(report: &Report, cases: &[Heading], figure: &str) -> String {
    let mut peers: Vec<&str> = Vec::new();
    let mut head = String::from("| |");
    for case in cases {
        let _ = write!(head, " {} |", case.case);
        for peer in &case.peers {
            if !peers.contains(peer) {
                peers.push(peer);
            }
        }
    }
    let mut table = format!("{head}\n|---|{}\n", "---|".repeat(cases.len()));
    for peer in peers {
        let cells: Vec<String> =
            cases.iter().map(|case| cell(report, case, figure, peer).unwrap_or_default()).collect();
        let _ = writeln!(table, "| {peer} | {} |", cells.join(" | "));
    }
    table
}

/// What a peer has in a case: a count, or a ratio with its spread.
pub fn cell(report: &Report, case: &Heading, figure: &str, peer: &str) -> Option<String> {
    let runs = report.runs_of(case);
    if case.exact {
        let run = runs.iter().find(|run| run.peer == peer)?;
        return run.value(figure).map(count);
    }
    let Spread { median, min, max } = ratios(&runs, figure, peer, case.baseline)?;
    Some(format!("{median:.2} ({min:.2}–{max:.2})"))
}

/// With as many digits as say something.
fn count(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
