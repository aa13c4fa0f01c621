//! Servers: whom they accept and when, what one client can do to the others, and the end.

use crate::util::{LONG, NOW, assert_quiet, in_time, logged};
use selkie::net::TcpStream;
use selkie::{Closed, Connection, Drained, Input, Key, Listener, Protocol, Selector, Server, ServerOptions, Source};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// What all protocols of a test were told, in order.
type Told = RefCell<Vec<String>>;

/// Echoes, and does what its input asks.
struct Servant<'a> {
    told: &'a Told,
    stays: bool,
}

impl Servant<'_> {
    fn note(&self, what: impl Into<String>) {
        self.told.borrow_mut().push(what.into());
    }
}

fn servant<'a>(told: &'a Told) -> impl FnMut(&SocketAddr) -> Servant<'a> {
    move |_| Servant { told, stays: false }
}

impl<'a> Protocol<'a> for Servant<'a> {
    fn received(&mut self, conn: &mut Source<'_, 'a, Connection>, input: &mut Input) -> io::Result<()> {
        match input.consume_all() {
            b"error" => return Err(io::Error::new(ErrorKind::InvalidData, "as asked")),
            b"panic" => panic!("as asked"),
            b"stay" => {
                self.stays = true;
                conn.write(b"staying");
            }
            b"much" => {
                let much: Vec<u8> = vec![b'm'; MUCH];
                conn.write(&much);
            }
            b"other" => {
                conn.write(b"other");
                conn.set_protocol(Servant { told: self.told, stays: self.stays });
            }
            other => {
                conn.write(other);
            }
        }
        Ok(())
    }

    fn stopping(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
        self.note("stopping");
        if !self.stays {
            conn.close();
        }
        Ok(())
    }

    fn closed(&mut self, _: Option<&mut Source<Connection>>, reason: &Closed) {
        self.note(match reason {
            Closed::Failed(error) => format!("failed: {error}"),
            reason => format!("{reason:?}").to_lowercase(),
        });
    }
}

/// More than the buffers of two sockets hold.
const MUCH: usize = 12 << 20;

fn bind<'a>(sel: &Selector<'a>, told: &'a Told) -> io::Result<(Key<Server>, SocketAddr)> {
    open(sel, told, &ServerOptions::new())
}

fn open<'a>(sel: &Selector<'a>, told: &'a Told, options: &ServerOptions) -> io::Result<(Key<Server>, SocketAddr)> {
    let listener = selkie::net::TcpListener::bind(ANY_PORT.into())?;
    let address = listener.local_addr()?;
    Ok((options.open(sel, listener, servant(told))?, address))
}

fn client(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let client = std::net::TcpStream::connect(address)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(LONG))?;
    Ok(client)
}

fn connections<L: Listener>(sel: &Selector<'_>, server: Key<Server<L>>) -> usize {
    sel.with(server, |server| server.connections()).expect("the server is gone")
}

/// Turns until something is so.
#[track_caller]
fn turn_until(sel: &Selector<'_>, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "it never came to be so");
        sel.turn(Some(LONG)).expect("the turn failed");
    }
}

/// Turns until there is nobody to be called.
fn turn_until_quiet(sel: &Selector<'_>) {
    while sel.turn(NOW).expect("the turn failed") > 0 {}
}

/// Sends, turns until the answer is there, and checks it.
#[track_caller]
fn ask(sel: &Selector<'_>, client: &mut std::net::TcpStream, question: &str, answer: &str) {
    client.write_all(question.as_bytes()).expect("cannot send");
    client.set_nonblocking(true).unwrap();
    let mut buf = [0; 100];
    let mut received = Vec::new();
    turn_until(sel, || {
        match client.read(&mut buf) {
            Ok(length) => received.extend_from_slice(&buf[..length]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        received.len() >= answer.len()
    });
    client.set_nonblocking(false).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), answer);
}

/// How often servers of this thread have complained since this was asked last.
fn complaints() -> usize {
    let is_complaint = |(level, text): &(_, String)| *level == log::Level::Warn && text.starts_with("server ");
    logged().iter().filter(|record| is_complaint(record)).count()
}

