//! The figures that say most, in one table: what the README shows.

use super::Report;
use super::table::{cell, origin};
use std::fmt::Write;

/// Columns: their title, and the suite, case and figure they show.
const COLUMNS: [(&str, &str, &str, &str); 9] = [
    ("processor time, echo, 1 client", "echo", "1 client, one core", "processor ns per request"),
    ("50 clients", "echo", "50 clients, one core", "processor ns per request"),
    ("instructions, 1 client", "counts", "echo, 1 client", "instructions per request"),
    ("50 clients", "counts", "echo, 50 clients", "instructions per request"),
    ("system calls, 50 clients", "counts", "echo, 50 clients", "system calls per request"),
    ("heap for a connection", "memory", "echo, 9000 connections", "heap bytes per connection"),
    ("ring of TCP", "ring", "tcp, 1 of 1000", "ns per event"),
    ("ring of pipes", "ring", "pipe, 1 of 1000", "ns per event"),
    ("a million timers", "timers", "1000000 timers", "ns to do all three"),
];

/// The table, with those of the columns that were measured; nothing if none was.
pub fn text(report: &Report) -> String {
    let mut columns = Vec::new();
    for (title, suite, case, figure) in COLUMNS {
        let found = report.cases.iter().find(|heading| heading.suite == suite && heading.case == case);
        columns.extend(found.map(|heading| (title, heading, figure)));
    }
    let Some((_, first, _)) = columns.first() else { return String::new() };
    let mut text = format!("{}\n| |", origin(report));
    for (title, ..) in &columns {
        let _ = write!(text, " {title} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(columns.len()));
    for peer in &first.peers {
        let cells = columns.iter().map(|(_, heading, figure)| cell(report, heading, figure, peer).unwrap_or_default());
        let _ = writeln!(text, "| {peer} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}
