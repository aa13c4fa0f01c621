use crate::Result;
use crate::program::timers::{self, Timers};
use std::cell::Cell;
use std::env::Args;
use std::iter::Skip;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{Sleep, sleep};

pub fn run(args: &mut Skip<Args>) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let shared = Rc::new(Fired { count: Cell::new(0), another: Notify::new() });
    timers::run(Tokio { runtime, tasks: LocalSet::new(), fired: shared }, args)
}

struct Tokio {
    runtime: Runtime,
    tasks: LocalSet,
    fired: Rc<Fired>,
}

struct Fired {
    count: Cell<usize>,
    another: Notify,
}

impl Timers for Tokio {
    type Timer = Pin<Box<Sleep>>;

    fn start(&mut self, delay: Duration) -> Pin<Box<Sleep>> {
        let _entered = self.runtime.enter();
        let mut sleep = Box::pin(sleep(delay));
        // It is started when it is first asked whether it is over.
        let _ = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        sleep
    }

    fn cancel(&mut self, timer: Pin<Box<Sleep>>) {
        drop(timer);
    }

    fn start_and_leave(&mut self, delay: Duration) {
        let fired = self.fired.clone();
        let _entered = self.runtime.enter();
        let sleep = sleep(delay);
        self.tasks.spawn_local(async move {
            sleep.await;
            fired.count.set(fired.count.get() + 1);
            fired.another.notify_one();
        });
    }

    fn run(&mut self, fired: usize) -> Result<()> {
        let shared = self.fired.clone();
        self.tasks.block_on(&self.runtime, async move {
            while shared.count.get() < fired {
                shared.another.notified().await;
            }
        });
        Ok(())
    }
}
