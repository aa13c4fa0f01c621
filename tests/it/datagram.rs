//! Datagrams: what comes in, what waits to go out, and what an error costs.

use crate::util::{LONG, NOW, assert_quiet};
use selkie::net::UdpSocket;
use selkie::{DatagramProtocol, DatagramSocket, Datagrams, Key, Selector, Source};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// What a protocol was told, in order.
type Told = RefCell<Vec<String>>;

/// Writes down what it is told, and does what a datagram asks of it.
struct Clerk<'a> {
    told: &'a Told,
}

impl Clerk<'_> {
    fn note(&self, what: impl Into<String>) {
        self.told.borrow_mut().push(what.into());
    }
}

impl<'cb, S: DatagramSocket> DatagramProtocol<'cb, S> for Clerk<'_> {
    fn received(
        &mut self,
        socket: &mut Source<'_, 'cb, Datagrams<S>>,
        datagram: &[u8],
        from: S::Address,
    ) -> io::Result<()> {
        let text = String::from_utf8_lossy(datagram).into_owned();
        self.note(format!("received {text}"));
        match &*text {
            "echo" => socket.send_to(b"echoed", &from)?,
            "error" => return Err(io::Error::other("as asked")),
            "would block" => return Err(ErrorKind::WouldBlock.into()),
            "panic" => panic!("as asked"),
            "close" => {
                socket.close();
                assert_eq!(socket.send_to(b"late", &from).unwrap_err().kind(), ErrorKind::NotConnected);
            }
            "pause" => socket.pause_receiving(),
            _ => {}
        }
        Ok(())
    }

    fn failed(&mut self, _: &mut Source<'_, 'cb, Datagrams<S>>, error: io::Error) -> io::Result<()> {
        self.note(format!("failed {:?}", error.kind()));
        // What the network says is borne; what this test asked for is not.
        if error.to_string() == "fatal" { Err(error) } else { Ok(()) }
    }

    fn resumed(&mut self, _: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        self.note("resumed");
        Ok(())
    }

    fn timeout(&mut self, _: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        self.note("timeout");
        Ok(())
    }

    fn closed(&mut self, cause: io::Result<()>) {
        self.note(match cause {
            Ok(()) => "closed".to_owned(),
            Err(error) => format!("closed by {error}"),
        });
    }
}

#[track_caller]
fn assert_told(told: &Told, expected: &[&str]) {
    assert_eq!(told.take(), expected);
}

/// A socket with a clerk, and one to send to it.
fn clerk<'a>(sel: &Selector<'a>, told: &'a Told) -> io::Result<(Key<Datagrams>, std::net::UdpSocket)> {
    let near = UdpSocket::bind(ANY_PORT.into())?;
    let far = std::net::UdpSocket::bind(ANY_PORT)?;
    far.set_read_timeout(Some(LONG))?;
    far.connect(near.local_addr()?)?;
    Ok((Datagrams::new(near).open(sel, Clerk { told })?, far))
}

/// Sends, and turns until that was received.
#[track_caller]
fn send(sel: &Selector<'_>, far: &std::net::UdpSocket, datagrams: &[&str]) {
    for datagram in datagrams {
        far.send(datagram.as_bytes()).expect("cannot send");
    }
    assert_eq!(sel.turn(Some(LONG)).expect("the turn failed"), 1);
}

fn receive(far: &std::net::UdpSocket) -> io::Result<String> {
    let mut buf = [0; 100];
    let length = far.recv(&mut buf)?;
    Ok(String::from_utf8_lossy(&buf[..length]).into_owned())
}

#[test]
fn received_datagram_is_answered_whole_and_empty_ones_too() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (key, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["echo", "", "last"]);
    assert_told(&told, &["received echo", "received ", "received last"]);
    assert_eq!(receive(&far)?, "echoed");
    sel.with(key, |socket| socket.send_to(b"", &far.local_addr().unwrap()))??;
    assert_eq!(receive(&far)?, "");
    Ok(())
}

