//! How fast bytes pass: at most so many a second, or none at all for a while.

use std::io::{Result, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The largest piece that is written at once, so that no direction holds up the others for long.
const PIECE: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes a second; 0: no limit.
    rate: AtomicU64,
    /// When the next piece may be written under the limit.
    free: Mutex<Option<Instant>>,
    /// Until when nothing passes.
    hole: Mutex<Option<Instant>>,
}

impl Pace {
    pub fn throttle(&self, bytes_per_second: u64) {
        self.rate.store(bytes_per_second, Ordering::SeqCst);
    }
    pub fn stop_for(&self, time: Duration) {
        *self.hole.lock().unwrap() = Some(Instant::now() + time);
    }
    /// Writes at the pace in force.
    pub fn write(&self, to: &mut impl Write, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let rate = self.rate.load(Ordering::SeqCst);
            let piece = match rate {
                0 => rest.len(),
                // A fiftieth of a second's bytes: slow, but even.
                _ => rest.len().min(PIECE).min(usize::try_from(rate / 50).unwrap_or(PIECE).max(1)),
            };
            sleep_until(self.turn(piece, rate));
            // Read after the turn: a hole may have opened meanwhile.
            while let Some(end) = self.hole().filter(|end| *end > Instant::now()) {
                sleep_until(end);
            }
            let (now, later) = rest.split_at(piece);
            to.write_all(now)?;
            rest = later;
        }
        Ok(())
    }
    fn hole(&self) -> Option<Instant> {
        *self.hole.lock().unwrap()
    }
    /// When a piece of this size may be written.
    fn turn(&self, piece: usize, rate: u64) -> Instant {
        let now = Instant::now();
        if rate == 0 {
            return now;
        }
        let mut free = self.free.lock().unwrap();
        let turn = free.unwrap_or(now).max(now);
        *free = Some(turn + Duration::from_secs_f64(piece as f64 / rate as f64));
        turn
    }
}

fn sleep_until(time: Instant) {
    std::thread::sleep(time.saturating_duration_since(Instant::now()));
}
