//! Every server ends in order when it is told to, by the keyboard or by whoever supervises it.
#![cfg(unix)]

use super::{Running, example};
use rustix::process::Signal;
use std::process::{Command, Stdio};

const SERVERS: [&str; 10] = [
    "level_and_edge",
    "select_echo",
    "print_server",
    "stdin_quits",
    "upper_echo",
    "message_queues",
    "epoll_http",
    "wake_from_thread",
    "worker_pool",
    "run_command",
];

#[test]
fn servers_that_are_told_to_end_do_so_in_order() {
    for server in SERVERS {
        for signal in [Signal::INT, Signal::TERM] {
            // Its standard input stays open: one of them ends with that.
            let mut command = Command::new(example(server));
            let mut program = Running::start(command.arg("127.0.0.1:0").stdin(Stdio::piped()));
            let stdin = program.child.stdin.take();
            program.stdout.wait_for("listening on ");
            program.signal(signal);
            let ended = program.ended();
            assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""), "{server}, {signal:?}");
            drop(stdin);
        }
    }
}
