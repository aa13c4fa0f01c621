use crate::Result;
use crate::program::wake::{self, Boxed, Called, Caller};
use calloop::EventLoop;
use calloop::channel::{Event, Sender, channel};
use std::env::Args;
use std::iter::Skip;
use std::sync::atomic::{AtomicBool, Ordering};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let event_loop = EventLoop::try_new()?;
    let (caller, calls) = channel::<Boxed>();
    event_loop.handle().insert_source(calls, |event, (), ()| {
        if let Event::Msg(call) = event {
            call();
        }
    })?;
    wake::run(Calloop { event_loop, caller }, args)
}

struct Calloop {
    event_loop: EventLoop<'static, ()>,
    caller: Sender<Boxed>,
}

impl Called for Calloop {
    type Caller = Sender<Boxed>;

    fn caller(&self) -> Result<Sender<Boxed>> {
        Ok(self.caller.clone())
    }

    fn run(mut self, over: &AtomicBool) -> Result<()> {
        while !over.load(Ordering::Relaxed) {
            self.event_loop.dispatch(None, &mut ())?;
        }
        Ok(())
    }
}

impl Caller for Sender<Boxed> {
    fn call(&self, call: impl FnOnce() + Send + 'static) {
        let _ = self.send(Box::new(call));
    }
}
