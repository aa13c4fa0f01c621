//! `select_echo`: the loop written out serves as `run` does, and ends.

use super::{Running, Server, example, letters, write_until_full};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

fn server() -> Server {
    Server::start_by(Command::new(example("select_echo")).arg("127.0.0.1:0"))
}

#[test]
fn many_clients_get_each_their_own_answers() {
    let server = server();
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("client {number}").as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, format!("CLIENT {number}"));
    }
}

#[test]
fn client_that_does_not_read_keeps_nobody_waiting_and_gets_all_in_the_end() {
    let server = server();
    let mut stuck = server.connect();
    let written = write_until_full(&mut stuck);
    let mut other = server.connect();
    other.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    other.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HELLO");
    stuck.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stuck.read_to_end(&mut answer).unwrap();
    assert!(answer == letters(0..written).to_ascii_uppercase(), "of {written} bytes {} came", answer.len());
}

#[test]
#[cfg(unix)]
fn interrupted_from_the_keyboard_tells_what_it_did() {
    let server = server();
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    server.program.signal(rustix::process::Signal::INT);
    let ended = server.program.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    // Two callbacks for the client, and the one of the signal.
    assert!(ended.stdout.contains("\n3 calls in "), "{}", ended.stdout);
}

#[test]
fn arguments_it_does_not_know_are_refused_in_a_sentence() {
    let refused = |args: &[&str], why| {
        Running::start(Command::new(example("select_echo")).args(args)).ended().refused_because(why);
    };
    refused(&["nowhere"], "\"nowhere\" is not an address such as 127.0.0.1:8088");
    refused(&["127.0.0.1:0", "127.0.0.1:0"], "what does \"127.0.0.1:0\" mean here?");
    refused(&["--loud"], "what does \"--loud\" mean here?");
}
