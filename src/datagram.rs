//! Datagrams: a socket with an output queue, and the trait of those who use it.

use crate::error::RegisterError;
use crate::interest::{Interest, READ, WRITE};
use crate::key::Key;
use crate::net::UdpSocket;
use crate::selector::Selector;
use crate::source::Source;
use mio::{Registry, Token, event};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::mem;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// How many datagrams are received, and how many sent from the queue, in one call. The rest has its
/// turn after the other sources.
const BURST: usize = 16;

/// How Windows says that a datagram was longer than the buffer.
const WSAEMSGSIZE: i32 = 10040;

/// What a queued datagram counts beside its bytes, so that empty ones cannot fill the memory.
const EACH: usize = 64;

/// How many receives may fail, with nothing received or sent in between, before it is taken for the
/// socket's own state and not for news from the network.
const FAILURES_MAX: u32 = 64;

/// What a program does with datagrams: its callbacks, with their state in `self`.
///
/// ```
/// use selkie::{DatagramProtocol, Datagrams, Selector, Source, net::UdpSocket};
/// use std::{io, net::SocketAddr};
///
/// struct Upper;
///
/// impl DatagramProtocol<'_> for Upper {
///     fn received(&mut self, socket: &mut Source<Datagrams>, datagram: &[u8], from: SocketAddr) -> io::Result<()> {
///         socket.send_to(&datagram.to_ascii_uppercase(), &from)
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
/// # let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # client.send_to(b"hello", socket.local_addr()?)?;
/// let key = Datagrams::new(socket).open(&sel, Upper)?;
/// # sel.turn(None)?;
/// # let mut answer = [0; 16];
/// # assert_eq!(client.recv(&mut answer)?, 5);
/// # assert_eq!(&answer[..5], b"HELLO");
/// # sel.discard(key)?;
/// sel.run()
/// # }
/// ```
///
/// **An error costs its own datagram**, not the socket: what [`received`](Self::received) returns
/// goes to [`failed`](Self::failed), and only what that returns ends it. A callback that panics
/// loses the socket, and the panic goes on out of [`Selector::run`].
pub trait DatagramProtocol<'cb, S: DatagramSocket = UdpSocket> {
    /// A datagram has come, whole. It may be empty.
    ///
    /// # Errors
    ///
    /// "Would block" and "interrupted" mean nothing; any other is handed to
    /// [`failed`](Self::failed).
    fn received(
        &mut self,
        socket: &mut Source<'_, 'cb, Datagrams<S>>,
        datagram: &[u8],
        from: S::Address,
    ) -> io::Result<()>;

    /// Something failed: receiving, sending what was queued, or [`received`](Self::received). What
    /// the network says of a datagram that was sent earlier comes here too: on Linux, that nobody
    /// receives at the address to which the socket is connected
    /// ([`ConnectionRefused`](ErrorKind::ConnectionRefused)). By default it is logged, at `debug`,
    /// since anybody on the network can cause it.
    ///
    /// # Errors
    ///
    /// The error that is returned costs the socket, as one of a callback does. See
    /// [`Selector::on_error`].
    fn failed(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>, error: io::Error) -> io::Result<()> {
        log::debug!("datagram socket {}: {error}", socket.key());
        Ok(())
    }

    /// The output queue is empty again, after it was too full for a datagram.
    ///
    /// # Errors
    ///
    /// As for [`received`](Self::received).
    fn resumed(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        let _ = socket;
        Ok(())
    }

    /// The timeout is over that [`Source::set_timeout`] has given to the socket.
    ///
    /// # Errors
    ///
    /// As for [`received`](Self::received).
    fn timeout(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        let _ = socket;
        Ok(())
    }

    /// The socket is gone; called once, whatever the cause. `Ok` if it was closed or taken out, or
    /// its selector dropped; otherwise the error that cost it, a panic among them.
    ///
    /// What it has still queued is lost.
    fn closed(&mut self, cause: io::Result<()>) {
        let _ = cause;
    }
}

