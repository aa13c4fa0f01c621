//! Lines of text.

use super::delimiter::TooLong;
use super::{Decoder, Delimited, Encoder, longer_than, not_encodable};
use std::io;

/// Lines, each ended by LF or CRLF, as they come.
///
/// A frame is a line without its ending, and may be empty. It is bytes, since nothing is said about
/// their encoding: [`str::from_utf8`] tells whether they are text. A carriage return elsewhere than
/// before a line feed is a byte like any other. For lines that end with CRLF and nothing else, use
/// [`Delimited`].
///
/// ```
/// use selkie::codec::{Decoder, Lines};
///
/// let mut lines = Lines::new(80);
/// let mut input: &[u8] = b"dos\r\nunix\n\nlast";
/// let mut seen = Vec::new();
/// while let Some(line) = lines.decode_end(&mut input)? {
///     seen.push(line);
/// }
/// assert_eq!(seen, [&b"dos"[..], b"unix", b"", b"last"]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// When the input ends, [`decode_end`](Decoder::decode_end) takes what stands behind the last line
/// feed for a line too.
///
/// # Errors
///
/// *Decoding*: [`InvalidData`](io::ErrorKind::InvalidData) if a line is longer than its maximum, as
/// soon as that is certain. It is passed over, as it arrives, and decoding goes on with the next line.
///
/// *Encoding*: [`InvalidInput`](io::ErrorKind::InvalidInput) if a frame is longer than that, holds a
/// line feed, or ends with a carriage return.
#[derive(Clone, Debug)]
pub struct Lines {
    /// With room for a carriage return beyond the maximum.
    inner: Delimited,
    max: usize,
    ending: &'static [u8],
}

impl Lines {
    /// Lines of at most `max` bytes each, their endings not counted. They are encoded with LF.
    pub fn new(max: usize) -> Lines {
        Lines { inner: Delimited::new(b"\n", max.saturating_add(1)), max, ending: b"\n" }
    }

    /// The same, but encoded with CRLF.
    #[must_use]
    pub fn crlf(self) -> Lines {
        Lines { ending: b"\r\n", ..self }
    }

    fn checked<'a>(&self, line: &'a [u8]) -> Result<&'a [u8], TooLong> {
        if line.len() > self.max { Err(TooLong) } else { Ok(line) }
    }
}

impl Decoder for Lines {
    type Frame<'a> = &'a [u8];

    #[inline]
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8]>> {
        let cut = self.inner.cut(input);
        let line = cut.and_then(|line| line.map(|line| self.checked(without_return(line))).transpose());
        line.map_err(|TooLong| longer_than(self.max))
    }

    fn decode_end<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8]>> {
        if let Some(line) = self.decode(input)? {
            return Ok(Some(line));
        }
        self.inner.end(input);
        if input.is_empty() {
            return Ok(None);
        }
        let last = std::mem::take(input);
        self.checked(last).map(Some).map_err(|TooLong| longer_than(self.max))
    }
}

impl Encoder for Lines {
    type Frame<'a> = &'a [u8];

    fn encode(&mut self, line: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if line.len() > self.max {
            return Err(not_encodable("a line is longer than the maximum"));
        }
        if line.contains(&b'\n') || line.ends_with(b"\r") {
            return Err(not_encodable("a line has the end of a line in it"));
        }
        output.extend_from_slice(line);
        output.extend_from_slice(self.ending);
        Ok(())
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::super::tests::*;
    use super::*;
    use proptest::prelude::*;
    use std::io::ErrorKind;

    const TOO_LONG: Told = Err(ErrorKind::InvalidData);

    #[test]
    fn both_endings_are_taken_off_in_whatever_pieces() {
        let text = b"unix\ndos\r\n\n\r\na\rb\nc\r\r\n";
        let lines = [&b"unix"[..], b"dos", b"", b"", b"a\rb", b"c\r"].map(frame);
        for piece in 1..=text.len() {
            assert_eq!(decoded_in_pieces(&mut Lines::new(9), text, piece), lines, "{piece}");
        }
    }

    #[test]
    fn line_of_maximum_length_is_a_line_with_either_ending() {
        for piece in 1..10 {
            assert_eq!(
                decoded_in_pieces(&mut Lines::new(4), b"1234\n1234\r\n", piece),
                [frame(b"1234"), frame(b"1234")]
            );
            assert_eq!(decoded_in_pieces(&mut Lines::new(0), b"\n\r\n", piece), [frame(b""), frame(b"")]);
        }
    }

    #[test]
    fn line_that_is_too_long_is_told_once_and_passed_over() {
        let text = b"one\n12345\ntwo\n12345\r\n1234\r?\n123456789 123456789\nsix\n";
        let expected = [frame(b"one"), TOO_LONG, frame(b"two"), TOO_LONG, TOO_LONG, TOO_LONG, frame(b"six")];
        for piece in 1..=text.len() {
            assert_eq!(decoded_in_pieces(&mut Lines::new(4), text, piece), expected, "{piece}");
        }
    }

    #[test]
    fn line_without_end_is_told_and_takes_no_room() {
        let mut lines = Lines::new(4);
        let mut input: &[u8] = b"123456";
        assert_eq!(lines.decode(&mut input).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(input, b"");
        for _ in 0..10 {
            let mut input: &[u8] = b"and so on";
            assert_eq!(lines.decode(&mut input).unwrap(), None);
            assert_eq!(input, b"");
        }
        let mut input: &[u8] = b"end\nnext\n";
        assert_eq!(lines.decode(&mut input).unwrap(), Some(&b"next"[..]));
    }

    #[test]
    fn last_line_without_ending_is_a_line() {
        assert_eq!(decoded_in_pieces(&mut Lines::new(4), b"a\nb", 1), [frame(b"a"), frame(b"b")]);
        // Its carriage return has no line feed behind it.
        assert_eq!(decoded_in_pieces(&mut Lines::new(4), b"b\r", 1), [frame(b"b\r")]);
        assert_eq!(decoded_in_pieces(&mut Lines::new(4), b"12345", 1), [TOO_LONG]);
        assert_eq!(decoded_in_pieces(&mut Lines::new(4), b"a\n123456789", 1), [frame(b"a"), TOO_LONG]);
    }

    #[test]
    fn lines_are_encoded_with_the_ending_that_was_asked_for() {
        let mut output = Vec::new();
        Lines::new(4).encode(b"unix", &mut output).unwrap();
        Lines::new(4).crlf().encode(b"dos", &mut output).unwrap();
        assert_eq!(output, b"unix\ndos\r\n");
    }

    #[test]
    fn line_that_would_not_come_back_is_not_encoded() {
        for bad in [&b"a\nb"[..], b"\n", b"a\r", b"12345"] {
            let mut output = b"before".to_vec();
            assert_eq!(Lines::new(4).encode(bad, &mut output).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(output, b"before");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(b"a\r\n".to_vec()), 0..40)
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_chunking_gives_the_same(input in text(), max in 0_usize..9, cuts in cuts()) {
            check_chunking(|| Lines::new(max), &input, &cuts)?;
        }

        #[test]
        fn what_is_encoded_comes_back(frames in proptest::collection::vec(text(), 0..6), max in 0_usize..20) {
            check_round_trip(Lines::new(max), &frames)?;
            check_round_trip(Lines::new(max).crlf(), &frames)?;
        }
    }
}
