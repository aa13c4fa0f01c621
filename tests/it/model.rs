//! Any sequence of registering, changing, lending, unregistering, I/O and turns, from outside and
//! from inside callbacks, against a model that knows the documentation and nothing of how it is
//! kept.
//!
//! The model holds for each source what its peer has sent and nobody has read. From that it tells
//! whom a turn has to call and for what: those that were ready for something they asked for when the
//! turn began, each once, unless what they ask for was changed before their call came, or they are
//! gone; and nobody else, in particular no source that was registered since.
//!
//! It is Linux that the model knows: what is writable, and what a hang-up reports.
#![cfg(any(target_os = "linux", target_os = "android"))]

use crate::util::{LONG, NOW};
use mio::net::UnixStream;
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use selkie::net::TcpStream;
use selkie::unix::Fd;
use selkie::{AnyKey, Interest, Key, READ, Selector, Source, WRITE, event};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::ops::DerefMut;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

// ---- what may be done

const PLACES: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Make {
    Tcp,
    Unix,
    /// `/dev/null`, which is always ready.
    Null,
}

/// What can be done at any time, to the source in some place. What makes no sense there (to register
/// where there is a source, to write to a closed one) is passed over.
#[derive(Clone, Debug)]
enum Act {
    /// A source of which `sent` bytes can be read from the start.
    Register {
        place: usize,
        make: Make,
        interest: Interest,
        sent: usize,
    },
    Modify {
        place: usize,
        interest: Interest,
    },
    SetCallback {
        place: usize,
    },
    Unregister {
        place: usize,
    },
    /// By its key, even of oneself.
    Discard {
        place: usize,
    },
    /// At most so many bytes, or all there are; by the source's own method or past it.
    Read {
        place: usize,
        max: Option<usize>,
        watched: bool,
    },
    With {
        place: usize,
        acts: Vec<Act>,
    },
    Call {
        place: usize,
        ready: Interest,
    },
    /// The peer writes.
    Send {
        place: usize,
        bytes: usize,
    },
    /// The peer shuts down its side, or both.
    Close {
        place: usize,
        whole: bool,
    },
    /// Every method on a key whose source is gone.
    UseStale {
        nth: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum End {
    Ok,
    WouldBlock,
    Interrupted,
    Error,
    Panic,
}

/// What a callback does when it is called next; after that, nothing.
#[derive(Clone, Debug)]
struct Script {
    acts: Vec<Act>,
    end: End,
}

#[derive(Clone, Debug)]
enum Step {
    Do(Act),
    Write(usize, Script),
    /// Waits if there is something to be told.
    Turn {
        wait: bool,
    },
    Select,
    SelectAndCall,
}

fn place() -> impl Strategy<Value = usize> {
    0..PLACES
}

fn interest() -> impl Strategy<Value = Interest> {
    prop::sample::select(vec![READ, READ, WRITE, READ | WRITE, Interest::NONE])
}

fn simple_act() -> impl Strategy<Value = Act> {
    let make = prop::sample::select(vec![Make::Tcp, Make::Tcp, Make::Unix, Make::Unix, Make::Null]);
    let max = prop::sample::select(vec![Some(1), Some(3), Some(64), None]);
    prop_oneof![
        4 => (place(), make, interest(), 0..4_usize)
            .prop_map(|(place, make, interest, sent)| Act::Register { place, make, interest, sent }),
        3 => (place(), interest()).prop_map(|(place, interest)| Act::Modify { place, interest }),
        1 => place().prop_map(|place| Act::SetCallback { place }),
        1 => place().prop_map(|place| Act::Unregister { place }),
        1 => place().prop_map(|place| Act::Discard { place }),
        3 => (place(), max, any::<bool>()).prop_map(|(place, max, watched)| Act::Read { place, max, watched }),
        1 => (place(), interest()).prop_map(|(place, ready)| Act::Call { place, ready }),
        4 => (place(), 1..9_usize).prop_map(|(place, bytes)| Act::Send { place, bytes }),
        1 => (place(), any::<bool>()).prop_map(|(place, whole)| Act::Close { place, whole }),
        1 => (0..20_usize).prop_map(|nth| Act::UseStale { nth }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let acts = prop::collection::vec(simple_act(), 0..4);
    prop_oneof![
        12 => simple_act(),
        1 => (place(), acts).prop_map(|(place, acts)| Act::With { place, acts }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use End::*;
    let end = prop::sample::select(vec![Ok, Ok, Ok, Ok, Ok, Ok, Ok, Ok, WouldBlock, Interrupted, Error, Panic]);
    let script = (prop::collection::vec(act(), 0..6), end).prop_map(|(acts, end)| Script { acts, end });
    prop_oneof![
        4 => act().prop_map(Step::Do),
        4 => (place(), script).prop_map(|(place, script)| Step::Write(place, script)),
        4 => any::<bool>().prop_map(|wait| Step::Turn { wait }),
        1 => Just(Step::Select),
        1 => Just(Step::SelectAndCall),
    ]
}

// ---- the sources

/// A source, its peer, and what there is to see of it without touching it.
struct Made<S> {
    source: S,
    peer: Peer,
    /// A second handle, where what the peer does takes a moment to arrive.
    probe: Option<std::net::TcpStream>,
}

enum Peer {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    None,
}

impl Peer {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Peer::Tcp(peer) => peer.write_all(bytes),
            Peer::Unix(peer) => peer.write_all(bytes),
            Peer::None => Ok(()),
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Peer::Tcp(peer) => peer.shutdown(Shutdown::Write),
            Peer::Unix(peer) => peer.shutdown(Shutdown::Write),
            Peer::None => Ok(()),
        }
    }
}

trait Pollable: event::Source + Read + Sized + 'static {
    const MAKE: Make;
    fn make() -> io::Result<Made<Self>>;
    fn handle(key: Key<Self>) -> Handle;
}

impl Pollable for TcpStream {
    const MAKE: Make = Make::Tcp;

    fn make() -> io::Result<Made<Self>> {
        thread_local! {
            static LISTENER: std::net::TcpListener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        }
        let (near, far) = LISTENER.with(|listener| {
            let near = std::net::TcpStream::connect(listener.local_addr()?)?;
            io::Result::Ok((near, listener.accept()?.0))
        })?;
        near.set_nonblocking(true)?;
        far.set_nodelay(true)?;
        // Closed at once, so that thousands of them do not use up the ports.
        rustix::net::sockopt::set_socket_linger(&near, Some(std::time::Duration::ZERO))?;
        let probe = near.try_clone()?;
        Ok(Made { source: TcpStream::from_std(near), peer: Peer::Tcp(far), probe: Some(probe) })
    }

    fn handle(key: Key<Self>) -> Handle {
        Handle::Tcp(key)
    }
}

impl Pollable for UnixStream {
    const MAKE: Make = Make::Unix;

    fn make() -> io::Result<Made<Self>> {
        let (near, far) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        Ok(Made { source: UnixStream::from_std(near), peer: Peer::Unix(far), probe: None })
    }

    fn handle(key: Key<Self>) -> Handle {
        Handle::Unix(key)
    }
}

impl Pollable for Fd<File> {
    const MAKE: Make = Make::Null;

    fn make() -> io::Result<Made<Self>> {
        let null = OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?);
        Ok(Made { source: Fd::new(null.into()), peer: Peer::None, probe: None })
    }

    fn handle(key: Key<Self>) -> Handle {
        Handle::Null(key)
    }
}

#[derive(Clone, Copy, Debug)]
enum Handle {
    Tcp(Key<TcpStream>),
    Unix(Key<UnixStream>),
    Null(Key<Fd<File>>),
}

/// Does the same with a key of any type.
macro_rules! by_key {
    ($handle:expr, $key:ident => $body:expr) => {
        match $handle {
            Handle::Tcp($key) => $body,
            Handle::Unix($key) => $body,
            Handle::Null($key) => $body,
        }
    };
}

impl Handle {
    fn any(self) -> AnyKey {
        by_key!(self, key => key.into())
    }
}

// ---- the model

#[derive(Clone, Copy, Debug, PartialEq)]
enum Closed {
    Not,
    Half,
    Whole,
}

struct Registration {
    handle: Handle,
    make: Make,
    peer: Peer,
    probe: Option<std::net::TcpStream>,
    interest: Interest,
    unread: usize,
    closed: Closed,
    script: Option<Script>,
    in_use: bool,
    /// It is to go when whoever uses it is done.
    leaves: bool,
}

impl Registration {
    /// What the system has to say of it.
    fn report(&self) -> Report {
        let has_hung_up = matches!((self.make, self.closed), (Make::Unix, Closed::Whole));
        let ready = match self.make {
            Make::Null => READ | WRITE,
            _ if self.unread > 0 || self.closed != Closed::Not => READ | WRITE,
            _ => WRITE,
        };
        // A hang-up is told whatever was asked for; an end of stream, to those that read.
        let is_closed = has_hung_up || self.closed != Closed::Not && self.interest.is_readable();
        let ready = if has_hung_up { ready } else { ready.and(self.interest) };
        Report { ready, is_closed }
    }

    /// Waits until what its peer did has arrived.
    fn arrive(&self) {
        let Some(probe) = &self.probe else { return };
        let mut wanted = PollFlags::empty();
        if self.unread > 0 {
            let mut buf = vec![0; self.unread];
            while probe.peek(&mut buf).unwrap_or(0) < self.unread {
                std::thread::yield_now();
            }
        }
        if self.closed != Closed::Not {
            wanted |= PollFlags::RDHUP;
        }
        if !wanted.is_empty() {
            let long = Timespec { tv_sec: LONG.as_secs() as i64, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(probe, wanted)], Some(&long)), Ok(1), "it did not arrive");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Report {
    ready: Interest,
    /// An end of stream or a hang-up is reported too.
    is_closed: bool,
}

impl Report {
    /// What of a selector's answer the model knows.
    fn of(ready: Interest) -> Self {
        let is_closed = ready.is_read_closed() || ready.is_write_closed() || ready.is_error();
        Report { ready: asked(ready), is_closed }
    }

    fn told(self, interest: Interest) -> Interest {
        let wanted = self.ready.and(interest);
        if wanted.is_none() && self.is_closed { interest } else { wanted }
    }
}

fn asked(ready: Interest) -> Interest {
    ready.and(READ | WRITE)
}

/// What somebody is to be told in the present turn.
struct Due {
    report: Report,
    /// There was a moment in which it did not ask for any of that, and that may have been the one.
    is_excused: bool,
}

#[derive(Default)]
struct State {
    places: [Option<Registration>; PLACES],
    stale: Vec<Handle>,
    due: HashMap<AnyKey, Due>,
    /// How many calls the selector made of its own accord in this turn.
    calls: usize,
    /// What is called next, and by whose wish.
    announced: Option<(AnyKey, Interest)>,
    /// What the error hook is to be told, and what it was told.
    losses: [Vec<AnyKey>; 2],
}

impl State {
    fn find(&mut self, key: AnyKey) -> &mut Registration {
        self.places.iter_mut().flatten().find(|it| it.handle.any() == key).expect("it is registered")
    }

    fn vacate(&mut self, key: AnyKey) {
        let is_it = |it: &Option<Registration>| it.as_ref().is_some_and(|it| it.handle.any() == key);
        let place = self.places.iter().position(is_it).expect("it is registered");
        let gone = self.places[place].take();
        self.stale.extend(gone.map(|it| it.handle));
        self.due.remove(&key);
    }

    fn set_interest(&mut self, key: AnyKey, interest: Interest) {
        self.find(key).interest = interest;
        if let Some(due) = self.due.get_mut(&key) {
            due.is_excused |= due.report.told(interest).is_none();
        }
    }

    /// Who is ready for what.
    fn survey(&self) -> HashMap<AnyKey, Report> {
        let mut ready = HashMap::new();
        for it in self.places.iter().flatten() {
            let report = it.report();
            if !report.told(it.interest).is_none() {
                ready.insert(it.handle.any(), report);
            }
        }
        ready
    }
}

/// A panic that is part of the script.
struct OnPurpose;

#[derive(Default)]
struct World {
    state: RefCell<State>,
}

/// Whoever uses a source, in its callback or in `with`. If that panics, it is gone.
struct InUse<'w> {
    world: &'w World,
    key: AnyKey,
    is_done: bool,
}

impl<'w> InUse<'w> {
    fn new(world: &'w World, key: AnyKey) -> Self {
        world.state.borrow_mut().find(key).in_use = true;
        InUse { world, key, is_done: false }
    }

    fn done(mut self) {
        self.is_done = true;
        let mut state = self.world.state.borrow_mut();
        let it = state.find(self.key);
        it.in_use = false;
        if it.leaves {
            state.vacate(self.key);
        }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.world.state.borrow_mut().vacate(self.key);
        }
    }
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

impl World {
    // ---- called

    fn callback<'cb, S: Pollable>(
        &'cb self,
    ) -> impl FnMut(&mut Source<'_, 'cb, S>, Interest) -> io::Result<()> + use<'cb, S> {
        move |source, told| self.called(source, told)
    }

