//! Exactly once, proven by killing the program and counting every row at the targets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::type_complexity, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use tidegate_core::failpoint;
use tidegate_integration_tests::kill::{bounded, check, feed, job};
use tidegate_integration_tests::process::Tidegate;

/// Tasks of successive incarnations: state has to survive every change of their number.
const TASKS: [&str; 3] = ["1", "2", "7"];

fn run_to_end(data: &Path, tasks: &str) {
    bounded(data).args("--tasks").arg(tasks).run().ok();
}

#[test]
fn sigkill_at_every_failpoint() {
    let mut never_hit = Vec::new();
    for (i, name) in failpoint::RUNTIME.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        let mut fed = 0;
        let mut hits = 0;
        // The first time a point is passed, and once more when the job is under way.
        for nth in ["1", "3"] {
            let point = format!("{name}:{nth}");
            hits += usize::from(dies_at(&point, TASKS[i % 3], data, &mut fed));
        }
        if hits == 0 {
            never_hit.push(*name);
        }
        feed(data, fed..fed + 500);
        run_to_end(data, TASKS[(i + 1) % 3]);
        check(data, fed + 500);
    }
    assert_eq!(never_hit, [] as [&str; 0], "these failpoints were never reached");
}

/// Feeds a job for a while, so that it decides many epochs; its store is so small that it folds
/// state and removes segments. Whether it has died of the failpoint.
fn dies_at(point: &str, tasks: &str, data: &Path, fed: &mut i64) -> bool {
    let mut running = Tidegate::job(&job(), data)
        .env("TIDEGATE_FAILPOINT", point)
        .env("TIDEGATE_STORE", "segment-bytes=16384,fold-rows=64,fold-epochs=2")
        .args("--set execution.checkpointing.interval=20ms --tasks")
        .arg(tasks)
        .start();
    for _ in 0..12 {
        feed(data, *fed..*fed + 300);
        *fed += 300;
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

#[test]
fn thirty_random_sigkills_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let mut fed = 0;
    let mut pause = 12345u64;
    for round in 0..32 {
        feed(data, fed..fed + 5000);
        fed += 5000;
        let mut running = Tidegate::job(&job(), data).args("--tasks").arg(TASKS[round % 3]).start();
        pause = pause.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(60 + (pause >> 33) % 500));
        assert!(running.is_running(), "ended by itself: {}", running.stderr());
        running.kill();
    }
    run_to_end(data, "2");
    check(data, fed);
}

#[test]
fn sigterm_keeps_windows_open_and_the_next_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..4000);
    let running = Tidegate::job(&job(), data).start();
    std::thread::sleep(Duration::from_millis(1500));
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    let open = tidegate_integration_tests::table_rows(data, "minutes", "").len();
    feed(data, 4000..8000);
    run_to_end(data, "7");
    check(data, 8000);
    let all = tidegate_integration_tests::table_rows(data, "minutes", "").len();
    assert!(open < all, "the last windows were not closed by the signal: {open} of {all}");
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..1000);
    let running = Tidegate::job(&job(), data).start();
    std::thread::sleep(Duration::from_millis(800));
    let said = Tidegate::job(&job(), data).run().fails_with(2);
    assert!(said.contains("already running") || said.contains("in use"), "{said}");
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    run_to_end(data, "2");
    check(data, 1000);
}
