//! The output that waits. It does no I/O of its own: it lends what is next, and is told how much went.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

/// How many pieces are handed to the system in one call.
const PIECES_MAX: usize = 32;

/// Small pieces that had to be copied are joined up to this size.
const JOINED_MAX: usize = 16 * 1024;

/// What waits to be sent. It takes next to no memory while it is empty.
#[derive(Default)]
pub(super) struct Output(Option<Box<Queue>>);

/// Pieces: those that were given as they are, and small ones that had to be copied joined. At least one,
/// and none is empty.
#[derive(Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    /// How much of the first piece has gone.
    gone: usize,
    /// The bytes in all pieces, less those that have gone.
    waiting: usize,
}

enum Piece {
    Copied(Vec<u8>),
    Given(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Copied(bytes) => bytes,
            Piece::Given(bytes) => bytes,
        }
    }
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.waiting)
    }

    fn queue(&mut self) -> &mut Queue {
        self.0.get_or_insert_default()
    }

    pub(super) fn push_copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let queue = self.queue();
        queue.waiting += bytes.len();
        match queue.pieces.back_mut() {
            Some(Piece::Copied(last)) if last.len() + bytes.len() <= JOINED_MAX => last.extend_from_slice(bytes),
            _ => queue.pieces.push_back(Piece::Copied(bytes.to_vec())),
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let queue = self.queue();
            queue.waiting += bytes.len();
            queue.pieces.push_back(Piece::Given(bytes));
        }
    }

    pub(super) fn append(&mut self, other: Output) {
        let Some(other) = other.0 else { return };
        let mut gone = other.gone;
        for piece in other.pieces {
            match piece {
                Piece::Given(bytes) => self.push(bytes.slice(gone..)),
                Piece::Copied(bytes) => self.push_copy(&bytes[gone..]),
            }
            gone = 0;
        }
    }

    /// Has `send` send what is next, given as slices and their length in all.
    pub(super) fn next<T>(&self, send: impl FnOnce(&[IoSlice<'_>], usize) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); PIECES_MAX];
        let (mut count, mut length) = (0, 0);
        if let Some(queue) = &self.0 {
            for (piece, slice) in queue.pieces.iter().zip(&mut slices) {
                let skip = if count == 0 { queue.gone } else { 0 };
                *slice = IoSlice::new(&piece.bytes()[skip..]);
                length += slice.len();
                count += 1;
            }
        }
        send(&slices[..count], length)
    }

    /// The first `count` bytes have gone.
    pub(super) fn went(&mut self, count: usize) {
        let Some(queue) = &mut self.0 else { return };
        queue.waiting -= count;
        if queue.waiting == 0 {
            return self.clear();
        }
        queue.gone += count;
        while let Some(first) = queue.pieces.front() {
            let length = first.bytes().len();
            if queue.gone < length {
                break;
            }
            queue.gone -= length;
            queue.pieces.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is done to an output.
    #[derive(Clone, Debug)]
    enum Step {
        Copy(Vec<u8>),
        Give(Vec<u8>),
        Append(Vec<Vec<u8>>, usize),
        /// So much of what is next goes.
        Send(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40);
        let step = prop_oneof![
            bytes().prop_map(Step::Copy),
            bytes().prop_map(Step::Give),
            (prop::collection::vec(bytes(), 0..50), 0..60usize).prop_map(|(pieces, gone)| Step::Append(pieces, gone)),
            (0..100usize).prop_map(Step::Send),
        ];
        prop::collection::vec(step, 0..60)
    }

    /// Takes up to `most` bytes of what is next, as a stream would.
    fn send(output: &mut Output, most: usize) -> Vec<u8> {
        let next = output.next(|slices, length| {
            let next: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            assert_eq!(next.len(), length);
            next
        });
        let sent = next[..most.min(next.len())].to_vec();
        output.went(sent.len());
        sent
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn output_is_what_was_put_in_less_what_has_gone(steps in steps()) {
            let (mut output, mut expected) = (Output::default(), VecDeque::new());
            for step in steps {
                match step {
                    Step::Copy(bytes) => {
                        output.push_copy(&bytes);
                        expected.extend(bytes);
                    }
                    Step::Give(bytes) => {
                        expected.extend(bytes.iter());
                        output.push(bytes.into());
                    }
                    Step::Append(pieces, gone) => {
                        let mut other = Output::default();
                        pieces.iter().for_each(|piece| other.push(Bytes::copy_from_slice(piece)));
                        let gone = send(&mut other, gone).len();
                        expected.extend(pieces.concat().iter().skip(gone));
                        output.append(other);
                    }
                    Step::Send(most) => {
                        let sent = send(&mut output, most);
                        let gone: Vec<u8> = expected.drain(..sent.len()).collect();
                        prop_assert_eq!(sent, gone);
                    }
                }
                prop_assert_eq!(output.waiting(), expected.len());
                prop_assert_eq!(output.is_empty(), expected.is_empty());
                if let Some(queue) = &output.0 {
                    let held: usize = queue.pieces.iter().map(|piece| piece.bytes().len()).sum();
                    prop_assert_eq!(held, expected.len() + queue.gone);
                }
            }
        }
    }
}
