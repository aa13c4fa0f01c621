//! What the servers that have a protocol have in common.

use crate::Result;
use crate::program::echo::listen;
use selkie::net::TcpListener;
use selkie::{Connection, Protocol, READ, Selector, Source};
use std::io;

/// Accepts clients and makes a connection of each, with a protocol of its own.
pub fn each<P>(protocol: impl Fn() -> P) -> Result<()>
where
    P: for<'cb> Protocol<'cb>,
{
    let sel = Selector::new()?;
    sel.register(TcpListener::from_std(listen()?), READ, |listener: &mut Source<TcpListener>, _| {
        let (stream, _) = listener.accept()?;
        Connection::open(listener.selector(), stream, protocol())?;
        Ok::<(), io::Error>(())
    })?;
    Ok(sel.run()?)
}
