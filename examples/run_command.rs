//! A server that has its slow work done by child processes, and goes on answering meanwhile.
//!
//! It shows how a command is run and its outcome told in a callback, and how it is killed when it takes
//! too long.
//!
//! ```text
//! cargo run --example run_command [ADDR [SECONDS [COMMAND [ARG...]]]]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. Each line that
//! a client sends comes back at once, except that with `work TEXT`, `COMMAND` is run with `TEXT` as one
//! more argument, and what it has written comes back when it has exited. Until then that client is not
//! listened to; everybody else is. After `SECONDS`, ten of them as a rule, the command is killed. Ctrl-C
//! ends the server. The usual command is a shell's idea of slow work:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! hello
//! hello
//! work hello             takes two seconds
//! HELLO
//! exit status: 0
//! ```
//!
//! With Python's `selectors` one would register `p.stdout`, find out by its end that the command is
//! about to exit, and then block in `p.wait()`. asyncio has `create_subprocess_exec`.

use selkie::codec::Lines;
use selkie::net::TcpListener;
use selkie::{Connection, Input, Protocol, READ, Selector, Source, Timer};
use std::cell::Cell;
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Output};
use std::rc::Rc;
use std::time::Duration;

/// The longest line that is taken, in bytes.
const LINE_MAX: usize = 4096;

/// The most that a command may write, in bytes.
const OUTPUT_MAX: usize = 256 * 1024;

const SLOW_WORK: [&str; 4] = ["sh", "-c", "sleep 2; echo \"$1\" | tr a-z A-Z", "slow-work"];

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("run_command: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Vec<String>) -> Result<(), Box<dyn Error>> {
    let Options { addr, work } = Options::parse(&args)?;
    // Declared before the selector, so the callbacks may borrow it.
    let work = &work;
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    let addr = listener.local_addr()?;
    let sel = Selector::new()?;
    sel.register(listener, READ, |listener, _| accept(listener, work))?;
    sel.stop_on_signals()?;
    println!("listening on {addr}");
    io::stdout().flush()?;
    Ok(sel.run()?)
}

fn accept<'cb>(listener: &mut Source<'_, 'cb, TcpListener>, work: &'cb Work) -> io::Result<()> {
    let (stream, _peer) = listener.accept()?;
    let client = Client { work, lines: Lines::new(LINE_MAX), running: Rc::default() };
    Connection::open(listener.selector(), stream, client)?;
    Ok(())
}

/// What is run, and how long it may take.
struct Work {
    command: Vec<String>,
    limit: Duration,
}

struct Client<'a> {
    work: &'a Work,
    lines: Lines,
    /// While a command is run for it, what will kill that. The callback that tells the outcome knows
    /// this too.
    running: Rc<Cell<Option<Timer>>>,
}

impl<'cb> Protocol<'cb> for Client<'_> {
    fn received(&mut self, conn: &mut Source<'_, 'cb, Connection>, input: &mut Input) -> io::Result<()> {
        while self.running.get().is_none() {
            let Some(line) = input.decode(&mut self.lines)? else { break };
            match std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("work ")) {
                Some(text) => self.run(conn, text),
                None => {
                    conn.write(&[line, b"\n"].concat());
                }
            }
        }
        Ok(())
    }

    /// There is room for answers again.
    fn resumed(&mut self, conn: &mut Source<'_, 'cb, Connection>) -> io::Result<()> {
        if self.running.get().is_none() {
            conn.resume_reading();
        }
        Ok(())
    }
}

impl Client<'_> {
    fn run(&mut self, conn: &mut Source<'_, '_, Connection>, text: &str) {
        let [program, args @ ..] = &self.work.command[..] else { return };
        let (client, running) = (conn.key(), Rc::clone(&self.running));
        let done = move |sel: &Selector, outcome: io::Result<Output>| {
            if let Some(killer) = running.take() {
                sel.cancel(killer);
            }
            // The client may be gone. Then this goes nowhere.
            let _ = sel.with(client, |conn| {
                conn.write(&answer(outcome));
                conn.resume_reading(); // with the lines that have come meanwhile
            });
        };
        match conn.selector().output(Command::new(program).args(args).arg(text), OUTPUT_MAX, done) {
            Ok(process) => {
                let killer = conn.selector().call_later(self.work.limit, move |sel| {
                    let _ = sel.with(process, |process| process.kill());
                });
                self.running.set(Some(killer));
                conn.pause_reading();
            }
            Err(error) => {
                conn.write(format!("cannot run {program}: {error}\n").as_bytes());
            }
        }
    }
}

fn answer(outcome: io::Result<Output>) -> Vec<u8> {
    match outcome {
        Ok(output) => {
            let status = format!("{}\n", output.status);
            [output.stdout, output.stderr, status.into_bytes()].concat()
        }
        Err(error) if error.kind() == ErrorKind::FileTooLarge => b"killed: it says too much\n".to_vec(),
        Err(error) => format!("nothing is known of it: {error}\n").into_bytes(),
    }
}

struct Options {
    addr: SocketAddr,
    work: Work,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options, String> {
        const USAGE: &str = "usage: run_command [ADDR [SECONDS [COMMAND [ARG...]]]]";
        let addr = args.first().map_or("127.0.0.1:8088", String::as_str);
        let addr = addr.parse().map_err(|_| format!("{addr:?} is not an address such as 127.0.0.1:8088; {USAGE}"))?;
        let limit = args.get(1).map_or("10", String::as_str);
        let limit = limit.parse().map_err(|_| format!("{limit:?} are not seconds; {USAGE}"))?;
        let command = match args.get(2..) {
            None | Some([]) => SLOW_WORK.map(str::to_owned).to_vec(),
            Some(command) => command.to_vec(),
        };
        Ok(Options { addr, work: Work { command, limit: Duration::from_secs(limit) } })
    }
}
