//! What the servers have in common: a task for each client.

use crate::Result;
use crate::program::echo::listen;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// Accepts clients and has each served by `serve`.
pub fn each<F>(serve: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}