/// Turns until there is something to read, and leaves it there.
#[track_caller]
fn await_answer(sel: &Selector<'_>, client: &std::net::TcpStream) {
    client.set_nonblocking(true).unwrap();
    turn_until(sel, || client.peek(&mut [0]).is_ok_and(|length| length == 1));
    client.set_nonblocking(false).unwrap();
}

// ---- accepting

#[test]
fn clients_wait_each_is_served_by_a_protocol_of_its_own() -> io::Result<()> {
    let peers = RefCell::new(Vec::new());
    let told = Told::default();
    let sel = Selector::new()?;
    let server = Server::bind(&sel, ANY_PORT, |peer| {
        peers.borrow_mut().push(*peer);
        Servant { told: &told, stays: false }
    })?;
    let address = sel.with(server, |server| server.listener().local_addr())??;
    let mut clients = [client(address)?, client(address)?];
    assert!(peers.borrow().is_empty(), "a client was accepted before a turn");
    for (number, client) in clients.iter_mut().enumerate() {
        ask(&sel, client, &format!("hello {number}"), &format!("hello {number}"));
    }
    assert_eq!(connections(&sel, server), 2);
    assert_eq!(*peers.borrow(), [clients[0].local_addr()?, clients[1].local_addr()?]);
    drop(clients);
    turn_until(&sel, || connections(&sel, server) == 0);
    assert_eq!(told.take(), ["finished", "finished"]);
    Ok(())
}

#[test]
fn many_clients_wait_so_many_are_accepted_in_a_turn() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let _clients = (0..100).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
    sel.turn(Some(LONG))?;
    assert_eq!(connections(&sel, server), 64);
    sel.turn(Some(LONG))?;
    assert_eq!(connections(&sel, server), 100);
    turn_until_quiet(&sel);
    assert_quiet(&sel);

    let (server, address) = open(&sel, &told, &ServerOptions::new().accepts_max(3))?;
    let _clients = (0..5).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
    sel.turn(Some(LONG))?;
    assert_eq!(connections(&sel, server), 3);
    Ok(())
}

#[test]
#[should_panic(expected = "accepts nobody")]
fn server_is_to_accept_nobody_in_a_turn_panics() {
    let _ = ServerOptions::new().accepts_max(0);
}

#[test]
fn paused_server_accepts_nobody_until_resumed() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let mut first = client(address)?;
    ask(&sel, &mut first, "before", "before");
    sel.with(server, |server| server.pause_accepting())?;
    let mut second = client(address)?;
    assert_quiet(&sel);
    ask(&sel, &mut first, "meanwhile", "meanwhile");
    assert_eq!(connections(&sel, server), 1);
    assert!(sel.with(server, |server| server.is_held_up())?);
    sel.with(server, |server| server.resume_accepting())?;
    ask(&sel, &mut second, "after", "after");
    assert!(!sel.with(server, |server| server.is_held_up())?);
    Ok(())
}

#[test]
fn limit_of_connections_is_reached_next_client_waits_until_one_leaves() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let options = ServerOptions::new().connections_max(2).retry_after(LONG * 2);
    let (server, address) = open(&sel, &told, &options)?;
    let mut clients = (0..4).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
    for client in &mut clients {
        client.write_all(b"x")?;
    }
    turn_until_quiet(&sel);
    assert_quiet(&sel);
    assert_eq!(connections(&sel, server), 2);
    for _ in 0..2 {
        drop(clients.remove(0));
        turn_until(&sel, || told.borrow().len() == 1);
        assert_eq!(told.take().len(), 1);
        turn_until(&sel, || connections(&sel, server) == 2);
        // The next one has been accepted, and is answered.
        turn_until_quiet(&sel);
        clients[1].read_exact(&mut [0])?;
    }
    Ok(())
}

