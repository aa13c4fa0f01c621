//! Connecting: one address after the other, what becomes of each, and calling it off.

use crate::util::{LONG, NOW, assert_quiet, in_time};
use selkie::net::TcpStream;
use selkie::{Backoff, Closed, Connect, ConnectError, Connection, ConnectionOptions, Dial, Input};
use selkie::{Interest, Protocol, Selector, Source};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(50);

fn listener() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Addresses at which nobody listens, at least not yet.
fn refusing<const N: usize>() -> io::Result<[SocketAddr; N]> {
    // Taken all at once, so that they differ.
    let listeners: Vec<_> = (0..N).map(|_| listener()).collect::<io::Result<_>>()?;
    Ok(std::array::from_fn(|index| listeners[index].1))
}

/// Runs until the undertaking has come to its end, and answers what came of it.
fn outcome<S: Dial>(connect: Connect<S>) -> io::Result<Result<S, ConnectError>> {
    let outcome = RefCell::new(None);
    let sel = Selector::new()?;
    connect.stream(&sel, |_, result| *outcome.borrow_mut() = Some(result))?;
    assert!(outcome.borrow().is_none(), "it was called before a turn");
    in_time(|| sel.run())?;
    assert!(sel.is_empty());
    drop(sel);
    Ok(outcome.into_inner().expect("it was never called"))
}

/// Where each attempt went, and what became of it.
fn attempts(error: &ConnectError) -> Vec<(String, ErrorKind)> {
    error.attempts().iter().map(|attempt| (attempt.to.clone(), attempt.error.kind())).collect()
}

#[test]
fn listener_answers_stream_is_handed_over_and_unregistered() -> io::Result<()> {
    let (listener, address) = listener()?;
    let mut near = outcome(Connect::to(address))?.unwrap();
    let (mut far, peer) = listener.accept()?;
    assert_eq!(near.local_addr()?, peer);
    near.write_all(b"x")?;
    far.read_exact(&mut [0])?;
    // It can be registered anew.
    let sel = Selector::new()?;
    sel.register(near, Interest::READ, |near, _| near.unregister())?;
    drop(far);
    in_time(|| sel.run())
}

#[test]
fn first_addresses_refuse_next_one_is_tried() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let [first, second] = refusing()?;
    let stream = outcome(Connect::to_any([first, second, address]))?.unwrap();
    assert_eq!(stream.peer_addr()?, address);
    Ok(())
}

#[test]
fn every_address_refuses_each_attempt_is_told_in_order() -> io::Result<()> {
    let [first, second] = refusing()?;
    let error = outcome(Connect::to_any([first, second]))?.unwrap_err();
    let refused = ErrorKind::ConnectionRefused;
    assert_eq!(attempts(&error), [(first.to_string(), refused), (second.to_string(), refused)]);
    assert_eq!(io::Error::from(error).kind(), refused);
    Ok(())
}

#[test]
fn no_address_is_given_that_is_an_error() -> io::Result<()> {
    let error = outcome(Connect::to_any([]))?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.attempts().is_empty());
    Ok(())
}

/// Writes down what it is told.
struct Clerk<'a>(&'a RefCell<Vec<&'static str>>);

impl Protocol<'_> for Clerk<'_> {
    fn connected(&mut self, _: &mut Source<Connection>) -> io::Result<()> {
        self.0.borrow_mut().push("connected");
        Ok(())
    }
    fn received(&mut self, _: &mut Source<Connection>, _: &mut Input) -> io::Result<()> {
        Ok(())
    }
    fn closed(&mut self, _: Option<&mut Source<Connection>>, _: &Closed) {
        self.0.borrow_mut().push("closed");
    }
}

#[test]
fn protocol_is_to_be_called_key_comes_first_and_then_connected() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let (listener, address) = listener()?;
    let options = ConnectionOptions::new().input_max(77);
    let limits = format!("{options:?}");
    let sel = Selector::new()?;
    Connect::to(address).options(options).open(&sel, Clerk(&told), |sel, result| {
        let key = result.unwrap();
        assert_eq!(sel.with(key, |conn| format!("{:?}", conn.options())).unwrap(), limits);
        told.borrow_mut().push("done");
        drop(listener);
    })?;
    in_time(|| sel.run())?;
    assert_eq!(told.take(), ["done", "connected", "closed"]);
    Ok(())
}

#[test]
fn protocol_is_to_be_called_and_nobody_answers_only_that_is_told() -> io::Result<()> {
    let told = RefCell::new(Vec::new());
    let [address] = refusing()?;
    let sel = Selector::new()?;
    Connect::to(address).open(&sel, Clerk(&told), |_, result| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        told.borrow_mut().push("done");
    })?;
    in_time(|| sel.run())?;
    drop(sel);
    assert_eq!(told.take(), ["done"]);
    Ok(())
}

