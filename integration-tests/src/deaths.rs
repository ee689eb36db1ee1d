//! Killing a job again and again, at named places and at random ones, and counting at the end what its
//! targets hold. The same for every kind of targets.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::kafka_kill::Kill;
use crate::kill;
use crate::process::Tidegate;

/// Tasks of successive incarnations: state has to survive every change of their number.
pub const TASKS: [&str; 3] = ["1", "2", "7"];
/// How long a job may take to read to the end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A job that dies.
pub trait Mortal {
    /// How often, and with how many events, it is fed until it must have passed every place.
    const MEALS: (usize, i64);
    /// How long it lives before a random kill, ms.
    const LIFE: Range<u64>;
    /// Puts events `ids` into its input.
    fn feed(&self, ids: Range<i64>);
    /// The job, waiting for more.
    fn unbounded(&self) -> Tidegate;
    /// Checks every target against events `0..count`.
    fn check(&self, count: i64);
}

/// A job on embedded targets, by its directory.
impl Mortal for Path {
    const MEALS: (usize, i64) = (12, 300);
    const LIFE: Range<u64> = 60..560;
    fn feed(&self, ids: Range<i64>) {
        kill::feed(self, ids);
    }
    fn unbounded(&self) -> Tidegate {
        kill::unbounded(self)
    }
    fn check(&self, count: i64) {
        kill::check(self, count);
    }
}

impl Mortal for Kill {
    const MEALS: (usize, i64) = (40, 200);
    const LIFE: Range<u64> = 150..1350;
    fn feed(&self, ids: Range<i64>) {
        Kill::feed(self, ids);
    }
    fn unbounded(&self) -> Tidegate {
        Kill::unbounded(self)
    }
    fn check(&self, count: i64) {
        Kill::check(self, count);
    }
}

/// Kills a job at a place, the first time it is passed and once more when it is under way; then lets it
/// finish and counts. `turn` chooses the numbers of tasks. Whether the place was reached.
pub fn survives<J: Mortal + ?Sized>(job: &J, point: &str, turn: usize) -> bool {
    let (mut fed, mut hits) = (0, 0);
    for nth in ["1", "3"] {
        hits += usize::from(dies_at(job, &format!("{point}:{nth}"), TASKS[turn % 3], &mut fed));
    }
    job.feed(fed..fed + 500);
    finish(job, TASKS[(turn + 1) % 3], fed + 500);
    hits > 0
}

fn finish<J: Mortal + ?Sized>(job: &J, tasks: &str, count: i64) {
    job.unbounded().args("--until latest --tasks").arg(tasks).start().wait(PATIENCE).ok();
    job.check(count);
}

/// Feeds a job for a while, so that it decides many epochs; its store is so small that it folds state
/// and removes segments. Whether it has died of the failpoint.
fn dies_at<J: Mortal + ?Sized>(job: &J, point: &str, tasks: &str, fed: &mut i64) -> bool {
    let mut running = job
        .unbounded()
        .env("TIDEGATE_FAILPOINT", point)
        .env("TIDEGATE_STORE", "segment-bytes=16384,fold-rows=64,fold-epochs=2")
        .args("--set execution.checkpointing.interval=20ms --tasks")
        .arg(tasks)
        .start();
    let (meals, events) = J::MEALS;
    for _ in 0..meals {
        job.feed(*fed..*fed + events);
        *fed += events;
        std::thread::sleep(Duration::from_millis(60));
        if !running.is_running() {
            let end = running.wait(Duration::from_secs(1));
            assert!(end.status.code().is_none(), "{point}: ended by itself: {}", end.stderr);
            return true;
        }
    }
    running.kill();
    false
}

/// Kills a job at random moments under load, then lets it finish and counts.
pub fn survives_random_kills<J: Mortal + ?Sized>(job: &J, times: usize) {
    let mut fed = 0;
    let mut random = 12345u64;
    for round in 0..times {
        job.feed(fed..fed + 5000);
        fed += 5000;
        let mut running = job.unbounded().args("--tasks").arg(TASKS[round % 3]).start();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(J::LIFE.start + (random >> 33) % (J::LIFE.end - J::LIFE.start)));
        assert!(running.is_running(), "ended by itself: {}", running.stderr());
        running.kill();
    }
    finish(job, "2", fed);
}
