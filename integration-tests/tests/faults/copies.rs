//! More than one directory of one job: copies, backups, ping-pong. One of them may write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_integration_tests::kill::{bounded, check, feed, settle, unbounded};
use tidegate_integration_tests::process::Tidegate;
use tidegate_integration_tests::settle::{copy_dir, number, wait_until, wait_while_running};
use tidegate_integration_tests::{table_rows, topics};

/// A directory whose job has applied 1000 events, and a copy of its state.
fn with_copy() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    feed(dir.path(), 0..1000);
    settle(unbounded(dir.path()), dir.path(), 1000);
    let copy = dir.path().join("copy");
    copy_dir(&dir.path().join("state"), &copy);
    (dir, copy)
}

fn on(job: Tidegate, state: &Path) -> Tidegate {
    job.arg("--state").arg(state)
}

#[test]
fn a_copy_that_fell_behind_is_refused() {
    let (dir, copy) = with_copy();
    let data = dir.path();
    feed(data, 1000..2000);
    settle(unbounded(data), data, 2000);
    let said = on(unbounded(data), &copy).run().fails_with(2);
    assert!(said.contains("older copy or a restored backup") && said.contains("--adopt"), "{said}");
    feed(data, 2000..3000);
    bounded(data).run().ok();
    check(data, 3000);
}

/// The copy decides rows of its own and dies before they are applied: both now have epochs of the
/// same numbers with other rows in them.
#[test]
fn a_copy_with_a_history_of_its_own_is_refused() {
    let (dir, copy) = with_copy();
    let data = dir.path();
    feed(data, 1000..1500);
    let killed = on(unbounded(data), &copy).env("TIDEGATE_FAILPOINT", "decide.after_fsync:1").run();
    assert!(killed.status.code().is_none(), "{}", killed.stderr);
    feed(data, 1500..2000);
    settle(unbounded(data), data, 2000);
    let said = on(unbounded(data), &copy).run().fails_with(2);
    assert!(said.contains("copy"), "{said}");
    bounded(data).run().ok();
    check(data, 2000);
}

#[test]
fn of_two_running_copies_the_later_owns_the_targets() {
    let (dir, copy) = with_copy();
    let data = dir.path();
    let mut earlier = unbounded(data).start();
    wait_for_claim(data, &mut earlier);
    let mut later = on(unbounded(data), &copy).start();
    wait_for_claim(data, &mut later);
    feed(data, 1000..2000);
    let said = earlier.wait(Duration::from_secs(20)).fails_with(4);
    assert!(said.contains("has been replaced"), "{said}");
    wait_while_running(&mut later, "the later one", || number(data, "totals", "sum(n)") == 2000);
    later.terminate();
    later.wait(Duration::from_secs(20)).ok();

    // It does not take the targets back, now or when started again.
    unbounded(data).run().fails_with(2);
    feed(data, 2000..3000);
    on(bounded(data), &copy).run().ok();
    check(data, 3000);
}

/// Waits until a job that has just been started has put its incarnation into all fences.
fn wait_for_claim(data: &Path, running: &mut tidegate_integration_tests::process::Running) {
    wait_until("the start", || running.stderr().contains("kill started"));
    // The tables' fences can be seen from here; the logs' are claimed at the same time.
    let incarnations = || ["totals", "minutes"].map(|t| fence_incarnation(data, t));
    let mut last = incarnations();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(150));
        let now = incarnations();
        if now == last && now[0] == now[1] {
            return;
        }
        last = now;
    }
}

fn fence_incarnation(data: &Path, table: &str) -> String {
    let db = rusqlite::Connection::open(data.join("tables").join(format!("{table}.db"))).unwrap();
    db.query_row("SELECT incarnation FROM _tidegate_fence", [], |r| r.get(0)).unwrap()
}

/// A backup of the whole state directory comes back after more has been applied.
#[test]
fn a_restored_backup_is_refused_and_adopting_it_repeats_only_what_came_after() {
    let (dir, backup) = with_copy();
    let data = dir.path();
    feed(data, 1000..2000);
    settle(unbounded(data), data, 2000);
    std::fs::remove_dir_all(data.join("state")).unwrap();
    copy_dir(&backup, &data.join("state"));

    let said = unbounded(data).run().fails_with(2);
    assert!(said.contains("restored backup") && said.contains("use the newest directory"), "{said}");
    // Refused for all its flags; and a refused start has changed nothing.
    let said = unbounded(data).arg("--fresh-state").run().fails_with(2);
    assert!(said.contains("restored backup"), "{said}");

    bounded(data).arg("--adopt").run().ok();
    // Tables with a key are right; in an append log the events after the backup are there twice.
    assert_eq!(number(data, "totals", "sum(n)"), 2000);
    let people = table_rows(data, "totals", "who").len();
    assert_eq!(people, 97);
    let mut ids: Vec<i64> = topics::read(data, "copies")
        .iter()
        .map(|m| {
            serde_json::from_str::<serde_json::Value>(m.value.as_deref().unwrap()).unwrap()["id"].as_i64().unwrap()
        })
        .collect();
    ids.sort_unstable();
    let once = |id: &i64| id % 13 != 0 || *id == 0;
    let mut want: Vec<i64> = (0..2000).filter(once).chain((1000..2000).filter(once)).collect();
    want.sort_unstable();
    assert!(ids == want, "{} rows, wanted {}", ids.len(), want.len());
}
