//! `stop_on_signals` where there are no signals: on Windows.

use crate::mail::Mail;
use crate::selector::Selector;
use std::io::{self, ErrorKind};
use std::mem;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

impl Selector<'_> {
    /// Has [`run`](Self::run) return on Ctrl-C or Ctrl-Break. The next one ends the process, as it does by
    /// default; ask again before another `run`.
    ///
    /// It is no reason for `run` to go on.
    ///
    /// # From inside a callback
    ///
    /// At once.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) if the program has a handler of its own for Ctrl-C, by
    /// the crate ctrlc. Otherwise those of the system.
    ///
    /// **Platforms**: this is what it does on Windows. On Unix it is for `SIGINT` and `SIGTERM`.
    pub fn stop_on_signals(&self) -> io::Result<()> {
        let mail = Arc::downgrade(self.mail()?);
        let mut waiting = waiting();
        if !waiting.is_installed {
            ctrlc::try_set_handler(on_ctrl_c).map_err(|error| match error {
                ctrlc::Error::System(error) => error,
                _ => io::Error::new(ErrorKind::AlreadyExists, error),
            })?;
            waiting.is_installed = true;
        }
        waiting.selectors.retain(|mail| mail.strong_count() > 0);
        waiting.selectors.push(mail);
        Ok(())
    }
}

/// Who is to be stopped. There is one handler for the process, on a thread that the crate ctrlc starts,
/// and it is not taken back.
struct Waiting {
    is_installed: bool,
    selectors: Vec<Weak<Mail>>,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { is_installed: false, selectors: Vec::new() });

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_ctrl_c() {
    /// What a process ends with by default.
    const STATUS_CONTROL_C_EXIT: u32 = 0xC000_013A;
    let selectors = mem::take(&mut waiting().selectors);
    let mails: Vec<_> = selectors.iter().filter_map(Weak::upgrade).collect();
    if mails.is_empty() {
        process::exit(STATUS_CONTROL_C_EXIT as i32);
    }
    for mail in mails {
        mail.stop();
    }
}
