//! The guide: from a server that serves one client to one that runs for real.
//!
//! Each chapter takes ten minutes. All code in it is compiled and, unless it would wait for ever, run
//! with the tests of this crate, so it can be copied as it stands.
//!
//! 1. [From blocking to callbacks](chapter_1_from_blocking_to_callbacks): seven ways to serve many
//!    clients, what each costs, and where it breaks.
//! 2. [Your first server](chapter_2_your_first_server): listening, answering, and what does not fit.
//! 3. [Level and edge](chapter_3_level_and_edge): the two ways to be told, side by side.
//! 4. [From Python to selkie](chapter_4_from_python_to_selkie): `selectors` and `asyncio`'s protocols,
//!    each idiom with its counterpart.
//! 5. [Inside a callback](chapter_5_inside_a_callback): what you may do there, and what becomes of it.
//!
//! If you come from Python, read the fourth first.

pub mod chapter_1_from_blocking_to_callbacks {
    #![doc = include_str!("guide/01-from-blocking-to-callbacks.md")]
}
pub mod chapter_2_your_first_server {
    #![doc = include_str!("guide/02-your-first-server.md")]
}
pub mod chapter_3_level_and_edge {
    #![doc = include_str!("guide/03-level-and-edge.md")]
}
pub mod chapter_4_from_python_to_selkie {
    #![doc = include_str!("guide/04-from-python-to-selkie.md")]
}
pub mod chapter_5_inside_a_callback {
    #![doc = include_str!("guide/05-inside-a-callback.md")]
}
