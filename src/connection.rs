//! A connection: a stream with its buffers, and the methods by which it is used.

mod control;
mod deadlines;
mod driver;
mod duplex;
mod input;
mod options;
mod outlook;
mod output;
mod reading;
mod stream;
mod writing;

use crate::error::RegisterError;
use crate::interest::{Interest, READ};
use crate::key::Key;
use crate::net::TcpStream;
use crate::protocol::{Closed, Protocol};
use crate::selector::Selector;
use crate::server::Member;
use bytes::{Bytes, BytesMut};
use deadlines::Deadlines;
use mio::{Registry, Token, event};
use output::Output;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use duplex::Duplex;
pub use input::Input;
pub use options::ConnectionOptions;
pub use stream::Stream;
pub use writing::Written;

/// A stream with its buffers, as a source: what a [`Protocol`] receives from and writes to.
///
/// A protocol's callbacks get it as a `&mut Source<Connection>`, as any callback gets its source. Others
/// reach it by its key, in [`Selector::with`]: another connection's protocol, a timer, whoever has the
/// key. Either way it has the methods that [`Source`](crate::Source) has for it:
///
/// | | |
/// |---|---|
/// | [`write`](crate::Source::write), `write_bytes`, `write_vectored`, `write_several` | send now what there is room for, and the rest when there is |
/// | [`close`](crate::Source::close), `close_within`, [`abort`](crate::Source::abort), `fail` | end it, with or without what waits |
/// | [`shutdown_write`](crate::Source::shutdown_write) | end the own side only |
/// | [`pause_reading`](crate::Source::pause_reading), `resume_reading` | hold the peer up |
/// | [`set_protocol`](crate::Source::set_protocol), `set_options` | change it |
/// | [`ask_to_stop`](crate::Source::ask_to_stop) | ask its protocol to come to an end |
///
/// None of them calls the protocol. What they bring about is told to it when its callback returns, or
/// when they were called in `with`, in the next turn.
///
/// ```
/// use selkie::{Connection, Input, Protocol, Selector, Source, net::TcpStream};
/// use std::io::{self, Read};
///
/// /// Asks for the time of day, and keeps the answer.
/// struct Ask<'a>(&'a std::cell::RefCell<Vec<u8>>);
///
/// impl Protocol<'_> for Ask<'_> {
///     fn connected(&mut self, conn: &mut Source<Connection>) -> io::Result<()> {
///         conn.write(b"time?\n");
///         Ok(())
///     }
///
///     fn received(&mut self, _: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
///         self.0.borrow_mut().extend_from_slice(input.consume_all());
///         Ok(())
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// # let server = std::thread::spawn(move || {
/// #     let mut conn = listener.accept().unwrap().0;
/// #     conn.read_exact(&mut [0; 6]).unwrap();
/// #     io::Write::write_all(&mut conn, b"noon").unwrap();
/// # });
/// let answer = std::cell::RefCell::new(Vec::new());
/// let stream = std::net::TcpStream::connect(address)?;
/// stream.set_nonblocking(true)?;
/// let sel = Selector::new()?;
/// Connection::open(&sel, TcpStream::from_std(stream), Ask(&answer))?;
/// sel.run()?; // until the peer ends, and the connection is closed
/// assert_eq!(&answer.borrow()[..], b"noon");
/// # server.join().unwrap();
/// # Ok(())
/// # }
/// ```
///
/// # What it costs
///
/// A request that is consumed as a whole and answered at once allocates nothing, and over TCP on Linux
/// it costs one read and one write, beside the wait of the turn. What is read goes into a buffer that all connections of a thread share, 64 KiB of
/// it, and a connection has buffers of its own only while there is something in them.
///
/// In one turn a connection is read from once, up to 64 KiB; the rest has its turn after the others.
///
/// # What is its own affair
///
/// It asks for [`READ`] and [`WRITE`](crate::WRITE) as it needs to, and has a timeout for
/// its time-outs. `set_interest`, `modify`, `set_timeout` and `set_callback` get in its way. To
/// [unregister](Selector::unregister) it is all right: its protocol is told
/// [`Closed::Dropped`], and [`into_parts`](Self::into_parts) has the stream.
pub struct Connection<S = TcpStream> {
    stream: S,
    /// What the protocol has left.
    input: BytesMut,
    output: Output,
    options: ConnectionOptions,
    peer: Option<SocketAddr>,
    received: u64,
    sent: u64,
    /// What it asks the selector for.
    asked: Interest,
    /// What timeout it has in the selector.
    alarm: Alarm,
    deadlines: Option<Box<Deadlines>>,
    /// Whether there is anything for the driver to see to beside reading.
    attention: bool,
    /// The driver is at work, and will see to what needs attention when the protocol's callback
    /// returns.
    driving: bool,
    /// The protocol was not told yet that it is connected.
    is_new: bool,
    /// What is written is taken.
    is_open: bool,
    reading_paused: bool,
    /// Input that was left, if there is any, is to be received again though nothing new arrives.
    redeliver: bool,
    /// The peer has ended its side; and the protocol was told.
    ended: bool,
    told_end: bool,
    /// More output waits than the high mark, or did, and it is not down at the low mark yet; and what
    /// the protocol was told of that.
    above_high: bool,
    told_above: bool,
    shutdown: Shutdown,
    closing: bool,
    /// All was sent, and what the peer goes on sending is thrown away until it has ended its side.
    lingering: bool,
    stopping: bool,
    replaced: bool,
    /// Why it is to be closed, when as many more reads were made as `draining` says.
    end: Option<Closed>,
    draining: u8,
    ended_by_protocol: bool,
    /// Its place in the server that accepted it. Behind the stream, which is closed before.
    member: Option<Member>,
}

