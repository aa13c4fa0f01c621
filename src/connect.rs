//! Connecting: one address after the other, with a time limit each, and again if so wished. Names are
//! looked up off the loop.

mod dial;
mod error;

use crate::backoff::Backoff;
use crate::connection::{Connection, ConnectionOptions, Stream};
use crate::interest::{Interest, WRITE};
use crate::key::Key;
use crate::net::TcpStream;
use crate::offload::Job;
use crate::protocol::Protocol;
use crate::selector::Selector;
use crate::source::Source;
use mio::{Registry, Token, event};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use dial::Dial;
pub use error::{ConnectAttempt, ConnectError};

/// How long until a server is tried again that has no room in its queue just now. Only Unix sockets
/// say so.
const CROWDED: Duration = Duration::from_millis(20);

/// Where to connect to, and how patiently. [`open`](Self::open) begins, for a
/// [`Protocol`], and [`stream`](Self::stream), for the bare stream.
///
/// ```
/// use selkie::{Connect, Connection, Input, Protocol, Selector, Source};
/// use std::{io, time::Duration};
///
/// struct Greeter;
///
/// impl Protocol<'_> for Greeter {
///     fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
///         conn.write(b"hello\n");
///         conn.close();
///         Ok(())
///     }
///
///     fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// let sel = Selector::new()?;
/// Connect::to(address).attempt_timeout(Duration::from_secs(3)).open(&sel, Greeter, |_, result| {
///     match result {
///         Ok(key) => println!("connected, as {key}"),
///         Err(error) => println!("{error}"), // with what became of each attempt
///     }
/// })?;
/// sel.run()
/// # }
/// ```
///
/// The addresses are tried in turn, and the first to answer wins. Each has its time limit, 10 seconds
/// unless told otherwise. A stream that turns out to be connected to itself, as can happen on the
/// loopback device where nobody listens, counts as refused.
#[must_use = "nothing is connected before `open` or `stream` is called"]
pub struct Connect<S: Dial = TcpStream> {
    to: To<S::Address>,
    attempt_timeout: Duration,
    backoff: Option<Backoff>,
    rounds_max: Option<u32>,
    options: ConnectionOptions,
}

/// Where to.
#[derive(Clone)]
enum To<A> {
    Addresses(Vec<A>),
    Name(String, Arc<Lookup<A>>),
}

/// How a name is looked up, on a worker's thread.
type Lookup<A> = dyn Fn() -> io::Result<Vec<A>> + Send + Sync;

impl Connect {
    /// To one address.
    pub fn to(address: SocketAddr) -> Self {
        Self::to_any([address])
    }

    /// To the first of several addresses that answers. They are tried in this order, one at a time.
    pub fn to_any(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::with_addresses(addresses)
    }

    /// To a host by its name, with a port, as in `"example.org:80"` or `"[::1]:80"`. An address is taken
    /// as it stands. A name is looked up by the system, on a thread of a worker (see
    /// [`Selector::offload`]), and each address that is found is tried in turn.
    ///
    /// The lookup has the time limit of an attempt. It cannot be ended from outside: what is called off
    /// or too late goes on on its thread, and its answer is dropped.
    ///
    /// What is no name and port fails as the lookup does, with [`InvalidInput`](ErrorKind::InvalidInput).
    /// A name that is not known has no kind of its own.
    pub fn to_host(name: impl Into<String>) -> Self {
        let name = name.into();
        match name.parse() {
            Ok(address) => Self::to(address),
            Err(_) => Self::with_lookup(name.clone(), move || Ok(name.to_socket_addrs()?.collect())),
        }
    }

    /// For a way of your own to look up names: `lookup` is called on a thread of a worker (see
    /// [`Selector::offload`]), once for each round, and finds the addresses, which are tried in turn.
    /// `name` is for the error.
    pub fn with_lookup(
        name: impl Into<String>,
        lookup: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(To::Name(name.into(), Arc::new(lookup)))
    }
}

