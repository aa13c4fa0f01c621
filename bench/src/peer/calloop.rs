//! calloop, level-triggered: a `Generic` source with its closure for each descriptor.

pub mod echo;
pub mod ring;
pub mod timers;
pub mod wake;
