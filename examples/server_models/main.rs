//! One server, built in seven ways, and a load that shows what each way costs and where it breaks.
//!
//! It shows the road that every tutorial on I/O multiplexing goes: from a server that blocks, by way of
//! processes, threads, polling and a hand-written loop, to callbacks.
//!
//! ```text
//! cargo run --example server_models [ADDR] [--model MODEL]
//! cargo run --release --example server_models -- --compare [--seconds S] [--clients MAX] [--svg FILE]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. Ctrl-C ends it.
//! Each line that a client sends comes back in upper case. `MODEL` is one of these:
//!
//! | model | who serves a client | where it breaks |
//! |---|---|---|
//! | `blocking` | the only thread, one client after the other | at the second client, which waits until the first has left |
//! | `process` | a process of its own | at the cost of a process: time to start it, memory to keep it |
//! | `thread` | a thread of its own | later than one thinks: it is memory, and what the threads share |
//! | `polling` | one thread, which asks all of them all the time | at once: it never rests, and looks at a thousand to find the one |
//! | `select-loop` | one thread, told by `poll()` who is ready | with the number of clients: all are handed to the system each time |
//! | `callbacks` | one thread, in `Selector::run()` | where one thread is not enough, or a callback takes long |
//! | `workers` | a thread and a `run()` per core, on one port (`SO_REUSEPORT`) | where clients have to know of one another |
//!
//! The originals are the first chapters of the tutorials, a program each. Their faults are those of
//! all short programs: `send` is taken to send everything, an exception in one client ends it for all,
//! and a child process is never waited for. Here one function, `Session::turn`, serves a client in all
//! seven. What differs is who calls it, and when; that is in `models.rs`, shortest first.
//!
//! `--compare` starts each as a process and puts 1, 10, 100 and 1,000 clients on it (or fewer, if `MAX` is
//! less), for a second each (or `S`). Nine of ten ask as fast as they are answered. Every tenth is slow:
//! it sends half a line, and the rest 100 ms later. It takes about a minute, shows how far it is,
//! prints a table, and draws it (`target/server_models.svg`, unless you say otherwise). Linux only, where
//! the system says how much a process has used.

#[path = "../around/mod.rs"]
mod around;

#[cfg(target_os = "linux")]
mod chart;
#[cfg(target_os = "linux")]
mod compare;
#[cfg(target_os = "linux")]
mod load;
#[cfg(unix)]
mod models;
#[cfg(unix)]
mod session;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    around::run("server_models", serve)
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    around::run("server_models", || Err("some of the models are for Unix only".into()))
}

#[cfg(unix)]
fn serve() -> Result<(), Box<dyn std::error::Error>> {
    const USAGE: &str = "server_models [ADDR] [--model MODEL] | --compare [--seconds S] [--clients MAX] [--svg FILE]";
    let mut args = around::Args::new(USAGE)?;
    if args.flag(models::SERVE_STDIN) {
        return Ok(models::serve_stdin()?);
    }
    raise_descriptor_limit()?;
    if args.flag("--compare") {
        return compare(args);
    }
    let name = args.value("--model", "the name of a model")?.unwrap_or_else(|| "callbacks".to_owned());
    let model = models::ALL.iter().find(|model| model.name == name);
    let names: Vec<_> = models::ALL.iter().map(|model| model.name).collect();
    let model = model.ok_or_else(|| format!("there is no model {name:?}, only {}", names.join(", ")))?;
    (model.serve)(args.addr()?)
}

#[cfg(target_os = "linux")]
fn compare(mut args: around::Args) -> Result<(), Box<dyn std::error::Error>> {
    let seconds = args.value("--seconds", "a number of seconds")?.unwrap_or(1.0);
    let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| format!("not in {seconds} seconds"))?;
    let clients_max = args.value("--clients", "a number of clients")?.unwrap_or(1000);
    let file = args.value("--svg", "a file")?.unwrap_or_else(|| "target/server_models.svg".to_owned());
    compare::compare(time, clients_max, &file)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn compare(_: around::Args) -> Result<(), Box<dyn std::error::Error>> {
    Err("what a server uses can be found out on Linux only".into())
}

/// A thousand clients are as many descriptors, and some systems give a process fewer unless it asks.
#[cfg(unix)]
fn raise_descriptor_limit() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(u64::MAX).min(4096);
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    }
    Ok(())
}
