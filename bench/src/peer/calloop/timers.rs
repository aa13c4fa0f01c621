use crate::Result;
use crate::program::timers::{self, Timers};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, RegistrationToken};
use std::env::Args;
use std::iter::Skip;
use std::time::Duration;

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    timers::run(Calloop(EventLoop::try_new()?), args)
}

/// What its callbacks are handed is the number of timers that have fired.
struct Calloop(EventLoop<'static, usize>);

impl Timers for Calloop {
    type Timer = RegistrationToken;

    fn start(&mut self, delay: Duration) -> RegistrationToken {
        let fire = |_, _: &mut (), fired: &mut usize| {
            *fired += 1;
            TimeoutAction::Drop
        };
        self.0.handle().insert_source(Timer::from_duration(delay), fire).expect("there is room for a timer")
    }

    fn cancel(&mut self, timer: RegistrationToken) {
        self.0.handle().remove(timer);
    }

    fn run(&mut self, fired: usize) -> Result<()> {
        let mut so_far = 0;
        while so_far < fired {
            self.0.dispatch(None, &mut so_far)?;
        }
        Ok(())
    }
}
