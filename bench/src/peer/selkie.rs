//! selkie: what all of this is about.

pub mod echo;
