//! Any course of events, from both sides and at any time, and what holds in each.

use crate::util::*;
use proptest::prelude::*;
use selkie::{Closed, Connection, ConnectionOptions, Input, Key, Protocol, Selector, Source, Timeout};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Event {
    // What is done to the connection, from outside or in its next callback.
    Write(usize),
    Close,
    Abort,
    ShutdownWrite,
    Pause,
    Resume,
    Switch,
    AskToStop,
    /// What is done next is done by a callback, in which it may also fail.
    InCallback(Box<Event>),
    Fail,
    // What its peer does.
    PeerWrites(usize),
    PeerReads(usize),
    PeerEnds,
    Turn,
}

fn event() -> impl Strategy<Value = Event> {
    let done = prop_oneof![
        4 => prop_oneof![0..100usize, 0..3_000_000usize].prop_map(Event::Write),
        1 => Just(Event::Close),
        1 => Just(Event::Abort),
        1 => Just(Event::ShutdownWrite),
        3 => Just(Event::Pause),
        4 => Just(Event::Resume),
        2 => Just(Event::Switch),
        1 => Just(Event::AskToStop),
    ];
    prop_oneof![
        3 => done.clone(),
        3 => prop_oneof![6 => done, 1 => Just(Event::Fail)].prop_map(|event| Event::InCallback(Box::new(event))),
        4 => prop_oneof![1..100usize, 1..150_000usize].prop_map(Event::PeerWrites),
        4 => prop_oneof![1..100usize, 1..3_000_000usize].prop_map(Event::PeerReads),
        1 => Just(Event::PeerEnds),
        8 => Just(Event::Turn),
    ]
}

/// What has happened so far, to all the protocols of one connection.
#[derive(Default)]
struct Course {
    /// What the next callback is to do.
    orders: Vec<Event>,
    /// How many protocols were connected, and closed.
    connected: usize,
    closed: usize,
    received: u64,
    written: u64,
}

/// One protocol of a connection, and what it was told.
struct Checked<'t> {
    course: &'t RefCell<Course>,
    connected: bool,
    above: bool,
    ended: bool,
    closed: bool,
}

impl<'t> Checked<'t> {
    fn new(course: &'t RefCell<Course>) -> Self {
        Checked { course, connected: false, above: false, ended: false, closed: false }
    }

