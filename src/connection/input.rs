//! What was received and not consumed yet, as a protocol sees it.

use crate::codec::Decoder;
use bytes::{Buf, Bytes};
use std::io;
use std::ops::Deref;

/// What has arrived and was not consumed yet: a slice of bytes, by `Deref`, whose front can be
/// consumed. It is also a [`bytes::Buf`].
///
/// ```
/// # use selkie::Input;
/// let mut input = Input::new(b"one\ntwo\nthr");
/// while let Some(end) = input.iter().position(|&byte| byte == b'\n') {
///     let line = &input.consume(end + 1)[..end];
///     assert_eq!(line.len(), 3);
/// }
/// assert_eq!(&*input, b"thr"); // comes again, with more
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// An input that holds `bytes`: for trying a protocol or a parser without a connection.
    pub fn new(bytes: &'a [u8]) -> Self {
        Input { bytes }
    }

    /// Consumes the first frame, if `decoder` finds it complete.
    ///
    /// ```
    /// # use selkie::{Input, codec::Lines};
    /// # let mut lines = Lines::new(512);
    /// let mut input = Input::new(b"one\ntwo\nthr");
    /// while let Some(line) = input.decode(&mut lines)? {
    ///     assert_eq!(line.len(), 3);
    /// }
    /// assert_eq!(&*input, b"thr"); // comes again, with more
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the decoder; for the ones of [`codec`](crate::codec), `InvalidData`.
    #[inline]
    pub fn decode<D: Decoder>(&mut self, decoder: &mut D) -> io::Result<Option<D::Frame<'a>>> {
        decoder.decode(&mut self.bytes)
    }

    /// Consumes the first `count` bytes, and answers them. They are good until `received` returns.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) -> &'a [u8] {
        let (consumed, left) = self.bytes.split_at(count);
        self.bytes = left;
        consumed
    }

    /// Consumes everything, and answers it.
    #[inline]
    pub fn consume_all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// Consumes the first `count` bytes, and answers a copy of them, to keep or to pass on.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn take(&mut self, count: usize) -> Bytes {
        Bytes::copy_from_slice(self.consume(count))
    }
}

impl Deref for Input<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl Buf for Input<'_> {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.consume(count);
    }
}
