//! `tcp_proxy` between clients and servers of every kind.

use super::{Running, Server, ask, example, expect_answer, expect_end};
use crate::util::LONG;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;

/// A proxy, and where it connects to.
fn proxy() -> (Server, TcpListener) {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = target.local_addr().unwrap().to_string();
    (Server::of("tcp_proxy", &["--to", &addr]), target)
}

/// The two ends of a connection through a proxy.
fn coupled(proxy: &Server, target: &TcpListener) -> (TcpStream, TcpStream) {
    let client = proxy.connect();
    let (server, _) = target.accept().unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    server.set_write_timeout(Some(LONG)).unwrap();
    (client, server)
}

#[test]
fn each_side_gets_what_the_other_one_says() {
    let (proxy, target) = proxy();
    let mut client = proxy.connect();
    // Said before there is anybody to hear it.
    client.write_all(b"hello").unwrap();
    let (mut server, _) = target.accept().unwrap();
    expect_answer(&mut server, b"hello");
    ask(&mut server, b"and good evening", b"");
    expect_answer(&mut client, b"and good evening");
}

#[test]
fn side_that_ends_is_told_to_the_other_which_may_say_more() {
    let (proxy, target) = proxy();
    let (mut client, mut server) = coupled(&proxy, &target);
    client.write_all(b"a question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    expect_answer(&mut server, b"a question");
    expect_end(&mut server);
    server.write_all(b"an answer").unwrap();
    expect_answer(&mut client, b"an answer");
    drop(server);
    expect_end(&mut client);
    // And the same in the other direction.
    let (mut client, mut server) = coupled(&proxy, &target);
    server.shutdown(Shutdown::Write).unwrap();
    expect_end(&mut client);
    client.write_all(b"still here").unwrap();
    expect_answer(&mut server, b"still here");
    drop(client);
    expect_end(&mut server);
}

#[test]
#[cfg(target_os = "linux")]
fn both_ended_leaves_nothing_behind() {
    let (proxy, target) = proxy();
    // With one that stays, all is there that the program needs.
    let (mut staying, mut server) = coupled(&proxy, &target);
    ask(&mut staying, b"hello", b"");
    expect_answer(&mut server, b"hello");
    let before = super::proc::descriptors(proxy.program.id()).len();
    for _ in 0..20 {
        let (mut client, mut server) = coupled(&proxy, &target);
        ask(&mut client, b"hello", b"");
        client.shutdown(Shutdown::Write).unwrap();
        expect_answer(&mut server, b"hello");
        expect_end(&mut server);
        drop(server);
        expect_end(&mut client);
    }
    // The clients are told before the connections are closed.
    let began = std::time::Instant::now();
    while super::proc::descriptors(proxy.program.id()).len() > before {
        assert!(began.elapsed() < LONG, "there are descriptors left over");
    }
}

/// Sees that the connection ends, well or not.
#[track_caller]
fn expect_any_end(stream: &mut TcpStream) {
    match stream.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("it does not end, but: {other:?}"),
    }
}

#[test]
#[cfg(unix)]
fn reset_on_one_side_ends_the_other() {
    let (proxy, target) = proxy();
    let (mut client, server) = coupled(&proxy, &target);
    crate::util::reset(server);
    expect_any_end(&mut client);
    let (client, mut server) = coupled(&proxy, &target);
    crate::util::reset(client);
    expect_any_end(&mut server);
}

#[test]
fn client_is_let_go_when_the_target_refuses() {
    let (mut proxy, target) = proxy();
    drop(target);
    let mut client = proxy.connect();
    expect_any_end(&mut client);
    proxy.program.stderr.wait_for("refused");
    // It goes on serving.
    expect_any_end(&mut proxy.connect());
}

#[test]
#[cfg(target_os = "linux")]
fn slow_reader_holds_the_writer_up_in_both_directions() {
    use super::{letters, proc, write_until_full};
    let (proxy, target) = proxy();
    let (mut client, mut server) = coupled(&proxy, &target);
    let before = proc::memory(proxy.program.id());
    let up = write_until_full(&mut client);
    let down = write_until_full(&mut server);
    let cost = proc::memory(proxy.program.id()).saturating_sub(before);
    assert!(cost < 1 << 20, "two readers that do not read cost {cost} bytes");
    proc::expect_idle(proxy.program.id());
    // Both go on as if nothing had been.
    expect_answer(&mut server, &letters(0..up));
    expect_answer(&mut client, &letters(0..down));
    ask(&mut client, b"!", b"");
    expect_answer(&mut server, b"!");
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    let refused = |args: &[&str], sentence: &str| {
        Running::start(Command::new(example("tcp_proxy")).args(args)).ended().refused_because(sentence);
    };
    refused(&[], "connect clients to what?");
    refused(&["--to"], "--to needs an address such as 127.0.0.1:8088");
    refused(&["--to", "nonsense"], "--to needs an address such as 127.0.0.1:8088, and \"nonsense\" is not");
    refused(&["nonsense", "--to", "127.0.0.1:1"], "\"nonsense\" is not an address");
    refused(&["--loud", "--to", "127.0.0.1:1"], "what does \"--loud\" mean here?");
}
