//! The load: clients that ask, and how long they wait.

use selkie::net::TcpStream;
use selkie::{Interest, Key, READ, Selector, Source, WRITE};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A request, and an answer, is a line of so many bytes, its end included.
const LINE: usize = 64;

/// Of so many clients one is slow.
const SLOW_EVERY: usize = 10;

/// How long a slow client takes between the halves of its line.
const SLOWNESS: Duration = Duration::from_millis(100);

/// By then each client should have been answered once.
const SETTLED_BY: Duration = Duration::from_secs(4);

/// What the clients have seen while it was measured.
pub(crate) struct Seen {
    pub(crate) requests: usize,
    /// Clients that were answered at all.
    pub(crate) answered: usize,
    /// Of a hundred answers, ninety-nine came within this time. Who was not answered counts as one
    /// who waited all the while.
    pub(crate) p99: Duration,
}

/// Puts `clients` on the server, measures for `time`, and calls `mark` at the beginning and the end.
pub(crate) fn load(addr: SocketAddr, clients: usize, time: Duration, mark: &mut dyn FnMut()) -> io::Result<Seen> {
    let load = &Load {
        time,
        settled: Cell::new(0),
        keys: RefCell::new(Vec::new()),
        mark: RefCell::new(mark),
        began: Cell::new(None),
        waits: RefCell::new(Vec::new()),
        answers: vec![Cell::new(0); clients],
    };
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    for number in 0..clients {
        let slow = clients >= SLOW_EVERY && number % SLOW_EVERY == 0;
        let mut client = Client { load, number, slow, half_sent: false, missing: 0, asked: Instant::now() };
        let stream = TcpStream::connect(addr)?;
        let key = sel.register(stream, WRITE, move |stream, ready| client.ready(stream, ready))?;
        load.keys.borrow_mut().push(key);
    }
    sel.call_later(SETTLED_BY, |sel| load.begin(sel));
    sel.run()?;
    let Some(began) = load.began.get().filter(|began| began.elapsed() >= time) else {
        return Err(io::Error::other("stopped"));
    };
    (load.mark.borrow_mut())();

    let mut waits = load.waits.take();
    let requests = waits.len();
    let answered = load.answers.iter().filter(|answers| answers.get() > 0).count();
    waits.resize(requests + clients - answered, began.elapsed());
    waits.sort_unstable();
    let p99 = waits[(waits.len() * 99).div_ceil(100).max(1) - 1];
    Ok(Seen { requests, answered, p99 })
}

struct Load<'a> {
    time: Duration,
    /// Clients that were answered once, and wait until it begins.
    settled: Cell<usize>,
    keys: RefCell<Vec<Key<TcpStream>>>,
    mark: RefCell<&'a mut dyn FnMut()>,
    began: Cell<Option<Instant>>,
    waits: RefCell<Vec<Duration>>,
    answers: Vec<Cell<usize>>,
}

impl<'a> Load<'a> {
    fn settle(&'a self, sel: &Selector<'a>) {
        self.settled.set(self.settled.get() + 1);
        if self.settled.get() == self.answers.len() {
            sel.call_soon(|sel| self.begin(sel));
        }
    }

    fn begin(&'a self, sel: &Selector<'a>) {
        if self.began.get().is_some() {
            return;
        }
        (self.mark.borrow_mut())();
        self.began.set(Some(Instant::now()));
        for &key in &*self.keys.borrow() {
            // Who was never answered waits on for its answer, and who was lost is lost.
            if sel.interest(key).is_ok_and(Interest::is_none) {
                let _ = sel.modify(key, WRITE);
            }
        }
        sel.call_later(self.time, Selector::stop);
    }
}

struct Client<'a> {
    load: &'a Load<'a>,
    number: usize,
    slow: bool,
    half_sent: bool,
    /// Bytes of the answer that have not come yet.
    missing: usize,
    asked: Instant,
}

impl<'a> Client<'a> {
    fn ready(&mut self, stream: &mut Source<'_, 'a, TcpStream>, ready: Interest) -> io::Result<()> {
        if ready.is_writable() { self.ask(stream) } else { self.hear(stream) }
    }

    fn ask(&mut self, stream: &mut Source<'_, 'a, TcpStream>) -> io::Result<()> {
        let mut line = [b'x'; LINE];
        line[LINE - 1] = b'\n';
        let (first, second) = line.split_at(LINE / 2);
        if self.slow && !self.half_sent {
            stream.write_all(first)?;
            self.half_sent = true;
            stream.set_interest(Interest::NONE);
            let key = stream.key();
            stream.selector().call_later(SLOWNESS, move |sel| {
                let _ = sel.modify(key, WRITE);
            });
            return Ok(());
        }
        stream.write_all(if self.slow { second } else { &line })?;
        self.half_sent = false;
        self.missing = LINE;
        self.asked = Instant::now();
        stream.set_interest(READ);
        Ok(())
    }

    fn hear(&mut self, stream: &mut Source<'_, 'a, TcpStream>) -> io::Result<()> {
        let mut buf = [0; LINE];
        let n = stream.read(&mut buf[..self.missing])?;
        if n == 0 {
            stream.unregister();
            return Ok(());
        }
        self.missing -= n;
        if self.missing > 0 {
            return Ok(());
        }
        if self.load.began.get().is_none() {
            stream.set_interest(Interest::NONE);
            self.load.settle(stream.selector());
            return Ok(());
        }
        self.load.waits.borrow_mut().push(self.asked.elapsed());
        let answers = &self.load.answers[self.number];
        answers.set(answers.get() + 1);
        self.ask(stream)
    }
}
