//! A web server with one answer, as a state machine on the core alone.
//!
//! It shows a connection that goes through states, each with its own interest, and answers that go out
//! in as many writes as the socket needs. There is no protocol layer in it: `epoll` is all that is used,
//! by the name of `Selector`.
//!
//! ```text
//! cargo run --example epoll_http [ADDR] [--size BYTES] [--trace]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. `--size` makes
//! the page so many bytes long. `--trace` prints each step. Ctrl-C ends it. From another terminal:
//!
//! ```text
//! $ curl http://127.0.0.1:8088/
//! Hello, world!
//! ```
//!
//! A connection goes this way:
//!
//! | state | asks for | until |
//! |---|---|---|
//! | receiving | `READ` | a blank line: the request is there. `TCP_CORK` is set, where the platform has it |
//! | sending | `WRITE` | all of the answer has gone. `TCP_CORK` is cleared, the interest becomes none, the sending half is shut down |
//! | leaving | none, then `READ` | the client has hung up as well: gone |
//!
//! The original is the `epoll` server by which many have learned it. Five things are wrong with it. It
//! keeps three tables by descriptor (`connections`, `requests`, `responses`), and its `EPOLLHUP` branch
//! deletes from one of them, so the other two grow for ever. A request without a blank line grows without
//! a limit. A client that says nothing stays for ever. One that is reset raises in `recv`, and the server
//! ends. And it shuts down both halves at once, so what the client still sends is answered with a reset,
//! by which the client may lose an answer it has not read. Here the state is one value in the callback,
//! a request may be 8 KiB long and a client may keep silent for ten seconds, an error costs its own
//! connection, and the client hangs up last.
//!
//! One difference is to be known. epoll reports a hang-up also to those who ask for nothing. A source
//! that asks for `Interest::NONE` hears nothing at all, as that is the same on every platform. So this
//! one asks for `READ` again to hear of it; what happened while it was paused is reported then.

mod around;

use around::Args;
use selkie::net::{TcpListener, TcpStream};
use selkie::{Interest, READ, Selector, Source, WRITE};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

/// The longest request, in bytes.
const REQUEST_MAX: usize = 8 * 1024;

/// How long a client may say nothing, or take nothing.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    around::run("epoll_http", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = Args::new("epoll_http [ADDR] [--size BYTES] [--trace]")?;
    let size = args.value("--size", "a number of bytes")?;
    let trace = args.flag("--trace");
    let addr = args.addr()?;

    let page = match size {
        Some(size) => std::iter::repeat_n(*b"0123456789", size / 10 + 1).flatten().take(size).collect(),
        None => b"Hello, world!\n".to_vec(),
    };
    let site = &Site { page, trace };
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    sel.register(listener, READ, move |listener, _| site.accept(listener))?;
    sel.run()?;
    Ok(())
}

/// What all connections share.
struct Site {
    page: Vec<u8>,
    trace: bool,
}

impl Site {
    /// The callback of the listener.
    fn accept<'cb>(&'cb self, listener: &mut Source<'_, 'cb, TcpListener>) -> io::Result<()> {
        let Some((conn, peer)) = around::accept(listener) else { return Ok(()) };
        let visit = Visit { site: self, name: peer.to_string() };
        let mut state = State::Receiving(Vec::new());
        visit.step("accepted");
        let sel = listener.selector();
        let key = sel.register(conn, READ, move |conn, ready| visit.ready(conn, ready, &mut state))?;
        sel.set_timeout(key, Some(PATIENCE))?;
        Ok(())
    }
}

/// One connection, as its callback knows it.
struct Visit<'cb> {
    site: &'cb Site,
    name: String,
}

enum State {
    /// What has come of the request.
    Receiving(Vec<u8>),
    Sending(Answer),
    Leaving,
}

struct Answer {
    status: &'static str,
    head: Vec<u8>,
    /// Bytes of head and page that have gone.
    sent: usize,
    with_page: bool,
}

