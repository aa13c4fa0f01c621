//! Plots, one for each suite: for each peer and case a point, and a line from the least to the
//! greatest.

use super::axis::Axis;
use super::{Heading, Report};
use crate::Result;
use crate::figures::{Spread, ratios};
use plotters::prelude::*;
use std::path::Path;

/// What is shown of each suite: the figure that says most.
const SHOWN: [(&str, &str); 8] = [
    ("echo", "processor ns per request"),
    ("counts", "instructions per request"),
    ("protocol", "processor ns per request"),
    ("ring", "ns per event"),
    ("memory", "heap bytes per connection"),
    ("timers", "ns to do all three"),
    ("wake", "processor ns per call"),
    ("churn", "processor ns per request"),
];

const WIDTH: u32 = 880;
/// Of which the legend takes so much, at the right.
const LEGEND: u32 = 280;
/// One case of one peer.
const LANE_HEIGHT: u32 = 11;
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];

/// The points of one case.
struct Series<'r> {
    label: String,
    points: Vec<(&'r str, Spread)>,
}

/// Writes the plots, each to a file with the name of its suite, and answers of which suites.
pub fn write(report: &Report, folder: &Path) -> Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for (suite, figure) in SHOWN {
        let cases = report.cases.iter().filter(|case| case.suite == suite && is_steady(case));
        let all = cases.map(|case| (case, points(report, case, figure)));
        let shown: Vec<_> = all.filter(|(_, points)| !points.is_empty()).collect();
        let Some((first, _)) = shown.first() else { continue };
        let compared_with = first.compared_with();
        let title = match compared_with {
            None => figure.to_owned(),
            Some(baseline) => format!("{figure} ÷ those of {baseline}"),
        };
        let series = shown.into_iter().map(|(case, points)| {
            let label = match case.compared_with() {
                Some(other) if compared_with != Some(other) => format!("{} (÷ {other})", case.case),
                _ => case.case.clone(),
            };
            Series { label, points }
        });
        draw(&folder.join(format!("{suite}.svg")), &title, &series.collect::<Vec<_>>())?;
        written.push(suite);
    }
    Ok(written)
}

/// Where a suite has cases on one core and on two, those on one: the others depend too much on how
/// the processors wake each other.
fn is_steady(case: &Heading) -> bool {
    !matches!(case.suite, "echo" | "protocol" | "churn") || case.case.contains("one core")
}

fn points<'r>(report: &'r Report, case: &'r Heading, figure: &str) -> Vec<(&'r str, Spread)> {
    let runs = report.runs_of(case);
    let spread = |peer: &str| {
        if case.exact {
            let run = runs.iter().find(|run| run.peer == peer)?;
            Spread::of(vec![run.value(figure)?])
        } else {
            ratios(&runs, figure, peer, case.baseline)
        }
    };
    case.peers.iter().filter_map(|&peer| Some((peer, spread(peer)?))).filter(|point| point.1.min > 0.0).collect()
}

fn draw(file: &Path, title: &str, series: &[Series]) -> Result<()> {
    let mut peers: Vec<&str> = Vec::new();
    for (peer, _) in series.iter().flat_map(|series| &series.points) {
        if !peers.contains(peer) {
            peers.push(peer);
        }
    }
    let lanes = series.len() + 1;
    let height = (peers.len() * lanes) as u32 * LANE_HEIGHT + 90;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;

    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .margin_right(LEGEND)
        .x_label_area_size(30)
        .y_label_area_size(80)
        .build_cartesian_2d(axis(series), Axis::of_rows(peers.len()))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|x| label(*x))
        .y_label_formatter(&|y| peers[peers.len() - 1 - *y as usize].to_owned())
        .draw()?;
    for row in 1..peers.len() {
        let y = row as f64;
        let ends = chart.x_range();
        chart.draw_series([PathElement::new(vec![(ends.start, y), (ends.end, y)], BLACK.mix(0.2))])?;
    }
    for (lane, Series { label, points }) in series.iter().enumerate() {
        let colour = COLOURS[lane % COLOURS.len()];
        // The first peer is at the top.
        let y = |peer: &str| {
            let row = peers.iter().position(|other| *other == peer).unwrap_or_default();
            (peers.len() - row) as f64 - (lane + 1) as f64 / lanes as f64
        };
        chart.draw_series(points.iter().map(|(peer, spread)| {
            let ends = vec![(spread.min, y(peer)), (spread.max, y(peer))];
            PathElement::new(ends, colour.stroke_width(2))
        }))?;
        chart.draw_series(
            points.iter().map(|(peer, spread)| Circle::new((spread.median, y(peer)), 4, colour.filled())),
        )?;
        let beside = ((WIDTH - LEGEND) as i32 + 16, 50 + 20 * lane as i32);
        area.draw(&Circle::new(beside, 4, colour.filled()))?;
        area.draw(&Text::new(label.as_str(), (beside.0 + 12, beside.1 - 6), ("sans-serif", 13)))?;
    }
    area.present()?;
    Ok(())
}

fn axis(series: &[Series]) -> Axis {
    let spreads = || series.iter().flat_map(|series| &series.points).map(|point| point.1);
    let min = spreads().map(|spread| spread.min).fold(f64::INFINITY, f64::min);
    let max = spreads().map(|spread| spread.max).fold(0.0, f64::max);
    Axis::of_ratios(min * 0.95, max * 1.05)
}

fn label(value: f64) -> String {
    if value < 0.095 || value.fract().abs() < 0.001 { format!("{value}") } else { format!("{value:.1}") }
}
