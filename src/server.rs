//! A server: a listener that opens a connection for each client.

mod listener;
mod members;
mod options;
mod shutdown;

use crate::error::RegisterError;
use crate::interest::{Interest, READ};
use crate::key::Key;
use crate::net::TcpListener;
use crate::protocol::Protocol;
use crate::selector::Selector;
use crate::source::Source;
use members::Watcher;
use mio::{Registry, Token, event};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

pub use listener::Listener;
pub(crate) use members::{Member, Members};
pub use options::ServerOptions;
pub use shutdown::Drained;

/// A listener that opens a [`Connection`](crate::Connection) for each client, with a protocol of its
/// own: the source that [`bind`](Self::bind) and [`open`](Self::open) register, and
/// `Key<Server<L>>` the handle by which others pause it and shut it down.
///
/// ```
/// use selkie::{Connection, Input, Protocol, Selector, Server, Source};
/// use std::{io, time::Duration};
///
/// struct Echo;
///
/// impl Protocol<'_> for Echo {
///     fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
///         conn.write(input.consume_all());
///         Ok(())
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// let server = Server::bind(&sel, ([127, 0, 0, 1], 0), |_peer| Echo)?;
/// println!("at {}", sel.with(server, |server| server.listener().local_addr())??);
///
/// // One minute on: no new clients, and ten seconds for those who are there.
/// # const MINUTE: Duration = Duration::from_millis(1);
/// sel.call_later(MINUTE, move |sel| {
///     let _ = sel.with(server, |server| {
///         server.shutdown(Duration::from_secs(10), |_, drained| println!("{drained:?}"));
///     });
/// });
/// sel.run()
/// # }
/// ```
///
/// # What it does
///
/// It accepts up to 64 clients in a turn ([`accepts_max`](ServerOptions::accepts_max)), so that many who
/// come at once neither wait for a turn each nor keep those waiting who are there already.
///
/// It goes on, whatever happens to one connection. An `Err` of a protocol ends its connection, as it
/// does everywhere. **A panic of a protocol costs that connection too**, and only that: it is caught,
/// [`closed`](Protocol::closed) is told [`Panicked`](crate::Closed::Panicked), and the selector's
/// [`on_error`](Selector::on_error) is told as of an error. See
/// [`catch_panics`](ServerOptions::catch_panics) for those who would rather end the program.
///
/// At the limit of connections ([`connections_max`](ServerOptions::connections_max)) it stops accepting,
/// so that clients wait in the system's queue, and goes on when one leaves.
///
/// **When the system has no descriptor left**, or no memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), it
/// stops accepting, too, and says so once, by a `log::warn!`. It tries again when a connection of its
/// own leaves, and after one second in any case ([`retry_after`](ServerOptions::retry_after)). The same
/// goes for an error that it does not know. What concerns one client only, such as a connection that
/// was aborted while it waited, is passed over.
///
/// # The end
///
/// [`shutdown`](Source::shutdown) ends it with its connections, and gives them time.
/// [`Source::unregister`] or [`Selector::discard`] closes the listener, and leaves the connections alone.
/// Clients that wait to be accepted are refused by the system then.
pub struct Server<L: Listener = TcpListener> {
    listener: L,
    options: ServerOptions,
    members: Rc<Members>,
    /// By `pause_accepting`.
    is_paused: bool,
    /// The system had nothing to accept a client with.
    is_starved: bool,
    /// Somebody was told so, and it was not over since.
    has_complained: bool,
}