#[test]
fn limit_is_reached_and_a_connection_is_discarded_next_client_waits_for_the_retry() -> io::Result<()> {
    const RETRY: Duration = Duration::from_millis(30);
    let told = Told::default();
    let sel = Selector::new()?;
    let (server, address) = open(&sel, &told, &ServerOptions::new().connections_max(1).retry_after(RETRY))?;
    let mut first = client(address)?;
    ask(&sel, &mut first, "first", "first");
    let mut second = client(address)?;
    let connection = sel.keys().into_iter().find(|key| *key != server).expect("there is no connection");
    sel.discard(connection)?;
    assert_eq!(connections(&sel, server), 0);
    ask(&sel, &mut second, "second", "second");
    Ok(())
}

// ---- what one client can do to the others

#[test]
fn protocol_fails_only_its_connection_is_lost() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    sel.on_error(|_, lost| told.borrow_mut().push(format!("lost: {}", lost.error)));
    let (server, address) = bind(&sel, &told)?;
    let (mut good, mut bad) = (client(address)?, client(address)?);
    ask(&sel, &mut good, "good", "good");
    bad.write_all(b"error")?;
    turn_until(&sel, || told.borrow().len() == 2);
    assert_eq!(told.take(), ["failed: as asked", "lost: as asked"]);
    ask(&sel, &mut good, "good", "good");
    assert_eq!(connections(&sel, server), 1);
    Ok(())
}

#[test]
fn protocol_panics_only_its_connection_is_lost() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    sel.on_error(|_, lost| told.borrow_mut().push(format!("lost: {}", lost.error)));
    let (server, address) = bind(&sel, &told)?;
    let (mut good, mut bad) = (client(address)?, client(address)?);
    // Also with another protocol than the one it began with.
    ask(&sel, &mut bad, "other", "other");
    assert_eq!(told.take(), ["replaced"]);
    bad.write_all(b"panic")?;
    turn_until(&sel, || told.borrow().len() == 2);
    assert_eq!(told.take(), ["panicked", "lost: its protocol panicked: as asked"]);
    ask(&sel, &mut good, "good", "good");
    assert_eq!(connections(&sel, server), 1);
    Ok(())
}

#[test]
fn protocol_panics_and_is_not_to_be_caught_panic_goes_on_and_the_server_does_too() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let options = ServerOptions::new().catch_panics(false).connections_max(2).retry_after(LONG * 2);
    let (server, address) = open(&sel, &told, &options)?;
    let (mut good, mut bad, mut waiting) = (client(address)?, client(address)?, client(address)?);
    bad.write_all(b"panic")?;
    let panic = catch_unwind(AssertUnwindSafe(|| turn_until(&sel, || false))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"as asked"));
    assert_eq!(told.take(), ["panicked"]);
    ask(&sel, &mut good, "good", "good");
    ask(&sel, &mut waiting, "good", "good");
    assert_eq!(connections(&sel, server), 2);
    Ok(())
}

#[test]
fn making_a_protocol_panics_only_that_client_is_lost() -> io::Result<()> {
    let told = Told::default();
    let made = Cell::new(0);
    let sel = Selector::new()?;
    let server = Server::bind(&sel, ANY_PORT, |_| {
        made.set(made.get() + 1);
        assert!(made.get() > 1, "the first one panics");
        Servant { told: &told, stays: false }
    })?;
    let address = sel.with(server, |server| server.listener().local_addr())??;
    complaints();
    let (mut lost, mut good) = (client(address)?, client(address)?);
    ask(&sel, &mut good, "good", "good");
    assert_eq!(lost.read(&mut [0])?, 0);
    assert_eq!(connections(&sel, server), 1);
    assert_eq!(complaints(), 1);
    Ok(())
}

/// A listener that fails as its test wants, and otherwise accepts.
struct Failing {
    listener: selkie::net::TcpListener,
    errors: RefCell<Vec<io::Error>>,
}

impl Failing {
    /// With what to fail, the last first.
    fn new(errors: Vec<io::Error>) -> io::Result<Self> {
        Ok(Failing { listener: selkie::net::TcpListener::bind(ANY_PORT.into())?, errors: RefCell::new(errors) })
    }
}

