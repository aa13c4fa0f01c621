//! HTTP requests, cut out of what arrives. No I/O here.

use crate::response::Status;
use selkie::codec::{Decoder, Lines};
use std::io;

/// Bytes of a line; of the lines of a head, and of the trailers of a body, together; and of a body.
const LINE_MAX: usize = 8 * 1024;
const HEAD_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 1024 * 1024;
/// Lines of a head.
const HEADERS_MAX: usize = 64;

/// A request, complete with its body.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// What it asks for, without the query.
    pub(crate) path: String,
    /// Whether the client may send more requests after this one.
    pub(crate) keep_alive: bool,
    pub(crate) body: Vec<u8>,
}

/// What is found in the stream.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// The client waits for a word before it sends a body.
    Expects,
    Complete(Request),
    /// What comes is no request, or asks for too much. Where it ends is not known, so it is the last step.
    Refused(Status),
}

/// Cuts requests out of a stream.
pub(crate) struct Requests {
    lines: Lines,
    stage: Stage,
    /// The lines of a head, as they come.
    head: Vec<u8>,
    /// How many bytes the trailers have had.
    trailers: usize,
    request: Request,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Head,
    /// So many bytes of body, and then the request is complete.
    Body(usize),
    ChunkSize,
    /// So many bytes of a chunk, and the end of a line.
    Chunk(usize),
    ChunkEnd,
    Trailers,
    Refused,
}

impl Requests {
    pub(crate) fn new() -> Requests {
        Requests {
            lines: Lines::new(LINE_MAX),
            stage: Stage::Head,
            head: Vec::new(),
            trailers: 0,
            request: Request::default(),
        }
    }

