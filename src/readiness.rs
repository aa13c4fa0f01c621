//! What a mio event means, and what each back end lets us conclude: the rules of readiness in one
//! place.
//!
//! mio reports edges. A selector that is to report levels must know, after a callback, whether the
//! source is still ready. It re-arms it (`reregister`), so that the system looks again, unless the
//! source is *proven* to be drained. What proves that differs by back end, and is said here.

use crate::interest::Interest;
use mio::event::Event;
use std::io;

/// Whether "would block" proves that nothing is left, so that the next arrival is reported without
/// re-arming. Not so where mio clears what it has delivered (`poll(2)`, event ports).
pub(crate) const WOULD_BLOCK_PROVES: bool = cfg!(all(
    any(
        windows,
        target_os = "linux",
        target_os = "android",
        target_os = "illumos",
        target_os = "redox",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ),
    not(mio_unsupported_force_poll_poll)
));

/// Whether a short read or write on a TCP stream proves the same. That needs a system that tells in
/// the same event of an end of stream and of urgent data, for a read stops short before both.
pub(crate) const SHORT_IO_PROVES: bool =
    cfg!(all(any(target_os = "linux", target_os = "android"), not(mio_unsupported_force_poll_poll)));

/// Whether mio itself drops a descriptor on which it saw a hang-up or an error. Asked to
/// `reregister` it, it then says `NotFound`, and so does an operation that would block.
pub(crate) const DROPS_ON_HANG_UP: bool = !WOULD_BLOCK_PROVES;

/// Whether one wait reports a source once, with all it is ready for. kqueue reports reading and
/// writing apart.
pub(crate) const REPORTS_ONCE: bool = cfg!(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
)));

/// Whether the system refuses to wait for what is always ready (a regular file, `/dev/null`).
pub(crate) const REFUSES_ALWAYS_READY: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "illumos", target_os = "redox"),
    not(mio_unsupported_force_poll_poll)
));

/// Whether the system takes a regular file and reports it only while there is more of it, so that its
/// end is never told (kqueue). Then a source of ours refuses it as the others do.
pub(crate) const HIDES_END_OF_FILE: bool = !REPORTS_ONCE;

/// Whether that is why the system refused.
pub(crate) fn is_always_ready(error: &io::Error) -> bool {
    (REFUSES_ALWAYS_READY || HIDES_END_OF_FILE) && error.raw_os_error() == Some(EPERM)
}

/// How a system refuses to wait for what is always ready: the same number on every Unix.
pub(crate) const EPERM: i32 = 1;

/// What an event says, if that is "ready to read", "ready to write" or both, and nothing else: as
/// good as always.
#[inline(always)]
pub(crate) fn plain(event: &Event) -> Option<Interest> {
    if event.is_priority() || event.is_error() {
        return None;
    }
    if event.is_read_closed() || event.is_write_closed() {
        return None;
    }
    let read = if event.is_readable() { Interest::READ } else { Interest::NONE };
    let write = if event.is_writable() { Interest::WRITE } else { Interest::NONE };
    let ready = read | write;
    // Without a word for it: only `poll(2)` has such events, of a descriptor that was closed.
    if DROPS_ON_HANG_UP && ready == Interest::NONE { None } else { Some(ready) }
}

/// What an event says. READ is readable, read-closed or error; WRITE is writable, write-closed or
/// error (the mapping of Python's selectors). One that says nothing mio has a word for, such as
/// `POLLNVAL`, counts as an error, so that its callback finds out.
#[cold]
#[inline(never)]
pub(crate) fn of(event: &Event) -> Interest {
    let mut ready = Interest::NONE;
    if event.is_readable() {
        ready |= Interest::READ;
    }
    if event.is_writable() {
        ready |= Interest::WRITE;
    }
    if event.is_priority() {
        ready |= Interest::PRIORITY;
    }
    if event.is_read_closed() {
        ready |= Interest::READ | Interest::READ_CLOSED;
    }
    if event.is_write_closed() {
        ready |= Interest::WRITE | Interest::WRITE_CLOSED;
    }
    if event.is_error() || ready == Interest::NONE {
        ready |= Interest::READ | Interest::WRITE | Interest::ERROR;
    }
    ready
}

/// What to ask mio for; `None` where there is nothing to ask.
pub(crate) fn to_mio(interest: Interest) -> Option<mio::Interest> {
    let mut wanted = None;
    let mut add = |one| wanted = Some(wanted.map_or(one, |others: mio::Interest| others.add(one)));
    if interest.is_readable() {
        add(mio::Interest::READABLE);
    }
    if interest.is_writable() {
        add(mio::Interest::WRITABLE);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if interest.is_priority() {
        add(mio::Interest::PRIORITY);
    }
    wanted
}
