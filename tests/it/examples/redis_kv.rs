//! `redis_kv`, asked in its protocol. `.ci/clients` has Redis's own tools ask it.

use super::{Server, ask, expect_answer, expect_end};
use crate::util::LONG;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn redis_kv() -> Server {
    Server::of("redis_kv", &[])
}

/// A request, as clients send it.
fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| bytes += &format!("${}\r\n{word}\r\n", word.len()));
    bytes.into_bytes()
}

/// Sends the words of `line`, and sees that the reply is `reply`.
#[track_caller]
fn command(client: &mut TcpStream, line: &str, reply: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    ask(client, &request(&words), reply.as_bytes());
}

#[test]
fn commands_are_answered() {
    let server = redis_kv();
    let mut client = server.connect();
    command(&mut client, "PING", "+PONG\r\n");
    command(&mut client, "ping hello", "$5\r\nhello\r\n");
    command(&mut client, "ECHO hello", "$5\r\nhello\r\n");
    command(&mut client, "GET a", "$-1\r\n");
    command(&mut client, "SET a 1", "+OK\r\n");
    command(&mut client, "GET a", "$1\r\n1\r\n");
    command(&mut client, "INCR a", ":2\r\n");
    command(&mut client, "INCR new", ":1\r\n");
    command(&mut client, "MSET b 3 c 4", "+OK\r\n");
    command(&mut client, "MGET a b nix c", "*4\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n$1\r\n4\r\n");
    command(&mut client, "EXISTS a b nix", ":2\r\n");
    command(&mut client, "DEL a b nix", ":2\r\n");
    command(&mut client, "GET a", "$-1\r\n");
    command(&mut client, "TTL nix", ":-2\r\n");
    command(&mut client, "TTL c", ":-1\r\n");
    command(&mut client, "EXPIRE c 100", ":1\r\n");
    command(&mut client, "EXPIRE nix 100", ":0\r\n");
    command(&mut client, "TTL c", ":100\r\n");
    command(&mut client, "SET c 5", "+OK\r\n");
    command(&mut client, "TTL c", ":-1\r\n");
    command(&mut client, "EXPIRE c 0", ":1\r\n");
    command(&mut client, "GET c", "$-1\r\n");
}

#[test]
fn what_cannot_be_done_is_told_and_costs_nothing() {
    let server = redis_kv();
    let mut client = server.connect();
    command(&mut client, "SET a text", "+OK\r\n");
    command(&mut client, "INCR a", "-ERR value is not an integer or out of range\r\n");
    command(&mut client, "SET a 9223372036854775807", "+OK\r\n");
    command(&mut client, "INCR a", "-ERR increment or decrement would overflow\r\n");
    command(&mut client, "SET a 1 EX 0", "-ERR invalid expire time\r\n");
    command(&mut client, "SET a 1 EX 9223372036854775807", "-ERR invalid expire time\r\n");
    command(&mut client, "SET a 1 LONG 5", "-ERR syntax error\r\n");
    command(&mut client, "GET", "-ERR wrong number of arguments for 'GET'\r\n");
    command(&mut client, "MSET a", "-ERR wrong number of arguments for 'MSET'\r\n");
    command(&mut client, "FLY", "-ERR unknown command 'FLY'\r\n");
    command(&mut client, "GET a", "$19\r\n9223372036854775807\r\n");
}

#[test]
fn version_of_the_protocol_is_the_one_asked_for() {
    let server = redis_kv();
    let mut client = server.connect();
    let version = env!("CARGO_PKG_VERSION");
    let about = format!("$6\r\nserver\r\n$8\r\nredis_kv\r\n$7\r\nversion\r\n${}\r\n{version}\r\n", version.len());
    command(&mut client, "HELLO", &format!("*6\r\n{about}$5\r\nproto\r\n:2\r\n"));
    command(&mut client, "HELLO 3", &format!("%3\r\n{about}$5\r\nproto\r\n:3\r\n"));
    command(&mut client, "GET nix", "_\r\n");
    command(&mut client, "HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    command(&mut client, "HELLO 2", &format!("*6\r\n{about}$5\r\nproto\r\n:2\r\n"));
    command(&mut client, "GET nix", "$-1\r\n");
}

#[test]
fn requests_in_pieces_and_in_one_piece_are_answered_alike() {
    let server = redis_kv();
    let requests = [request(&["SET", "key", "two\r\nlines"]), b"\r\nget  key\n".to_vec(), request(&["PING"])].concat();
    let replies = b"+OK\r\n$10\r\ntwo\r\nlines\r\n+PONG\r\n";
    ask(&mut server.connect(), &requests, replies);
    let mut client = server.connect();
    for byte in requests {
        client.write_all(&[byte]).unwrap();
    }
    expect_answer(&mut client, replies);
}

#[test]
fn malformed_request_is_told_and_ends_the_connection() {
    let server = redis_kv();
    for (bytes, sentence) in [
        ("*x\r\n", "invalid length"),
        ("*1\r\nPING\r\n", "expected '$'"),
        ("*1\r\n$9999999\r\n", "invalid bulk length"),
        ("*9999999\r\n", "invalid multibulk length"),
        ("*1\r\n$4\r\nPINGPONG", "a string is longer than it says"),
        ("*11111111111111111111", "invalid length"),
    ] {
        let mut client = server.connect();
        let request = ["PING\r\n", bytes].concat();
        ask(&mut client, request.as_bytes(), format!("+PONG\r\n-ERR Protocol error: {sentence}\r\n").as_bytes());
        expect_end(&mut client);
    }
}

#[test]
fn quit_is_answered_and_ends_the_connection() {
    let server = redis_kv();
    let mut client = server.connect();
    ask(&mut client, b"PING\nQUIT\nPING\n", b"+PONG\r\n+OK\r\n");
    expect_end(&mut client);
}

#[test]
fn key_that_expires_goes_when_it_is_time() {
    const LIFETIME: Duration = Duration::from_millis(200);
    let server = redis_kv();
    let mut client = server.connect();
    command(&mut client, "SET stays 1 PX 30", "+OK\r\n");
    command(&mut client, "SET stays 1", "+OK\r\n");
    let set = Instant::now();
    command(&mut client, "SET goes 1 PX 200", "+OK\r\n");
    loop {
        client.write_all(&request(&["EXISTS", "goes"])).unwrap();
        let mut reply = [0; 4];
        std::io::Read::read_exact(&mut client, &mut reply).unwrap();
        if &reply == b":0\r\n" {
            break;
        }
        assert!(set.elapsed() < LONG, "it stays");
    }
    assert!(set.elapsed() >= LIFETIME, "it goes too early: after {:?}", set.elapsed());
    command(&mut client, "EXISTS stays", ":1\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn client_that_does_not_read_is_not_answered_without_end() {
    use super::{proc, write_all_of};
    const ASKED: usize = 5_000;
    let server = redis_kv();
    let mut client = server.connect();
    let value = "x".repeat(10_000);
    command(&mut client, &format!("SET a {value}"), "+OK\r\n");
    let before = proc::memory(server.program.id());
    // 50 MB of replies, and nobody reads them.
    let writer = write_all_of(&client, request(&["GET", "a"]).repeat(ASKED));
    proc::expect_idle(server.program.id());
    let cost = proc::memory(server.program.id()).saturating_sub(before);
    assert!(cost < 4 << 20, "a client that does not read costs {cost} bytes");
    let reply = format!("$10000\r\n{value}\r\n");
    for _ in 0..ASKED {
        expect_answer(&mut client, reply.as_bytes());
    }
    writer.join().unwrap();
    command(&mut client, "PING", "+PONG\r\n");
}
