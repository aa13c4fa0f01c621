//! `wake_from_thread`: its clients are told what its thread finds.

use super::{Running, Server, example};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::Command;

fn server(count: &str) -> Server {
    Server::start_by(Command::new(example("wake_from_thread")).args(["127.0.0.1:0", count]))
}

fn expect_line(client: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, client).read_line(&mut line).expect("the server tells");
    line
}

#[test]
fn first_client_is_told_every_prime_and_then_the_server_ends() {
    let server = server("10");
    let mut told = String::new();
    server.connect().read_to_string(&mut told).expect("the server closes in order");
    let behind = [39, 61, 63, 91, 121, 163, 169, 177, 189, 193];
    let expected: String = behind.iter().map(|behind| format!("{}\n", 1_000_000_000_000_u64 + behind)).collect();
    assert_eq!(told, expected);
    let ended = server.program.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn client_that_comes_later_is_told_from_then_on_and_all_the_same() {
    let server = server("100000");
    let first = server.connect();
    expect_line(&first);
    let second = server.connect();
    let line = expect_line(&second);
    // The other one is told of it as well, after those that came before.
    while expect_line(&first) < line {}
    let next = expect_line(&second);
    assert_eq!(expect_line(&first), next);
    // And goes on being told when this one has left.
    drop(second);
    for _ in 0..3 {
        assert!(expect_line(&first).ends_with('\n'));
    }
}

#[test]
fn arguments_it_does_not_know_are_refused_in_a_sentence() {
    let refused = |args: &[&str], sentence| {
        Running::start(Command::new(example("wake_from_thread")).args(args)).ended().refused_because(sentence);
    };
    refused(&["nowhere"], "\"nowhere\" is not an address");
    refused(&["127.0.0.1:0", "many"], "\"many\" is not a number");
    refused(&["127.0.0.1:0", "1", "more"], "what does \"more\" mean");
}
