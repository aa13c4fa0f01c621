//! The echo server as a protocol: what a connection calls, and what is left to do then.
//!
//! It shows a protocol with state, what is written when a client comes, an idle time-out that is not the
//! end, and what is told of a client that has left. Compare it with `upper_echo`, which does by hand what
//! a connection does here.
//!
//! ```text
//! cargo run --example echo_protocol [ADDR] [--idle SECONDS]
//! ```
//!
//! `ADDR` is 127.0.0.1:8088 unless you say otherwise; with port 0 the system chooses one. A client that
//! keeps silent is asked after 30 seconds, or as many as you say, whether it is still there, and has to
//! leave when it does not answer. Ctrl-C ends it. From another terminal:
//!
//! ```text
//! $ nc 127.0.0.1 8088
//! welcome, 127.0.0.1:40122
//! hello
//! hello
//! are you still there?
//! bye
//! ```
//!
//! and here:
//!
//! ```text
//! listening on 127.0.0.1:8088
//! 127.0.0.1:40122 has left after 6 bytes: nothing was received or sent for as long as the idle time-out
//! ```
//!
//! In asyncio, the transport has to be kept in `connection_made`, a server that writes to a client who
//! does not read takes memory without end unless `pause_writing` was thought of, and there is no idle
//! time-out. Here the connection comes with every call, and who does not read is not read from.

mod around;

use around::Args;
use selkie::{Closed, Connection, ConnectionOptions, Input, Protocol, Selector, ServerOptions, Source, Timeout};
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    around::run("echo_protocol", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = Args::new("echo_protocol [ADDR] [--idle SECONDS]")?;
    let seconds = args.value("--idle", "a number of seconds")?.unwrap_or(30.0);
    let idle = Duration::try_from_secs_f64(seconds).map_err(|error| format!("--idle {seconds}: {error}"))?;
    let listener = around::listen(args.addr()?)?;
    let sel = Selector::new()?;
    let connections = ConnectionOptions::new().idle_timeout(Some(idle));
    ServerOptions::new().connection(connections).open(&sel, listener, |_peer| Echo { asked: false })?;
    Ok(sel.run()?)
}

/// What the server knows of one client.
struct Echo {
    /// It was asked whether it is still there, and has not said anything since.
    asked: bool,
}

impl Protocol<'_> for Echo {
    fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        if let Some(peer) = conn.peer_addr() {
            conn.write_bytes(format!("welcome, {peer}\n"));
        }
        Ok(())
    }

    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        self.asked = false;
        conn.write(input.consume_all());
        Ok(())
    }

    fn timeout(&mut self, conn: &mut Source<Connection>, what: Timeout) -> io::Result<()> {
        if self.asked {
            conn.write(b"bye\n");
            conn.fail(what.into());
        } else {
            conn.write(b"are you still there?\n");
            self.asked = true;
        }
        Ok(())
    }

    // The end of a client closes its connection, and one that does not read is not read from: that is what
    // `ended`, `paused` and `resumed` do unless they are written.

    fn closed(&mut self, conn: Option<&mut Source<Connection>>, reason: &Closed) {
        // There is none when the whole server goes.
        let Some(conn) = conn else { return };
        let (peer, count) = (conn.peer_addr(), conn.bytes_received());
        let who = peer.map_or("somebody".to_owned(), |peer| peer.to_string());
        let _ = match reason.error() {
            Some(error) => around::say(&format!("{who} has left after {count} bytes: {error}")),
            None => around::say(&format!("{who} has left after {count} bytes")),
        };
    }
}