/// A datagram socket with its output queue: the source that [`open`](Self::open) registers, and
/// `Key<Datagrams<S>>` the handle by which others send on it.
///
/// A [`Source`] of it has [`send`](Source::send), [`send_to`](Source::send_to),
/// [`close`](Source::close), [`pause_receiving`](Source::pause_receiving) and
/// [`resume_receiving`](Source::resume_receiving).
///
/// | limit | default | |
/// |---|---|---|
/// | [`datagram_max`](Self::datagram_max) | 65,535 bytes | a longer one is not delivered cut short, but fails |
/// | [`queue_max`](Self::queue_max) | 262,144 bytes | what waits to be sent, each datagram with its length and 64 |
///
/// In one turn a socket receives up to 16 datagrams, and sends up to 16 of its queue.
pub struct Datagrams<S: DatagramSocket = UdpSocket> {
    socket: S,
    queue: VecDeque<Queued<S::Address>>,
    queued: usize,
    queue_max: usize,
    datagram_max: usize,
    is_paused: bool,
    is_closing: bool,
    /// Whether a datagram was turned away because the queue was full, and nobody was told that there
    /// is room again.
    owes_resumed: bool,
    /// Receives that failed with nothing received or sent in between.
    failures: u32,
}

struct Queued<A> {
    datagram: Box<[u8]>,
    /// `None` for the peer that the socket is connected to.
    to: Option<A>,
}

impl<A> Queued<A> {
    fn size(&self) -> usize {
        self.datagram.len() + EACH
    }
}

impl<S: DatagramSocket> Datagrams<S> {
    /// For a socket that is bound, or connected, already.
    pub fn new(socket: S) -> Self {
        Datagrams {
            socket,
            queue: VecDeque::new(),
            queued: 0,
            queue_max: 256 * 1024,
            datagram_max: 65_535,
            is_paused: false,
            is_closing: false,
            owes_resumed: false,
            failures: 0,
        }
    }

    /// Sets the length in bytes of the longest datagram that is delivered. So much memory is taken
    /// per socket. A longer one is [`InvalidData`](ErrorKind::InvalidData) for
    /// [`failed`](DatagramProtocol::failed).
    #[must_use]
    pub fn datagram_max(mut self, bytes: usize) -> Self {
        self.datagram_max = bytes;
        self
    }

    /// Sets how much may wait to be sent, in bytes, each datagram counted with its length and 64.
    /// With 0 nothing is queued.
    #[must_use]
    pub fn queue_max(mut self, bytes: usize) -> Self {
        self.queue_max = bytes;
        self
    }

