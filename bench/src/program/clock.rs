//! Time, as the measured programs count it.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time that this process has used.
pub fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
