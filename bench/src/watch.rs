//! Counting what a server does, by tools that watch it: valgrind sees each instruction and each
//! piece of memory, strace each system call.
//!
//! A server that is watched is many times slower, but it does the same. What is counted for one
//! request is the difference between two runs that differ in the number of requests, divided by
//! that; so start and end do not count.

use crate::Result;
use crate::child::{self, Place, Server};
use crate::load::Load;
use crate::machine;
use crate::peer::Executable;
use serde::Deserialize;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;

/// The tools that are not here, and what cannot be done without them.
pub fn missing() -> Vec<String> {
    let tools = [
        ("valgrind", "instructions and memory are not counted"),
        ("strace", "system calls are not counted"),
        ("wrk", "web servers are not compared"),
    ];
    let missing = tools.into_iter().filter(|(tool, _)| !machine::has(tool));
    missing.map(|(tool, what)| format!("{tool}: it is not installed, and so {what}")).collect()
}

/// What valgrind has seen of a process.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    pub instructions: f64,
    /// Pieces of memory that were asked for.
    pub allocations: f64,
    /// Bytes that were in use when most were.
    pub most: f64,
    /// Bytes that were in use at the end.
    pub last: f64,
}

/// The part that we read of the file that valgrind's DHAT writes. It has an entry for each place in
/// the program that asks for memory.
#[derive(Deserialize)]
struct Dhat {
    #[serde(rename = "te")]
    instructions: f64,
    #[serde(rename = "pps")]
    places: Vec<DhatPlace>,
}

#[derive(Deserialize)]
struct DhatPlace {
    #[serde(rename = "tbk")]
    allocations: f64,
    #[serde(rename = "gb")]
    most: f64,
    #[serde(rename = "eb")]
    last: f64,
}

/// Runs a server with its load under valgrind.
pub fn memory(executable: &Executable, server: Place, beside: Place, load: &Load) -> Result<Seen> {
    let file = Scratch::new("dhat");
    let out = format!("--dhat-out-file={}", file.path());
    let tool = ["valgrind", "--quiet", "--tool=dhat", &out];
    watched(executable, server, beside, load, &tool)?;
    let dhat: Dhat = serde_json::from_str(&fs::read_to_string(&file.0)?)?;
    let mut seen = Seen { instructions: dhat.instructions, ..Seen::default() };
    for place in dhat.places {
        seen.allocations += place.allocations;
        seen.most += place.most;
        seen.last += place.last;
    }
    Ok(seen)
}

/// Runs a server with its load under strace, and counts the system calls.
pub fn system_calls(executable: &Executable, server: Place, beside: Place, load: &Load) -> Result<f64> {
    let file = Scratch::new("strace");
    watched(executable, server, beside, load, &strace(&file.path()))?;
    count(&file, |_| true)
}

/// Runs a program of several threads, which ends by itself, under strace, and counts the system calls,
/// but not those by which threads wait for each other.
pub fn system_calls_of_threads(executable: &Executable, place: Place, args: &[String]) -> Result<f64> {
    let file = Scratch::new("strace");
    child::output(executable.under(place, &strace(&file.path())).args(args))?;
    count(&file, |name| name != "futex")
}

fn strace(out: &str) -> [&str; 5] {
    ["strace", "-f", "-c", "-o", out]
}

fn count(file: &Scratch, counts: impl Fn(&str) -> bool) -> Result<f64> {
    let summary = fs::read_to_string(&file.0)?;
    // % time, seconds, µs per call, calls, errors if there were any, name.
    let row = |line: &str| -> Option<(String, f64)> {
        let columns: Vec<&str> = line.split_whitespace().collect();
        Some((columns.last()?.to_string(), columns.get(3)?.parse().ok()?))
    };
    let rows = summary.lines().filter_map(row).filter(|(name, _)| name != "total" && counts(name));
    Ok(rows.map(|(_, calls)| calls).sum())
}

fn watched(executable: &Executable, server: Place, beside: Place, load: &Load, tool: &[&str]) -> Result<()> {
    let server = Server::start(&mut executable.under(server, tool))?;
    child::load(&server, beside, load)?;
    server.stop()
}

/// A file for a tool to write to, which goes when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(env::temp_dir().join(format!("bench-{}-{name}", process::id())))
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
