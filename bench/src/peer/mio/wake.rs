use crate::Result;
use crate::program::wake::{self, Boxed, Called, Caller};
use mio::{Events, Poll, Token, Waker};
use std::env::Args;
use std::iter::Skip;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
    let (send, receive) = channel();
    wake::run(Mio { poll, caller: MioCaller { send, waker }, receive }, args)
}

struct Mio {
    poll: Poll,
    caller: MioCaller,
    receive: Receiver<Boxed>,
}

#[derive(Clone)]
struct MioCaller {
    send: Sender<Boxed>,
    waker: Arc<Waker>,
}

impl Called for Mio {
    type Caller = MioCaller;

    fn caller(&self) -> Result<MioCaller> {
        Ok(self.caller.clone())
    }

    fn run(mut self, over: &AtomicBool) -> Result<()> {
        let mut events = Events::with_capacity(8);
        while !over.load(Ordering::Relaxed) {
            self.poll.poll(&mut events, None)?;
            // What comes meanwhile has its turn in the next.
            let calls: Vec<Boxed> = self.receive.try_iter().collect();
            calls.into_iter().for_each(|call| call());
        }
        Ok(())
    }
}

impl Caller for MioCaller {
    fn call(&self, call: impl FnOnce() + Send + 'static) {
        let _ = self.send.send(Box::new(call));
        let _ = self.waker.wake();
    }
}
