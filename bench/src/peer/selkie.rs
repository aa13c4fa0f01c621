//! selkie: what all of this is about.

pub mod buffered;
pub mod echo;
pub mod http;
pub mod lines;
pub mod ring;
mod serve;
pub mod timers;
pub mod wake;
