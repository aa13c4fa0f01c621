//! Servers that send back what they are sent, under clients that always want more.

use super::{Setting, clients_in_words, shares_a_core};
use crate::child::Place;
use crate::load::Load;
use crate::peer::Program;
use crate::plan::Case;
use std::rc::Rc;

/// How many clients, with how many requests of how many bytes on their way from each.
struct Shape {
    clients: usize,
    size: usize,
    depth: usize,
}

const SMALL: usize = 64;
const LARGE: usize = 4096;

/// With a server and its load on one processor, a turn of the server finds all clients ready, and
/// nobody waits for another processor to wake up. These are the figures that come out the same.
const TOGETHER: [Shape; 3] = [
    Shape { clients: 1, size: SMALL, depth: 1 },
    Shape { clients: 50, size: SMALL, depth: 1 },
    Shape { clients: 50, size: LARGE, depth: 1 },
];

const APART: [Shape; 9] = [
    Shape { clients: 1, size: SMALL, depth: 1 },
    Shape { clients: 50, size: SMALL, depth: 1 },
    Shape { clients: 1000, size: SMALL, depth: 1 },
    Shape { clients: 9000, size: SMALL, depth: 1 },
    Shape { clients: 50, size: SMALL, depth: 16 },
    Shape { clients: 1, size: LARGE, depth: 1 },
    Shape { clients: 50, size: LARGE, depth: 1 },
    Shape { clients: 1000, size: LARGE, depth: 1 },
    Shape { clients: 9000, size: LARGE, depth: 1 },
];

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in TOGETHER {
        cases.extend(case(setting, setting.beside, shape));
    }
    if let Some(apart) = setting.apart {
        for shape in APART {
            cases.extend(case(setting, apart, shape));
        }
    }
    cases
}

fn case(setting: &Rc<Setting>, place: Place, shape: Shape) -> Option<Case> {
    let Shape { clients, size, depth } = shape;
    if setting.quick && clients > 50 {
        return None;
    }
    let mut name = clients_in_words(clients);
    if size == LARGE {
        name += ", 4 KiB";
    }
    if depth > 1 {
        name += &format!(", {depth} at once");
    }
    if shares_a_core(place) {
        name += ", one core";
    }
    let baseline = setting.baseline(Program::Echo)?;
    let peers = setting.peers.with(Program::Echo);
    let load = Load::Echo { clients, size, depth, time: setting.window() };
    // So many clients take their time to connect.
    let rounds = setting.rounds().min(if clients >= 1000 { 2 } else { usize::MAX });
    let setting = setting.clone();
    let run = Box::new(move |peer| setting.under_load(peer, Program::Echo, place, &load));
    Some(Case { suite: "echo", name, exact: false, rounds, peers, baseline, run })
}
