//! `upper_client` with every kind of standard input, and in front of servers of every kind.
#![cfg(unix)]

use super::{Running, Server, example, write_until_full};
use crate::util::LONG;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

const DONE: &str = "end of input, all answered\n";
const CLOSED: &str = "server closed the connection\n";

fn upper_client(addr: impl ToString, stdin: impl Into<Stdio>) -> Running {
    Running::start(Command::new(example("upper_client")).arg(addr.to_string()).stdin(stdin))
}

fn type_in(client: &mut Running, text: &str) {
    client.child.stdin.as_mut().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
}

/// A server of the test's own.
fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// A file that is read as standard input, and is gone from the folder already.
fn file_with(name: &str, content: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("selkie-{}-{name}", std::process::id()));
    fs::write(&path, content).unwrap();
    let file = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    file
}

#[test]
fn pipe_is_answered_line_by_line() {
    let server = Server::start(&["--suffix", "_SB"]);
    let mut client = upper_client(server.addr, Stdio::piped());
    client.stdout.wait_for(">>: ");
    type_in(&mut client, "hello\n");
    client.stdout.wait_for("HELLO_SB\n>>: ");
    type_in(&mut client, "world\n");
    client.stdout.wait_for("WORLD_SB\n>>: ");
    let ended = client.ended();
    assert_eq!(ended.stdout, format!(">>: HELLO_SB\n>>: WORLD_SB\n>>: \n{DONE}"));
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
}

