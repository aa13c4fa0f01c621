//! Connecting: one address after the other, what becomes of each, and calling it off.

use crate::util::{LONG, in_time};
use selkie::net::TcpStream;
use selkie::{Backoff, Closed, Connect, ConnectError, Connection, ConnectionOptions, Dial, Input};
use selkie::{Interest, Protocol, Selector, Source};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
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
fn plan_is_cloned_each_connects() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let plan = Connect::to(address).attempt_timeout(LONG);
    let streams = [outcome(plan.clone())?.unwrap(), outcome(plan)?.unwrap()];
    assert_ne!(streams[0].local_addr()?, streams[1].local_addr()?);
    Ok(())
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
fn host_is_given_by_address_or_by_name_it_is_connected_to() -> io::Result<()> {
    let (_listener, address) = listener()?;
    for host in [address.to_string(), format!("localhost:{}", address.port())] {
        // The name may stand for other addresses as well, at which nobody listens.
        let stream = outcome(Connect::to_host(host))?.unwrap();
        assert_eq!(stream.peer_addr()?, address);
    }
    Ok(())
}

#[test]
fn name_has_several_addresses_each_is_tried_in_turn() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let [first, second] = refusing()?;
    let loop_thread = std::thread::current().id();
    let stream = outcome(Connect::with_lookup("three", move || {
        assert_ne!(std::thread::current().id(), loop_thread, "looked up on the loop");
        Ok(vec![first, second, address])
    }))?
    .unwrap();
    assert_eq!(stream.peer_addr()?, address);
    Ok(())
}

#[test]
fn lookup_fails_that_is_told_as_an_attempt() -> io::Result<()> {
    let error = outcome(Connect::to_host("no port"))?.unwrap_err();
    assert_eq!(attempts(&error), [("no port".to_owned(), ErrorKind::InvalidInput)]);
    let panicking = Connect::with_lookup("odd", || panic!("as the test has it"));
    assert_eq!(attempts(&outcome(panicking)?.unwrap_err()), [("odd".to_owned(), ErrorKind::Other)]);
    let empty = Connect::with_lookup("nowhere", || Ok(Vec::new()));
    assert!(outcome(empty)?.unwrap_err().attempts().is_empty());

    let kind = Cell::new(None);
    let sel = Selector::builder().workers(0).build()?;
    Connect::to_host("localhost:1").stream(&sel, |_, result| kind.set(Some(result.unwrap_err().kind())))?;
    in_time(|| sel.run())?;
    assert_eq!(kind.get(), Some(ErrorKind::Unsupported));
    Ok(())
}

#[test]
fn lookup_takes_too_long_that_is_told_and_its_answer_dropped() -> io::Result<()> {
    let (answer, may_answer) = std::sync::mpsc::channel::<()>();
    let may_answer = std::sync::Mutex::new(may_answer);
    let slow = Connect::with_lookup("slow", move || {
        let _ = may_answer.lock().unwrap().recv();
        panic!("nobody is told any more");
    });
    let answer = Cell::new(Some(answer));
    let sel = Selector::new()?;
    slow.attempt_timeout(SHORT).stream(&sel, |_, result| {
        assert_eq!(attempts(&result.unwrap_err()), [("slow".to_owned(), ErrorKind::TimedOut)]);
        answer.set(None);
    })?;
    in_time(|| sel.run())?;
    assert!(answer.take().is_none());
    Ok(())
}

#[test]
fn undertaking_is_called_off_in_its_lookup_nobody_is_called() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let (answer, may_answer) = std::sync::mpsc::channel();
    let may_answer = std::sync::Mutex::new(may_answer);
    let sel = Selector::new()?;
    let lookup = move || {
        may_answer.lock().unwrap().recv().unwrap();
        Ok(vec![address])
    };
    let key = Connect::with_lookup("slow", lookup).stream(&sel, |_, _| panic!("called, though called off"))?;
    sel.turn(Some(LONG))?;
    sel.discard(key)?;
    answer.send(()).unwrap();
    in_time(|| sel.run())
}

#[test]
fn name_is_looked_up_again_in_each_round() -> io::Result<()> {
    let (_listener, address) = listener()?;
    let [refused] = refusing()?;
    let lookups = AtomicU32::new(0);
    let connect = Connect::with_lookup("moving", move || match lookups.fetch_add(1, Ordering::Relaxed) {
        0 => Err(ErrorKind::NotFound.into()),
        1 => Ok(vec![refused]),
        _ => Ok(vec![address]),
    });
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    assert_eq!(outcome(connect.retry(backoff, Some(3)))?.unwrap().peer_addr()?, address);
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
        let tried = Arc::new(AtomicU32::new(0));
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let connect = Connect::<Refused>::with_addresses([Arc::clone(&tried)]);
        let error = outcome(connect.retry(backoff, Some(rounds_max)))?.unwrap_err();
        assert_eq!(tried.load(Ordering::Relaxed), expected, "with at most {rounds_max} rounds");
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
    use crate::util::{NOW, assert_quiet};
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
    use crate::util::Folder;
    use std::os::unix::net::UnixListener;

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
        use selkie::net::UnixStream;
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
    type Address = Arc<AtomicU32>;
    fn dial(tried: &Arc<AtomicU32>) -> io::Result<Self> {
        tried.fetch_add(1, Ordering::Relaxed);
        Err(ErrorKind::ConnectionRefused.into())
    }
    fn outcome(&self, _: Interest) -> io::Result<bool> {
        unreachable!("there is none")
    }
    fn describe(_: &Arc<AtomicU32>) -> String {
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
