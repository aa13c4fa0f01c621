//! The axes of a plot, with marks where we want them.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

pub struct Axis {
    range: Range<f64>,
    scale: fn(f64) -> f64,
    marks: Vec<f64>,
}

impl Axis {
    /// So many rows, each as high as one, with a mark in its middle.
    pub fn of_rows(rows: usize) -> Axis {
        Axis { range: 0.0..rows as f64, scale: |y| y, marks: (0..rows).map(|row| row as f64 + 0.5).collect() }
    }

    /// Logarithmic, so that twice as much and half as much are as far away.
    pub fn of_ratios(min: f64, max: f64) -> Axis {
        Axis { range: min..max, scale: f64::ln, marks: marks(min, max) }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (start, end) = ((self.scale)(self.range.start), (self.scale)(self.range.end));
        let way = ((self.scale)(*value) - start) / (end - start);
        limit.0 + ((limit.1 - limit.0) as f64 * way).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light ones are those between the marks, of which there are none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Round numbers between the two, not too many.
fn marks(min: f64, max: f64) -> Vec<f64> {
    let steps: &[f64] = match max / min {
        ratio if ratio < 2.0 => &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        ratio if ratio < 6.0 => &[1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
        ratio if ratio < 100.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let tens = (min.log10().floor() as i32)..=(max.log10().ceil() as i32);
    let all = tens.flat_map(|exponent| steps.iter().map(move |step| step * 10_f64.powi(exponent)));
    all.filter(|mark| (min..=max).contains(mark)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_within() {
        assert_eq!(marks(30.0, 3000.0), [100.0, 1000.0]);
        assert_eq!(marks(0.7, 3.9), [0.8, 1.0, 1.2, 1.5, 2.0, 3.0]);
        assert_eq!(marks(0.95, 1.35), [1.0, 1.1, 1.2, 1.3]);
    }

    #[test]
    fn twice_and_half_are_as_far_away() {
        let axis = Axis::of_ratios(0.5, 2.0);
        assert_eq!([0.5, 1.0, 2.0].map(|value| axis.map(&value, (0, 100))), [0, 50, 100]);
    }
}
