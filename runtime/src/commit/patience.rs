//! How long a stop waits for sinks that are behind. Pure.

use std::time::Duration;

use super::progress::Progress;

/// A sink that is known not to answer gets this long to come back.
const ABSENT: Duration = Duration::from_secs(1);
/// A call that nobody has answered may be lost; one that is not may take this long.
const SILENT: Duration = Duration::from_secs(3);

/// Watches progress towards an epoch.
#[derive(Debug, Default)]
pub struct Patience {
    epoch: u64,
    applied: Option<u64>,
    moved_at: Duration,
    absent_since: Option<Duration>,
}

impl Patience {
    /// To see this epoch applied.
    pub fn until(epoch: u64) -> Self {
        Patience { epoch, ..Patience::default() }
    }

    /// Whether waiting any longer is in vain, as far as one can tell; `now` is the time since the start.
    pub fn is_over(&mut self, now: Duration, progress: &Progress) -> bool {
        let applied = progress.sinks.values().map(|s| s.applied_rows).sum();
        if self.applied.replace(applied) != Some(applied) {
            self.moved_at = now;
        }
        let mut behind = progress.sinks.values().filter(|s| s.applied_epoch.is_none_or(|e| e < self.epoch)).peekable();
        let all_absent = behind.peek().is_some() && behind.all(|s| s.absent.is_some());
        if !all_absent {
            self.absent_since = None;
            return now - self.moved_at >= SILENT;
        }
        now - *self.absent_since.get_or_insert(now) >= ABSENT
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::SinkProgress;
    use super::*;

    fn progress(sinks: &[(&str, u64, bool)]) -> Progress {
        let sink = |rows: u64, absent: bool| SinkProgress {
            applied_epoch: Some(rows / 10),
            applied_rows: rows,
            absent: absent.then(|| "away".to_owned()),
            ..SinkProgress::default()
        };
        Progress {
            sinks: sinks.iter().map(|(name, rows, absent)| ((*name).to_owned(), sink(*rows, *absent))).collect(),
            ..Progress::default()
        }
    }
    /// When it is over, in steps of 100 ms; `None` within a minute.
    fn over_at(at: impl Fn(u64) -> Progress) -> Option<u64> {
        let mut patience = Patience::until(9);
        (0..600).map(|n| n * 100).find(|ms| patience.is_over(Duration::from_millis(*ms), &at(*ms)))
    }

    #[test]
    fn an_absent_sink_gets_a_second_and_a_silent_one_three() {
        assert_eq!(over_at(|_| progress(&[("a", 50, true)])), Some(1000));
        assert_eq!(over_at(|_| progress(&[("a", 50, false)])), Some(3000));
        // Who has everything does not count.
        assert_eq!(over_at(|_| progress(&[("a", 50, true), ("b", 90, false)])), Some(1000));
    }

    #[test]
    fn as_long_as_one_moves_it_is_waited_for() {
        assert_eq!(over_at(|ms| progress(&[("a", ms / 1000, false)])), None);
        assert_eq!(over_at(|ms| progress(&[("a", 50, true), ("b", ms / 1000, false)])), None);
        // It was away for a moment.
        assert_eq!(over_at(|ms| progress(&[("a", 50 + ms / 900, ms % 900 < 800)])), None);
    }
}
