//! `echo_protocol`: greets, echoes, asks who keeps silent, and says who has left.

use super::{Server, example, expect_answer};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

fn server(idle: &str) -> Server {
    Server::start_by(Command::new(example("echo_protocol")).args(["127.0.0.1:0", "--idle", idle]))
}

#[test]
fn client_speaks_and_ends_is_answered_and_counted() {
    let mut server = server("60");
    let mut client = server.connect();
    let me = client.local_addr().unwrap();
    expect_answer(&mut client, format!("welcome, {me}\n").as_bytes());
    client.write_all(b"hello\n").unwrap();
    expect_answer(&mut client, b"hello\n");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.program.stdout.wait_for(&format!("{me} has left after 6 bytes\n"));
}

#[test]
fn client_keeps_silent_is_asked_and_has_to_leave() {
    let mut server = server("0.2");
    let mut client = server.connect();
    let me = client.local_addr().unwrap();
    expect_answer(&mut client, format!("welcome, {me}\nare you still there?\n").as_bytes());
    client.write_all(b"yes\n").unwrap();
    expect_answer(&mut client, b"yes\nare you still there?\nbye\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.program.stdout.wait_for(&format!("{me} has left after 4 bytes: nothing was received or sent"));
}