#[test]
fn many_datagrams_wait_only_some_are_received_in_a_turn() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (_, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["x"; 40]);
    assert_told(&told, &["received x"; 16]);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_eq!(sel.turn(NOW)?, 1);
    assert_told(&told, &["received x"; 24]);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn received_fails_only_its_datagram_is_lost() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (_, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["error", "would block", "echo"]);
    assert_told(&told, &["received error", "failed Other", "received would block", "received echo"]);
    assert_eq!(receive(&far)?, "echoed");
    Ok(())
}

#[test]
fn failed_fails_socket_is_lost_with_that_error() -> io::Result<()> {
    struct Strict<'a>(Clerk<'a>);
    impl DatagramProtocol<'_> for Strict<'_> {
        fn received(&mut self, _: &mut Source<Datagrams>, _: &[u8], _: SocketAddr) -> io::Result<()> {
            Err(io::Error::new(ErrorKind::InvalidData, "fatal"))
        }
        fn failed(&mut self, socket: &mut Source<Datagrams>, error: io::Error) -> io::Result<()> {
            self.0.failed(socket, error)
        }
        fn closed(&mut self, cause: io::Result<()>) {
            assert_eq!(cause.as_ref().unwrap_err().kind(), ErrorKind::InvalidData);
            DatagramProtocol::<UdpSocket>::closed(&mut self.0, cause);
        }
    }
    let told = Told::default();
    let near = UdpSocket::bind(ANY_PORT.into())?;
    let far = std::net::UdpSocket::bind(ANY_PORT)?;
    far.connect(near.local_addr()?)?;
    let sel = Selector::new()?;
    sel.on_error(|_, lost| told.borrow_mut().push(format!("lost by {}", lost.error)));
    let key = Datagrams::new(near).open(&sel, Strict(Clerk { told: &told }))?;
    send(&sel, &far, &["x"]);
    assert!(!sel.contains(key));
    assert_told(&told, &["failed InvalidData", "closed by fatal", "lost by fatal"]);
    Ok(())
}

#[test]
fn received_panics_socket_is_lost_and_told_once() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (key, far) = clerk(&sel, &told)?;
    far.send(b"panic")?;
    let panic = catch_unwind(AssertUnwindSafe(|| sel.turn(Some(LONG)))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"as asked"));
    assert!(!sel.contains(key));
    assert_told(&told, &["received panic", "closed by a callback of the datagram socket panicked"]);
    // The selector is whole.
    let (_, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["x"]);
    assert_told(&told, &["received x"]);
    Ok(())
}

#[test]
fn open_socket_ends_closed_is_told_once_and_nothing_after() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (_, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["close", "x"]);
    assert_told(&told, &["received close", "closed"]);

    let (key, _) = clerk(&sel, &told)?;
    let datagrams = sel.unregister(key)?;
    assert_told(&told, &["closed"]);
    let socket = datagrams.into_socket();
    assert!(socket.local_addr().is_ok());

    clerk(&sel, &told)?;
    drop(sel);
    assert_told(&told, &["closed"]);
    Ok(())
}

#[test]
fn paused_socket_keeps_what_comes_until_resumed() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (key, far) = clerk(&sel, &told)?;
    send(&sel, &far, &["pause", "x", "y"]);
    assert_quiet(&sel);
    assert_told(&told, &["received pause"]);
    sel.with(key, |socket| socket.resume_receiving())?;
    assert_eq!(sel.turn(NOW)?, 1);
    assert_told(&told, &["received x", "received y"]);
    Ok(())
}

#[test]
fn silent_peer_timeout_of_the_socket_is_told() -> io::Result<()> {
    let told = Told::default();
    let sel = Selector::new()?;
    let (key, far) = clerk(&sel, &told)?;
    sel.set_timeout(key, Some(Duration::from_millis(10)))?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_told(&told, &["timeout"]);
    sel.set_timeout(key, None)?;
    send(&sel, &far, &["x"]);
    assert_told(&told, &["received x"]);
    Ok(())
}

