//! Who is measured: the loops, which programs there are on each, and how they are started.

mod c;
mod calloop;
mod mio;
mod polling;
mod selkie;
mod tokio;

use crate::Result;
use crate::child::{self, PROGRAM, Place, output};
use crate::program::ring;
use std::env::{self, Args};
use std::fmt;
use std::iter::Skip;
use std::path::PathBuf;
use std::process::Command;

/// A loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Selkie,
    /// epoll by hand in C, level-triggered: what there is without a library.
    Epoll,
    Mio,
    Calloop,
    Polling,
    /// On one thread.
    Tokio,
    Libuv,
    Libevent,
    Libev,
}

/// What it is set to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Sends back what it is sent, by reading and writing.
    Echo,
    /// Passes tokens on in a ring of sources.
    Ring,
    /// Starts, cancels and fires timers.
    Timers,
    /// Is called from another thread.
    Wake,
    /// Sends back what it is sent, by the buffers that the loop comes with.
    Buffered,
    /// The same, line by line.
    Lines,
    /// A web server.
    Http,
}

impl Peer {
    pub const ALL: [Peer; 9] = [
        Peer::Selkie,
        Peer::Epoll,
        Peer::Mio,
        Peer::Calloop,
        Peer::Polling,
        Peer::Tokio,
        Peer::Libuv,
        Peer::Libevent,
        Peer::Libev,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Selkie => "selkie",
            Peer::Epoll => "epoll",
            Peer::Mio => "mio",
            Peer::Calloop => "calloop",
            Peer::Polling => "polling",
            Peer::Tokio => "tokio",
            Peer::Libuv => "libuv",
            Peer::Libevent => "libevent",
            Peer::Libev => "libev",
        }
    }

    pub fn named(name: &str) -> Option<Peer> {
        Peer::ALL.into_iter().find(|peer| peer.name() == name)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Program {
    const ALL: [Program; 7] = [
        Program::Echo,
        Program::Ring,
        Program::Timers,
        Program::Wake,
        Program::Buffered,
        Program::Lines,
        Program::Http,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Program::Echo => "echo",
            Program::Ring => "ring",
            Program::Timers => "timers",
            Program::Wake => "wake",
            Program::Buffered => "buffered",
            Program::Lines => "lines",
            Program::Http => "http",
        }
    }

    fn named(name: &str) -> Option<Program> {
        Program::ALL.into_iter().find(|program| program.name() == name)
    }
}

/// A program of one peer, ready to be started.
pub struct Executable {
    path: PathBuf,
    args: Vec<&'static str>,
}

impl Executable {
    /// The command that runs it at that place.
    pub fn at(&self, place: Place) -> Command {
        self.under(place, &[])
    }

    /// The same, watched by a tool.
    pub fn under(&self, place: Place, tool: &[&str]) -> Command {
        let mut command = match tool {
            [] => child::at(place, &self.path),
            [tool, args @ ..] => {
                let mut command = child::at(place, tool);
                command.args(args).arg(&self.path);
                command
            }
        };
        command.args(&self.args);
        command
    }
}

/// The peers that are here.
pub struct Peers {
    found: Vec<(Peer, Program, Executable)>,
    /// The others, and why they are not.
    pub missing: Vec<String>,
}

impl Peers {
    /// Looks for those that are wanted, and compiles what is written in C.
    pub fn find(wanted: &[Peer]) -> Result<Peers> {
        let mut peers = Peers { found: Vec::new(), missing: Vec::new() };
        for &peer in wanted {
            match c::library(peer) {
                None => peers.add_rust(peer)?,
                Some(library) => match c::compiler(&library)? {
                    Ok(compiler) => peers.add_c(peer, &compiler)?,
                    Err(why) => peers.missing.push(format!("{peer}: {why}")),
                },
            }
        }
        Ok(peers)
    }

    fn add_rust(&mut self, peer: Peer) -> Result<()> {
        for program in Program::ALL {
            if function(peer, program).is_some() {
                let args = vec![PROGRAM, peer.name(), program.name()];
                self.found.push((peer, program, Executable { path: env::current_exe()?, args }));
            }
        }
        Ok(())
    }

