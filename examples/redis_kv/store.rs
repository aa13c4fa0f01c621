//! What the server keeps, and the commands on it.

use crate::resp::Replies;
use selkie::{Selector, Timer};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Values by their keys.
#[derive(Default)]
pub(crate) struct Store {
    entries: RefCell<HashMap<Vec<u8>, Entry>>,
}

struct Entry {
    value: Vec<u8>,
    expiry: Option<Expiry>,
}

/// When an entry goes, and the timer that sees to it.
#[derive(Clone, Copy)]
struct Expiry {
    at: Instant,
    timer: Timer,
}

impl Store {
    /// Runs a command. `words` are its arguments.
    pub(crate) fn run<'cb>(&'cb self, sel: &Selector<'cb>, command: &[u8], words: &[&[u8]], replies: &mut Replies) {
        match (command, words) {
            (b"GET", [key]) => replies.bulk_or_null(self.entries.borrow().get(*key).map(|entry| &*entry.value)),
            (b"MGET", keys @ [_, ..]) => {
                replies.array(keys.len());
                let entries = self.entries.borrow();
                keys.iter().for_each(|key| replies.bulk_or_null(entries.get(*key).map(|entry| &*entry.value)));
            }
            (b"SET", [key, value]) => {
                self.set(sel, key, value);
                replies.simple("OK");
            }
            (b"SET", [key, value, unit, time]) => match lifetime(unit, time) {
                Ok(lifetime) => {
                    self.set(sel, key, value);
                    self.expire(sel, key, lifetime);
                    replies.simple("OK");
                }
                Err(error) => replies.error(error),
            },
            (b"MSET", pairs) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
                pairs.chunks(2).for_each(|pair| self.set(sel, pair[0], pair[1]));
                replies.simple("OK");
            }
            (b"DEL", keys @ [_, ..]) => {
                replies.integer(keys.iter().filter(|key| self.remove(sel, key)).count() as i64);
            }
            (b"EXISTS", keys @ [_, ..]) => {
                let entries = self.entries.borrow();
                replies.integer(keys.iter().filter(|key| entries.contains_key(**key)).count() as i64);
            }
            (b"INCR", [key]) => match self.increment(key) {
                Ok(value) => replies.integer(value),
                Err(error) => replies.error(error),
            },
            (b"EXPIRE", [key, time]) => match lifetime(b"EX", time) {
                Ok(lifetime) => replies.integer(self.expire(sel, key, lifetime).into()),
                // What should be gone already goes at once.
                Err(_) if number(time).is_some_and(|time| time <= 0) => replies.integer(self.remove(sel, key).into()),
                Err(error) => replies.error(error),
            },
            (b"TTL", [key]) => replies.integer(self.seconds_left(key)),
            (b"GET" | b"MGET" | b"SET" | b"MSET" | b"DEL" | b"EXISTS" | b"INCR" | b"EXPIRE" | b"TTL", _) => {
                replies.error(&format!("ERR wrong number of arguments for '{}'", command.escape_ascii()));
            }
            _ => replies.error(&format!("ERR unknown command '{}'", command.escape_ascii())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    fn set(&self, sel: &Selector, key: &[u8], value: &[u8]) {
        let entry = Entry { value: value.to_vec(), expiry: None };
        let mut entries = self.entries.borrow_mut();
        // The key is copied only if it is new.
        let before = match entries.get_mut(key) {
            Some(before) => Some(std::mem::replace(before, entry)),
            None => entries.insert(key.to_vec(), entry),
        };
        stop(sel, before);
    }

    fn remove(&self, sel: &Selector, key: &[u8]) -> bool {
        let before = self.entries.borrow_mut().remove(key);
        let existed = before.is_some();
        stop(sel, before);
        existed
    }

    fn increment(&self, key: &[u8]) -> Result<i64, &'static str> {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(key) else {
            entries.insert(key.to_vec(), Entry { value: b"1".to_vec(), expiry: None });
            return Ok(1);
        };
        let value = number(&entry.value).ok_or("ERR value is not an integer or out of range")?;
        let value = value.checked_add(1).ok_or("ERR increment or decrement would overflow")?;
        entry.value = value.to_string().into_bytes();
        Ok(value)
    }

    /// Has an entry removed after `lifetime`. False if there is none.
    fn expire<'cb>(&'cb self, sel: &Selector<'cb>, key: &[u8], lifetime: Duration) -> bool {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(key) else { return false };
        let at = Instant::now() + lifetime;
        match entry.expiry {
            Some(expiry) => sel.cancel(expiry.timer),
            None => false,
        };
        let key = key.to_vec();
        let timer = sel.call_at(at, move |sel| {
            self.remove(sel, &key);
        });
        entry.expiry = Some(Expiry { at, timer });
        true
    }

    /// As `TTL` has it: -2 if there is no such entry, -1 if it stays.
    fn seconds_left(&self, key: &[u8]) -> i64 {
        match self.entries.borrow().get(key) {
            None => -2,
            Some(Entry { expiry: None, .. }) => -1,
            Some(Entry { expiry: Some(expiry), .. }) => {
                let left = expiry.at.saturating_duration_since(Instant::now());
                (left.as_millis() as i64 + 500) / 1000
            }
        }
    }
}

/// Stops the timer of an entry that is no more.
fn stop(sel: &Selector, entry: Option<Entry>) {
    if let Some(expiry) = entry.and_then(|entry| entry.expiry) {
        sel.cancel(expiry.timer);
    }
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A time to live of more than nothing and less than a century.
fn lifetime(unit: &[u8], time: &[u8]) -> Result<Duration, &'static str> {
    const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let time = number(time).ok_or("ERR value is not an integer or out of range")?;
    let time = u64::try_from(time).unwrap_or(0);
    let lifetime = match unit.to_ascii_uppercase().as_slice() {
        b"EX" => Duration::from_secs(time),
        b"PX" => Duration::from_millis(time),
        _ => return Err("ERR syntax error"),
    };
    if lifetime.is_zero() || lifetime > MOST { Err("ERR invalid expire time") } else { Ok(lifetime) }
}
