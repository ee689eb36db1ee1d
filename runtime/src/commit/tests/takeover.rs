//! Two processes, two directories, two targets: who may go on, and what is said to the other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tidegate_core::Result;

use super::memory::{Job, Memory, block_on, quick};
use crate::commit::OnReject;
use crate::store::tests::support::options;
use crate::store::{FsStorage, OpenOptions, Storage};

fn numbers(n: i64) -> Vec<i64> {
    (0..n).collect()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in FsStorage.list(from).unwrap() {
        fs::copy(from.join(&name), to.path().join(&name)).unwrap();
    }
    to
}

async fn start(dir: &Path, memory: &Memory, sinks: &[&str], change: impl Fn(&mut OpenOptions)) -> Result<Job> {
    let mut with = options(dir, sinks);
    change(&mut with);
    Job::start(Arc::new(FsStorage), memory, with, quick(OnReject::Stop)).await
}

/// A directory that has applied three epochs (14 numbers) to `out`.
async fn used(memory: &Memory) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut job = Job::open(dir.path(), memory, &["out"]).await.unwrap();
    job.epochs(3).await.unwrap();
    job.stop().await.unwrap();
    dir
}

/// Lets go of a directory as a crash does: nothing more becomes durable.
async fn abandon(job: Job) {
    let lock = job.store.clone();
    drop(job);
    while Arc::strong_count(&lock) > 1 {
        tokio::task::yield_now().await;
    }
    drop(lock);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

fn text(result: Result<Job>) -> String {
    result.err().expect("refused").to_string()
}

#[test]
fn of_two_copies_the_later_one_replaces_the_running_one() {
    let memory = Memory::default();
    block_on(async {
        let first = used(&memory).await;
        let mut one = Job::open(first.path(), &memory, &["out"]).await.unwrap();
        one.applied().await.unwrap();
        let second = copy(first.path());
        let mut two = Job::open(second.path(), &memory, &["out"]).await.unwrap();
        two.epochs(1).await.unwrap();
        let error = one.epochs(1).await.unwrap_err().to_string();
        assert!(error.contains("this process has been replaced"), "{error}");
        // Nor does it come back: the other has gone on.
        abandon(one).await;
        let error = text(Job::open(first.path(), &memory, &["out"]).await);
        assert!(error.contains("another history") && error.contains("--adopt"), "{error}");
        two.epochs(1).await.unwrap();
    });
    assert_eq!(memory.rows("out"), numbers(28));
}

/// The original applies one more unit after the copy has read the fence and found it its own.
#[test]
fn a_copy_that_falls_behind_while_it_starts_takes_nothing_over() {
    let memory = Memory::default();
    block_on(async {
        let first = used(&memory).await;
        let mut one = Job::open(first.path(), &memory, &["out"]).await.unwrap();
        one.applied().await.unwrap();
        let second = copy(first.path());
        let before = memory.0.lock().fences.clone();
        memory.0.lock().before_claim = Some(Box::new(|fences| {
            fences.values_mut().for_each(|f| (f.position, f.epoch, f.digest) = (f.position + 7, f.epoch + 1, 1));
        }));
        let two = Job::open(second.path(), &memory, &["out"]).await.unwrap();
        let error = two.committers.wait_applied(99).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("applied rows up to 21, this directory has decided 14"), "{said}");
        assert!(said.contains("run the same command there"), "{said}");
        let owner = memory.0.lock().fences.values().next().unwrap().incarnation.clone();
        assert_eq!(owner, one.store.identity().1, "the original has it still");
        memory.0.lock().fences = before;
        one.epochs(1).await.unwrap();
    });
    assert_eq!(memory.rows("out"), numbers(21));
}

#[test]
fn a_restored_backup_is_refused_before_anything_is_claimed() {
    let memory = Memory::default();
    block_on(async {
        let dir = used(&memory).await;
        let backup = copy(dir.path());
        let mut job = Job::open(dir.path(), &memory, &["out"]).await.unwrap();
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
        let owner = memory.0.lock().fences.values().next().unwrap().incarnation.clone();
        // A new sink beside it must not be claimed either.
        let error = text(Job::open(backup.path(), &memory, &["a_new_one", "out"]).await);
        assert!(error.contains("applied rows up to 21, this directory has decided 14"), "{error}");
        let server = memory.0.lock();
        assert_eq!(server.fences.len(), 1);
        assert_eq!(server.fences.values().next().unwrap().incarnation, owner);
    });
}

#[test]
fn another_directory_with_the_same_job_name_is_refused_or_adopts() {
    let memory = Memory::default();
    block_on(async {
        let _first = used(&memory).await;
        let second = tempfile::tempdir().unwrap();
        let error = text(Job::open(second.path(), &memory, &["out"]).await);
        assert!(error.contains("another job directory") && error.contains("--adopt"), "{error}");
        let mut job = start(second.path(), &memory, &["out"], |o| o.adopt = true).await.unwrap();
        job.epochs(2).await.unwrap();
        job.stop().await.unwrap();
        assert_eq!(memory.rows("out"), numbers(14).into_iter().chain(numbers(7)).collect::<Vec<_>>());
        // From now on it is its own.
        Job::open(second.path(), &memory, &["out"]).await.unwrap().stop().await.unwrap();
    });
}

