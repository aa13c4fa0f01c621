use super::serve;
use crate::Result;
use selkie::codec::{Encoder, Lines};
use selkie::{Connection, Input, Protocol, Source};
use std::cell::RefCell;
use std::env::Args;
use std::io;
use std::iter::Skip;

struct Echo<'a> {
    lines: Lines,
    /// Answers go out together that were asked for together. It is needed by one connection at a
    /// time, so all share it.
    answers: &'a RefCell<Vec<u8>>,
}

impl Protocol<'_> for Echo<'_> {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        let mut answers = self.answers.borrow_mut();
        answers.clear();
        while let Some(line) = input.decode(&mut self.lines)? {
            self.lines.encode(line, &mut answers)?;
        }
        conn.write(&answers);
        Ok(())
    }
}

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let answers = &RefCell::new(Vec::new());
    serve::each(|| Echo { lines: Lines::new(1024), answers })
}