#[cfg(unix)]
impl Connect<crate::net::UnixStream> {
    /// To a Unix socket that is bound to a path.
    ///
    /// While the server's queue has no room, it is tried every 20 milliseconds, up to the time limit.
    pub fn to_path(path: impl Into<std::path::PathBuf>) -> Self {
        Self::with_addresses([path.into()])
    }
}

impl<S: Dial> Connect<S> {
    /// For a stream of your own: to the first of several addresses that answers.
    pub fn with_addresses(addresses: impl IntoIterator<Item = S::Address>) -> Self {
        Self::with(To::Addresses(addresses.into_iter().collect()))
    }

    fn with(to: To<S::Address>) -> Self {
        Connect {
            to,
            attempt_timeout: Duration::from_secs(10),
            backoff: None,
            rounds_max: Some(1),
            options: ConnectionOptions::new(),
        }
    }

    /// Sets how long each address may take to answer. After that the attempt has failed with
    /// [`TimedOut`](ErrorKind::TimedOut).
    ///
    /// The system has its own limit, one or two minutes for TCP as a rule; the shorter one holds.
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// When all addresses have failed, waits as long as `backoff` says and tries them all again: as
    /// often as it takes, or `rounds_max` times in all. For what is to be connected again when it was
    /// connected before, see [`Backoff`].
    pub fn retry(mut self, backoff: Backoff, rounds_max: Option<u32>) -> Self {
        self.backoff = Some(backoff);
        self.rounds_max = rounds_max;
        self
    }

    /// Sets the options of the connection that [`open`](Self::open) opens.
    pub fn options(mut self, options: ConnectionOptions) -> Self {
        self.options = options;
        self
    }

    /// Begins, and has `protocol` called over a [`Connection`] once there is one. `done` is called with
    /// the connection's key, before the protocol's [`connected`](Protocol::connected); or with what
    /// became of each attempt, and then nothing of the protocol is called.
    ///
    /// Otherwise as [`stream`](Self::stream).
    ///
    /// # Errors
    ///
    /// As for `stream`.
    pub fn open<'cb, P>(
        self,
        selector: &Selector<'cb>,
        protocol: P,
        done: impl FnOnce(&Selector<'cb>, Result<Key<Connection<S>>, ConnectError>) + 'cb,
    ) -> io::Result<Key<Connecting<S>>>
    where
        S: Stream,
        P: Protocol<'cb, S> + 'cb,
    {
        let options = self.options.clone();
        self.stream(selector, move |sel, result| {
            let opened = result.and_then(|stream| {
                options.open(sel, stream, protocol).map_err(|failed| {
                    let error = failed.into_parts().0;
                    ConnectError::new(vec![ConnectAttempt { to: "registering the connection".to_owned(), error }])
                })
            });
            done(sel, opened);
        })
    }

    /// Begins, and has `done` called with the connected stream, or with what became of each attempt.
    /// It is called in a later turn, and in any case but two: the selector is dropped before, or the
    /// key is discarded.
    ///
    /// The key stands for the undertaking: [`Selector::discard`] calls it off, at once and for good.
    ///
    /// # From inside a callback
    ///
    /// As from outside.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) if the selector is full. What goes wrong later is told
    /// to `done`, a want of descriptors among it.
    pub fn stream<'cb>(
        self,
        selector: &Selector<'cb>,
        done: impl FnOnce(&Selector<'cb>, Result<S, ConnectError>) + 'cb,
    ) -> io::Result<Key<Connecting<S>>> {
        let mut driver = Driver::new(self, Box::new(done));
        let connecting = Connecting { stream: None, found: None };
        let key = selector.register(connecting, Interest::NONE, move |source, ready| driver.called(source, ready))?;
        selector.set_timeout(key, AT_ONCE)?;
        Ok(key)
    }
}

/// An undertaking to connect, as a source: what the key stands for that [`Connect`] hands out.
pub struct Connecting<S: Dial = TcpStream> {
    /// The present attempt. It stays until the system does not wait for it any more.
    stream: Option<S>,
    /// What was found when the name was looked up.
    found: Option<io::Result<Vec<S::Address>>>,
}

