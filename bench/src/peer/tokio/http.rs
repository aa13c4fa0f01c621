//! hyper, which stands on tokio.

use super::serve;
use crate::Result;
use crate::program::http::BODY;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::env::Args;
use std::iter::Skip;
use tokio::net::TcpStream;

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    serve::each(answer)
}

async fn answer(stream: TcpStream) {
    // The other server sends no date either.
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service_fn(hello));
    let _ = connection.await;
}

async fn hello(_: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
}
