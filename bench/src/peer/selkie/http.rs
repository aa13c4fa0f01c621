use super::serve;
use crate::Result;
use crate::program::http::ANSWER;
use httparse::{EMPTY_HEADER, Request, Status};
use selkie::{Connection, Input, Protocol, Source};
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
    serve::each(|| Hello)
}
