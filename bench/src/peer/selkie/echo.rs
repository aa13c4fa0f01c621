use crate::Result;
use crate::program::echo::{Client, Next, READ_MAX, listen};
use selkie::net::{TcpListener, TcpStream};
use selkie::{READ, Selector, Source, WRITE};
use std::cell::RefCell;
use std::env::Args;
use std::io;
use std::iter::Skip;

type Buf = RefCell<[u8; READ_MAX]>;

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let buf = &RefCell::new([0; READ_MAX]);
    let listener = TcpListener::from_std(listen()?);
    let sel = Selector::new()?;
    sel.register(listener, READ, |listener, _| accept(listener, buf))?;
    Ok(sel.run()?)
}

fn accept<'cb>(listener: &mut Source<'_, 'cb, TcpListener>, buf: &'cb Buf) -> io::Result<()> {
    let (conn, _) = listener.accept()?;
    conn.set_nodelay(true)?;
    let mut client = Client::default();
    listener.selector().register(conn, READ, move |conn, _| serve(conn, &mut client, buf))?;
    Ok(())
}

fn serve(conn: &mut Source<TcpStream>, client: &mut Client, buf: &Buf) {
    let was_writing = client.is_writing();
    match client.ready(conn, &mut *buf.borrow_mut()) {
        Next::Read | Next::ReadLater if was_writing => conn.set_interest(READ),
        Next::Read | Next::ReadLater => {}
        Next::Write => conn.set_interest(WRITE),
        Next::Close => conn.unregister(),
    }
}
