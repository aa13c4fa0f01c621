//! What the programs do that are measured, as far as it is the same whichever loop they stand on.

pub mod clock;
pub mod echo;
pub mod http;
pub mod ring;
pub mod timers;
pub mod wake;
