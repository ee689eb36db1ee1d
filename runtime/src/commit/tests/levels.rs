//! Every level of sink, its refusals, its absence.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::Domain;

use super::memory::{Job, Memory, block_on, quick};
use crate::commit::{CommitOptions, OnReject};
use crate::store::tests::support::options;
use crate::store::{EpochContents, FsStorage};

fn numbers(n: i64) -> Vec<i64> {
    (0..n).collect()
}

#[test]
fn every_level_gets_every_row() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    let sinks = ["out", "append_out", "upsert_out", "prepared_out", "nowhere"];
    block_on(async {
        let mut job = Job::open(dir.path(), &memory, &sinks).await.unwrap();
        job.epochs(4).await.unwrap();
        let progress = job.committers.progress().borrow().clone();
        assert_eq!((progress.applied_epoch, progress.sinks["out"].applied_rows), (Some(3), 21));
        assert_eq!(job.store.pending_bytes(), 0);
        let told = job.store.positions_at(3).unwrap();
        assert_eq!(told.values().next().unwrap().position.0, "21");
        job.stop().await.unwrap();
    });
    for sink in &sinks[..4] {
        assert_eq!(memory.rows(sink), numbers(21), "{sink}");
    }
    // A stop has made all positions durable: nothing comes twice, not even where nothing protects.
    block_on(async {
        let mut job = Job::open(dir.path(), &memory, &sinks).await.unwrap();
        job.epochs(1).await.unwrap();
    });
    for sink in &sinks[..4] {
        assert_eq!(memory.rows(sink), numbers(28), "{sink}");
    }
}

#[test]
fn lost_answers_repeat_nothing_where_the_level_promises_it() {
    for lose_every in 1..6 {
        // Losing every answer would never end.
        let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
        memory.0.lock().lose_every = lose_every + 1;
        block_on(async {
            let mut job =
                Job::open(dir.path(), &memory, &["out", "append_out", "upsert_out", "prepared_out"]).await.unwrap();
            job.epochs(5).await.unwrap();
        });
        for sink in ["out", "upsert_out", "prepared_out"] {
            assert_eq!(memory.rows(sink), numbers(28), "{sink}");
        }
        let mut append = memory.rows("append_out");
        append.dedup();
        append.sort_unstable();
        append.dedup();
        assert_eq!(append, numbers(28), "at least once");
    }
}

#[test]
fn an_absent_sink_does_not_stop_the_others() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    memory.0.lock().down.insert("b".to_owned());
    block_on(async {
        let mut job = Job::open(dir.path(), &memory, &["a", "b"]).await.unwrap();
        for _ in 0..4 {
            job.epoch().await.unwrap();
        }
        let mut progress = job.committers.progress();
        progress.wait_for(|p| p.sinks["a"].applied_epoch == Some(3)).await.unwrap();
        assert_eq!((progress.borrow().applied_epoch, memory.rows("a")), (None, numbers(21)));
        assert!(progress.borrow().sinks["b"].absent.as_ref().unwrap().contains("connection refused"));
        assert!(job.store.pending_bytes() > 0);
        memory.0.lock().down.clear();
        job.applied().await.unwrap();
        assert_eq!((memory.rows("b"), job.store.pending_bytes()), (numbers(21), 0));
        // It goes away in the middle and comes back.
        memory.0.lock().down.insert("b".to_owned());
        job.epoch().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        memory.0.lock().down.clear();
        job.applied().await.unwrap();
        assert!(job.committers.progress().borrow().sinks["b"].absent.is_none());
        job.stop().await.unwrap();
    });
    assert_eq!(memory.rows("b"), numbers(28));
}

#[test]
fn the_limit_on_pending_rows_is_seen() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    memory.0.lock().down.insert("a".to_owned());
    block_on(async {
        let mut with = options(dir.path(), &["a"]);
        with.pending_limit_bytes = 1500;
        let mut job = Job::start(Arc::new(FsStorage), &memory, with, quick(OnReject::Stop)).await.unwrap();
        job.epoch().await.unwrap();
        assert!(!job.store.over_pending_limit());
        while !job.store.over_pending_limit() {
            job.epoch().await.unwrap();
        }
        memory.0.lock().down.clear();
        job.applied().await.unwrap();
        assert!(!job.store.over_pending_limit());
    });
}

#[test]
fn a_refused_row_stops_the_job_and_is_named() {
    for sink in ["out", "upsert_out", "prepared_out"] {
        let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
        memory.0.lock().refused.insert(9);
        block_on(async {
            let mut job = Job::open(dir.path(), &memory, &[sink]).await.unwrap();
            let error = job.epochs(4).await.unwrap_err().to_string();
            assert!(error.contains("row 9: 9 is refused") && error.contains("tidegate.dead-letter"), "{error}");
        });
    }
}