    /// Registers the socket, and has `protocol` called with what it receives.
    ///
    /// # From inside a callback
    ///
    /// At once; the protocol is first called in a later turn.
    ///
    /// # Errors
    ///
    /// Those of [`Selector::register`]. The error has the socket, and
    /// [`closed`](DatagramProtocol::closed) was called.
    pub fn open<'cb, P>(
        self,
        selector: &Selector<'cb>,
        protocol: P,
    ) -> Result<Key<Datagrams<S>>, RegisterError<Datagrams<S>>>
    where
        P: DatagramProtocol<'cb, S> + 'cb,
    {
        // One byte more, so that a datagram which does not fit is told from one that just does.
        let buffer = vec![0; self.datagram_max.saturating_add(1)].into_boxed_slice();
        let mut driver = Driver { protocol, buffer, cause: Ok(()), of: PhantomData };
        selector.register(self, READ, move |socket, ready| driver.called(socket, ready))
    }

    /// The socket, its queue dropped: for what [`Selector::unregister`] or an error hands back.
    pub fn into_socket(self) -> S {
        self.socket
    }

    /// The socket itself, for its addresses and options.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// How much waits to be sent, in bytes, each datagram counted with its length and 64.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// What there is to wait for.
    fn wanted(&self) -> Interest {
        let read = if self.is_paused { Interest::NONE } else { READ };
        // Nothing to send, but somebody to tell so.
        if self.queue.is_empty() && !self.owes_resumed { read } else { read | WRITE }
    }

    /// Sends now, past the queue.
    fn transmit(&self, datagram: &[u8], to: Option<&S::Address>) -> io::Result<()> {
        loop {
            match self.socket.send_datagram(datagram, to) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// For a socket with an output queue, [`Datagrams`].
impl<S: DatagramSocket> Source<'_, '_, Datagrams<S>> {
    /// Sends `datagram` to `to`, now or as soon as the system has room: until then it is queued, as
    /// are those after it.
    ///
    /// # Errors
    ///
    /// Of this datagram, which is not sent then: [`WouldBlock`](ErrorKind::WouldBlock) if the queue
    /// has no room for it, after which [`resumed`](DatagramProtocol::resumed) is called when the
    /// queue is empty; [`NotConnected`](ErrorKind::NotConnected) after
    /// [`close`](Self::close); otherwise those of the system, of which some are
    /// news of a datagram sent earlier. Each can be returned from
    /// [`received`](DatagramProtocol::received): it costs the socket nothing.
    ///
    /// **Platforms**: macOS and the BSDs never say "would block" of a UDP socket, and so nothing is
    /// queued there. They fail with `ENOBUFS`.
    pub fn send_to(&mut self, datagram: &[u8], to: &S::Address) -> io::Result<()> {
        self.send_or_queue(datagram, Some(to))
    }

    /// As [`send_to`](Self::send_to), to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// As for `send_to`. If the socket is not connected, the system says so, with a kind that
    /// depends on it.
    pub fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.send_or_queue(datagram, None)
    }

    fn send_or_queue(&mut self, datagram: &[u8], to: Option<&S::Address>) -> io::Result<()> {
        if self.is_closing {
            return Err(io::Error::new(ErrorKind::NotConnected, "the datagram socket is closed"));
        }
        if self.queue.is_empty() {
            match self.try_io(WRITE, |socket| socket.transmit(datagram, to)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => {
                    if result.is_ok() {
                        self.failures = 0;
                    }
                    return result;
                }
            }
        }
        let queued = Queued { datagram: datagram.into(), to: to.cloned() };
        let size = queued.size();
        let is_full = size > self.queue_max.saturating_sub(self.queued);
        if is_full {
            self.owes_resumed = true;
        } else {
            self.queued += size;
            self.queue.push_back(queued);
        }
        self.ask();
        if is_full { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    /// Closes the socket when the callback, or [`with`](Selector::with), returns. What is queued is
    /// lost, as a datagram may be.
    pub fn close(&mut self) {
        self.is_closing = true;
        self.unregister();
    }

    /// Leaves what comes in to the system, which drops what it has no room for, until
    /// [`resume_receiving`](Self::resume_receiving). What is queued is still sent.
    pub fn pause_receiving(&mut self) {
        self.is_paused = true;
        self.ask();
    }

    /// Receives again.
    pub fn resume_receiving(&mut self) {
        self.is_paused = false;
        self.ask();
    }

    /// Asks for what there is to wait for.
    fn ask(&mut self) {
        let wanted = self.wanted();
        if wanted != self.interest() {
            self.set_interest(wanted);
        }
    }
}

/// The callback of a socket: what stands between it and its protocol.
struct Driver<'cb, S: DatagramSocket, P: DatagramProtocol<'cb, S>> {
    protocol: P,
    buffer: Box<[u8]>,
    /// What to tell the protocol if this is dropped now.
    cause: io::Result<()>,
    of: PhantomData<fn(&mut Source<'_, 'cb, Datagrams<S>>)>,
}

impl<'cb, S: DatagramSocket, P: DatagramProtocol<'cb, S>> Driver<'cb, S, P> {
    fn called(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>, ready: Interest) -> io::Result<()> {
        // It stays so if the protocol panics.
        self.cause = Err(io::Error::other("a callback of the datagram socket panicked"));
        let result = self.work(socket, ready);
        self.cause = result.as_ref().copied().map_err(copied);
        result
    }

    fn work(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>, ready: Interest) -> io::Result<()> {
        if ready.is_writable() {
            self.send_queued(socket)?;
        }
        if ready.is_readable() {
            self.receive(socket)?;
        }
        if ready.is_timeout() && !socket.is_closing {
            let result = self.protocol.timeout(socket);
            self.report(socket, result)?;
        }
        Ok(())
    }

    fn receive(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        for _ in 0..BURST {
            if socket.is_paused || socket.is_closing {
                break;
            }
            match socket.try_io(READ, |socket| socket.socket.receive_datagram(&mut self.buffer)) {
                Ok((length, from)) => {
                    socket.failures = 0;
                    let result = if length < self.buffer.len() {
                        self.protocol.received(socket, &self.buffer[..length], from)
                    } else {
                        let longest = socket.datagram_max;
                        Err(io::Error::new(ErrorKind::InvalidData, format!("a datagram of more than {longest} bytes")))
                    };
                    self.report(socket, result)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    socket.failures += 1;
                    if socket.failures > FAILURES_MAX {
                        return Err(error);
                    }
                    self.report(socket, Err(error))?;
                }
            }
        }
        Ok(())
    }

    fn send_queued(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>) -> io::Result<()> {
        for _ in 0..BURST {
            if socket.is_closing {
                return Ok(());
            }
            let Some(next) = socket.queue.pop_front() else { break };
            match socket.try_io(WRITE, |socket| socket.transmit(&next.datagram, next.to.as_ref())) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.queue.push_front(next);
                    break;
                }
                result => {
                    socket.queued -= next.size();
                    self.report(socket, result)?;
                }
            }
        }
        if socket.queue.is_empty() && std::mem::take(&mut socket.owes_resumed) {
            let result = self.protocol.resumed(socket);
            self.report(socket, result)?;
        }
        socket.ask();
        Ok(())
    }

    /// Hands an error to the protocol; what that says of it decides.
    fn report(&mut self, socket: &mut Source<'_, 'cb, Datagrams<S>>, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                self.protocol.failed(socket, error)
            }
            _ => Ok(()),
        }
    }
}