impl Visit<'_> {
    /// The callback of a connection.
    fn ready(&self, conn: &mut Source<TcpStream>, ready: Interest, state: &mut State) -> io::Result<()> {
        if ready.is_timeout() && !ready.is_readable() && !ready.is_writable() {
            self.step("has waited for long enough");
            conn.unregister();
            return Ok(());
        }
        let next = match state {
            State::Receiving(request) => self.receive(conn, request)?,
            State::Sending(answer) => self.send(conn, answer)?,
            State::Leaving => self.leave(conn)?,
        };
        if let Some(next) = next {
            *state = next;
        }
        Ok(())
    }

    fn receive(&self, conn: &mut Source<TcpStream>, request: &mut Vec<u8>) -> io::Result<Option<State>> {
        let mut buf = [0; 1024];
        let n = conn.read(&mut buf)?;
        if n == 0 {
            self.step("left without a request");
            conn.unregister();
            return Ok(None);
        }
        request.extend_from_slice(&buf[..n]);
        let status = if has_blank_line(request) {
            "200 OK"
        } else if request.len() > REQUEST_MAX {
            "431 Request Header Fields Too Large"
        } else {
            return Ok(None); // more of it will come
        };
        self.step("has sent its request");
        cork(conn, true)?;
        conn.set_interest(WRITE);
        Ok(Some(State::Sending(Answer::new(status, self.site))))
    }

    fn send(&self, conn: &mut Source<TcpStream>, answer: &mut Answer) -> io::Result<Option<State>> {
        // The head, then the page: two writes, and yet no small packet for the head, thanks to the cork.
        while !answer.rest(self.site).is_empty() {
            match conn.write(answer.rest(self.site)) {
                Ok(n) => answer.sent += n,
                Err(error) if around::not_now(&error) => {
                    self.step("has no room for more");
                    return Ok(None); // we are called when there is
                }
                Err(error) => return Err(error),
            }
        }
        self.step(&format!("was sent all of {}", answer.status));
        cork(conn, false)?;
        conn.set_interest(Interest::NONE);
        conn.shutdown(Shutdown::Write)?;
        let key = conn.key();
        conn.selector().call_soon(move |sel| {
            let _ = sel.modify(key, READ); // it may be gone by then
        });
        Ok(Some(State::Leaving))
    }

    /// Nothing that comes matters any more, but that it comes to an end.
    fn leave(&self, conn: &mut Source<TcpStream>) -> io::Result<Option<State>> {
        if conn.read(&mut [0; 1024])? == 0 {
            self.step("has hung up: gone");
            conn.unregister();
        }
        Ok(None)
    }

    fn step(&self, what: &str) {
        if self.site.trace {
            // There is no better place to complain than the one that does not work.
            let _ = around::say(&format!("{} {what}", self.name));
        }
    }
}

impl Answer {
    fn new(status: &'static str, site: &Site) -> Answer {
        let with_page = status == "200 OK";
        let length = if with_page { site.page.len() } else { 0 };
        let head = format!("HTTP/1.0 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
        Answer { status, head: head.into_bytes(), sent: 0, with_page }
    }

    /// What goes out next: what is left of the head, or else of the page.
    fn rest<'a>(&'a self, site: &'a Site) -> &'a [u8] {
        match self.sent.checked_sub(self.head.len()) {
            None => &self.head[self.sent..],
            Some(sent) if self.with_page => &site.page[sent..],
            Some(_) => &[],
        }
    }
}

/// Whether the request has come to its end. Lines may end in either way, as in the original.
fn has_blank_line(request: &[u8]) -> bool {
    request.windows(4).any(|end| end == b"\r\n\r\n") || request.windows(2).any(|end| end == b"\n\n")
}

/// Has the system keep back packets that are not full, until the cork is drawn.
fn cork(conn: &TcpStream, set: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_cork(conn, set)?;
    #[cfg(not(target_os = "linux"))]
    let _ = (conn, set);
    Ok(())
}
