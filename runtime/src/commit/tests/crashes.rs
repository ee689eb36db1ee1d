//! The machine dies, or its disk fails, at every single step; afterwards the target holds what was
//! read, each number once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tidegate_core::Result;

use super::memory::{EPOCH_ROWS, Job, Memory, block_on, quick};
use crate::commit::OnReject;
use crate::store::FaultyStorage;
use crate::store::faulty::Faults;
use crate::store::tests::support::options;

const LAST: u64 = 6;
const ALL: i64 = LAST as i64 * EPOCH_ROWS;

/// Epochs 0 to [`LAST`], folding state now and then.
async fn whole_job(disk: &FaultyStorage, dir: &Path, memory: &Memory) -> Result<()> {
    let options = options(dir, &["out", "prepared_out"]);
    let mut job = Job::start(Arc::new(disk.clone()), memory, options, quick(OnReject::Stop)).await?;
    while job.next_epoch <= LAST {
        let epoch = job.epoch().await?;
        if epoch % 2 == 0 {
            job.store.fold_now()?;
        }
        if epoch % 3 == 0 {
            job.applied().await?;
        }
    }
    job.applied().await?;
    job.stop().await
}

/// What the target has to hold.
fn is_right(memory: &Memory) -> bool {
    let all: Vec<i64> = (0..ALL).collect();
    memory.rows("out") == all && memory.rows("prepared_out") == all
}

fn steps_of_a_whole_job() -> u64 {
    let (dir, disk, memory) = (tempfile::tempdir().unwrap(), FaultyStorage::new(Faults::default()), Memory::default());
    block_on(whole_job(&disk, dir.path(), &memory)).unwrap();
    assert!(is_right(&memory));
    disk.steps()
}

/// Runs into the faults, boots, runs to the end. `false`: not exactly once, or no way on.
fn survives(faults: Faults, and_then: Faults) -> bool {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    memory.0.lock().lose_every = 5;
    let disk = FaultyStorage::new(faults);
    // The first lives may end as they like, but may not do harm.
    let _ = block_on(whole_job(&disk, dir.path(), &memory));
    disk.crash().unwrap();
    disk.restart(and_then);
    let _ = block_on(whole_job(&disk, dir.path(), &memory));
    disk.crash().unwrap();
    disk.restart(Faults::default());
    block_on(whole_job(&disk, dir.path(), &memory)).is_ok() && is_right(&memory)
}

#[test]
fn a_crash_at_every_step() {
    let steps = steps_of_a_whole_job();
    assert!(steps > 60, "{steps} steps");
    for step in 1..=steps {
        let first = Faults { crash_at: Some(step), seed: step, ..Faults::default() };
        let second = Faults { crash_at: Some(step * 7 % 23 + 1), ..Faults::default() };
        assert!(survives(first, second), "crash at step {step}");
    }
}

#[test]
fn a_failing_fsync_at_every_step() {
    for step in (1..=steps_of_a_whole_job()).step_by(3) {
        let faults = Faults { fail_sync_at: Some(step), seed: step, ..Faults::default() };
        assert!(survives(faults.clone(), faults), "fsync failing at step {step}");
    }
}

#[test]
fn a_disk_that_fills_up_anywhere() {
    for bytes in (1000..30_000).step_by(900) {
        let faults = Faults { disk_bytes: Some(bytes), ..Faults::default() };
        assert!(survives(faults.clone(), faults), "disk full after {bytes} bytes");
    }
}

/// The tests above can fail: on a disk that only pretends to fsync, crashes do harm.
#[test]
fn without_fsync_crashes_do_harm() {
    let harmed = (1..steps_of_a_whole_job()).step_by(4).filter(|step| {
        let faults = Faults { crash_at: Some(*step), seed: *step, ignore_sync: true, ..Faults::default() };
        !catch_unwind(AssertUnwindSafe(|| survives(faults, Faults::default()))).unwrap_or(false)
    });
    assert!(harmed.count() > 3);
}
