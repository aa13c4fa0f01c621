//! The seven models, shortest first.

use crate::around;
use crate::session::Session;
use rustix::event::{PollFd, PollFlags, poll};
use selkie::{Interest, READ, Selector, Source, WRITE};
use socket2::{Domain, Socket, Type};
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) serve: fn(SocketAddr) -> Result<(), Box<dyn Error>>,
}

pub(crate) const ALL: [Model; 7] = [
    Model { name: "blocking", serve: blocking },
    Model { name: "process", serve: process },
    Model { name: "thread", serve: threads },
    Model { name: "polling", serve: polling },
    Model { name: "select-loop", serve: select_loop },
    Model { name: "callbacks", serve: callbacks },
    Model { name: "workers", serve: workers },
];

/// As many clients may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long nobody is accepted after that has failed, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

// ---- blocking

/// One client at a time.
fn blocking(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    announce(&listener)?;
    loop {
        if let Some(stream) = accept(&listener) {
            converse(stream);
        }
    }
}

/// Serves one client until it leaves.
fn converse(mut stream: TcpStream) {
    let mut session = Session::default();
    let ended = loop {
        match session.turn(&mut stream) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = ended {
        log::debug!("a client is lost: {error}");
    }
}

// ---- a process per client

/// By this a process knows that it is to serve its standard input.
pub(crate) const SERVE_STDIN: &str = "--serve-stdin";

/// A process per client: this program once more, with the connection as its standard input.
fn process(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    announce(&listener)?;
    let program = env::current_exe()?;
    let mut children: Vec<Child> = Vec::new();
    loop {
        let Some(stream) = accept(&listener) else { continue };
        // One that has ended and is not asked for stays in the system's table.
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        match Command::new(&program).arg(SERVE_STDIN).stdin(OwnedFd::from(stream)).spawn() {
            Ok(child) => children.push(child),
            Err(error) => log::warn!("no process for a client: {error}"),
        }
    }
}

pub(crate) fn serve_stdin() -> io::Result<()> {
    converse(TcpStream::from(io::stdin().as_fd().try_clone_to_owned()?));
    Ok(())
}

// ---- a thread per client

fn threads(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    announce(&listener)?;
    loop {
        let Some(stream) = accept(&listener) else { continue };
        if let Err(error) = thread::Builder::new().spawn(move || converse(stream)) {
            log::warn!("no thread for a client: {error}");
        }
    }
}

// ---- one thread for all, that asks

/// Asks everybody, again and again, whether there is anything to do.
fn polling(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    listener.set_nonblocking(true)?;
    announce(&listener)?;
    let mut clients: Vec<(TcpStream, Session)> = Vec::new();
    loop {
        if let Some(stream) = accept(&listener) {
            clients.push((stream, Session::default()));
        }
        clients.retain_mut(|(stream, session)| session.turn(stream).unwrap_or(false));
    }
}

// ---- one thread for all, that is told

/// The loop by hand: everybody is handed to the system, and then looked at, in each turn.
fn select_loop(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    listener.set_nonblocking(true)?;
    announce(&listener)?;
    let mut clients: Vec<(TcpStream, Session)> = Vec::new();
    loop {
        let mut fds = vec![PollFd::new(&listener, PollFlags::IN)];
        fds.extend(clients.iter().map(|(stream, session)| {
            PollFd::new(stream, if session.has_unsent() { PollFlags::OUT } else { PollFlags::IN })
        }));
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
        let newcomer = ready.next().unwrap_or(false).then(|| accept(&listener)).flatten();
        clients.retain_mut(|(stream, session)| !ready.next().unwrap_or(false) || session.turn(stream).unwrap_or(false));
        clients.extend(newcomer.map(|stream| (stream, Session::default())));
    }
}

// ---- one thread for all, that is called

fn callbacks(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(addr)?;
    let sel = selector()?;
    announce(&listener)?;
    run(&sel, listener)?;
    Ok(())
}

fn selector() -> io::Result<Selector<'static>> {
    let sel = Selector::new()?;
    sel.stop_on_signals()?;
    // Usually a client that was reset. It has cost that client and nothing else.
    sel.on_error(|_, lost| log::debug!("{lost}"));
    Ok(sel)
}

fn run(sel: &Selector, listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    sel.register(selkie::net::TcpListener::from_std(listener), READ, welcome)?;
    sel.run()
}

fn welcome(listener: &mut Source<selkie::net::TcpListener>, _: Interest) -> io::Result<()> {
    let Some((stream, _peer)) = around::accept(listener) else { return Ok(()) };
    let _ = stream.set_nodelay(true);
    let mut session = Session::default();
    listener.selector().register(stream, READ, move |stream: &mut Source<selkie::net::TcpStream>, _: Interest| {
        if !session.turn(stream)? {
            stream.unregister();
        }
        stream.set_interest(if session.has_unsent() { WRITE } else { READ });
        Ok::<(), io::Error>(())
    })?;
    Ok(())
}

// ---- as many of these as there are cores

/// Each has a listener of its own on the same port, and the system deals the clients out.
fn workers(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let first = listen(addr)?;
    let addr = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < thread::available_parallelism()?.get() {
        listeners.push(listen(addr)?);
    }
    // Ctrl-C is to reach all of them, so none begins before the last one waits for it.
    let ready = Barrier::new(listeners.len() + 1);
    let work = |listener| {
        let sel = selector();
        ready.wait();
        run(&sel?, listener)
    };
    thread::scope(|scope| -> io::Result<()> {
        let workers: Vec<_> = listeners.into_iter().map(|listener| scope.spawn(|| work(listener))).collect();
        ready.wait();
        around::say(&format!("listening on {addr}"))?;
        workers.into_iter().try_for_each(|worker| worker.join().expect("it does not panic"))
    })?;
    Ok(())
}

// ---- what they share

fn listen(addr: SocketAddr) -> Result<TcpListener, Box<dyn Error>> {
    let listen = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    listen().map_err(|error| format!("cannot listen on {addr}: {error}").into())
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    around::say(&format!("listening on {}", listener.local_addr()?))
}

/// A connection that blocks if the listener does, or none.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept() {
        Ok((stream, _peer)) => {
            let _ = stream.set_nodelay(true);
            let same = is_nonblocking(listener).and_then(|nonblocking| stream.set_nonblocking(nonblocking));
            same.map(|()| stream).ok()
        }
        Err(error) if around::not_now(&error) || error.kind() == ErrorKind::ConnectionAborted => None,
        Err(error) => {
            log::warn!("cannot accept connections: {error}");
            thread::sleep(PAUSE);
            None
        }
    }
}

fn is_nonblocking(listener: &TcpListener) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(listener)?.contains(rustix::fs::OFlags::NONBLOCK))
}