#[test]
fn datagram_longer_than_the_limit_fails_and_the_longest_does_not() -> io::Result<()> {
    let told = Told::default();
    let near = UdpSocket::bind(ANY_PORT.into())?;
    let far = std::net::UdpSocket::bind(ANY_PORT)?;
    far.connect(near.local_addr()?)?;
    let sel = Selector::new()?;
    Datagrams::new(near).datagram_max(5).open(&sel, Clerk { told: &told })?;
    send(&sel, &far, &["12345", "123456", "1"]);
    assert_told(&told, &["received 12345", "failed InvalidData", "received 1"]);
    Ok(())
}

/// What the network says of a datagram sent earlier. Not every system tells.
#[cfg(target_os = "linux")]
#[test]
fn connected_peer_is_gone_that_is_told_and_the_socket_lives_on() -> io::Result<()> {
    let told = Told::default();
    let near = UdpSocket::bind(ANY_PORT.into())?;
    let far = std::net::UdpSocket::bind(ANY_PORT)?;
    let (near_address, far_address) = (near.local_addr()?, far.local_addr()?);
    near.connect(far_address)?;
    drop(far);
    let sel = Selector::new()?;
    let key = Datagrams::new(near).open(&sel, Clerk { told: &told })?;
    for _ in 0..3 {
        sel.with(key, |socket| socket.send(b"x"))??;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_told(&told, &["failed ConnectionRefused"]);
    }
    let far = std::net::UdpSocket::bind(far_address)?;
    far.connect(near_address)?;
    send(&sel, &far, &["echo"]);
    assert_eq!(receive(&far)?, "echoed");
    Ok(())
}

#[test]
fn receiving_fails_for_ever_socket_is_given_up() -> io::Result<()> {
    /// A socket that is ready and yields nothing but errors.
    struct Broken(UdpSocket);
    impl mio::event::Source for Broken {
        fn register(&mut self, registry: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
            self.0.register(registry, token, asked)
        }
        fn reregister(&mut self, registry: &mio::Registry, token: mio::Token, asked: mio::Interest) -> io::Result<()> {
            self.0.reregister(registry, token, asked)
        }
        fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
            self.0.deregister(registry)
        }
    }
    impl DatagramSocket for Broken {
        type Address = SocketAddr;
        fn receive_datagram(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            Err(ErrorKind::HostUnreachable.into())
        }
        fn send_datagram(&self, _: &[u8], _: Option<&SocketAddr>) -> io::Result<()> {
            Ok(())
        }
    }
    let told = Told::default();
    let near = UdpSocket::bind(ANY_PORT.into())?;
    let far = std::net::UdpSocket::bind(ANY_PORT)?;
    far.connect(near.local_addr()?)?;
    let sel = Selector::new()?;
    sel.on_error(|_, _| ());
    let key = Datagrams::new(Broken(near)).open(&sel, Clerk { told: &told })?;
    far.send(b"x")?;
    let mut turns = 0;
    while sel.contains(key) {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        turns += 1;
    }
    assert_eq!(turns, 5, "16 receives in each turn, and the 65th is one too many");
    let mut told = told.take();
    assert!(told.pop().is_some_and(|last| last.starts_with("closed by")));
    assert_eq!(told, ["failed HostUnreachable"; 64]);
    Ok(())
}

#[cfg(unix)]
mod queue {
    use super::*;
    use selkie::Interest;
    use selkie::net::UnixDatagram;

