use super::serve;
use crate::Result;
use std::env::Args;
use std::io;
use std::iter::Skip;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;

pub fn run(_: &mut Skip<Args>) -> Result<()> {
    serve::each(echo)
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (input, output) = stream.split();
    let mut input = BufReader::new(input);
    let mut output = BufWriter::new(output);
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        output.write_all(&line).await?;
        line.clear();
        // Answers go out together that were asked for together.
        if input.buffer().is_empty() {
            output.flush().await?;
        }
    }
    Ok(())
}