#[test]
fn a_refused_row_goes_to_the_dead_letters_once() {
    for sink in ["out", "upsert_out", "prepared_out"] {
        let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
        memory.0.lock().refused.extend([3, 9, 10, 13]);
        let start =
            |on_reject| Job::start(Arc::new(FsStorage), &memory, options(dir.path(), &[sink]), quick(on_reject));
        let expected: Vec<i64> = numbers(28).into_iter().filter(|n| ![3, 9, 10, 13].contains(n)).collect();
        block_on(async {
            let mut job = start(OnReject::DeadLetter).await.unwrap();
            job.epochs(3).await.unwrap();
            assert_eq!(job.committers.progress().borrow().sinks[sink].rejected_rows, 4);
            job.stop().await.unwrap();
            // After a restart they are still there, and taken once.
            let mut job = start(OnReject::DeadLetter).await.unwrap();
            let rejects = job.store.rejects().unwrap();
            let mut found: Vec<_> = rejects.iter().map(|r| (r.key.position, r.reason.clone())).collect();
            found.sort();
            assert_eq!(found, [3, 9, 10, 13].map(|n: u64| (n, format!("{n} is refused"))));
            let dead_letters = rejects.into_iter().map(|r| r.key).collect();
            job.epoch_with(EpochContents { dead_letters, ..EpochContents::default() }).await.unwrap();
            assert!(job.store.rejects().unwrap().is_empty());
            job.epochs(1).await.unwrap();
            job.stop().await.unwrap();
        });
        assert_eq!(memory.rows(sink), expected, "{sink}");
    }
}

/// Whatever a user can mend stays the user's to mend, wherever it comes up, so that the exit code says so.
#[test]
fn a_missing_right_is_the_users_to_mend() {
    for (sink, call) in [
        ("out", "open"),
        ("out", "read"),
        ("out", "claim"),
        ("append_out", "write"),
        ("prepared_out", "recover"),
        ("prepared_out", "prepare"),
    ] {
        for at_first in [true, false] {
            let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
            memory.0.lock().denied.insert(call);
            // What is away at the start is claimed later, on its own.
            if !at_first {
                memory.0.lock().down.insert(sink.to_owned());
            }
            let error = block_on(async {
                let mut job = Job::open(dir.path(), &memory, &[sink]).await?;
                memory.0.lock().down.clear();
                job.epochs(3).await
            })
            .unwrap_err();
            assert_eq!(error.domain(), Domain::User, "{call}: {error}");
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("sink {sink}")) && said.contains(&format!("no right to {call}")),
                "{said}"
            );
            assert!(said.ends_with("help: grant it") && said.matches("help").count() == 1, "{said}");
        }
    }
}

#[test]
fn ignored_rows_are_counted_and_no_dead_letters() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    memory.0.lock().refused.insert(0);
    block_on(async {
        let mut job = Job::start(Arc::new(FsStorage), &memory, options(dir.path(), &["out"]), quick(OnReject::Ignore))
            .await
            .unwrap();
        job.epochs(2).await.unwrap();
        let sink = job.committers.progress().borrow().sinks["out"].clone();
        assert_eq!((sink.rejected_rows, sink.ignored_rows), (1, 1));
        assert_eq!(sink.first_rejected.as_deref(), Some("sink out lane 0 position 0: 0 is refused"));
        assert!(job.store.rejects().unwrap().is_empty());
    });
    assert_eq!(memory.rows("out"), (1..7).collect::<Vec<_>>());
}

/// An epoch far larger than every limit: units stay within them.
#[test]
fn a_large_epoch_is_cut() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    block_on(async {
        let commit = CommitOptions { unit_rows: 3, ..quick(OnReject::Stop) };
        let mut job = Job::start(Arc::new(FsStorage), &memory, options(dir.path(), &["out"]), commit).await.unwrap();
        job.epoch().await.unwrap();
        let large = crate::store::tests::support::contents(&job.store, 1, 0, 1000, &["out"]).unwrap();
        job.store.decide(large).await.unwrap();
        job.committers.wait_applied(1).await.unwrap();
    });
    assert_eq!(memory.rows("out"), numbers(1000));
    let units = memory.0.lock().units.clone();
    assert!(units.len() > 300 && units.iter().all(|(from, to, _)| to - from <= 3));
    assert!(units.windows(2).all(|w| w[0].2 <= w[1].2), "versions never fall");
}

/// Upsert targets compare versions: the same rows have the same one, however often they come.
#[test]
fn replayed_upserts_have_the_same_ranges_and_versions() {
    let (dir, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    block_on(async {
        let mut job = Job::open(dir.path(), &memory, &["upsert_out"]).await.unwrap();
        job.epochs(3).await.unwrap();
        // No stop: the applied positions are lost.
    });
    let first = std::mem::take(&mut memory.0.lock().units);
    block_on(async {
        let job = Job::open(dir.path(), &memory, &["upsert_out"]).await.unwrap();
        job.applied().await.unwrap();
    });
    let again = memory.0.lock().units.clone();
    assert!(!again.is_empty());
    assert!(again.iter().all(|unit| first.contains(unit)), "{again:?} after {first:?}");
}
