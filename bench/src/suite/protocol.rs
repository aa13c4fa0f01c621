//! Servers that stand on a buffered connection: the echo, lines, and a web server.

use super::{Setting, clients_in_words, shares_a_core};
use crate::child::{self, Place, Server, output, processor_time};
use crate::figures::{Figure, figure};
use crate::load::Load;
use crate::machine;
use crate::peer::Program;
use crate::plan::Case;
use std::process::Command;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(echo(setting, Program::Buffered, 1, 1));
    cases.extend(echo(setting, Program::Buffered, 50, 1));
    cases.extend(echo(setting, Program::Lines, 50, 1));
    cases.extend(echo(setting, Program::Lines, 50, 16));
    if machine::has("wrk") {
        cases.extend(
            [Some(setting.beside), setting.apart].into_iter().flatten().filter_map(|place| web(setting, place)),
        );
    }
    cases
}

/// Compared with an echo that needs no buffers.
fn echo(setting: &Rc<Setting>, program: Program, clients: usize, depth: usize) -> Option<Case> {
    let baseline = setting.baseline(Program::Echo)?;
    let mut peers = setting.peers.with(program);
    if !peers.contains(&baseline) {
        peers.push(baseline);
    }
    let rounds = setting.rounds();
    let load = Load::Echo { clients, size: 64, depth, time: setting.window() };
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let program = if peer == baseline { Program::Echo } else { program };
        setting.under_load(peer, program, setting.beside, &load)
    });
    let mut name = format!("{}, {}", program.name(), clients_in_words(clients));
    if depth > 1 {
        name += &format!(", {depth} at once");
    }
    Some(Case { suite: "protocol", name: name + ", one core", exact: false, rounds, peers, baseline, run })
}

const WEB_CLIENTS: usize = 50;

fn web(setting: &Rc<Setting>, place: Place) -> Option<Case> {
    let baseline = setting.baseline(Program::Http)?;
    let peers = setting.peers.with(Program::Http);
    let rounds = setting.rounds();
    let setting = setting.clone();
    let run = Box::new(move |peer| {
        let server = Server::start(&mut setting.peers.executable(peer, Program::Http).at(setting.server))?;
        let begin = processor_time(server.pid)?;
        let said = output(&mut wrk(place, server.port))?;
        let used = processor_time(server.pid)? - begin;
        server.stop()?;
        web_figures(&said, used).ok_or_else(|| format!("what does wrk mean by {said:?}?").into())
    });
    let cores = if shares_a_core(place) { ", one core" } else { "" };
    let name = format!("http, {}{cores}", clients_in_words(WEB_CLIENTS));
    Some(Case { suite: "protocol", name, exact: false, rounds, peers, baseline, run })
}

fn wrk(place: Place, port: u16) -> Command {
    let mut command = child::at(place, "wrk");
    command.args(["--threads", "1", "--duration", "1s", "--connections"]);
    command.arg(WEB_CLIENTS.to_string()).arg(format!("http://127.0.0.1:{port}/"));
    command
}

fn web_figures(said: &str, used: u64) -> Option<Vec<Figure>> {
    // It says so if there were others.
    if said.contains("Non-2xx") {
        return None;
    }
    let served: f64 = said.split_once(" requests in ")?.0.lines().last()?.trim().parse().ok()?;
    let rate: f64 = said.split_once("Requests/sec:")?.1.split_whitespace().next()?.parse().ok()?;
    Some(vec![figure("requests per second", rate), figure("processor ns per request", used as f64 / served)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let said =
            "  Latency   412us\n  114312 requests in 1.10s, 5.56MB read\nRequests/sec: 103923.61\nTransfer/sec: 5MB\n";
        let figures = web_figures(said, 1_143_120).unwrap();
        assert_eq!(figures, [figure("requests per second", 103_923.61), figure("processor ns per request", 10.0)]);
        assert_eq!(web_figures("unable to connect", 1), None);
    }
}
