use crate::Result;
use crate::program::echo::{Client, Next, READ_MAX, listen};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;
use std::env::Args;
use std::io::{self, ErrorKind};
use std::iter::Skip;

const LISTENER: Token = Token(usize::MAX);

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let mut listener = TcpListener::from_std(listen()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients = Slab::new();
    let mut buf = [0; READ_MAX];
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, poll.registry(), &mut clients)?;
            } else {
                serve(event, poll.registry(), &mut clients, &mut buf)?;
            }
        }
    }
}

fn accept(listener: &TcpListener, registry: &Registry, clients: &mut Slab<(TcpStream, Client)>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let place = clients.vacant_entry();
        registry.register(&mut stream, Token(place.key()), Interest::READABLE)?;
        place.insert((stream, Client::default()));
    }
}

/// An edge comes once, so this goes on until the client is known to be drained. A short read says
/// that it is, but not of the end of the stream, which may have come with the same edge.
fn serve(
    event: &Event,
    registry: &Registry,
    clients: &mut Slab<(TcpStream, Client)>,
    buf: &mut [u8],
) -> io::Result<()> {
    let key = event.token().0;
    let (stream, client) = &mut clients[key];
    loop {
        let was_writing = client.is_writing();
        match client.ready(stream, buf) {
            Next::Read if was_writing => registry.reregister(stream, event.token(), Interest::READABLE)?,
            Next::Read => {}
            Next::ReadLater if event.is_read_closed() => {}
            Next::ReadLater => return Ok(()),
            Next::Write if was_writing => return Ok(()),
            Next::Write => return registry.reregister(stream, event.token(), Interest::WRITABLE),
            Next::Close => {
                clients.remove(key);
                return Ok(());
            }
        }
    }
}
