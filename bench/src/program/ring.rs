//! A ring of pipes, or of TCP connections, in which tokens travel.
//!
//! Each place has a reader, which is registered, and a writer, which is not. A token is a byte: what
//! is read at one place is written to the next, until so many were written. It is the way to see what
//! a loop costs by itself, for there is nothing else to do; and what those sources cost that merely
//! stand by.

use super::clock::processor_time;
use crate::Result;
use crate::figures::Spread;
use mio::net::TcpStream;
use mio::unix::pipe::{self, Receiver, Sender};
use std::cell::Cell;
use std::env::Args;
use std::io::{self, ErrorKind, Read, Write};
use std::iter::Skip;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};

/// How often it is measured. The median counts.
const ROUNDS: usize = 3;

/// More than the tokens that meet at one place, as a rule.
const READ_MAX: usize = 16;

pub trait Reader: Read + AsFd + AsRawFd + mio::event::Source + 'static {}
impl<R: Read + AsFd + AsRawFd + mio::event::Source + 'static> Reader for R {}

/// A loop that can be set to work on a ring.
pub trait Turns {
    /// Registers the readers, then has the ring measure.
    fn go<R: Reader, W: 'static>(readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write;
}

/// Be the program: of `KIND PLACES TOKENS EVENTS`.
pub fn run<T: Turns>(args: &mut Skip<Args>) -> Result<()> {
    let mut next = || args.next().ok_or("usage: KIND PLACES TOKENS EVENTS");
    let kind = next()?;
    let (places, tokens, events) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    match &*kind {
        "pipe" => {
            let (writers, readers) = pipes(places)?;
            T::go(readers, Ring::of(writers, tokens, events))
        }
        "tcp" => {
            let (writers, readers) = connections(places)?;
            T::go(readers, Ring::of(writers, tokens, events))
        }
        _ => Err("KIND is pipe or tcp".into()),
    }
}

fn pipes(places: usize) -> Result<(Vec<Sender>, Vec<Receiver>)> {
    Ok((0..places).map(|_| pipe::new()).collect::<io::Result<Vec<_>>>()?.into_iter().unzip())
}

fn connections(places: usize) -> Result<(Vec<TcpStream>, Vec<TcpStream>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let pair = || -> io::Result<(TcpStream, TcpStream)> {
        let writer = std::net::TcpStream::connect(listener.local_addr()?)?;
        // Thousands of them are not to be remembered by the system when they have gone.
        socket2::SockRef::from(&writer).set_linger(Some(std::time::Duration::ZERO))?;
        let (reader, _) = listener.accept()?;
        for stream in [&writer, &reader] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok((TcpStream::from_std(writer), TcpStream::from_std(reader)))
    };
    Ok((0..places).map(|_| pair()).collect::<io::Result<Vec<_>>>()?.into_iter().unzip())
}

pub struct Ring<W> {
    writers: Vec<W>,
    tokens: usize,
    events: usize,
    /// How many tokens may still be passed on.
    left: Cell<usize>,
    /// How many were read.
    seen: Cell<usize>,
}

impl<W> Ring<W>
where
    for<'w> &'w W: Write,
{
    /// It is there as long as the program.
    fn of(writers: Vec<W>, tokens: usize, events: usize) -> &'static Ring<W> {
        let ring = Ring { writers, tokens, events, left: Cell::new(0), seen: Cell::new(0) };
        Box::leak(Box::new(ring))
    }

    /// Reads once what has come to a place, and passes it on. Whether there may be more.
    #[inline]
    pub fn pass(&self, place: usize, reader: &mut impl Read) -> io::Result<bool> {
        let mut buf = [0; READ_MAX];
        let read = match reader.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            read => read?,
        };
        self.seen.set(self.seen.get() + read);
        let next = if place + 1 == self.writers.len() { 0 } else { place + 1 };
        for _ in 0..read.min(self.left.get()) {
            self.left.set(self.left.get() - 1);
            (&self.writers[next]).write_all(b"*")?;
        }
        Ok(read == READ_MAX)
    }

    /// Whether all tokens of this round were seen.
    pub fn is_over(&self) -> bool {
        self.seen.get() == self.tokens + self.events
    }

    fn begin(&self) -> io::Result<()> {
        self.left.set(self.events);
        self.seen.set(0);
        let apart = self.writers.len() / self.tokens;
        for token in 0..self.tokens {
            (&self.writers[token * apart]).write_all(b"*")?;
        }
        Ok(())
    }

    /// Prints what it takes to see all tokens, in turns of a loop. `registering` is the processor
    /// time that it took to register the readers.
    pub fn measure(&self, registering: f64, mut turn: impl FnMut() -> Result<()>) -> Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            self.begin()?;
            let begin = processor_time();
            while !self.is_over() {
                turn()?;
            }
            rounds.push((processor_time() - begin) / (self.tokens + self.events) as f64);
        }
        let per_event = Spread::of(rounds).ok_or("no rounds")?.median;
        println!("ns per event = {per_event}");
        println!("ns per registration = {}", registering / self.writers.len() as f64);
        Ok(())
    }
}
