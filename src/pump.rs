//! A thread that reads or writes what cannot be waited for, and has it pass through a socket, which
//! can.

use std::io;

#[cfg(windows)]
pub(crate) use mio::net::TcpStream as Near;
#[cfg(unix)]
pub(crate) use mio::net::UnixStream as Near;
#[cfg(windows)]
pub(crate) use std::net::TcpStream as Far;
#[cfg(unix)]
pub(crate) use std::os::unix::net::UnixStream as Far;

/// Begins to read `input`, and answers the end of the socket where it comes out.
///
/// The thread ends when the input does, or with the first read after that end was dropped.
#[cfg(any(windows, target_vendor = "apple", test))]
pub(crate) fn read_from(input: impl io::Read + Send + 'static) -> io::Result<Near> {
    let (near, far) = pair()?;
    start(input, far)?;
    Ok(near)
}

/// Begins to write to `output`, and answers the end of the socket that takes what is to be written.
///
/// The thread ends, and drops `output`, when that end was dropped and all is written.
#[cfg(all(feature = "process", any(windows, test)))]
pub(crate) fn write_to(output: impl io::Write + Send + 'static) -> io::Result<Near> {
    let (near, far) = pair()?;
    start(far, output)?;
    Ok(near)
}

#[cfg(any(windows, target_vendor = "apple", test))]
fn start(mut from: impl io::Read + Send + 'static, mut to: impl io::Write + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("selkie pump".to_owned()).spawn(move || {
        if let Err(error) = io::copy(&mut from, &mut to) {
            log::debug!("a pump has ended: {error}");
        }
    })?;
    Ok(())
}

/// A connected pair: an end to wait for, non-blocking, and one for a thread.
#[cfg(unix)]
pub(crate) fn pair() -> io::Result<(Near, Far)> {
    let (near, far) = Far::pair()?;
    near.set_nonblocking(true)?;
    Ok((Near::from_std(near), far))
}

/// A connected pair: an end to wait for, non-blocking, and one for a thread.
#[cfg(windows)]
pub(crate) fn pair() -> io::Result<(Near, Far)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    let near = Far::connect(listener.local_addr()?)?;
    let far = loop {
        let (far, peer) = listener.accept()?;
        // Another program may have been the first to find the port.
        if peer == near.local_addr()? {
            break far;
        }
    };
    far.set_nodelay(true)?;
    near.set_nonblocking(true)?;
    Ok((Near::from_std(near), far))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{READ, Selector};
    use std::cell::RefCell;
    use std::io::{ErrorKind, Read, Write};
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
        sel.register(read_from(io::Cursor::new(text.clone()))?, READ, |near, _| -> io::Result<()> {
            let mut buf = [0; 4096];
            match near.read(&mut buf)? {
                0 => near.unregister(),
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
        let key = sel.register(read_from(Failing)?, READ, |near, _| -> io::Result<()> {
            assert_eq!(near.read(&mut [0; 10])?, 0);
            near.unregister();
            Ok(())
        })?;
        assert_eq!(sel.turn(LONG)?, 1);
        assert!(!sel.contains(key));
        Ok(())
    }

    #[cfg(all(unix, feature = "process"))]
    #[test]
    fn what_is_written_goes_on_to_the_output_and_so_does_the_end() -> io::Result<()> {
        let text = vec![b'x'; 1_000_000];
        let (output, mut taken) = std::os::unix::net::UnixStream::pair()?;
        let mut unsent = &text[..];
        let sel = Selector::new()?;
        sel.register(write_to(output)?, crate::WRITE, move |near, _| -> io::Result<()> {
            let n = near.write(unsent)?;
            unsent = &unsent[n..];
            if unsent.is_empty() {
                near.unregister();
            }
            Ok(())
        })?;
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            taken.read_to_end(&mut all).map(|_| all)
        });
        sel.run()?;
        assert!(reader.join().unwrap()? == text);
        Ok(())
    }

    #[test]
    fn dropped_end_ends_the_thread_with_the_next_input() -> io::Result<()> {
        let (mut typing, input) = pair()?;
        let (input, done) = watched(input);
        drop(read_from(input)?);
        typing.write_all(b"one line\n")?;
        // It hangs up when the thread has dropped its end.
        assert_eq!(done.recv_timeout(Duration::from_secs(20)), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
        Ok(())
    }
}
