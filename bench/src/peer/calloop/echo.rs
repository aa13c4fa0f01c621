use crate::Result;
use crate::program::echo::{Client, Next, READ_MAX, listen};
use calloop::generic::{Generic, NoIoDrop};
use calloop::{EventLoop, EventSource, Interest, LoopHandle, Mode, Poll, PostAction, Readiness, Token, TokenFactory};
use std::env::Args;
use std::io;
use std::iter::Skip;
use std::net::{TcpListener, TcpStream};

/// What every callback is handed.
struct Server {
    handle: LoopHandle<'static, Server>,
    buf: [u8; READ_MAX],
}

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let mut event_loop = EventLoop::try_new()?;
    let mut server = Server { handle: event_loop.handle(), buf: [0; READ_MAX] };
    let listener = Generic::new(listen()?, Interest::READ, Mode::Level);
    server.handle.insert_source(listener, |_, listener, server| accept(listener, server))?;
    Ok(event_loop.run(None, &mut server, |_| {})?)
}

fn accept(listener: &TcpListener, server: &mut Server) -> io::Result<PostAction> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let mut client = Client::default();
    let source = Connection(Generic::new(stream, Interest::READ, Mode::Level));
    let serve = move |(), stream: &mut NoIoDrop<TcpStream>, server: &mut Server| {
        let mut stream: &TcpStream = stream;
        client.ready(&mut stream, &mut server.buf)
    };
    server.handle.insert_source(source, serve).map_err(|error| error.error)?;
    Ok(PostAction::Continue)
}

/// A `Generic` whose callback may change what it waits for, which needs a source of one's own.
struct Connection(Generic<TcpStream>);

impl EventSource for Connection {
    type Event = ();
    type Metadata = NoIoDrop<TcpStream>;
    type Ret = Next;
    type Error = io::Error;

    fn process_events<F>(&mut self, readiness: Readiness, token: Token, mut callback: F) -> io::Result<PostAction>
    where
        F: FnMut((), &mut NoIoDrop<TcpStream>) -> Next,
    {
        let mut next = Next::Read;
        let action = self.0.process_events(readiness, token, |_, stream| {
            next = callback((), stream);
            Ok(PostAction::Continue)
        })?;
        let was_writing = self.0.interest.writable;
        match next {
            Next::Close => return Ok(PostAction::Remove),
            Next::Write if !was_writing => self.0.interest = Interest::WRITE,
            Next::Read | Next::ReadLater if was_writing => self.0.interest = Interest::READ,
            _ => return Ok(action),
        }
        Ok(PostAction::Reregister)
    }

    fn register(&mut self, poll: &mut Poll, factory: &mut TokenFactory) -> calloop::Result<()> {
        self.0.register(poll, factory)
    }

    fn reregister(&mut self, poll: &mut Poll, factory: &mut TokenFactory) -> calloop::Result<()> {
        self.0.reregister(poll, factory)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop::Result<()> {
        self.0.unregister(poll)
    }
}
