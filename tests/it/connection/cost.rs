//! What a connection costs: no memory for a request, and little for waiting.

use super::{Log, Plain, Probe};
use crate::util::*;
use allocation_counter::measure;
use mio::{Interest as MioInterest, Registry, Token, event};
use selkie::{Connection, Input, Protocol, Selector, Source, Stream};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;

struct Echo;

impl Protocol<'_> for Echo {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        conn.write(input.consume_all());
        Ok(())
    }
}

#[test]
fn requests_are_answered_without_an_allocation() -> io::Result<()> {
    const REQUESTS: usize = 1_000;
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    Connection::open(&sel, near, Echo)?;
    sel.turn(NOW)?;
    // A debug build allocates in each turn to check itself.
    let for_checks = |sel: &Selector<'_>| measure(|| drop(sel.turn(NOW))).count_total;
    let mut request = || -> io::Result<u64> {
        far.write_all(&[7; 64])?;
        let turn = measure(|| assert_eq!(sel.turn(Some(LONG)).unwrap(), 1));
        far.read_exact(&mut [0; 64])?;
        Ok(turn.count_total)
    };
    request()?;
    for _ in 0..REQUESTS {
        assert_eq!(request()?, for_checks(&sel));
    }
    Ok(())
}

/// What was read and written is proof enough, as it is for a bare `TcpStream`.
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
#[test]
fn request_over_tcp_is_answered_and_the_system_need_not_be_asked_again() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    Connection::open(&sel, near, Echo)?;
    sel.turn(NOW)?;
    for _ in 0..3 {
        far.write_all(&[7; 64])?;
        let before = sel.stats();
        assert_eq!(sel.turn(Some(LONG))?, 1);
        let after = sel.stats();
        assert_eq!((after.unsettled, after.waits - before.waits), (0, 1));
        far.read_exact(&mut [0; 64])?;
    }
    Ok(())
}

/// As large as a socket, and never ready: there are more of these than there may be descriptors.
struct Silent(#[allow(dead_code)] i32);

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Silent {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl event::Source for Silent {
    fn register(&mut self, _: &Registry, _: Token, _: MioInterest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: MioInterest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Silent {}

#[test]
fn idle_connections_take_little_memory() -> io::Result<()> {
    // One more than fills a table, so that the table has twice the room it needs.
    const COUNT: usize = 4097;
    let sel = Selector::new()?;
    let memory = measure(|| {
        for number in 0..COUNT {
            Connection::open(&sel, Silent(number as i32), Plain).unwrap();
        }
        sel.turn(NOW).unwrap();
    });
    assert_eq!(sel.len(), COUNT);
    let each = memory.bytes_current as usize / COUNT;
    assert!(each <= 320, "an idle connection takes {each} bytes");
    Ok(())
}

#[test]
fn buffers_are_given_back_when_they_are_empty() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let keeps = Rc::new(Cell::new(true));
    let keep = Rc::clone(&keeps);
    let key = Connection::open(&sel, near, Plain)?;
    // It goes on receiving while output waits.
    let probe = Probe::new(&log).paused(|_| Ok(())).received(move |_, input| {
        if !keep.get() {
            input.consume_all();
        }
        Ok(())
    });
    sel.with(key, |conn| conn.set_protocol(probe))?;
    sel.turn(NOW)?;
    let memory = measure(|| {
        // Input is left, and output waits, and more of both than fits into a buffer that is shared.
        let sent = vec![7; 100_000];
        sel.with(key, |conn| {
            while conn.waiting() == 0 {
                conn.write(&sent);
            }
        })
        .unwrap();
        far.write_all(&sent).unwrap();
        while sel.with(key, |conn| conn.bytes_received()).unwrap() < 100_000 {
            sel.turn(Some(LONG)).unwrap();
        }
        assert!(sel.with(key, |conn| conn.input().len() == 100_000 && conn.waiting() > 0).unwrap());
        keeps.set(false);
        far.write_all(b"x").unwrap();
        let mut buffer = vec![0; 1 << 20];
        while sel.with(key, |conn| conn.waiting() > 0 || !conn.input().is_empty()).unwrap() {
            assert!(far.read(&mut buffer).unwrap() > 0);
            sel.turn(NOW).unwrap();
        }
        log.take();
    });
    assert!(memory.bytes_max > 100_000);
    assert!(memory.bytes_current < 70_000, "{} bytes are still there", memory.bytes_current);
    Ok(())
}
