//! Calls at a given time: once, again and again, put off, and taken back.
//!
//! It shows every way to schedule a call, and what a loop that was kept busy makes of those that it
//! missed.
//!
//! ```text
//! cargo run --example timers
//! ```
//!
//! It runs for half a second and prints what is called when, in milliseconds since the start, somewhat
//! like this:
//!
//! ```text
//!    0  deferred: called in the first turn, which waits for nothing
//!   50  tick 1
//!  100  tick 2, which keeps the loop busy for 170 ms
//!  270  a timer that was due at 120
//!  270  tick 3, late, for those that were due at 150, 200 and 250
//!  300  tick 4, in step again
//!  350  tick 5, and enough of that
//!  500  put off twice, and called once
//! ```
//!
//! Python's `selectors` has no timers. The servers of the tutorials make do with a time-out of
//! `select` and a look at every client after each; asyncio has `call_later`, but nothing that repeats,
//! so that one schedules oneself anew and drifts. Here what repeats keeps to its phase, and never
//! comes in a burst.

use selkie::Selector;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timers: the loop failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> io::Result<()> {
    let start = Instant::now();
    // Declared before the selector, so the callbacks may borrow it.
    let say = &move |what: &str| println!("{:4}  {what}", start.elapsed().as_millis());
    let sel = Selector::new()?;

    sel.call_soon(|_| say("deferred: called in the first turn, which waits for nothing"));

    let mut ticks = 0;
    let ticker = sel.call_every(50 * MS, move |_| {
        ticks += 1;
        match ticks {
            2 => {
                say("tick 2, which keeps the loop busy for 170 ms");
                // For once, what no callback should do: nobody else is called meanwhile.
                thread::sleep(170 * MS);
            }
            3 => say("tick 3, late, for those that were due at 150, 200 and 250"),
            4 => say("tick 4, in step again"),
            5 => say("tick 5, and enough of that"),
            _ => say(&format!("tick {ticks}")),
        }
    });
    sel.call_at(start + 120 * MS, |_| say("a timer that was due at 120"));

    // A handle can be copied, and kept by whoever has a use for it.
    let never = sel.call_later(400 * MS, |_| say("this is not said"));
    sel.call_at(start + 375 * MS, move |sel| {
        sel.cancel(ticker);
        sel.cancel(never);
    });

    let put_off = sel.call_later(10 * MS, |_| say("put off twice, and called once"));
    sel.reset(put_off, 200 * MS)?;
    sel.reset(put_off, 500 * MS)?;

    // Ends when nothing is scheduled any more.
    sel.run()
}
