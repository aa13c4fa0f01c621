//! `upper_echo` in front of clients of every kind.

use super::{Running, Server, ask, example, expect_answer, expect_end, letters, write_until_full};
#[cfg(unix)]
use crate::util::reset;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

/// Sees that the answer to so many [`letters`] comes, and then the end of the stream.
#[track_caller]
fn expect_letters_and_end(stream: &mut TcpStream, count: usize) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let expected = letters(0..count).to_ascii_uppercase();
    let same = answer.iter().zip(&expected).take_while(|(a, b)| a == b).count();
    assert!(answer == expected, "of {count} bytes {} came, the first {same} of them right", answer.len());
}

fn upper_echo(args: &[&str]) -> Running {
    Running::start(Command::new(example("upper_echo")).args(args))
}

#[test]
fn client_asks_is_answered_in_upper_case() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    ask(&mut client, b"hello", b"HELLO");
    ask(&mut client, b"again\n", b"AGAIN\n");
    client.shutdown(Shutdown::Write).unwrap();
    expect_end(&mut client);
}

#[test]
fn bytes_that_are_no_ascii_letters_come_back_as_they_are() {
    let server = Server::start(&[]);
    let every_byte: Vec<u8> = (0..=255).collect();
    ask(&mut server.connect(), &every_byte, &every_byte.to_ascii_uppercase());
    ask(&mut server.connect(), "grüße 123\0".as_bytes(), "GRüßE 123\0".as_bytes());
}

#[test]
fn suffix_is_put_behind_each_answer() {
    let server = Server::start(&["--suffix", "_SB"]);
    let mut client = server.connect();
    ask(&mut client, b"hello", b"HELLO_SB");
    ask(&mut client, b"world", b"WORLD_SB");
}

#[test]
fn piece_of_full_size_is_answered_with_its_suffix() {
    let server = Server::start(&["--suffix", "_SB"]);
    let mut client = server.connect();
    let piece = letters(0..16 * 1024);
    let mut answer = piece.to_ascii_uppercase();
    answer.extend(b"_SB");
    // However it is cut into pieces: the letters are all there, in order, with suffixes between.
    client.write_all(&piece).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    client.read_to_string(&mut got).unwrap();
    assert!(got.ends_with("_SB"));
    assert_eq!(got.replace("_SB", "").as_bytes(), &answer[..piece.len()]);
}

#[test]
fn many_clients_interleaved_get_each_their_own_answers() {
    let server = Server::start(&[]);
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for round in 0..5 {
        let text = |client| format!("client {client} in round {round};");
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(text(number).as_bytes()).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate().rev() {
            expect_answer(client, text(number).to_ascii_uppercase().as_bytes());
        }
    }
}

