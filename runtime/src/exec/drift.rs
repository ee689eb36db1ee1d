//! Catching up in order of record time: no split of a scan runs far ahead of the others while they
//! all have records waiting. Otherwise one split's watermark would stand hours ahead of another's
//! and everything between them would pile up in state.

use parking_lot::Mutex;

/// How many batches' worth of record time a split may be ahead of the slowest.
const BATCHES: i64 = 4;
/// The least lead that is ever held back, in ms.
const LEAST: i64 = 1_000;

/// The record times of all splits of a scan.
#[derive(Default)]
pub struct Drift(Mutex<Vec<i64>>);

/// Of a split that holds nobody back.
const CAUGHT_UP: i64 = i64::MAX;

impl Drift {
    /// A split has been read up to a record time.
    pub fn read(&self, slot: usize, time: i64) {
        self.set(slot, time);
    }
    /// A split has nothing more for now.
    pub fn caught_up(&self, slot: usize) {
        self.set(slot, CAUGHT_UP);
    }
    /// Whether a split at `time`, whose last batch spanned `span`, is to be read now.
    pub fn may_read(&self, slot: usize, time: i64, span: i64) -> bool {
        let times = self.0.lock();
        let others = times.iter().enumerate().filter(|(i, _)| *i != slot).map(|(_, t)| *t).min().unwrap_or(CAUGHT_UP);
        // A split that has not been read yet (MIN) may be another task's: it is read at once.
        others == CAUGHT_UP
            || others == i64::MIN
            || time.saturating_sub(others) <= (span.saturating_mul(BATCHES)).max(LEAST)
    }

    fn set(&self, slot: usize, time: i64) {
        let mut times = self.0.lock();
        if times.len() <= slot {
            times.resize(slot + 1, CAUGHT_UP);
        }
        times[slot] = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_back_who_is_ahead_until_the_others_follow() {
        let d = Drift::default();
        d.read(0, 100_000);
        d.read(1, 10_000);
        assert!(!d.may_read(0, 100_000, 500));
        assert!(d.may_read(1, 10_000, 500));
        assert!(d.may_read(0, 100_000, 50_000), "within four batches");
        d.caught_up(1);
        assert!(d.may_read(0, 100_000, 500));
    }
}
