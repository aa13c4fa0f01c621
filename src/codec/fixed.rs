//! Frames of one length.

use super::{Decoder, Encoder};
use std::io;

/// Frames of `LENGTH` bytes each.
///
/// ```
/// use selkie::codec::{Decoder, Fixed};
///
/// let mut points = Fixed::<4>;
/// let mut input: &[u8] = &[0, 1, 0, 2, 0];
/// let Some(&[x1, x0, y1, y0]) = points.decode(&mut input)? else { panic!("there is one") };
/// assert_eq!((u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0])), (1, 2));
/// assert_eq!(points.decode(&mut input)?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A `LENGTH` of 0 does not compile where it is decoded.
///
/// # Errors
///
/// *Decoding*: none, but for [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) of
/// [`decode_end`](Decoder::decode_end). *Encoding*: none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<const LENGTH: usize>;

impl<const LENGTH: usize> Decoder for Fixed<LENGTH> {
    type Frame<'a> = &'a [u8; LENGTH];

    #[inline]
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<&'a [u8; LENGTH]>> {
        const { assert!(LENGTH > 0, "frames of no bytes: there is no end to them") };
        let Some((frame, rest)) = input.split_first_chunk() else { return Ok(None) };
        *input = rest;
        Ok(Some(frame))
    }
}

impl<const LENGTH: usize> Encoder for Fixed<LENGTH> {
    type Frame<'a> = &'a [u8; LENGTH];

    fn encode(&mut self, frame: &[u8; LENGTH], output: &mut Vec<u8>) -> io::Result<()> {
        output.extend_from_slice(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::*;
    use super::*;
    use proptest::prelude::*;
    use std::io::ErrorKind;

    #[test]
    fn end_in_the_middle_of_a_frame_is_an_error() {
        let told = decoded_in_pieces(&mut Fixed::<2>, b"abc", 1);
        assert_eq!(told, [frame(b"ab"), Err(ErrorKind::UnexpectedEof)]);
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_chunking_gives_the_same(input in few_letters(), cuts in cuts()) {
            check_chunking(|| Fixed::<1>, &input, &cuts)?;
            check_chunking(|| Fixed::<7>, &input, &cuts)?;
        }

        #[test]
        fn what_is_encoded_comes_back(frames: Vec<[u8; 3]>) {
            let mut bytes = Vec::new();
            for frame in &frames {
                Fixed.encode(frame, &mut bytes).unwrap();
            }
            let expected: Vec<Told> = frames.iter().map(|bytes| frame(bytes)).collect();
            prop_assert_eq!(decoded_in_pieces(&mut Fixed::<3>, &bytes, 2), expected);
        }
    }
}