    fn add_c(&mut self, peer: Peer, compiler: &c::Compiler) -> Result<()> {
        for program in Program::ALL {
            if let Some(path) = compiler.compile(&format!("{peer}_{}", program.name()))? {
                self.found.push((peer, program, Executable { path, args: Vec::new() }));
            }
        }
        Ok(())
    }

    /// Those that have a program of this kind.
    pub fn with(&self, program: Program) -> Vec<Peer> {
        self.found.iter().filter(|found| found.1 == program).map(|found| found.0).collect()
    }

    /// The versions of what is here, in words.
    pub fn versions(&self) -> Result<Vec<String>> {
        let mut versions = vec![output(Command::new("rustc").arg("--version"))?.trim().to_owned()];
        let mut here: Vec<Peer> = self.found.iter().map(|found| found.0).collect();
        here.dedup();
        for peer in here {
            let version = match c::library(peer) {
                Some(library) => c::version(&library)?,
                None => locked(peer.name()).ok_or("Cargo.lock lacks a peer")?.to_owned(),
            };
            if !version.is_empty() {
                versions.push(format!("{peer} {version}"));
            }
        }
        Ok(versions)
    }

    /// A program of a peer that has it.
    pub fn executable(&self, peer: Peer, program: Program) -> &Executable {
        let found = self.found.iter().find(|found| found.0 == peer && found.1 == program);
        &found.expect("only peers that have a program are set to it").2
    }
}

/// The version of a crate that we were compiled with.
fn locked(name: &str) -> Option<&'static str> {
    let lock = include_str!("../../Cargo.lock");
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split('"').next()
}

type Function = fn(&mut Skip<Args>) -> Result<()>;

/// The programs that are written in Rust. They are part of this one.
fn function(peer: Peer, program: Program) -> Option<Function> {
    Some(match (peer, program) {
        (Peer::Selkie, Program::Echo) => selkie::echo::run,
        (Peer::Mio, Program::Echo) => mio::echo::run,
        (Peer::Calloop, Program::Echo) => calloop::echo::run,
        (Peer::Polling, Program::Echo) => polling::echo::run,
        (Peer::Tokio, Program::Echo) => tokio::echo::run,
        (Peer::Selkie, Program::Ring) => ring::run::<selkie::ring::Selkie>,
        (Peer::Mio, Program::Ring) => ring::run::<mio::ring::Mio>,
        (Peer::Calloop, Program::Ring) => ring::run::<calloop::ring::Calloop>,
        (Peer::Polling, Program::Ring) => ring::run::<polling::ring::Polling>,
        (Peer::Tokio, Program::Ring) => ring::run::<tokio::ring::Tokio>,
        (Peer::Selkie, Program::Timers) => selkie::timers::run,
        (Peer::Calloop, Program::Timers) => calloop::timers::run,
        (Peer::Tokio, Program::Timers) => tokio::timers::run,
        (Peer::Selkie, Program::Wake) => selkie::wake::run,
        (Peer::Mio, Program::Wake) => mio::wake::run,
        (Peer::Calloop, Program::Wake) => calloop::wake::run,
        (Peer::Polling, Program::Wake) => polling::wake::run,
        (Peer::Tokio, Program::Wake) => tokio::wake::run,
        (Peer::Selkie, Program::Buffered) => selkie::buffered::run,
        // What it reads and writes by has what buffers it needs.
        (Peer::Tokio, Program::Buffered) => tokio::echo::run,
        (Peer::Selkie, Program::Lines) => selkie::lines::run,
        (Peer::Tokio, Program::Lines) => tokio::lines::run,
        (Peer::Selkie, Program::Http) => selkie::http::run,
        (Peer::Tokio, Program::Http) => tokio::http::run,
        _ => return None,
    })
}

/// Be one of them, as the arguments say.
pub fn play(args: &mut Skip<Args>) -> Result<()> {
    let peer = args.next().and_then(|name| Peer::named(&name)).ok_or("a program needs a peer")?;
    let program = args.next().and_then(|name| Program::named(&name)).ok_or("a peer needs a program")?;
    let run = function(peer, program).ok_or("this peer has no such program")?;
    run(args)
}
