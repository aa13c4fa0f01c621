//! Processes that we start: the programs that are measured, and the loads on them.

use crate::Result;
use crate::figures::{Figure, printed};
use crate::load::Load;
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The first argument by which this program is told to be one that is measured.
pub const PROGRAM: &str = "program";
/// And to be a load.
pub const LOAD: &str = "load";

/// What a process may run on, and how it stands with others there.
#[derive(Clone, Copy)]
pub struct Place {
    pub processor: usize,
    pub manners: Manners,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// As any process.
    Usual,
    /// It does not interrupt others when it has something to do.
    Patient,
    /// It runs when nobody else wants to, and whoever wants to interrupts it.
    Yielding,
}

/// A command that runs `program` at that place. It replaces itself, so its process is the program's.
pub fn at(place: Place, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(place.processor.to_string());
    match place.manners {
        Manners::Usual => {}
        Manners::Patient => drop(command.args(["chrt", "--batch", "0"])),
        Manners::Yielding => drop(command.args(["chrt", "--idle", "0"])),
    }
    command.arg(program);
    command
}

/// Runs a command to its end and reads the figures that it prints.
pub fn figures(command: &mut Command) -> Result<Vec<Figure>> {
    printed(&output(command)?)
}

/// Sets a load on a server, to its end.
pub fn load(server: &Server, place: Place, load: &Load) -> Result<Vec<Figure>> {
    let mut command = at(place, env::current_exe()?);
    command.arg(LOAD).arg(server.port.to_string()).arg(server.pid.to_string()).arg(serde_json::to_string(load)?);
    figures(&mut command)
}

pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {}", output.status, said.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A server that is running. It ends when this is dropped.
pub struct Server {
    child: Child,
    /// Held, so that a server that prints does not fail.
    _stdout: BufReader<ChildStdout>,
    pub port: u16,
    /// The process that serves; `child` itself, or, if that is a tool that watches it, its child.
    pub pid: u32,
}

impl Server {
    /// Starts a server, and waits until it says on which port it listens and as which process.
    pub fn start(command: &mut Command) -> Result<Server> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let Some((port, pid)) = address(&line) else {
            let _ = child.kill();
            return Err(format!("{command:?} did not start: {}", child.wait()?).into());
        };
        Ok(Server { child, _stdout: stdout, port, pid })
    }

    /// Ends it, and waits until whoever watches it has written down what there was to see.
    pub fn stop(mut self) -> Result<()> {
        self.terminate();
        self.child.wait()?;
        Ok(())
    }

    fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

fn address(line: &str) -> Option<(u16, u32)> {
    let (port, pid) = line.trim().split_once(' ')?;
    Some((port.parse().ok()?, pid.parse().ok()?))
}

/// The processor time that a process of one thread has used, in nanoseconds.
pub fn processor_time(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/schedstat");
    let times = fs::read_to_string(&path)?;
    let first = times.split(' ').next().and_then(|time| time.parse().ok());
    first.ok_or_else(|| format!("{path} has no times").into())
}
