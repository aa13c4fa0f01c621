//! Errors that carry something beside the [`io::Error`].

use crate::key::AnyKey;
use std::{error, fmt, io};

/// A registration that failed: why, and the source, which is handed back.
///
/// It turns into the [`io::Error`] (and drops the source), so `?` works where an [`io::Result`] is
/// returned. The selector is left as if [`register`](crate::Selector::register) had not been
/// called.
pub struct RegisterError<S> {
    error: io::Error,
    source: S,
}

impl<S> RegisterError<S> {
    pub(crate) fn new(error: io::Error, source: S) -> Self {
        RegisterError { error, source }
    }

    /// Why.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// Why, and the source.
    pub fn into_parts(self) -> (io::Error, S) {
        (self.error, self.source)
    }
}

impl<S> From<RegisterError<S>> for io::Error {
    fn from(failed: RegisterError<S>) -> io::Error {
        failed.error
    }
}

impl<S> fmt::Debug for RegisterError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<S> fmt::Display for RegisterError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot register {}: {}", std::any::type_name::<S>(), self.error)
    }
}

impl<S> error::Error for RegisterError<S> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A job that was not taken: why, and both closures, which are handed back.
///
/// It turns into the [`io::Error`] (and drops the closures), so `?` works where an [`io::Result`] is
/// returned.
pub struct OffloadError<J, D> {
    error: io::Error,
    job: J,
    done: D,
}

impl<J, D> OffloadError<J, D> {
    pub(crate) fn new(error: io::Error, job: J, done: D) -> Self {
        OffloadError { error, job, done }
    }

    /// Why.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// Why, and the two closures.
    pub fn into_parts(self) -> (io::Error, J, D) {
        (self.error, self.job, self.done)
    }
}

impl<J, D> From<OffloadError<J, D>> for io::Error {
    fn from(failed: OffloadError<J, D>) -> io::Error {
        failed.error
    }
}

impl<J, D> fmt::Debug for OffloadError<J, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffloadError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<J, D> fmt::Display for OffloadError<J, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot offload a job: {}", self.error)
    }
}

impl<J, D> error::Error for OffloadError<J, D> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A source that was unregistered and dropped because of an error, as the hook of
/// [`Selector::on_error`](crate::Selector::on_error) is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceError {
    /// The key it had; stale by now.
    pub key: AnyKey,
    /// The name of its type.
    pub source_type: &'static str,
    /// What its callback returned, or what re-arming it in the system came to.
    pub error: io::Error,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dropped source {} ({}): {}", self.key, self.source_type, self.error)
    }
}

impl error::Error for SourceError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a source cannot be had. It becomes an [`io::Error`] only where somebody is told, since that
/// takes memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unavailable {
    Gone(AnyKey),
    InUse(AnyKey),
}

impl From<Unavailable> for io::Error {
    fn from(why: Unavailable) -> io::Error {
        match why {
            Unavailable::Gone(key) => {
                io::Error::new(io::ErrorKind::NotFound, format!("no source is registered as {key}"))
            }
            Unavailable::InUse(key) => io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("source {key} is with its callback, or in `with`, until that returns"),
            ),
        }
    }
}
