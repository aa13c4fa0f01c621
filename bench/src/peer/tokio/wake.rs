use crate::Result;
use crate::program::wake::{self, Boxed, Called, Caller};
use std::env::Args;
use std::iter::Skip;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let (caller, calls) = unbounded_channel();
    wake::run(Tokio { caller, calls }, args)
}

struct Tokio {
    caller: UnboundedSender<Boxed>,
    calls: UnboundedReceiver<Boxed>,
}

impl Called for Tokio {
    type Caller = UnboundedSender<Boxed>;

    fn caller(&self) -> Result<UnboundedSender<Boxed>> {
        Ok(self.caller.clone())
    }

    fn run(mut self, over: &AtomicBool) -> Result<()> {
        // With its I/O, as a program has it that waits for more than calls.
        let runtime = Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            while !over.load(Ordering::Relaxed) {
                if let Some(call) = self.calls.recv().await {
                    call();
                }
            }
        });
        Ok(())
    }
}

impl Caller for UnboundedSender<Boxed> {
    fn call(&self, call: impl FnOnce() + Send + 'static) {
        let _ = self.send(Box::new(call));
    }
}
