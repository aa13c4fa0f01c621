//! A web server that says hello.

pub const BODY: &str = "Hello, world!";

/// What is answered to each request.
pub const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!";
