//! A semaphore across threads and processes: a small machine holds few brokers at once.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many private brokers run at once, unless `TIDEGATE_PRIVATE_BROKERS` says another number.
const BROKERS: usize = 2;
/// The longest that tests before this one may take.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The right to run a broker until it is dropped; a killed process gives it back too.
#[derive(Debug)]
pub struct Slot {
    _lock: File,
}

impl Slot {
    /// Waits for a free slot.
    pub fn take() -> Slot {
        let dir = super::script::cache().join("slots");
        std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let count = std::env::var("TIDEGATE_PRIVATE_BROKERS").ok().and_then(|n| n.parse().ok()).unwrap_or(BROKERS);
        let start = Instant::now();
        loop {
            if let Some(slot) = Slot::try_take(&dir, count.max(1)) {
                return slot;
            }
            assert!(start.elapsed() < PATIENCE, "other tests have held all {count} private brokers for {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fn try_take(dir: &Path, count: usize) -> Option<Slot> {
        (0..count).find_map(|i| {
            let path = dir.join(i.to_string());
            let file = File::create(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            file.try_lock().is_ok().then_some(Slot { _lock: file })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Slot;

    #[test]
    fn so_many_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let take = || Slot::try_take(dir.path(), 2);
        let first = take().expect("one");
        let second = take().expect("two");
        assert!(std::thread::scope(|scope| scope.spawn(take).join().unwrap()).is_none(), "a third");
        drop(first);
        let third = take().expect("given back");
        assert!(take().is_none());
        drop((second, third));
    }
}
