//! `http_hello`, asked byte for byte. `.ci/clients` has curl, wrk and a browser ask it.

use super::{Server, expect_end, write_all_of};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

fn http_hello() -> Server {
    Server::of("http_hello", &[])
}

/// The client's side of a connection.
struct Client {
    stream: BufReader<TcpStream>,
}

/// What was answered.
struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Client {
    fn of(server: &Server) -> Client {
        Client { stream: BufReader::new(server.connect()) }
    }

    #[track_caller]
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).expect("the server takes it");
    }

    #[track_caller]
    fn head(&mut self) -> (u16, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let n = self.stream.read_line(&mut head).expect("the server answers");
            assert!(n > 0, "the answer ends with {head:?}");
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
        (status.unwrap_or_else(|| panic!("no answer: {head:?}")), head)
    }

    /// The next answer.
    #[track_caller]
    fn answer(&mut self) -> Answer {
        let (status, headers) = self.head();
        let length = headers.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.unwrap_or_else(|| panic!("no length: {headers:?}")).parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body as long as it says");
        Answer { status, headers, body }
    }

    #[track_caller]
    fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes);
        self.answer()
    }

    /// Sees that the connection has ended.
    #[track_caller]
    fn expect_end(mut self) {
        assert_eq!(self.stream.buffer(), b"");
        expect_end(self.stream.get_mut());
    }
}

#[test]
fn connection_stays_open_for_the_next_request() {
    let server = http_hello();
    let mut client = Client::of(&server);
    for _ in 0..3 {
        let answer = client.ask("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
        assert_eq!(answer.status, 200);
        assert!(answer.headers.contains("\r\nConnection: keep-alive\r\n"), "{}", answer.headers);
        assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    }
}

#[test]
fn requests_without_waiting_are_answered_in_order() {
    let server = http_hello();
    let mut client = Client::of(&server);
    let mut requests = String::new();
    for number in 100..200 {
        requests += &format!("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n{number}");
    }
    client.send(requests + "GET /nix HTTP/1.1\r\nHost: here\r\n\r\n");
    for number in 100..200 {
        assert_eq!(client.answer().body, number.to_string().as_bytes());
    }
    assert_eq!(client.answer().status, 404);
}

#[test]
fn request_in_pieces_is_answered_as_in_one() {
    let server = http_hello();
    let mut client = Client::of(&server);
    let with_length = "POST /echo?query HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello";
    let in_chunks = "POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n\
                     2\r\nhe\r\n1;name=value\r\nl\r\n00002\r\nlo\r\n0\r\nTrailer: value\r\n\r\n";
    for request in [with_length, in_chunks] {
        assert_eq!(client.ask(request).body, b"hello");
        for byte in request.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.answer().body, b"hello");
    }
}

#[test]
fn lines_may_end_as_they_are_typed() {
    let server = http_hello();
    assert_eq!(Client::of(&server).ask("GET / HTTP/1.1\nHost: here\n\n").status, 200);
    // And a body may have an empty line behind it.
    let mut client = Client::of(&server);
    client.send("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi\r\n");
    assert_eq!(client.answer().body, b"hi");
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: here\r\n\r\n").status, 200);
}

