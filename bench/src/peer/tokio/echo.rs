use crate::Result;
use crate::program::echo::{READ_MAX, listen};
use std::env::Args;
use std::io;
use std::iter::Skip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}

/// The buffer is this task's own: it is lent to a read that may have to wait.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; READ_MAX];
    loop {
        let read = stream.read(&mut buf).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..read]).await?;
    }
}
