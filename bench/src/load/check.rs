//! Whether a server does what it is measured at: nothing is lost, whatever the client does.

use super::PATIENCE;
use super::client::connect;
use crate::Result;
use crate::figures::{Figure, figure};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

/// More than fits into all buffers between the two.
const MUCH: usize = 16 * 1024 * 1024;

pub fn run(port: u16) -> Result<Vec<Figure>> {
    slow_reader(port)?;
    data_with_end(port)?;
    Ok(vec![figure("nothing lost", 1.0)])
}

/// Sends without reading until the server reads no more, then reads.
fn slow_reader(port: u16) -> Result<()> {
    let mut stream = patient(port)?;
    let lines: Vec<u8> = (0..MUCH / 16).flat_map(|nth| format!("{nth:015}\n").into_bytes()).collect();
    stream.set_nonblocking(true)?;
    let mut sent = 0;
    let mut blocked = 0;
    while sent < lines.len() && blocked < 10 {
        match stream.write(&lines[sent..]) {
            Ok(more) => (sent, blocked) = (sent + more, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                blocked += 1;
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
    stream.set_nonblocking(false)?;
    let writer = {
        let (mut stream, rest) = (stream.try_clone()?, lines[sent..].to_vec());
        thread::spawn(move || stream.write_all(&rest).and_then(|()| stream.shutdown(Shutdown::Write)))
    };
    let mut answer = vec![0; lines.len()];
    stream.read_exact(&mut answer)?;
    writer.join().map_err(|_| "the writing thread panicked")??;
    if answer != lines {
        return Err("the server has sent back something else".into());
    }
    if stream.read(&mut [0])? != 0 {
        return Err("the server has sent back too much".into());
    }
    Ok(())
}

/// Sends a few bytes and the end of the stream, which the server finds at the same time.
fn data_with_end(port: u16) -> Result<()> {
    let mut clients: Vec<TcpStream> = (0..50).map(|_| patient(port)).collect::<Result<_>>()?;
    for client in &mut clients {
        client.write_all(b"last\n")?;
        client.shutdown(Shutdown::Write)?;
    }
    for mut client in clients {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        if answer != b"last\n" {
            return Err(format!("the server has answered {answer:?} to what came with the end").into());
        }
    }
    Ok(())
}

/// A connection to a server that may be at fault.
fn patient(port: u16) -> Result<TcpStream> {
    let stream = connect(port, 0)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