impl Listener for Failing {
    type Stream = TcpStream;
    type Address = SocketAddr;
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match self.errors.borrow_mut().pop() {
            Some(error) => Err(error),
            None => self.listener.accept(),
        }
    }
}

impl mio::event::Source for Failing {
    fn register(&mut self, to: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
        self.listener.register(to, token, asked)
    }
    fn reregister(&mut self, to: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
        self.listener.reregister(to, token, asked)
    }
    fn deregister(&mut self, from: &mio::Registry) -> io::Result<()> {
        self.listener.deregister(from)
    }
}

#[test]
fn client_was_aborted_while_it_waited_next_one_is_accepted_in_the_same_turn() -> io::Result<()> {
    let told = Told::default();
    let aborted = [ErrorKind::ConnectionAborted, ErrorKind::Interrupted, ErrorKind::ConnectionReset];
    let listener = Failing::new(aborted.map(io::Error::from).into())?;
    let address = listener.listener.local_addr()?;
    let sel = Selector::new()?;
    let server = Server::open(&sel, listener, servant(&told))?;
    complaints();
    let _client = client(address)?;
    sel.turn(Some(LONG))?;
    assert_eq!(connections(&sel, server), 1);
    assert_eq!(complaints(), 0);
    Ok(())
}

#[test]
fn accepting_fails_for_an_unknown_reason_it_is_tried_again_later() -> io::Result<()> {
    const RETRY: Duration = Duration::from_millis(100);
    let told = Told::default();
    let unknown = || io::Error::other("something unknown");
    let listener = Failing::new((0..3).map(|_| unknown()).collect())?;
    let address = listener.listener.local_addr()?;
    let sel = Selector::new()?;
    let begun = Instant::now();
    let server = ServerOptions::new().retry_after(RETRY).open(&sel, listener, servant(&told))?;
    complaints();
    let _client = client(address)?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_quiet(&sel);
    assert!(sel.with(server, |server| server.is_held_up())?);
    turn_until(&sel, || connections(&sel, server) == 1);
    assert!(begun.elapsed() >= RETRY * 3, "it was tried again before its time");
    assert_eq!(complaints(), 1, "one incident, one warning");
    Ok(())
}

/// In a process that has its descriptors to itself.
#[cfg(target_os = "linux")]
mod starved {
    use super::*;
    use crate::util::{alone, use_up_descriptors};
    use std::fs::File;
    use std::io::{Seek, SeekFrom};

    /// The CPU time of this thread, told by a file that was opened when that was still possible.
    struct Clock(File);

    impl Clock {
        fn new() -> io::Result<Self> {
            Ok(Clock(File::open("/proc/thread-self/schedstat")?))
        }