#[test]
fn undertaking_is_called_off_nobody_is_called() -> io::Result<()> {
    let dropped = Cell::new(false);
    let on_drop = crate::util::OnDrop(|| dropped.set(true));
    let (_listener, address) = listener()?;
    let sel = Selector::new()?;
    let key = Connect::to(address).stream(&sel, move |_, _| {
        crate::util::keep(&on_drop);
        panic!("called, though called off");
    })?;
    sel.turn(Some(LONG))?;
    assert!(!dropped.get());
    sel.discard(key)?;
    assert!(dropped.get());
    in_time(|| sel.run())
}

#[test]
fn undertaking_is_called_off_when_it_has_succeeded_nobody_is_called() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let sel = Selector::new()?;
    let key = Connect::to(address).stream(&sel, |_, _| panic!("called, though called off"))?;
    // Until it has its stream, and asks for nothing any more.
    sel.turn(Some(LONG))?;
    assert_eq!(sel.interest(key)?, Interest::WRITE);
    sel.turn(Some(LONG))?;
    assert_eq!(sel.interest(key)?, Interest::NONE);
    sel.discard(key)?;
    in_time(|| sel.run())
}

#[test]
fn nobody_listens_yet_retry_goes_on_until_somebody_does() -> io::Result<()> {
    let [address] = refusing()?;
    let connected = Cell::new(false);
    let sel = Selector::new()?;
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(4));
    Connect::to(address).retry(backoff, None).stream(&sel, |_, result| {
        connected.set(result.unwrap().peer_addr().unwrap() == address);
    })?;
    for _ in 0..20 {
        sel.turn(Some(LONG))?;
    }
    assert!(!connected.get());
    let _listener = TcpListener::bind(address)?;
    in_time(|| sel.run())?;
    assert!(connected.get());
    Ok(())
}

