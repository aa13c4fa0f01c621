//! The guide: from a server that serves one client to one that runs for real.
//!
//! Each chapter takes ten minutes. All code in it is compiled and, unless it would wait for ever, run
//! with the tests of this crate, so it can be copied as it stands.
//!
//! 1. [From blocking to callbacks](chapter_1_from_blocking_to_callbacks): seven ways to serve many
//!    clients, what each costs, and where it breaks.
//! 2. [Your first server](chapter_2_your_first_server): listening, answering, and what does not fit.
//! 3. [Level and edge](chapter_3_level_and_edge): the two ways to be told, side by side.
//! 4. [From Python to selkie](chapter_4_from_python_to_selkie): `selectors`, `asyncio`'s protocols and
//!    `socketserver`, each idiom with its counterpart.
//! 5. [Inside a callback](chapter_5_inside_a_callback): what you may do there, and what becomes of it.
//! 6. [Writing a protocol](chapter_6_writing_a_protocol), and testing it without a socket.
//! 7. [The rest of the world](chapter_7_the_rest_of_the_world): time, threads, workers, signals,
//!    children.
//! 8. [Running it for real](chapter_8_running_it_for_real): limits, time-outs, shutdown, logging, several
//!    cores, several machines behind a balancer.
//! 9. [Do you need this?](chapter_9_do_you_need_this) selkie beside its relatives, and
//!    [measured] beside them.
//!
//! If you come from Python, read the fourth first. The first four are there in Chinese: [中文](zh).

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
pub mod chapter_6_writing_a_protocol {
    #![doc = include_str!("guide/06-writing-a-protocol.md")]
}
pub mod chapter_7_the_rest_of_the_world {
    #![doc = include_str!("guide/07-the-rest-of-the-world.md")]
}
pub mod chapter_8_running_it_for_real {
    #![doc = include_str!("guide/08-running-it-for-real.md")]
}
pub mod chapter_9_do_you_need_this {
    #![doc = include_str!("guide/09-do-you-need-this.md")]
}
pub mod measured {
    //! selkie measured beside its relatives.
    //!
    //! All in one run, taking turns, each with the same work to do. Processor time is that of a server of
    //! which 1 or 50 clients want back what they send, on one core with them. It and the rings, in which
    //! one of a thousand sources is ready, are ratios to epoll by hand in C, level-triggered; timers,
    //! started, cancelled and fired, are ratios to libev: the median, and the least and the greatest of
    //! several runs. The others are counts.
    //!
    #![doc = include_str!("../docs/performance/summary.md")]
    //!
    //! Processor time, of one request:
    //!
    #![doc = include_str!("../docs/performance/echo.svg")]
    //!
    //! `docs/performance` in the repository has all of it, and `bench` what measures it.
}

/// 教程的前四章。
///
/// 1. [从阻塞到回调](zh::chapter_1_from_blocking_to_callbacks)：服务许多客户端的七种写法，各自的代价，以及各自在哪里不行。
/// 2. [第一个服务器](zh::chapter_2_your_first_server)：监听、回答，以及放不下的数据。
/// 3. [水平触发与边沿触发](zh::chapter_3_level_and_edge)：得知就绪的两种方式，并排对照。
/// 4. [从 Python 到 selkie](zh::chapter_4_from_python_to_selkie)：`selectors`、`asyncio` 的协议与 `socketserver`，各有对应。
// Its code is that of the originals, and so compiled and run there.
#[cfg(all(doc, not(doctest)))]
pub mod zh {
    pub mod chapter_1_from_blocking_to_callbacks {
        #![doc = include_str!("guide/zh/01-from-blocking-to-callbacks.md")]
    }
    pub mod chapter_2_your_first_server {
        #![doc = include_str!("guide/zh/02-your-first-server.md")]
    }
    pub mod chapter_3_level_and_edge {
        #![doc = include_str!("guide/zh/03-level-and-edge.md")]
    }
    pub mod chapter_4_from_python_to_selkie {
        #![doc = include_str!("guide/zh/04-from-python-to-selkie.md")]
    }
}