        fn used(&mut self) -> io::Result<Duration> {
            let mut text = String::new();
            self.0.seek(SeekFrom::Start(0))?;
            self.0.read_to_string(&mut text)?;
            Ok(Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap()))
        }
    }

    #[test]
    fn no_descriptor_is_left_it_is_said_once_and_costs_no_time() -> io::Result<()> {
        const RETRY: Duration = Duration::from_millis(20);
        const WHILE: Duration = Duration::from_millis(400);
        alone("server::starved::no_descriptor_is_left_it_is_said_once_and_costs_no_time", || {
            let told = Told::default();
            let sel = Selector::new()?;
            let (server, address) = open(&sel, &told, &ServerOptions::new().retry_after(RETRY))?;
            let mut clients = (0..3).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
            let mut clock = Clock::new()?;
            let taken = use_up_descriptors()?;
            complaints();
            let (begun, used) = (Instant::now(), clock.used()?);
            let mut turns = 0;
            while begun.elapsed() < WHILE {
                sel.turn(Some(WHILE))?;
                turns += 1;
            }
            let used = clock.used()? - used;
            assert!(turns <= 25, "it was tried {turns} times in {WHILE:?}, and not every {RETRY:?}");
            assert!(used < WHILE / 4, "{used:?} of CPU time were used in {WHILE:?}");
            assert_eq!(complaints(), 1);
            assert_eq!(connections(&sel, server), 0);
            // As soon as there are some, they are served, by the timer.
            drop(taken);
            for client in &mut clients {
                ask(&sel, client, "x", "x");
            }
            // The next time is another incident.
            let _waiting = client(address)?;
            let _taken = use_up_descriptors()?;
            for _ in 0..3 {
                sel.turn(Some(LONG))?;
            }
            assert_eq!(complaints(), 1);
            Ok(())
        })
    }

    #[test]
    fn no_descriptor_is_left_and_a_connection_leaves_next_client_is_served_at_once() -> io::Result<()> {
        alone("server::starved::no_descriptor_is_left_and_a_connection_leaves_next_client_is_served_at_once", || {
            let told = Told::default();
            let sel = Selector::new()?;
            // Long after this test has failed.
            let (server, address) = open(&sel, &told, &ServerOptions::new().retry_after(LONG * 2))?;
            let mut first = client(address)?;
            ask(&sel, &mut first, "first", "first");
            let mut second = client(address)?;
            let _taken = use_up_descriptors()?;
            sel.turn(Some(LONG))?;
            assert!(sel.with(server, |server| server.is_held_up())?);
            // Its own end stays open, so that only the server's descriptor becomes free.
            first.shutdown(std::net::Shutdown::Write)?;
            ask(&sel, &mut second, "second", "second");
            assert_eq!(connections(&sel, server), 1);
            Ok(())
        })
    }
}

#[cfg(unix)]
mod path {
    use super::*;
    use crate::util::Folder;
    use selkie::net::UnixStream;
    use selkie::unix::PathListener;
    use std::os::unix::net::{UnixListener, UnixStream as Client};

    struct Echo;

    impl Protocol<'_, UnixStream> for Echo {
        fn received(&mut self, conn: &mut Source<Connection<UnixStream>>, input: &mut Input) -> io::Result<()> {
            conn.write(input.consume_all());
            Ok(())
        }
    }

    #[test]
    fn path_is_free_clients_are_served_and_the_file_goes_in_the_end() -> io::Result<()> {
        let folder = Folder::new("server")?;
        let path = folder.0.join("socket");
        let sel = Selector::new()?;
        let server = Server::open(&sel, PathListener::bind(&path)?, |_| Echo)?;
        let mut client = Client::connect(&path)?;
        client.write_all(b"hello")?;
        turn_until(&sel, || connections(&sel, server) == 1);
        turn_until_quiet(&sel);
        let mut buf = [0; 5];
        client.read_exact(&mut buf)?;
        assert_eq!(&buf, b"hello");
        sel.discard(server)?;
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn path_was_left_behind_it_is_replaced() -> io::Result<()> {
        let folder = Folder::new("left-behind")?;
        let path = folder.0.join("socket");
        drop(UnixListener::bind(&path)?);
        assert!(path.exists());
        let listener = PathListener::bind(&path)?;
        assert_eq!(listener.path(), path);
        Client::connect(&path)?;
        Ok(())
    }

    #[test]
    fn path_is_taken_it_is_left_alone() -> io::Result<()> {
        let folder = Folder::new("taken")?;
        let (alive, file, link) = (folder.0.join("alive"), folder.0.join("file"), folder.0.join("link"));
        let _listener = UnixListener::bind(&alive)?;
        std::fs::write(&file, "text")?;
        // What it leads to was left behind.
        drop(UnixListener::bind(folder.0.join("left"))?);
        std::os::unix::fs::symlink(folder.0.join("left"), &link)?;
        for path in [&alive, &file, &link] {
            assert_eq!(PathListener::bind(path).unwrap_err().kind(), ErrorKind::AddrInUse);
        }
        Client::connect(&alive)?;
        assert_eq!(std::fs::read(&file)?, b"text");
        assert!(link.is_symlink());
        Ok(())
    }

    #[test]
    fn path_is_somebody_elses_by_now_its_file_stays() -> io::Result<()> {
        let folder = Folder::new("elses")?;
        let path = folder.0.join("socket");
        let first = PathListener::bind(&path)?;
        // Moved, so that the number of its file is not free for the next one.
        std::fs::rename(&path, folder.0.join("moved"))?;
        let _second = UnixListener::bind(&path)?;
        drop(first);
        Client::connect(&path)?;
        Ok(())
    }

    #[test]
    fn path_cannot_be_bound_that_is_an_error() -> io::Result<()> {
        let folder = Folder::new("unbindable")?;
        let missing = PathListener::bind(folder.0.join("missing").join("socket")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let long = PathListener::bind(folder.0.join("x".repeat(200))).unwrap_err();
        assert_eq!(long.kind(), ErrorKind::InvalidInput);
        Ok(())
    }
}

/// A listener that was made with options of its own.
#[cfg(target_os = "linux")]
#[test]
fn two_servers_share_a_port_each_gets_clients() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt::set_socket_reuseport};
    let shared = |address: SocketAddr| -> io::Result<std::net::TcpListener> {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        set_socket_reuseport(&listener, true)?;
        bind(&listener, &address)?;
        listen(&listener, 128)?;
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let told = Told::default();
    let (first, sel) = (shared(ANY_PORT.into())?, Selector::new()?);
    let address = first.local_addr()?;
    let listeners = [first, shared(address)?].map(selkie::net::TcpListener::from_std);
    let servers = listeners.map(|listener| Server::open(&sel, listener, servant(&told)).unwrap());
    let _clients = (0..100).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
    turn_until(&sel, || servers.iter().map(|server| connections(&sel, *server)).sum::<usize>() == 100);
    assert!(servers.iter().all(|server| connections(&sel, *server) > 0));
    Ok(())
}

