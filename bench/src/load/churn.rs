//! Clients that come, ask once and go.

use super::PATIENCE;
use super::client::connect;
use super::tally::Tally;
use crate::Result;
use crate::figures::Figure;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const REQUEST: [u8; 64] = [b'.'; 64];

pub fn run(port: u16, pid: u32, parallel: usize, time: Duration) -> Result<Vec<Figure>> {
    let mut poll = Poll::new()?;
    let mut nth = 0;
    let mut next = |poll: &Poll, place: usize| -> Result<Client> {
        nth += 1;
        let began = Instant::now();
        let mut stream = connect(port, nth)?;
        stream.write_all(&REQUEST)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(place), Interest::READABLE)?;
        Ok(Client { stream, began, answered: 0 })
    };

    let mut clients = Vec::with_capacity(parallel);
    for place in 0..parallel {
        clients.push(next(&poll, place)?);
    }
    let mut tally = Tally::new(pid, time);
    let mut events = Events::with_capacity(256);
    while !tally.is_over()? {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err("the server does not answer".into());
        }
        for event in &events {
            let place = event.token().0;
            if clients[place].is_served()? {
                tally.count(clients[place].began.elapsed());
                // The one before is closed by being replaced.
                clients[place] = next(&poll, place)?;
            }
        }
    }
    tally.figures()
}

struct Client {
    stream: TcpStream,
    began: Instant,
    answered: usize,
}

impl Client {
    fn is_served(&mut self) -> Result<bool> {
        match self.stream.read(&mut [0; REQUEST.len()]) {
            Ok(0) => return Err("the server has closed a connection".into()),
            Ok(read) => self.answered += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.answered >= REQUEST.len())
    }
}
