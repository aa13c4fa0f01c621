use super::serve;
use crate::Result;
use selkie::{Connection, Input, Protocol, Source};
use std::env::Args;
use std::io;
use std::iter::Skip;

struct Echo;

impl Protocol<'_> for Echo {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        conn.write(input.consume_all());
        Ok(())
    }
}

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    serve::each(|| Echo)
}
