//! polling, level-triggered: a slab of states.

pub mod echo;
pub mod ring;
pub mod wake;
