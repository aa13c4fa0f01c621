//! A web server: a page, and a place that sends back what is posted to it.
//!
//! It shows a protocol of some size, kept apart from all I/O: connections that stay open, requests
//! sent one behind the other without waiting, bodies with a length or in chunks, `Expect:
//! 100-continue`, limits for everything, a time limit for each request, and how a connection is ended
//! so that the client gets to read the reason.
//!
//! ```text
//! cargo run --example http_hello [ADDR]
//! ```
//!
//! `ADDR` is 127.0.0.1:8080 unless you say otherwise; with port 0 the system chooses one. The server
//! says where it listens. Ctrl-C ends it, once what was asked is answered. Open the address in a browser, or:
//!
//! ```text
//! $ curl --data hello http://127.0.0.1:8080/echo
//! hello
//! $ wrk -c 50 http://127.0.0.1:8080/
//! ```
//!
//! It speaks HTTP/1.1 and 1.0, without TLS. The file `request.rs` cuts requests out of what arrives,
//! with httparse for the heads, and `response.rs` puts the answers together; neither does any I/O.

#[path = "../around/mod.rs"]
mod around;
mod request;
mod response;

use around::Args;
use request::{Request, Requests, Step};
use response::{Response, Status};
#[cfg(unix)]
use selkie::signal::{SIGINT, SIGTERM};
use selkie::{
    Connection, ConnectionOptions, Input, Key, Protocol, Selector, Server, ServerOptions, Source, Timeout, Timer,
};
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = "body { font-family: sans-serif; margin: 3em; }\n";

/// How long a request may take to arrive, from its first byte to its last.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be silent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to close, once the last answer to it has gone out.
const LINGER: Duration = Duration::from_secs(2);
/// How long the answers that wait may take to go out when the program is told to end.
#[cfg(unix)]
const SHUTDOWN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    around::run("http_hello", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let addr = Args::new("http_hello [ADDR]")?.addr_or(8080)?;
    let listener = around::listen(addr)?;

    let options = ConnectionOptions::new().idle_timeout(Some(IDLE_TIMEOUT));
    let sel = Selector::new()?;
    let server = ServerOptions::new().connection(options).open(&sel, listener, |_| Client::new())?;
    end_on_signals(&sel, server)?;
    sel.run()?;
    Ok(())
}

/// Has Ctrl-C end the server when what waits has gone out, and a second one end it at once.
#[cfg(unix)]
fn end_on_signals(sel: &Selector, server: Key<Server>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        sel.on_signal(signal, move |sel, _| {
            let asked = sel.with(server, |server| server.shutdown(SHUTDOWN, |sel, _| sel.stop()));
            if asked.is_err() {
                sel.stop();
            }
        })?;
    }
    Ok(())
}

/// Where there are no such signals, it ends at once.
#[cfg(not(unix))]
fn end_on_signals(sel: &Selector, _: Key<Server>) -> io::Result<()> {
    sel.stop_on_signals()
}

/// One connection.
struct Client {
    requests: Requests,
    /// Runs while a request is under way, and when all is said.
    clock: Option<Timer>,
}

impl Protocol<'_> for Client {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        // The answers to all that has arrived go out together. If the client does not read them, no more
        // is read of it: that is what `paused` does unless it is written otherwise.
        let mut out = Vec::new();
        // After the last answer nothing counts any more.
        while conn.is_open() {
            let Some(step) = input.decode(&mut self.requests)? else {
                if self.requests.is_under_way() || !input.is_empty() {
                    self.let_run(conn);
                }
                break;
            };
            match step {
                Step::Expects => out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"),
                Step::Complete(request) => {
                    self.stop_clock(conn);
                    answer(&request, &mut out);
                    if !request.keep_alive {
                        self.clock = Some(hang_up(conn, &mut out));
                    }
                }
                Step::Refused(status) => {
                    self.stop_clock(conn);
                    Response::of(status).write_to(&mut out, true, false);
                    self.clock = Some(hang_up(conn, &mut out));
                }
            }
        }
        send(conn, &mut out);
        if !conn.is_open() {
            input.consume_all();
        }
        Ok(())
    }

    fn timeout(&mut self, conn: &mut Source<Connection>, _: Timeout) -> io::Result<()> {
        // It has asked nothing for a while, which is no failure, or it does not read.
        conn.close();
        Ok(())
    }

    fn closed(&mut self, conn: Option<&mut Source<Connection>>, _: &selkie::Closed) {
        if let Some(conn) = conn {
            self.stop_clock(conn);
        }
    }
}

impl Client {
    fn new() -> Client {
        Client { requests: Requests::new(), clock: None }
    }

    /// A request has begun that is not complete: it is to be, in time.
    fn let_run(&mut self, conn: &Source<Connection>) {
        if self.clock.is_some() {
            return;
        }
        let key = conn.key();
        self.clock = Some(conn.selector().call_later(REQUEST_TIMEOUT, move |sel| {
            // If it is gone, this does not concern it any more.
            let _ = sel.with(key, |conn| {
                let mut out = Vec::new();
                Response::of(Status::RequestTimeout).write_to(&mut out, true, false);
                hang_up(conn, &mut out);
            });
        }));
    }

    fn stop_clock(&mut self, conn: &Source<Connection>) {
        if let Some(clock) = self.clock.take() {
            conn.selector().cancel(clock);
        }
    }
}

/// Sends the last answer, and ends the connection. Answers with the timer that sees to it.
///
/// Were it closed at once, with something unread, the system would reset it, and the client might
/// never see the answer. So only the own side is ended, what still comes is passed over, and the client
/// is to close, for which it has a little time.
fn hang_up(conn: &mut Source<Connection>, out: &mut Vec<u8>) -> Timer {
    send(conn, out);
    conn.shutdown_write();
    let key = conn.key();
    conn.selector().call_later(LINGER, move |sel| {
        let _ = sel.with(key, |conn| conn.abort());
    })
}

/// Appends the answer to `request` to `out`.
fn answer(request: &Request, out: &mut Vec<u8>) {
    let allowed: &[&str] = match &*request.path {
        "/" | "/style.css" => &["GET", "HEAD"],
        "/echo" => &["POST"],
        _ => &[],
    };
    let allow = format!("Allow: {}\r\n", allowed.join(", "));
    let response = match &*request.path {
        _ if allowed.is_empty() => Response::of(Status::NotFound),
        _ if !allowed.contains(&&*request.method) => {
            Response { headers: &allow, ..Response::of(Status::MethodNotAllowed) }
        }
        "/" => ok("text/html; charset=utf-8", PAGE.as_bytes()),
        "/style.css" => ok("text/css", STYLE.as_bytes()),
        _ => ok("application/octet-stream", &request.body),
    };
    response.write_to(out, request.method != "HEAD", request.keep_alive);
}

fn ok<'a>(content_type: &'a str, body: &'a [u8]) -> Response<'a> {
    Response { status: Status::Ok, content_type, headers: "", body }
}

fn send(conn: &mut Source<Connection>, out: &mut Vec<u8>) {
    conn.write_bytes(std::mem::take(out));
}
