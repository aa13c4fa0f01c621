//! Level-triggered, exactly: while a source is ready for something it asked for, it is called once
//! per turn, whatever its callback read or wrote, and however; and never on a guess.
//!
//! The checks here are made of every kind of source that can be read. A burst is read by small
//! pieces, one per callback, with nothing else coming, so that no arrival can help out a selector
//! that has lost sight of what is left. The files below have one kind of source each.

mod listener;
mod tcp;
mod udp;

#[cfg(unix)]
mod always_ready;
#[cfg(unix)]
mod blocking;
#[cfg(unix)]
mod hang_up;
#[cfg(unix)]
mod own_source;
#[cfg(unix)]
mod pipe;
#[cfg(unix)]
pub(crate) mod terminal;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_stream;
#[cfg(target_os = "linux")]
mod urgent;
mod writing;

use crate::util::{LONG, NOW, assert_quiet, uncalled};
use selkie::{Key, READ, Selector, Source, event};
use std::cell::{Cell, RefCell};
use std::io::{self, Read};

/// How a terminal says that the other side is gone.
const EIO: i32 = 5;

/// `sent` is in `source`, or on its way, and one byte is read of it per callback. That takes as many
/// turns as there are bytes; then nobody is called, until `close` ends the stream. The end is told in
/// every turn.
#[track_caller]
fn assert_drained_by_single_bytes<S: event::Source + 'static>(
    source: S,
    sent: &[u8],
    mut read: impl FnMut(&mut Source<'_, '_, S>, &mut [u8]) -> io::Result<usize>,
    close: impl FnOnce(),
) -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let ends = Cell::new(0);
    let sel = Selector::new()?;
    sel.register(source, READ, |source, ready| {
        assert!(ready.is_readable(), "told {ready:?}");
        let mut byte = [0];
        match read(source, &mut byte) {
            Ok(0) => ends.set(ends.get() + 1),
            Ok(_) => got.borrow_mut().push(byte[0]),
            Err(error) if error.raw_os_error() == Some(EIO) => ends.set(ends.get() + 1),
            Err(error) => panic!("called though it was not ready: {error}"),
        }
    })?;
    for turns in 1..=sent.len() {
        assert_eq!(sel.turn(Some(LONG))?, 1, "the rest was not reported, after {} bytes", turns - 1);
        assert_eq!(got.borrow().len(), turns);
    }
    assert!(*got.borrow() == sent, "what was read is not what was sent");
    assert_quiet(&sel);
    close();
    for turns in 1..=3 {
        assert_eq!(sel.turn(Some(LONG))?, 1, "the end was reported {} times", turns - 1);
        assert_eq!(ends.get(), turns);
    }
    Ok(())
}

/// A source with something in it: itself, another handle to the same thing, and what else must live.
struct Loaded<S, O, P> {
    source: S,
    other: O,
    peer: P,
}

/// What is ready is in the answer of every `select`, until it is read: by the methods of [`Source`],
/// by the inner value's own, or through another handle altogether.
///
/// `read` is how [`Source`] reads, `read_raw` how the inner value does.
#[track_caller]
fn assert_selected_until_drained<S: event::Source + 'static, O: Read, P>(
    load: impl Fn() -> io::Result<Loaded<S, O, P>>,
    read: impl Fn(&mut Source<'_, '_, S>, &mut [u8]) -> io::Result<usize>,
    read_raw: impl Fn(&mut S, &mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let by_source = |sel: &Selector<'_>, key: Key<S>, _: &mut O| sel.with(key, |s| read(s, &mut [0; 64]))?;
    let by_inner = |sel: &Selector<'_>, key: Key<S>, _: &mut O| sel.with(key, |s| read_raw(&mut **s, &mut [0; 64]))?;
    let by_other = |_: &Selector<'_>, _: Key<S>, other: &mut O| other.read(&mut [0; 64]);
    assert_selected_until(load()?, by_source)?;
    assert_selected_until(load()?, by_inner)?;
    assert_selected_until(load()?, by_other)
}

#[track_caller]
fn assert_selected_until<S: event::Source + 'static, O, P>(
    loaded: Loaded<S, O, P>,
    drain: impl FnOnce(&Selector<'_>, Key<S>, &mut O) -> io::Result<usize>,
) -> io::Result<()> {
    let Loaded { source, mut other, peer } = loaded;
    let sel = Selector::new()?;
    let key = sel.register(source, READ, uncalled)?;
    for _ in 0..4 {
        assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
    }
    assert!(drain(&sel, key, &mut other)? > 0, "there was nothing to drain");
    assert_eq!(sel.select(NOW)?, [], "what was drained is reported still");
    assert_quiet(&sel);
    drop(peer);
    Ok(())
}
