//! What stands around the servers of several examples: its arguments, its address, its end. So that
//! the file of an example is about its subject.
#![allow(dead_code)] // each example uses its part

use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, READ, Source};
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// How long a listener is left alone after it could not accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs an example, and says in a sentence why it ended if it should not have.
pub(crate) fn run(name: &str, serve: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments that were not asked for yet.
pub(crate) struct Args {
    usage: &'static str,
    left: Vec<String>,
}

impl Args {
    pub(crate) fn new(usage: &'static str) -> Result<Args, String> {
        let args = env::args_os().skip(1).map(|arg| arg.into_string());
        let left = args.collect::<Result<_, _>>().map_err(|arg| format!("{arg:?} is not UTF-8; usage: {usage}"))?;
        Ok(Args { usage, left })
    }

    /// Whether `name` is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|arg| arg == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// What stands behind `name`. `what` says what that has to be.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str, what: &str) -> Result<Option<T>, String> {
        let Some(at) = self.left.iter().position(|arg| arg == name) else { return Ok(None) };
        self.left.remove(at);
        if at == self.left.len() {
            return Err(format!("{name} needs {what}; usage: {}", self.usage));
        }
        let text = self.left.remove(at);
        text.parse().map(Some).map_err(|_| format!("{name} needs {what}, and {text:?} is not; usage: {}", self.usage))
    }

    /// What is left has to be an address, or nothing.
    pub(crate) fn addr(self) -> Result<SocketAddr, String> {
        self.addr_or(8088)
    }

    /// The same, with the port that is meant by nothing.
    pub(crate) fn addr_or(self, port: u16) -> Result<SocketAddr, String> {
        let Args { usage, left } = self;
        match &left[..] {
            [] => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
            [addr] if !addr.starts_with('-') => {
                addr.parse().map_err(|_| format!("{addr:?} is not an address such as 127.0.0.1:8088; usage: {usage}"))
            }
            [other, ..] => Err(format!("what does {other:?} mean here? usage: {usage}")),
        }
    }
}

/// Listens, and says where.
pub(crate) fn listen(addr: SocketAddr) -> Result<TcpListener, Box<dyn Error>> {
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    say(&format!("listening on {}", listener.local_addr()?))?;
    Ok(listener)
}

/// Prints a line, at once also where standard output is a pipe.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush())
}

/// Accepts one connection, if there is one after all. An error that a callback returns costs it its
/// source, and no client is worth the listener.
pub(crate) fn accept(listener: &mut Source<TcpListener>) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept() {
        Ok(accepted) => return Some(accepted),
        // Nobody is there any more; or it hung up while it waited for us, and the next one may not have.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
        Err(error) => {
            // Usually too many descriptors are open. The connection still waits, so we would be called
            // again at once, in vain: better in a while, when another client may have left.
            log::warn!("cannot accept connections: {error}");
            listener.set_interest(Interest::NONE);
            let key = listener.key();
            listener.selector().call_later(PAUSE, move |sel| {
                let _ = sel.modify(key, READ);
            });
        }
    }
    None
}

/// Whether an operation has only been put off.
pub(crate) fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
