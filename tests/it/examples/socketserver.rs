//! `socketserver`: a line, its answer, and the end.

use super::{Server, example, expect_answer};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

fn server() -> Server {
    Server::start_by(Command::new(example("socketserver")).arg("127.0.0.1:0"))
}

fn ask(server: &Server, line: &str) -> TcpStream {
    let mut client = server.connect();
    client.write_all(line.as_bytes()).unwrap();
    client
}

#[test]
fn line_is_answered_and_the_client_hung_up_on() {
    let mut server = server();
    // One that takes its time, and holds nobody up.
    let mut slow = ask(&server, "hello ");
    let mut client = ask(&server, "one\ntwo\n");
    expect_answer(&mut client, b"ONE\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "more than one line is answered");
    server.program.stdout.wait_for(&format!("{} wrote: \"one\"\n", client.local_addr().unwrap()));
    slow.write_all(b"w\x1brld\r\n").unwrap();
    expect_answer(&mut slow, b"HELLO W\x1bRLD\n");
    server.program.stdout.wait_for(" wrote: \"hello w\\u{1b}rld\"\n");
}

#[test]
fn line_does_not_end_only_its_client_is_lost() {
    let server = server();
    let mut endless = ask(&server, &"x".repeat(10_001));
    let mut rest = Vec::new();
    // An end or a reset, as the case may be.
    let _ = endless.read_to_end(&mut rest);
    assert!(rest.is_empty());
    expect_answer(&mut ask(&server, "good\n"), b"GOOD\n");
}

#[cfg(unix)]
#[test]
fn interrupted_with_clients_there_ends_in_order() {
    let server = server();
    let mut client = ask(&server, "begun");
    // Accepted after that one, so that both are there.
    expect_answer(&mut ask(&server, "ready\n"), b"READY\n");
    server.program.signal(rustix::process::Signal::INT);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    let ended = server.program.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("0 had to be cut off"), "{}", ended.stderr);
}
