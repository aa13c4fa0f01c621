//! Connections and protocols.

use crate::util::*;
use selkie::{Closed, Connection, Input, Protocol, Selector, Source};
use std::io::{self, Read, Write};

struct Echo;

impl Protocol<'_> for Echo {
    fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
        conn.write(input.consume_all());
        Ok(())
    }

    fn closed(&mut self, conn: Option<&mut Source<Connection>>, reason: &Closed) {
        assert!(conn.is_some() && matches!(reason, Closed::Finished));
    }
}

#[test]
fn peer_sends_and_ends_is_answered_and_closed() -> io::Result<()> {
    let sel = Selector::new()?;
    let (near, mut far) = tcp_pair()?;
    Connection::open(&sel, near, Echo)?;
    far.write_all(b"hello")?;
    far.shutdown(std::net::Shutdown::Write)?;
    sel.run()?;
    let mut answer = String::new();
    far.read_to_string(&mut answer)?;
    assert_eq!(answer, "hello");
    Ok(())
}
