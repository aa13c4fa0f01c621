//! A callback-based event loop, modelled on Python's `selectors`: register a source with a callback,
//! and the callback is called while the source is ready.
//!
//! ```no_run
//! use selkie::{Interest, READ, Selector, Source, net::{TcpListener, TcpStream}};
//! use std::io::{self, Read, Write};
//!
//! fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
//!     let (conn, _peer) = listener.accept()?;
//!     listener.selector().register(conn, READ, read)?;
//!     Ok(())
//! }
//!
//! fn read(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
//!     let mut buf = [0; 4096];
//!     let n = conn.read(&mut buf)?;
//!     if n == 0 {
//!         conn.unregister();
//!         return Ok(());
//!     }
//!     buf[..n].make_ascii_uppercase();
//!     conn.write_all(&buf[..n]) // loses what does not fit: examples/upper_echo.rs keeps it
//! }
//!
//! fn main() -> io::Result<()> {
//!     let sel = Selector::new()?;
//!     sel.register(TcpListener::bind("127.0.0.1:8088".parse().unwrap())?, READ, accept)?;
//!     sel.run()
//! }
//! ```
//!
//! One `accept` and one `read` per call are enough, because a source that is still ready is called
//! again in the next turn. A callback reaches everything through its source. An error that it
//! returns costs that source and nothing else.
//!
//! # The nouns
//!
//! | | |
//! |---|---|
//! | [`Selector`] | the loop. It owns the sources and calls the callbacks |
//! | [`Source`] | what a callback is given: its source, and the way to the selector |
//! | [`Key`], [`AnyKey`] | a handle to a registered source, `Copy`, with and without its type. It never comes to mean another |
//! | [`Connection`], [`Protocol`] | a stream with buffers, as a source; and the set of callbacks that use it |
//! | [`Timer`] | a handle to a scheduled call, `Copy` |
//! | [`Job`] | a handle to what was offloaded to another thread, `Copy` |
//! | [`Remote`] | the one handle that other threads may have: it calls on the loop, wakes and stops it |
//! | [`Interest`] | what a source asks for, [`READ`], [`WRITE`], [`PRIORITY`] or nothing, and what it is told |
//!
//! # Where to read on
//!
//! * [`guide`]: the guide, from a server that serves one client to one that runs for real. Begin there.
//! * [`Selector`]: what level-triggered means here, what one turn does, and what may be done from
//!   inside a callback.
//! * [`Source`]: reading and writing, and what saves a system call.
//! * [`Selector::select`] and [`Selector::call`]: the loop as Python has it.
//! * [`Selector::call_later`] and its neighbours: calls at a given time. [`Selector::set_timeout`]: the
//!   timeout of a source.
//! * [`Selector::stats`]: what a selector did and holds. [`Selector::set_slow_callback_duration`]: who kept
//!   the others waiting.
//! * [`Selector::on_error`]: what becomes of a callback's `Err`.
//! * `Selector::stop_on_signals`, with the feature `signal`: `run` that ends on Ctrl-C. On Unix also
//!   `on_signal`, a callback for any signal.
//! * `Selector::spawn` and `output`, with the feature `process`: child processes.
//! * [`stdin()`]: standard input, whatever it is.
//! * [`net`]: sockets. `unix`, on Unix: pipes, and anything else that has a descriptor. A type of
//!   one's own needs [`event::Source`].
//! * [`Protocol`]: the callbacks of a connection, in their order. [`Connection`]: what they do with it, and
//!   what others may. [`ConnectionOptions`]: limits and time-outs. [`Stream`]: what it can be made of.
//! * [`Server`]: accepting connections, within limits, and ending them in time.
//! * [`Connect`]: connecting, with a time limit, to several addresses or a name, in several rounds.
//! * [`DatagramProtocol`]: callbacks over a UDP or Unix datagram socket with an output queue.
//! * [`Backoff`]: how long to wait before trying again.
//! * [`codec`]: lines, delimiters, prefixed lengths; frames in a stream of bytes, without I/O.
//! * The README has a table from Python's `selectors` to this, method by method; `ARCHITECTURE.md`
//!   tells how it works, and why so.
//!
//! # Features and platforms
//!
//! Two features, off by default, bring a dependency each: `signal` and `process`.
//!
//! It runs where mio runs: on Linux it is tested; for macOS, FreeBSD and Windows it is type-checked.
//! What differs is said where it shows, under **Platforms**.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod builder;
mod selector;

mod interest;
mod key;
mod offload;
mod remote;
mod source;
mod stats;
mod timer;

mod backoff;
mod connect;
#[cfg(all(windows, feature = "signal"))]
mod ctrl_c;
mod datagram;
pub mod net;
#[cfg(all(feature = "process", any(unix, windows)))]
pub mod process;
mod server;
#[cfg(all(unix, feature = "signal"))]
pub mod signal;
#[cfg(any(unix, windows))]
mod stdin;
#[cfg(unix)]
pub mod unix;

#[cfg(any(doc, doctest))]
pub mod guide;

pub mod codec;
mod connection;
mod protocol;

mod error;
mod generations;
mod mail;
mod marks;
mod pool;
#[cfg(any(windows, target_vendor = "apple", feature = "process", test))]
mod pump;
mod readiness;
mod registered;
mod schedule;
mod slots;
mod timeouts;

pub use backoff::Backoff;
pub use builder::Builder;
pub use connect::{Connect, ConnectAttempt, ConnectError, Connecting, Dial};
pub use connection::{Connection, ConnectionOptions, Duplex, Input, Stream, Written};
pub use datagram::{DatagramProtocol, DatagramSocket, Datagrams};
pub use error::{OffloadError, RegisterError, SourceError};
pub use interest::{Interest, PRIORITY, READ, Trigger, WRITE};
pub use key::{AnyKey, Key};
pub use offload::{Job, JobPanic, WhenFull};
pub use protocol::{Closed, Protocol, Timeout};
pub use registered::Outcome;
pub use remote::{Refused, Remote};
pub use selector::Selector;
pub use server::{Drained, Listener, Server, ServerOptions};
pub use source::Source;
pub use stats::{SlowCallback, Stats};
#[cfg(any(unix, windows))]
pub use stdin::{Stdin, stdin};
pub use timer::Timer;

pub use mio::event;

// The programs in the README are compiled with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
