//! What the tests of all codecs have in common.

use super::{Decoder, Encoder};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::io::{self, ErrorKind};

pub(super) fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A frame, or the kind of an error.
pub(super) type Told = Result<Vec<u8>, ErrorKind>;

pub(super) fn frame(bytes: &[u8]) -> Told {
    Ok(bytes.to_vec())
}

/// What `decoder` makes of `input` when it arrives in pieces of `piece` bytes.
pub(super) fn decoded_in_pieces<D>(decoder: &mut D, input: &[u8], piece: usize) -> Vec<Told>
where
    D: for<'a> Decoder<Frame<'a>: AsRef<[u8]>>,
{
    decoded(decoder, input.chunks(piece))
}

/// What `decoder` makes of pieces as they arrive: what it leaves is put before the next one.
fn decoded<'a, D>(decoder: &mut D, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Told>
where
    D: for<'b> Decoder<Frame<'b>: AsRef<[u8]>>,
{
    let mut told = Vec::new();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut input = &buffer[..];
        while tell(&mut told, decoder.decode(&mut input)) {}
        let left = input.len();
        buffer.drain(..buffer.len() - left);
    }
    let mut input = &buffer[..];
    while tell(&mut told, decoder.decode_end(&mut input)) {}
    assert!(input.is_empty(), "there is an end, and something left");
    told
}

fn tell<F: AsRef<[u8]>>(told: &mut Vec<Told>, result: io::Result<Option<F>>) -> bool {
    let result = result.map_err(|error| error.kind()).transpose();
    let more = result.is_some();
    told.extend(result.map(|frame| frame.map(|frame| frame.as_ref().to_vec())));
    more
}

/// Sees that the same is told of `input` cut where `cuts` say, byte by byte, and as a whole.
pub(super) fn check_chunking<D>(decoder: impl Fn() -> D, input: &[u8], cuts: &[usize]) -> Result<(), TestCaseError>
where
    D: for<'a> Decoder<Frame<'a>: AsRef<[u8]>>,
{
    let whole = decoded(&mut decoder(), std::iter::once(input));
    prop_assert_eq!(&decoded_in_pieces(&mut decoder(), input, 1), &whole);
    let mut rest = input;
    let pieces = cuts.iter().map(|&cut| {
        let (piece, behind) = rest.split_at(cut.min(rest.len()));
        rest = behind;
        piece
    });
    let pieces: Vec<&[u8]> = pieces.collect();
    prop_assert_eq!(&decoded(&mut decoder(), pieces.into_iter().chain([rest])), &whole);
    Ok(())
}

/// Sees that each frame that can be encoded comes back, and that nothing else does.
pub(super) fn check_round_trip<C>(mut codec: C, frames: &[Vec<u8>]) -> Result<(), TestCaseError>
where
    C: for<'a> Decoder<Frame<'a> = &'a [u8]> + for<'a> Encoder<Frame<'a> = &'a [u8]>,
{
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for frame in frames {
        let before = bytes.len();
        match codec.encode(frame, &mut bytes) {
            Ok(()) => expected.push(Ok(frame.clone())),
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
                prop_assert_eq!(bytes.len(), before);
            }
        }
    }
    prop_assert_eq!(decoded_in_pieces(&mut codec, &bytes, 3), expected);
    Ok(())
}

/// Input in which what is short is likely to come up, and to overlap.
pub(super) fn few_letters() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0_u8..3, 0..40)
}

/// The lengths of pieces. What is beyond them comes in one.
pub(super) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0_usize..12, 0..12)
}

/// Decodes what there is of `input`, byte by byte, and tells how much memory that took.
fn allocated<D: Decoder>(mut decoder: D, input: &[u8]) -> u64 {
    let measured = allocation_counter::measure(|| {
        let mut start = 0;
        for end in 0..=input.len() {
            let mut rest = &input[start..end];
            while let Ok(Some(_)) | Err(_) = decoder.decode(&mut rest) {}
            start = end - rest.len();
        }
    });
    measured.bytes_max
}

#[test]
fn frames_allocate_nothing_and_errors_a_sentence() {
    use super::{Delimited, Fixed, LengthPrefixed, Lines, Prefix};
    let text = b"a line\r\nanother\n\nand one without an end, much longer than it may be: ".repeat(20);
    assert_eq!(allocated(Lines::new(1000), &text), 0);
    assert_eq!(allocated(Delimited::new(b"\n\n", 1000), &text), 0);
    assert_eq!(allocated(Fixed::<4>, &text), 0);
    for prefix in [Prefix::U8, Prefix::U32Le, Prefix::Varint] {
        assert_eq!(allocated(LengthPrefixed::new(prefix, usize::MAX), &text), 0);
        assert!(allocated(LengthPrefixed::new(prefix, 1), &text) < 200);
    }
    assert!(allocated(Lines::new(1), &text) < 200);
    assert!(allocated(Delimited::new(b"\n\n", 1), &text) < 200);
}
