//! A connection: a stream with its buffers, and the methods by which it is used.

mod deadlines;
mod driver;
mod duplex;
mod input;
mod options;
mod output;
mod stream;

use crate::error::RegisterError;
use crate::interest::{Interest, READ, WRITE};
use crate::key::Key;
use crate::net::TcpStream;
use crate::protocol::{Closed, Protocol, Timeout};
use crate::selector::Selector;
use crate::server::Member;
use crate::source::{Source, short_io_proves};
use bytes::{Buf, Bytes, BytesMut};
use deadlines::{Deadlines, Due};
use mio::{Registry, Token, event};
use output::Output;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The timeout by which a connection is called in the next turn, whatever it waits for.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

pub use duplex::Duplex;
pub use input::Input;
pub use options::ConnectionOptions;
pub use stream::Stream;

/// How often at most a connection is read from that can no longer be written to: what had arrived
/// before is received, but not without end.
const DRAIN_READS_MAX: u8 = 16;

/// A stream with its buffers, as a source: what a [`Protocol`] reads from and writes to.
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
    timeout: Option<Duration>,
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

/// What has become of the own side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shutdown {
    No,
    /// When all output has gone.
    Wanted,
    Done,
}

/// What became of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it was handed to the system.
    Sent,
    /// Some of it waits until there is room. It goes by itself.
    Queued,
    /// As `Queued`, and more waits than the high mark: write no more until
    /// [`resumed`](Protocol::resumed).
    AboveHigh,
    /// None of it will go: the connection is closed or about to be, or its own side has ended.
    Closed,
}

impl<S: Stream> Connection<S> {
    /// Makes a connection of a connected stream, with the usual [options](ConnectionOptions), and has
    /// it call `protocol`. The key is the handle by which others write to it and close it, in
    /// [`Selector::with`].
    ///
    /// # Errors
    ///
    /// As for [`Selector::register`]. The protocol is not called then.
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
            timeout: AT_ONCE,
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
        selector.set_timeout(key, AT_ONCE).expect("it was registered just now");
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

    #[cold]
    fn peer_ended(&mut self) {
        self.attention = true;
        if self.draining > 0 {
            self.draining = 0;
        } else {
            self.ended = true;
        }
    }

    /// Whether there is input that the protocol has to receive though nothing new has arrived.
    fn has_left(&self) -> bool {
        self.redeliver && !self.input.is_empty()
    }

    fn is_end_to_tell(&self) -> bool {
        self.ended && !self.told_end && !self.has_left() && !self.closing && self.goes_on()
    }

    fn check_input(&mut self) {
        let most = self.options.limits().input_max;
        if self.input.len() > most && self.may_receive() {
            let left = self.input.len();
            let message = format!("{left} bytes of input make no complete message, and {most} may be kept");
            self.end(Closed::Failed(io::Error::new(ErrorKind::InvalidData, message)));
        }
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

    /// Whether the driver has anything to see to.
    fn has_news(&self) -> bool {
        let to_tell = self.above_high != self.told_above || self.is_end_to_tell() || self.stopping;
        let to_deliver = self.has_left() && self.may_receive();
        let to_read = self.receives() && self.stream.has_input();
        let to_close = self.end.is_some() || self.closing && !self.lingering && !self.has_output();
        self.is_new || to_tell || to_deliver || to_read || to_close
    }

    /// How long there is to wait for whatever is over next.
    fn next_timeout(&mut self) -> Option<Duration> {
        let limits = self.options.limits();
        if !self.closing && (!self.has_output() || limits.write.is_none()) {
            self.deadlines = None;
            return limits.idle;
        }
        let now = Instant::now();
        let deadlines = self.deadlines.get_or_insert_with(|| Box::new(Deadlines::new(self.received, self.sent, now)));
        deadlines.note(self.received, self.sent, now);
        deadlines.next(limits, now)
    }

    /// What time-out is over.
    fn take_due(&mut self, ready: Interest) -> Option<Due> {
        let limits = self.options.limits();
        match &mut self.deadlines {
            Some(deadlines) => {
                let now = Instant::now();
                deadlines.note(self.received, self.sent, now);
                deadlines.take_due(limits, now)
            }
            None if ready.is_timeout() && ready.is_none() && self.timeout == limits.idle => {
                Some(Due::Told(Timeout::Idle))
            }
            None => None,
        }
    }

    /// What it asks the selector for.
    fn wanted(&self) -> Interest {
        let read = if self.receives() || self.lingering { READ } else { Interest::NONE };
        let write = if self.has_output() { WRITE } else { Interest::NONE };
        read | write
    }
}

impl<'cb, S: Stream> Source<'_, 'cb, Connection<S>> {
    // ---- writing

