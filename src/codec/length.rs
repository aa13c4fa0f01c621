//! Frames with their length before them.

use super::{Decoder, Encoder, longer_than, not_encodable};
use std::io::{self, ErrorKind};

/// Frames that their length goes before, as a [`Prefix`]. The length is that of the frame alone.
///
/// ```
/// use selkie::codec::{Decoder, Encoder, LengthPrefixed, Prefix};
///
/// let mut codec = LengthPrefixed::new(Prefix::U16Be, 1024);
/// let mut bytes = Vec::new();
/// codec.encode(b"hello", &mut bytes)?;
/// assert_eq!(bytes, b"\0\x05hello");
/// assert_eq!(codec.decode(&mut &bytes[..])?, Some(&b"hello"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A frame may be empty.
///
/// # Errors
///
/// *Decoding*: [`InvalidData`](ErrorKind::InvalidData) if a prefix announces a frame longer than its
/// maximum, before anything of it is waited for. It is passed over, as it arrives, and decoding goes
/// on behind it. `InvalidData` too for a varint of more than 64 bits; nobody knows where the next frame
/// would begin, so all that follows is passed over.
///
/// *Encoding*: [`InvalidInput`](ErrorKind::InvalidInput) if a frame is longer than that, or too long
/// for its prefix.
#[derive(Clone, Debug)]
pub struct LengthPrefixed {
    prefix: Prefix,
    max: usize,
    /// How much is left of what is passed over.
    skip: u64,
    /// All is passed over, to the end.
    lost: bool,
}

/// How a length is written: as an unsigned number of 8 to 64 bits, big-endian (`Be`, which is "network
/// byte order") or little-endian (`Le`), or as a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// One byte.
    U8,
    /// Two bytes, the high one first.
    U16Be,
    /// Two bytes, the low one first.
    U16Le,
    /// Four bytes, the highest first.
    U32Be,
    /// Four bytes, the lowest first.
    U32Le,
    /// Eight bytes, the highest first.
    U64Be,
    /// Eight bytes, the lowest first.
    U64Le,
    /// As in Protocol Buffers: 7 bits in a byte, the lowest first, the top bit set in each but the
    /// last; 10 bytes at most. One that is longer than need be is understood too.
    Varint,
}

impl LengthPrefixed {
    /// Frames of at most `max` bytes each, their prefix not counted.
    pub fn new(prefix: Prefix, max: usize) -> LengthPrefixed {
        LengthPrefixed { prefix, max, skip: 0, lost: false }
    }

    /// Consumes what is to be passed over. Whether there may be more of it.
    fn pass_over(&mut self, input: &mut &[u8]) -> bool {
        if self.lost {
            *input = &[];
            return true;
        }
        let here = usize::try_from(self.skip).map_or(input.len(), |skip| skip.min(input.len()));
        *input = &input[here..];
        self.skip -= here as u64;
        self.skip > 0
    }
}

impl Decoder for LengthPrefixed {
    type Frame<'a> = &'a [u8];

    #[inline]
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8]>> {
        if self.pass_over(input) {
            return Ok(None);
        }
        let (length, behind) = match self.prefix.split_off(input) {
            Ok(Some(split)) => split,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.lost = true;
                *input = &[];
                return Err(error);
            }
        };
        let Some(length) = usize::try_from(length).ok().filter(|&length| length <= self.max) else {
            self.skip = length;
            *input = behind;
            self.pass_over(input);
            return Err(longer_than(self.max));
        };
        let Some((frame, rest)) = behind.split_at_checked(length) else { return Ok(None) };
        *input = rest;
        Ok(Some(frame))
    }
}

impl Encoder for LengthPrefixed {
    type Frame<'a> = &'a [u8];

    fn encode(&mut self, frame: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if frame.len() > self.max {
            return Err(not_encodable("a frame is longer than the maximum"));
        }
        self.prefix.append(frame.len() as u64, output)?;
        output.extend_from_slice(frame);
        Ok(())
    }
}