/// The timeout of a source that is to be called in the next turn.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// What is called when there is a stream, or none is to be had.
type Done<'cb, S> = Box<dyn FnOnce(&Selector<'cb>, Result<S, ConnectError>) + 'cb>;

/// The callback of an undertaking. It is called when its time has come, an attempt has an outcome, or
/// the addresses were found; there is no other place where anything is decided.
struct Driver<'cb, S: Dial> {
    plan: Connect<S>,
    stage: Stage,
    /// Where to connect to in this round, the next one first.
    left: VecDeque<S::Address>,
    /// Since when the first of them is tried.
    began: Option<Instant>,
    rounds: u32,
    attempts: Vec<ConnectAttempt>,
    done: Option<Done<'cb, S>>,
}

/// What the next call of an undertaking is about.
enum Stage {
    /// A round begins.
    Round,
    /// The addresses were found, or the time for that is over.
    Lookup(Job),
    /// The next address is tried.
    Dial,
    /// The attempt has an outcome, or its time is over.
    Outcome,
}

impl<'cb, S: Dial> Driver<'cb, S> {
    fn new(plan: Connect<S>, done: Done<'cb, S>) -> Self {
        Driver {
            plan,
            stage: Stage::Round,
            left: VecDeque::new(),
            began: None,
            rounds: 0,
            attempts: Vec::new(),
            done: Some(done),
        }
    }

    fn called(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>, ready: Interest) {
        match self.stage {
            Stage::Round => self.begin_round(source),
            Stage::Lookup(job) => self.end_lookup(source, job),
            Stage::Dial => self.dial(source),
            Stage::Outcome => {
                let outcome = source.stream.as_ref().map(|stream| stream.outcome(ready));
                match outcome {
                    Some(Ok(true)) => self.succeed(source),
                    Some(Ok(false)) | None => self.wait(source),
                    Some(Err(error)) => self.fail(source, error),
                }
            }
        }
    }

    fn begin_round(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>) {
        self.attempts.clear();
        match &self.plan.to {
            To::Addresses(addresses) => {
                self.left.extend(addresses.iter().cloned());
                self.dial(source);
            }
            To::Name(name, lookup) => {
                let (lookup, key) = (Arc::clone(lookup), source.key());
                let job = source.selector().offload(
                    move || lookup(),
                    move |sel, found| {
                        // It is not there any more if it was called off meanwhile.
                        let _ = sel.with(key, |source| {
                            source.found = Some(found.unwrap_or_else(|panic| Err(panic.into())));
                            source.set_timeout(AT_ONCE);
                        });
                    },
                );
                match job {
                    Ok(job) => {
                        self.stage = Stage::Lookup(job);
                        source.set_timeout(Some(self.plan.attempt_timeout));
                    }
                    Err(refused) => {
                        let error = refused.into();
                        self.attempts.push(ConnectAttempt { to: name.clone(), error });
                        self.end_round(source);
                    }
                }
            }
        }
    }

    fn end_lookup(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>, job: Job) {
        let found = source.found.take().unwrap_or_else(|| {
            source.selector().cancel_job(job);
            Err(io::Error::new(ErrorKind::TimedOut, "the name was not found in time"))
        });
        match (found, &self.plan.to) {
            (Ok(addresses), _) => self.left.extend(addresses),
            (Err(error), To::Name(name, _)) => self.attempts.push(ConnectAttempt { to: name.clone(), error }),
            (Err(_), To::Addresses(_)) => {}
        }
        self.dial(source);
    }

    /// Begins with the next address that can be begun with.
    fn dial(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>) {
        source.stream = None;
        self.stage = Stage::Dial;
        while let Some(address) = self.left.front() {
            let began = *self.began.get_or_insert_with(Instant::now);
            match S::dial(address) {
                Ok(stream) => {
                    source.stream = Some(stream);
                    source.set_interest(WRITE);
                    self.stage = Stage::Outcome;
                    return self.wait(source);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = self.plan.attempt_timeout.saturating_sub(began.elapsed());
                    if !left.is_zero() {
                        return source.set_timeout(Some(CROWDED.min(left)));
                    }
                    self.note(ErrorKind::TimedOut.into());
                }
                Err(error) => self.note(error),
            }
        }
        self.end_round(source);
    }

