//! Clients that send, and send again when they are answered.

use super::PATIENCE;
use super::client::connect_all;
use super::tally::Tally;
use crate::Result;
use crate::figures::Figure;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

pub fn run(port: u16, pid: u32, clients: usize, size: usize, depth: usize, time: Duration) -> Result<Vec<Figure>> {
    let mut poll = Poll::new()?;
    let mut all = Vec::with_capacity(clients);
    for (nth, stream) in connect_all(port, clients)?.into_iter().enumerate() {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(nth), Interest::READABLE | Interest::WRITABLE)?;
        all.push(Client { stream, asked_at: VecDeque::with_capacity(depth), unsent: 0, answered: 0 });
    }

    let mut requests = Requests::new(size, depth);
    let mut tally = Tally::new(pid, time);
    for client in &mut all {
        for _ in 0..depth {
            requests.ask(client, Instant::now());
        }
        requests.send(client)?;
    }
    let mut events = Events::with_capacity(1024);
    while !tally.is_over()? {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err("the server does not answer".into());
        }
        for event in &events {
            let client = &mut all[event.token().0];
            requests.receive(client, &mut tally)?;
            requests.send(client)?;
        }
    }
    tally.figures()
}

struct Client {
    stream: TcpStream,
    /// When each request was made that is on its way, the oldest first.
    asked_at: VecDeque<Instant>,
    /// Bytes that are still to be sent.
    unsent: usize,
    /// Bytes that have come of the next answer.
    answered: usize,
}

/// What is asked.
struct Requests {
    size: usize,
    /// As many requests as one client has on their way.
    bytes: Vec<u8>,
    buf: Vec<u8>,
}

impl Requests {
    fn new(size: usize, depth: usize) -> Requests {
        // Each is a line, for servers to whom that matters.
        let mut request = vec![b'.'; size];
        request[size - 1] = b'\n';
        Requests { size, bytes: request.repeat(depth), buf: vec![0; 64 * 1024] }
    }

    fn ask(&self, client: &mut Client, now: Instant) {
        client.asked_at.push_back(now);
        client.unsent += self.size;
    }

    fn send(&self, client: &mut Client) -> io::Result<()> {
        while client.unsent > 0 {
            let bytes = &self.bytes[..client.unsent.min(self.bytes.len())];
            match client.stream.write(bytes) {
                Ok(sent) => client.unsent -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has come, and makes a new request for each that was answered.
    fn receive(&mut self, client: &mut Client, tally: &mut Tally) -> Result<()> {
        loop {
            let read = match client.stream.read(&mut self.buf) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            client.answered += read;
            while client.answered >= self.size {
                client.answered -= self.size;
                let asked_at = client.asked_at.pop_front().ok_or("the server answers what was not asked")?;
                tally.count(now - asked_at);
                self.ask(client, now);
            }
            if read < self.buf.len() {
                return Ok(());
            }
        }
    }
}