    /// Sends `data`: at once, as far as there is room. The rest is copied, and goes by itself.
    pub fn write(&mut self, data: &[u8]) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let mut sent = 0;
        if self.output.is_empty() {
            sent = self.send(data.len(), |stream| stream.write(data));
            if sent == data.len() {
                return self.all_sent();
            }
        }
        self.queue(data.len() - sent, |output| output.push_copy(&data[sent..]))
    }

    /// As [`write`](Self::write), of bytes that are given away: what does not go at once waits without
    /// being copied.
    pub fn write_bytes(&mut self, data: impl Into<Bytes>) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let mut data = data.into();
        if self.output.is_empty() {
            let sent = self.send(data.len(), |stream| stream.write(&data));
            data.advance(sent);
            if data.is_empty() {
                return self.all_sent();
            }
        }
        self.queue(data.len(), |output| output.push(data))
    }

    /// As [`write`](Self::write), of several slices in one system call (`writev`).
    pub fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let length = data.iter().map(|slice| slice.len()).sum();
        let mut sent = 0;
        if self.output.is_empty() {
            sent = self.send(length, |stream| stream.write_vectored(data));
            if sent == length {
                return self.all_sent();
            }
        }
        self.queue(length - sent, |output| {
            for slice in data {
                let skip = sent.min(slice.len());
                sent -= skip;
                output.push_copy(&slice[skip..]);
            }
        })
    }

    /// As [`write_bytes`](Self::write_bytes), of several in one system call (`writev`).
    pub fn write_several(&mut self, data: impl IntoIterator<Item = Bytes>) -> Written {
        if !self.is_open {
            return Written::Closed;
        }
        let may_send = self.output.is_empty();
        let mut several = Output::default();
        for bytes in data {
            several.push(bytes);
        }
        if may_send {
            self.send_from(&mut several);
            if several.is_empty() {
                return self.all_sent();
            }
        }
        self.queue(several.waiting(), |output| output.append(several))
    }

    /// Has `send` send what it can of `length` bytes, and answers how much went.
    #[inline]
    fn send(&mut self, length: usize, send: impl FnOnce(&mut S) -> io::Result<usize>) -> usize {
        match self.try_io(WRITE, |conn| send(&mut conn.stream)) {
            Ok(sent) if sent == length => {
                self.sent += sent as u64;
                sent
            }
            Ok(sent) if sent > 0 => {
                if short_io_proves::<Connection<S>>() {
                    self.drained(WRITE);
                }
                self.sent += sent as u64;
                sent
            }
            Ok(_) => self.cannot_send(ErrorKind::WriteZero.into()),
            Err(error) => self.cannot_send(error),
        }
    }

    fn all_sent(&mut self) -> Written {
        if self.stream.has_output() {
            self.changed();
        }
        // A call of the driver puts the idle time-out off by itself.
        if !self.driving && !self.attention && self.timeout.is_some() {
            let timeout = self.timeout;
            self.set_timeout(timeout);
        }
        Written::Sent
    }

    #[cold]
    fn cannot_send(&mut self, error: io::Error) -> usize {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            let draining = if self.receives() { DRAIN_READS_MAX } else { 0 };
            self.end(Closed::Failed(error));
            self.draining = draining;
        }
        0
    }

    fn send_from(&mut self, output: &mut Output) {
        let sent = output.next(|slices, length| self.send(length, |stream| stream.write_vectored(slices)));
        output.went(sent);
    }

    /// Has `length` bytes wait that `push` adds to the output.
    #[cold]
    fn queue(&mut self, length: usize, push: impl FnOnce(&mut Output)) -> Written {
        if self.is_open {
            let limits = self.options.limits();
            let (high, most) = (limits.high, limits.output_max);
            if self.output.waiting() + length > most {
                let message = format!("more than {most} bytes of output would wait: the peer does not read");
                self.end(Closed::Failed(io::Error::new(ErrorKind::QuotaExceeded, message)));
            } else {
                push(&mut self.output);
                self.above_high |= self.output.waiting() > high;
            }
        }
        self.changed();
        match () {
            () if !self.is_open => Written::Closed,
            () if self.above_high => Written::AboveHigh,
            () if self.output.is_empty() => Written::Sent,
            () => Written::Queued,
        }
    }

    /// Sends what waits, once.
    fn flush(&mut self) {
        if self.stream.has_output() {
            if let Err(error) = self.try_io(WRITE, |conn| conn.stream.flush()) {
                self.cannot_send(error);
            }
        }
        if self.output.is_empty() {
            return;
        }
        let mut output = mem::take(&mut self.output);
        self.send_from(&mut output);
        if self.end.is_some() {
            return;
        }
        self.output = output;
        if self.output.waiting() <= self.options.limits().low {
            self.above_high = false;
        }
        if self.output.is_empty() && self.shutdown == Shutdown::Wanted {
            self.shut_down();
        }
    }

    // ---- ending

    /// Closes the connection when all that was written has gone: no more is received, and no more
    /// written. If that takes longer than
    /// [`close_timeout`](ConnectionOptions::close_timeout), the rest is dropped.
    pub fn close(&mut self) {
        let timeout = self.options.limits().close;
        self.close_within(timeout);
    }

    /// As [`close`](Self::close), with another limit of time.
    pub fn close_within(&mut self, timeout: Duration) {
        if !self.ended || self.has_output() {
            let now = Instant::now();
            let deadlines = Deadlines::new(self.received, self.sent, now);
            self.deadlines.get_or_insert_with(|| Box::new(deadlines)).close_within(timeout, now);
        }
        self.is_open = false;
        self.draining = 0;
        self.closing = true;
        self.changed();
    }

    /// Closes the connection and drops what waits.
    pub fn abort(&mut self) {
        self.end(Closed::Aborted);
        self.changed();
    }

    /// Closes the connection, drops what waits, and has `error` be the reason.
    pub fn fail(&mut self, error: io::Error) {
        self.end(Closed::Failed(error));
        self.changed();
    }

    /// Ends the own side when all that was written has gone: the peer reads an end of stream then.
    /// Nothing more can be written; what the peer sends is received as before.
    ///
    /// If the stream [has no half-close](Stream::shutdown_write), the connection fails with
    /// [`Unsupported`](ErrorKind::Unsupported).
    pub fn shutdown_write(&mut self) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        if self.output.is_empty() {
            self.shut_down();
        } else {
            self.shutdown = Shutdown::Wanted;
        }
        self.changed();
    }

    fn shut_down(&mut self) {
        self.shutdown = Shutdown::Done;
        match self.stream.shutdown_write() {
            Err(error) if error.kind() != ErrorKind::NotConnected => self.end(Closed::Failed(error)),
            // What became of the peer, reading tells.
            _ => {}
        }
    }

    /// Has the protocol told that the program wants to end, see [`Protocol::stopping`].
    pub fn ask_to_stop(&mut self) {
        self.stopping = true;
        self.changed();
    }

    // ---- receiving

    /// Has nothing received any more, until [`resume_reading`](Self::resume_reading).
    ///
    /// What has arrived stays with the system, so that the peer is held up when that has no more room.
    /// Of an end or a failure of the peer nothing is noticed meanwhile, unless by writing.
    pub fn pause_reading(&mut self) {
        self.reading_paused = true;
        self.draining = 0;
        self.changed();
    }

    /// Goes on receiving. Input that the protocol had left comes first, and also if nothing new
    /// arrives.
    pub fn resume_reading(&mut self) {
        if mem::replace(&mut self.reading_paused, false) {
            self.redeliver = true;
            self.changed();
        }
    }

    /// Whether reading is paused.
    pub fn is_reading_paused(&self) -> bool {
        self.reading_paused
    }

    // ---- changing

    /// Has another protocol called from now on. Input that was not consumed is kept for it.
    pub fn set_protocol<P>(&mut self, protocol: P)
    where
        P: Protocol<'cb, S> + 'cb,
    {
        self.set_callback(driver::callback(protocol));
        self.replaced = self.driving;
        self.is_new = true;
        self.redeliver = true;
        self.told_end = false;
        self.told_above = false;
        self.changed();
    }

    /// Changes its limits and time-outs.
    pub fn set_options(&mut self, options: &ConnectionOptions) {
        self.options = options.clone();
        self.changed();
    }

    // ---- what the selector has to know

    /// Something has changed that may concern the driver or the selector.
    fn changed(&mut self) {
        self.attention = true;
        if !self.driving {
            self.wait();
        }
    }

    /// Has the selector wait for what may come next.
    fn wait(&mut self) {
        self.redeliver &= !self.input.is_empty();
        let wanted = self.wanted();
        if wanted != self.asked {
            self.asked = wanted;
            self.set_interest(wanted);
        }
        let has_news = self.has_news();
        let timeout = if has_news { AT_ONCE } else { self.next_timeout() };
        // Deadlines stay where they are; the idle time-out counts anew by itself.
        if timeout != self.timeout || self.deadlines.is_some() {
            self.timeout = timeout;
            self.set_timeout(timeout);
        }
        self.attention = has_news || self.deadlines.is_some();
    }

    /// It is about to be dropped.
    fn leaves(&self) {
        if let Some(member) = &self.member {
            member.leaves(self.selector());
        }
    }

    fn read_into(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.try_io(READ, |conn| conn.stream.read(buffer)) {
            Ok(count) => {
                if count < buffer.len() && short_io_proves::<Connection<S>>() {
                    self.drained(READ);
                }
                self.received += count as u64;
                Some(count)
            }
            Err(error) => {
                self.cannot_read(error);
                None
            }
        }
    }

    #[cold]
    fn cannot_read(&mut self, error: io::Error) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => self.draining = 0,
            _ => self.end(Closed::Failed(error)),
        }
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
