//! The machine: its processors, and what is told of it in the report.

use crate::Result;
use crate::child::output;
use std::fs;
use std::process::Command;

/// The processors that we may run on.
pub fn processors() -> Result<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(numbers).ok_or_else(|| "/proc/self/status does not list our processors".into())
}

/// The numbers in a list such as `0-2,5`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The machine in a few words, nothing that would name it.
pub fn in_words() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What a distribution or a host has put behind the number is its own.
    let version = release.split(['-', '+']).next().unwrap_or_default().trim();
    let processors = processors().map_or(0, |processors| processors.len());
    format!("{processors} {} cores, Linux {version}", std::env::consts::ARCH)
}

/// Whether a command can be run here.
pub fn has(command: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\"", command]).output();
    found.is_ok_and(|output| output.status.success())
}

/// Today, as `2026-01-31`, in UTC.
pub fn today() -> Result<String> {
    Ok(output(Command::new("date").args(["-u", "+%F"]))?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_processors_is_read() {
        assert_eq!(numbers("\t0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(numbers("7"), Some(vec![7]));
        assert_eq!(numbers("all"), None);
    }
}
