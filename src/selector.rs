//! The loop. Only this file and its parts see mio's poll, and only they call callbacks.
//!
//! Two rules hold throughout. Nothing is borrowed while foreign code runs, and foreign are: a
//! callback, the closure of `with`, the error hook, a source's own `event::Source` methods (mio
//! lends them the registry, so the poll is borrowed there, shared), and the `drop` of any of these.
//! And a body that is out of its slot is held by a [`Holder`], so that it finds its way back, or
//! out, also when foreign code panics.

mod agenda;
mod batch;
mod holder;
mod mailbox;
mod turn;

use crate::error::{RegisterError, SourceError, Unavailable};
use crate::interest::{Interest, Trigger};
use crate::key::{AnyKey, Key};
use crate::offload::Workers;
use crate::registered::{Body, Outcome, Pair, Replace, into_source, taken_out};
use crate::slots::{Kind, Slots};
use crate::source::{Source, short_io_proves};
use crate::stats::{Meter, Stats};
use agenda::Agenda;
use holder::{Holder, IN_HAND};
use mailbox::Mailbox;
use mio::{Events, Poll, event};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use turn::{Limit, Turns};

pub(crate) use agenda::{Call, Repeated, nanoseconds};

const OF_ITS_TYPE: &str = "a typed key is only given out for a source of that type";

/// The loop: a set of sources, each with the callback that is called when it is ready.
///
/// Register sources, then [`run`](Self::run). The callbacks are plain functions or closures; each
/// is given its [`Source`], by which it reads, writes, changes or ends itself and reaches the
/// selector, and an [`Interest`] that says what it is ready for.
///
/// ```
/// use selkie::{Interest, READ, Selector, Source, net::{TcpListener, TcpStream}};
/// use std::io::{self, Read};
///
/// fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
///     let (conn, _peer) = listener.accept()?;
///     listener.selector().register(conn, READ, read)?;
///     Ok(())
/// }
///
/// fn read(conn: &mut Source<TcpStream>, _: Interest) -> io::Result<()> {
///     if conn.read(&mut [0; 4096])? == 0 {
///         conn.unregister();
/// #       conn.selector().stop();
///     }
///     Ok(())
/// }
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// # drop(std::net::TcpStream::connect(listener.local_addr()?)?);
/// sel.register(listener, READ, accept)?;
/// sel.run()
/// # }
/// ```
///
/// There is one owner, and no method needs `&mut`. It cannot be sent to another thread. `'cb`
/// bounds what callbacks may borrow: anything that was declared before the selector. Dropping the
/// selector drops every source, and so closes it.
///
/// # Level-triggered, exactly
///
/// While a source is ready for something it asked for, its callback is called once per turn,
/// whatever the callback did or did not read. One `accept`, one `read`, one `recv_from` per call is
/// enough; a [`WRITE`](crate::WRITE) interest that is left on is called in every turn in which there
/// is room. What is reported *is* ready: nobody is called on a guess. This holds for every source
/// that mio can wait for, however the I/O on it is done; see [`Source`] for what it costs.
/// [`register_with`](Self::register_with) has edge-triggering for those who ask.
///
/// # One turn
///
/// 1. Find how long to wait: until the next timer is due, or not at all if something is always ready or
///    a call was deferred or posted.
/// 2. Ask the system again about every source that may still be ready.
/// 3. Wait, then read the clock, once.
/// 4. Call the callback of each source that is ready or whose timeout is over, once.
/// 5. Call the timers that are due, in the order of their times.
/// 6. Call what was deferred, in order, and then what other threads have posted by a
///    [`Remote`](crate::Remote), in order.
///
/// A turn's work is bounded. A source that always has more to read gets its next call in the next
/// turn, after everybody else had theirs. And what is scheduled in a turn is called in a later one,
/// as is what is posted after its last step began.
///
/// # From inside a callback
///
/// No method calls user code before it returns, but for [`with`](Self::with) and
/// [`call`](Self::call).
///
/// | from a callback, on … | itself | another source | a new one |
/// |---|---|---|---|
/// | [`register`](Self::register) | – | – | at once; first called in a later turn |
/// | [`modify`](Self::modify), [`set_callback`](Self::set_callback) | when it returns | at once; what was reported to it already is masked by the new interest | – |
/// | [`unregister`](Self::unregister) | `ResourceBusy`; [`Source::unregister`] does it when it returns | at once; what was reported to it is dropped | – |
/// | [`with`](Self::with), [`call`](Self::call) | `ResourceBusy` | at once | at once |
/// | [`set_timeout`](Self::set_timeout) | at once | at once | at once |
/// | [`run`](Self::run), [`turn`](Self::turn), [`select`](Self::select) | `ResourceBusy` | | |
///
/// "Itself" is any source whose callback is being called, or that is in `with`, at that moment. A
/// callback that panics loses its source: it is unregistered and dropped, the selector stays whole,
/// and the panic goes on out of `run`, which may be called again.
pub struct Selector<'cb> {
    /// The first to be dropped: from then on other threads are refused.
    mailbox: Mailbox,
    slots: RefCell<Slots<Body<'cb>>>,
    poll: RefCell<Poll>,
    /// The buffer for events; out while there are turns.
    events: Cell<Option<Events>>,
    /// Callbacks that are to replace one that is being called.
    replacements: RefCell<Vec<(AnyKey, Replace<'cb>)>>,
    error_hook: Cell<Option<ErrorHook<'cb>>>,
    agenda: Agenda<'cb>,
    meter: Meter,
    /// Whether foreign code is running while a body is out: a turn, a `call` or a `with` is going on,
    /// or a source's own methods are being called.
    busy: Cell<bool>,
    stopping: Cell<bool>,
    /// Whether there may be anything to see to beside sources: something on the agenda, mail, a call to
    /// stop. Whoever brings it raises this, and a turn that finds nothing of it lowers it. So a turn that
    /// is about sources alone has one thing to look at.
    has_other_business: Cell<bool>,
    /// Where mio drops a descriptor on a hang-up, and was then asked to drop it once more, it passes
    /// over the next event of that number, once, whoever has it by then. Whether another look is needed
    /// for that.
    look_twice: Cell<bool>,
    /// The last to be dropped: that waits for jobs, and some of them may wait for what is above.
    workers: Workers<'cb>,
}

