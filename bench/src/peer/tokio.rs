//! tokio on one thread: a task for each thing that waits.

pub mod echo;
pub mod http;
pub mod lines;
pub mod ring;
mod serve;
pub mod timers;
pub mod wake;
