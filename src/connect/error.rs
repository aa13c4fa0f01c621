//! Why there is no connection.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why there is no connection: what became of each attempt, in the order in which they were made; of
/// several rounds, in the last one.
///
/// It turns into an [`io::Error`] with the kind of the last attempt and the text of all.
#[derive(Debug)]
pub struct ConnectError {
    attempts: Vec<ConnectAttempt>,
}

/// One attempt that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectAttempt {
    /// The address or path, or what else was attempted.
    pub to: String,
    /// Why it failed.
    pub error: io::Error,
}

impl ConnectError {
    pub(super) fn new(attempts: Vec<ConnectAttempt>) -> Self {
        ConnectError { attempts }
    }

    /// The attempts. There is none if there was no address to try.
    pub fn attempts(&self) -> &[ConnectAttempt] {
        &self.attempts
    }

    /// The kind of the last attempt's error; [`InvalidInput`](ErrorKind::InvalidInput) if there was no
    /// address to try.
    pub fn kind(&self) -> ErrorKind {
        self.attempts.last().map_or(ErrorKind::InvalidInput, |last| last.error.kind())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempts.is_empty() {
            return f.write_str("there is no address to connect to");
        }
        f.write_str("cannot connect")?;
        let mut separator = ": ";
        for ConnectAttempt { to, error } in &self.attempts {
            write!(f, "{separator}{to}: {error}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.attempts.last().map(|last| &last.error as &(dyn Error + 'static))
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_told_in_order_and_the_last_one_gives_the_kind() {
        let attempt = |to: &str, kind: ErrorKind| ConnectAttempt { to: to.to_owned(), error: kind.into() };
        let attempts = vec![attempt("a:1", ErrorKind::TimedOut), attempt("b:2", ErrorKind::ConnectionRefused)];
        let error = io::Error::from(ConnectError::new(attempts));
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), "cannot connect: a:1: timed out; b:2: connection refused");
        assert!(error.source().is_some());
    }

    #[test]
    fn no_attempt_was_made_that_is_invalid_input() {
        let error = ConnectError::new(Vec::new());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "there is no address to connect to");
        assert!(error.source().is_none());
    }
}