/// What a connection's timeout in the selector is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alarm {
    None,
    /// There is news.
    AtOnce,
    /// The idle time-out. It counts anew by itself.
    Idle,
    /// The nearest of its deadlines.
    Deadline,
}

/// What has become of the own side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shutdown {
    No,
    /// When all output has gone.
    Wanted,
    Done,
}

impl<S: Stream> Connection<S> {
    /// Makes a connection of a stream that is connected, with the usual [options](ConnectionOptions),
    /// and has it call `protocol`. The key is the handle by which others write to it and close it, in
    /// [`Selector::with`].
    ///
    /// [`ConnectionOptions::open`] does it with others.
    ///
    /// # From inside a callback
    ///
    /// At once. The protocol is [`connected`](Protocol::connected) in a later turn.
    ///
    /// # Errors
    ///
    /// As for [`Selector::register`], and those of the system for `TCP_NODELAY`. The stream comes back
    /// in the error, and the protocol is not called.
    pub fn open<'cb, P>(
        selector: &Selector<'cb>,
        stream: S,
        protocol: P,
    ) -> Result<Key<Connection<S>>, RegisterError<S>>
    where
        P: Protocol<'cb, S> + 'cb,
    {
        Self::open_with(selector, stream, protocol, ConnectionOptions::new(), None)
    }

    fn open_with<'cb, P>(
        selector: &Selector<'cb>,
        mut stream: S,
        protocol: P,
        options: ConnectionOptions,
        member: Option<Member>,
    ) -> Result<Key<Connection<S>>, RegisterError<S>>
    where
        P: Protocol<'cb, S> + 'cb,
    {
        let configured = stream.set_nodelay(options.limits().nodelay);
        let peer = stream.peer_addr().ok();
        let conn = Connection {
            stream,
            input: BytesMut::new(),
            output: Output::default(),
            options,
            peer,
            received: 0,
            sent: 0,
            asked: READ,
            alarm: Alarm::AtOnce,
            deadlines: None,
            attention: true,
            driving: false,
            is_new: true,
            is_open: true,
            reading_paused: false,
            redeliver: false,
            ended: false,
            told_end: false,
            above_high: false,
            told_above: false,
            shutdown: Shutdown::No,
            closing: false,
            lingering: false,
            stopping: false,
            replaced: false,
            end: None,
            draining: 0,
            ended_by_protocol: false,
            member,
        };
        if let Err(error) = configured {
            return Err(RegisterError::new(error, conn.stream));
        }
        let registered = selector.register(conn, READ, driver::callback(protocol));
        let key = registered.map_err(|failed| {
            let (error, conn) = failed.into_parts();
            RegisterError::new(error, conn.stream)
        })?;
        selector.set_timeout(key, Some(Duration::ZERO)).expect("it was registered just now");
        Ok(key)
    }

    /// The input that was received and not consumed. It is empty while the protocol receives.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// How many bytes of output wait.
    pub fn waiting(&self) -> usize {
        self.output.waiting()
    }

    /// How many bytes were received.
    pub fn bytes_received(&self) -> u64 {
        self.received
    }

    /// How many bytes were handed to the system.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// The address of the peer when the connection was opened; `None` where it has no internet
    /// address.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether what is written now will be sent.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Its limits and time-outs.
    pub fn options(&self) -> &ConnectionOptions {
        &self.options
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream and the input that was not consumed, of a connection that was
    /// [unregistered](Selector::unregister).
    pub fn into_parts(self) -> (S, Bytes) {
        (self.stream, self.input.freeze())
    }

    // ---- for the driver

    /// Whether the protocol is to be called.
    fn goes_on(&self) -> bool {
        self.end.is_none() && !self.replaced
    }

    /// Whether the protocol may be called for input.
    fn may_receive(&self) -> bool {
        self.goes_on() && !self.reading_paused && !self.closing
    }

    /// Whether there may be more to read for it.
    fn receives(&self) -> bool {
        self.may_receive() && !self.ended
    }

    /// Whether there is input that the protocol has to receive though nothing new has arrived.
    fn has_left(&self) -> bool {
        self.redeliver && !self.input.is_empty() && !self.told_end
    }

    fn is_end_to_tell(&self) -> bool {
        self.ended && !self.told_end && !self.has_left() && !self.closing && self.goes_on()
    }

    /// Nothing is sent any more.
    fn drop_output(&mut self) {
        self.is_open = false;
        self.output.clear();
    }

    fn end(&mut self, reason: Closed) {
        self.attention = true;
        self.draining = 0;
        self.drop_output();
        if self.end.is_none() {
            self.end = Some(reason);
        }
    }

    fn end_by_protocol(&mut self, error: io::Error) {
        self.end = Some(Closed::Failed(error));
        self.ended_by_protocol = true;
        self.attention = true;
        self.draining = 0;
        self.drop_output();
    }

    /// Whether anything has to go before the connection can be closed.
    fn has_output(&self) -> bool {
        !self.output.is_empty() || self.stream.has_output()
    }
}

impl<S: event::Source> event::Source for Connection<S> {
    fn register(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.stream.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

impl<S: fmt::Debug> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("stream", &self.stream)
            .field("input", &self.input.len())
            .field("waiting", &self.output.waiting())
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}
