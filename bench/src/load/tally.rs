//! What a load counts, and from when to when.

use super::WARM_UP;
use crate::Result;
use crate::child::processor_time;
use crate::figures::{Figure, figure};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Longer latencies count as this.
const LONGEST: Duration = Duration::from_secs(60);

pub struct Tally {
    server: u32,
    time: Duration,
    warm_at: Instant,
    begin: Option<Moment>,
    end: Option<Moment>,
    /// In nanoseconds.
    latencies: Histogram<u64>,
}

/// What the clocks say: ours, and that of the server's processor time.
struct Moment {
    at: Instant,
    used: u64,
}

impl Moment {
    fn now(server: u32) -> Result<Moment> {
        Ok(Moment { at: Instant::now(), used: processor_time(server)? })
    }
}

impl Tally {
    /// Counts for so long, when everything is warm.
    pub fn new(server: u32, time: Duration) -> Tally {
        let latencies =
            Histogram::new_with_max(LONGEST.as_nanos() as u64, 3).expect("three digits up to a minute are possible");
        Tally { server, time, warm_at: Instant::now() + WARM_UP, begin: None, end: None, latencies }
    }

    /// A request was answered.
    pub fn count(&mut self, latency: Duration) {
        self.latencies.saturating_record(latency.as_nanos() as u64);
    }

    /// Whether there is nothing more to count. To be asked now and then: it looks at the clock, and
    /// begins to count when everything is warm.
    pub fn is_over(&mut self) -> Result<bool> {
        let Some(begin) = &self.begin else {
            if Instant::now() >= self.warm_at {
                self.begin = Some(Moment::now(self.server)?);
                self.latencies.reset();
            }
            return Ok(false);
        };
        let over = begin.at.elapsed() >= self.time;
        if over {
            self.end = Some(Moment::now(self.server)?);
        }
        Ok(over)
    }

    pub fn figures(&self) -> Result<Vec<Figure>> {
        let (Some(begin), Some(end)) = (&self.begin, &self.end) else {
            return Err("a load has ended before its time".into());
        };
        let served = self.latencies.len() as f64;
        let micros = |quantile: f64| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        Ok(vec![
            figure("requests per second", served / (end.at - begin.at).as_secs_f64()),
            figure("processor ns per request", (end.used - begin.used) as f64 / served),
            figure("p50 µs", micros(0.5)),
            figure("p99 µs", micros(0.99)),
            figure("p99.9 µs", micros(0.999)),
        ])
    }
}
