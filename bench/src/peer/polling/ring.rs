use crate::Result;
use crate::program::clock::processor_time;
use crate::program::ring::{Reader, Ring, Turns};
use polling::{Event, Events, PollMode, Poller};
use std::io::Write;

pub struct Polling;

impl Turns for Polling {
    fn go<R: Reader, W: 'static>(mut readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write,
    {
        let poller = Poller::new()?;
        let begin = processor_time();
        for (place, reader) in readers.iter().enumerate() {
            // SAFETY: the readers are there until the program ends, and the poller goes before them.
            unsafe { poller.add_with_mode(reader, Event::readable(place), PollMode::Level)? };
        }
        let registering = processor_time() - begin;
        let mut events = Events::new();
        ring.measure(registering, || {
            events.clear();
            poller.wait(&mut events, None)?;
            for event in events.iter() {
                ring.pass(event.key, &mut readers[event.key])?;
            }
            Ok(())
        })
    }
}
