use super::serve;
use crate::Result;
use crate::program::echo::READ_MAX;
use std::env::Args;
use std::io;
use std::iter::Skip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    serve::each(echo)
}

/// The buffer is this task's own: it is lent to a read that may have to wait.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; READ_MAX];
    loop {
        let read = stream.read(&mut buf).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..read]).await?;
    }
}
