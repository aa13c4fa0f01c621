//! What a connection can be made of.

use super::{Log, Probe};
use crate::util::*;
use mio::{Interest as MioInterest, Registry, Token, event};
use selkie::net::TcpStream;
use selkie::{Connection, ConnectionOptions, Selector, Stream};
use std::io::{self, Read, Write};
use std::thread;

#[test]
fn tcp_sends_small_writes_at_once_unless_told_otherwise() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    for nodelay in [true, false] {
        let (near, far) = tcp_pair()?;
        near.set_nodelay(!nodelay)?;
        let options = if nodelay { ConnectionOptions::new() } else { ConnectionOptions::new().nodelay(false) };
        let key = options.open(&sel, near, Probe::new(&log))?;
        assert_eq!(sel.with(key, |conn| conn.stream().nodelay())??, nodelay);
        assert_eq!(sel.with(key, |conn| conn.peer_addr())?, Some(far.local_addr()?));
    }
    Ok(())
}

#[test]
fn own_type_is_a_stream() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let (own, _) = Own::counted(near);
    let probe = Probe::new(&log).received(|conn, input| {
        conn.write(input.consume_all());
        conn.close();
        Ok(())
    });
    Connection::open(&sel, own, probe)?;
    far.write_all(b"hello")?;
    in_time(|| sel.run())?;
    let mut said = String::new();
    far.read_to_string(&mut said)?;
    assert_eq!(said, "hello");
    assert_eq!(log.take(), ["connected", "received 5", "closed Finished"]);
    Ok(())
}

/// A stream that reads ahead, and holds back what it is to send until it is flushed: what an
/// encrypting one does.
struct Buffering {
    stream: TcpStream,
    ahead: Vec<u8>,
    held_back: Vec<u8>,
}

/// How much it reads out of its buffer, and holds back, at most.
const BUFFERED: usize = 1000;

impl Read for Buffering {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            let mut more = vec![0; 100 * BUFFERED];
            let count = self.stream.read(&mut more)?;
            self.ahead.extend_from_slice(&more[..count]);
        }
        let count = self.ahead.len().min(buf.len()).min(BUFFERED);
        buf[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }
}

impl Write for Buffering {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.held_back.len() == BUFFERED {
            self.flush()?;
        }
        let count = buf.len().min(BUFFERED - self.held_back.len());
        self.held_back.extend_from_slice(&buf[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.held_back.is_empty() {
            let count = self.stream.write(&self.held_back)?;
            self.held_back.drain(..count);
        }
        Ok(())
    }
}

impl Stream for Buffering {
    fn has_input(&self) -> bool {
        !self.ahead.is_empty()
    }

    fn has_output(&self) -> bool {
        !self.held_back.is_empty()
    }
}

impl event::Source for Buffering {
    fn register(&mut self, registry: &Registry, token: Token, interests: MioInterest) -> io::Result<()> {
        self.stream.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: MioInterest) -> io::Result<()> {
        self.stream.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

#[test]
fn stream_that_reads_ahead_and_holds_back_is_read_and_flushed_to_the_end() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (stream, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|conn, input| {
        conn.write(input.consume_all());
        Ok(())
    });
    Connection::open(&sel, Buffering { stream, ahead: Vec::new(), held_back: Vec::new() }, probe)?;
    // It comes back though nobody ends anything, and nothing new arrives.
    let sent: Vec<u8> = (0..50_500u32).map(|n| (n % 233) as u8).collect();
    far.write_all(&sent)?;
    let mut got = vec![0; sent.len()];
    let reader = far.try_clone()?;
    thread::scope(|scope| -> io::Result<()> {
        let done = scope.spawn(|| (&reader).read_exact(&mut got));
        while !done.is_finished() {
            sel.turn(Some(LONG / 1000))?;
        }
        done.join().unwrap()
    })?;
    assert!(got == sent);
    assert_quiet(&sel);
    // What is held back goes before it is closed.
    far.write_all(b"bye")?;
    far.shutdown(std::net::Shutdown::Write)?;
    in_time(|| sel.run())?;
    let mut rest = String::new();
    far.read_to_string(&mut rest)?;
    assert_eq!(rest, "bye");
    Ok(())
}

#[test]
fn stream_that_reads_ahead_is_read_on_though_nothing_new_arrives() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (stream, mut far) = tcp_pair()?;
    let stream = Buffering { stream, ahead: Vec::new(), held_back: Vec::new() };
    let key = Connection::open(&sel, stream, Probe::new(&log))?;
    far.write_all(&[7; 10 * BUFFERED])?;
    while sel.with(key, |conn| conn.bytes_received())? < 10 * BUFFERED as u64 {
        assert!(sel.turn(Some(LONG))? > 0, "it waits, and there is more");
    }
    assert_quiet(&sel);
    Ok(())
}

/// A read stops short at the mark of urgent data, with more behind it.
#[cfg(target_os = "linux")]
#[test]
fn urgent_data_amid_the_input_holds_nothing_up() -> io::Result<()> {
    use rustix::net::{SendFlags, send};
    use std::cell::RefCell;
    let got = RefCell::new(Vec::new());
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|_, input| {
        got.borrow_mut().extend_from_slice(input.consume_all());
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    sel.turn(NOW)?;
    far.write_all(b"before")?;
    send(&far, b"!", SendFlags::OOB)?;
    far.write_all(b"after")?;
    while got.borrow().len() < 11 {
        assert!(sel.turn(Some(LONG))? > 0, "it waits, and there is more: {:?}", got.borrow());
    }
    assert_eq!(&got.borrow()[..], b"beforeafter");
    Ok(())
}

#[cfg(unix)]
mod unix {
    use super::*;
    use selkie::net::UnixStream;
    use selkie::{Closed, Duplex, Input, Protocol, Source, unix::pipe};

    /// Sends much, receives it back from an [`Echo`], and ends.
    struct Much<'t> {
        log: &'t Log,
        received: usize,
    }

    const MUCH: usize = 3_000_000;

    impl<S: Stream> Protocol<'_, S> for Much<'_> {
        fn connected(&mut self, conn: &mut Source<Connection<S>>) -> io::Result<()> {
            conn.write_bytes((0..MUCH).map(|n| (n % 239) as u8).collect::<Vec<u8>>());
            conn.shutdown_write();
            Ok(())
        }

        fn received(&mut self, _: &mut Source<Connection<S>>, input: &mut Input) -> io::Result<()> {
            for &byte in input.consume_all() {
                assert_eq!(byte, (self.received % 239) as u8);
                self.received += 1;
            }
            Ok(())
        }

        // It has to go on receiving while it cannot send, or the two would wait for each other.
        fn paused(&mut self, _: &mut Source<Connection<S>>) -> io::Result<()> {
            Ok(())
        }

        fn closed(&mut self, _: Option<&mut Source<Connection<S>>>, reason: &Closed) {
            self.log.note(format!("{} {reason:?}", self.received));
        }
    }

    struct Echo;

    impl<S: Stream> Protocol<'_, S> for Echo {
        fn received(&mut self, conn: &mut Source<Connection<S>>, input: &mut Input) -> io::Result<()> {
            conn.write(input.consume_all());
            Ok(())
        }
    }

