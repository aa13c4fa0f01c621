//! What a source is asked to report, and what it reports.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of conditions: what to wait for, and what a callback is told.
///
/// *Asked for* are [`READ`], [`WRITE`], [`PRIORITY`], any of them joined by `|`, or
/// [`Interest::NONE`], which pauses a source. *Delivered* to a callback is what it asked for and
/// what has come true of that, and beside it what the system said of errors and hang-ups
/// ([`is_error`](Self::is_error), [`is_read_closed`](Self::is_read_closed),
/// [`is_write_closed`](Self::is_write_closed)) and whether its timeout is over
/// ([`is_timeout`](Self::is_timeout)). Those last cannot be asked for: they reach a source
/// whatever it waits for, and are ignored where an interest is passed in, so a callback may hand
/// back the very set it was given.
///
/// The flags on errors and hang-ups are hints, as good as the platform makes them: each may be
/// missing, but one that is there is true. A hang-up may come before the data that was sent ahead
/// of it, so reading goes on to the end of the stream.
///
/// ```
/// use selkie::{Interest, READ, WRITE};
///
/// let both = READ | WRITE;
/// assert!(both.contains(READ) && both.is_writable());
/// assert_eq!(both.without(WRITE), READ);
/// assert!(Interest::NONE.is_none());
/// ```
#[doc(alias = "EVENT_READ")]
#[doc(alias = "EVENT_WRITE")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
// The bits are those of epoll, so that there is little to translate.
pub struct Interest(u8);

/// Wait until there is something to read, a connection to accept, or the end of the stream.
#[doc(alias = "EVENT_READ")]
#[doc(alias = "READABLE")]
pub const READ: Interest = Interest::READ;

/// Wait until there is room to write, or a connection attempt has ended.
#[doc(alias = "EVENT_WRITE")]
#[doc(alias = "WRITABLE")]
pub const WRITE: Interest = Interest::WRITE;

/// Wait for exceptional conditions, of which TCP's urgent data is the one usually met.
///
/// **Platforms**: Linux and Android. Elsewhere it may be asked for and never comes.
///
/// mio does not tell urgent data alone from urgent and ordinary data together, so a source that
/// asks for `READ | PRIORITY` may be told both where only the urgent byte is there; the read then
/// says "would block".
pub const PRIORITY: Interest = Interest::PRIORITY;

impl Interest {
    /// Nothing: the source is paused. It is out of the system's set, costs nothing, and hears
    /// nothing, not even a hang-up, until it asks for something again.
    pub const NONE: Interest = Interest(0);
    /// The same as [`READ`].
    pub const READ: Interest = Interest(1);
    /// The same as [`WRITE`].
    pub const WRITE: Interest = Interest(1 << 2);
    /// The same as [`PRIORITY`].
    pub const PRIORITY: Interest = Interest(1 << 1);
    pub(crate) const ERROR: Interest = Interest(1 << 3);
    pub(crate) const READ_CLOSED: Interest = Interest(1 << 4);
    pub(crate) const WRITE_CLOSED: Interest = Interest(1 << 5);

    pub(crate) const TIMEOUT: Interest = Interest(1 << 6);

    /// Not delivered: see `Usage` in `source.rs`.
    pub(crate) const UNREGISTER: Interest = Interest(1 << 7);

    /// Everything that can be asked for.
    pub(crate) const ALL: Interest = Interest(Self::ASKABLE);

    const ASKABLE: u8 = 0b0000_0111;
    const CONDITIONS: u8 = 0b0011_1000;

    /// Whether every condition of `other` is in this set.
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set less the conditions of `other`.
    #[must_use]
    pub const fn without(self, other: Interest) -> Interest {
        Interest(self.0 & !other.0)
    }

    /// The conditions that are in both sets.
    #[must_use]
    pub const fn and(self, other: Interest) -> Interest {
        Interest(self.0 & other.0)
    }

    /// Whether there is nothing in it to call a callback for.
    pub(crate) const fn tells_nothing(self) -> bool {
        self.is_none() && !self.is_timeout()
    }

    /// Whether nothing is asked for: none of [`READ`], [`WRITE`] and [`PRIORITY`].
    pub const fn is_none(self) -> bool {
        self.0 & Self::ASKABLE == 0
    }