#[test]
fn client_that_expects_a_word_gets_it_before_it_sends_a_body() {
    let server = http_hello();
    let mut client = Client::of(&server);
    client.send("POST /echo HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.head().0, 100);
    assert_eq!(client.ask("hello").body, b"hello");
    // Where it would be in vain, it is told that instead.
    client.send("POST /echo HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    client.expect_end();
}

#[test]
fn head_is_answered_without_the_body() {
    let server = http_hello();
    let mut client = Client::of(&server);
    client.send("HEAD / HTTP/1.1\r\nHost: here\r\n\r\n");
    let (status, headers) = client.head();
    assert!(status == 200 && !headers.contains("Content-Length: 0"), "{headers}");
    assert_eq!(client.ask("GET /style.css HTTP/1.1\r\nHost: here\r\n\r\n").status, 200);
}

#[test]
fn connection_is_closed_as_the_client_wishes() {
    let server = http_hello();
    for request in ["GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut client = Client::of(&server);
        let answer = client.ask(request);
        assert!(answer.headers.contains("\r\nConnection: close\r\n"), "{}", answer.headers);
        client.expect_end();
    }
    let mut client = Client::of(&server);
    for _ in 0..2 {
        let answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert!(answer.headers.contains("\r\nConnection: keep-alive\r\n"), "{}", answer.headers);
    }
    // Half-closed is as good as closed, once all is answered.
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().status, 200);
    client.expect_end();
}

#[test]
fn request_that_cannot_be_served_is_told_why_and_ends_the_connection() {
    let server = http_hello();
    let long = "x".repeat(9000);
    let many = "X: y\r\n".repeat(100);
    let large = format!("X: {}\r\n", "y".repeat(6000)).repeat(3);
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nno header\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nContent-Length: +1\r\n\r\nx", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: here\r\nExpect: miracles\r\n\r\n", 417),
        ("GET / HTTP/2.0\r\nHost: here\r\n\r\n", 505),
        (&format!("GET /{long} HTTP/1.1\r\n"), 414),
        (&format!("GET / HTTP/1.1\r\nX: {long}\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nHost: here\r\n{many}\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nHost: here\r\n{large}\r\n"), 431),
    ] {
        let mut client = Client::of(&server);
        let answer = client.ask(request);
        assert_eq!(answer.status, status, "to {:?}", &request[..request.len().min(100)]);
        assert!(answer.headers.contains("\r\nConnection: close\r\n"), "{}", answer.headers);
        client.expect_end();
    }
}

#[test]
fn method_that_is_not_allowed_is_told_which_are() {
    let server = http_hello();
    let answer = Client::of(&server).ask("DELETE / HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(answer.status == 405 && answer.headers.contains("\r\nAllow: GET, HEAD\r\n"), "{}", answer.headers);
    let answer = Client::of(&server).ask("GET /echo HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(answer.status == 405 && answer.headers.contains("\r\nAllow: POST\r\n"), "{}", answer.headers);
}

#[test]
fn answer_reaches_a_client_that_is_still_sending() {
    let server = http_hello();
    let mut client = Client::of(&server);
    client.send("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10000000\r\n\r\n");
    let writer = write_all_of(client.stream.get_ref(), vec![b'x'; 10_000_000]);
    assert_eq!(client.answer().status, 413);
    writer.join().unwrap();
    client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    client.expect_end();
}

#[test]
fn request_that_is_never_complete_is_told_so_in_time() {
    let server = http_hello();
    // It ends within its first line, its head, its body, or a chunk; and behind one that is complete.
    let complete = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    let parts = [
        "GE",
        "GET / HTTP/1.1\r\nHost:",
        "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
    ];
    let clients = parts.map(|part| {
        let mut client = Client::of(&server);
        client.send([complete, part].concat());
        assert_eq!(client.answer().status, 200);
        client
    });
    for mut client in clients {
        assert_eq!(client.answer().status, 408);
        client.expect_end();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn client_that_does_not_read_is_not_answered_without_end() {
    use super::proc;
    const ASKED: usize = 40_000;
    let server = http_hello();
    let mut client = Client::of(&server);
    let before = proc::memory(server.program.id());
    // 30 MB of answers, and nobody reads them.
    let requests = "GET / HTTP/1.1\r\nHost: here\r\n\r\n".repeat(ASKED);
    let writer = write_all_of(client.stream.get_ref(), requests.into_bytes());
    proc::expect_idle(server.program.id());
    let cost = proc::memory(server.program.id()).saturating_sub(before);
    assert!(cost < 4 << 20, "a client that does not read costs {cost} bytes");
    for _ in 0..ASKED {
        assert_eq!(client.answer().status, 200);
    }
    writer.join().unwrap();
}
