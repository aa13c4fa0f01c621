//! The limits and time-outs of a connection.

use super::{Connection, Stream};
use crate::error::RegisterError;
use crate::key::Key;
use crate::protocol::Protocol;
use crate::selector::Selector;
use crate::server::Member;
use std::sync::Arc;
use std::time::Duration;

/// The limits and time-outs of a [`Connection`], and the way to open one with other than the usual.
///
/// ```
/// use selkie::{ConnectionOptions, Connection};
/// use std::time::Duration;
///
/// let options = ConnectionOptions::new()
///     .input_max(64 * 1024)
///     .idle_timeout(Some(Duration::from_secs(60)));
/// # let _ = options;
/// ```
///
/// It costs little to clone, and connections that are opened with the same options share them.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// None is the usual.
    limits: Option<Arc<Limits>>,
}

#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) input_max: usize,
    pub(super) high: usize,
    pub(super) low: usize,
    pub(super) output_max: usize,
    pub(super) idle: Option<Duration>,
    pub(super) write: Option<Duration>,
    pub(super) close: Duration,
    pub(super) nodelay: bool,
}

const USUAL: Limits = Limits {
    input_max: 1024 * 1024,
    high: 64 * 1024,
    low: 16 * 1024,
    output_max: 16 * 1024 * 1024,
    idle: None,
    write: None,
    close: Duration::from_secs(10),
    nodelay: true,
};

impl ConnectionOptions {
    /// The usual ones.
    pub fn new() -> Self {
        ConnectionOptions::default()
    }

    /// How many bytes a protocol may leave unconsumed: 1,048,576 (1 MiB) unless told otherwise. If more
    /// are left when [`received`](Protocol::received) returns, and reading is not paused, the connection
    /// fails with [`InvalidData`](std::io::ErrorKind::InvalidData): its peer never completes a message.
    #[must_use]
    pub fn input_max(self, bytes: usize) -> Self {
        self.with(|limits| limits.input_max = bytes)
    }

    /// The marks of the output that waits, in bytes: 65,536 and 16,384 unless told otherwise. When more
    /// than `high` waits, the protocol is [`paused`](Protocol::paused); when then no more than `low`
    /// waits, it is [`resumed`](Protocol::resumed).
    ///
    /// # Panics
    ///
    /// If `low` is above `high`.
    #[must_use]
    pub fn marks(self, high: usize, low: usize) -> Self {
        assert!(low <= high, "the low mark, {low}, is above the high mark, {high}");
        self.with(|limits| (limits.high, limits.low) = (high, low))
    }

    /// How many bytes of output may wait: 16,777,216 (16 MiB) unless told otherwise. A write that would
    /// make it more fails the connection with [`QuotaExceeded`](std::io::ErrorKind::QuotaExceeded): its
    /// peer does not read. That holds for a single write of more, too.
    #[must_use]
    pub fn output_max(self, bytes: usize) -> Self {
        self.with(|limits| limits.output_max = bytes)
    }

    /// After how long without anything received or sent the protocol is told
    /// [`Timeout::Idle`](crate::Timeout::Idle). `None`, never, unless told otherwise.
    #[must_use]
    pub fn idle_timeout(self, timeout: Option<Duration>) -> Self {
        self.with(|limits| limits.idle = timeout)
    }

    /// After how long without anything sent, while output waits, the protocol is told
    /// [`Timeout::Write`](crate::Timeout::Write). `None`, never, unless told otherwise.
    #[must_use]
    pub fn write_timeout(self, timeout: Option<Duration>) -> Self {
        self.with(|limits| limits.write = timeout)
    }

    /// How long [`close`](crate::Source::close) lets the output take that waits: 10 seconds unless told
    /// otherwise. After that the connection fails with [`TimedOut`](std::io::ErrorKind::TimedOut).
    #[must_use]
    pub fn close_timeout(self, timeout: Duration) -> Self {
        self.with(|limits| limits.close = timeout)
    }

    /// Whether small writes over TCP are sent at once (`TCP_NODELAY`): true unless told otherwise.
    #[must_use]
    pub fn nodelay(self, nodelay: bool) -> Self {
        self.with(|limits| limits.nodelay = nodelay)
    }

    /// [`Connection::open`], with these options.
    ///
    /// # Errors
    ///
    /// As for that.
    pub fn open<'cb, S, P>(
        &self,
        selector: &Selector<'cb>,
        stream: S,
        protocol: P,
    ) -> Result<Key<Connection<S>>, RegisterError<S>>
    where
        S: Stream,
        P: Protocol<'cb, S> + 'cb,
    {
        Connection::open_with(selector, stream, protocol, self.clone(), None)
    }

    /// As `open`, for one that a server has accepted.
    pub(crate) fn open_member<'cb, S, P>(
        &self,
        selector: &Selector<'cb>,
        stream: S,
        protocol: P,
        member: Member,
    ) -> Result<Key<Connection<S>>, RegisterError<S>>
    where
        S: Stream,
        P: Protocol<'cb, S> + 'cb,
    {
        Connection::open_with(selector, stream, protocol, self.clone(), Some(member))
    }

    pub(super) fn limits(&self) -> &Limits {
        self.limits.as_deref().unwrap_or(&USUAL)
    }

    fn with(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(Arc::make_mut(self.limits.get_or_insert_with(|| Arc::new(USUAL))));
        self
    }
}
