use crate::Result;
use crate::program::wake::{self, Called, Caller};
use selkie::{Remote, Selector};
use std::env::Args;
use std::iter::Skip;
use std::sync::atomic::{AtomicBool, Ordering};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    wake::run(Selkie(Selector::new()?), args)
}

struct Selkie(Selector<'static>);

impl Called for Selkie {
    type Caller = Remote;

    fn caller(&self) -> Result<Remote> {
        Ok(self.0.remote()?)
    }

    fn run(self, over: &AtomicBool) -> Result<()> {
        while !over.load(Ordering::Relaxed) {
            self.0.turn(None)?;
        }
        Ok(())
    }
}

impl Caller for Remote {
    fn call(&self, call: impl FnOnce() + Send + 'static) {
        let _ = Remote::call(self, |_: &Selector| call());
    }
}
