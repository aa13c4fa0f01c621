//! Output goes at once as far as there is room, the rest waits, within limits, and goes by itself.

use super::{Log, Plain, Probe};
use crate::util::*;
use bytes::Bytes;
use mio::{Interest as MioInterest, Registry, Token, event};
use selkie::net::TcpStream;
use selkie::{Connection, ConnectionOptions, Key, Selector, Stream, Written};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;

const BIG: usize = 8 << 20;

fn opened<'t>(sel: &Selector<'t>, log: &'t Log) -> io::Result<(Key<Connection>, std::net::TcpStream)> {
    let (near, far) = tcp_pair()?;
    let key = Connection::open(sel, near, Probe::new(log))?;
    sel.turn(NOW)?;
    Ok((key, far))
}

/// Reads all that comes, while the selector turns.
fn read_all(sel: &Selector<'_>, mut far: std::net::TcpStream) -> io::Result<Vec<u8>> {
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut all = Vec::new();
            far.read_to_end(&mut all).map(|_| all)
        });
        in_time(|| sel.run())?;
        reader.join().unwrap()
    })
}

#[test]
fn room_for_all_is_sent_and_counted() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, mut far) = opened(&sel, &log)?;
    sel.with(key, |conn| {
        assert_eq!(conn.write(b"a"), Written::Sent);
        assert_eq!(conn.write(b""), Written::Sent);
        assert_eq!(conn.write_bytes("bc"), Written::Sent);
        assert_eq!(conn.write_bytes(Bytes::new()), Written::Sent);
        assert_eq!(conn.write_vectored(&[IoSlice::new(b"d"), IoSlice::new(b""), IoSlice::new(b"e")]), Written::Sent);
        assert_eq!(conn.write_vectored(&[]), Written::Sent);
        assert_eq!(conn.write_several([Bytes::from("f"), Bytes::new(), Bytes::from("g")]), Written::Sent);
        assert_eq!(conn.write_several([]), Written::Sent);
        assert_eq!((conn.bytes_sent(), conn.waiting()), (7, 0));
    })?;
    let mut got = [0; 7];
    far.read_exact(&mut got)?;
    assert_eq!(&got, b"abcdefg");
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn no_room_for_all_the_rest_goes_by_itself_in_order() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (key, far) = opened(&sel, &log)?;
    let mut expected: Vec<u8> = (0..BIG).map(|n| (n % 249) as u8).collect();
    sel.with(key, |conn| {
        assert_eq!(conn.write(&expected), Written::AboveHigh);
        assert_eq!(conn.write_bytes("after"), Written::AboveHigh);
        assert!(conn.waiting() > 0 && conn.waiting() < BIG);
        assert_eq!(conn.bytes_sent() as usize + conn.waiting(), BIG + 5);
        conn.close();
    })?;
    expected.extend_from_slice(b"after");
    assert!(read_all(&sel, far)? == expected);
    assert_eq!(log.take(), ["connected", "paused", "resumed", "closed Finished"]);
    Ok(())
}

#[test]
fn queued_is_told_up_to_the_high_mark_and_above_it_strictly() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (stuck, _) = Choppy::new(near, |_| 0);
    let probe: Probe<'_, Choppy> = Probe::new(&log);
    let key = Connection::open(&sel, stuck, probe)?;
    sel.turn(NOW)?;
    sel.with(key, |conn| {
        assert_eq!(conn.write(&[0; 65_536]), Written::Queued);
        assert_eq!(conn.write(b""), Written::Queued);
        assert_eq!(conn.write(b"x"), Written::AboveHigh);
        assert_eq!(conn.waiting(), 65_537);
    })
}

#[test]
fn waiting_output_resumes_at_the_low_mark_and_not_before() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    // It takes what it is told to, and then has no room.
    let room = Rc::new(Cell::new(0));
    let left = Rc::clone(&room);
    let (stream, _) = Choppy::new(near, move |wanted| {
        let taken = left.get().min(wanted);
        left.set(left.get() - taken);
        taken
    });
    let key = Connection::open(&sel, stream, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| conn.write(&[0; 65_537]))?;
    sel.turn(NOW)?;
    room.set(65_537 - 16_385);
    sel.turn(NOW)?;
    sel.turn(NOW)?;
    assert_eq!(sel.with(key, |conn| conn.waiting())?, 16_385);
    assert_eq!(log.take(), ["connected", "paused"]);
    room.set(1);
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["resumed"]);
    Ok(())
}

