//! polling, level-triggered: a slab of states.

pub mod echo;
pub mod ring;
