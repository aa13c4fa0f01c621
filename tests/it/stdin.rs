//! Standard input, in processes that have it as a file, a pipe, a terminal, and so on.
#![cfg(unix)]

use crate::util::{NOW, alone, alone_with, assert_quiet, await_data, in_time};
use selkie::{READ, Selector};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::process::{Command, Stdio};

/// The path of a test in this file.
macro_rules! name {
    ($test:ident) => {{
        let _: fn() -> io::Result<()> = $test;
        concat!("stdin::", stringify!($test))
    }};
}

/// A file with a text, that is gone from its folder already.
fn file_with(text: &str, name: &str) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("selkie-stdin-{}-{name}", std::process::id()));
    fs::write(&path, text)?;
    let file = File::open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

/// Reads standard input to its end, by three bytes at a time, and stops there.
fn read_to_end() -> io::Result<String> {
    let got = RefCell::new(Vec::new());
    let sel = Selector::new()?;
    sel.register(selkie::stdin()?, READ, |stdin, _| -> io::Result<()> {
        let mut buf = [0; 3];
        match stdin.read(&mut buf)? {
            0 => stdin.unregister(),
            n => got.borrow_mut().extend_from_slice(&buf[..n]),
        }
        Ok(())
    })?;
    in_time(|| sel.run())?;
    drop(sel);
    Ok(String::from_utf8(got.into_inner()).expect("it was text"))
}

#[test]
fn file_is_read_to_its_end() -> io::Result<()> {
    alone_with(name!(file_is_read_to_its_end), file_with("a text of some length", "file")?, || {
        assert_eq!(read_to_end()?, "a text of some length");
        Ok(())
    })
}

#[test]
fn file_at_its_end_is_ready_in_every_turn() -> io::Result<()> {
    alone_with(name!(file_at_its_end_is_ready_in_every_turn), file_with("", "empty")?, || {
        let sel = Selector::new()?;
        sel.register(selkie::stdin()?, READ, |stdin, _| -> io::Result<()> {
            assert_eq!(stdin.read(&mut [0])?, 0);
            Ok(())
        })?;
        for _ in 0..10 {
            assert_eq!(in_time(|| sel.turn(None))?, 1);
        }
        Ok(())
    })
}

#[test]
fn dev_null_is_at_its_end() -> io::Result<()> {
    alone_with(name!(dev_null_is_at_its_end), Stdio::null(), || {
        assert_eq!(read_to_end()?, "");
        Ok(())
    })
}

#[test]
fn closed_standard_input_is_dev_null() -> io::Result<()> {
    alone(name!(closed_standard_input_is_dev_null), || {
        const INSIDE: &str = "SELKIE_TEST_HAS_NO_STDIN";
        if std::env::var_os(INSIDE).is_some() {
            assert_eq!(read_to_end()?, "");
            return Ok(());
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(std::env::current_exe()?);
        let again = shell.args(["--exact", name!(closed_standard_input_is_dev_null), "--nocapture"]);
        let output = again.env(INSIDE, "yes").output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })
}

#[test]
fn blocking_pipe_is_called_for_what_is_there_and_left_blocking() -> io::Result<()> {
    let (rx, tx) = rustix::pipe::pipe()?;
    let mut writer = File::from(tx);
    writer.write_all(b"some")?;
    let name = name!(blocking_pipe_is_called_for_what_is_there_and_left_blocking);
    alone_with(name, rx, move || {
        let mode = || rustix::fs::fcntl_getfl(io::stdin());
        let before = mode()?;
        let got = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        sel.register(selkie::stdin()?, READ, |stdin, _| -> io::Result<()> {
            let mut buf = [0; 2];
            let n = stdin.read(&mut buf)?;
            got.borrow_mut().extend_from_slice(&buf[..n]);
            Ok(())
        })?;
        assert_eq!((sel.turn(NOW)?, sel.turn(NOW)?), (1, 1));
        // A third call would block for ever.
        assert_quiet(&sel);
        assert_eq!(got.borrow().as_slice(), b"some");
        assert_eq!(mode()?, before);
        drop(sel);
        assert_eq!(mode()?, before);
        assert!(!before.contains(rustix::fs::OFlags::NONBLOCK));
        Ok(())
    })?;
    drop(writer);
    Ok(())
}

#[test]
fn terminal_hands_over_lines_and_is_left_blocking() -> io::Result<()> {
    let (terminal, mut keyboard) = crate::level::terminal::pty()?;
    keyboard.write_all(b"one\ntwo\nthr")?;
    await_data(&terminal);
    let name = name!(terminal_hands_over_lines_and_is_left_blocking);
    alone_with(name, terminal, move || {
        let mode = || rustix::fs::fcntl_getfl(io::stdin());
        let before = mode()?;
        let lines = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        sel.register(selkie::stdin()?, READ, |stdin, _| -> io::Result<()> {
            let mut buf = [0; 100];
            let n = stdin.read(&mut buf)?;
            lines.borrow_mut().push(String::from_utf8_lossy(&buf[..n]).into_owned());
            Ok(())
        })?;
        while lines.borrow().len() < 2 {
            in_time(|| sel.turn(None))?;
        }
        assert_quiet(&sel);
        assert_eq!(lines.take(), ["one\n", "two\n"]);
        drop(sel);
        assert_eq!(mode()?, before);
        assert!(!before.contains(rustix::fs::OFlags::NONBLOCK));
        Ok(())
    })
}

#[test]
fn folder_is_refused() -> io::Result<()> {
    alone_with(name!(folder_is_refused), File::open(".")?, || {
        let sel = Selector::new()?;
        let refused = sel.register(selkie::stdin()?, READ, |_, _| ()).expect_err("a folder is never ready");
        assert_eq!(io::Error::from(refused).kind(), ErrorKind::IsADirectory);
        Ok(())
    })
}

#[test]
fn dropped_source_leaves_standard_input_open() -> io::Result<()> {
    let (rx, tx) = rustix::pipe::pipe()?;
    File::from(tx).write_all(b"abc")?;
    alone_with(name!(dropped_source_leaves_standard_input_open), rx, || {
        let sel = Selector::new()?;
        let (one, other) = (selkie::stdin()?, selkie::stdin()?);
        // Each is a source of its own.
        let key = sel.register(one, READ, |_, _| ())?;
        sel.register(other, READ, |_, _| ())?;
        assert_eq!(sel.turn(NOW)?, 2);
        let mut one = sel.unregister(key)?;
        assert_eq!(one.read(&mut [0])?, 1);
        drop((one, sel));
        assert_eq!(io::read_to_string(io::stdin())?, "bc");
        Ok(())
    })
}
