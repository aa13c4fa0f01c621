//! `line_chat` and those who talk in it. `.ci/clients` brings a thousand.

use super::{Server, ask, expect_answer, expect_end};
use std::io::Write;
use std::net::{Shutdown, TcpStream};

/// Enters, as the so-manieth.
#[track_caller]
fn enter(server: &Server, name: &str, count: usize) -> TcpStream {
    let mut client = server.connect();
    expect_answer(&mut client, b"What is your name?\n");
    ask(&mut client, format!("{name}\r\n").as_bytes(), format!("* {count} in the room\n").as_bytes());
    client
}

#[test]
fn line_reaches_all_others_with_the_name_of_who_wrote_it() {
    let server = Server::of("line_chat", &[]);
    let mut ann = enter(&server, "ann", 1);
    let mut bob = enter(&server, "bob", 2);
    expect_answer(&mut ann, b"* bob has come\n");
    let mut cid = enter(&server, "cid", 3);
    expect_answer(&mut ann, b"* cid has come\n");
    expect_answer(&mut bob, b"* cid has come\n");

    bob.write_all(b"hello\nin pie").unwrap();
    bob.write_all(b"c\x1bes\r\n").unwrap(); // no escapes to the terminals of others
    for other in [&mut ann, &mut cid] {
        expect_answer(other, b"bob: hello\nbob: in pieces\n");
    }
    cid.shutdown(Shutdown::Write).unwrap();
    expect_end(&mut cid);
    for other in [&mut ann, &mut bob] {
        expect_answer(other, b"* cid has left\n");
    }
}

#[test]
fn name_that_is_taken_or_none_is_asked_for_again() {
    let server = Server::of("line_chat", &[]);
    let mut ann = enter(&server, "ann", 1);
    let mut other = server.connect();
    expect_answer(&mut other, b"What is your name?\n");
    ask(&mut other, b"ann\n", b"That is somebody else's. What is yours?\n");
    ask(&mut other, b" \n", b"A name of up to 20 bytes, please.\n");
    ask(&mut other, b"a name that is much too long\n", b"A name of up to 20 bytes, please.\n");
    ask(&mut other, b"bob\n", b"* 2 in the room\n");
    expect_answer(&mut ann, b"* bob has come\n");
}

#[test]
fn line_that_is_too_long_is_told_to_who_wrote_it_and_nobody_else() {
    let server = Server::of("line_chat", &[]);
    let mut ann = enter(&server, "ann", 1);
    let mut bob = enter(&server, "bob", 2);
    expect_answer(&mut ann, b"* bob has come\n");
    let long = "x".repeat(100_000) + "\nshort\n";
    ask(&mut bob, long.as_bytes(), b"* nobody has read that: more than 400 bytes in a line\n");
    expect_answer(&mut ann, b"bob: short\n");
}

#[test]
fn who_does_not_read_holds_nobody_up_and_has_to_go() {
    let server = Server::of("line_chat", &[]);
    let mut ann = enter(&server, "ann", 1);
    let _slow = enter(&server, "slow", 2);
    expect_answer(&mut ann, b"* slow has come\n");
    let mut bob = enter(&server, "bob", 3);
    expect_answer(&mut ann, b"* bob has come\n");
    // Bob writes until the slow one is gone, and Ann reads all of it.
    let text = format!("{}\n", "x".repeat(390)).repeat(100);
    let (line, gone) = (format!("bob: {}\n", "x".repeat(390)), "* slow did not read, and had to go\n");
    let mut pending = Vec::new();
    for _ in 0..10_000 {
        bob.write_all(text.as_bytes()).unwrap();
        let mut buf = vec![0; 100 * line.len()];
        std::io::Read::read_exact(&mut ann, &mut buf).unwrap();
        pending.extend_from_slice(&buf);
        if pending.windows(gone.len()).any(|window| window == gone.as_bytes()) {
            return;
        }
        let last = pending.len().saturating_sub(gone.len());
        pending.drain(..last);
    }
    panic!("a client that reads nothing is kept");
}
