//! `print_server`: what is printed, whatever the pieces in which it comes.

use super::{Running, Server, example};
use std::io::Write;
use std::process::Command;

fn server(args: &[&str]) -> Server {
    Server::start_by(Command::new(example("print_server")).arg("127.0.0.1:0").args(args))
}

/// Sends pieces, each when the one before it was read, and sees what is printed of all of them.
#[track_caller]
fn assert_printed(args: &[&str], pieces: &[&[u8]], printed: &[&str]) {
    let mut server = server(args);
    let mut client = server.connect();
    let name = client.local_addr().unwrap();
    for (piece, text) in pieces.iter().zip(printed) {
        client.write_all(piece).unwrap();
        // What cannot be printed yet cannot be waited for; another client's turn comes after it.
        let mut marker = server.connect();
        marker.write_all(b"read\n").unwrap();
        server.program.stdout.wait_for(&format!("{} | read\n", marker.local_addr().unwrap()));
        let said = server.program.stdout.text();
        let mut lines = said.lines().filter_map(|line| line.strip_prefix(&format!("{name} | ")));
        assert_eq!(lines.next_back().unwrap_or(""), *text, "{said}");
    }
    drop(client);
    server.program.stdout.wait_for(&format!("{name} left\n"));
}

#[test]
fn characters_split_between_reads_are_printed_whole() {
    let bytes = "你好".as_bytes();
    assert_printed(&[], &[&bytes[..1], &bytes[1..4], &bytes[4..]], &["", "你", "好"]);
}

#[test]
fn gbk_split_between_reads_is_printed_whole() {
    assert_printed(&["--encoding", "gbk"], &[b"\xC4", b"\xE3\xBA", b"\xC3"], &["", "你", "好"]);
}

#[test]
fn bytes_that_are_no_characters_harm_nobody() {
    assert_printed(&[], &[b"\xC4\xE3!"], &["\u{FFFD}\u{FFFD}!"]);
}

#[test]
fn commands_to_the_terminal_are_printed_and_not_obeyed() {
    assert_printed(&[], &[b"\x1b[2J"], &["\\u{1b}[2J"]);
}

#[test]
fn half_a_character_at_the_end_is_told() {
    let mut server = server(&[]);
    let mut client = server.connect();
    let name = client.local_addr().unwrap();
    client.write_all(&"你".as_bytes()[..2]).unwrap();
    drop(client);
    server.program.stdout.wait_for(&format!("{name} | \u{FFFD}\n{name} left\n"));
}

#[test]
fn what_it_cannot_do_is_said_in_a_sentence() {
    let refused = |args: &[&str], why| {
        Running::start(Command::new(example("print_server")).args(args)).ended().refused_because(why);
    };
    refused(&["--encoding", "klingon"], "there is no encoding \"klingon\"");
    refused(&["--encoding"], "--encoding needs a name such as gbk");
}
