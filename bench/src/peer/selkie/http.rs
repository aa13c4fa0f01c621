use crate::Result;
use crate::program::echo::listen;
use crate::program::http::ANSWER;
use httparse::{EMPTY_HEADER, Request, Status};
use selkie::net::TcpListener;
use selkie::{Connection, Input, Interest, Protocol, READ, Selector, Source};
use std::env::Args;
use std::io::{self, ErrorKind};
use std::iter::Skip;

const HEADERS_MAX: usize = 32;

struct Hello;

impl Protocol<'_> for Hello {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        loop {
            let mut headers = [EMPTY_HEADER; HEADERS_MAX];
            match Request::new(&mut headers).parse(input) {
                Ok(Status::Complete(length)) => drop(input.consume(length)),
                Ok(Status::Partial) => return Ok(()),
                Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error)),
            }
            conn.write(ANSWER.as_bytes());
        }
    }
}

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let sel = Selector::new()?;
    sel.register(TcpListener::from_std(listen()?), READ, accept)?;
    Ok(sel.run()?)
}

fn accept(listener: &mut Source<TcpListener>, _: Interest) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    Connection::open(listener.selector(), stream, Hello)?;
    Ok(())
}
