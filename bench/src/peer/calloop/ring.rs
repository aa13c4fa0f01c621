use crate::Result;
use crate::program::clock::processor_time;
use crate::program::ring::{Reader, Ring, Turns};
use calloop::generic::Generic;
use calloop::{EventLoop, Interest, Mode, PostAction};
use std::io::Write;

pub struct Calloop;

impl Turns for Calloop {
    fn go<R: Reader, W: 'static>(readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write,
    {
        let mut event_loop: EventLoop<()> = EventLoop::try_new()?;
        let begin = processor_time();
        for (place, reader) in readers.into_iter().enumerate() {
            let source = Generic::new(reader, Interest::READ, Mode::Level);
            event_loop.handle().insert_source(source, move |_, reader, ()| {
                // SAFETY: the reader is not dropped, nor replaced.
                ring.pass(place, unsafe { reader.get_mut() })?;
                Ok(PostAction::Continue)
            })?;
        }
        ring.measure(processor_time() - begin, || Ok(event_loop.dispatch(None, &mut ())?))
    }
}
