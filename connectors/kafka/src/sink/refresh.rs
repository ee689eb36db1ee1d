//! Keeping fences in a group alive: the broker forgets offsets that nobody commits for
//! `offsets.retention.minutes`, also while the job runs and has nothing to write.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::lane::Lane;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Between a write that failed and the next.
const AGAIN: Duration = Duration::from_secs(60);

/// How often a fence is written: daily, four times before it expires where that is known to be sooner.
pub(super) fn interval(retention: Option<Duration>) -> Duration {
    retention.map_or(DAY, |kept| DAY.min(kept / 4)).max(Duration::from_secs(1))
}

/// Writes a lane's fence now and then, for as long as there is the lane.
pub(super) fn keep(lane: &Arc<Mutex<Lane>>, every: Duration) {
    let lane = Arc::downgrade(lane);
    tokio::spawn(async move {
        let mut pause = every;
        loop {
            tokio::time::sleep(pause).await;
            let Some(done) = refresh(&lane).await else { return };
            pause = if done { every } else { every.min(AGAIN) };
        }
    });
}

/// Whether the fence is fresh now; `None`: the lane is gone.
async fn refresh(lane: &Weak<Mutex<Lane>>) -> Option<bool> {
    let lane = lane.upgrade()?;
    let result = tokio::task::spawn_blocking(move || lane.lock().refresh()).await;
    match result {
        Ok(Ok(done)) => Some(done),
        Ok(Err(e)) => {
            tracing::info!("keeping a fence alive: {e}");
            Some(false)
        }
        Err(e) => {
            tracing::warn!("keeping a fence alive: {e}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daily_or_four_times_a_retention() {
        let minutes = |n: u64| Some(Duration::from_secs(n * 60));
        assert_eq!(interval(None), DAY);
        assert_eq!(interval(minutes(7 * 24 * 60)), DAY);
        assert_eq!(interval(minutes(24 * 60)), DAY / 4);
        assert_eq!(interval(minutes(1)), Duration::from_secs(15));
    }
}
