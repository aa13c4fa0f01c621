//! A callback-based event loop, modelled on Python's `selectors`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod selector;

mod interest;
mod key;
mod source;

pub mod net;
#[cfg(unix)]
pub mod unix;

mod error;
mod readiness;
mod registered;
mod slots;

pub use error::{RegisterError, SourceError};
pub use interest::{Interest, PRIORITY, READ, Trigger, WRITE};
pub use key::{AnyKey, Key};
pub use registered::Outcome;
pub use selector::Selector;
pub use source::Source;

pub use mio::event;
