//! How long to wait before the next attempt. Pure: it takes no clock and sets no timer.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The delays between attempts that fail: each about twice the one before, up to a limit, and none
/// of them exact.
///
/// The bound begins with `first` and doubles with each delay until it is `max`. A delay is drawn at
/// random from the upper half of its bound: never more than the bound, never less than half of it.
/// So those who lost a server in the same moment do not all come back in the same moment.
///
/// It reads no clock and waits for nobody: it says how long, and
/// [`Selector`](crate::Selector) or a test does the waiting.
///
/// ```
/// use selkie::Backoff;
/// use std::time::Duration;
///
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// let first = backoff.next_delay();
/// assert!(first >= Duration::from_millis(50) && first <= Duration::from_millis(100));
/// assert!(backoff.next_delay() >= Duration::from_millis(100));
/// assert_eq!(backoff.attempts(), 2);
///
/// backoff.reset(); // it worked
/// assert!(backoff.next_delay() <= Duration::from_millis(100));
/// ```
///
/// A client that comes back whenever it lost its connection, and the less often the longer nothing
/// is to be had:
///
/// ```no_run
/// use selkie::{Backoff, Closed, Connect, Connection, Input, Protocol, Selector, Source};
/// use std::{io, net::SocketAddr, time::Duration};
///
/// struct Client {
///     address: SocketAddr,
///     backoff: Backoff,
/// }
///
/// impl Protocol<'_> for Client {
///     fn received(&mut self, _: &mut Source<Connection>, input: &mut Input) -> io::Result<()> {
///         self.backoff.reset(); // only now: a server that is ill may accept, and hang up
///         input.consume_all();
///         Ok(())
///     }
///
///     fn closed(&mut self, conn: Option<&mut Source<Connection>>, _: &Closed) {
///         let Some(conn) = conn else { return };
///         let (address, mut backoff) = (self.address, self.backoff.clone());
///         conn.selector().call_later(backoff.next_delay(), move |sel| connect(sel, address, backoff));
///     }
/// }
///
/// fn connect(sel: &Selector, address: SocketAddr, backoff: Backoff) {
///     let connect = Connect::to(address).retry(backoff.clone(), None);
///     if let Err(error) = connect.open(sel, Client { address, backoff }, |_, _| ()) {
///         eprintln!("{error}");
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let sel = Selector::new()?;
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// connect(&sel, ([127, 0, 0, 1], 8088).into(), backoff);
/// sel.run()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
    /// The state of the generator of random numbers.
    random: u64,
}

impl Backoff {
    /// Delays bounded by `first`, then by twice that, and so on up to `max`. A `max` that is less
    /// than `first` counts as `first`.
    ///
    /// Each one made so draws other delays.
    pub fn new(first: Duration, max: Duration) -> Self {
        // The keys of std's hash tables are random, and hashing nothing gives them away.
        Backoff::with_seed(first, max, RandomState::new().hash_one(()))
    }

    /// As [`new`](Self::new), with the same delays for the same seed: for tests.
    pub fn with_seed(first: Duration, max: Duration, seed: u64) -> Self {
        Backoff { first, max: max.max(first), attempts: 0, random: seed }
    }

    /// How long to wait now. The next answer will be about twice as long.
    pub fn next_delay(&mut self) -> Duration {
        let bound = 1_u32
            .checked_shl(self.attempts)
            .and_then(|doubled| self.first.checked_mul(doubled))
            .map_or(self.max, |bound| bound.min(self.max));
        self.attempts = self.attempts.saturating_add(1);
        let half = bound / 2;
        half + (bound - half).mul_f64(self.random_fraction()).min(bound - half)
    }

    /// Begins anew with the first delay: call it when an attempt has succeeded.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How many delays were asked for since the beginning, or since the last
    /// [`reset`](Self::reset).
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// A number from 0 to below 1, by the generator SplitMix64.
    fn random_fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // As many bits as an `f64` has room for.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(1);

    #[test]
    fn delays_double_up_to_the_limit() {
        for seed in 0..100 {
            let mut backoff = Backoff::with_seed(FIRST, MAX, seed);
            for bound in [100, 200, 400, 800, 1000, 1000, 1000].map(Duration::from_millis) {
                let delay = backoff.next_delay();
                assert!(delay <= bound && delay >= bound / 2, "{delay:?} for a bound of {bound:?}");
            }
        }
    }

    #[test]
    fn delays_with_other_seeds_differ() {
        let firsts: std::collections::HashSet<_> =
            (0..100).map(|seed| Backoff::with_seed(FIRST, MAX, seed).next_delay()).collect();
        assert!(firsts.len() > 90, "only {} of 100 first delays differ", firsts.len());
        let drawn = (Backoff::new(FIRST, MAX).next_delay(), Backoff::new(FIRST, MAX).next_delay());
        assert_ne!(drawn.0, drawn.1);
    }

    #[test]
    fn delays_are_spread_over_the_upper_half() {
        let mut delays: Vec<_> = (0..1000).map(|seed| Backoff::with_seed(FIRST, MAX, seed).next_delay()).collect();
        delays.sort();
        let quarter = FIRST / 8;
        for part in 0..4 {
            let from = FIRST / 2 + quarter * part;
            let among = delays.iter().filter(|delay| **delay >= from && **delay < from + quarter).count();
            assert!(among > 200, "{among} of 1000 delays from {from:?} on");
        }
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::with_seed(FIRST, MAX, 1);
        for _ in 0..5 {
            backoff.next_delay();
        }
        assert_eq!(backoff.attempts(), 5);
        backoff.reset();
        assert_eq!(backoff.attempts(), 0);
        assert!(backoff.next_delay() <= FIRST);
    }

    #[test]
    fn delays_beyond_all_bounds_stay_at_the_limit() {
        let mut longest = Backoff::with_seed(Duration::MAX, Duration::MAX, 1);
        assert!(longest.next_delay() >= Duration::MAX / 2);
        let mut patient = Backoff::with_seed(FIRST, MAX, 1);
        patient.attempts = u32::MAX;
        assert!(patient.next_delay() >= MAX / 2);
        assert_eq!(patient.attempts(), u32::MAX);
        assert_eq!(Backoff::with_seed(Duration::ZERO, Duration::ZERO, 1).next_delay(), Duration::ZERO);
        assert!(Backoff::with_seed(MAX, FIRST, 1).next_delay() >= MAX / 2);
    }
}
