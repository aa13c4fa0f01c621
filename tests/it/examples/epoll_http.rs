//! `epoll_http`: its states, seen from the client's side and in its trace.

use super::{Running, Server, example};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

const HEAD: &str = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ";

fn server(args: &[&str]) -> Server {
    Server::start_by(Command::new(example("epoll_http")).args(["127.0.0.1:0", "--trace"]).args(args))
}

fn answer(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the answer comes, and its end");
    answer
}

#[test]
fn request_in_pieces_goes_through_all_states() {
    let mut server = server(&[]);
    let mut client = server.connect();
    let name = client.local_addr().unwrap();
    server.program.stdout.wait_for(&format!("{name} accepted\n"));
    for piece in ["GET / HT", "TP/1.0\r\n", "Host: x\r\n\r", "\n"] {
        client.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!(answer(&mut client), format!("{HEAD}14\r\n\r\nHello, world!\n"));
    server.program.stdout.wait_for(&format!("{name} has sent its request\n"));
    server.program.stdout.wait_for(&format!("{name} was sent all of 200 OK\n"));
    drop(client);
    server.program.stdout.wait_for(&format!("{name} has hung up: gone\n"));
}

#[test]
fn client_that_hung_up_first_gets_its_answer() {
    let mut server = server(&[]);
    let mut client = server.connect();
    client.write_all(b"GET /\n\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(answer(&mut client).ends_with("\r\n\r\nHello, world!\n"));
    server.program.stdout.wait_for("has hung up: gone\n");
}

#[test]
fn page_that_is_larger_than_any_buffer_is_sent_whole() {
    const SIZE: usize = 20_000_000;
    let mut server = server(&["--size", "20000000"]);
    let mut client = server.connect();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // It reads only when the server has found that there is no room.
    server.program.stdout.wait_for("has no room for more\n");
    let answer = answer(&mut client);
    let page = answer.strip_prefix(&format!("{HEAD}{SIZE}\r\n\r\n")).expect("the head");
    assert!(page.len() == SIZE && page.as_bytes().chunks(10).all(|chunk| chunk == b"0123456789"));
}

#[test]
fn client_that_goes_on_sending_loses_nothing_of_its_answer() {
    let server = server(&[]);
    let mut client = server.connect();
    client.write_all(b"POST / HTTP/1.0\r\n\r\n").unwrap();
    client.write_all(&[b'x'; 100_000]).unwrap();
    assert!(answer(&mut client).ends_with("Hello, world!\n"));
}

#[test]
fn request_without_an_end_is_refused() {
    let server = server(&[]);
    let mut client = server.connect();
    client.write_all(&[b'x'; 8 * 1024 + 1]).unwrap();
    assert!(answer(&mut client).starts_with("HTTP/1.0 431 "));
}

#[test]
fn client_that_leaves_early_is_gone() {
    let mut server = server(&[]);
    let mut client = server.connect();
    client.write_all(b"GET / ").unwrap();
    drop(client);
    server.program.stdout.wait_for("left without a request\n");
}

#[test]
fn what_it_cannot_do_is_said_in_a_sentence() {
    let refused = Running::start(Command::new(example("epoll_http")).args(["--size", "large"])).ended();
    refused.refused_because("--size needs a number of bytes, and \"large\" is not");
}
