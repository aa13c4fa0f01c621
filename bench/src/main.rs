//! Measures selkie beside its peers: other event loops, doing the same work, one after the other on
//! the same machine and in the same minutes.
//!
//! ```text
//! cargo run --release -p bench                                       everything
//! cargo run --release -p bench -- --suite echo,ring --peers mio,tokio --quick
//! cargo run --release -p bench -- --help
//! ```
//!
//! `bench/README.md` tells how it measures, and how to read what comes out.
//!
//! The program plays three parts, each in a process of its own: it measures, it is the program that
//! is measured (of the peers that are written in Rust), and it is the load on a server.

#[cfg(not(target_os = "linux"))]
compile_error!("bench measures on Linux only: it reads /proc and runs taskset and chrt");

mod options;
mod run;

mod plan;
mod suite;

mod budget;
mod figures;
mod report;

mod child;
mod load;
mod machine;
mod watch;

mod peer;
mod program;

use std::env;
use std::error::Error;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let result = match args.next().as_deref() {
        Some(child::PROGRAM) => peer::play(&mut args),
        Some(child::LOAD) => load::play(&mut args),
        _ => run::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
