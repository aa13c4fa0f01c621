//! What no system waits for, because it is always ready: regular files and `/dev/null`.

use crate::util::{NOW, assert_quiet, await_data, in_time, tcp_pair, uncalled};
use selkie::unix::Fd;
use selkie::{Interest, PRIORITY, READ, Selector, WRITE};
use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A regular file that holds `content`, and has no name any more.
fn file(content: &[u8]) -> io::Result<File> {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let place = std::env::temp_dir().join(format!("selkie-file-{}-{number}", std::process::id()));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&place)?;
    fs::remove_file(place)?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Called in every turn, for all it asks for and nothing else, without any wait.
fn assert_called_every_turn(file: File) -> io::Result<()> {
    for asked in [READ, WRITE, READ | WRITE] {
        let calls = Cell::new(0);
        let sel = Selector::new()?;
        let key = sel.register(Fd::new(file.try_clone()?), asked, |_, ready| {
            assert_eq!(ready, asked);
            calls.set(calls.get() + 1);
        })?;
        for turns in 1..=50 {
            // Without a limit: if it waited, it would wait for ever.
            assert_eq!(in_time(|| sel.turn(None))?, 1);
            assert_eq!(calls.get(), turns);
        }
        for _ in 0..3 {
            assert_eq!(in_time(|| sel.select(None))?, [(key.into(), asked)]);
        }
    }
    Ok(())
}

#[test]
fn regular_file_is_called_every_turn() -> io::Result<()> {
    assert_called_every_turn(file(b"content")?)
}

#[test]
fn dev_null_is_called_every_turn() -> io::Result<()> {
    assert_called_every_turn(null()?)
}

#[test]
fn file_read_by_single_bytes_is_read_to_its_end() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(Fd::new(file(b"selkie")?), READ, |file, _| -> io::Result<()> {
        let mut byte = [0];
        match file.read(&mut byte)? {
            0 => file.unregister(),
            _ => got.borrow_mut().push(byte[0]),
        }
        Ok(())
    })?;
    in_time(|| sel.run())?;
    assert_eq!(*got.borrow(), b"selkie");
    Ok(())
}

#[test]
fn paused_file_lets_the_turn_wait_and_is_called_when_resumed() -> io::Result<()> {
    let calls = Cell::new(0);
    let sel = Selector::new()?;
    let key = sel.register(Fd::new(null()?), READ, |_, _| calls.set(calls.get() + 1))?;
    for round in 0..3 {
        assert_eq!(in_time(|| sel.turn(None))?, 1);
        sel.modify(key, Interest::NONE)?;
        assert_quiet(&sel);
        assert_eq!(sel.select(NOW)?, []);
        sel.modify(key, READ)?;
        assert_eq!(calls.get(), round + 1);
    }
    Ok(())
}

#[test]
fn file_that_pauses_itself_lets_the_turn_wait() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.register(Fd::new(null()?), WRITE, |file, _| file.set_interest(Interest::NONE))?;
    assert_eq!(in_time(|| sel.turn(None))?, 1);
    assert_quiet(&sel);
    in_time(|| sel.run()) // nothing is left that could be called
}

#[test]
fn file_that_changes_what_it_asks_for_is_told_of_that() -> io::Result<()> {
    let sel = Selector::new()?;
    let key = sel.register(Fd::new(null()?), READ, |file, ready| {
        assert_eq!(ready, file.interest());
        file.set_interest(if ready == READ { WRITE } else { READ });
    })?;
    for turn in 0..6 {
        assert_eq!(sel.interest(key)?, if turn % 2 == 0 { READ } else { WRITE });
        assert_eq!(in_time(|| sel.turn(None))?, 1);
    }
    Ok(())
}

#[test]
fn file_that_asks_for_priority_only_is_never_ready_and_never_spun_for() -> io::Result<()> {
    let sel = Selector::new()?;
    sel.register(Fd::new(null()?), PRIORITY, uncalled)?;
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn file_that_is_unregistered_lets_the_turn_wait() -> io::Result<()> {
    let sel = Selector::new()?;
    let key = sel.register(Fd::new(null()?), READ, |_, _| ())?;
    assert_eq!(in_time(|| sel.turn(None))?, 1);
    sel.unregister(key)?;
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn socket_is_called_in_the_same_turn_as_a_file() -> io::Result<()> {
    let calls = RefCell::new(Vec::new());
    let (near, mut far) = tcp_pair()?;
    far.write_all(b"xx")?;
    await_data(&near);
    let sel = Selector::new()?;
    sel.register(Fd::new(null()?), READ, |_, _| calls.borrow_mut().push("file"))?;
    sel.register(near, READ, |conn, _| -> io::Result<()> {
        calls.borrow_mut().push("socket");
        conn.read(&mut [0; 1]).map(drop)
    })?;
    for _ in 0..2 {
        assert_eq!(in_time(|| sel.turn(None))?, 2);
        let mut turn = calls.take();
        turn.sort_unstable();
        assert_eq!(turn, ["file", "socket"]);
    }
    assert_eq!(in_time(|| sel.turn(None))?, 1);
    assert_eq!(calls.take(), ["file"]);
    Ok(())
}