type ErrorHook<'cb> = Box<dyn FnMut(&Selector<'cb>, SourceError) + 'cb>;

impl<'cb> Selector<'cb> {
    /// An empty selector. [`builder`](Self::builder) makes one with other choices.
    ///
    /// # Errors
    ///
    /// Those of the system: usually, too many descriptors are open.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    pub(crate) fn with_workers(workers: Workers<'cb>) -> io::Result<Self> {
        Ok(Selector {
            mailbox: Mailbox::new(),
            slots: RefCell::new(Slots::new()),
            poll: RefCell::new(Poll::new()?),
            events: Cell::new(None),
            replacements: RefCell::new(Vec::new()),
            error_hook: Cell::new(None),
            agenda: Agenda::new(),
            meter: Meter::new(),
            busy: Cell::new(false),
            stopping: Cell::new(false),
            has_other_business: Cell::new(false),
            look_twice: Cell::new(false),
            workers,
        })
    }

    // ---- registering

    /// Has `callback` called while `source` is ready for `interest`, and takes the source in.
    ///
    /// The callback is a function or closure that takes `&mut Source<S>` and an [`Interest`], and
    /// returns nothing or an [`io::Result<()>`](io::Result). An `Err` other than "would block" or
    /// "interrupted" costs it its source, see [`on_error`](Self::on_error).
    ///
    /// A regular file or `/dev/null` (on Unix, in a `selkie::unix::Fd`) is taken too: it is ready in
    /// every turn.
    ///
    /// # From inside a callback
    ///
    /// At once; the newcomer is first called in a later turn.
    ///
    /// # Errors
    ///
    /// The source comes back in the error, and nothing stays behind. The kinds are the system's;
    /// among them [`AlreadyExists`](ErrorKind::AlreadyExists) for a descriptor that is registered
    /// (not noticed on kqueue), [`IsADirectory`](ErrorKind::IsADirectory) for a directory in an
    /// `Fd`, and without a kind of its own, `EBADF` for one that is closed. [`ErrorKind::OutOfMemory`]
    /// if there are 2³²−1 sources already (2²⁰−1 where pointers have 32 bits).
    ///
    /// With [`Interest::NONE`] the system is not asked, and what it has against the source comes up
    /// when the source first asks for something.
    ///
    /// # Panics
    ///
    /// Only if the source's own `register` does.
    pub fn register<S, F, R>(&self, source: S, interest: Interest, callback: F) -> Result<Key<S>, RegisterError<S>>
    where
        S: event::Source + 'static,
        F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
        R: Outcome,
    {
        self.register_with(source, interest, Trigger::Level, callback)
    }

    /// As [`register`](Self::register), with a choice of [`Trigger`].
    ///
    /// # Errors
    ///
    /// As for `register`.
    pub fn register_with<S, F, R>(
        &self,
        source: S,
        interest: Interest,
        trigger: Trigger,
        callback: F,
    ) -> Result<Key<S>, RegisterError<S>>
    where
        S: event::Source + 'static,
        F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
        R: Outcome,
    {
        let kind = match trigger {
            Trigger::Edge => Kind::Edge,
            Trigger::Level if short_io_proves::<S>() => Kind::Stream,
            Trigger::Level => Kind::Level,
        };
        let interest = interest.asked();
        let reserved = self.slots.borrow_mut().reserve(kind, interest);
        let Some(key) = reserved else {
            return Err(RegisterError::new(ErrorKind::OutOfMemory.into(), source));
        };
        let _busy = Busy::nested(self);
        let mut holder = Holder::of(self, key, Pair::new(source, callback));
        if let Err(error) = holder.rearm() {
            let source = holder.leave().and_then(into_source).expect(OF_ITS_TYPE);
            return Err(RegisterError::new(error, source));
        }
        log::trace!("registered {key} for {interest:?}");
        holder.put_back();
        Ok(Key::new(key))
    }

    /// Changes what a source waits for, and keeps its callback. [`Interest::NONE`] pauses it; what
    /// came to be ready meanwhile is reported when it asks again.
    ///
    /// One system call, or none if nothing changes; but an edge-triggered source that asks for the
    /// same again has the system look anew.
    ///
    /// # From inside a callback
    ///
    /// Of another source: at once, and what was reported to that source in this turn is masked by
    /// the new interest. Of the same source: when the callback returns, see
    /// [`Source::set_interest`].
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale. Otherwise those of the system, and then
    /// the old interest stays in force.
    #[doc(alias = "reregister")]
    pub fn modify(&self, key: impl Into<AnyKey>, interest: Interest) -> io::Result<()> {
        let key = key.into();
        let interest = interest.asked();
        let mut holder = match self.take(key) {
            Err(Unavailable::InUse(key)) => {
                self.wish(key, interest);
                return Ok(());
            }
            taken => taken?,
        };
        let _busy = Busy::nested(self);
        let result = holder.change_interest(interest);
        holder.put_back();
        result
    }

    /// Replaces the callback of a source. No system call.
    ///
    /// # From inside a callback
    ///
    /// Of another source: at once. Of the same source: when the callback returns, see
    /// [`Source::set_callback`].
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale.
    pub fn set_callback<S, F, R>(&self, key: Key<S>, callback: F) -> io::Result<()>
    where
        S: event::Source + 'static,
        F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
        R: Outcome,
    {
        let key = key.into();
        match self.take(key) {
            Err(Unavailable::InUse(key)) => {
                self.replace_later::<S, F, R>(key, callback);
                Ok(())
            }
            Err(gone) => Err(gone.into()),
            Ok(mut holder) => {
                let _busy = Busy::nested(self);
                holder.replace(replacement::<S, F, R>(callback));
                holder.put_back();
                Ok(())
            }
        }
    }

    /// Takes a source out and hands it back; its callback is dropped.
    ///
    /// # From inside a callback
    ///
    /// Of another source: at once, and what was reported to that source in this turn is dropped. Of
    /// the same source: refused, since it is in use; [`Source::unregister`] is what it can do.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale, [`ResourceBusy`](ErrorKind::ResourceBusy)
    /// if its callback is being called.
    #[doc(alias = "deregister")]
    pub fn unregister<S: event::Source + 'static>(&self, key: Key<S>) -> io::Result<S> {
        let key = key.into();
        let body = self.remove(key)?;
        Ok(into_source(body).expect(OF_ITS_TYPE))
    }

    /// Takes a source out and drops it, and so closes it: [`unregister`](Self::unregister) for one
    /// whose type is not known.
    ///
    /// # Errors
    ///
    /// As for `unregister`.
    pub fn discard(&self, key: impl Into<AnyKey>) -> io::Result<()> {
        self.remove(key.into()).map(drop)
    }

    /// Lends a source to `f`, as its callback gets it: to write to it, say, from another's callback.
    ///
    /// What `f` does by [`Source::set_interest`], `set_callback` or `unregister` takes effect when
    /// it returns. If `f` panics, the source is unregistered and dropped.
    ///
    /// # From inside a callback
    ///
    /// Of another source: at once. Of the same source, or one that is in `with` further up: refused.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale, [`ResourceBusy`](ErrorKind::ResourceBusy)
    /// if its callback is being called.
    pub fn with<S, T>(&self, key: Key<S>, f: impl FnOnce(&mut Source<'_, 'cb, S>) -> T) -> io::Result<T>
    where
        S: event::Source + 'static,
    {
        let key = AnyKey::from(key);
        let mut holder = self.take(key)?;
        let _busy = Busy::nested(self);
        let Holder { usage, body, .. } = &mut holder;
        // It is lent, not called: to find that it would block is nothing to be counted.
        usage.used.set(true);
        let source = body.as_mut().expect(IN_HAND).source().downcast_mut::<S>().expect(OF_ITS_TYPE);
        let value = f(&mut Source::new(source, usage));
        // Anything may have changed, but this source is still registered: it could not be taken.
        holder.finish_unreported(Ok(()));
        Ok(value)
    }

    /// Gives a source a timeout, or with `None` takes it away: when it has not been called for that
    /// long, its callback is called, and told so by [`Interest::is_timeout`].
    ///
    /// The timeout counts from now, and anew from each turn in which the callback is called, whatever for;
    /// so it is told again and again, and is put off by what the source receives without further ado. To
    /// put it off by hand, set it again. Neither takes longer with many sources than with few. A
    /// source that is ready and whose timeout is over in the same turn is called once, and told both. A
    /// paused source is told too: it may be just what one waits for. The timeout goes when its source
    /// goes.
    ///
    /// Any length will do: zero is over in every turn, which then waits for nothing, and one of more than
    /// some 584 years never is.
    ///
    /// # From inside a callback
    ///
    /// At once, also of the same source, for which [`Source::set_timeout`] is shorter.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale.
    ///
    /// ```
    /// # use selkie::{READ, Selector, Source, Interest, net::TcpStream};
    /// # use std::{io, time::Duration};
    /// fn serve(conn: &mut Source<TcpStream>, ready: Interest) -> io::Result<()> {
    ///     if ready.is_timeout() {
    ///         conn.unregister(); // it kept silent for too long
    ///     }
    ///     Ok(())
    /// }
    /// # fn main() -> io::Result<()> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let sel = Selector::new()?;
    /// let conn = sel.register(stream, READ, serve)?;
    /// sel.set_timeout(conn, Some(Duration::from_millis(20)))?;
    /// sel.run()
    /// # }
    /// ```
    pub fn set_timeout(&self, key: impl Into<AnyKey>, timeout: Option<Duration>) -> io::Result<()> {
        let key = key.into();
        if self.change_timeout(key, timeout) { Ok(()) } else { Err(Unavailable::Gone(key).into()) }
    }

    // ---- looking up

    /// Whether a source is registered under `key`.
    pub fn contains(&self, key: impl Into<AnyKey>) -> bool {
        self.slots.borrow().get(key.into()).is_some()
    }

    /// What a source asks for.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if `key` is stale.
    pub fn interest(&self, key: impl Into<AnyKey>) -> io::Result<Interest> {
        let key = key.into();
        let slots = self.slots.borrow();
        slots.get(key).map(|slot| slot.interest()).ok_or_else(|| Unavailable::Gone(key).into())
    }

    /// The keys of all sources, in no particular order.
    #[doc(alias = "get_map")]
    pub fn keys(&self) -> Vec<AnyKey> {
        self.slots.borrow().iter().map(|(key, _)| key).collect()
    }

    /// The typed form of a key.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if it is stale, [`InvalidInput`](ErrorKind::InvalidInput)
    /// if its source is not an `S`, [`ResourceBusy`](ErrorKind::ResourceBusy) if its callback is
    /// being called (which has a typed key at hand, [`Source::key`]).
    pub fn typed<S: event::Source + 'static>(&self, key: AnyKey) -> io::Result<Key<S>> {
        let mut holder = self.take(key)?;
        let is_of_type = holder.body().source().is::<S>();
        let source_type = holder.body().source_type();
        holder.put_back();
        if is_of_type {
            Ok(Key::new(key))
        } else {
            let wanted = std::any::type_name::<S>();
            Err(io::Error::new(ErrorKind::InvalidInput, format!("source {key} is a {source_type}, not a {wanted}")))
        }
    }

    /// How many sources are registered, paused ones among them.
    pub fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ---- running

    /// Waits, and tells which sources are ready and for what; calls nothing.
    ///
    /// With [`call`](Self::call) it makes the loop that users of Python's `selectors` know, and
    /// which calls what [`run`](Self::run) calls. Only when to end it is its own affair:
    ///
    /// ```
    /// # use selkie::{READ, Selector};
    /// # fn main() -> std::io::Result<()> {
    /// # let sel = Selector::new()?;
    /// # let listener = selkie::net::TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    /// # let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # sel.register(listener, READ, |listener, _| listener.unregister())?;
    /// while !sel.is_stopping() && !sel.is_empty() {
    ///     for (key, ready) in sel.select(None)? {
    ///         sel.call(key, ready)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Every ready source is in the answer, however many, once, with all it is ready for. Asked
    /// again without any I/O in between, it answers the same; only a timeout that was told counts anew.
    /// If timers or deferred calls are due, or calls were posted, [`AnyKey::DUE`] is in the answer,
    /// behind the sources, and `call` calls them all.
    ///
    /// `None` waits as long as it takes (for ever, if nothing is registered), zero does not wait,
    /// and anything else waits at least that long, or until something is ready: on epoll, to the
    /// millisecond above. A signal is not noticed. The wait ends early, with an empty answer, if a
    /// source was lost in preparing it (see [`on_error`](Self::on_error)) or [`stop`](Self::stop)
    /// was called, or another thread called [`Remote::stop`](crate::Remote::stop) or
    /// [`wake`](crate::Remote::wake).
    ///
    /// # Errors
    ///
    /// [`ResourceBusy`](ErrorKind::ResourceBusy) from inside a callback; otherwise those of the
    /// system's wait.
    pub fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<(AnyKey, Interest)>> {
        Turns::begin(self)?.select_until(timeout)
    }

    /// Calls a source's callback with as much of `ready` as it asks for now: what Python spells
    /// `key.data(key.fileobj, mask)`.
    ///
    /// With [`AnyKey::DUE`], it calls the timers and deferred calls that were due when `select`
    /// returned, and the calls that were posted until now.
    ///
    /// Like [`run`](Self::run), it passes over a source that is gone since it was reported, or that
    /// does not ask for any of `ready` any more, so a loop over the answer of
    /// [`select`](Self::select) needs no check of its own. True if the callback was called.
    ///
    /// # Errors
    ///
    /// [`ResourceBusy`](ErrorKind::ResourceBusy) if that callback is being called already. An error
    /// of the callback goes where it goes in `run`, see [`on_error`](Self::on_error).
    pub fn call(&self, key: impl Into<AnyKey>, ready: Interest) -> io::Result<bool> {
        let key = key.into();
        if key == AnyKey::DUE {
            let _busy = Busy::nested(self);
            let called = self.call_due() + self.call_posted();
            self.meter.count_calls(called);
            return Ok(called > 0);
        }
        let asked = match self.slots.borrow().get(key) {
            Some(slot) => ready.masked(slot.interest()),
            None => return Ok(false),
        };
        if asked.tells_nothing() {
            return Ok(false);
        }
        let holder = self.take(key)?;
        let _busy = Busy::nested(self);
        holder.call_unreported(asked);
        self.meter.count_calls(1);
        Ok(true)
    }

    /// One turn: waits as [`select`](Self::select) does, and calls the callback of each source that
    /// is ready, and what is due. Answers how many were called.
    ///
    /// # Errors
    ///
    /// [`ResourceBusy`](ErrorKind::ResourceBusy) from inside a callback; otherwise those of the
    /// system's wait.
    ///
    /// # Panics
    ///
    /// If a callback does, after its source was unregistered and dropped.
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<usize> {
        Turns::begin(self)?.turn_until(timeout)
    }

    /// Turns until [`stop`](Self::stop) is called or nothing is left that could ever be called: no
    /// source, or only paused ones without a timeout; no timer, and no deferred or posted call; no job whose `done` is
    /// to be called; and no [`Remote`](crate::Remote) that might post a call. Signals of `on_signal` are no reason to go on.
    ///
    /// When it returns because it was stopped, all calls that were posted until then have been called.
    ///
    /// # Errors
    ///
    /// [`ResourceBusy`](ErrorKind::ResourceBusy) from inside a callback; otherwise those of the
    /// system's wait. An error of one source never ends it, see [`on_error`](Self::on_error).
    ///
    /// # Panics
    ///
    /// If a callback does, after its source was unregistered and dropped. It may be called again.
    #[doc(alias = "run_forever")]
    #[doc(alias = "serve_forever")]
    pub fn run(&self) -> io::Result<()> {
        let mut turns = Turns::begin(self)?;
        loop {
            let limit = if self.is_at_rest() {
                Limit::Timeout(None)
            } else if !self.is_over() {
                self.prepare(None)
            } else {
                // What is accepted after this is for the next time.
                self.call_posted();
                self.stopping.set(false);
                return Ok(());
            };
            turns.turn_once(limit)?;
        }
    }

    fn is_over(&self) -> bool {
        self.heed_signals();
        self.stopping.get() || self.is_idle()
    }

    /// Has a source be no reason for [`run`](Self::run) to go on.
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) fn set_background(&self, key: impl Into<AnyKey>) {
        self.slots.borrow_mut().set_background(key.into());
    }

    /// Whether nothing is left that could ever call anything, or only what is in the background.
    fn is_idle(&self) -> bool {
        self.slots.borrow().nothing_asked()
            && self.agenda.is_empty()
            && self.workers.is_idle()
            && self.mailbox.is_abandoned()
    }

    /// Has [`run`](Self::run) return when the present turn ends; without one going on, the next
    /// `run` returns at once.
    pub fn stop(&self) {
        self.stopping.set(true);
        self.has_other_business.set(true);
    }

    /// Whether [`stop`](Self::stop) was called and no [`run`](Self::run) has returned for it yet:
    /// for a loop of one's own over [`select`](Self::select) or [`turn`](Self::turn), which do not
    /// wait while that is so.
    pub fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Drops every source, and so closes it; then waits for the jobs that were begun, see
    /// [`offload`](Self::offload). Dropping the selector does the same.
    pub fn close(self) {}

    /// Has `hook` called with each error that costs a source, instead of the `log::warn!` that is
    /// made of it by default.
    ///
    /// That is: what a callback returned, except "would block" and "interrupted", which are no
    /// errors but mean "not now"; and what the system said when it was asked about the source again.
    /// The source is unregistered and dropped by then. Nothing else is touched, and `run` goes on.
    ///
    /// The hook may use the selector as a callback may. An error that comes up while it is being
    /// called is logged.
    pub fn on_error(&self, hook: impl FnMut(&Selector<'cb>, SourceError) + 'cb) {
        self.error_hook.set(Some(Box::new(hook)));
    }

    // ---- bodies in and out of their slots

    fn take(&self, key: AnyKey) -> Result<Holder<'_, 'cb>, Unavailable> {
        let mut holder = Holder::empty(self);
        let mut slots = self.slots.borrow_mut();
        if slots.take(key, &mut holder.body) {
            holder.usage.slot = key.slot;
            Ok(holder)
        } else if slots.get(key).is_some() {
            Err(Unavailable::InUse(key))
        } else {
            Err(Unavailable::Gone(key))
        }
    }

    fn remove(&self, key: AnyKey) -> io::Result<Body<'cb>> {
        let mut holder = self.take(key)?;
        let _busy = Busy::nested(self);
        Ok(holder.leave().expect(IN_HAND))
    }

    pub(crate) fn workers(&self) -> &Workers<'cb> {
        &self.workers
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What it holds at present.
    pub(crate) fn holds(&self) -> Stats {
        let slots = self.slots.borrow();
        Stats {
            sources: slots.len(),
            unsettled: slots.unsettled(),
            timeouts: self.agenda.timeouts.borrow().len(),
            timers: self.agenda.schedule.borrow().len(),
            posted: self.mailbox.calls(),
            jobs: self.workers.len(),
            ..Stats::default()
        }
    }

    /// For something to be put on it.
    pub(crate) fn agenda(&self) -> &Agenda<'cb> {
        self.has_other_business.set(true);
        &self.agenda
    }

    pub(crate) fn key_of(&self, slot: u32) -> AnyKey {
        self.slots.borrow().key_of(slot)
    }

    pub(crate) fn wish(&self, key: AnyKey, interest: Interest) {
        self.slots.borrow_mut().wish(key, interest.asked());
    }

    pub(crate) fn replace_later<S, F, R>(&self, key: AnyKey, callback: F)
    where
        S: event::Source + 'static,
        F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
        R: Outcome,
    {
        let outdone = self.take_replacement(key);
        self.replacements.borrow_mut().push((key, replacement::<S, F, R>(callback)));
        self.slots.borrow_mut().mark_changed(key);
        drop(outdone);
    }

    fn take_replacement(&self, key: AnyKey) -> Option<Replace<'cb>> {
        let mut replacements = self.replacements.borrow_mut();
        let index = replacements.iter().position(|(other, _)| *other == key)?;
        Some(replacements.swap_remove(index).1)
    }

    fn report_loss(&self, failure: SourceError) {
        match self.error_hook.take() {
            Some(hook) => HookInUse { selector: self, hook: Some(hook) }.call(failure),
            None => log::warn!("{failure}"),
        }
    }
}

