//! A proxy: what arrives on one connection goes out on another, and the other way round.
//!
//! It shows two connections that are coupled by their keys, back-pressure through both (who reads
//! slowly slows the other side down, and costs two buffers), half-closed connections, and connecting
//! from inside a callback.
//!
//! ```text
//! cargo run --example tcp_proxy [ADDR] --to TARGET
//! ```
//!
//! `ADDR` is 127.0.0.1:8090 unless you say otherwise; with port 0 the system chooses one. `TARGET` is
//! where each client is connected to. The proxy says where it listens, and Ctrl-C ends it. In front of
//! the example `upper_echo`, say:
//!
//! ```text
//! $ cargo run --example upper_echo &
//! $ cargo run --example tcp_proxy -- --to 127.0.0.1:8088 &
//! $ nc 127.0.0.1 8090
//! hello
//! HELLO
//! ```

mod around;

use around::Args;
use selkie::{
    Closed, Connect, Connection, ConnectionOptions, Input, Key, Protocol, Selector, ServerOptions, Source, Written,
};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// How long the rest of what was said may take to go out when all is said.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    around::run("tcp_proxy", serve)
}

fn serve() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "tcp_proxy [ADDR] --to TARGET";
    let mut args = Args::new(USAGE)?;
    let target = args.value("--to", "an address such as 127.0.0.1:8088")?;
    let target = target.ok_or_else(|| format!("connect clients to what? usage: {USAGE}"))?;
    let addr = args.addr_or(8090)?;
    let options = ConnectionOptions::new().close_timeout(CLOSE_TIMEOUT);
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    let listener = around::listen(addr)?;
    ServerOptions::new().connection(options).open(&sel, listener, |_| Client { target })?;
    sel.run()?;
    Ok(())
}

/// A client that waits for its connection to the target.
struct Client {
    target: SocketAddr,
}

impl Protocol<'_> for Client {
    fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        // What it says before then waits in the system.
        conn.pause_reading();
        let client = conn.key();
        let options = conn.options().clone();
        Connect::to(self.target).options(options).open(
            conn.selector(),
            Relay { other: client },
            move |sel, result| {
                let coupled = match result {
                    Ok(server) => sel.with(client, |conn| {
                        conn.set_protocol(Relay { other: server });
                        conn.resume_reading();
                    }),
                    Err(error) => {
                        log::warn!("{error}");
                        sel.with(client, |conn| conn.abort())
                    }
                };
                // The client did not wait: the relay to the server will notice.
                let _ = coupled;
            },
        )?;
        Ok(())
    }

    fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> {
        Ok(()) // not while reading is paused
    }
}

/// One direction: what is received here is written to the other connection.
struct Relay {
    other: Key<Connection>,
}

impl Protocol<'_> for Relay {
    fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        if !conn.selector().contains(self.other) {
            conn.abort();
        }
        Ok(())
    }

    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        let written = conn.selector().with(self.other, |other| other.write(input.consume_all()))?;
        // The other side reads more slowly than this one writes: so this one has to wait.
        if written == Written::AboveHigh {
            conn.pause_reading();
        }
        Ok(())
    }

    /// The other side is to be held up, not this one; and `received` has seen to that.
    fn paused(&mut self, _: &mut Source<Connection>) -> io::Result<()> {
        Ok(())
    }

    fn resumed(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        conn.selector().with(self.other, |other| other.resume_reading())
    }

    /// All was said on this side. The other side is told, and may still have something to say.
    fn ended(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        conn.selector().with(self.other, |other| other.shutdown_write())?;
        // Nothing more can be written here: so the other side has ended before.
        if !conn.is_open() {
            conn.close();
        }
        Ok(())
    }

    fn closed(&mut self, conn: Option<&mut Source<Connection>>, reason: &Closed) {
        // If there is none, the program ends.
        let Some(conn) = conn else { return };
        // It may be gone already.
        let _ = conn.selector().with(self.other, |other| match reason {
            Closed::Finished => other.close(),
            _ => other.abort(),
        });
    }
}
