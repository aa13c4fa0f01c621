//! `level_and_edge`: the calls are those that its head says.

#[cfg(not(mio_unsupported_force_poll_poll))]
use super::Running;
use super::{Server, example};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

/// Where mio stands on `poll(2)`, the head says that there is no second call.
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn show_prints_what_its_head_says() {
    let ended = Running::start(Command::new(example("level_and_edge")).args(["127.0.0.1:0", "--show"])).ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    let source = include_str!("../../../examples/level_and_edge.rs");
    let mut promised = source.lines().filter_map(|line| line.strip_prefix("//! client "));
    let mut printed = ended.stdout.lines().filter_map(|line| line.strip_prefix("client "));
    let mut checked = 0;
    for line in promised.by_ref() {
        // Between them is what a client causes by leaving.
        assert!(printed.any(|said| said == line), "`client {line}` is not printed, or too early: {}", ended.stdout);
        checked += 1;
    }
    assert_eq!(checked, 13);
}

/// Sends `text`, and waits for what the client is told when it is quiet.
fn report_on(client: &mut TcpStream, text: &[u8]) -> String {
    client.write_all(text).expect("the server reads");
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line).expect("the server says something");
    line
}

#[test]
fn only_the_client_with_one_read_per_edge_stalls() {
    let server = Server::start_by(Command::new(example("level_and_edge")).arg("127.0.0.1:0"));
    let burst = [b'x'; 1000];
    for (mode, unread) in ["level", "edge, drained", "edge, one read"].into_iter().zip([0, 0, 992]) {
        let report = report_on(&mut server.connect(), &burst);
        assert!(report.contains(&format!("{unread} bytes are unread")), "{mode}: {report}");
        assert_eq!(report.contains("a stall"), unread > 0, "{mode}: {report}");
    }
    // The fourth is read as the first.
    let report = report_on(&mut server.connect(), &burst);
    assert!(report.contains("client 4: no call for 200 ms, 0 bytes"), "{report}");
}

#[test]
fn stalled_client_is_given_up() {
    let mut server = Server::start_by(Command::new(example("level_and_edge")).arg("127.0.0.1:0"));
    let clients = [server.connect(), server.connect(), server.connect()];
    let [_, _, mut stalled] = clients;
    report_on(&mut stalled, b"more than eight bytes");
    server.program.stdout.wait_for("client 3: is given up\n");
}
