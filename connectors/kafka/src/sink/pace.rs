//! How large a unit may be so that its transaction ends well within the time the broker gives it.
//! Pure.

use std::time::Duration;

use tidegate_core::sink::UnitSize;

const MOST: UnitSize = UnitSize { rows: 200_000, bytes: 8 << 20 };
const LEAST_BYTES: u64 = 16 << 10;
/// Bytes a second that a cluster is trusted with before anything is known about it.
const FIRST_GUESS: u64 = 2 << 20;
/// The longest a transaction is meant to last, however patient the broker is.
const LONGEST: Duration = Duration::from_secs(2);

/// The size of units, learnt from how long they took.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    timeout: Duration,
    bytes: u64,
}

impl Pace {
    /// For transactions that the broker aborts after `timeout`.
    pub(crate) fn new(timeout: Duration) -> Pace {
        let bytes = (timeout.as_millis() as u64).saturating_mul(FIRST_GUESS) / 1000 / 4;
        Pace { timeout, bytes: bytes.clamp(LEAST_BYTES, MOST.bytes) }
    }

    pub(crate) fn size(&self) -> UnitSize {
        UnitSize { rows: MOST.rows, bytes: self.bytes }
    }

    /// How long a transaction is meant to last.
    fn meant(&self) -> Duration {
        (self.timeout / 4).min(LONGEST)
    }

    /// When a transaction that is under way is given up: the broker would not wait for its end.
    pub(crate) fn deadline(&self) -> Duration {
        self.timeout.mul_f32(0.75)
    }

    /// A unit of about this many bytes took this long.
    pub(crate) fn took(&mut self, bytes: u64, time: Duration) {
        let meant = self.meant();
        if time > meant {
            let share = meant.as_secs_f64() / time.as_secs_f64();
            self.bytes = ((bytes.min(self.bytes) as f64 * share) as u64).max(LEAST_BYTES);
        } else if time < meant / 4 && bytes >= self.bytes / 2 {
            self.bytes = (self.bytes * 2).min(MOST.bytes);
        }
    }

    /// A unit of about this many bytes did not end in time.
    pub(crate) fn outlasted(&mut self, bytes: u64) {
        self.bytes = (bytes.min(self.bytes) / 8).max(LEAST_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_timeouts_begin_with_small_units() {
        assert_eq!(Pace::new(Duration::from_secs(60)).size().bytes, MOST.bytes);
        assert_eq!(Pace::new(Duration::from_secs(1)).size().bytes, 512 << 10);
        assert_eq!(Pace::new(Duration::from_millis(1)).size().bytes, LEAST_BYTES);
    }

    /// Whatever the speed of the cluster, units soon fit into a quarter of the time-out.
    #[test]
    fn learns_the_speed_of_the_cluster() {
        for bytes_a_second in [50_000u64, 1 << 20, 10 << 20, 200 << 20] {
            let timeout = Duration::from_secs(4);
            let mut pace = Pace::new(timeout);
            for _ in 0..30 {
                let bytes = pace.size().bytes;
                let time = Duration::from_secs_f64(bytes as f64 / bytes_a_second as f64);
                if time > pace.deadline() { pace.outlasted(bytes) } else { pace.took(bytes, time) }
            }
            let last = pace.size().bytes as f64 / bytes_a_second as f64;
            assert!(last <= 1.0, "{bytes_a_second}: {last}");
            assert!(last >= 0.1 || pace.size().bytes == MOST.bytes, "{bytes_a_second}: {last}");
        }
    }
}
