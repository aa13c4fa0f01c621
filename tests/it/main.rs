//! What the documentation promises, a test for each sentence. Tests are named
//! `state_event_outcome`; `util` is their vocabulary.

mod util;

mod registry;

mod edge;
mod level;
mod offload;
mod remote;
mod select;
mod stats;
mod timeouts;
mod timers;

mod processes;
mod signals;
mod stdin;

mod errors;
mod model;
mod reentrancy;

mod connect;
mod connection;
mod datagram;
mod server;

mod limits;
mod tidy;
mod translation;

mod examples;