    fn called(&mut self, conn: &mut Source<'_, 't, Connection>) -> io::Result<()> {
        assert!(self.connected && !self.closed);
        let order = self.course.borrow_mut().orders.pop();
        match order {
            Some(Event::Fail) => Err(io::ErrorKind::AddrInUse.into()),
            Some(event) => {
                act(conn, &event, self.course);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl<'t> Protocol<'t> for Checked<'t> {
    fn connected(&mut self, conn: &mut Source<'_, 't, Connection>) -> io::Result<()> {
        assert!(!self.connected);
        self.connected = true;
        self.course.borrow_mut().connected += 1;
        self.called(conn)
    }

    fn received(&mut self, conn: &mut Source<'_, 't, Connection>, input: &mut Input) -> io::Result<()> {
        assert!(!self.ended && !input.is_empty());
        // An odd part of it, and every byte once.
        let part = input.len() - input.len() / 3;
        for &byte in input.consume(part) {
            let mut course = self.course.borrow_mut();
            assert_eq!(byte, (course.received % 251) as u8);
            course.received += 1;
        }
        self.called(conn)
    }

    fn ended(&mut self, conn: &mut Source<'_, 't, Connection>) -> io::Result<()> {
        assert!(!self.ended);
        self.ended = true;
        self.called(conn)
    }

    fn paused(&mut self, conn: &mut Source<'_, 't, Connection>) -> io::Result<()> {
        assert!(!self.above);
        self.above = true;
        self.called(conn)
    }

    fn resumed(&mut self, conn: &mut Source<'_, 't, Connection>) -> io::Result<()> {
        assert!(self.above);
        self.above = false;
        self.called(conn)
    }

    fn timeout(&mut self, _: &mut Source<'_, 't, Connection>, what: Timeout) -> io::Result<()> {
        panic!("{what:?}, and there is none")
    }

    fn closed(&mut self, conn: Option<&mut Source<'_, 't, Connection>>, _: &Closed) {
        assert!(self.connected && !self.closed);
        self.closed = true;
        self.course.borrow_mut().closed += 1;
        if let Some(conn) = conn {
            assert!(!conn.is_open() || conn.selector().contains(conn.key()));
        }
    }
}

impl Drop for Checked<'_> {
    fn drop(&mut self) {
        assert_eq!(self.connected, self.closed);
    }
}

fn act<'t>(conn: &mut Source<'_, 't, Connection>, event: &Event, course: &'t RefCell<Course>) {
    match event {
        Event::Write(length) => {
            let before = course.borrow().written;
            let data: Vec<u8> = (before..before + *length as u64).map(|n| (n % 241) as u8).collect();
            let open = conn.is_open();
            let written = conn.write(&data);
            assert!(open || written == selkie::Written::Closed);
            if conn.is_open() {
                course.borrow_mut().written += data.len() as u64;
            }
        }
        Event::Close => conn.close_within(Duration::from_millis(200)),
        Event::Abort => conn.abort(),
        Event::ShutdownWrite => conn.shutdown_write(),
        Event::Pause => conn.pause_reading(),
        Event::Resume => conn.resume_reading(),
        Event::Switch => conn.set_protocol(Checked::new(course)),
        Event::AskToStop => conn.ask_to_stop(),
        other => unreachable!("{other:?} is not done to a connection"),
    }
}

fn run(events: &[Event]) -> io::Result<()> {
    let course = RefCell::new(Course::default());
    let sel = Selector::new()?;
    sel.on_error(|_, failure| assert_eq!(failure.error.kind(), io::ErrorKind::AddrInUse));
    let (near, mut far) = tcp_pair()?;
    far.set_nonblocking(true)?;
    let options = ConnectionOptions::new().input_max(1 << 30).output_max(1 << 30);
    let key: Key<Connection> = options.open(&sel, near, Checked::new(&course))?;
    let (mut sent, mut got) = (0, 0);
    for event in events {
        match event {
            Event::PeerWrites(length) => {
                let data: Vec<u8> = (sent..sent + *length as u64).map(|n| (n % 251) as u8).collect();
                sent += far.write(&data).unwrap_or(0) as u64;
            }
            Event::PeerReads(length) => got += read(&mut far, *length, got),
            Event::PeerEnds => drop(far.shutdown(Shutdown::Write)),
            Event::Turn => drop(sel.turn(NOW)?),
            Event::InCallback(event) => course.borrow_mut().orders.insert(0, (**event).clone()),
            event => drop(sel.with(key, |conn| act(conn, event, &course))),
        }
    }
    // From here on nobody stands in the way of the end, so it comes, and takes no busy waiting.
    course.borrow_mut().orders.clear();
    let _ = far.shutdown(Shutdown::Write);
    let mut turns = 0;
    while !sel.is_empty() {
        // Whatever `paused` and the like have been told to do.
        let _ = sel.with(key, |conn| conn.resume_reading());
        if course.borrow().orders.is_empty() && sel.with(key, |conn| conn.bytes_received()).is_ok_and(|n| n == sent) {
            let _ = sel.with(key, |conn| conn.close_within(Duration::from_millis(200)));
        }
        sel.turn(Some(Duration::from_millis(20)))?;
        got += read(&mut far, 1 << 20, got);
        turns += 1;
        assert!(turns < 3000, "it does not come to its end: {:?}", sel);
    }
    let course = course.borrow();
    assert_eq!(course.connected, course.closed);
    assert!(course.received <= sent && got <= course.written + 3_000_000);
    Ok(())
}

/// Reads what there is, and sees to it that it is what was written.
fn read(far: &mut std::net::TcpStream, length: usize, before: u64) -> u64 {
    let mut buffer = vec![0; length];
    let count = far.read(&mut buffer).unwrap_or(0);
    for (n, &byte) in buffer[..count].iter().enumerate() {
        assert_eq!(byte, ((before + n as u64) % 241) as u8);
    }
    count as u64
}

#[test]
fn any_course_of_events_connects_and_closes_each_protocol_once() {
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in prop::collection::vec(event(), 0..60))| {
        run(&events).unwrap();
    });
}
