//! `server_models`: the same answers from all seven, and the comparison of them.
#![cfg(unix)]

use super::{Running, Server, example, letters};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

fn server(model: &str) -> Server {
    Server::start_by(Command::new(example("server_models")).args(["127.0.0.1:0", "--model", model]))
}

#[track_caller]
fn ask(client: &mut TcpStream, text: &[u8], answer: &[u8]) {
    client.write_all(text).expect("the server takes it");
    let mut buf = vec![0; answer.len()];
    client.read_exact(&mut buf).expect("the server answers");
    assert_eq!(String::from_utf8_lossy(&buf), String::from_utf8_lossy(answer));
}

#[test]
fn models_answer_whole_lines() {
    for model in ["blocking", "process", "thread", "polling", "select-loop", "callbacks", "workers"] {
        let server = server(model);
        let mut client = server.connect();
        ask(&mut client, b"hello\nwor", b"HELLO\n");
        ask(&mut client, b"ld\n", b"WORLD\n");
        // More than a socket takes at once, in one line after the other.
        let text: Vec<u8> = letters(0..400_000).chunks(1000).flat_map(|line| [line, b"\n"].concat()).collect();
        let mut writer = client.try_clone().unwrap();
        let sent = text.clone();
        let writer = std::thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        writer.join().unwrap();
        assert!(answer == text.to_ascii_uppercase(), "{model}: {} of {} bytes came", answer.len(), text.len());
    }
}

#[test]
fn all_models_but_the_first_serve_a_second_client_beside_the_first() {
    for model in ["process", "thread", "polling", "select-loop", "callbacks", "workers"] {
        let server = server(model);
        let mut clients = [server.connect(), server.connect(), server.connect()];
        for round in 0..3 {
            for (number, client) in clients.iter_mut().enumerate() {
                let text = format!("{model} {number} {round}\n");
                ask(client, text.as_bytes(), text.to_uppercase().as_bytes());
            }
        }
    }
}

#[test]
fn blocking_model_serves_the_second_client_when_the_first_has_left() {
    let server = server("blocking");
    let mut first = server.connect();
    ask(&mut first, b"one\n", b"ONE\n");
    let mut second = server.connect();
    second.write_all(b"two\n").unwrap();
    ask(&mut first, b"one\n", b"ONE\n");
    second.set_nonblocking(true).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    second.set_nonblocking(false).unwrap();
    drop(first);
    ask(&mut second, b"again\n", b"TWO\nAGAIN\n");
}

#[test]
fn loops_end_in_order_when_interrupted_from_the_keyboard() {
    for model in ["callbacks", "workers"] {
        let server = server(model);
        ask(&mut server.connect(), b"hello\n", b"HELLO\n");
        server.program.signal(rustix::process::Signal::INT);
        let ended = server.program.ended();
        assert!(ended.status.success(), "{model}: {}", ended.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn comparison_shows_that_the_first_model_serves_one_client_only() {
    let drawing = std::env::temp_dir().join(format!("selkie-models-{}.svg", std::process::id()));
    let mut command = Command::new(example("server_models"));
    command.args(["--compare", "--seconds", "0.2", "--clients", "10", "--svg"]).arg(&drawing);
    let ended = Running::start(&mut command).ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("14 of 14: workers, clients: 10"), "{}", ended.stderr);
    let rows: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let answered = |model| rows.iter().find(|row| row[..2] == [model, "10"]).map(|row| row[2]);
    assert_eq!(answered("blocking"), Some("1"), "{}", ended.stdout);
    for model in ["process", "thread", "polling", "select-loop", "callbacks", "workers"] {
        assert_eq!(answered(model), Some("10"), "{}", ended.stdout);
    }
    let svg = std::fs::read_to_string(&drawing).unwrap();
    std::fs::remove_file(&drawing).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    assert_eq!(svg.matches("<polyline ").count(), 4 * 7);
}

#[test]
fn what_it_cannot_do_is_said_in_a_sentence() {
    let refused = |args: &[&str], why| {
        Running::start(Command::new(example("server_models")).args(args)).ended().refused_because(why);
    };
    refused(&["--model", "magic"], "there is no model \"magic\", only blocking, process, ");
    refused(&["--compare", "--seconds", "-1"], "not in -1 seconds");
}
