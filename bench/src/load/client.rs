//! Connecting to a server.

use crate::Result;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

/// Connects. The `nth` client has an address of its own among those of the loopback interface, for
/// one address has less than 30,000 ports, and each is kept for a minute after its connection.
pub fn connect(port: u16, nth: usize) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let own = Ipv4Addr::new(127, 0, 1, (1 + nth % 200) as u8);
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Connects that many, and waits after each few until the server has accepted them: the system
/// keeps a limited number in front of a listener.
pub fn connect_all(port: u16, clients: usize) -> Result<Vec<TcpStream>> {
    const FEW: usize = 64;
    let mut all = Vec::with_capacity(clients);
    for nth in 0..clients {
        let mut stream = connect(port, nth)?;
        if nth % FEW == FEW - 1 || nth == clients - 1 {
            // Connections are accepted in their order, so when this one is served all are.
            stream.write_all(b"\n")?;
            stream.read_exact(&mut [0])?;
        }
        all.push(stream);
    }
    Ok(all)
}