#[test]
fn file_of_many_lines_is_answered_whole() {
    let server = Server::start(&[]);
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 2 << 20 {
        number += 1;
        text += &format!("line {number} {}\n", "with more or less in it; ".repeat(number % 7));
    }
    text += &"a line that is longer than what is read at once; ".repeat(10_000);
    let ended = upper_client(server.addr, file_with("lines", text.as_bytes())).ended();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
    let printed = ended.stdout.replace(">>: ", "");
    let expected = text.to_ascii_uppercase() + "\n" + DONE;
    let mut lines = printed.lines().filter(|line| !line.is_empty());
    for expected in expected.lines() {
        assert_eq!(lines.next(), Some(expected));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn empty_input_ends_at_once() {
    let server = Server::start(&[]);
    for stdin in [Stdio::null(), Stdio::from(file_with("nothing", b"")), Stdio::piped()] {
        let ended = upper_client(server.addr, stdin).ended();
        assert_eq!(ended.stdout, format!(">>: \n{DONE}"));
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
    }
}

#[test]
fn empty_lines_are_not_sent() {
    let listener = listen();
    let mut client = upper_client(listener.local_addr().unwrap(), Stdio::piped());
    type_in(&mut client, "\n\none\n\n\ntwo\n\n");
    drop(client.child.stdin.take());
    let mut server = accept(&listener);
    let mut got = String::new();
    server.read_to_string(&mut got).unwrap();
    assert_eq!(got, "one\ntwo");
    server.write_all(b"fine").unwrap();
    drop(server);
    let ended = client.ended();
    assert!(ended.stdout.contains("fine\n"), "{:?}", ended.stdout);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn empty_line_is_answered_with_a_prompt() {
    let server = Server::start(&[]);
    let mut client = upper_client(server.addr, Stdio::piped());
    client.stdout.wait_for(">>: ");
    type_in(&mut client, "\n");
    client.stdout.wait_for(">>: ");
    type_in(&mut client, "\n\n");
    client.stdout.wait_for(">>: >>: ");
    assert_eq!(client.ended().stdout, format!(">>: >>: >>: >>: \n{DONE}"));
}

#[test]
#[cfg(target_os = "linux")]
fn line_that_comes_in_two_reads_is_put_together() {
    let server = Server::start(&["--suffix", "_SB"]);
    let mut client = upper_client(server.addr, Stdio::piped());
    client.stdout.wait_for(">>: ");
    type_in(&mut client, "hel");
    while rustix::io::ioctl_fionread(client.child.stdin.as_ref().unwrap()).unwrap() > 0 {
        std::thread::yield_now();
    }
    type_in(&mut client, "lo\nlast");
    client.stdout.wait_for("HELLO_SB\n>>: ");
    // And the last one needs no line end.
    assert_eq!(client.ended().stdout, format!(">>: HELLO_SB\n>>: LAST_SB\n{DONE}"));
}

#[test]
fn server_closes_first_ends_the_client() {
    let listener = listen();
    let mut client = upper_client(listener.local_addr().unwrap(), Stdio::piped());
    let mut server = accept(&listener);
    client.stdout.wait_for(">>: ");
    type_in(&mut client, "hello\n");
    server.read_exact(&mut [0; 5]).unwrap();
    server.write_all(b"no more").unwrap();
    drop(server);
    // Its standard input is still open.
    client.stdout.wait_for(&format!("no more\n>>: \n{CLOSED}"));
    let ended = client.ended();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
}

#[test]
fn server_closes_under_a_flood_ends_the_client() {
    for read in [0, 1, 100_000] {
        let listener = listen();
        let flood = file_with("flood", &b"a line of the flood\n".repeat(500_000));
        let client = upper_client(listener.local_addr().unwrap(), flood);
        let mut server = accept(&listener);
        server.read_exact(&mut vec![0; read]).unwrap();
        drop(server);
        let ended = client.ended();
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
        assert!(ended.stdout.ends_with(CLOSED), "{:?}", ended.stdout);
    }
}

#[test]
fn server_that_answers_after_the_end_is_heard_to_the_end() {
    let listener = listen();
    let client = upper_client(listener.local_addr().unwrap(), file_with("question", b"how much?\n"));
    let mut server = accept(&listener);
    let mut question = String::new();
    server.read_to_string(&mut question).unwrap();
    assert_eq!(question, "how much?");
    let answer = "much\n".repeat(200_000);
    server.write_all(answer.as_bytes()).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.ended().stdout, format!(">>: {answer}{DONE}"));
}

#[test]
fn server_that_does_not_read_pauses_the_keyboard() {
    let listener = listen();
    // A socket in the place of the keyboard: it too is something to read from.
    let (mut hands, keyboard) = {
        let near = listen();
        let hands = TcpStream::connect(near.local_addr().unwrap()).unwrap();
        (hands, accept(&near))
    };
    let client = upper_client(listener.local_addr().unwrap(), std::os::fd::OwnedFd::from(keyboard));
    let mut server = accept(&listener);
    let typed = write_until_full(&mut hands);
    #[cfg(target_os = "linux")]
    {
        // The unfinished line, what is not sent yet, and room for both to grow.
        let used = super::proc::memory(client.id());
        assert!(used < 8 << 20, "it keeps {used} bytes");
        super::proc::expect_idle(client.id());
    }
    drop(hands);
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    // It is a single line, which is cut where it becomes too long.
    got.retain(|&byte| byte != b'\n');
    assert!(got == super::letters(0..typed), "of {typed} bytes {} came", got.len());
    drop(server);
    assert_eq!(client.ended().status.code(), Some(0));
}

#[test]
fn server_refuses_is_told_in_a_sentence() {
    let addr = listen().local_addr().unwrap();
    let ended = upper_client(addr, Stdio::null()).ended();
    ended.refused_because(&format!("cannot connect to {addr}: Connection refused"));
    assert_eq!(ended.stdout, "");
}

#[test]
fn directory_as_input_is_refused_with_a_sentence() {
    let server = Server::start(&[]);
    let ended = upper_client(server.addr, File::open("/").unwrap()).ended();
    ended.refused_because("cannot read standard input: a directory is never ready");
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    let refused = |args: &[&str], sentence: &str| {
        Running::start(Command::new(example("upper_client")).args(args)).ended().refused_because(sentence);
    };
    refused(&["nonsense"], "\"nonsense\" is not an address such as 127.0.0.1:8088");
    refused(&["127.0.0.1:1", "more"], "what does \"more\" mean here?");
}

#[test]
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn terminal_is_prompted_answered_and_left_as_it_was() {
    use super::Transcript;
    use rustix::fs::{Mode, OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_setfd};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    #[cfg(target_os = "linux")]
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    #[cfg(not(target_os = "linux"))]
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    fcntl_setfd(&screen, FdFlags::CLOEXEC).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();

    let server = Server::start(&["--suffix", "_SB"]);
    let mut command = Command::new(example("upper_client"));
    command.arg(server.addr.to_string());
    let terminal_for = || Stdio::from(terminal.try_clone().unwrap());
    command.stdin(terminal_for()).stdout(terminal_for()).stderr(terminal_for());
    let child = command.spawn().unwrap();
    drop(command);

    let mut screen = File::from(screen);
    let shown = Transcript::of(screen.try_clone().unwrap());
    let mut client = Running { child, stdout: shown, stderr: Transcript::of(std::io::empty()) };
    client.stdout.wait_for(">>: ");
    screen.write_all(b"hello\n").unwrap();
    client.stdout.wait_for("hello\r\nHELLO_SB\r\n>>: ");
    assert!(!fcntl_getfl(&terminal).unwrap().contains(OFlags::NONBLOCK), "the mode of the terminal is shared");
    screen.write_all(b"\n").unwrap();
    client.stdout.wait_for("\r\n>>: ");
    screen.write_all(b"world\n").unwrap();
    client.stdout.wait_for("world\r\nWORLD_SB\r\n>>: ");
    screen.write_all(b"\x04").unwrap(); // Ctrl-D
    client.stdout.wait_for("end of input, all answered\r\n");
    assert_eq!(client.child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_printed_is_told_in_a_sentence() {
    // `Running` reads standard output, so a shell puts something else in its place.
    let run = |name: &str, addr: String| {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$1\" >/dev/full"]).arg(example(name)).arg(addr);
        Running::start(command.stdin(Stdio::null())).ended()
    };
    let server = Server::start(&[]);
    run("upper_client", server.addr.to_string()).refused_because("cannot print: No space left on device");
    run("upper_echo", "127.0.0.1:0".into()).refused_because("cannot print the address: No space left on device");
}
