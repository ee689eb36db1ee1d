//! Exactly once, proven by killing the program and counting every row at the targets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use tidegate_core::failpoint;
use tidegate_integration_tests::deaths;
use tidegate_integration_tests::kill::{bounded, check, feed, job};
use tidegate_integration_tests::process::Tidegate;

#[test]
fn sigkill_at_every_failpoint() {
    let reached = |(i, name): (usize, &&str)| {
        let dir = tempfile::tempdir().unwrap();
        deaths::survives(dir.path(), name, i)
    };
    let never_hit: Vec<&&str> =
        failpoint::RUNTIME.iter().enumerate().filter(|point| !reached(*point)).map(|(_, name)| name).collect();
    assert!(never_hit.is_empty(), "these failpoints were never reached: {never_hit:?}");
}

#[test]
fn thirty_random_sigkills_under_load() {
    let dir = tempfile::tempdir().unwrap();
    deaths::survives_random_kills(dir.path(), 32);
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
    bounded(data).args("--tasks 7").run().ok();
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
    bounded(data).args("--tasks 2").run().ok();
    check(data, 1000);
}
