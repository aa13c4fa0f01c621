//! mio, without anything above it: edge-triggered, a slab of states, a `match`.

pub mod echo;
pub mod ring;
pub mod wake;
