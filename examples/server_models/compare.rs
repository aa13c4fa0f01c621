//! The comparison: each model as a process, under each load, and what came of it.

use crate::chart;
use crate::load::load;
use crate::models;
use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CLIENTS: [usize; 4] = [1, 10, 100, 1000];

/// What one model did under one load.
pub(crate) struct Row {
    pub(crate) model: &'static str,
    pub(crate) clients: usize,
    answered: usize,
    /// In a second.
    pub(crate) requests: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
    /// Microseconds of processor time for a request.
    pub(crate) cpu: f64,
    /// Kibibytes for a client.
    pub(crate) memory: f64,
}

pub(crate) fn compare(time: Duration, clients_max: usize, file: &str) -> Result<(), Box<dyn Error>> {
    let loads: Vec<_> = CLIENTS.into_iter().filter(|&clients| clients <= clients_max).collect();
    let mut rows = Vec::new();
    for model in &models::ALL {
        for &clients in &loads {
            eprintln!("{} of {}: {}, clients: {clients}", rows.len() + 1, models::ALL.len() * loads.len(), model.name);
            rows.push(measure(model.name, clients, time)?);
        }
    }
    println!(
        "{:<12} {:>7} {:>8} {:>10} {:>9} {:>14} {:>10}",
        "model", "clients", "answered", "requests/s", "p99 ms", "CPU us/request", "KiB/client"
    );
    for row in &rows {
        println!(
            "{:<12} {:>7} {:>8} {:>10.0} {:>9.2} {:>14.1} {:>10.1}",
            row.model, row.clients, row.answered, row.requests, row.p99, row.cpu, row.memory
        );
    }
    fs::write(file, chart::svg(&rows)).map_err(|error| format!("cannot write {file}: {error}"))?;
    println!("drawn in {file}");
    Ok(())
}

fn measure(model: &'static str, clients: usize, time: Duration) -> Result<Row, Box<dyn Error>> {
    let server = Server::start(model)?;
    let before = server.used();
    let mut marks = Vec::new();
    let seen = load(server.addr, clients, time, &mut || marks.push(server.used()))?;
    let [begin, end] = &marks[..] else { return Err("it has not begun".into()) };
    Ok(Row {
        model,
        clients,
        answered: seen.answered,
        requests: seen.requests as f64 / time.as_secs_f64(),
        p99: seen.p99.as_secs_f64() * 1e3,
        cpu: (end.cpu - begin.cpu).as_secs_f64() * 1e6 / seen.requests as f64,
        memory: end.memory.saturating_sub(before.memory) as f64 / clients as f64,
    })
}

/// A running model.
struct Server {
    program: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(model: &str) -> Result<Server, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        let mut program = command.args(["127.0.0.1:0", "--model", model]).stdout(Stdio::piped()).spawn()?;
        let mut said = String::new();
        BufReader::new(program.stdout.take().expect("it is piped")).read_line(&mut said)?;
        let addr = said.trim_end().strip_prefix("listening on ").and_then(|addr| addr.parse().ok());
        let addr = addr.ok_or_else(|| format!("the model {model} does not listen"))?;
        Ok(Server { program, addr })
    }

    /// What it has used until now, with its children.
    fn used(&self) -> Used {
        let parent = self.program.id();
        let mut used = Used { cpu: Duration::ZERO, memory: 0 };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            if process == parent || parent_of(process) == Some(parent) {
                used.add(process);
            }
        }
        used
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What Linux says of processes.
struct Used {
    cpu: Duration,
    /// Kibibytes.
    memory: usize,
}

impl Used {
    /// A process may end while it is looked at, and then nothing is said of it.
    fn add(&mut self, process: u32) {
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanoseconds = stat.split(' ').next().and_then(|number| number.parse().ok());
            self.cpu += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
        self.memory += own.and_then(|number| number.parse().ok()).unwrap_or(0);
    }
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, a name in parentheses, may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