    /// Whether a request has begun.
    pub(crate) fn is_under_way(&self) -> bool {
        self.stage != Stage::Head || !self.head.is_empty()
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Step>, Status> {
        loop {
            match self.stage {
                Stage::Head => {
                    let too_long = if self.head.is_empty() { Status::UriTooLong } else { Status::HeadTooLarge };
                    let Some(line) = self.lines.decode(input).map_err(|_| too_long)? else { return Ok(None) };
                    // Some clients send an empty line too many behind a body.
                    if line.is_empty() && self.head.is_empty() {
                        continue;
                    }
                    if self.head.len() + line.len() > HEAD_MAX {
                        return Err(Status::HeadTooLarge);
                    }
                    self.head.extend_from_slice(line);
                    self.head.extend_from_slice(b"\r\n");
                    if line.is_empty() {
                        let head = std::mem::take(&mut self.head);
                        let expects = self.begin(&head)?;
                        if expects && self.stage != Stage::Body(0) && input.is_empty() {
                            return Ok(Some(Step::Expects));
                        }
                    }
                }
                Stage::Body(0) => {
                    self.stage = Stage::Head;
                    return Ok(Some(Step::Complete(std::mem::take(&mut self.request))));
                }
                Stage::Body(left) => match self.take(input, left) {
                    0 => return Ok(None),
                    taken => self.stage = Stage::Body(left - taken),
                },
                Stage::ChunkSize => {
                    let Some(line) = self.line(input)? else { return Ok(None) };
                    let size = chunk_size(line)?;
                    if size > BODY_MAX - self.request.body.len() {
                        return Err(Status::BodyTooLarge);
                    }
                    self.stage = if size == 0 { Stage::Trailers } else { Stage::Chunk(size) };
                }
                Stage::Chunk(0) => self.stage = Stage::ChunkEnd,
                Stage::Chunk(left) => match self.take(input, left) {
                    0 => return Ok(None),
                    taken => self.stage = Stage::Chunk(left - taken),
                },
                Stage::ChunkEnd => match self.line(input)? {
                    None => return Ok(None),
                    Some(b"") => self.stage = Stage::ChunkSize,
                    Some(_) => return Err(Status::BadRequest),
                },
                // They are of no use here.
                Stage::Trailers => {
                    let Some(line) = self.line(input)? else { return Ok(None) };
                    self.trailers += line.len();
                    if line.is_empty() {
                        self.trailers = 0;
                        self.stage = Stage::Body(0);
                    } else if self.trailers > HEAD_MAX {
                        return Err(Status::HeadTooLarge);
                    }
                }
                Stage::Refused => {
                    *input = &[];
                    return Ok(None);
                }
            }
        }
    }

    fn line<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Status> {
        self.lines.decode(input).map_err(|_| Status::BadRequest)
    }

    /// Takes up to `left` bytes for the body. As many as there are: what a client announces takes no
    /// memory, only what it sends.
    fn take(&mut self, input: &mut &[u8], left: usize) -> usize {
        let (taken, rest) = input.split_at(left.min(input.len()));
        self.request.body.extend_from_slice(taken);
        *input = rest;
        taken.len()
    }

    /// Begins a request with a head that is complete. Answers whether its client expects a word.
    fn begin(&mut self, head: &[u8]) -> Result<bool, Status> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(head).map_err(|error| match error {
            httparse::Error::TooManyHeaders => Status::HeadTooLarge,
            httparse::Error::Version => Status::VersionNotSupported,
            _ => Status::BadRequest,
        })?;
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Status::BadRequest);
        };
        let all = |name: &'static str| {
            let headers = parsed.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            headers.map(|header| header.value.trim_ascii())
        };
        let has = |name, word: &[u8]| {
            let mut words = all(name).flat_map(|value| value.split(|&byte| byte == b','));
            words.any(|each| each.trim_ascii().eq_ignore_ascii_case(word))
        };
        if minor == 1 && all("host").count() != 1 {
            return Err(Status::BadRequest);
        }
        let expects = has("expect", b"100-continue");
        if all("expect").next().is_some() && !expects {
            return Err(Status::ExpectationFailed);
        }
        self.stage = body_of(all("transfer-encoding"), all("content-length"), minor)?;
        self.request.method = method.to_owned();
        self.request.path = target.split('?').next().unwrap_or_default().to_owned();
        self.request.keep_alive =
            if minor == 1 { !has("connection", b"close") } else { has("connection", b"keep-alive") };
        Ok(expects && minor == 1)
    }
}

impl Decoder for Requests {
    type Frame<'a> = Step;

    fn decode(&mut self, input: &mut &[u8]) -> io::Result<Option<Step>> {
        Ok(self.step(input).unwrap_or_else(|status| {
            self.stage = Stage::Refused;
            Some(Step::Refused(status))
        }))
    }
}

/// How the body comes. A request about which two readers might disagree is refused.
fn body_of<'a>(
    mut codings: impl Iterator<Item = &'a [u8]>,
    mut lengths: impl Iterator<Item = &'a [u8]>,
    minor: u8,
) -> Result<Stage, Status> {
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Stage::Body(0)),
        (None, Some(length)) => {
            if lengths.any(|other| other != length) {
                return Err(Status::BadRequest);
            }
            let length = number(length, 10)?;
            if length > BODY_MAX { Err(Status::BodyTooLarge) } else { Ok(Stage::Body(length)) }
        }
        (Some(coding), None) if minor == 1 => {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
            if is_chunked { Ok(Stage::ChunkSize) } else { Err(Status::NotImplemented) }
        }
        (Some(_), _) => Err(Status::BadRequest),
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, Status> {
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
    number(size.trim_ascii_end(), 16)
}

/// A number with no sign, which Rust would take.
fn number(digits: &[u8], radix: u32) -> Result<usize, Status> {
    if digits.is_empty() || !digits.iter().all(|&digit| char::from(digit).is_digit(radix)) {
        return Err(Status::BadRequest);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Status::BadRequest)?;
    // One with too many digits is too large for everything here.
    usize::from_str_radix(digits, radix).map_err(|_| Status::BodyTooLarge)
}
