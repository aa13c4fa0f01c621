//! The budget: what selkie may cost, in figures that are counted.

use crate::Result;
use crate::figures::Run;
use crate::peer::Peer;
use std::collections::BTreeMap;

/// For each case, by `suite: case`, the most that each figure may be.
pub type Budget = BTreeMap<String, BTreeMap<String, f64>>;

/// A figure so much below its limit would let a loss go unnoticed.
const LOOSE: f64 = 0.8;

pub fn read(text: &str) -> Result<Budget> {
    Ok(toml::from_str(text)?)
}

/// What came of comparing.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// What costs too much, or was not measured.
    pub exceeded: Vec<String>,
    /// What costs so much less that its limit should be lowered.
    pub loose: Vec<String>,
}

pub fn compare(budget: &Budget, runs: &[Run]) -> Verdict {
    let mut verdict = Verdict::default();
    for (case, limits) in budget {
        let mut ours = runs.iter().filter(|run| run.peer == Peer::Selkie.name());
        let run = ours.find(|run| format!("{}: {}", run.suite, run.case) == *case);
        for (what, &limit) in limits {
            match run.and_then(|run| run.value(what)) {
                None => verdict.exceeded.push(format!("{case}: {what} were not measured")),
                Some(value) if value > limit => {
                    verdict.exceeded.push(format!("{case}: {what} are {value:.3}, not at most {limit}"));
                }
                Some(value) if value < limit * LOOSE => {
                    verdict.loose.push(format!("{case}: {what} are {value:.3}, far below {limit}"));
                }
                Some(_) => {}
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::figure;

    fn verdict(value: f64) -> Verdict {
        let budget = read("[\"counts: 1 client\"]\n\"calls per request\" = 3.0\n").unwrap();
        let figures = vec![figure("calls per request", value)];
        let (suite, case, peer) = ("counts", "1 client".into(), "selkie");
        compare(&budget, &[Run { suite, case, exact: true, round: 0, place: 0, peer, figures }])
    }

    #[test]
    fn figure_at_its_limit_is_within_it() {
        assert_eq!(verdict(3.0), Verdict::default());
    }

    #[test]
    fn figure_above_its_limit_exceeds_it() {
        assert_eq!(verdict(3.01).exceeded, ["counts: 1 client: calls per request are 3.010, not at most 3"]);
    }

    #[test]
    fn figure_far_below_its_limit_is_loose() {
        let verdict = verdict(2.0);
        assert!(verdict.exceeded.is_empty() && verdict.loose.len() == 1);
    }

    #[test]
    fn limit_for_what_was_not_measured_is_exceeded() {
        let budget = read("[\"counts: 1 client\"]\n\"calls per request\" = 3.0\n").unwrap();
        assert_eq!(compare(&budget, &[]).exceeded.len(), 1);
    }
}
