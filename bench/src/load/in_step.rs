//! Clients that all ask at once, and ask again when all were answered. With a server that gives way
//! to this load, it finds all of them ready in each turn, and what it does can be counted.

use super::client::connect_all;
use crate::Result;
use crate::figures::Figure;
use std::io::{Read, Write};

pub fn run(port: u16, clients: usize, size: usize, rounds: usize) -> Result<Vec<Figure>> {
    let mut all = connect_all(port, clients)?;
    let request = vec![b'\n'; size];
    let mut answer = vec![0; size];
    for _ in 0..rounds {
        for client in &mut all {
            client.write_all(&request)?;
        }
        for client in &mut all {
            client.read_exact(&mut answer)?;
        }
    }
    Ok(Vec::new())
}
