//! `stdin_quits`: an echo for the clients, and an end by whatever standard input there is.
#![cfg(unix)]

use super::{Ended, Running, example, letters};
use crate::util::LONG;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

struct Server {
    program: Running,
    addr: SocketAddr,
}

fn start(stdin: impl Into<Stdio>) -> Server {
    let mut program = Running::start(Command::new(example("stdin_quits")).arg("127.0.0.1:0").stdin(stdin));
    program.stdout.wait_for("; press Enter to quit\n");
    let said = program.stdout.text();
    let addr = said.strip_prefix("listening on ").and_then(|said| said.split(';').next());
    let addr = addr.and_then(|addr| addr.parse().ok()).expect("it says where it listens");
    Server { program, addr }
}

impl Server {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("the server listens");
        stream.set_read_timeout(Some(LONG)).expect("it is not zero");
        stream
    }
}

#[track_caller]
fn assert_echo(client: &mut TcpStream, text: &[u8]) {
    client.write_all(text).expect("the server reads");
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).expect("the server answers");
    assert!(answer == text, "something else came back");
}

#[track_caller]
fn assert_quit(ended: &Ended) {
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("quitting\n"), "{}", ended.stdout);
}

#[test]
fn clients_are_answered_until_a_line_is_typed_into_a_pipe() {
    let mut server = start(Stdio::piped());
    let mut clients = [server.connect(), server.connect(), server.connect()];
    for (number, client) in clients.iter_mut().enumerate() {
        assert_echo(client, b"hello");
        assert_echo(client, &letters(0..10_000 + number));
    }
    let mut keyboard = server.program.child.stdin.take().unwrap();
    keyboard.write_all(b"\n").unwrap();
    server.program.stdout.wait_for("quitting\n");
    for client in &mut clients {
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "it is closed");
    }
    assert_quit(&server.program.ended());
}

#[test]
fn closed_pipe_quits() {
    let mut server = start(Stdio::piped());
    assert_echo(&mut server.connect(), b"hello");
    drop(server.program.child.stdin.take());
    assert_quit(&server.program.ended());
}

#[test]
fn file_and_dev_null_quit_at_once() {
    for path in ["/dev/null", "Cargo.toml"] {
        assert_quit(&start(File::open(path).unwrap()).program.ended());
    }
}

#[test]
fn enter_at_a_terminal_quits_and_leaves_it_blocking() {
    use crate::level::terminal::pty;
    use rustix::fs::{OFlags, fcntl_getfl};
    let (terminal, mut keyboard) = pty().unwrap();
    let mode = fcntl_getfl(&terminal).unwrap();
    let mut server = start(terminal.try_clone().unwrap());
    assert_eq!(fcntl_getfl(&terminal).unwrap(), mode);
    assert_echo(&mut server.connect(), b"hello");
    // Not a line yet: the terminal keeps it.
    keyboard.write_all(b"q").unwrap();
    assert_echo(&mut server.connect(), b"hello");
    keyboard.write_all(b"\n").unwrap();
    server.program.stdout.wait_for("quitting\n");
    assert_quit(&server.program.ended());
    assert_eq!(fcntl_getfl(&terminal).unwrap(), mode);
    assert!(!mode.contains(OFlags::NONBLOCK));
}

#[test]
fn what_it_cannot_do_is_said_in_a_sentence() {
    let quits = |args: &[&str], stdin: Stdio| {
        Running::start(Command::new(example("stdin_quits")).args(args).stdin(stdin)).ended()
    };
    quits(&["nowhere"], Stdio::null()).refused_because("not an address");
    quits(&["127.0.0.1:0", "127.0.0.1:0"], Stdio::null()).refused_because("usage:");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    quits(&[&taken.local_addr().unwrap().to_string()], Stdio::null()).refused_because("cannot listen");
    let folder = File::open(".").unwrap();
    quits(&["127.0.0.1:0"], folder.into()).refused_because("cannot read standard input");
}
