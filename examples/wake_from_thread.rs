//! A thread that finds something out, and a server on the loop that tells everybody.
//!
//! It shows how another thread reaches the loop: by a `Remote`, it has closures called there, and stops
//! it in the end. The thread knows no socket, and the loop does not wait for the thread.
//!
//! ```text
//! cargo run --example wake_from_thread [ADDR] [COUNT]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. When the first
//! client connects, a thread begins to look for large primes. Each is told to all who are connected
//! then. After `COUNT` of them (1000 if you do not say) the server ends, or on Ctrl-C.
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! 1000000000039
//! 1000000000061
//! 1000000000063
//! ```
//!
//! With Python's `selectors` one registers one end of a socket pair, has the thread write a byte to the
//! other, and hands the data over in a queue beside it. asyncio has `call_soon_threadsafe`, which is what
//! `Remote::call` is: the queue and the byte are its own affair.

use selkie::net::TcpListener;
use selkie::{Connection, Input, Protocol, READ, Remote, Selector, Source};
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;

/// The search begins here. It takes a few milliseconds to find one of this size.
const LARGE: u64 = 1_000_000_000_000;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wake_from_thread: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let (addr, count) = parse(args)?;
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;

    let remote = sel.remote()?;
    let mut search = Some(move || search(&remote, count));
    sel.register(listener, READ, move |listener, _| {
        let (stream, _peer) = listener.accept()?;
        Connection::open(listener.selector(), stream, Audience)?;
        if let Some(search) = search.take() {
            thread::spawn(search);
        }
        Ok::<_, io::Error>(())
    })?;
    sel.run()?;
    Ok(())
}

/// What the thread does. It may take its time: nobody waits for it.
fn search(remote: &Remote, count: usize) {
    for prime in (LARGE..).filter(|&number| is_prime(number)).take(count) {
        if remote.call(move |sel| tell_everybody(sel, prime)).is_err() {
            return; // the selector is gone, and nobody is left to be told
        }
    }
    // It returns from `run` when the calls that were accepted before have run.
    remote.stop();
}

fn is_prime(number: u64) -> bool {
    number % 2 == 1 && (3..).step_by(2).take_while(|divisor| divisor * divisor <= number).all(|d| number % d != 0)
}

/// Called on the loop. A closure that comes from another thread has borrowed nothing here: it finds
/// everything by the selector.
fn tell_everybody(sel: &Selector, prime: u64) {
    let line = format!("{prime}\n");
    for key in sel.keys() {
        // The listener and what waits for Ctrl-C have keys too, of other types.
        if let Ok(client) = sel.typed::<Connection>(key) {
            // It keeps what a slow client does not take yet, up to a limit, and then lets go of the client.
            let _ = sel.with(client, |conn| conn.write(line.as_bytes()));
        }
    }
}

/// A client: it is told, and whatever it says itself is ignored.
struct Audience;

impl Protocol<'_> for Audience {
    fn received(&mut self, _: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        input.consume_all();
        Ok(())
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<(SocketAddr, usize), String> {
    const USAGE: &str = "usage: wake_from_thread [ADDR] [COUNT]";
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8088".to_owned());
    let addr = addr.parse().map_err(|_| format!("{addr:?} is not an address such as 127.0.0.1:8088; {USAGE}"))?;
    let count = args.next().unwrap_or_else(|| "1000".to_owned());
    let count = count.parse().map_err(|_| format!("{count:?} is not a number; {USAGE}"))?;
    match args.next() {
        Some(more) => Err(format!("what does {more:?} mean here? {USAGE}")),
        None => Ok((addr, count)),
    }
}
