//! An echo server that runs until a key is pressed.
//!
//! It shows a server that listens to its own terminal beside its clients, and standard input of any
//! kind as one source among others.
//!
//! ```text
//! cargo run --example stdin_quits [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. From another
//! terminal:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! hello
//! hello
//! ```
//!
//! Then press Enter where the server runs (a terminal hands over whole lines), and it says `quitting`,
//! closes its connections and ends. It ends on Ctrl-C as well, and at the end of its input, so in the background
//! it needs one that does not end: `tail -f /dev/null | cargo run --example stdin_quits`.
//!
//! This is the server of the oldest of the tutorials on Python's `select`, whose list of inputs is
//! `[server, sys.stdin]`. There `sys.stdin` has to be told from the sockets in each turn, and works
//! where it can be waited for: not on Windows, and not with a file on Linux's epoll. Its `send` loses
//! what a slow client does not take.

use selkie::net::TcpListener;
use selkie::{Connection, Input, Interest, Protocol, READ, Selector, Source, Stdin};
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stdin_quits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = addr()?;
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    say(&format!("listening on {}; press Enter to quit", listener.local_addr()?))?;

    sel.register(listener, READ, accept)?;
    let cannot_read = |error: io::Error| format!("cannot read standard input: {error}");
    let stdin = selkie::stdin().map_err(cannot_read)?;
    sel.register(stdin, READ, quit).map_err(|failed| cannot_read(failed.into()))?;
    sel.run()?;
    Ok(())
}

/// The callback of standard input.
fn quit(stdin: &mut Source<Stdin>, _: Interest) -> io::Result<()> {
    // What was typed does not matter, nor whether it was anything: but it is not left to the shell.
    let _junk = stdin.read(&mut [0; 1024])?;
    say("quitting")?;
    stdin.selector().stop();
    Ok(())
}

/// The callback of the listener.
fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
    let (conn, _peer) = match listener.accept() {
        Ok(accepted) => accepted,
        // It hung up while it waited for us.
        Err(error) if error.kind() == ErrorKind::ConnectionAborted => return Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
        Err(error) => {
            // Usually too many descriptors are open. The client still waits to be accepted, so try
            // again in a while, when another may have left.
            log::warn!("cannot accept connections: {error}");
            let key = listener.key();
            listener.set_interest(Interest::NONE);
            listener.selector().call_later(Duration::from_millis(100), move |sel| {
                sel.modify(key, READ).expect("a listener that was there can be waited for again");
            });
            return Ok(());
        }
    };
    Connection::open(listener.selector(), conn, Echo)?;
    Ok(())
}

struct Echo;

impl Protocol<'_> for Echo {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        conn.write(input.consume_all());
        Ok(())
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

fn addr() -> Result<SocketAddr, String> {
    const USAGE: &str = "usage: stdin_quits [ADDR]";
    let mut args = env::args_os().skip(1);
    match (args.next(), args.next()) {
        (None, _) => Ok(SocketAddr::from(([127, 0, 0, 1], 8088))),
        (Some(addr), None) => {
            let text = addr.to_string_lossy();
            text.parse().map_err(|_| format!("{text:?} is not an address such as 127.0.0.1:8088; {USAGE}"))
        }
        _ => Err(format!("one address is enough; {USAGE}")),
    }
}