impl Prefix {
    /// The length that `input` begins with, and what is behind it, once it is there.
    fn split_off(self, input: &[u8]) -> io::Result<Option<(u64, &[u8])>> {
        let Some((size, order)) = self.layout() else { return split_off_varint(input) };
        let Some((head, behind)) = input.split_at_checked(size) else { return Ok(None) };
        let shift_in = |length: u64, byte: &u8| length << 8 | u64::from(*byte);
        let length = match order {
            Order::Be => head.iter().fold(0, shift_in),
            Order::Le => head.iter().rev().fold(0, shift_in),
        };
        Ok(Some((length, behind)))
    }

    fn append(self, length: u64, output: &mut Vec<u8>) -> io::Result<()> {
        let Some((size, order)) = self.layout() else {
            append_varint(length, output);
            return Ok(());
        };
        if u64::MAX >> (64 - 8 * size) < length {
            return Err(not_encodable("a frame is too long for its prefix"));
        }
        match order {
            Order::Be => output.extend_from_slice(&length.to_be_bytes()[8 - size..]),
            Order::Le => output.extend_from_slice(&length.to_le_bytes()[..size]),
        }
        Ok(())
    }

    /// How many bytes it has, and in which order. `None` for a varint.
    fn layout(self) -> Option<(usize, Order)> {
        match self {
            Prefix::U8 => Some((1, Order::Be)),
            Prefix::U16Be => Some((2, Order::Be)),
            Prefix::U16Le => Some((2, Order::Le)),
            Prefix::U32Be => Some((4, Order::Be)),
            Prefix::U32Le => Some((4, Order::Le)),
            Prefix::U64Be => Some((8, Order::Be)),
            Prefix::U64Le => Some((8, Order::Le)),
            Prefix::Varint => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Order {
    Be,
    Le,
}

fn split_off_varint(input: &[u8]) -> io::Result<Option<(u64, &[u8])>> {
    let mut length = 0;
    for (at, &byte) in input.iter().enumerate() {
        let bits = u64::from(byte & 0x7F);
        // Nine bytes make 63 bits.
        if at == 9 && byte > 1 {
            return Err(io::Error::new(ErrorKind::InvalidData, "a length has more than 64 bits"));
        }
        length |= bits << (7 * at);
        if byte < 0x80 {
            return Ok(Some((length, &input[at + 1..])));
        }
    }
    Ok(None)
}

fn append_varint(mut length: u64, output: &mut Vec<u8>) {
    while length >= 0x80 {
        output.push(length as u8 | 0x80);
        length >>= 7;
    }
    output.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::super::tests::*;
    use super::*;
    use proptest::prelude::*;

    const FAILED: Told = Err(ErrorKind::InvalidData);

    const ALL: [Prefix; 8] = [
        Prefix::U8,
        Prefix::U16Be,
        Prefix::U16Le,
        Prefix::U32Be,
        Prefix::U32Le,
        Prefix::U64Be,
        Prefix::U64Le,
        Prefix::Varint,
    ];

    fn encoded(prefix: Prefix, frame: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        LengthPrefixed::new(prefix, usize::MAX).encode(frame, &mut output).unwrap();
        output
    }

    #[test]
    fn each_prefix_is_written_as_it_says() {
        let heads: [&[u8]; 8] = [
            &[200],
            &[0, 200],
            &[200, 0],
            &[0, 0, 0, 200],
            &[200, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 200],
            &[200, 0, 0, 0, 0, 0, 0, 0],
            &[0xC8, 0x01],
        ];
        for (prefix, head) in ALL.into_iter().zip(heads) {
            let frame = [b'x'; 200];
            assert_eq!(encoded(prefix, &frame), [head, &frame].concat(), "{prefix:?}");
        }
        assert_eq!(encoded(Prefix::U16Be, &[0; 258])[..2], [1, 2]);
        assert_eq!(encoded(Prefix::U16Le, &[0; 258])[..2], [2, 1]);
    }

    #[test]
    fn varint_of_any_length_is_read() {
        for bits in 0..64 {
            let length = u64::MAX >> bits;
            let mut bytes = Vec::new();
            append_varint(length, &mut bytes);
            assert_eq!(bytes.len(), (64 - bits as usize).div_ceil(7));
            assert_eq!(split_off_varint(&bytes).unwrap(), Some((length, &[][..])));
            assert_eq!(split_off_varint(&bytes[..bytes.len() - 1]).unwrap(), None);
        }
        assert_eq!(split_off_varint(&[0x82, 0x80, 0x00, 7]).unwrap(), Some((2, &[7][..])));
        assert!(split_off_varint(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]).is_err());
    }

    #[test]
    fn varint_of_more_than_64_bits_ends_the_frames() {
        for bad in [&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02][..], &[0x80; 30]] {
            let bytes = [b"\x01a", bad, b"\x01b\x01c"].concat();
            for piece in 1..bytes.len() {
                let told = decoded_in_pieces(&mut LengthPrefixed::new(Prefix::Varint, 9), &bytes, piece);
                assert_eq!(told, [frame(b"a"), FAILED]);
            }
        }
    }

    #[test]
    fn frame_that_is_too_long_is_told_at_once_and_passed_over() {
        for piece in 1..12 {
            let told = decoded_in_pieces(&mut LengthPrefixed::new(Prefix::U8, 2), b"\x01a\x03bcd\x02ef\x09g", piece);
            assert_eq!(told, [frame(b"a"), FAILED, frame(b"ef"), FAILED], "{piece}");
        }
        let mut input: &[u8] = b"\x03";
        assert!(LengthPrefixed::new(Prefix::U8, 2).decode(&mut input).is_err());
    }

    #[test]
    fn largest_length_is_not_waited_for() {
        for prefix in [Prefix::U64Be, Prefix::U64Le] {
            let mut codec = LengthPrefixed::new(prefix, 1 << 20);
            let mut input: &[u8] = &[0xFF; 20];
            assert_eq!(codec.decode(&mut input).unwrap_err().kind(), ErrorKind::InvalidData);
            assert_eq!(input, b"");
        }
    }

    #[test]
    fn end_in_the_middle_of_a_frame_is_an_error() {
        for bytes in [&b"\0"[..], b"\0\x02a"] {
            let told = decoded_in_pieces(&mut LengthPrefixed::new(Prefix::U16Be, 9), bytes, 1);
            assert_eq!(told, [Err(ErrorKind::UnexpectedEof)]);
        }
    }

    #[test]
    fn frame_too_long_for_maximum_or_prefix_is_not_encoded() {
        let mut output = b"before".to_vec();
        for (prefix, max, length) in [(Prefix::U8, 300, 256), (Prefix::U16Le, 1 << 20, 1 << 16), (Prefix::U32Be, 9, 10)]
        {
            let failed = LengthPrefixed::new(prefix, max).encode(&vec![0; length], &mut output);
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(output, b"before");
        }
    }

    fn prefixes() -> impl Strategy<Value = Prefix> {
        proptest::sample::select(ALL.to_vec())
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_chunking_gives_the_same(
            // Small numbers make lengths that come true.
            input in proptest::collection::vec(prop_oneof![3 => 0_u8..3, 1 => any::<u8>()], 0..80),
            prefix in prefixes(),
            max in 0_usize..9,
            cuts in cuts(),
        ) {
            check_chunking(|| LengthPrefixed::new(prefix, max), &input, &cuts)?;
        }

        #[test]
        fn what_is_encoded_comes_back(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
            prefix in prefixes(),
            max in 0_usize..400,
        ) {
            check_round_trip(LengthPrefixed::new(prefix, max), &frames)?;
        }
    }
}