#[test]
fn rounds_are_limited_it_ends_with_the_last_one() -> io::Result<()> {
    for (rounds_max, expected) in [(3, 3), (1, 1), (0, 1)] {
        let tried = Rc::new(Cell::new(0));
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let connect = Connect::<Refused>::with_addresses([Rc::clone(&tried)]);
        let error = outcome(connect.retry(backoff, Some(rounds_max)))?.unwrap_err();
        assert_eq!(tried.get(), expected, "with at most {rounds_max} rounds");
        assert_eq!(error.attempts().len(), 1);
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn stream_is_connected_to_itself_that_counts_as_refused() -> io::Result<()> {
    let error = outcome(Connect::<ItsOwn>::with_addresses([()]))?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

#[cfg(unix)]
#[test]
fn peer_resets_at_once_attempt_fails_with_that() -> io::Result<()> {
    let (listener, address) = listener()?;
    let result = RefCell::new(None);
    let sel = Selector::new()?;
    Connect::to(address).stream(&sel, |_, outcome| *result.borrow_mut() = Some(outcome))?;
    sel.turn(Some(LONG))?;
    crate::util::reset(listener.accept()?.0);
    in_time(|| sel.run())?;
    let error = result.take().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ok(())
}

/// A listener whose queue has no room: what connects to it waits. Not every system has it so.
#[cfg(target_os = "linux")]
mod crowded {
    use super::*;
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    use std::os::fd::OwnedFd;

    /// The listener, what fills its queue, and its address.
    fn crowded() -> io::Result<(OwnedFd, Vec<TcpStream>, SocketAddr)> {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listen(&listener, 0)?;
        let address = SocketAddr::try_from(getsockname(&listener)?).expect("an internet address");
        let filling = (0..4).map(|_| TcpStream::connect(address)).collect::<io::Result<_>>()?;
        Ok((listener, filling, address))
    }

    #[test]
    fn address_does_not_answer_in_time_next_one_is_tried() -> io::Result<()> {
        let (_crowded, _filling, silent) = crowded()?;
        let (_listener, address) = listener()?;
        let stream = outcome(Connect::to_any([silent, address]).attempt_timeout(SHORT))?.unwrap();
        assert_eq!(stream.peer_addr()?, address);
        let error = outcome(Connect::to_any([silent, silent]).attempt_timeout(SHORT))?.unwrap_err();
        let timed_out = (silent.to_string(), ErrorKind::TimedOut);
        assert_eq!(attempts(&error), [timed_out.clone(), timed_out]);
        Ok(())
    }

    #[test]
    fn address_does_not_answer_it_is_waited_for_without_a_turn() -> io::Result<()> {
        let (_crowded, _filling, silent) = crowded()?;
        let sel = Selector::new()?;
        Connect::to(silent).attempt_timeout(LONG).stream(&sel, |_, _| panic!("it has no outcome"))?;
        assert_eq!(sel.turn(NOW)?, 1);
        assert_quiet(&sel);
        Ok(())
    }
}

#[cfg(unix)]
mod path {
    use super::*;
    use selkie::net::UnixStream;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    /// A folder of its own for a test's sockets, which goes with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> io::Result<Self> {
            let path = std::env::temp_dir().join(format!("selkie-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path)?;
            Ok(Folder(path))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn path_is_bound_or_not_or_left_behind() -> io::Result<()> {
        let folder = Folder::new("connect")?;
        let path = folder.0.join("socket");
        let error = outcome(Connect::to_path(&path))?.unwrap_err();
        assert_eq!(attempts(&error), [(path.display().to_string(), ErrorKind::NotFound)]);
        let listener = UnixListener::bind(&path)?;
        let near = outcome(Connect::to_path(&path))?.unwrap();
        let (mut far, _) = listener.accept()?;
        drop(near);
        assert_eq!(far.read(&mut [0])?, 0);
        drop(listener);
        assert_eq!(outcome(Connect::to_path(&path))?.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        Ok(())
    }

    /// Elsewhere such a listener refuses.
    #[cfg(target_os = "linux")]
    #[test]
    fn queue_of_path_is_full_it_is_tried_again_until_there_is_room_or_the_time_is_over() -> io::Result<()> {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
        let folder = Folder::new("crowded")?;
        let path = folder.0.join("socket");
        let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        bind(&listener, &SocketAddrUnix::new(&path)?)?;
        listen(&listener, 0)?;
        let _filling = UnixStream::connect(&path)?;
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::WouldBlock);

        let error = outcome(Connect::to_path(&path).attempt_timeout(SHORT))?.unwrap_err();
        assert_eq!(attempts(&error), [(path.display().to_string(), ErrorKind::TimedOut)]);

        let connected = Cell::new(false);
        let sel = Selector::new()?;
        Connect::to_path(&path).attempt_timeout(LONG).stream(&sel, |_, result| connected.set(result.is_ok()))?;
        for _ in 0..3 {
            sel.turn(Some(LONG))?;
        }
        assert!(!connected.get());
        let listener = UnixListener::from(listener);
        let _first = listener.accept()?;
        in_time(|| sel.run())?;
        assert!(connected.get());
        Ok(())
    }
}

/// In a process that has its descriptors to itself.
#[cfg(unix)]
#[test]
fn descriptors_are_used_up_attempt_fails_and_a_later_round_does_not() -> io::Result<()> {
    const EMFILE: Option<i32> = Some(24);
    crate::util::alone("connect::descriptors_are_used_up_attempt_fails_and_a_later_round_does_not", || {
        let (_listener, address) = listener()?;
        let connected = Cell::new(false);
        let failed = Cell::new(None);
        let sel = Selector::new()?;
        let taken = crate::util::use_up_descriptors()?;
        Connect::to(address).stream(&sel, |_, result| {
            failed.set(result.unwrap_err().attempts()[0].error.raw_os_error());
        })?;
        in_time(|| sel.run())?;
        assert_eq!(failed.get(), EMFILE);

        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        Connect::to(address).retry(backoff, None).stream(&sel, |_, result| connected.set(result.is_ok()))?;
        for _ in 0..3 {
            sel.turn(Some(LONG))?;
        }
        assert!(!connected.get());
        drop(taken);
        in_time(|| sel.run())?;
        assert!(connected.get());
        Ok(())
    })
}

/// A stream that is never connected, and counts how often that was tried.
#[derive(Debug)]
struct Refused(TcpStream);

impl Dial for Refused {
    type Address = Rc<Cell<u32>>;
    fn dial(tried: &Rc<Cell<u32>>) -> io::Result<Self> {
        tried.set(tried.get() + 1);
        Err(ErrorKind::ConnectionRefused.into())
    }
    fn outcome(&self, _: Interest) -> io::Result<bool> {
        unreachable!("there is none")
    }
    fn describe(_: &Rc<Cell<u32>>) -> String {
        "nowhere".to_owned()
    }
}

/// A stream that is its own peer.
#[cfg(unix)]
#[derive(Debug)]
struct ItsOwn(TcpStream);

#[cfg(unix)]
impl Dial for ItsOwn {
    type Address = ();
    fn dial((): &()) -> io::Result<Self> {
        use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, socket};
        let own = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&own, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        connect(&own, &getsockname(&own)?)?;
        let own = std::net::TcpStream::from(own);
        own.set_nonblocking(true)?;
        Ok(ItsOwn(TcpStream::from_std(own)))
    }
    fn outcome(&self, ready: Interest) -> io::Result<bool> {
        self.0.outcome(ready)
    }
    fn describe((): &()) -> String {
        "itself".to_owned()
    }
}

macro_rules! source_by_its_stream {
    ($($type:ty),*) => {$(
        impl mio::event::Source for $type {
            fn register(&mut self, to: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
                self.0.register(to, token, asked)
            }
            fn reregister(&mut self, to: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
                self.0.reregister(to, token, asked)
            }
            fn deregister(&mut self, from: &mio::Registry) -> io::Result<()> {
                self.0.deregister(from)
            }
        }
    )*};
}

source_by_its_stream!(Refused);
#[cfg(unix)]
source_by_its_stream!(ItsOwn);
