//! A server in which what takes seconds keeps nobody else waiting.
//!
//! It shows `offload`: a job that blocks is done by a pool of threads, and its answer is sent by a
//! callback on the loop. And it measures what that is good for.
//!
//! ```text
//! cargo run --example worker_pool [ADDR]
//! cargo run --example worker_pool -- --measure [MILLISECONDS]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. Each line that
//! a client sends comes back, except for two:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! hello
//! hello
//! slow 2000              takes two seconds, in a worker
//! done
//! slow-here 2000         takes two seconds, in the callback: all others wait
//! done
//! ```
//!
//! Ctrl-C ends it.
//!
//! With `--measure` one client asks for each of the two in turn, and another sends line after line all
//! the while:
//!
//! ```text
//! while the callback is busy for 2000 ms: 1 lines echoed, the slowest in 2000.3 ms
//! while a worker is busy for 2000 ms: 420327 lines echoed, the slowest in 5.1 ms
//! ```
//!
//! asyncio has `run_in_executor` for this. Python's `selectors` has nothing: there one writes a thread
//! pool, a queue of answers, and a pipe to wake the loop.

use selkie::codec::Lines;
use selkie::net::TcpListener;
use selkie::{Connection, Input, Interest, Protocol, READ, Selector, Source};
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// The longest line that is taken, in bytes.
const LINE_MAX: usize = 4096;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker_pool: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let Options { addr, measure } = Options::parse(args)?;
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    let addr = listener.local_addr()?;
    // Four are at work, sixteen wait, and who comes then is asked to come again.
    let sel = Selector::builder().workers(4).queue_max(16).build()?;
    sel.register(listener, READ, accept)?;
    let Some(time) = measure else {
        sel.stop_on_signals()?;
        println!("listening on {addr}");
        io::stdout().flush()?;
        return Ok(sel.run()?);
    };
    let remote = sel.remote()?;
    let measuring = thread::spawn(move || {
        let result = measure_both(addr, time);
        remote.stop();
        result
    });
    sel.run()?;
    Ok(measuring.join().expect("it does not panic")?)
}

fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
    let (stream, _peer) = listener.accept()?;
    Connection::open(listener.selector(), stream, Client { lines: Lines::new(LINE_MAX) })?;
    Ok(())
}

struct Client {
    lines: Lines,
}

impl Protocol<'_> for Client {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        while let Some(line) = input.decode(&mut self.lines)? {
            if let Some(time) = milliseconds(line, "slow ") {
                answer_later(conn, time);
            } else if let Some(time) = milliseconds(line, "slow-here ") {
                conn.write(slow(time).as_bytes());
            } else {
                conn.write(&[line, b"\n"].concat());
            }
        }
        Ok(())
    }
}

fn answer_later(conn: &mut Source<Connection>, time: Duration) {
    // The client is named by its key. It may be gone when the answer is there: then that goes nowhere.
    let client = conn.key();
    let offloaded = conn.selector().offload(
        move || slow(time),
        move |sel, answer| {
            let answer = answer.map_or_else(|panic| format!("{panic}\n"), str::to_owned);
            let _ = sel.with(client, |conn| conn.write(answer.as_bytes()));
        },
    );
    if let Err(refused) = offloaded {
        conn.write(format!("ask again later: {}\n", refused.error()).as_bytes());
    }
}

/// Stands for whatever takes its time: a computation, a disk, a library that blocks.
fn slow(time: Duration) -> &'static str {
    thread::sleep(time);
    "done\n"
}

/// The number behind `command`, if the line is that.
fn milliseconds(line: &[u8], command: &str) -> Option<Duration> {
    let number = std::str::from_utf8(line).ok()?.strip_prefix(command)?;
    number.parse().ok().map(Duration::from_millis)
}

// ---- measuring, from the clients' side

fn measure_both(addr: SocketAddr, time: Duration) -> io::Result<()> {
    for (who, command) in [("the callback", "slow-here"), ("a worker", "slow")] {
        let (echoes, slowest) = measure(addr, command, time)?;
        let (time, slowest) = (time.as_millis(), slowest.as_secs_f64() * 1e3);
        println!("while {who} is busy for {time} ms: {echoes} lines echoed, the slowest in {slowest:.1} ms");
    }
    Ok(())
}

/// Has one client send `command`, and another send lines until that is answered. How many came back,
/// and how long the slowest took.
fn measure(addr: SocketAddr, command: &str, time: Duration) -> io::Result<(usize, Duration)> {
    let mut asking = TcpStream::connect(addr)?;
    let mut echoed = TcpStream::connect(addr)?;
    echoed.set_nodelay(true)?;
    writeln!(asking, "{command} {}", time.as_millis())?;
    asking.set_nonblocking(true)?;
    let (mut echoes, mut slowest) = (0, Duration::ZERO);
    loop {
        let begun = Instant::now();
        echoed.write_all(b"x\n")?;
        echoed.read_exact(&mut [0; 2])?;
        slowest = slowest.max(begun.elapsed());
        echoes += 1;
        match asking.read(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            answered => return answered.map(|_| (echoes, slowest)),
        }
    }
}

struct Options {
    addr: SocketAddr,
    /// How long the slow ones take, if it is to measure.
    measure: Option<Duration>,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Options, String> {
        const USAGE: &str = "usage: worker_pool [ADDR], or worker_pool --measure [MILLISECONDS]";
        let args: Vec<String> = args.collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (addr, measure) = match args[..] {
            [] => ("127.0.0.1:8088", None),
            ["--measure"] => ("127.0.0.1:0", Some("2000")),
            ["--measure", time] => ("127.0.0.1:0", Some(time)),
            [addr] => (addr, None),
            _ => return Err(format!("what does {:?} mean here? {USAGE}", args[1])),
        };
        let addr = addr.parse().map_err(|_| format!("{addr:?} is not an address such as 127.0.0.1:8088; {USAGE}"))?;
        let measure = match measure.map(str::parse) {
            None => None,
            Some(Ok(time)) => Some(Duration::from_millis(time)),
            Some(Err(_)) => return Err(format!("{:?} are not milliseconds; {USAGE}", args[1])),
        };
        Ok(Options { addr, measure })
    }
}
