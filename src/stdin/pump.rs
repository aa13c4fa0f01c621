//! A thread that reads what cannot be waited for, and passes it on through a socket, which can.

use std::io::{self, Read};
use std::thread;

#[cfg(windows)]
use mio::net::TcpStream as Outlet;
#[cfg(unix)]
use mio::net::UnixStream as Outlet;
#[cfg(windows)]
use std::net::TcpStream as Inlet;
#[cfg(unix)]
use std::os::unix::net::UnixStream as Inlet;

/// Begins to read `input`, and answers the end of the socket where it comes out.
///
/// The thread ends when the input does, or with the first read after the outlet was dropped.
pub(super) fn start(mut input: impl Read + Send + 'static) -> io::Result<Outlet> {
    let (outlet, mut inlet) = pair()?;
    thread::Builder::new().name("standard input".to_owned()).spawn(move || {
        if let Err(error) = io::copy(&mut input, &mut inlet) {
            log::debug!("standard input is not read any more: {error}");
        }
    })?;
    Ok(outlet)
}

/// Whether this is how macOS refuses to wait for some terminals and other devices.
#[cfg(target_vendor = "apple")]
pub(super) fn helps_against(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

/// The end to read from, non-blocking, and the end to write to.
#[cfg(unix)]
fn pair() -> io::Result<(Outlet, Inlet)> {
    let (outlet, inlet) = Inlet::pair()?;
    outlet.set_nonblocking(true)?;
    Ok((Outlet::from_std(outlet), inlet))
}

/// The end to read from, non-blocking, and the end to write to.
#[cfg(windows)]
fn pair() -> io::Result<(Outlet, Inlet)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    let outlet = Inlet::connect(listener.local_addr()?)?;
    let inlet = loop {
        let (inlet, peer) = listener.accept()?;
        // Another program may have been the first to find the port.
        if peer == outlet.local_addr()? {
            break inlet;
        }
    };
    inlet.set_nodelay(true)?;
    outlet.set_nonblocking(true)?;
    Ok((Outlet::from_std(outlet), inlet))
}

// On Unix only, and not needed there but on macOS, so that it is tested where tests are run.
#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{READ, Selector};
    use std::cell::RefCell;
    use std::io::{ErrorKind, Write};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    /// An input that says when it is dropped, and so when the thread is done with it.
    struct Watched<R>(R, #[allow(dead_code)] std::sync::mpsc::Sender<()>);

    impl<R: Read> Read for Watched<R> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf)
        }
    }

    fn watched<R>(input: R) -> (Watched<R>, Receiver<()>) {
        let (sender, receiver) = channel();
        (Watched(input, sender), receiver)
    }

    #[test]
    fn pumped_input_comes_out_as_it_went_in_and_ends() -> io::Result<()> {
        let text: Vec<u8> =
            (0..1_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let got = RefCell::new(Vec::new());
        let sel = Selector::new()?;
        sel.register(start(io::Cursor::new(text.clone()))?, READ, |outlet, _| -> io::Result<()> {
            let mut buf = [0; 4096];
            match outlet.read(&mut buf)? {
                0 => outlet.unregister(),
                n => got.borrow_mut().extend_from_slice(&buf[..n]),
            }
            Ok(())
        })?;
        sel.run()?;
        assert!(got.take() == text);
        Ok(())
    }

    #[test]
    fn pumped_input_that_fails_ends() -> io::Result<()> {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::Other.into())
            }
        }
        let sel = Selector::new()?;
        let key = sel.register(start(Failing)?, READ, |outlet, _| -> io::Result<()> {
            assert_eq!(outlet.read(&mut [0; 10])?, 0);
            outlet.unregister();
            Ok(())
        })?;
        assert_eq!(sel.turn(LONG)?, 1);
        assert!(!sel.contains(key));
        Ok(())
    }

    #[test]
    fn dropped_outlet_ends_the_thread_with_the_next_input() -> io::Result<()> {
        let (input, mut typing) = Inlet::pair()?;
        let (input, done) = watched(input);
        drop(start(input)?);
        typing.write_all(b"one line\n")?;
        // It hangs up when the thread has dropped its end.
        assert_eq!(done.recv_timeout(Duration::from_secs(20)), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
        Ok(())
    }
}