#[test]
fn slow_reader_gets_everything_in_order() {
    const TOTAL: usize = 8 << 20;
    let server = Server::start(&[]);
    let mut client = server.connect();
    // Not until nothing more can be written does it begin to read, a little at a time.
    let written = write_until_full(&mut client);
    let mut writer = client.try_clone().unwrap();
    let writer = thread::spawn(move || {
        if written < TOTAL {
            writer.write_all(&letters(written..TOTAL)).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let total = TOTAL.max(written);
    let expected = letters(0..total).to_ascii_uppercase();
    let mut buf = [0; 1500];
    let mut got = 0;
    loop {
        let n = client.read(&mut buf).unwrap();
        if n == 0 {
            break;
        }
        assert!(expected[got..].starts_with(&buf[..n]), "lost or out of order after {got} bytes");
        got += n;
    }
    assert_eq!(got, total);
    writer.join().unwrap();
}

#[test]
fn half_closed_client_gets_its_whole_answer() {
    let server = Server::start(&[]);
    // The end comes right behind what there is to answer.
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HELLO");
    // The end comes while much of the answer is still to go out.
    let mut client = server.connect();
    let written = write_until_full(&mut client);
    client.shutdown(Shutdown::Write).unwrap();
    expect_letters_and_end(&mut client, written);
}

#[test]
#[cfg(target_os = "linux")]
fn clients_that_never_read_cost_a_buffer_each() {
    use super::proc;
    const CLIENTS: usize = 5;
    let server = Server::start(&[]);
    let mut other = server.connect();
    ask(&mut other, b"hello", b"HELLO");
    let before = proc::memory(server.program.id());
    let mut stuck: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
    let written: Vec<_> = stuck.iter_mut().map(write_until_full).collect();
    let cost = proc::memory(server.program.id()).saturating_sub(before);
    // A buffer is 16 KiB; the memory allocator may round that up.
    assert!(cost <= CLIENTS * 32 * 1024 + 64 * 1024, "{CLIENTS} clients that do not read cost {cost} bytes");
    proc::expect_idle(server.program.id());
    ask(&mut other, b"still there?", b"STILL THERE?");
    // And when they do read, all is there, and then all is as it was.
    for (client, written) in stuck.iter_mut().zip(written) {
        expect_answer(client, &letters(0..written).to_ascii_uppercase());
    }
    proc::expect_idle(server.program.id());
    for mut client in stuck {
        ask(&mut client, b"hello again", b"HELLO AGAIN");
        client.shutdown(Shutdown::Write).unwrap();
        expect_end(&mut client);
    }
}

#[test]
#[cfg(unix)]
fn reset_costs_one_connection() {
    let mut server = Server::start(&[]);
    let mut other = server.connect();
    ask(&mut other, b"hello", b"HELLO");
    #[cfg(target_os = "linux")]
    let before = super::proc::descriptors(server.program.id()).len();

    let mut idle = server.connect();
    ask(&mut idle, b"one", b"ONE");
    reset(idle);
    let mut asking = server.connect();
    asking.write_all(b"never mind the answer").unwrap();
    reset(asking);
    let mut stuck = server.connect();
    write_until_full(&mut stuck);
    reset(stuck);

    // What comes later is reported in the same turn or later, so a turn on they are all gone.
    ask(&mut server.connect(), b"me too", b"ME TOO");
    for _ in 0..2 {
        ask(&mut other, b"still there?", b"STILL THERE?");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(super::proc::descriptors(server.program.id()).len(), before);
    server.program.child.kill().unwrap();
    let ended = server.program.ended();
    assert_eq!(ended.stderr, "", "a connection that was reset is nothing to talk about");
}

#[test]
#[cfg(unix)]
fn client_that_hung_up_while_it_waited_is_passed_over() {
    use rustix::process::Signal;
    let server = Server::start(&[]);
    server.program.signal(Signal::STOP);
    for _ in 0..20 {
        reset(server.connect());
        drop(server.connect());
    }
    let mut client = server.connect();
    server.program.signal(Signal::CONT);
    ask(&mut client, b"hello", b"HELLO");
}

/// A server that may have no more than so many descriptors open.
#[cfg(unix)]
fn server_limited_to(descriptors: usize) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
    command.arg(example("upper_echo")).arg("127.0.0.1:0");
    command
}

#[test]
#[cfg(unix)]
fn out_of_descriptors_serves_those_it_has_and_the_others_as_they_leave() {
    for leave in [drop, reset] {
        let mut server = Server::start_by(&mut server_limited_to(16));
        let mut clients: Vec<_> = (0..30).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(format!("client {number}").as_bytes()).unwrap();
        }
        server.program.stderr.wait_for("cannot accept connections until a client leaves");
        expect_answer(&mut clients[0], b"CLIENT 0");
        #[cfg(target_os = "linux")]
        super::proc::expect_idle(server.program.id());
        ask(&mut clients[0], b"still there?", b"STILL THERE?");
        for (number, mut client) in clients.into_iter().enumerate() {
            if number > 0 {
                expect_answer(&mut client, format!("CLIENT {number}").as_bytes());
            }
            leave(client);
        }
        ask(&mut server.connect(), b"later", b"LATER");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn out_of_descriptors_without_a_client_ends_with_a_sentence() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let server = Server::start(&[]);
    let mut client = server.connect();
    ask(&mut client, b"hello", b"HELLO");
    client.shutdown(Shutdown::Write).unwrap();
    expect_end(&mut client);
    // From here on it gets no descriptor any more.
    let process = server.program.id();
    let limit = super::proc::lowest_free_descriptor(process);
    let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
    prlimit(Pid::from_raw(process as i32), Resource::Nofile, limit).unwrap();
    let _another = server.connect();
    server.program.ended().refused_because("cannot accept connections: Too many open files");
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    let refused = |args: &[&str], sentence: &str| upper_echo(args).ended().refused_because(sentence);
    refused(&["nonsense"], "\"nonsense\" is not an address such as 127.0.0.1:8088");
    refused(&["127.0.0.1"], "\"127.0.0.1\" is not an address");
    refused(&["127.0.0.1:99999"], "is not an address");
    refused(&["127.0.0.1:0", "127.0.0.1:0"], "what does \"127.0.0.1:0\" mean here?");
    refused(&["--loud"], "what does \"--loud\" mean here?");
    refused(&["127.0.0.1:0", "--suffix"], "--suffix needs a text");
}

#[test]
fn occupied_address_is_refused_with_a_sentence() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = occupied.local_addr().unwrap().to_string();
    upper_echo(&[&addr]).ended().refused_because(&format!("cannot listen on {addr}: "));
}

#[test]
#[cfg(unix)]
fn interrupted_from_the_keyboard_ends() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    ask(&mut client, b"hello", b"HELLO");
    server.program.signal(rustix::process::Signal::INT);
    let ended = server.program.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    expect_end(&mut client);
}
