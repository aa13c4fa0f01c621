//! The table as a picture.

use crate::compare::Row;
use std::fmt::Write;

/// The size of a panel, with room around it for its numbers.
const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;

/// Colours that can be told apart also by those who see them differently.
const COLOURS: [&str; 7] = ["#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#0072b2"];

type Panel = (&'static str, fn(&Row) -> f64);

const PANELS: [Panel; 4] = [
    ("requests per second (more is better)", |row| row.requests),
    ("99 of 100 answers within, ms (less is better)", |row| row.p99),
    ("CPU time per request, µs (less is better)", |row| row.cpu),
    ("memory per client, KiB (less is better)", |row| row.memory),
];

/// Four panels, one for each figure, over the number of clients. All scales are logarithmic.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut models: Vec<&str> = rows.iter().map(|row| row.model).collect();
    models.dedup();
    let (width, height) = (2.0 * (WIDTH + LEFT) + 150.0, 2.0 * (HEIGHT + TOP + 30.0) + 20.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, panel) in PANELS.iter().enumerate() {
        let x = LEFT + (number % 2) as f64 * (WIDTH + LEFT);
        let y = TOP + (number / 2) as f64 * (HEIGHT + TOP + 30.0);
        draw(&mut svg, panel, rows, &models, (x, y));
    }
    let x = width - 130.0;
    for (number, (model, colour)) in models.iter().zip(COLOURS).enumerate() {
        let y = TOP + 20.0 * number as f64;
        add(&mut svg, format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"));
        add(&mut svg, format_args!("<text x=\"{}\" y=\"{}\">{model}</text>", x + 18.0, y + 11.0));
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, &(title, figure): &Panel, rows: &[Row], models: &[&str], (x, y): (f64, f64)) {
    // What is not there, or nothing, has no logarithm.
    let drawn = |row: &&Row| figure(row).is_finite() && figure(row) > 0.0;
    let exponents = || rows.iter().filter(drawn).map(|row| figure(row).log10());
    let (low, high) = (exponents().fold(f64::INFINITY, f64::min).floor(), exponents().fold(0.0, f64::max).ceil());
    let clients_max = rows.iter().map(|row| row.clients).max().unwrap_or(1).max(10) as f64;
    let across = |clients: usize| x + WIDTH * (clients as f64).log10() / clients_max.log10();
    let down = |figure: f64| y + HEIGHT * (1.0 - (figure.log10() - low) / (high - low));

    add(svg, format_args!("<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{title}</text>", y - 12.0));
    let mut exponent = low;
    while exponent <= high {
        let (line, right, number) = (down(10_f64.powf(exponent)), x + WIDTH, 10_f64.powf(exponent));
        add(svg, format_args!("<path d=\"M{x} {line}H{right}\" stroke=\"#ddd\"/>"));
        add(svg, format_args!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{number}</text>", x - 6.0, line + 4.0));
        exponent += 1.0;
    }
    for clients in [1, 10, 100, 1000].into_iter().filter(|&clients| clients as f64 <= clients_max) {
        let (at, below) = (across(clients), y + HEIGHT + 18.0);
        add(svg, format_args!("<text x=\"{at}\" y=\"{below}\" text-anchor=\"middle\">{clients}</text>"));
    }
    for (model, colour) in models.iter().zip(COLOURS) {
        let points = rows.iter().filter(|row| row.model == *model).filter(drawn);
        let points: Vec<_> = points.map(|row| (across(row.clients), down(figure(row)))).collect();
        let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let line = line.join(" ");
        add(svg, format_args!("<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        for (x, y) in points {
            add(svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
    }
}

fn add(svg: &mut String, element: std::fmt::Arguments) {
    writeln!(svg, "{element}").expect("a string takes everything");
}