#[test]
fn a_missing_fence_is_made_anew_only_where_all_was_acknowledged() {
    let memory = Memory::default();
    block_on(async {
        let dir = used(&memory).await;
        memory.0.lock().fences.clear();
        let mut job = Job::open(dir.path(), &memory, &["out"]).await.unwrap();
        job.epochs(1).await.unwrap();
        // This time the acknowledgement is not durable.
        abandon(job).await;
        memory.0.lock().fences.clear();
        let error = text(Job::open(dir.path(), &memory, &["out"]).await);
        assert!(error.contains("rows 14 to 20 may or may not") && error.contains("--reset-fence"), "{error}");
        let job = start(dir.path(), &memory, &["out"], |o| o.reset_fence = true).await.unwrap();
        job.applied().await.unwrap();
        job.stop().await.unwrap();
    });
    // The rows in doubt had been applied: as announced, they are there twice.
    assert_eq!(memory.rows("out"), numbers(21).into_iter().chain(14..21).collect::<Vec<_>>());
}

#[test]
fn a_target_made_anew_under_its_name_is_refused() {
    let memory = Memory::default();
    block_on(async {
        let dir = used(&memory).await;
        memory.0.lock().identity = " (again)".to_owned();
        let error = text(Job::open(dir.path(), &memory, &["out"]).await);
        assert!(error.contains("it was out and is out (again) now; it does not know of the 14 rows"), "{error}");
        memory.0.lock().fences.clear();
        let error = text(Job::open(dir.path(), &memory, &["out"]).await);
        assert!(error.contains("deleted and made anew"), "{error}");
    });
}

#[test]
fn a_target_that_fell_back_gets_its_rows_again_or_is_lost() {
    let memory = Memory::default();
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let keep = |o: &mut OpenOptions| o.retention = std::time::Duration::from_secs(600);
        let mut job = start(dir.path(), &memory, &["out"], keep).await.unwrap();
        job.epochs(2).await.unwrap();
        let backup = {
            let server = memory.0.lock();
            (server.rows.clone(), server.fences.clone())
        };
        let fall_back = || {
            let mut server = memory.0.lock();
            (server.rows, server.fences) = backup.clone();
        };
        job.epochs(2).await.unwrap();
        job.stop().await.unwrap();
        assert_eq!(memory.rows("out"), numbers(21));
        fall_back();
        let mut job = start(dir.path(), &memory, &["out"], keep).await.unwrap();
        job.applied().await.unwrap();
        assert_eq!(memory.rows("out"), numbers(21));
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
        // Without retention the rows go with the next decision.
        let mut job = start(dir.path(), &memory, &["out"], |_| ()).await.unwrap();
        job.epochs(2).await.unwrap();
        job.epochs(2).await.unwrap();
        job.stop().await.unwrap();
        fall_back();
        let error = text(start(dir.path(), &memory, &["out"], keep).await);
        assert!(error.contains("the target has lost rows: its fence stands at 7"), "{error}");
    });
}

#[test]
fn a_removed_sink_is_drained_with_what_it_had() {
    let memory = Memory::default();
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        memory.0.lock().down.insert("b".to_owned());
        let mut job = Job::open(dir.path(), &memory, &["a", "b"]).await.unwrap();
        for _ in 0..3 {
            job.epoch().await.unwrap();
        }
        job.stop().await.unwrap();
        assert!(memory.rows("b").is_empty());
        memory.0.lock().down.clear();
        let mut job = Job::open(dir.path(), &memory, &["a"]).await.unwrap();
        assert_eq!(memory.rows("b"), numbers(14), "drained before the job starts");
        assert!(memory.0.lock().fences.keys().all(|scope| scope.sink == "a"));
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
        // It comes back as a new one, at the current position.
        let mut job = Job::open(dir.path(), &memory, &["a", "b"]).await.unwrap();
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
    });
    assert_eq!(memory.rows("a"), numbers(28));
    assert_eq!(memory.rows("b"), numbers(14).into_iter().chain(21..28).collect::<Vec<_>>());
}

#[test]
fn a_removed_sinks_rows_can_be_dropped() {
    let memory = Memory::default();
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut job = Job::open(dir.path(), &memory, &["a", "b"]).await.unwrap();
        job.epochs(2).await.unwrap();
        memory.0.lock().down.insert("b".to_owned());
        job.epoch().await.unwrap();
        job.stop().await.unwrap();
        let mut job = start(dir.path(), &memory, &["a"], |o| o.drop_pending = true).await.unwrap();
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
        // Its fence could not be retired. Put back, the sink goes on above what was dropped.
        memory.0.lock().down.clear();
        let mut job = Job::open(dir.path(), &memory, &["a", "b"]).await.unwrap();
        job.epochs(1).await.unwrap();
        job.stop().await.unwrap();
    });
    assert_eq!(memory.rows("a"), numbers(28));
    assert_eq!(memory.rows("b"), numbers(7).into_iter().chain(21..28).collect::<Vec<_>>());
}

#[test]
fn two_openings_of_one_directory_are_refused() {
    let memory = Memory::default();
    block_on(async {
        let dir = used(&memory).await;
        let _one = Job::open(dir.path(), &memory, &["out"]).await.unwrap();
        assert!(text(Job::open(dir.path(), &memory, &["out"]).await).contains("in use by process"));
    });
}