/// Puts the source of a body together with another callback.
fn replacement<'cb, S, F, R>(callback: F) -> Replace<'cb>
where
    S: event::Source + 'static,
    F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
    R: Outcome,
{
    Box::new(move |body, place| {
        let mut callback = Some(callback);
        body.move_source(&mut |source| {
            let source = taken_out::<S>(source).expect(OF_ITS_TYPE);
            *place = callback.take().map(|callback| Pair::new(source, callback) as Body<'cb>);
        });
    })
}

fn busy() -> io::Error {
    io::Error::new(
        ErrorKind::ResourceBusy,
        "the selector is in a turn, a `call` or a `with`, and cannot wait inside it",
    )
}

/// Marks the selector as busy for as long as it lives.
struct Busy<'s> {
    busy: &'s Cell<bool>,
    before: bool,
}

impl<'s> Busy<'s> {
    /// For what cannot be done from inside a callback.
    fn outermost(selector: &'s Selector<'_>) -> io::Result<Self> {
        if selector.busy.get() {
            return Err(busy());
        }
        Ok(Self::nested(selector))
    }

    fn nested(selector: &'s Selector<'_>) -> Self {
        Busy { busy: &selector.busy, before: selector.busy.replace(true) }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.busy.set(self.before);
    }
}

/// The error hook while it is being called. It goes back where it came from, also from a panic,
/// unless it has put another in its place.
struct HookInUse<'s, 'cb> {
    selector: &'s Selector<'cb>,
    hook: Option<ErrorHook<'cb>>,
}

impl HookInUse<'_, '_> {
    fn call(mut self, failure: SourceError) {
        if let Some(hook) = &mut self.hook {
            hook(self.selector, failure);
        }
    }
}

impl Drop for HookInUse<'_, '_> {
    fn drop(&mut self) {
        match self.selector.error_hook.take() {
            None => self.selector.error_hook.set(self.hook.take()),
            another => self.selector.error_hook.set(another),
        }
    }
}

impl fmt::Debug for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Entries<'a, 'cb>(&'a Selector<'cb>);
        impl fmt::Debug for Entries<'_, '_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let slots = self.0.slots.borrow();
                let entries = slots.iter().map(|(key, slot)| {
                    (key, (slot.body().map_or("in use", |body| body.source_type()), slot.interest()))
                });
                f.debug_map().entries(entries).finish()
            }
        }
        let holds = self.holds();
        f.debug_struct("Selector")
            .field("sources", &Entries(self))
            .field("timers", &holds.timers)
            .field("timeouts", &holds.timeouts)
            .field("posted", &holds.posted)
            .field("jobs", &holds.jobs)
            .finish_non_exhaustive()
    }
}
