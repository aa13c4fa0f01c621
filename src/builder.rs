//! What is chosen when a selector is made.

use crate::offload::Workers;
use crate::selector::Selector;
use std::io;

/// Makes a [`Selector`] other than the usual one: [`Selector::builder`] begins, [`build`](Self::build)
/// ends.
///
/// ```
/// # use selkie::Selector;
/// # fn main() -> std::io::Result<()> {
/// let sel = Selector::builder().workers(2).queue_max(100).build()?;
/// # sel.run()
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it makes a selector only by `build`"]
pub struct Builder {
    workers: Option<usize>,
    queue_max: usize,
}

impl Builder {
    /// At most that many threads do jobs, see [`Selector::offload`]; each is started when it is first
    /// needed. By default four more than processors, and at most 32.
    ///
    /// With zero no thread is ever started, and each job is refused.
    pub fn workers(mut self, count: usize) -> Builder {
        self.workers = Some(count);
        self
    }

    /// At most that many jobs wait while every worker has one. By default, as many as there is memory
    /// for. With zero, a job is taken only if it can be begun at once.
    ///
    /// What happens when the queue is full is chosen by [`Selector::offload_with`].
    pub fn queue_max(mut self, count: usize) -> Builder {
        self.queue_max = count;
        self
    }

    /// The selector, which is empty.
    ///
    /// # Errors
    ///
    /// Those of the system: usually, too many descriptors are open.
    pub fn build<'cb>(self) -> io::Result<Selector<'cb>> {
        Selector::with_workers(Workers::new(self.workers, self.queue_max))
    }
}

impl Selector<'_> {
    /// A selector with choices of one's own.
    pub fn builder() -> Builder {
        Builder { workers: None, queue_max: usize::MAX }
    }
}
