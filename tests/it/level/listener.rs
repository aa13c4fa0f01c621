//! Listeners: one `accept` per callback.

use crate::util::{LONG, NOW, assert_quiet, uncalled};
use selkie::net::TcpListener;
use selkie::{READ, Selector};
use std::cell::Cell;
use std::io;
use std::net::TcpStream;

/// More than the usual queue of a listener holds; where it cannot be made longer, as many as that.
const CLIENTS: usize = if cfg!(unix) { 500 } else { 100 };

fn listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    #[cfg(unix)]
    rustix::net::listen(&listener, CLIENTS as i32)?;
    Ok(listener)
}

#[test]
fn waiting_clients_are_taken_by_one_accept_per_callback() -> io::Result<()> {
    let accepted = Cell::new(0);
    let listener = listener()?;
    let address = listener.local_addr()?;
    let clients = (0..CLIENTS).map(|_| TcpStream::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let sel = Selector::new()?;
    sel.register(listener, READ, |listener, _| -> io::Result<()> {
        listener.accept()?;
        accepted.set(accepted.get() + 1);
        Ok(())
    })?;
    for turns in 1..=CLIENTS {
        assert_eq!(sel.turn(Some(LONG))?, 1, "{} were accepted, and no more reported", turns - 1);
        assert_eq!(accepted.get(), turns);
    }
    assert_quiet(&sel);
    drop(clients);
    Ok(())
}

#[test]
fn waiting_clients_are_taken_by_the_accept_of_the_inner_value() -> io::Result<()> {
    let accepted = Cell::new(0);
    let listener = listener()?;
    let address = listener.local_addr()?;
    let clients = (0..3).map(|_| TcpStream::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let sel = Selector::new()?;
    sel.register(listener, READ, |listener, _| -> io::Result<()> {
        (**listener).accept()?;
        accepted.set(accepted.get() + 1);
        Ok(())
    })?;
    for turns in 1..=clients.len() {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(accepted.get(), turns);
    }
    assert_quiet(&sel);
    Ok(())
}

#[test]
fn selected_listener_is_repeated_until_nobody_waits() -> io::Result<()> {
    let listener = listener()?;
    let address = listener.local_addr()?;
    let clients = (0..2).map(|_| TcpStream::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let sel = Selector::new()?;
    let key = sel.register(listener, READ, uncalled)?;
    for _ in &clients {
        for _ in 0..3 {
            assert_eq!(sel.select(Some(LONG))?, [(key.into(), READ)]);
        }
        sel.with(key, |listener| listener.accept().map(drop))??;
    }
    assert_eq!(sel.select(NOW)?, []);
    Ok(())
}

#[cfg(unix)]
#[test]
fn waiting_clients_of_a_unix_listener_are_taken_by_one_accept_per_callback() -> io::Result<()> {
    let accepted = Cell::new(0);
    let place = std::env::temp_dir().join(format!("selkie-accept-{}", std::process::id()));
    let _ = std::fs::remove_file(&place);
    let listener = selkie::net::UnixListener::bind(&place)?;
    let clients: Vec<_> = (0..20)
        .map(|_| std::os::unix::net::UnixStream::connect(&place))
        .collect::<io::Result<_>>()
        .inspect_err(|_| drop(std::fs::remove_file(&place)))?;
    std::fs::remove_file(&place)?;
    let sel = Selector::new()?;
    sel.register(listener, READ, |listener, _| -> io::Result<()> {
        listener.accept()?;
        accepted.set(accepted.get() + 1);
        Ok(())
    })?;
    for turns in 1..=clients.len() {
        assert_eq!(sel.turn(Some(LONG))?, 1);
        assert_eq!(accepted.get(), turns);
    }
    assert_quiet(&sel);
    Ok(())
}
