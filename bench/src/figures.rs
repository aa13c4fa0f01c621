//! What is measured: figures, and what can be said of several of them.

use crate::Result;
use serde::Serialize;

/// One figure of one run. The unit is part of the name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub what: String,
    pub value: f64,
}

pub fn figure(what: impl Into<String>, value: f64) -> Figure {
    Figure { what: what.into(), value }
}

/// The figures that a program has printed, each on a line: `what = value`.
pub fn printed(text: &str) -> Result<Vec<Figure>> {
    let figures = text.lines().map(|line| {
        let (what, value) = line.rsplit_once(" = ")?;
        Some(figure(what, value.trim().parse().ok()?))
    });
    figures.collect::<Option<_>>().ok_or_else(|| format!("a program printed no figures, but {text:?}").into())
}

/// A run of one peer, and where it stood among the others: who ran just before and after it.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub suite: &'static str,
    pub case: String,
    /// Whether the figures come out the same in each run, as counts do.
    pub exact: bool,
    /// Which time round, and at which place in it.
    pub round: usize,
    pub place: usize,
    pub peer: &'static str,
    pub figures: Vec<Figure>,
}

impl Run {
    pub fn value(&self, what: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.what == what).map(|figure| figure.value)
    }
}

/// Several figures in short: the one in the middle, the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Spread { median, min, max })
    }
}

/// The ratios of `peer`'s figures to those that `baseline` had at the same time: to its runs before
/// and after, each by how near it is. Of the baseline itself: to its other runs nearby, which shows
/// how far two runs of the same thing are apart.
///
/// `runs` are those of one case.
pub fn ratios(runs: &[&Run], what: &str, peer: &str, baseline: &str) -> Option<Spread> {
    let mut ratios = Vec::new();
    for run in runs.iter().filter(|run| run.peer == peer) {
        let others = runs.iter().filter(|other| {
            other.peer == baseline && other.round == run.round && (peer != baseline || other.place != run.place)
        });
        let points: Vec<(usize, f64)> = others.filter_map(|other| Some((other.place, other.value(what)?))).collect();
        let Some(value) = run.value(what) else { continue };
        if let Some(base) = interpolated(&points, run.place).filter(|base| *base != 0.0) {
            ratios.push(value / base);
        }
    }
    Spread::of(ratios)
}

/// What lies at `place` on the line through the nearest points before and after it; `points` are in
/// order.
fn interpolated(points: &[(usize, f64)], place: usize) -> Option<f64> {
    let before = points.iter().rev().find(|point| point.0 <= place);
    let after = points.iter().find(|point| point.0 >= place);
    match (before, after) {
        (Some(a), Some(b)) if a.0 != b.0 => {
            let way = (place - a.0) as f64 / (b.0 - a.0) as f64;
            Some(a.1 + (b.1 - a.1) * way)
        }
        (Some(one), _) | (_, Some(one)) => Some(one.1),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(peer: &'static str, place: usize, value: f64) -> Run {
        let figures = vec![figure("rate", value)];
        Run { suite: "echo", case: "one".into(), exact: false, round: 0, place, peer, figures }
    }

    #[test]
    fn printed_figures_are_read_back() {
        assert_eq!(printed("a b = 1.5\nc = 2\n").unwrap(), [figure("a b", 1.5), figure("c", 2.0)]);
        assert!(printed("a b\n").is_err());
    }

    #[test]
    fn median_of_an_even_number_is_between_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn ratio_is_to_the_baseline_before_and_after() {
        let runs = [run("base", 0, 100.0), run("a", 1, 110.0), run("b", 2, 120.0), run("base", 3, 130.0)];
        let runs: Vec<&Run> = runs.iter().collect();
        assert_eq!(ratios(&runs, "rate", "a", "base").unwrap().median, 1.0);
        assert_eq!(ratios(&runs, "rate", "b", "base").unwrap().median, 1.0);
    }

    #[test]
    fn ratio_of_the_baseline_is_to_its_other_runs() {
        let runs = [run("base", 0, 100.0), run("base", 1, 110.0)];
        let runs: Vec<&Run> = runs.iter().collect();
        let spread = ratios(&runs, "rate", "base", "base").unwrap();
        assert_eq!(spread.max, 1.1);
    }

    #[test]
    fn ratio_without_a_baseline_is_none() {
        let runs = [run("a", 0, 100.0)];
        let runs: Vec<&Run> = runs.iter().collect();
        assert_eq!(ratios(&runs, "rate", "a", "base"), None);
    }
}
