//! Frames with a delimiter behind each.

use super::{Decoder, Encoder, complete, longer_than, not_encodable};
use std::borrow::Cow;
use std::io::{self, BufRead};

/// Frames that end with a delimiter, of one byte or several.
///
/// ```
/// use selkie::codec::{Decoder, Delimited};
///
/// let mut fields = Delimited::new(b"--", 100);
/// let mut input: &[u8] = b"a-b--c-";
/// assert_eq!(fields.decode(&mut input)?, Some(&b"a-b"[..]));
/// assert_eq!(fields.decode(&mut input)?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A frame may be empty. The first occurrence of the delimiter ends it. What stands behind the last
/// delimiter when the input ends is no frame: [`decode_end`](Decoder::decode_end) fails with
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
///
/// # Errors
///
/// *Decoding*: [`InvalidData`](io::ErrorKind::InvalidData) if a frame is longer than its maximum, as
/// soon as that is certain. It is passed over, as it arrives, and decoding goes on behind its
/// delimiter.
///
/// *Encoding*: [`InvalidInput`](io::ErrorKind::InvalidInput) if a frame is longer than that, or if the
/// delimiter would come up before its end.
#[derive(Clone, Debug)]
pub struct Delimited {
    delimiter: Cow<'static, [u8]>,
    max: usize,
    /// How much of the frame in front was searched for the delimiter.
    searched: usize,
    /// The frame in front is too long: it was reported, and what is left of it is passed over.
    skipping: bool,
}

impl Delimited {
    /// Frames of at most `max` bytes each, the `delimiter` behind them not counted.
    ///
    /// # Panics
    ///
    /// If `delimiter` is empty.
    pub fn new(delimiter: impl Into<Cow<'static, [u8]>>, max: usize) -> Delimited {
        let delimiter = delimiter.into();
        assert!(!delimiter.is_empty(), "an empty delimiter stands everywhere");
        Delimited { delimiter, max, searched: 0, skipping: false }
    }

    /// As `decode`, for those who have an error of their own.
    pub(super) fn cut<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, TooLong> {
        loop {
            let Some(end) = first_end(input, self.searched, &self.delimiter) else {
                return self.not_yet(input);
            };
            let (frame, rest) = input.split_at(end);
            *input = rest;
            self.searched = 0;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let frame = &frame[..end - self.delimiter.len()];
            return if frame.len() > self.max { Err(TooLong) } else { Ok(Some(frame)) };
        }
    }

    /// The delimiter is not in `input`: whether it can still come in time.
    fn not_yet<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, TooLong> {
        let was_skipping = self.skipping;
        self.skipping |= input.len() >= self.max.saturating_add(self.delimiter.len());
        if self.skipping {
            // The last bytes may be the first ones of the delimiter.
            let kept = input.len().min(self.delimiter.len() - 1);
            *input = &input[input.len() - kept..];
        }
        self.searched = input.len();
        if self.skipping && !was_skipping { Err(TooLong) } else { Ok(None) }
    }

    /// Nothing more comes. What is left of a frame that was passed over is consumed.
    pub(super) fn end(&mut self, input: &mut &[u8]) {
        self.searched = 0;
        if std::mem::take(&mut self.skipping) {
            *input = &[];
        }
    }
}

/// A frame is longer than its maximum.
#[derive(Debug)]
pub(super) struct TooLong;

impl Decoder for Delimited {
    type Frame<'a> = &'a [u8];

    #[inline]
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8]>> {
        self.cut(input).map_err(|TooLong| longer_than(self.max))
    }

    fn decode_end<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8]>> {
        let frame = self.decode(input)?;
        if frame.is_none() {
            self.end(input);
            complete(input)?;
        }
        Ok(frame)
    }
}

impl Encoder for Delimited {
    type Frame<'a> = &'a [u8];

    fn encode(&mut self, frame: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if frame.len() > self.max {
            return Err(not_encodable("a frame is longer than the maximum"));
        }
        let start = output.len();
        output.extend_from_slice(frame);
        output.extend_from_slice(&self.delimiter);
        // It may also come up early where the two meet: `-` before `--`.
        if first_end(&output[start..], 0, &self.delimiter) != Some(output.len() - start) {
            output.truncate(start);
            return Err(not_encodable("a frame has the delimiter in it"));
        }
        Ok(())
    }
}

