//! The output that waits. It does no I/O of its own: it lends what is next, and is told how much went.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

/// How many pieces are handed to the system in one call.
const PIECES_MAX: usize = 32;

/// Small pieces that had to be copied are joined up to this size.
const JOINED_MAX: usize = 16 * 1024;

/// What waits to be sent: pieces, those that were given kept as they are, and small ones that had to
/// be copied joined. It takes no memory while it is empty.
#[derive(Default)]
pub(super) struct Output {
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
        self.waiting == 0
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn push_copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.waiting += bytes.len();
        match self.pieces.back_mut() {
            Some(Piece::Copied(last)) if last.len() + bytes.len() <= JOINED_MAX => last.extend_from_slice(bytes),
            _ => self.pieces.push_back(Piece::Copied(bytes.to_vec())),
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting += bytes.len();
            self.pieces.push_back(Piece::Given(bytes));
        }
    }

    pub(super) fn append(&mut self, other: Output) {
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
        for (piece, slice) in self.pieces.iter().zip(&mut slices) {
            let skip = if count == 0 { self.gone } else { 0 };
            *slice = IoSlice::new(&piece.bytes()[skip..]);
            length += slice.len();
            count += 1;
        }
        send(&slices[..count], length)
    }

    /// The first `count` bytes have gone.
    pub(super) fn went(&mut self, count: usize) {
        self.waiting -= count;
        if self.waiting == 0 {
            return self.clear();
        }
        self.gone += count;
        while let Some(first) = self.pieces.front() {
            let length = first.bytes().len();
            if self.gone < length {
                break;
            }
            self.gone -= length;
            self.pieces.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        drop(mem::take(self));
    }
}
