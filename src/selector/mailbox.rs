//! The selector's end of its mail: what other threads have for it is called here.

use super::Selector;
use crate::mail::{Call, Mail};
use mio::{Token, Waker};
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// The waker's token. As a source's it would name one more slot than there can be, so an event that
/// carries it is passed over. What there is to do is in the mail.
const WAKER: Token = Token(usize::MAX);

/// Empty until somebody asks for it: most selectors have one thread only, and no need of a waker. mio
/// allows for one of these per poll.
pub(super) struct Mailbox(OnceCell<Arc<Mail>>);

impl Mailbox {
    pub(super) fn new() -> Self {
        Mailbox(OnceCell::new())
    }

    /// Whether anybody asked for it.
    pub(super) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    /// Whether there is anything to see to.
    #[inline]
    pub(super) fn has_mail(&self) -> bool {
        self.0.get().is_some_and(|mail| mail.is_waiting())
    }

    /// How many calls wait.
    pub(super) fn calls(&self) -> usize {
        self.0.get().map_or(0, |mail| mail.calls())
    }

    /// Whether no call is there, nor will ever come.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.get().is_none_or(|mail| mail.is_abandoned())
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if let Some(mail) = self.0.get() {
            // Unlocked by now: what is dropped may post.
            drop(mail.close());
        }
    }
}

impl Selector<'_> {
    pub(crate) fn mail(&self) -> io::Result<&Arc<Mail>> {
        let Mailbox(mail) = &self.mailbox;
        if let Some(mail) = mail.get() {
            return Ok(mail);
        }
        self.has_other_business.set(true);
        let waker = Waker::new(self.poll.borrow().registry(), WAKER)?;
        Ok(mail.get_or_init(|| Arc::new(Mail::new(waker))))
    }

    /// Heeds a call to stop, and answers whether there was one, or one to wake.
    #[inline]
    pub(super) fn heed_signals(&self) -> bool {
        self.mailbox.has_mail() && self.take_signals()
    }

    #[cold]
    fn take_signals(&self) -> bool {
        let Mailbox(mail) = &self.mailbox;
        let (wake, stop) = mail.get().map_or((false, false), |mail| mail.take_signals());
        if stop {
            self.stop();
        }
        wake || stop
    }

    /// Calls what stood in the mailbox when this began. Answers how many that were.
    #[inline]
    pub(super) fn call_posted(&self) -> usize {
        if self.mailbox.has_mail() { self.call_all_posted() } else { 0 }
    }

    #[cold]
    fn call_all_posted(&self) -> usize {
        let Mailbox(mail) = &self.mailbox;
        let Some(mail) = mail.get() else { return 0 };
        let mut taken = Taken { mail, calls: mail.take_calls() };
        let mut called = 0;
        while let Some(call) = taken.calls.pop_front() {
            called += 1;
            self.meter.watch("posted call", || call(self));
        }
        called
    }
}

/// Calls on their way from the box. Dropped before all were called, because one panicked, it puts
/// the rest back.
struct Taken<'s> {
    mail: &'s Mail,
    calls: VecDeque<Call>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.calls.is_empty() {
            self.mail.put_back(std::mem::take(&mut self.calls));
        }
    }
}
