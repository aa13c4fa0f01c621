use crate::Result;
use crate::program::clock::processor_time;
use crate::program::ring::{Reader, Ring, Turns};
use std::io::{self, Write};
use std::rc::Rc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::LocalSet;

pub struct Tokio;

impl Turns for Tokio {
    fn go<R: Reader, W: 'static>(readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let tasks = LocalSet::new();
        let over = Rc::new(Notify::new());
        let begin = processor_time();
        let _entered = runtime.enter();
        for (place, reader) in readers.into_iter().enumerate() {
            // SAFETY: the reader keeps its descriptor, and is not given away.
            let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE)? };
            tasks.spawn_local(pass_on(place, reader, ring, over.clone()));
        }
        let registering = processor_time() - begin;
        ring.measure(registering, || {
            tasks.block_on(&runtime, over.notified());
            Ok(())
        })
    }
}

async fn pass_on<R: Reader, W>(
    place: usize,
    mut reader: AsyncFd<R>,
    ring: &'static Ring<W>,
    over: Rc<Notify>,
) -> io::Result<()>
where
    for<'w> &'w W: Write,
{
    loop {
        let mut ready = reader.readable_mut().await?;
        if !ring.pass(place, ready.get_inner_mut())? {
            ready.clear_ready();
        }
        if ring.is_over() {
            over.notify_one();
        }
    }
}
