//! What a connection waits for next, and how it is called for what nothing is reported of.
//!
//! What others do to a connection is told to its protocol by the driver, and never inline. The driver
//! is the connection's callback, and only the selector calls that: so a connection that has news has a
//! timeout of zero, which is over in the next turn.

use super::deadlines::{Deadlines, Due};
use super::{Alarm, Connection, Stream};
use crate::interest::{Interest, READ, WRITE};
use crate::protocol::Timeout;
use crate::source::Source;
use std::time::{Duration, Instant};

impl<S: Stream> Connection<S> {
    /// Whether the driver has anything to see to.
    fn has_news(&self) -> bool {
        let to_tell = self.above_high != self.told_above || self.is_end_to_tell() || self.stopping;
        let to_deliver = self.has_left() && self.may_receive();
        let to_read = self.receives() && self.stream.has_input();
        let to_close = self.end.is_some() || self.closing && !self.lingering && !self.has_output();
        self.is_new || to_tell || to_deliver || to_read || to_close
    }

    /// What to be called for if nothing happens, and after how long.
    fn next_alarm(&mut self) -> (Alarm, Option<Duration>) {
        let limits = self.options.limits();
        if self.has_news() {
            return (Alarm::AtOnce, Some(Duration::ZERO));
        }
        if !self.closing && (!self.has_output() || limits.write.is_none()) {
            self.deadlines = None;
            return (if limits.idle.is_some() { Alarm::Idle } else { Alarm::None }, limits.idle);
        }
        let now = Instant::now();
        let deadlines = self.deadlines.get_or_insert_with(|| Box::new(Deadlines::new(self.received, self.sent, now)));
        deadlines.note(self.received, self.sent, now);
        (Alarm::Deadline, deadlines.next(limits, now))
    }

    /// What time-out is over.
    pub(super) fn take_due(&mut self, ready: Interest) -> Option<Due> {
        let limits = self.options.limits();
        match &mut self.deadlines {
            Some(deadlines) => {
                let now = Instant::now();
                deadlines.note(self.received, self.sent, now);
                deadlines.take_due(limits, now)
            }
            None if self.alarm == Alarm::Idle && ready.is_timeout() && ready.is_none() => {
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
    /// Something has changed that may concern the driver or the selector.
    pub(super) fn changed(&mut self) {
        self.attention = true;
        if !self.driving {
            self.wait();
        }
    }

    /// Has the selector wait for what may come next.
    pub(super) fn wait(&mut self) {
        self.redeliver &= !self.input.is_empty();
        let wanted = self.wanted();
        if wanted != self.asked {
            self.asked = wanted;
            self.set_interest(wanted);
        }
        let (alarm, timeout) = self.next_alarm();
        // Deadlines stay where they are, while a source's timeout counts from its last call.
        if alarm != self.alarm || alarm == Alarm::Deadline {
            self.alarm = alarm;
            self.set_timeout(timeout);
        }
        self.attention = matches!(alarm, Alarm::AtOnce | Alarm::Deadline);
    }
}
