use crate::Result;
use crate::program::clock::processor_time;
use crate::program::ring::{Reader, Ring, Turns};
use mio::{Events, Interest, Poll, Token};
use std::io::Write;

pub struct Mio;

impl Turns for Mio {
    fn go<R: Reader, W: 'static>(mut readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write,
    {
        let mut poll = Poll::new()?;
        let begin = processor_time();
        for (place, reader) in readers.iter_mut().enumerate() {
            poll.registry().register(reader, Token(place), Interest::READABLE)?;
        }
        let registering = processor_time() - begin;
        let mut events = Events::with_capacity(1024);
        ring.measure(registering, || {
            poll.poll(&mut events, None)?;
            for event in &events {
                let place = event.token().0;
                while ring.pass(place, &mut readers[place])? {}
            }
            Ok(())
        })
    }
}
