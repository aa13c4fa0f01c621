//! Frames in a stream of bytes: finding them, and making them.
//!
//! A stream has no messages, only bytes, which arrive in pieces of any size. A [`Decoder`] cuts the
//! frames of one protocol out of what has arrived; an [`Encoder`] appends frames to a buffer. Neither
//! does I/O, so both can be used, and tested, without a socket.
//!
//! | | a frame is | encoded as |
//! |---|---|---|
//! | [`Lines`] | a line of text | the line, and LF or CRLF |
//! | [`Delimited`] | whatever stands before a delimiter | the bytes, and the delimiter |
//! | [`LengthPrefixed`] | bytes that their length goes before | the length in 1, 2, 4 or 8 bytes, or as a varint, and the bytes |
//! | [`Fixed`] | so many bytes | the bytes |
//!
//! ```
//! use selkie::codec::{Decoder, Encoder, Lines};
//!
//! let mut lines = Lines::new(512);
//! let mut input: &[u8] = b"one\r\ntwo\nthr";
//! assert_eq!(lines.decode(&mut input)?, Some(&b"one"[..]));
//! assert_eq!(lines.decode(&mut input)?, Some(&b"two"[..]));
//! assert_eq!(lines.decode(&mut input)?, None); // not complete yet
//! assert_eq!(input, b"thr");
//!
//! let mut output = Vec::new();
//! lines.encode(b"four", &mut output)?;
//! assert_eq!(output, b"four\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A protocol asks its input for frames, see [`Input::decode`](crate::Input::decode):
//!
//! ```
//! use selkie::{Connection, Input, Protocol, Source, codec::Lines};
//! use std::io;
//!
//! struct Shout {
//!     lines: Lines,
//! }
//!
//! impl Protocol<'_> for Shout {
//!     fn received(&mut self, conn: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
//!         while let Some(line) = input.decode(&mut self.lines)? {
//!             conn.write(&[&line.to_ascii_uppercase(), &b"!\n"[..]].concat());
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! The maximum of a decoder has to be smaller than the
//! [`input_max`](crate::ConnectionOptions::input_max) of its connection, which has to hold a whole
//! frame and what goes round it.
//!
//! # What holds for all of them
//!
//! * In whatever pieces the bytes arrive, the frames and the errors are the same.
//! * Frames are slices of the input. A decoder copies nothing, and keeps a few numbers, however long
//!   its frames are; of all that is here only an error allocates.
//! * Each byte is looked at once, also when they arrive one by one.
//! * No input makes a decoder panic.
//! * An error is told once, and then decoding goes on behind the frame it was about.

mod delimiter;
mod fixed;
mod length;
mod lines;

pub use delimiter::Delimited;
pub use fixed::Fixed;
pub use length::{LengthPrefixed, Prefix};
pub use lines::Lines;

use std::io::{self, ErrorKind};

/// Cuts frames out of a stream of bytes.
///
/// One decoder belongs to one stream, since it may remember how far it has looked. A decoder of
/// one's own, for messages that start with a byte for their kind and one for their length:
///
/// ```
/// use selkie::codec::Decoder;
/// use std::io;
///
/// struct Messages;
///
/// impl Decoder for Messages {
///     type Frame<'a> = (u8, &'a [u8]);
///
///     fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<(u8, &'a [u8])>> {
///         let [kind, length, rest @ ..] = *input else { return Ok(None) };
///         let Some((payload, rest)) = rest.split_at_checked(usize::from(*length)) else { return Ok(None) };
///         *input = rest;
///         Ok(Some((*kind, payload)))
///     }
/// }
///
/// let mut input: &[u8] = &[7, 2, b'h', b'i', 8, 200, b'.'];
/// assert_eq!(Messages.decode(&mut input)?, Some((7, &b"hi"[..])));
/// assert_eq!(Messages.decode(&mut input)?, None);
/// assert_eq!(input.len(), 3);
/// # Ok::<(), io::Error>(())
/// ```
pub trait Decoder {
    /// What comes out. It may borrow from the input, and not from the decoder, so that the two can
    /// be used at the same time.
    type Frame<'a>;

    /// Takes the first frame off the front of `input`. `None` if it is not complete yet: ask again
    /// when there is more.
    ///
    /// The input has to begin with what the call before has left of it.
    ///
    /// # Errors
    ///
    /// Those of each decoder. The ones in this module fail with [`InvalidData`](ErrorKind::InvalidData)
    /// and no other kind.
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<Self::Frame<'a>>>;

    /// As [`decode`](Self::decode), when `input` is all that will ever come. `None` when nothing is
    /// left of it.
    ///
    /// A protocol whose peer has [`ended`](crate::Protocol::ended) finds what is left in
    /// [`Connection::input`](crate::Connection::input).
    ///
    /// # Errors
    ///
    /// Those of `decode`, and [`UnexpectedEof`](ErrorKind::UnexpectedEof) if what is left is no
    /// complete frame. It is consumed then.
    fn decode_end<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<Self::Frame<'a>>> {
        let frame = self.decode(input)?;
        if frame.is_none() {
            complete(input)?;
        }
        Ok(frame)
    }
}

/// Appends frames to a buffer, as a [`Decoder`] of the same name takes them apart.
pub trait Encoder {
    /// What goes in.
    type Frame<'a>;

    /// Appends `frame` to `output`.
    ///
    /// # Errors
    ///
    /// Those of each encoder. The ones in this module fail with
    /// [`InvalidInput`](ErrorKind::InvalidInput) and no other kind, for a frame that their decoder
    /// would not give back as it was. Nothing is appended then.
    fn encode(&mut self, frame: Self::Frame<'_>, output: &mut Vec<u8>) -> io::Result<()>;
}

/// Sees that nothing is left of an input that has ended.
fn complete(input: &mut &[u8]) -> io::Result<()> {
    if std::mem::take(input).is_empty() {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::UnexpectedEof, "the input ends in the middle of a frame"))
}

/// The error of a decoder for a frame that is longer than it may be.
#[cold]
fn longer_than(max: usize) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("a frame is longer than {max} bytes"))
}

/// The error of an encoder.
#[cold]
fn not_encodable(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests;
