//! The limits of a server.

use super::{Listener, Server};
use crate::connection::ConnectionOptions;
use crate::error::RegisterError;
use crate::key::Key;
use crate::protocol::Protocol;
use crate::selector::Selector;
use std::time::Duration;

/// The limits of a [`Server`], and the way to open one with other than the usual.
///
/// ```
/// use selkie::{ConnectionOptions, ServerOptions, Selector, net::TcpListener};
/// use std::time::Duration;
/// # use selkie::{Connection, Input, Protocol, Source};
/// # struct Sink;
/// # impl Protocol<'_> for Sink {
/// #     fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> std::io::Result<()> { Ok(()) }
/// # }
///
/// # fn main() -> std::io::Result<()> {
/// let sel = Selector::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// ServerOptions::new()
///     .connections_max(1_000)
///     .connection(ConnectionOptions::new().idle_timeout(Some(Duration::from_secs(60))))
///     .open(&sel, listener, |_peer| Sink)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open` is called"]
pub struct ServerOptions {
    pub(super) accepts_max: usize,
    pub(super) connections_max: usize,
    pub(super) retry_after: Duration,
    pub(super) catch_panics: bool,
    pub(super) connection: ConnectionOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions::new()
    }
}

impl ServerOptions {
    /// The usual ones.
    pub fn new() -> Self {
        ServerOptions {
            accepts_max: 64,
            connections_max: usize::MAX,
            retry_after: Duration::from_secs(1),
            catch_panics: true,
            connection: ConnectionOptions::new(),
        }
    }

    /// Sets how many clients are accepted in one turn: 64 unless told otherwise. Those that are left
    /// have their turn after the other sources.
    ///
    /// # Panics
    ///
    /// If it is zero.
    pub fn accepts_max(mut self, clients: usize) -> Self {
        assert!(clients > 0, "a server that accepts nobody in a turn");
        self.accepts_max = clients;
        self
    }

    /// Sets how many connections the server has at most at a time: without limit unless told otherwise,
    /// so that what limits them is how many descriptors the process may have open.
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = connections;
        self
    }

    /// Sets when it is tried again to accept, after the system had no descriptor or no memory left: after
    /// one second unless told otherwise, and before that when one of the connections leaves. At the limit
    /// of connections it is looked so often, too, whether any was taken out of the selector from outside.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = pause;
        self
    }

    /// Sets whether a panic of a protocol, or in making one, costs its connection only: true unless told
    /// otherwise. If false, it goes on out of [`Selector::run`], as any callback's does, and costs the
    /// connection; in making one, it costs the server.
    ///
    /// What the panicking protocol shares with others may be left half changed: that is what Rust calls
    /// unwind safety, and it is assumed here.
    pub fn catch_panics(mut self, catch: bool) -> Self {
        self.catch_panics = catch;
        self
    }

    /// Sets the options of each connection.
    pub fn connection(mut self, options: ConnectionOptions) -> Self {
        self.connection = options;
        self
    }

    /// [`Server::open`], with these options.
    ///
    /// # Errors
    ///
    /// As for that.
    pub fn open<'cb, L, P, F>(
        &self,
        selector: &Selector<'cb>,
        listener: L,
        protocol: F,
    ) -> Result<Key<Server<L>>, RegisterError<L>>
    where
        L: Listener,
        P: Protocol<'cb, L::Stream> + 'cb,
        F: FnMut(&L::Address) -> P + 'cb,
    {
        Server::open_with(selector, listener, self.clone(), protocol)
    }
}
