//! Marks in the order in which they come up. Pure bookkeeping.
//!
//! A heap, with a sorted list behind it. With few marks it is a heap and nothing else. With many, a heap
//! is slow, because each step down to its leaves is in another place of memory; so when the heap has
//! grown to half of the list, it is sorted into that, which goes through memory from one end to the
//! other. What comes up next is on top of the one or at the end of the other.

use crate::schedule::Moment;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The entry in `slot` may be due at `at`, if this is its mark.
#[derive(PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: Moment,
    /// Which comes first, at the same moment.
    pub(crate) order: u64,
    pub(crate) slot: u32,
}

// The heap has the greatest on top, and that has to be the one that comes up first.
impl Ord for Mark {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(crate) struct Marks {
    heap: BinaryHeap<Mark>,
    /// The one that comes up first is the last.
    sorted: Vec<Mark>,
}

/// With fewer marks than this it is a heap.
const FEW: usize = 512;

/// So many marks are worth no tidying up.
const KEPT: usize = 64;

impl Marks {
    pub(crate) fn new() -> Self {
        Marks { heap: BinaryHeap::new(), sorted: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.sorted.len()
    }

    pub(crate) fn push(&mut self, mark: Mark) {
        self.heap.push(mark);
        if self.heap.len() > FEW + self.sorted.len() / 2 {
            self.sorted.extend(self.heap.drain());
            // This sort makes use of what is sorted already.
            self.sorted.sort();
        }
    }

    /// The one that comes up first.
    pub(crate) fn peek(&self) -> Option<&Mark> {
        self.heap.peek().max(self.sorted.last())
    }

    pub(crate) fn pop(&mut self) -> Option<Mark> {
        if self.heap.peek() > self.sorted.last() { self.heap.pop() } else { self.sorted.pop() }
    }

    pub(crate) fn retain(&mut self, is_good: impl Fn(&Mark) -> bool) {
        self.heap.retain(&is_good);
        self.sorted.retain(is_good);
    }

    /// Gives memory back of which less than a quarter is in use.
    pub(crate) fn give_back(&mut self) {
        let enough = |used: usize| 2 * (used + KEPT);
        if self.heap.capacity() > 2 * enough(self.heap.len()) {
            self.heap.shrink_to(enough(self.heap.len()));
        }
        if self.sorted.capacity() > 2 * enough(self.sorted.len()) {
            self.sorted.shrink_to(enough(self.sorted.len()));
        }
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.heap.iter().chain(&self.sorted)
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.heap.capacity() + self.sorted.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, and are the same each time.
    fn scattered(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44)
    }

    #[test]
    fn marks_come_up_in_order_however_many_there_are_and_when_they_came() {
        let mut marks = Marks::new();
        let mut order = 0;
        let mut add = |marks: &mut Marks, at| {
            order += 1;
            marks.push(Mark { at, order, slot: 0 });
        };
        scattered(10_000).for_each(|at| add(&mut marks, at));
        let mut last = (0, 0);
        for round in 0..20_000 {
            let first = marks.peek().map(|mark| (mark.at, mark.order)).unwrap();
            let popped = marks.pop().map(|mark| (mark.at, mark.order)).unwrap();
            assert_eq!(first, popped);
            assert!(popped > last, "{popped:?} after {last:?}");
            last = popped;
            // Half of them come again, a while later.
            if round % 2 == 0 {
                add(&mut marks, popped.0 + 1000 + round % 7);
            }
            if marks.len() == 0 {
                break;
            }
        }
        assert!(marks.len() == 0 && marks.pop().is_none() && marks.peek().is_none());
    }

    #[test]
    fn marks_that_are_swept_out_do_not_come_up() {
        let mut marks = Marks::new();
        scattered(5_000).enumerate().for_each(|(n, at)| marks.push(Mark { at, order: n as u64, slot: n as u32 }));
        marks.retain(|mark| mark.slot % 10 == 3);
        assert_eq!(marks.len(), 500);
        let came = std::iter::from_fn(|| marks.pop());
        assert!(came.map(|mark| mark.slot % 10).all(|digit| digit == 3));
    }

    #[test]
    fn memory_of_marks_that_are_gone_is_given_back() {
        let mut marks = Marks::new();
        scattered(100_000).for_each(|at| marks.push(Mark { at, order: at, slot: 0 }));
        while marks.pop().is_some() {
            marks.give_back();
        }
        assert!(marks.capacity() <= 8 * FEW, "{}", marks.capacity());
    }
}
