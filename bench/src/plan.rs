//! What is run, and in what order.

use crate::Result;
use crate::figures::Figure;
use crate::peer::Peer;

/// One comparison: the same work for several peers.
pub struct Case {
    pub suite: &'static str,
    pub name: String,
    pub exact: bool,
    pub rounds: usize,
    pub peers: Vec<Peer>,
    /// The one that the others are compared with.
    pub baseline: Peer,
    pub run: Box<dyn Fn(Peer) -> Result<Vec<Figure>>>,
}

/// One run of one peer.
pub struct Step<'a> {
    pub case: &'a Case,
    pub round: usize,
    pub place: usize,
    pub peer: Peer,
}

/// How many others run between two runs of the baseline. The machine's speed drifts within seconds.
const OTHERS_MAX: usize = 4;

/// All steps of all cases. The peers take turns, so that a bad minute meets them all; and each round
/// begins with another one.
pub fn steps(cases: &[Case]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for case in cases {
        for round in 0..case.rounds {
            for (place, peer) in order(case, round).into_iter().enumerate() {
                steps.push(Step { case, round, place, peer });
            }
        }
    }
    steps
}

fn order(case: &Case, round: usize) -> Vec<Peer> {
    if case.exact {
        return case.peers.clone();
    }
    let mut others: Vec<Peer> = case.peers.iter().copied().filter(|peer| *peer != case.baseline).collect();
    if !others.is_empty() {
        let first = round % others.len();
        others.rotate_left(first);
    }
    let mut order = Vec::new();
    for few in others.chunks(OTHERS_MAX) {
        order.push(case.baseline);
        order.extend(few);
    }
    order.push(case.baseline);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(peers: &[Peer]) -> Case {
        Case {
            suite: "echo",
            name: String::new(),
            exact: false,
            rounds: 2,
            peers: peers.to_vec(),
            baseline: Peer::Epoll,
            run: Box::new(|_| Ok(Vec::new())),
        }
    }

    #[test]
    fn baseline_runs_around_each_of_the_others() {
        use Peer::*;
        let case = case(&[Epoll, Mio, Calloop, Polling, Tokio, Selkie]);
        assert_eq!(order(&case, 0), [Epoll, Mio, Calloop, Polling, Tokio, Epoll, Selkie, Epoll]);
    }

    #[test]
    fn rounds_begin_with_another_peer_each() {
        use Peer::*;
        let case = case(&[Epoll, Mio, Calloop, Polling]);
        let firsts: Vec<Peer> = (0..3).map(|round| order(&case, round)[1]).collect();
        assert_eq!(firsts, [Mio, Calloop, Polling]);
    }

    #[test]
    fn each_round_has_each_peer() {
        use Peer::*;
        let case = case(&[Epoll, Mio]);
        let places: Vec<(usize, usize)> = steps(&[case]).iter().map(|step| (step.round, step.place)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }
}