impl Server {
    /// Listens at a TCP address, and opens a connection for each client with the protocol that
    /// `protocol` makes for it, given the client's address. Port 0 means any that is free.
    ///
    /// On Unix an address can be bound again at once, though connections to a former server linger
    /// (`SO_REUSEADDR`). For other options make the listener yourself, with
    /// [`std`](std::net::TcpListener) or the crate socket2, and pass it to [`open`](Self::open).
    ///
    /// # From inside a callback
    ///
    /// As from outside; the first client is accepted in a later turn.
    ///
    /// # Errors
    ///
    /// Those of the system: [`AddrInUse`](ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](ErrorKind::AddrNotAvailable), [`PermissionDenied`](ErrorKind::PermissionDenied)
    /// for a port that is not for everybody, or a want of descriptors.
    pub fn bind<'cb, P, F>(
        selector: &Selector<'cb>,
        address: impl Into<SocketAddr>,
        protocol: F,
    ) -> io::Result<Key<Server>>
    where
        P: Protocol<'cb> + 'cb,
        F: FnMut(&SocketAddr) -> P + 'cb,
    {
        Ok(Self::open(selector, TcpListener::bind(address.into())?, protocol)?)
    }
}

impl<L: Listener> Server<L> {
    /// As [`bind`](Server::bind), with a listener of your own: one for Unix sockets, one that was made
    /// with other options, or inherited. It has to be non-blocking.
    ///
    /// With other than the usual limits: [`ServerOptions::open`].
    ///
    /// # Errors
    ///
    /// As for [`Selector::register`].
    pub fn open<'cb, P, F>(
        selector: &Selector<'cb>,
        listener: L,
        protocol: F,
    ) -> Result<Key<Server<L>>, RegisterError<L>>
    where
        P: Protocol<'cb, L::Stream> + 'cb,
        F: FnMut(&L::Address) -> P + 'cb,
    {
        ServerOptions::new().open(selector, listener, protocol)
    }

    fn open_with<'cb, P, F>(
        selector: &Selector<'cb>,
        listener: L,
        options: ServerOptions,
        mut protocol: F,
    ) -> Result<Key<Server<L>>, RegisterError<L>>
    where
        P: Protocol<'cb, L::Stream> + 'cb,
        F: FnMut(&L::Address) -> P + 'cb,
    {
        let members = Rc::new(Members::new(options.catch_panics));
        let server = Server { listener, options, members, is_paused: false, is_starved: false, has_complained: false };
        let callback = move |server: &mut Source<'_, 'cb, Server<L>>, _| server.called(&mut protocol);
        selector.register(server, READ, callback).map_err(|failed| {
            let (error, server) = failed.into_parts();
            RegisterError::new(error, server.listener)
        })
    }

    /// The listener, for its address.
    pub fn listener(&self) -> &L {
        &self.listener
    }

    /// How many of its connections are open.
    pub fn connections(&self) -> usize {
        self.members.len()
    }

    /// Whether it does not accept just now, because it was paused, is at the limit of connections, or
    /// the system had nothing left to accept a client with.
    pub fn is_held_up(&self) -> bool {
        self.is_paused || self.is_starved || self.is_full()
    }

    fn is_full(&self) -> bool {
        self.members.len() >= self.options.connections_max
    }
}