impl<'cb, S: DatagramSocket, P: DatagramProtocol<'cb, S>> Drop for Driver<'cb, S, P> {
    fn drop(&mut self) {
        let cause = mem::replace(&mut self.cause, Ok(()));
        if thread::panicking() {
            // A second panic would end the process, and the first is on its way to be told.
            let _ = catch_unwind(AssertUnwindSafe(|| self.protocol.closed(cause)));
        } else {
            self.protocol.closed(cause);
        }
    }
}

/// An error to be told a second time: its kind, and its number or text.
fn copied(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

// ---- sockets

/// A socket of which [`Datagrams`] can be made: UDP, Unix datagrams, or one of your own.
pub trait DatagramSocket: event::Source + 'static {
    /// What names a peer.
    type Address: Clone + fmt::Debug + 'static;

    /// Receives one datagram and tells from where. Of one that is longer than `buffer`, what fits.
    ///
    /// # Errors
    ///
    /// Those of the system, [`WouldBlock`](ErrorKind::WouldBlock) among them: it never waits.
    fn receive_datagram(&self, buffer: &mut [u8]) -> io::Result<(usize, Self::Address)>;

    /// Sends one datagram to `to`, or to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// As for receiving.
    fn send_datagram(&self, datagram: &[u8], to: Option<&Self::Address>) -> io::Result<()>;
}

impl DatagramSocket for UdpSocket {
    type Address = SocketAddr;

    fn receive_datagram(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.recv_from(buffer) {
            // Windows fails where others cut short.
            Err(error) if error.raw_os_error() == Some(WSAEMSGSIZE) && cfg!(windows) => {
                Ok((buffer.len(), SocketAddr::from(([0, 0, 0, 0], 0))))
            }
            result => result,
        }
    }

    fn send_datagram(&self, datagram: &[u8], to: Option<&SocketAddr>) -> io::Result<()> {
        match to {
            Some(to) => self.send_to(datagram, *to),
            None => self.send(datagram),
        }
        .map(drop)
    }
}

/// Addresses are those of [`std::os::unix::net`]: `SocketAddr::from_pathname(path)`. A peer that has
/// bound no path can send, and not be answered; nor can an abstract name, for which mio has no
/// method. Both are [`InvalidInput`](ErrorKind::InvalidInput).
#[cfg(unix)]
impl DatagramSocket for crate::net::UnixDatagram {
    type Address = std::os::unix::net::SocketAddr;

    fn receive_datagram(&self, buffer: &mut [u8]) -> io::Result<(usize, Self::Address)> {
        self.recv_from(buffer)
    }

    fn send_datagram(&self, datagram: &[u8], to: Option<&Self::Address>) -> io::Result<()> {
        let Some(to) = to else { return self.send(datagram).map(drop) };
        let path = to
            .as_pathname()
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a peer without a path cannot be sent to"))?;
        self.send_to(datagram, path).map(drop)
    }
}

impl<S: DatagramSocket> event::Source for Datagrams<S> {
    fn register(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: mio::Interest) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}

impl<S: DatagramSocket + fmt::Debug> fmt::Debug for Datagrams<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("socket", &self.socket).field("queued", &self.queued).finish_non_exhaustive()
    }
}