/// Where the first occurrence of `delimiter` ends in `bytes`, if it ends behind the first `searched`
/// bytes.
fn first_end(bytes: &[u8], searched: usize, delimiter: &[u8]) -> Option<usize> {
    let last = *delimiter.last()?;
    let mut end = searched;
    // Looked for is the last byte, and then what goes before it. So no byte is searched again when
    // the delimiter arrives in pieces.
    while let Some(at) = position(last, &bytes[end..]) {
        end += at + 1;
        if bytes[..end].ends_with(delimiter) {
            return Some(end);
        }
    }
    None
}

/// The standard library's quick search for a byte; it is public only as reading up to that byte.
fn position(byte: u8, mut bytes: &[u8]) -> Option<usize> {
    let all = bytes;
    let skipped = bytes.skip_until(byte).expect("a slice can be read");
    let at = skipped.checked_sub(1)?;
    (all[at] == byte).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::super::tests::*;
    use super::*;
    use proptest::prelude::*;
    use std::io::ErrorKind;

    #[test]
    fn delimiter_in_pieces_is_found() {
        let mut decoder = Delimited::new(b"\r\n\r\n", 100);
        assert_eq!(decoded_in_pieces(&mut decoder, b"a\r\n\r\r\n\r\nb\r\n\r\n", 1), [frame(b"a\r\n\r"), frame(b"b")]);
    }

    #[test]
    fn frame_of_maximum_length_is_a_frame() {
        for piece in 1..8 {
            let mut decoder = Delimited::new(b"||", 4);
            assert_eq!(
                decoded_in_pieces(&mut decoder, b"1234||||a||", piece),
                [frame(b"1234"), frame(b""), frame(b"a")]
            );
        }
    }

    #[test]
    fn frame_that_is_too_long_is_told_once_and_passed_over() {
        for piece in 1..20 {
            let mut decoder = Delimited::new(b"||", 4);
            let results = decoded_in_pieces(&mut decoder, b"1||12345||2||long|and|longer|||3||", piece);
            let too_long = Err(ErrorKind::InvalidData);
            assert_eq!(results, [frame(b"1"), too_long.clone(), frame(b"2"), too_long, frame(b"|3")], "{piece}");
        }
    }

    #[test]
    fn frame_that_is_too_long_is_told_before_its_end_and_not_kept() {
        let mut decoder = Delimited::new(b"||", 4);
        let mut input: &[u8] = b"12345";
        assert_eq!(decoder.decode(&mut input).unwrap(), None);
        let mut input: &[u8] = b"12345|";
        assert_eq!(decoder.decode(&mut input).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(input, b"|"); // may be the first half of a delimiter
        // It was told already.
        assert_eq!(decoder.decode_end(&mut input).unwrap(), None);
    }

    #[test]
    fn bytes_one_by_one_are_searched_once() {
        let mut decoder = Delimited::new(b"ab", usize::MAX);
        let text = b"aaaaaaaaaaaaaaaaaaaaaaaaaa";
        for length in 1..=text.len() {
            assert_eq!(decoder.decode(&mut &text[..length]).unwrap(), None);
            assert_eq!(decoder.searched, length);
        }
    }

    #[test]
    fn end_in_the_middle_of_a_frame_is_an_error() {
        let mut decoder = Delimited::new(b"\0", 4);
        assert_eq!(decoded_in_pieces(&mut decoder, b"a\0b", 1), [frame(b"a"), Err(ErrorKind::UnexpectedEof)]);
    }

    #[test]
    fn frame_that_would_not_come_back_is_not_encoded() {
        let mut codec = Delimited::new(b"--", 4);
        for bad in [&b"a--b"[..], b"--", b"a-", b"12345"] {
            let mut output = b"before".to_vec();
            assert_eq!(codec.encode(bad, &mut output).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(output, b"before");
        }
    }

    #[test]
    #[should_panic = "empty delimiter"]
    fn empty_delimiter_is_refused() {
        Delimited::new(b"", 4);
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_chunking_gives_the_same(
            input in few_letters(),
            delimiter in proptest::collection::vec(0_u8..3, 1..4),
            max in 0_usize..9,
            cuts in cuts(),
        ) {
            check_chunking(|| Delimited::new(delimiter.clone(), max), &input, &cuts)?;
        }

        #[test]
        fn what_is_encoded_comes_back(
            frames in proptest::collection::vec(few_letters(), 0..6),
            delimiter in proptest::collection::vec(0_u8..3, 1..4),
            max in 0_usize..20,
        ) {
            check_round_trip(Delimited::new(delimiter, max), &frames)?;
        }
    }
}