/// For a [`Server`].
impl<'cb, L: Listener> Source<'_, 'cb, Server<L>> {
    /// Has nobody accepted any more, until [`resume_accepting`](Self::resume_accepting): clients wait in
    /// the system's queue, as long as that has room. The connections there are go on.
    pub fn pause_accepting(&mut self) {
        self.is_paused = true;
        self.settle();
    }

    /// Has clients accepted again.
    pub fn resume_accepting(&mut self) {
        self.is_paused = false;
        self.settle();
    }

    /// Ends the server, and gives its connections time to end, too.
    ///
    /// 1. The listener is closed when the callback, or [`with`](Selector::with), returns. The key is
    ///    stale then.
    /// 2. In the next turn each of its connections is [asked to stop](Self::ask_to_stop). A protocol that
    ///    does not say otherwise closes then, after what it has written is sent.
    /// 3. After `limit` those that are still there are aborted.
    /// 4. `done` is told how many ended in either way: when the last one has gone, in any case in a
    ///    later turn than this.
    ///
    /// `run` goes on until then. What comes after is up to `done`: it may [`stop`](Selector::stop) the
    /// selector, which also ends by itself if nothing else is registered.
    ///
    /// ```
    /// # use selkie::{Connection, Input, Protocol, Selector, Server, Source};
    /// # use std::{io, time::Duration};
    /// # struct Sink;
    /// # impl Protocol<'_> for Sink {
    /// #     fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> { Ok(()) }
    /// # }
    /// # fn main() -> io::Result<()> {
    /// # let sel = Selector::new()?;
    /// # let server = Server::bind(&sel, ([127, 0, 0, 1], 0), |_| Sink)?;
    /// sel.with(server, |server| {
    ///     server.shutdown(Duration::from_secs(10), |sel, drained| {
    ///         println!("{} have ended by themselves, {} had to be aborted", drained.ended, drained.aborted);
    ///         sel.stop();
    ///     });
    /// })?;
    /// sel.run()
    /// # }
    /// ```
    pub fn shutdown(&mut self, limit: Duration, done: impl FnOnce(&Selector<'cb>, Drained) + 'cb) {
        let members = Rc::clone(&self.members);
        let before = members.len();
        members.watch(None);
        self.unregister();
        // Not now: this may be called by one of the very connections that are to be told.
        self.selector().call_soon(move |sel| shutdown::begin::<L::Stream>(sel, members, before, limit, done));
    }

    /// What the selector calls, when a client waits or it is time to try again.
    fn called<P, F>(&mut self, protocol: &mut F)
    where
        P: Protocol<'cb, L::Stream> + 'cb,
        F: FnMut(&L::Address) -> P + 'cb,
    {
        self.is_starved = false;
        for _ in 0..self.options.accepts_max {
            if self.is_held_up() {
                break;
            }
            match self.try_io(READ, |server| server.listener.accept()) {
                Ok((stream, peer)) => {
                    self.has_complained = false;
                    self.admit(stream, &peer, protocol);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if listener::concerns_one_client(&error) => {}
                Err(error) => self.starve(&error),
            }
        }
        self.settle();
    }

    fn admit<P, F>(&mut self, stream: L::Stream, peer: &L::Address, protocol: &mut F)
    where
        P: Protocol<'cb, L::Stream> + 'cb,
        F: FnMut(&L::Address) -> P + 'cb,
    {
        let made = if self.options.catch_panics {
            catch_unwind(AssertUnwindSafe(|| protocol(peer)))
        } else {
            Ok(protocol(peer))
        };
        let Ok(protocol) = made else {
            log::warn!("server {}: making the protocol for {peer:?} panicked", self.key());
            return;
        };
        let (member, entry) = Members::join(&self.members);
        let opened = self.options.connection.open_member(self.selector(), stream, protocol, member);
        match opened {
            Ok(key) => self.members.name(entry, key.into()),
            Err(failed) if listener::is_want(failed.error()) => self.starve(failed.error()),
            Err(failed) => log::debug!("server {}: {peer:?} is not served: {failed}", self.key()),
        }
    }

    /// There is nothing to serve a client with.
    #[cold]
    fn starve(&mut self, error: &io::Error) {
        self.is_starved = true;
        if !std::mem::replace(&mut self.has_complained, true) {
            let seconds = self.options.retry_after.as_secs_f64();
            log::warn!("server {} cannot accept, and tries again every {seconds} s: {error}", self.key());
        }
    }

    /// Asks for clients if they can be accepted, and otherwise to be called when it may be so again.
    fn settle(&mut self) {
        let waits = self.is_held_up() && !self.is_paused;
        let interest = if self.is_held_up() { Interest::NONE } else { READ };
        if interest != self.interest() {
            self.set_interest(interest);
        }
        let key = self.key().into();
        self.members.watch(waits.then_some(Watcher::Server(key)));
        let retry_after = self.options.retry_after;
        self.set_timeout(waits.then_some(retry_after));
    }
}

impl<L: Listener> event::Source for Server<L> {
    fn register(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.listener.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.listener.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.listener.deregister(registry)
    }
}

impl<L: Listener + fmt::Debug> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("connections", &self.connections())
            .field("is_held_up", &self.is_held_up())
            .finish_non_exhaustive()
    }
}
