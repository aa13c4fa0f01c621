use crate::Result;
use crate::program::wake::{self, Boxed, Called, Caller};
use polling::{Events, Poller};
use std::env::Args;
use std::iter::Skip;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let (send, receive) = channel();
    wake::run(Polling { caller: PollingCaller { send, poller: Arc::new(Poller::new()?) }, receive }, args)
}

struct Polling {
    caller: PollingCaller,
    receive: Receiver<Boxed>,
}

#[derive(Clone)]
struct PollingCaller {
    send: Sender<Boxed>,
    poller: Arc<Poller>,
}

impl Called for Polling {
    type Caller = PollingCaller;

    fn caller(&self) -> Result<PollingCaller> {
        Ok(self.caller.clone())
    }

    fn run(self, over: &AtomicBool) -> Result<()> {
        let mut events = Events::new();
        while !over.load(Ordering::Relaxed) {
            events.clear();
            self.caller.poller.wait(&mut events, None)?;
            // What comes meanwhile has its turn in the next.
            let calls: Vec<Boxed> = self.receive.try_iter().collect();
            calls.into_iter().for_each(|call| call());
        }
        Ok(())
    }
}

impl Caller for PollingCaller {
    fn call(&self, call: impl FnOnce() + Send + 'static) {
        let _ = self.send.send(Box::new(call));
        let _ = self.poller.notify();
    }
}
