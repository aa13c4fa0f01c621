//! Clients that connect, have one request answered, and close.

use super::{Setting, shares_a_core};
use crate::child::Place;
use crate::load::Load;
use crate::peer::Program;
use crate::plan::Case;
use std::rc::Rc;

pub fn cases(setting: &Rc<Setting>) -> Vec<Case> {
    let places = [Some(setting.beside), setting.apart];
    places.into_iter().flatten().filter_map(|place| case(setting, place)).collect()
}

fn case(setting: &Rc<Setting>, place: Place) -> Option<Case> {
    let name = format!("50 at once{}", if shares_a_core(place) { ", one core" } else { "" });
    let baseline = setting.baseline(Program::Echo)?;
    let peers = setting.peers.with(Program::Echo);
    let rounds = setting.rounds();
    let load = Load::Churn { parallel: 50, time: setting.window() };
    let setting = setting.clone();
    let run = Box::new(move |peer| setting.under_load(peer, Program::Echo, place, &load));
    Some(Case { suite: "churn", name, exact: false, rounds, peers, baseline, run })
}
