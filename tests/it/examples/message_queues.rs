//! `message_queues`: queues that are filled, emptied and freed, and clients that have to leave.

use super::{Running, Server, example, letters, write_until_full};
use std::io::{Read, Write};
use std::process::Command;

fn server(args: &[&str]) -> Server {
    Server::start_by(Command::new(example("message_queues")).arg("127.0.0.1:0").args(args))
}

#[test]
fn messages_come_back_in_order() {
    let server = server(&[]);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(format!("client {number}, message {round}\n").as_bytes()).unwrap();
        }
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let expected: String = (0..3).map(|round| format!("client {number}, message {round}\n")).collect();
        let mut buf = vec![0; expected.len()];
        client.read_exact(&mut buf).unwrap();
        assert_eq!(String::from_utf8_lossy(&buf), expected);
    }
}

#[test]
fn clients_that_leave_in_one_turn_take_nobody_with_them() {
    let server = server(&[]);
    let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for (number, mut client) in std::mem::take(&mut clients).into_iter().enumerate() {
        client.write_all(b"hello").unwrap();
        if number % 2 == 0 { drop(client) } else { clients.push(client) }
    }
    for client in &mut clients {
        let mut buf = [0; 10];
        client.read_exact(&mut buf[..5]).unwrap();
        client.write_all(b"again").unwrap();
        client.read_exact(&mut buf[5..]).unwrap();
        assert_eq!(&buf, b"helloagain");
    }
}

#[test]
fn client_that_does_not_read_has_a_bounded_queue_and_loses_nothing() {
    let server = server(&["--idle", "60"]);
    let mut client = server.connect();
    let written = write_until_full(&mut client);
    let mut answer = vec![0; written];
    client.read_exact(&mut answer).unwrap();
    assert!(answer == letters(0..written));
}

#[test]
#[cfg(target_os = "linux")]
fn client_that_has_ended_and_does_not_read_costs_nothing_and_loses_nothing() {
    let server = server(&["--idle", "60"]);
    let mut client = server.connect();
    let written = write_until_full(&mut client);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    super::proc::expect_idle(server.program.id());
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(answer == letters(0..written), "of {written} bytes {} came", answer.len());
}

#[test]
fn idle_client_is_told_and_leaves_while_the_others_stay() {
    let server = server(&["--idle", "1.5"]);
    let mut busy = server.connect();
    let idle = server.connect();
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        (&idle).read_to_string(&mut told).unwrap();
        told
    });
    let mut echo = [0];
    while !told.is_finished() {
        busy.write_all(b"x").unwrap();
        busy.read_exact(&mut echo).unwrap();
        assert_eq!(echo, *b"x");
    }
    assert_eq!(told.join().unwrap(), "you have been idle for 1.5 s\n");
}

#[test]
#[cfg(target_os = "linux")]
fn urgent_data_is_an_event_of_its_own() {
    use rustix::net::{SendFlags, send};
    use std::net::Shutdown;
    let mut server = server(&["--idle", "60"]);
    let mut client = server.connect();
    send(&client, b"!", SendFlags::OOB).unwrap();
    server.program.stderr.wait_for("urgent data: 0x21");
    let mut answer = [0; 13];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"urgent: 0x21\n");
    super::proc::expect_idle(server.program.id());
    client.write_all(b"and on").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "and on");
}

#[test]
#[cfg(target_os = "linux")]
fn queue_is_freed_with_its_client() {
    use super::proc;
    let server = server(&["--idle", "60"]);
    let round = || {
        let mut client = server.connect();
        write_until_full(&mut client);
    };
    round();
    proc::expect_idle(server.program.id());
    let (descriptors, memory) = (proc::descriptors(server.program.id()).len(), proc::memory(server.program.id()));
    for _ in 0..3 {
        round();
    }
    proc::expect_idle(server.program.id());
    assert_eq!(proc::descriptors(server.program.id()).len(), descriptors);
    // One queue takes 64 KiB.
    let grown = proc::memory(server.program.id()).saturating_sub(memory);
    assert!(grown < 100_000, "three clients that left have left {grown} bytes");
}

#[test]
fn what_it_cannot_do_is_said_in_a_sentence() {
    let refused = |args: &[&str], why| {
        Running::start(Command::new(example("message_queues")).args(args)).ended().refused_because(why);
    };
    refused(&["--idle", "long"], "--idle needs a number of seconds, and \"long\" is not");
    refused(&["--idle", "-1"], "nobody can be idle for -1 s");
}
