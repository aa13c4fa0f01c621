//! `worker_pool`: what takes long keeps nobody waiting, and the figures say so.

use super::{Running, Server, example, expect_answer};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

fn server() -> Server {
    Server::start_by(Command::new(example("worker_pool")).arg("127.0.0.1:0"))
}

#[test]
fn line_comes_back_while_a_worker_is_busy_for_that_very_client() {
    let server = server();
    let mut client = server.connect();
    client.write_all(b"slow 300\nhello\nslow 0").unwrap();
    // The slow answer is not there yet, and what is no whole line is not answered.
    expect_answer(&mut client, b"hello\n");
    expect_answer(&mut client, b"done\n");
    client.write_all(b"\n").unwrap();
    expect_answer(&mut client, b"done\n");
}

#[test]
fn slow_line_is_answered_by_the_callback_as_well() {
    let server = server();
    let mut client = server.connect();
    client.write_all(b"slow-here 10\nslow x\n").unwrap();
    expect_answer(&mut client, b"done\nslow x\n");
}

#[test]
fn client_that_leaves_before_its_answer_is_there_harms_nobody() {
    let server = server();
    let mut leaving = server.connect();
    leaving.write_all(b"slow 100\n").unwrap();
    leaving.shutdown(Shutdown::Write).unwrap();
    assert_eq!(leaving.read(&mut [0]).expect("the server closes in order"), 0);
    let mut other = server.connect();
    other.write_all(b"slow 200\n").unwrap();
    expect_answer(&mut other, b"done\n");
}

#[test]
fn jobs_beyond_the_bound_of_the_queue_are_refused_in_a_sentence() {
    let server = server();
    let mut client = server.connect();
    // Four are at work, sixteen wait.
    client.write_all("slow 400\n".repeat(21).as_bytes()).unwrap();
    expect_answer(&mut client, b"ask again later: the queue of jobs is full\n");
    expect_answer(&mut client, "done\n".repeat(20).as_bytes());
}

#[test]
fn figures_show_that_a_worker_keeps_nobody_waiting() {
    let program = Running::start(Command::new(example("worker_pool")).args(["--measure", "1000"]));
    let ended = program.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    let slowest: Vec<f64> = ended
        .stdout
        .lines()
        .map(|line| {
            let figure = line.strip_suffix(" ms").and_then(|line| line.rsplit(' ').next());
            figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no figure in {line:?}"))
        })
        .collect();
    let [in_callback, in_worker] = slowest[..] else { panic!("not two figures: {}", ended.stdout) };
    assert!(in_callback >= 500.0, "{}", ended.stdout);
    assert!(in_worker < 500.0, "{}", ended.stdout);
}

#[test]
fn arguments_it_does_not_know_are_refused_in_a_sentence() {
    let refused = |args: &[&str], sentence| {
        Running::start(Command::new(example("worker_pool")).args(args)).ended().refused_because(sentence);
    };
    refused(&["nowhere"], "\"nowhere\" is not an address");
    refused(&["--measure", "long"], "\"long\" are not milliseconds");
    refused(&["127.0.0.1:0", "more"], "what does \"more\" mean");
}
