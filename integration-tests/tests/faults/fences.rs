//! Fences, targets and inputs that vanish.

use std::path::Path;
use std::time::Duration;

use tidegate_integration_tests::kill::{bounded, check, feed, settle, unbounded};
use tidegate_integration_tests::settle::{copy_dir, delete_table, number, wait_until};
use tidegate_integration_tests::topics;

/// 1000 events applied, 1000 more fed, an epoch of them decided and not applied.
fn decided_but_not_applied() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..1000);
    settle(unbounded(data), data, 1000);
    feed(data, 1000..2000);
    let killed = unbounded(data).env("TIDEGATE_FAILPOINT", "decide.after_fsync:1").run();
    assert!(killed.status.code().is_none(), "{}", killed.stderr);
    assert_eq!(number(data, "totals", "sum(n)"), 1000, "nothing of the decided epoch is visible");
    dir
}

fn delete_fence(data: &Path, table: &str) {
    let db = rusqlite::Connection::open(data.join("tables").join(format!("{table}.db"))).unwrap();
    assert_eq!(db.execute("DELETE FROM _tidegate_fence", []).unwrap(), 1);
}

#[test]
fn what_was_decided_is_applied_after_any_downtime_with_any_number_of_tasks() {
    for tasks in ["1", "7"] {
        let dir = decided_but_not_applied();
        // Nothing of what was read is needed any more for the rows that were decided.
        std::thread::sleep(Duration::from_millis(300));
        bounded(dir.path()).args("--tasks").arg(tasks).run().ok();
        check(dir.path(), 2000);
    }
}

#[test]
fn a_missing_fence_with_rows_in_doubt_fails_closed() {
    let dir = decided_but_not_applied();
    let data = dir.path();
    delete_fence(data, "totals");
    let said = bounded(data).run().fails_with(2);
    for part in ["sink totals", "the fence is gone", "may or may not have been applied", "--reset-fence", "--adopt"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for flag in ["--reset-fence", "--adopt"] {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(data, copy.path());
        let out = bounded(copy.path()).arg(flag).run().ok();
        assert!(out.stderr.contains("may be applied twice"), "{}", out.stderr);
        check(copy.path(), 2000);
    }
}

#[test]
fn a_missing_fence_with_nothing_in_doubt_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..1000);
    settle(unbounded(data), data, 1000);
    delete_fence(data, "minutes");
    delete_fence(data, "totals");
    feed(data, 1000..2000);
    bounded(data).run().ok();
    check(data, 2000);
}

#[test]
fn a_target_that_was_deleted_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..1000);
    settle(unbounded(data), data, 1000);
    feed(data, 1000..2000);
    delete_table(data, "totals");
    let said = unbounded(data).run().fails_with(2);
    assert!(said.contains("sink totals") && said.contains("made anew") && said.contains("--adopt"), "{said}");
    std::fs::remove_dir_all(data.join("logs/copies")).unwrap();
    let said = unbounded(data).run().fails_with(2);
    assert!(said.contains("sink copies") && said.contains("made anew") && said.contains("refused as well"), "{said}");

    bounded(data).arg("--adopt").run().ok();
    // Every group has changed since, so the table is whole again; the log has what came after.
    assert_eq!(number(data, "totals", "sum(n)"), 2000);
    let copies = topics::read(data, "copies");
    assert_eq!(copies.len(), (1000..2000).filter(|id| id % 13 != 0).count());
}

#[test]
fn a_target_that_is_deleted_under_a_running_job_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..500);
    let running = unbounded(data).start();
    wait_until("500 events", || number(data, "totals", "sum(n)") == 500);
    delete_table(data, "totals");
    feed(data, 500..1000);
    let out = running.wait(Duration::from_secs(20));
    let said = &out.stderr;
    assert!(out.status.code().is_some_and(|c| c == 2 || c == 3), "{:?} {said}", out.status);
    assert!(said.contains("totals") && said.contains("deleted or replaced"), "{said}");
}

#[test]
fn an_input_that_was_deleted_and_made_again_is_not_read_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..500);
    let running = unbounded(data).start();
    wait_until("500 events", || number(data, "totals", "sum(n)") == 500);
    std::fs::remove_dir_all(data.join("logs/events")).unwrap();
    feed(data, 500..800);
    let said = running.wait(Duration::from_secs(20)).fails_with(2);
    assert!(said.contains("events") && said.contains("deleted and made again"), "{said}");
    let said = unbounded(data).run().fails_with(2);
    assert!(
        said.contains("events") && said.contains("deleted and made again") && said.contains("--fresh-state"),
        "{said}"
    );
    assert_eq!(number(data, "totals", "sum(n)"), 500);

    // The way on: empty state over what is there now. What was written stays.
    bounded(data).arg("--fresh-state").run().ok();
    let ids = topics::read(data, "copies").len();
    assert_eq!(ids, (0..800).filter(|id| id % 13 != 0 || *id == 0).count());
}
