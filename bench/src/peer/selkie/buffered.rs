use crate::Result;
use crate::program::echo::listen;
use selkie::net::TcpListener;
use selkie::{Connection, Input, Interest, Protocol, READ, Selector, Source};
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
    let sel = Selector::new()?;
    sel.register(TcpListener::from_std(listen()?), READ, accept)?;
    Ok(sel.run()?)
}

fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    Connection::open(listener.selector(), stream, Echo)?;
    Ok(())
}
