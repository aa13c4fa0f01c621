//! The time-outs of a connection, for when there is more than one to watch.

use super::options::Limits;
use crate::protocol::Timeout;
use std::time::{Duration, Instant};

/// What has been waited for long enough.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Close,
    Told(Timeout),
}

/// Since when a connection waits for what. As a rule there is only the idle time-out to watch, and
/// that is the source's own, which every call puts off. This is for a connection whose output waits,
/// or that is being closed: what puts off the one then does not put off the other.
pub(super) struct Deadlines {
    /// When anything was received or sent last, and how much had been by then.
    moved: Instant,
    received: u64,
    sent: u64,
    /// When anything was sent last, or output began to wait.
    wrote: Instant,
    /// When to give up closing.
    close: Option<Instant>,
}

impl Deadlines {
    pub(super) fn new(received: u64, sent: u64, now: Instant) -> Self {
        Deadlines { moved: now, received, sent, wrote: now, close: None }
    }

    /// Gives up closing after `timeout`, or never if that is too long to be told.
    pub(super) fn close_within(&mut self, timeout: Duration, now: Instant) {
        self.close = now.checked_add(timeout);
    }

    /// So much has been received and sent by now.
    pub(super) fn note(&mut self, received: u64, sent: u64, now: Instant) {
        if sent != self.sent {
            self.wrote = now;
        }
        if (received, sent) != (self.received, self.sent) {
            (self.received, self.sent, self.moved) = (received, sent, now);
        }
    }

    /// What is over; that counts anew then.
    pub(super) fn take_due(&mut self, limits: &Limits, now: Instant) -> Option<Due> {
        let is_over = |since: Instant, length: Option<Duration>| length.is_some_and(|length| now - since >= length);
        if let Some(close) = self.close {
            return (now >= close).then_some(Due::Close);
        }
        if is_over(self.wrote, limits.write) {
            self.wrote = now;
            return Some(Due::Told(Timeout::Write));
        }
        if is_over(self.moved, limits.idle) {
            self.moved = now;
            return Some(Due::Told(Timeout::Idle));
        }
        None
    }

    /// How long there is to wait for the next.
    pub(super) fn next(&self, limits: &Limits, now: Instant) -> Option<Duration> {
        if let Some(close) = self.close {
            return Some(close.saturating_duration_since(now));
        }
        let left = |since: Instant, length: Option<Duration>| length.map(|length| length.saturating_sub(now - since));
        let (write, idle) = (left(self.wrote, limits.write), left(self.moved, limits.idle));
        write.into_iter().chain(idle).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConnectionOptions;

    const SECOND: Duration = Duration::from_secs(1);

    fn options() -> ConnectionOptions {
        ConnectionOptions::new().idle_timeout(Some(5 * SECOND)).write_timeout(Some(2 * SECOND))
    }

    #[test]
    fn nothing_moves_tells_the_nearer_first_and_each_anew() {
        let (options, start) = (options(), Instant::now());
        let mut deadlines = Deadlines::new(0, 0, start);
        let mut told = Vec::new();
        for second in 0..10 {
            let now = start + second * SECOND;
            if let Some(due) = deadlines.take_due(options.limits(), now) {
                told.push((second, due));
            }
        }
        let write = || Due::Told(Timeout::Write);
        assert_eq!(told, [(2, write()), (4, write()), (5, Due::Told(Timeout::Idle)), (6, write()), (8, write())]);
    }

    #[test]
    fn input_comes_puts_off_idle_and_not_write() {
        let (options, start) = (options(), Instant::now());
        let mut deadlines = Deadlines::new(0, 0, start);
        let now = start + SECOND;
        deadlines.note(1, 0, now);
        assert_eq!(deadlines.next(options.limits(), now), Some(SECOND));
        deadlines.note(1, 1, now);
        assert_eq!(deadlines.next(options.limits(), now), Some(2 * SECOND));
    }

    #[test]
    fn closing_waits_for_nothing_else() {
        let (options, start) = (options(), Instant::now());
        let mut deadlines = Deadlines::new(0, 0, start);
        deadlines.close_within(9 * SECOND, start);
        assert_eq!(deadlines.next(options.limits(), start + SECOND), Some(8 * SECOND));
        assert_eq!(deadlines.take_due(options.limits(), start + 8 * SECOND), None);
        assert_eq!(deadlines.take_due(options.limits(), start + 9 * SECOND), Some(Due::Close));
    }
}