// ---- the end

/// Has the server shut down, and answers what came of it and when.
fn shutdown<'a>(sel: &Selector<'a>, server: Key<Server>, limit: Duration, drained: &'a Cell<Option<Drained>>) {
    sel.with(server, |server| server.shutdown(limit, |_, report| drained.set(Some(report)))).unwrap();
    assert!(drained.get().is_none(), "it was called before a turn");
}

#[track_caller]
fn assert_drained(drained: &Cell<Option<Drained>>, ended: usize, aborted: usize) {
    let drained = drained.get().expect("there is no report");
    assert_eq!((drained.ended, drained.aborted), (ended, aborted));
}

#[test]
fn server_without_connections_is_shut_down_that_is_told_and_run_ends() -> io::Result<()> {
    let (told, drained) = (Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    shutdown(&sel, server, LONG * 2, &drained);
    assert!(!sel.contains(server));
    assert_eq!(client(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    in_time(|| sel.run())?;
    assert_drained(&drained, 0, 0);
    Ok(())
}

#[test]
fn server_is_shut_down_connections_are_told_and_end_when_their_output_is_sent() -> io::Result<()> {
    let (told, drained) = (Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let (mut idle, mut busy) = (client(address)?, client(address)?);
    ask(&sel, &mut idle, "idle", "idle");
    busy.write_all(b"much")?;
    await_answer(&sel, &busy);
    shutdown(&sel, server, LONG * 2, &drained);
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        busy.read_to_end(&mut received).map(|_| received.len())
    });
    in_time(|| sel.run())?;
    assert_eq!(reader.join().unwrap()?, MUCH);
    assert_eq!(idle.read(&mut [0])?, 0);
    assert_drained(&drained, 2, 0);
    told.borrow_mut().sort();
    assert_eq!(told.take(), ["finished", "finished", "stopping", "stopping"]);
    Ok(())
}

#[test]
fn connections_do_not_end_in_time_they_are_aborted() -> io::Result<()> {
    const LIMIT: Duration = Duration::from_millis(50);
    let (told, drained) = (Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let mut clients = (0..3).map(|_| client(address)).collect::<io::Result<Vec<_>>>()?;
    ask(&sel, &mut clients[0], "stay", "staying");
    ask(&sel, &mut clients[1], "idle", "idle");
    // It never reads what it asked for.
    clients[2].write_all(b"much")?;
    await_answer(&sel, &clients[2]);
    let begun = Instant::now();
    shutdown(&sel, server, LIMIT, &drained);
    in_time(|| sel.run())?;
    assert!(begun.elapsed() >= LIMIT);
    assert!(begun.elapsed() < LIMIT + Duration::from_millis(900), "it took {:?}", begun.elapsed());
    assert_drained(&drained, 1, 2);
    told.borrow_mut().sort();
    assert_eq!(told.take(), ["aborted", "aborted", "finished", "stopping", "stopping", "stopping"]);
    Ok(())
}

#[test]
fn last_connection_leaves_before_the_limit_report_comes_then() -> io::Result<()> {
    let (told, drained) = (Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let mut clients = [client(address)?, client(address)?];
    for client in &mut clients {
        ask(&sel, client, "stay", "staying");
    }
    shutdown(&sel, server, LONG * 2, &drained);
    for client in clients {
        turn_until_quiet(&sel);
        assert!(drained.get().is_none());
        drop(client);
    }
    in_time(|| sel.run())?;
    assert_drained(&drained, 2, 0);
    Ok(())
}

#[test]
fn protocol_shuts_its_server_down_it_is_told_to_stop_itself() -> io::Result<()> {
    struct Quitter<'a>(&'a Cell<Option<Key<Server>>>, &'a Told, &'a Cell<Option<Drained>>);
    impl<'a> Protocol<'a> for Quitter<'a> {
        fn received(&mut self, conn: &mut Source<'_, 'a, Connection>, input: &mut Input) -> io::Result<()> {
            input.consume_all();
            let drained = self.2;
            let server = self.0.get().expect("there is no server");
            conn.selector().with(server, |server| {
                server.shutdown(LONG, |_, report| drained.set(Some(report)));
            })
        }
        fn stopping(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
            self.1.borrow_mut().push("stopping".to_owned());
            conn.close();
            Ok(())
        }
    }
    let (key, told, drained) = (Cell::new(None), Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let server = Server::bind(&sel, ANY_PORT, |_| Quitter(&key, &told, &drained))?;
    key.set(Some(server));
    let address = sel.with(server, |server| server.listener().local_addr())??;
    let mut client = client(address)?;
    client.write_all(b"quit")?;
    client.shutdown(std::net::Shutdown::Write)?;
    in_time(|| sel.run())?;
    assert_eq!(client.read(&mut [0])?, 0);
    assert_drained(&drained, 1, 0);
    Ok(())
}

#[test]
fn server_is_discarded_its_connections_go_on() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (server, address) = open(&sel, &told, &ServerOptions::new().connections_max(1))?;
    let mut first = client(address)?;
    ask(&sel, &mut first, "first", "first");
    sel.discard(server)?;
    assert_eq!(client(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    ask(&sel, &mut first, "first", "first");
    drop(first);
    in_time(|| sel.run())?;
    assert_eq!(told.take(), ["finished"]);
    Ok(())
}

#[test]
fn selector_is_dropped_in_a_shutdown_every_protocol_is_told() -> io::Result<()> {
    let (told, drained) = (Told::default(), Cell::new(None));
    let sel = Selector::new()?;
    let (server, address) = bind(&sel, &told)?;
    let mut clients = [client(address)?, client(address)?];
    for client in &mut clients {
        ask(&sel, client, "stay", "staying");
    }
    shutdown(&sel, server, LONG, &drained);
    turn_until(&sel, || told.borrow().len() == 2);
    drop(sel);
    assert!(drained.get().is_none());
    assert_eq!(told.take(), ["stopping", "stopping", "dropped", "dropped"]);
    Ok(())
}

#[test]
fn address_is_taken_binding_fails_and_nothing_is_left() -> io::Result<()> {
    let told = Told::default();
    let listener = std::net::TcpListener::bind(ANY_PORT)?;
    let sel = Selector::new()?;
    let error = Server::bind(&sel, listener.local_addr()?, servant(&told)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(sel.is_empty());
    Ok(())
}
