//! The protocol of Redis, RESP: requests are cut out of what arrives, and replies put together. No
//! I/O here.

use selkie::codec::{Decoder, Lines};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;

/// Words of a request, and bytes of a word, at most.
const WORDS_MAX: usize = 64 * 1024;
const WORD_MAX: usize = 1024 * 1024;
/// Bytes of a request that is typed by hand, as a line.
const LINE_MAX: usize = 16 * 1024;

/// Cuts requests out of what arrives: an array of strings each, or a line of words.
///
/// Fails with `InvalidData`, and a sentence for the client, when there is no making sense of what
/// comes. There is no going on then.
pub(crate) struct Requests {
    lines: Lines,
    /// Of an array that is not complete yet: how many words it is to have, where those are that have
    /// come, and where to look for the next one. So nothing is looked at twice.
    expected: usize,
    words: Vec<Range<usize>>,
    next: usize,
}

impl Requests {
    pub(crate) fn new() -> Requests {
        Requests { lines: Lines::new(LINE_MAX), expected: 0, words: Vec::new(), next: 0 }
    }
}

impl Decoder for Requests {
    type Frame<'a> = Vec<&'a [u8]>;

    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> io::Result<Option<Vec<&'a [u8]>>> {
        let bytes = *input;
        if self.next == 0 {
            if bytes.first().is_some_and(|&byte| byte != b'*') {
                let line = self.lines.decode(input).map_err(|_| malformed("too big inline request"))?;
                return Ok(line.map(words_of));
            }
            let Some((count, length)) = number(b'*', bytes)? else { return Ok(None) };
            if count > WORDS_MAX {
                return Err(malformed("invalid multibulk length"));
            }
            (self.expected, self.next) = (count, length);
        }
        while self.words.len() < self.expected {
            let Some((length, header)) = number(b'$', &bytes[self.next..])? else { return Ok(None) };
            if length > WORD_MAX {
                return Err(malformed("invalid bulk length"));
            }
            let start = self.next + header;
            let end = start + length;
            match bytes.get(end..end + 2) {
                None => return Ok(None),
                Some(b"\r\n") => {}
                Some(_) => return Err(malformed("a string is longer than it says")),
            }
            self.words.push(start..end);
            self.next = end + 2;
        }
        *input = &bytes[self.next..];
        self.next = 0;
        Ok(Some(self.words.drain(..).map(|word| &bytes[word]).collect()))
    }
}

fn words_of(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect()
}

/// A line that holds a number behind `sign`, and how long that line is, once it is complete.
fn number(sign: u8, bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    const LENGTH_MAX: usize = 16;
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    if first != sign {
        return Err(malformed(&format!("expected '{}'", char::from(sign))));
    }
    let Some(end) = rest.iter().take(LENGTH_MAX).position(|&byte| byte == b'\n') else {
        return if rest.len() < LENGTH_MAX { Ok(None) } else { Err(malformed("invalid length")) };
    };
    let digits = rest[..end].strip_suffix(b"\r").and_then(|digits| std::str::from_utf8(digits).ok());
    let number = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| malformed("invalid length"))?;
    Ok(Some((number, 1 + end + 1)))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("Protocol error: {what}"))
}

/// Replies, one behind the other.
pub(crate) struct Replies {
    pub(crate) bytes: Vec<u8>,
    /// Whether the client has asked for version 3 of the protocol, which knows more types.
    pub(crate) resp3: bool,
}

impl Replies {
    pub(crate) fn simple(&mut self, text: &str) {
        self.line('+', text);
    }

    pub(crate) fn error(&mut self, text: &str) {
        self.line('-', text);
    }

    pub(crate) fn integer(&mut self, number: i64) {
        self.line(':', number);
    }

    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.line('$', bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(crate) fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None if self.resp3 => self.line('_', ""),
            None => self.line('$', -1),
        }
    }

    /// So many replies follow, which belong together.
    pub(crate) fn array(&mut self, length: usize) {
        self.line('*', length);
    }

    /// So many pairs of replies follow.
    pub(crate) fn map(&mut self, pairs: usize) {
        if self.resp3 { self.line('%', pairs) } else { self.line('*', 2 * pairs) }
    }

    fn line(&mut self, sign: char, rest: impl std::fmt::Display) {
        write!(self.bytes, "{sign}{rest}\r\n").expect("a Vec takes everything");
    }
}
