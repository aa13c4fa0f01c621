use crate::Result;
use crate::program::clock::processor_time;
use crate::program::ring::{Reader, Ring, Turns};
use selkie::{READ, Selector, Source};
use std::io::Write;

pub struct Selkie;

impl Turns for Selkie {
    fn go<R: Reader, W: 'static>(readers: Vec<R>, ring: &'static Ring<W>) -> Result<()>
    where
        for<'w> &'w W: Write,
    {
        let sel = Selector::new()?;
        let begin = processor_time();
        for (place, reader) in readers.into_iter().enumerate() {
            sel.register(reader, READ, move |reader: &mut Source<R>, _| ring.pass(place, reader).map(drop))?;
        }
        ring.measure(processor_time() - begin, || Ok(sel.turn(None).map(drop)?))
    }
}