    /// Whether [`READ`] is in this set.
    pub const fn is_readable(self) -> bool {
        self.contains(READ)
    }

    /// Whether [`WRITE`] is in this set.
    pub const fn is_writable(self) -> bool {
        self.contains(WRITE)
    }

    /// Whether [`PRIORITY`] is in this set.
    pub const fn is_priority(self) -> bool {
        self.contains(PRIORITY)
    }

    /// Whether the source has an error pending. The next operation on it, or its `take_error`,
    /// tells which.
    pub const fn is_error(self) -> bool {
        self.contains(Interest::ERROR)
    }

    /// Whether the peer will send no more: after what has arrived comes the end of the stream.
    #[doc(alias = "EPOLLRDHUP")]
    #[doc(alias = "hang-up")]
    pub const fn is_read_closed(self) -> bool {
        self.contains(Interest::READ_CLOSED)
    }

    /// Whether nothing that is written will arrive any more.
    #[doc(alias = "EPOLLHUP")]
    #[doc(alias = "hang-up")]
    pub const fn is_write_closed(self) -> bool {
        self.contains(Interest::WRITE_CLOSED)
    }

    /// Whether the source's timeout is over, see
    /// [`Selector::set_timeout`](crate::Selector::set_timeout). It may be ready for something besides.
    pub const fn is_timeout(self) -> bool {
        self.contains(Interest::TIMEOUT)
    }

    /// The part that can be asked for.
    pub(crate) const fn asked(self) -> Interest {
        Interest(self.0 & Self::ASKABLE)
    }

    /// Whether an error or hang-up was reported.
    pub(crate) const fn has_condition(self) -> bool {
        self.0 & Self::CONDITIONS != 0
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn of_bits(bits: u8) -> Interest {
        Interest(bits)
    }

    /// What a source that asked for `asked` is told of `self`: that part of it, every error or hang-up,
    /// and that its timeout is over. An event of which only an error or hang-up is left becomes what was
    /// asked for, so that its callback finds out; one of which nothing is left is nothing.
    pub(crate) const fn masked(self, asked: Interest) -> Interest {
        let wanted = self.0 & asked.0;
        let beside = self.0 & !Self::ASKABLE;
        if wanted == 0 && self.has_condition() { Interest(asked.0 | beside) } else { Interest(wanted | beside) }
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Interest, &str); 7] = [
            (Interest::READ, "READ"),
            (Interest::WRITE, "WRITE"),
            (Interest::PRIORITY, "PRIORITY"),
            (Interest::ERROR, "error"),
            (Interest::READ_CLOSED, "read closed"),
            (Interest::WRITE_CLOSED, "write closed"),
            (Interest::TIMEOUT, "timeout"),
        ];
        let mut separator = "";
        for (flag, name) in NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = " | ";
            }
        }
        if separator.is_empty() { f.write_str("NONE") } else { Ok(()) }
    }
}

/// When a source is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Trigger {
    /// As long as it is ready, once per turn, whatever its callback reads or writes.
    #[default]
    Level,
    /// Once per arrival, as mio does it: the callback has to read, write or accept on until it is
    /// told "would block", or it may wait for ever. Never re-armed, so it saves a system call where
    /// a callback drains its source and [`Level`](Self::Level) could not see that it did.
    Edge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_with_nothing_asked_for_is_masked_to_nothing() {
        assert_eq!(WRITE.masked(READ), Interest::NONE);
    }

    #[test]
    fn error_with_nothing_asked_for_left_becomes_what_was_asked_for() {
        let told = (WRITE | Interest::ERROR).masked(READ);
        assert!(told.is_readable() && told.is_error() && !told.is_writable());
        let told = Interest::READ_CLOSED.masked(PRIORITY);
        assert!(told.is_priority() && told.is_read_closed());
    }

    #[test]
    fn conditions_alone_ask_for_nothing() {
        assert!(Interest::ERROR.is_none() && Interest::ERROR.asked() == Interest::NONE);
    }

    #[test]
    fn sets_print_as_they_are_written() {
        assert_eq!(format!("{:?}", READ | WRITE), "READ | WRITE");
        assert_eq!(format!("{:?}", Interest::NONE), "NONE");
        assert_eq!(format!("{:?}", READ | Interest::ERROR), "READ | error");
    }
}