#[test]
fn marks_are_changed_and_looked_at_anew() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (stuck, _) = Choppy::new(near, |_| 0);
    let key = ConnectionOptions::new().marks(0, 0).open(&sel, stuck, Probe::new(&log))?;
    sel.turn(NOW)?;
    assert_eq!(sel.with(key, |conn| conn.write(b"x"))?, Written::AboveHigh);
    sel.turn(NOW)?;
    let wider = sel.with(key, |conn| conn.options().clone().marks(1, 1))?;
    sel.with(key, |conn| conn.set_options(&wider))?;
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["connected", "paused", "resumed"]);
    sel.with(key, |conn| conn.set_options(&wider.marks(0, 0)))?;
    sel.turn(NOW)?;
    assert_eq!(log.take(), ["paused"]);
    Ok(())
}

#[test]
#[should_panic = "the low mark, 2, is above the high mark, 1"]
fn low_mark_above_the_high_one_panics() {
    let _ = ConnectionOptions::new().marks(1, 2);
}

#[test]
fn reader_who_never_reads_is_closed_at_the_cap() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (stuck, _) = Choppy::new(near, |_| 0);
    let probe: Probe<'_, Choppy> = Probe::new(&log).closed(|_, reason| {
        let said = reason.error().unwrap().to_string();
        assert_eq!(said, "more than 16777216 bytes of output would wait: the peer does not read");
    });
    let key = Connection::open(&sel, stuck, probe)?;
    sel.turn(NOW)?;
    sel.with(key, |conn| {
        assert_eq!(conn.write_bytes(vec![0; 16 << 20]), Written::AboveHigh);
        assert_eq!(conn.write(b"x"), Written::Closed);
        assert_eq!(conn.write(b""), Written::Closed);
        assert_eq!(conn.waiting(), 0);
    })?;
    sel.turn(NOW)?;
    // What was above the mark is told no more: the connection is closed.
    assert_eq!(log.take(), ["connected", "closed QuotaExceeded"]);
    Ok(())
}

/// A protocol that says nothing of back-pressure does not read while its answers wait.
#[test]
fn echo_to_a_slow_reader_is_held_up_and_loses_nothing() -> io::Result<()> {
    let log = Log::default();
    let most = Cell::new(0);
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    let probe = Probe::new(&log).received(|conn, input| {
        conn.write(input.consume_all());
        most.set(most.get().max(conn.waiting()));
        Ok(())
    });
    Connection::open(&sel, near, probe)?;
    let sent: Vec<u8> = (0..24_000_000u32).map(|n| (n % 241) as u8).collect();
    let got = std::thread::scope(|scope| -> io::Result<Vec<u8>> {
        let sent = &sent;
        let mut writer = far.try_clone()?;
        scope.spawn(move || {
            writer.write_all(sent).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let reader = scope.spawn(move || {
            let mut all = Vec::new();
            // Not a byte is read before the other side has nothing it can do.
            far.peek(&mut [0])?;
            far.read_to_end(&mut all).map(|_| all)
        });
        in_time(|| sel.run())?;
        reader.join().unwrap()
    })?;
    assert!(got == sent);
    assert!(most.get() <= 65_536 + 65_536, "{}", most.get());
    assert_eq!(log.take().last().unwrap(), "closed Finished");
    Ok(())
}

#[test]
fn given_bytes_wait_without_being_copied() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (stuck, _) = Choppy::new(near, |_| 0);
    let key = Connection::open(&sel, stuck, Probe::new(&log))?;
    sel.turn(NOW)?;
    let given = Bytes::from(vec![7; 100]);
    sel.with(key, |conn| {
        conn.write_bytes(given.clone());
        conn.write_several([given.clone(), given.clone()]);
    })?;
    // The queue holds on to the very same bytes.
    assert!(!given.is_unique());
    sel.with(key, |conn| conn.abort())?;
    assert!(given.is_unique());
    Ok(())
}

#[test]
fn several_go_in_one_call() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (stream, calls) = Choppy::new(near, |wanted| wanted);
    let key = Connection::open(&sel, stream, Probe::new(&log))?;
    sel.turn(NOW)?;
    let pieces = || (0..20).map(|n| Bytes::from(vec![n; 10]));
    sel.with(key, |conn| {
        assert_eq!(conn.write_several(pieces()), Written::Sent);
        assert_eq!(calls.take(), [200]);
        let pieces: Vec<Bytes> = pieces().collect();
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        assert_eq!(conn.write_vectored(&slices), Written::Sent);
        assert_eq!(calls.take(), [200]);
    })
}

