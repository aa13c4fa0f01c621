//! selkie: what all of this is about.

pub mod echo;
pub mod ring;
pub mod timers;
