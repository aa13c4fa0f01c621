//! `run_command`: commands that take their time, and clients who do not wait for those of others.
#![cfg(unix)]

use super::{Running, Server, example, expect_answer};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

fn server(command: &[&str]) -> Server {
    Server::start_by(Command::new(example("run_command")).args(["127.0.0.1:0", "100"]).args(command))
}

#[test]
fn slow_work_keeps_only_its_own_client_waiting() {
    let server = server(&[]);
    let (mut working, mut other) = (server.connect(), server.connect());
    working.write_all(b"hello\nwork hello\nand more\n").unwrap();
    expect_answer(&mut working, b"hello\n");
    // All of these go to and fro before the other has its answer.
    for number in 0..100 {
        let line = format!("line {number}\n");
        other.write_all(line.as_bytes()).unwrap();
        expect_answer(&mut other, line.as_bytes());
    }
    working.set_nonblocking(true).unwrap();
    assert!(working.read(&mut [0]).is_err(), "two seconds have passed, or it was not slow");
    working.set_nonblocking(false).unwrap();
    expect_answer(&mut working, b"HELLO\nexit status: 0\nand more\n");
}

#[test]
fn commands_that_fail_or_are_not_there_are_reported() {
    let failing = server(&["sh", "-c", "echo out; echo \"$1 err\" >&2; exit 3", "sh"]);
    let mut client = failing.connect();
    client.write_all(b"work a b\nwork *;$x\n").unwrap();
    expect_answer(&mut client, b"out\na b err\nexit status: 3\nout\n*;$x err\nexit status: 3\n");
    let missing = server(&["/nowhere/at/all"]);
    let mut client = missing.connect();
    client.write_all(b"work hard\nhello\n").unwrap();
    expect_answer(&mut client, b"cannot run /nowhere/at/all: No such file or directory (os error 2)\nhello\n");
}

#[test]
fn command_that_says_too_much_is_killed() {
    let server = server(&["yes"]);
    let mut client = server.connect();
    client.write_all(b"work forever\nhello\n").unwrap();
    expect_answer(&mut client, b"killed: it says too much\nhello\n");
}

#[test]
fn command_that_takes_too_long_is_killed() {
    let server = Server::start_by(Command::new(example("run_command")).args(["127.0.0.1:0", "1", "sleep"]));
    let mut client = server.connect();
    client.write_all(b"work 1000\nwork 0\n").unwrap();
    expect_answer(&mut client, b"signal: 9 (SIGKILL)\nexit status: 0\n");
}

#[test]
fn client_that_leaves_before_its_outcome_is_there_harms_nobody() {
    let server = server(&["sleep"]);
    let mut leaving = server.connect();
    leaving.write_all(b"work 0.2\n").unwrap();
    drop(leaving);
    let mut other = server.connect();
    other.write_all(b"work 0.4\nhello\n").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    expect_answer(&mut other, b"exit status: 0\nhello\n");
    assert_eq!(other.read(&mut [0]).expect("the server closes in order"), 0);
}

#[test]
fn arguments_it_does_not_know_are_refused_in_a_sentence() {
    for (args, complaint) in [(&["nowhere"][..], "not an address"), (&["127.0.0.1:0", "soon"], "not seconds")] {
        Running::start(Command::new(example("run_command")).args(args)).ended().refused_because(complaint);
    }
}