    /// Waits for the outcome of the present attempt, no longer than it may take in all.
    fn wait(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>) {
        let taken = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let left = self.plan.attempt_timeout.saturating_sub(taken);
        if left.is_zero() {
            self.fail(source, ErrorKind::TimedOut.into());
        } else {
            source.set_timeout(Some(left));
        }
    }

    /// The present attempt has failed. The next one begins when the system has let go of this one.
    fn fail(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>, error: io::Error) {
        self.note(error);
        self.stage = Stage::Dial;
        source.set_interest(Interest::NONE);
        source.set_timeout(AT_ONCE);
    }

    /// The first of those that are left has failed.
    fn note(&mut self, error: io::Error) {
        if let Some(address) = self.left.pop_front() {
            self.attempts.push(ConnectAttempt { to: S::describe(&address), error });
        }
        self.began = None;
    }

    fn end_round(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>) {
        self.rounds = self.rounds.saturating_add(1);
        let may_retry = self.plan.rounds_max.is_none_or(|most| self.rounds < most);
        match &mut self.plan.backoff {
            Some(backoff) if may_retry => {
                self.stage = Stage::Round;
                source.set_timeout(Some(backoff.next_delay()));
            }
            _ => {
                let attempts = std::mem::take(&mut self.attempts);
                self.finish(source, |_| Err(ConnectError::new(attempts)));
            }
        }
    }

    fn succeed(&mut self, source: &mut Source<'_, 'cb, Connecting<S>>) {
        let attempts = std::mem::take(&mut self.attempts);
        self.finish(source, |stream| stream.ok_or(ConnectError::new(attempts)));
    }

    /// Has `done` called with what `result` makes of the stream. That has to wait until this callback
    /// has returned, since the stream cannot be taken out of the selector before.
    fn finish(
        &mut self,
        source: &mut Source<'_, 'cb, Connecting<S>>,
        result: impl FnOnce(Option<S>) -> Result<S, ConnectError> + 'cb,
    ) {
        source.set_interest(Interest::NONE);
        source.set_timeout(None);
        let (key, done) = (source.key(), self.done.take());
        source.selector().call_soon(move |sel| {
            // It is not there any more if it was called off meanwhile.
            if let (Ok(connecting), Some(done)) = (sel.unregister(key), done) {
                done(sel, result(connecting.stream));
            }
        });
    }
}

/// Without a stream, the source is paused, and nothing is asked of these.
impl<S: Dial> event::Source for Connecting<S> {
    fn register(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.stream.as_mut().map_or(Ok(()), |stream| stream.register(registry, token, interests))
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.stream.as_mut().map_or(Ok(()), |stream| stream.reregister(registry, token, interests))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.as_mut().map_or(Ok(()), |stream| stream.deregister(registry))
    }
}

// By hand, because derived it would ask the same of `S`.
impl<S: Dial> Clone for Connect<S> {
    fn clone(&self) -> Self {
        Connect {
            to: self.to.clone(),
            attempt_timeout: self.attempt_timeout,
            backoff: self.backoff.clone(),
            rounds_max: self.rounds_max,
            options: self.options.clone(),
        }
    }
}

impl<S: Dial> fmt::Debug for Connect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut connect = f.debug_struct("Connect");
        match &self.to {
            To::Addresses(addresses) => connect.field("to", addresses),
            To::Name(name, _) => connect.field("to", name),
        };
        connect.field("attempt_timeout", &self.attempt_timeout).finish_non_exhaustive()
    }
}

impl<S: Dial> fmt::Debug for Connecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("is_waiting", &self.stream.is_some()).finish_non_exhaustive()
    }
}
