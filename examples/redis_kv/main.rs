//! A small Redis: a store of values that its own tools take for one.
//!
//! It shows a protocol with a parser of its own, pipelined requests whose replies go out together, a
//! client that does not read its replies, state that all connections borrow, and a timer for each key
//! that expires.
//!
//! ```text
//! cargo run --example redis_kv [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:6380 unless you say otherwise (one beyond the usual port of Redis); with port 0
//! the system chooses one. The server says where it listens, and Ctrl-C ends it. From another terminal:
//!
//! ```text
//! $ redis-cli -p 6380 set greeting hello ex 60
//! OK
//! $ redis-cli -p 6380 get greeting
//! "hello"
//! $ redis-benchmark -p 6380 -q -P 16 -t set,get,incr
//! ```
//!
//! It knows PING, ECHO, SET (with EX or PX), GET, MSET, MGET, DEL, EXISTS, INCR, EXPIRE and TTL, in
//! version 2 and 3 of the protocol, and what the tools ask before they begin. Nothing is ever written
//! to a disk, and how much is kept is up to the clients.
//!
//! The file `resp.rs` has the protocol, `store.rs` the commands; neither does any I/O.

#[path = "../around/mod.rs"]
mod around;
mod resp;
mod store;

use around::Args;
use resp::{Replies, Requests};
use selkie::{Connection, ConnectionOptions, Input, Protocol, Selector, ServerOptions, Source, Written};
use std::error::Error;
use std::io;
use std::process::ExitCode;
use store::Store;

/// Bytes that a request may have.
const REQUEST_MAX: usize = 4 * 1024 * 1024;
/// Bytes of replies that are put together before they are sent.
const REPLIES: usize = 64 * 1024;

fn main() -> ExitCode {
    around::run("redis_kv", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = Args::new("redis_kv [ADDR]")?.addr_or(6380)?;
    let store = &Store::default();
    let options = ConnectionOptions::new().input_max(REQUEST_MAX);
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    ServerOptions::new().connection(options).open(&sel, listener, |_| Client::new(store))?;
    sel.run()?;
    Ok(())
}

/// One client.
struct Client<'cb> {
    store: &'cb Store,
    requests: Requests,
    resp3: bool,
}

impl<'cb> Protocol<'cb> for Client<'cb> {
    fn received(&mut self, conn: &mut Source<'_, 'cb, Connection>, input: &mut Input) -> io::Result<()> {
        let mut replies = Replies { bytes: Vec::new(), resp3: self.resp3 };
        while conn.is_open() {
            match input.decode(&mut self.requests) {
                Ok(Some(request)) => self.answer(conn, &request, &mut replies),
                Ok(None) => break,
                Err(error) => {
                    replies.error(&format!("ERR {error}"));
                    send(conn, &mut replies);
                    conn.close();
                }
            }
            // A client that does not read is not answered any further: the rest of its requests comes
            // again, once it has read.
            if replies.bytes.len() >= REPLIES && send(conn, &mut replies) == Written::AboveHigh {
                break;
            }
        }
        send(conn, &mut replies);
        self.resp3 = replies.resp3;
        Ok(())
    }
}

impl<'cb> Client<'cb> {
    fn new(store: &'cb Store) -> Self {
        Client { store, requests: Requests::new(), resp3: false }
    }

    fn answer(&self, conn: &mut Source<'_, 'cb, Connection>, request: &[&[u8]], replies: &mut Replies) {
        let Some((name, words)) = request.split_first() else { return };
        let name = name.to_ascii_uppercase();
        match (&*name, words) {
            (b"PING", []) => replies.simple("PONG"),
            (b"PING" | b"ECHO", [text]) => replies.bulk(text),
            (b"HELLO", _) => hello(words, replies),
            // What the tools ask before they begin.
            (b"CONFIG", [_, name]) => {
                replies.map(1);
                replies.bulk(name);
                replies.bulk(b"");
            }
            (b"COMMAND", _) => replies.array(0),
            (b"CLIENT", _) | (b"SELECT", [b"0"]) => replies.simple("OK"),
            (b"INFO", _) => {
                replies.bulk(format!("# Keyspace\r\ndb0:keys={}\r\n", self.store.len()).as_bytes());
            }
            (b"QUIT", _) => {
                replies.simple("OK");
                send(conn, replies);
                conn.close();
            }
            _ => self.store.run(conn.selector(), &name, words, replies),
        }
    }
}

/// The client says which version of the protocol it speaks.
fn hello(words: &[&[u8]], replies: &mut Replies) {
    match words.first() {
        None => {}
        Some(&b"2") => replies.resp3 = false,
        Some(&b"3") => replies.resp3 = true,
        Some(_) => return replies.error("NOPROTO unsupported protocol version"),
    }
    replies.map(3);
    replies.bulk(b"server");
    replies.bulk(b"redis_kv");
    replies.bulk(b"version");
    replies.bulk(env!("CARGO_PKG_VERSION").as_bytes());
    replies.bulk(b"proto");
    replies.integer(if replies.resp3 { 3 } else { 2 });
}

fn send(conn: &mut Source<Connection>, replies: &mut Replies) -> Written {
    conn.write_bytes(std::mem::take(&mut replies.bytes))
}
