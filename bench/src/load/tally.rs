//! What a load counts, and from when to when.

use super::{Until, WARM_UP};
use crate::Result;
use crate::child::processor_time;
use crate::figures::{Figure, figure};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Longer latencies count as this.
const LONGEST: Duration = Duration::from_secs(60);

pub struct Tally {
    server: u32,
    until: Until,
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
    pub fn new(server: u32, until: Until) -> Result<Tally> {
        let begin = match until {
            Until::Time(_) => None,
            Until::Served(_) => Some(Moment::now(server)?),
        };
        let latencies = Histogram::new_with_max(LONGEST.as_nanos() as u64, 3)?;
        Ok(Tally { server, until, warm_at: Instant::now() + WARM_UP, begin, end: None, latencies })
    }

    /// A request was answered.
    pub fn count(&mut self, latency: Duration) {
        self.latencies.saturating_record(latency.as_nanos() as u64);
    }

    /// Whether there is nothing more to count. To be asked now and then: it looks at the clock, and
    /// begins to count when everything is warm.
    pub fn is_over(&mut self) -> Result<bool> {
        let over = match (&self.begin, self.until) {
            (None, _) => {
                if Instant::now() >= self.warm_at {
                    self.begin = Some(Moment::now(self.server)?);
                    self.latencies.reset();
                }
                false
            }
            (Some(begin), Until::Time(time)) => begin.at.elapsed() >= time,
            (Some(_), Until::Served(requests)) => self.latencies.len() >= requests,
        };
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
