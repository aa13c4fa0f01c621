use crate::Result;
use crate::program::timers::{self, Timers};
use selkie::{Selector, Timer};
use std::cell::Cell;
use std::env::Args;
use std::iter::Skip;
use std::time::Duration;

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let fired = &Cell::new(0);
    timers::run(Selkie { fired, sel: Selector::new()? }, args)
}

struct Selkie<'f> {
    fired: &'f Cell<usize>,
    sel: Selector<'f>,
}

impl Timers for Selkie<'_> {
    type Timer = Timer;

    fn start(&mut self, delay: Duration) -> Timer {
        let fired = self.fired;
        self.sel.call_later(delay, |_| fired.set(fired.get() + 1))
    }

    fn cancel(&mut self, timer: Timer) {
        self.sel.cancel(timer);
    }

    fn run(&mut self, fired: usize) -> Result<()> {
        while self.fired.get() < fired {
            self.sel.turn(None)?;
        }
        Ok(())
    }
}