    fn called<'cb, S: Pollable>(&'cb self, source: &mut Source<'_, 'cb, S>, told: Interest) -> io::Result<()> {
        let sel = source.selector();
        let key = AnyKey::from(source.key());
        let script = {
            let mut state = self.state.borrow_mut();
            let expected = match state.announced.take() {
                Some(announced) => announced,
                None => {
                    state.calls += 1;
                    let due = state.due.remove(&key).expect("who is called is due, and once only");
                    let told = due.report.told(state.find(key).interest);
                    assert!(!told.is_none(), "{key} does not ask for any of {:?}", due.report);
                    (key, told)
                }
            };
            assert_eq!((key, asked(told)), expected);
            state.find(key).script.take()
        };
        let in_use = InUse::new(self, key);
        self.check(sel);
        let Script { acts, end } = script.unwrap_or(Script { acts: Vec::new(), end: End::Ok });
        for act in acts {
            self.perform(sel, act, Some(&mut *source));
        }
        match end {
            End::Panic => resume_unwind(Box::new(OnPurpose)),
            End::Error => {
                self.state.borrow_mut().losses[0].push(key);
                return Err(ErrorKind::Other.into());
            }
            _ => in_use.done(),
        }
        match end {
            End::WouldBlock => Err(ErrorKind::WouldBlock.into()),
            End::Interrupted => Err(ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }

    // ---- doing

    /// `own` is the source of whoever does it, if it is done from inside a callback or `with`.
    fn perform<'cb, S: Pollable>(&'cb self, sel: &Selector<'cb>, act: Act, own: Option<&mut Source<'_, 'cb, S>>) {
        let handle_in = |place: usize| self.state.borrow().places[place].as_ref().map(|it| (it.handle, it.in_use));
        let own_key = own.as_ref().map(|own| AnyKey::from(own.key()));
        let busy = |in_use: bool| in_use.then_some(ErrorKind::ResourceBusy);
        match act {
            Act::Register { place, make, interest, sent } => match make {
                Make::Tcp => self.register::<TcpStream>(sel, place, interest, sent),
                Make::Unix => self.register::<UnixStream>(sel, place, interest, sent),
                Make::Null => self.register::<Fd<File>>(sel, place, interest, sent),
            },
            Act::Modify { place, interest } => {
                let Some((handle, _)) = handle_in(place) else { return };
                match own {
                    Some(own) if own_key == Some(handle.any()) && interest != WRITE => own.set_interest(interest),
                    // In use or not, by key it is the same.
                    _ => sel.modify(handle.any(), interest).unwrap(),
                }
                self.state.borrow_mut().set_interest(handle.any(), interest);
            }
            Act::SetCallback { place } => {
                let Some((handle, _)) = handle_in(place) else { return };
                match own {
                    Some(own) if own_key == Some(handle.any()) => own.set_callback(self.callback::<S>()),
                    _ => by_key!(handle, key => sel.set_callback(key, self.callback()).unwrap()),
                }
            }
            Act::Unregister { place } => {
                let Some((handle, in_use)) = handle_in(place) else { return };
                match own {
                    Some(own) if own_key == Some(handle.any()) => {
                        own.unregister();
                        self.state.borrow_mut().find(handle.any()).leaves = true;
                    }
                    _ => {
                        assert_eq!(by_key!(handle, key => kind(sel.unregister(key))), busy(in_use));
                        if !in_use {
                            self.state.borrow_mut().vacate(handle.any());
                        }
                    }
                }
            }
            Act::Discard { place } => {
                let Some((handle, in_use)) = handle_in(place) else { return };
                assert_eq!(kind(sel.discard(handle.any())), busy(in_use));
                if !in_use {
                    self.state.borrow_mut().vacate(handle.any());
                }
            }
            Act::Read { place, max, watched } => {
                let Some((handle, in_use)) = handle_in(place) else { return };
                match own {
                    Some(own) if own_key == Some(handle.any()) => self.read(own, max, watched),
                    _ => {
                        let lent =
                            by_key!(handle, key => kind(sel.with(key, |source| self.read(source, max, watched))));
                        assert_eq!(lent, busy(in_use));
                    }
                }
            }
            Act::With { place, acts } => {
                let Some((handle, in_use)) = handle_in(place) else { return };
                let lent = by_key!(handle, key => kind(sel.with(key, |source| {
                    let in_use = InUse::new(self, handle.any());
                    for act in acts {
                        self.perform(sel, act, Some(&mut *source));
                    }
                    in_use.done();
                })));
                assert_eq!(lent, busy(in_use));
            }
            Act::Call { place, ready } => {
                let Some((handle, in_use)) = handle_in(place) else { return };
                self.call(sel, handle.any(), ready, in_use);
            }
            Act::Send { place, bytes } => {
                let mut state = self.state.borrow_mut();
                let Some(it) = &mut state.places[place] else { return };
                if it.closed == Closed::Not && !matches!(it.make, Make::Null) {
                    it.peer.write_all(&[7; 16][..bytes]).unwrap();
                    it.unread += bytes;
                    it.arrive();
                }
            }
            Act::Close { place, whole } => {
                let mut state = self.state.borrow_mut();
                let Some(it) = &mut state.places[place] else { return };
                match it.closed {
                    _ if matches!(it.make, Make::Null) => {}
                    _ if whole => {
                        it.peer = Peer::None;
                        it.closed = Closed::Whole;
                    }
                    Closed::Not => {
                        it.peer.shutdown().unwrap();
                        it.closed = Closed::Half;
                    }
                    Closed::Half | Closed::Whole => {}
                }
                it.arrive();
            }
            Act::UseStale { nth } => {
                let stale = self.state.borrow().stale.iter().rev().nth(nth).copied();
                let Some(stale) = stale else { return };
                by_key!(stale, key => {
                    let answers = [
                        kind(sel.modify(key, READ)),
                        kind(sel.set_callback(key, |_, _| ())),
                        kind(sel.unregister(key)),
                        kind(sel.discard(key)),
                        kind(sel.with(key, |_| ())),
                        kind(sel.interest(key)),
                    ];
                    assert_eq!(answers, [Some(ErrorKind::NotFound); 6]);
                });
                assert!(!sel.call(stale.any(), READ).unwrap());
            }
        }
    }

    fn register<'cb, S: Pollable>(&'cb self, sel: &Selector<'cb>, place: usize, interest: Interest, sent: usize) {
        if self.state.borrow().places[place].is_some() {
            return;
        }
        let Made { source, mut peer, probe } = S::make().unwrap();
        let unread = if matches!(S::MAKE, Make::Null) { 0 } else { sent };
        peer.write_all(&[7; 16][..unread]).unwrap();
        let key = sel.register(source, interest, self.callback()).unwrap();
        let it = Registration {
            handle: S::handle(key),
            make: S::MAKE,
            peer,
            probe,
            interest,
            unread,
            closed: Closed::Not,
            script: None,
            in_use: false,
            leaves: false,
        };
        it.arrive();
        self.state.borrow_mut().places[place] = Some(it);
    }

    /// Reads, and finds what must be there.
    fn read<S: Pollable>(&self, source: &mut Source<S>, max: Option<usize>, watched: bool) {
        let key = AnyKey::from(source.key());
        let mut buf = [0; 64];
        loop {
            let expected = {
                let mut state = self.state.borrow_mut();
                let it = state.find(key);
                let n = it.unread.min(max.unwrap_or(buf.len()));
                it.unread -= n;
                let is_open = it.closed == Closed::Not && !matches!(it.make, Make::Null);
                if n == 0 && is_open { Err(ErrorKind::WouldBlock) } else { Ok(n) }
            };
            let buf = &mut buf[..max.unwrap_or(64)];
            let got = if watched { source.read(buf) } else { source.deref_mut().read(buf) };
            assert_eq!(got.map_err(|error| error.kind()), expected);
            if max.is_some() || matches!(expected, Ok(0) | Err(_)) {
                return;
            }
        }
    }

    fn call<'cb>(&'cb self, sel: &Selector<'cb>, key: AnyKey, ready: Interest, in_use: bool) {
        let told = Report::of(ready).told(self.state.borrow_mut().find(key).interest);
        if in_use && !told.is_none() {
            assert_eq!(kind(sel.call(key, ready)), Some(ErrorKind::ResourceBusy));
            return;
        }
        if !told.is_none() {
            self.state.borrow_mut().announced = Some((key, told));
        }
        assert_eq!(sel.call(key, ready).unwrap(), !told.is_none());
        assert_eq!(self.state.borrow().announced, None, "nobody was called");
    }

    // ---- turning

    fn step<'cb>(&'cb self, sel: &Selector<'cb>, step: Step) {
        let result = catch_unwind(AssertUnwindSafe(|| match step {
            Step::Do(act) => self.perform(sel, act, None::<&mut Source<TcpStream>>),
            Step::Write(place, script) => {
                if let Some(it) = &mut self.state.borrow_mut().places[place] {
                    it.script = Some(script);
                }
            }
            Step::Turn { wait } => self.turn(sel, wait),
            Step::Select => {
                self.select(sel);
                self.select(sel);
            }
            Step::SelectAndCall => {
                for (key, ready) in self.select(sel) {
                    if sel.contains(key) {
                        self.call(sel, key, ready, false);
                    } else {
                        assert!(!sel.call(key, ready).unwrap());
                    }
                }
            }
        }));
        // Those who come after a panic are told in the next turn, if it is true by then.
        self.state.borrow_mut().due.clear();
        if let Err(payload) = result {
            if !payload.is::<OnPurpose>() {
                resume_unwind(payload);
            }
        }
    }

    fn turn<'cb>(&'cb self, sel: &Selector<'cb>, wait: bool) {
        let something = {
            let mut state = self.state.borrow_mut();
            state.calls = 0;
            let ready = state.survey().into_iter();
            state.due = ready.map(|(key, report)| (key, Due { report, is_excused: false })).collect();
            !state.due.is_empty()
        };
        let called = sel.turn(if wait && something { Some(LONG) } else { NOW }).unwrap();
        let state = self.state.borrow();
        assert_eq!(called, state.calls);
        for (key, due) in &state.due {
            assert!(due.is_excused, "{key} was not told of {:?}", due.report);
        }
    }

    fn select<'cb>(&'cb self, sel: &Selector<'cb>) -> Vec<(AnyKey, Interest)> {
        let answer = sel.select(NOW).unwrap();
        let mut state = self.state.borrow_mut();
        let ready = state.survey();
        assert_eq!(answer.len(), ready.len(), "{answer:?}, and it should have been {ready:?}");
        for &(key, told) in &answer {
            let report = ready.get(&key).expect("who is reported is ready");
            assert_eq!(asked(told), report.told(state.find(key).interest));
        }
        answer
    }

    fn check(&self, sel: &Selector<'_>) {
        let state = self.state.borrow();
        let registered = || state.places.iter().flatten();
        assert_eq!(sel.len(), registered().count());
        assert_eq!(sel.is_empty(), registered().count() == 0);
        let keys: HashSet<AnyKey> = registered().map(|it| it.handle.any()).collect();
        assert_eq!(sel.keys().into_iter().collect::<HashSet<_>>(), keys);
        for it in registered() {
            assert!(sel.contains(it.handle.any()));
            assert_eq!(sel.interest(it.handle.any()).unwrap(), it.interest);
        }
        for stale in state.stale.iter().rev().take(10) {
            assert!(!sel.contains(stale.any()));
        }
    }
}

fn play(steps: Vec<Step>) {
    let world = World::default();
    let sel = Selector::new().unwrap();
    sel.on_error(|_, failure| world.state.borrow_mut().losses[1].push(failure.key));
    for step in steps {
        world.step(&sel, step);
        world.check(&sel);
        let state = world.state.borrow();
        assert_eq!(state.losses[0], state.losses[1], "what the error hook is to be told, and what it was told");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_sequence_does_what_is_documented(steps in prop::collection::vec(step(), 1..60)) {
        play(steps);
    }
}
