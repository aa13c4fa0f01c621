//! Responses, put together. No I/O here.

use std::io::Write;
use std::time::SystemTime;

/// What a response says first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge,
    UriTooLong,
    ExpectationFailed,
    HeadTooLarge,
    NotImplemented,
    VersionNotSupported,
}

impl Status {
    pub(crate) fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::BodyTooLarge => "413 Content Too Large",
            Status::UriTooLong => "414 URI Too Long",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::NotImplemented => "501 Not Implemented",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// A response with its body.
pub(crate) struct Response<'a> {
    pub(crate) status: Status,
    pub(crate) content_type: &'a str,
    /// Further lines of the head, each with its end.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> Response<'a> {
    /// One that says nothing but its status.
    pub(crate) fn of(status: Status) -> Response<'a> {
        let body = status.line().as_bytes();
        Response { status, content_type: "text/plain", headers: "", body }
    }

    /// Appends it to `out`. `with_body` is false for an answer to HEAD, which only says how long the
    /// body would be.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>, with_body: bool, keep_alive: bool) {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        write!(
            out,
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n{}\r\n",
            self.status.line(),
            httpdate::fmt_http_date(SystemTime::now()),
            self.content_type,
            self.body.len(),
            self.headers,
        )
        .expect("a Vec takes everything");
        if with_body {
            out.extend_from_slice(self.body);
        }
    }
}