    #[test]
    fn unix_streams_echo_much_and_end() -> io::Result<()> {
        let log = Log::default();
        let sel = Selector::new()?;
        let (one, other) = UnixStream::pair()?;
        Connection::open(&sel, one, Much { log: &log, received: 0 })?;
        let key = Connection::open(&sel, other, Echo)?;
        assert_eq!(sel.with(key, |conn| conn.peer_addr())?, None);
        in_time(|| sel.run())?;
        assert_eq!(log.take(), [format!("{MUCH} Finished")]);
        Ok(())
    }

    #[test]
    fn pipe_pairs_echo_much_and_end() -> io::Result<()> {
        let log = Log::default();
        let sel = Selector::new()?;
        let ((tx, there_rx), (there_tx, rx)) = (pipe::new()?, pipe::new()?);
        Connection::open(&sel, Duplex::new(rx, tx), Much { log: &log, received: 0 })?;
        Connection::open(&sel, Duplex::new(there_rx, there_tx), Echo)?;
        in_time(|| sel.run())?;
        assert_eq!(log.take(), [format!("{MUCH} Finished")]);
        Ok(())
    }

    #[test]
    fn pipe_pair_shut_down_gives_its_peer_the_end_and_receives_on() -> io::Result<()> {
        let log = Log::default();
        let sel = Selector::new()?;
        let ((tx, there_rx), (there_tx, rx)) = (pipe::new()?, pipe::new()?);
        let key = Connection::open(&sel, Duplex::new(rx, tx), Probe::new(&log))?;
        sel.turn(NOW)?;
        sel.with(key, |conn| {
            conn.write(b"that is all");
            conn.shutdown_write();
        })?;
        there_rx.set_nonblocking(false)?;
        let (mut there_rx, mut there_tx) = (there_rx, there_tx);
        let mut said = String::new();
        there_rx.read_to_string(&mut said)?;
        assert_eq!(said, "that is all");
        there_tx.write_all(b"so?")?;
        drop(there_tx);
        in_time(|| sel.run())?;
        assert_eq!(log.take(), ["connected", "received 3", "ended", "closed Finished"]);
        Ok(())
    }

    #[test]
    fn reader_of_a_pipe_pair_gone_fails_the_write() -> io::Result<()> {
        let log = Log::default();
        let sel = Selector::new()?;
        let ((tx, there_rx), (there_tx, rx)) = (pipe::new()?, pipe::new()?);
        let key = Connection::open(&sel, Duplex::new(rx, tx), Probe::new(&log))?;
        sel.turn(NOW)?;
        // What the peer has said is received all the same.
        io::Write::write_all(&mut &there_tx, b"bye")?;
        drop(there_rx);
        sel.with(key, |conn| conn.write(b"x"))?;
        in_time(|| sel.run())?;
        assert_eq!(log.take(), ["connected", "received 3", "closed BrokenPipe"]);
        Ok(())
    }

    #[test]
    fn parts_of_a_pair_come_back() -> io::Result<()> {
        let (tx, rx) = pipe::new()?;
        let (mut rx, tx) = Duplex::new(rx, tx).into_parts();
        tx.unwrap().write_all(b"x")?;
        rx.read_exact(&mut [0])?;
        let (tx, rx) = pipe::new()?;
        let mut pair = Duplex::new(rx, tx);
        pair.shutdown_write()?;
        assert_eq!(pair.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(pair.into_parts().1.is_none());
        Ok(())
    }
}