    /// A socket whose peer has no room left, and that peer.
    fn full<'a>(
        sel: &Selector<'a>,
        told: &'a Told,
        queue_max: usize,
    ) -> io::Result<(Key<Datagrams<UnixDatagram>>, UnixDatagram)> {
        let (near, far) = UnixDatagram::pair()?;
        // As small as can be, so that there is never room for many.
        rustix::net::sockopt::set_socket_send_buffer_size(&near, 1)?;
        while near.send(b"full").is_ok() {}
        let key = Datagrams::new(near).queue_max(queue_max).open(sel, Clerk { told })?;
        Ok((key, far))
    }

    /// Takes all that has arrived.
    fn drain(far: &UnixDatagram) -> Vec<String> {
        take(far, usize::MAX)
    }

    /// Takes some of what has arrived, and leaves out what it was filled with.
    fn take(far: &UnixDatagram, most: usize) -> Vec<String> {
        let mut buf = [0; 100];
        let received = (0..most).map_while(|_| far.recv(&mut buf).ok().map(|length| buf[..length].to_vec()));
        let received = received.map(|datagram| String::from_utf8(datagram).expect("no text"));
        received.filter(|datagram| datagram != "full").collect()
    }

    #[test]
    fn full_socket_queues_and_sends_in_order_when_there_is_room() -> io::Result<()> {
        let told = Told::default();
        let sel = Selector::new()?;
        let (key, far) = full(&sel, &told, 1 << 20)?;
        let sent: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        for datagram in &sent {
            sel.with(key, |socket| socket.send(datagram.as_bytes()))??;
        }
        assert_quiet(&sel);
        let mut received = Vec::new();
        for _ in 0..1_000 {
            // Room for a few only, so that sending the queue is told "would block" in its midst.
            received.extend(take(&far, 1));
            sel.turn(NOW)?;
        }
        received.extend(drain(&far));
        assert_eq!(received, sent);
        assert_quiet(&sel);
        assert_told(&told, &[]);
        Ok(())
    }

    #[test]
    fn full_queue_turns_away_and_tells_when_it_is_empty() -> io::Result<()> {
        let told = Told::default();
        let sel = Selector::new()?;
        // Room for two of a byte each, with what each counts beside.
        let (key, far) = full(&sel, &told, 130)?;
        for datagram in ["1", "2"] {
            sel.with(key, |socket| socket.send(datagram.as_bytes()))??;
        }
        for _ in 0..2 {
            let turned_away = sel.with(key, |socket| socket.send(b"3"))?;
            assert_eq!(turned_away.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(sel.with(key, |socket| socket.queued())?, 130);
        assert_eq!(drain(&far), [""; 0]);
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(drain(&far), ["1", "2"]);
        assert_told(&told, &["resumed"]);
        sel.with(key, |socket| socket.send(b"4"))??;
        assert_quiet(&sel);
        assert_told(&told, &[]);
        Ok(())
    }

    #[test]
    fn queue_without_room_tells_when_the_socket_has_some() -> io::Result<()> {
        let told = Told::default();
        let sel = Selector::new()?;
        let (key, far) = full(&sel, &told, 0)?;
        let turned_away = sel.with(key, |socket| socket.send(b"x"))?;
        assert_eq!(turned_away.unwrap_err().kind(), ErrorKind::WouldBlock);
        drain(&far);
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_told(&told, &["resumed"]);
        Ok(())
    }

    #[test]
    fn paused_socket_sends_what_is_queued() -> io::Result<()> {
        let told = Told::default();
        let sel = Selector::new()?;
        let (key, far) = full(&sel, &told, 1 << 20)?;
        sel.with(key, |socket| {
            socket.pause_receiving();
            socket.send(b"x")
        })??;
        assert_eq!(sel.interest(key)?, Interest::WRITE);
        drain(&far);
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(drain(&far), ["x"]);
        assert_eq!(sel.interest(key)?, Interest::NONE);
        Ok(())
    }

    #[test]
    fn unix_datagram_is_answered_by_path_and_without_one_refused() -> io::Result<()> {
        let folder = crate::util::Folder::new("datagram")?;
        let (near_path, far_path) = (folder.0.join("near"), folder.0.join("far"));
        let told = Told::default();
        let far = std::os::unix::net::UnixDatagram::bind(&far_path)?;
        let sel = Selector::new()?;
        Datagrams::new(UnixDatagram::bind(&near_path)?).open(&sel, Clerk { told: &told })?;
        far.send_to(b"echo", &near_path)?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        let mut buf = [0; 100];
        assert_eq!(far.recv(&mut buf)?, 6);
        std::os::unix::net::UnixDatagram::unbound()?.send_to(b"echo", &near_path)?;
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_told(&told, &["received echo", "received echo", "failed InvalidInput"]);
        Ok(())
    }
}
