//! A protocol: what is done with a connection, as a set of callbacks.

use crate::connection::{Connection, Input, Stream};
use crate::net::TcpStream;
use crate::source::Source;
use std::io;

/// What is done with a [`Connection`]: a set of callbacks, with their state in `self`. Only
/// [`received`](Self::received) has to be written.
///
/// ```
/// use selkie::{Connection, Input, Protocol, Source};
/// use std::io;
///
/// struct Echo;
///
/// impl Protocol<'_> for Echo {
///     fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
///         conn.write(input.consume_all());
///         Ok(())
///     }
/// }
/// ```
///
/// The calls come in this order, and never one inside another:
///
/// ```text
/// connected, once
///     received    as often as something arrives
///     paused, resumed    in turns
///     timeout, stopping
///     ended, at most once; no `received` after it
/// closed, once
/// ```
///
/// [`connected`](Self::connected) is the first call, in a later turn than the one in which the
/// connection was opened. [`closed`](Self::closed) is the last, exactly once for each protocol that
/// `connected` was called of, whatever happens: the connection fails, a callback of the protocol
/// fails or panics, the connection is taken out of its selector, or the selector is dropped.
///
/// An `Err` of a callback ends its connection: what was written and waits is dropped, `closed` is
/// called with the error, and then the error goes to [`Selector::on_error`](crate::Selector::on_error),
/// as that of any callback does. "Would block" and "interrupted" mean "not now", and do nothing.
///
/// A protocol that does no more than this can be tested without a socket, and works on any
/// [`Stream`]: write `impl<S: Stream> Protocol<'_, S>` for that.
pub trait Protocol<'cb, S: Stream = TcpStream> {
    /// The connection is there. What is written here goes out before anything was received.
    ///
    /// # Errors
    ///
    /// End the connection, as those of all these callbacks do.
    fn connected(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        let _ = conn;
        Ok(())
    }

    /// Something arrived: `input` is all that was not consumed yet. Consume what can be made use of;
    /// what is left is kept, and comes again when there is more.
    ///
    /// It is not called again for what was left before more arrives, so it should loop over all the
    /// messages that are complete.
    fn received(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>, input: &mut Input<'_>) -> io::Result<()>;

    /// The peer has ended its side: nothing will be received any more. What was left of the input is
    /// in [`Connection::input`].
    ///
    /// What to do about it is decided here. By default the connection is closed, after what was
    /// written has gone out. Without that the own side stays open, to be written to, until
    /// [`close`](Source::close). That the peer is gone altogether is then noticed by writing only.
    fn ended(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        conn.close();
        Ok(())
    }

    /// More output waits than the high mark: the peer does not read, or not as fast as it is written
    /// to.
    ///
    /// By default reading is paused until [`resumed`](Self::resumed): who does not read its answers can
    /// ask no further questions.
    fn paused(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        conn.pause_reading();
        Ok(())
    }

    /// No more output waits than the low mark, after it was [`paused`](Self::paused). By default reading
    /// is resumed.
    fn resumed(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        conn.resume_reading();
        Ok(())
    }

    /// A time-out of the connection is over, see
    /// [`ConnectionOptions`](crate::ConnectionOptions). By default this ends the connection, with a
    /// reason of the kind [`TimedOut`](io::ErrorKind::TimedOut). If it does not, the time-out counts anew.
    fn timeout(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>, what: Timeout) -> io::Result<()> {
        conn.fail(what.into());
        Ok(())
    }

    /// The program wants to end, and asks to come to an end: see [`Source::ask_to_stop`]. By default the
    /// connection is closed; a protocol in the middle of an answer may finish that first.
    fn stopping(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        conn.close();
        Ok(())
    }

    /// The connection is closed, for `reason`: the last call.
    ///
    /// `conn` is there for its [`selector`](Source::selector), [key](Source::key), peer and counters;
    /// nothing can be written to it any more, and it is dropped when this returns. (With
    /// [`Closed::Replaced`] it is another's, and lives on.) It is `None` where there is none left: see
    /// [`Closed::Dropped`].
    fn closed(&mut self, conn: Option<&mut Source<'_, 'cb, Connection<S>>>, reason: &Closed) {
        let _ = (conn, reason);
    }
}

/// Which time-out is over, as [`Protocol::timeout`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// Nothing was received or sent for the length of the idle time-out.
    Idle,
    /// Output waits, and none of it could be sent for the length of the write time-out.
    Write,
}

impl From<Timeout> for io::Error {
    fn from(what: Timeout) -> io::Error {
        let message = match what {
            Timeout::Idle => "nothing was received or sent for as long as the idle time-out",
            Timeout::Write => "nothing of what waits could be sent for as long as the write time-out",
        };
        io::Error::new(io::ErrorKind::TimedOut, message)
    }
}

/// Why a connection was closed, as [`Protocol::closed`] is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Closed {
    /// By [`close`](Source::close), and everything that was written has been handed to the system.
    Finished,
    /// By [`abort`](Source::abort).
    Aborted,
    /// By an error: of reading or writing, of a callback of the protocol, one that
    /// [`fail`](Source::fail) was given, a limit that was passed, or a time-out. See
    /// [`ConnectionOptions`](crate::ConnectionOptions) for the kinds of the latter two.
    Failed(io::Error),
    /// A callback of the protocol panicked. The panic goes on when `closed` has returned.
    Panicked,
    /// The connection lives on, with another protocol: this one called
    /// [`set_protocol`](Source::set_protocol).
    Replaced,
    /// The connection was taken from this protocol from outside: it was unregistered, or another
    /// protocol was set in `with`, or the selector was dropped.
    Dropped,
}

impl Closed {
    /// The error, if it was one.
    pub fn error(&self) -> Option<&io::Error> {
        match self {
            Closed::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl<'cb, S: Stream, P: Protocol<'cb, S> + ?Sized> Protocol<'cb, S> for Box<P> {
    fn connected(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        (**self).connected(conn)
    }

    fn received(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>, input: &mut Input<'_>) -> io::Result<()> {
        (**self).received(conn, input)
    }

    fn ended(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        (**self).ended(conn)
    }

    fn paused(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        (**self).paused(conn)
    }

    fn resumed(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        (**self).resumed(conn)
    }

    fn timeout(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>, what: Timeout) -> io::Result<()> {
        (**self).timeout(conn, what)
    }

    fn stopping(&mut self, conn: &mut Source<'_, 'cb, Connection<S>>) -> io::Result<()> {
        (**self).stopping(conn)
    }

    fn closed(&mut self, conn: Option<&mut Source<'_, 'cb, Connection<S>>>, reason: &Closed) {
        (**self).closed(conn, reason);
    }
}
