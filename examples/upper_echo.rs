//! A server that answers every client with its own bytes in upper case.
//!
//! It shows how a server is put together: one callback accepts, one serves a client, and the state
//! of a client lives in its callback. And it shows what there is to do when a client does not read
//! as fast as it is answered.
//!
//! ```text
//! cargo run --example upper_echo [ADDR] [--suffix TEXT]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. `TEXT` is
//! put behind each answer. The server says where it listens, and Ctrl-C ends it. From another
//! terminal (or use the example `upper_client`):
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! hello
//! HELLO
//! ```
//!
//! This is the server of many a tutorial on Python's `selectors`, where `key.data` is the callback.
//! The usual one calls `conn.send(data.upper())` and hopes that the socket takes all of it. For a
//! client that reads slowly it does not: the rest of the answer is lost, or `sendall` raises
//! `BlockingIOError` and the server dies. Here the rest is kept, and nothing more is read from that
//! client until it has gone out. So a client that never reads costs one buffer, and nobody else
//! notices.

use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, Key, READ, Selector, Source, WRITE};
use std::cell::{Cell, RefCell};
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Bytes that are read, and so answered, at once.
const READ_MAX: usize = 16 * 1024;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve(env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upper_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let Options { addr, suffix } = Options::parse(args)?;
    // Declared before the selector, so the callbacks may borrow it.
    let server = &Server::new(suffix);
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = TcpListener::bind(addr).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", listener.local_addr()?)
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("cannot print the address: {error}"))?;

    let listener = sel.register(listener, READ, |listener, _| server.accept(listener))?;
    sel.on_error(move |sel, lost| {
        if lost.key == listener {
            server.failure.set(Some(lost.error));
            sel.stop();
        } else {
            // Usually a connection that was reset. It has cost that connection and nothing else.
            log::debug!("{lost}");
            server.client_left(sel);
        }
    });
    sel.run()?;
    match server.failure.take() {
        Some(error) => Err(format!("cannot accept connections: {error}").into()),
        None => Ok(()),
    }
}

/// What all callbacks share.
struct Server {
    /// One buffer for everybody: a client needs it only while its callback is being called. There is
    /// room for what was read and the suffix, so that an answer goes out in one piece.
    buf: RefCell<Vec<u8>>,
    suffix: Vec<u8>,
    clients: Cell<usize>,
    /// The listener, while it is paused.
    paused: Cell<Option<Key<TcpListener>>>,
    /// Why there is no listener any more.
    failure: Cell<Option<io::Error>>,
}

impl Server {
    fn new(suffix: Vec<u8>) -> Server {
        let buf = RefCell::new(vec![0; READ_MAX + suffix.len()]);
        Server { buf, suffix, clients: Cell::new(0), paused: Cell::new(None), failure: Cell::new(None) }
    }

    /// The callback of the listener.
    fn accept<'cb>(&'cb self, listener: &mut Source<'_, 'cb, TcpListener>) -> io::Result<()> {
        match self.admit(listener) {
            Ok(()) => Ok(()),
            Err(error) => self.not_admitted(listener, error),
        }
    }

    fn admit<'cb>(&'cb self, listener: &mut Source<'_, 'cb, TcpListener>) -> io::Result<()> {
        let (conn, _peer) = listener.accept()?;
        // This fails only if the connection is lost already, and then the first read says so.
        let _ = conn.set_nodelay(true);
        let mut client = Client { server: self, unsent: Vec::new() };
        listener.selector().register(conn, READ, move |conn, _| client.ready(conn))?;
        self.clients.set(self.clients.get() + 1);
        Ok(())
    }

    /// An error that a callback returns costs its source, and the listener is not to be lost for
    /// what concerns a single client.
    #[cold]
    fn not_admitted(&self, listener: &mut Source<TcpListener>, error: io::Error) -> io::Result<()> {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
            // It hung up while it waited for us. The next one may not have.
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Ok(()),
            // Too many descriptors are open. The connection is still there to be accepted, so we
            // would be called again at once, in vain: better wait until a client has left. If there
            // is none, waiting does not help.
            _ if self.clients.get() > 0 => {
                log::warn!("cannot accept connections until a client leaves: {error}");
                listener.set_interest(Interest::NONE);
                self.paused.set(Some(listener.key()));
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// A client is gone, and with it its descriptor.
    fn client_left(&self, sel: &Selector) {
        self.clients.set(self.clients.get() - 1);
        if let Some(listener) = self.paused.take() {
            if let Err(error) = sel.modify(listener, READ) {
                self.failure.set(Some(error));
                sel.stop();
            }
        }
    }
}

/// A client, as its callback knows it.
struct Client<'cb> {
    server: &'cb Server,
    /// What the socket did not take yet. While there is any we wait for room and read no more, so
    /// this is never longer than one answer.
    unsent: Vec<u8>,
}

impl Client<'_> {
    /// The callback of a connection.
    fn ready(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        if !self.unsent.is_empty() {
            return self.send_rest(conn);
        }
        let mut buf = self.server.buf.borrow_mut();
        let n = conn.read(&mut buf[..READ_MAX])?;
        if n == 0 {
            // All that it sent was answered, or we would not have come to read this.
            conn.unregister();
            self.server.client_left(conn.selector());
            return Ok(());
        }
        let suffix = &self.server.suffix;
        let answer = &mut buf[..n + suffix.len()];
        answer[..n].make_ascii_uppercase();
        answer[n..].copy_from_slice(suffix);
        // There is nearly always room, so try before waiting for it.
        let sent = try_write(conn, answer)?;
        if sent < answer.len() {
            self.keep(conn, &answer[sent..]);
        }
        Ok(())
    }

    #[cold]
    fn keep(&mut self, conn: &mut Source<TcpStream>, rest: &[u8]) {
        self.unsent = rest.to_vec();
        conn.set_interest(WRITE);
    }

    #[cold]
    fn send_rest(&mut self, conn: &mut Source<TcpStream>) -> io::Result<()> {
        let sent = try_write(conn, &self.unsent)?;
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent = Vec::new(); // gives the memory back
            conn.set_interest(READ);
        }
        Ok(())
    }
}

/// How many bytes the socket took. "Would block" is none: were it returned as an error, it would
/// pass for "not now", and the answer would be forgotten.
fn try_write(conn: &mut Source<TcpStream>, bytes: &[u8]) -> io::Result<usize> {
    match conn.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        result => result,
    }
}

struct Options {
    addr: SocketAddr,
    suffix: Vec<u8>,
}

impl Options {
    fn parse(args: impl Iterator<Item = OsString>) -> Result<Options, String> {
        const USAGE: &str = "usage: upper_echo [ADDR] [--suffix TEXT]";
        let mut args = args.map(|arg| arg.into_string().map_err(|arg| format!("{arg:?} is not UTF-8")));
        let mut addr = None;
        let mut suffix = None;
        while let Some(arg) = args.next().transpose()? {
            if arg == "--suffix" && suffix.is_none() {
                let text = args.next().transpose()?;
                suffix = Some(text.ok_or_else(|| format!("--suffix needs a text; {USAGE}"))?);
            } else if arg.starts_with('-') || addr.is_some() {
                return Err(format!("what does {arg:?} mean here? {USAGE}"));
            } else {
                let parsed = arg.parse();
                addr = Some(parsed.map_err(|_| format!("{arg:?} is not an address such as 127.0.0.1:8088; {USAGE}"))?);
            }
        }
        let addr = addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8088)));
        Ok(Options { addr, suffix: suffix.unwrap_or_default().into_bytes() })
    }
}
