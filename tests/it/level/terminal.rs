//! Terminals, in the shape of a pty. In its usual mode a terminal hands out one line per read,
//! however large the buffer, and it is a blocking descriptor.

use super::{Loaded, assert_drained_by_single_bytes, assert_selected_until_drained};
use crate::util::{LONG, assert_quiet, await_state, in_time};
use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use selkie::unix::Fd;
use selkie::{READ, Selector};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;

/// Both ends: the terminal as a program has it, and what drives it. It does not echo.
pub(crate) fn pty() -> io::Result<(File, File)> {
    // Not left to a child that another test starts, where that can be asked for.
    #[cfg(not(target_vendor = "apple"))]
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    #[cfg(target_vendor = "apple")]
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let driver = openpt(flags)?;
    grantpt(&driver)?;
    unlockpt(&driver)?;
    let name = ptsname(&driver, Vec::new())?;
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut modes = tcgetattr(&terminal)?;
    modes.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Now, &modes)?;
    Ok((File::from(terminal), File::from(driver)))
}

/// A pty hands on what is written to it in its own time.
fn await_bytes(terminal: &File, bytes: u64) -> io::Result<()> {
    await_state(terminal, PollFlags::IN);
    while rustix::io::ioctl_fionread(terminal)? < bytes {
        thread::yield_now();
    }
    Ok(())
}

#[test]
fn queued_lines_are_taken_by_one_read_per_callback() -> io::Result<()> {
    const LINES: [&str; 4] = ["one\n", "three\n", "\n", "seventeen\n"];
    let reads = RefCell::new(Vec::new());
    let (terminal, mut driver) = pty()?;
    driver.write_all(LINES.concat().as_bytes())?;
    await_bytes(&terminal, LINES.concat().len() as u64)?;
    let sel = Selector::new()?;
    sel.register(Fd::new(terminal), READ, |terminal, _| -> io::Result<()> {
        let mut buf = [0; 4096];
        let n = terminal.read(&mut buf)?;
        reads.borrow_mut().push(String::from_utf8_lossy(&buf[..n]).into_owned());
        Ok(())
    })?;
    for _ in LINES {
        assert_eq!(sel.turn(Some(LONG))?, 1, "nothing came after {:?}", reads.borrow());
    }
    assert_eq!(*reads.borrow(), LINES);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn terminal_read_by_single_bytes_is_drained_and_its_hang_up_told() -> io::Result<()> {
    const TYPED: &str = "one\ntwo\n";
    let (terminal, mut driver) = pty()?;
    driver.write_all(TYPED.as_bytes())?;
    await_bytes(&terminal, TYPED.len() as u64)?;
    assert_drained_by_single_bytes(Fd::new(terminal), TYPED.as_bytes(), |fd, byte| fd.read(byte), || drop(driver))
}

#[test]
fn unfinished_line_is_not_reported() -> io::Result<()> {
    let (terminal, mut driver) = pty()?;
    let sel = Selector::new()?;
    sel.register(Fd::new(terminal), READ, |terminal, _| {
        let mut buf = [0; 64];
        assert_eq!(terminal.read(&mut buf).unwrap(), 12);
    })?;
    driver.write_all(b"unfinis")?;
    assert_quiet(&sel);
    driver.write_all(b"hed.\n")?;
    assert_eq!(sel.turn(Some(LONG))?, 1);
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn driver_of_a_terminal_read_by_single_bytes_is_drained_and_the_hang_up_told() -> io::Result<()> {
    let (mut terminal, driver) = pty()?;
    terminal.write_all(b"selkie")?;
    await_bytes(&driver, 6)?;
    assert_drained_by_single_bytes(Fd::new(driver), b"selkie", |fd, byte| fd.read(byte), || drop(terminal))
}

#[test]
fn output_left_when_the_terminal_closes_is_read_to_the_end() -> io::Result<()> {
    let got = RefCell::new(Vec::new());
    let (mut terminal, driver) = pty()?;
    terminal.write_all(b"goodbye")?;
    await_bytes(&driver, 7)?;
    drop(terminal);
    let sel = Selector::new()?;
    sel.register(Fd::new(driver), READ, |driver, _| {
        let mut buf = [0; 3];
        match driver.read(&mut buf) {
            Ok(n) if n > 0 => got.borrow_mut().extend_from_slice(&buf[..n]),
            // The end, in whichever way the system puts it.
            _ => driver.unregister(),
        }
    })?;
    in_time(|| sel.run())?;
    assert_eq!(*got.borrow(), b"goodbye");
    Ok(())
}

#[test]
fn selected_terminal_is_repeated_until_drained_in_any_way() -> io::Result<()> {
    let load = || {
        let (terminal, mut peer) = pty()?;
        peer.write_all(b"data\n")?;
        await_bytes(&terminal, 5)?;
        Ok(Loaded { other: terminal.try_clone()?, source: Fd::new(terminal), peer })
    };
    assert_selected_until_drained(load, |fd, buf| fd.read(buf), |fd, buf| fd.read(buf))
}
