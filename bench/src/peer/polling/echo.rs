use crate::Result;
use crate::program::echo::{Client, Next, READ_MAX, listen};
use polling::{Event, Events, PollMode, Poller};
use slab::Slab;
use std::env::Args;
use std::io;
use std::iter::Skip;
use std::net::{TcpListener, TcpStream};

const LISTENER: usize = usize::MAX - 1;

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let listener = listen()?;
    let poller = Poller::new()?;
    // SAFETY: the listener is declared before the poller, and so outlives it.
    unsafe { poller.add_with_mode(&listener, Event::readable(LISTENER), PollMode::Level)? };
    let mut clients = Slab::new();
    let mut buf = [0; READ_MAX];
    let mut events = Events::new();
    loop {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            if event.key == LISTENER {
                accept(&listener, &poller, &mut clients)?;
            } else {
                serve(event.key, &poller, &mut clients, &mut buf)?;
            }
        }
    }
}

fn accept(listener: &TcpListener, poller: &Poller, clients: &mut Slab<(TcpStream, Client)>) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let place = clients.vacant_entry();
    // SAFETY: `serve` takes it out before it is closed.
    unsafe { poller.add_with_mode(&stream, Event::readable(place.key()), PollMode::Level)? };
    place.insert((stream, Client::default()));
    Ok(())
}

fn serve(key: usize, poller: &Poller, clients: &mut Slab<(TcpStream, Client)>, buf: &mut [u8]) -> io::Result<()> {
    let (stream, client) = &mut clients[key];
    let was_writing = client.is_writing();
    match client.ready(stream, buf) {
        Next::Read | Next::ReadLater if was_writing => {
            poller.modify_with_mode(&stream, Event::readable(key), PollMode::Level)
        }
        Next::Read | Next::ReadLater => Ok(()),
        Next::Write => poller.modify_with_mode(&stream, Event::writable(key), PollMode::Level),
        Next::Close => {
            poller.delete(&stream)?;
            clients.remove(key);
            Ok(())
        }
    }
}