#[test]
fn what_waits_goes_in_one_call() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let open = Rc::new(Cell::new(false));
    let is_open = Rc::clone(&open);
    let (stream, calls) = Choppy::new(near, move |wanted| if is_open.get() { wanted } else { 0 });
    let key = Connection::open(&sel, stream, Probe::new(&log))?;
    sel.turn(NOW)?;
    sel.with(key, |conn| {
        for n in 0..20 {
            conn.write(&[n; 10]);
            conn.write_bytes(vec![n; 10]);
        }
    })?;
    calls.take();
    open.set(true);
    // More pieces than go in one call: the rest in the next turn.
    sel.turn(NOW)?;
    sel.turn(NOW)?;
    assert_eq!(calls.take(), [320, 80]);
    Ok(())
}

/// However it is chopped, by the writer, by the socket, and by which method, it is the same stream.
#[test]
fn any_way_of_writing_sends_the_same() -> io::Result<()> {
    use proptest::prelude::*;
    let pieces = prop::collection::vec((0..4u8, prop::collection::vec(any::<u8>(), 0..3000)), 1..40);
    let chops = prop::collection::vec(0..2000usize, 1..20);
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(pieces in pieces, chops in chops)| {
        let got = written(&pieces, &chops).unwrap();
        let sent: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.clone()).collect();
        prop_assert!(got == sent);
    });
    Ok(())
}

fn written(pieces: &[(u8, Vec<u8>)], chops: &[usize]) -> io::Result<Vec<u8>> {
    let sel = Selector::new()?;
    let (near, far) = tcp_pair()?;
    let chops = chops.to_vec();
    let mut next = 0;
    let (stream, _) = Choppy::new(near, move |wanted| {
        next += 1;
        // Not zero for ever.
        let chop = chops[next % chops.len()].max(usize::from(next % 7 == 0));
        chop.min(wanted)
    });
    let key = Connection::open(&sel, stream, Plain)?;
    sel.turn(NOW)?;
    for chunk in pieces.chunks(5) {
        sel.with(key, |conn| {
            let before = conn.bytes_sent() as usize + conn.waiting();
            for (how, piece) in chunk {
                let _ = match how {
                    0 => conn.write(piece),
                    1 => conn.write_bytes(piece.clone()),
                    2 => conn.write_vectored(&halves(piece).map(IoSlice::new)),
                    _ => conn.write_several(halves(piece).map(Bytes::copy_from_slice)),
                };
            }
            let length: usize = chunk.iter().map(|(_, piece)| piece.len()).sum();
            assert_eq!(conn.bytes_sent() as usize + conn.waiting(), before + length);
        })?;
        sel.turn(NOW)?;
    }
    sel.with(key, |conn| conn.close())?;
    read_all(&sel, far)
}

fn halves(piece: &[u8]) -> [&[u8]; 3] {
    let (one, other) = piece.split_at(piece.len() / 2);
    [one, &[], other]
}

#[test]
fn stream_takes_nothing_fails_with_write_zero() -> io::Result<()> {
    let log = Log::default();
    let sel = Selector::new()?;
    let (near, _far) = tcp_pair()?;
    let (mut broken, _) = Choppy::new(near, |_| 0);
    broken.refuses = false;
    let key = Connection::open(&sel, broken, Probe::new(&log))?;
    sel.turn(NOW)?;
    assert_eq!(sel.with(key, |conn| conn.write(b"x"))?, Written::Closed);
    in_time(|| sel.run())?;
    assert_eq!(log.take(), ["connected", "closed WriteZero"]);
    Ok(())
}

/// A stream that takes as much as it is told to.
struct Choppy {
    stream: TcpStream,
    /// How much of so many bytes is taken.
    chop: Box<dyn FnMut(usize) -> usize>,
    /// Nothing taken means "not now". It does not say "would block": the system knows nothing of it.
    refuses: bool,
    calls: Rc<RefCell<Vec<usize>>>,
}

impl Choppy {
    fn new(stream: TcpStream, chop: impl FnMut(usize) -> usize + 'static) -> (Self, Rc<RefCell<Vec<usize>>>) {
        let calls = Rc::new(RefCell::new(Vec::new()));
        (Choppy { stream, chop: Box::new(chop), refuses: true, calls: Rc::clone(&calls) }, calls)
    }
}

impl Read for Choppy {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl Write for Choppy {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let all = bufs.iter().flat_map(|buf| buf.iter().copied()).collect::<Vec<u8>>();
        self.calls.borrow_mut().push(all.len());
        match (self.chop)(all.len()) {
            0 if self.refuses && !all.is_empty() => Err(ErrorKind::Interrupted.into()),
            taken => self.stream.write_all(&all[..taken]).map(|()| taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Choppy {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }
}

impl event::Source for Choppy {
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
