//! `timers`: what it prints, when, and in what order.

use super::example;
use std::process::Command;

#[test]
fn timers_come_in_order_and_not_before_their_times() {
    let output = Command::new(example("timers")).output().expect("the example can be run");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<(u128, &str)> = printed
        .lines()
        .map(|line| {
            let (when, what) = line.trim_start().split_once("  ").expect("a time and a text");
            (when.parse().expect("milliseconds"), what)
        })
        .collect();
    let began = |text: &str| {
        let at = lines.iter().position(|(_, what)| what.starts_with(text));
        at.unwrap_or_else(|| panic!("nothing begins with {text:?} in\n{printed}"))
    };
    // On a machine that is busy with something else there may be fewer ticks, but never earlier ones.
    assert!(lines.is_sorted_by_key(|(when, _)| *when), "{printed}");
    assert_eq!(began("deferred"), 0, "{printed}");
    for (text, earliest) in [("tick 1", 50), ("tick 2", 100), ("a timer", 270), ("tick 3", 270), ("put off", 500)] {
        assert!(lines[began(text)].0 >= earliest, "{printed}");
    }
    assert_eq!(began("put off"), lines.len() - 1, "{printed}");
    assert!(!printed.contains("not said"), "{printed}");
}
