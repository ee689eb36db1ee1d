//! Targets that do not answer for a while, and epochs that outgrow their limit.

use std::time::{Duration, Instant};

use tidegate_integration_tests::process::binary;
use tidegate_integration_tests::settle::{wait_until, wait_while_running};
use tidegate_integration_tests::{topics, wide};

const NEVER: &str = "1000 s";

/// More input than an epoch may hold: the epochs end early, and nothing else changes.
#[test]
fn a_hundred_epochs_worth_of_input_at_a_small_limit() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    // 100 MB where the program is optimised.
    let rows = if binary().to_string_lossy().contains("debug") { 12_000 } else { 100_000 };
    let megabytes = rows / 1000;
    for from in (0..rows).step_by(20_000) {
        wide::feed(data, from..(from + 20_000).min(rows), 1000);
    }
    let out = wide::job(data, NEVER, "1mb", "64mb").bounded().run().ok();
    // Rows go into two sinks, and sources read on while a barrier is under way: epochs end late, but they end.
    let epochs = epochs(&out.stderr);
    assert!(epochs >= megabytes / 4, "{epochs} epochs for {megabytes} MB: {}", out.stderr);
    wide::check(data, rows, 1000);
}

/// `…, epoch 17 (applied 17, …)` of the summary.
fn epochs(said: &str) -> i64 {
    let after = said.rsplit(", epoch ").next().unwrap_or_default();
    after.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no epoch in: {said}"))
}

/// One target is locked. The other goes on until the log may hold no more; then the sources wait;
/// then everything arrives, once.
#[test]
fn an_absent_sink_holds_only_itself_up_until_the_log_is_full() {
    const ROWS: i64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    wide::feed(data, 0..10, 1000);
    let mut running = wide::job(data, "50 ms", "100kb", "500kb").start();
    wait_while_running(&mut running, "the first rows", || wide::in_table(data) == 10);

    let lock = rusqlite::Connection::open(data.join("tables/wide_table.db")).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    wide::feed(data, 10..ROWS, 1000);
    let log_rows = || topics::read(data, "wide_log").len() as i64;
    wait_until("the other sink goes on", || log_rows() > 100);
    let stands_still = Instant::now();
    let mut before = log_rows();
    wait_until("the sources to wait", || {
        std::thread::sleep(Duration::from_millis(400));
        std::mem::replace(&mut before, log_rows()) == before && before > 100
    });
    println!("{before} of {ROWS} rows got through");
    assert!(before < ROWS, "all {before} rows got through although the log is full");
    assert_eq!(wide::in_table(data), 10);
    assert!(running.is_running(), "{}", running.stderr());
    assert!(stands_still.elapsed() < Duration::from_secs(9), "longer than SQLite itself waits");

    lock.execute_batch("ROLLBACK").unwrap();
    wait_while_running(&mut running, "everything", || wide::in_table(data) == ROWS && log_rows() == ROWS);
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    wide::check(data, ROWS, 1000);
}

/// A job that is stopped while a target does not answer leaves the rest to the next run.
#[test]
fn a_sink_that_is_absent_at_the_start_and_at_the_end_gets_its_rows_later() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    wide::feed(data, 0..100, 100);
    let mut running = wide::job(data, "50 ms", "1mb", "64mb").start();
    wait_while_running(&mut running, "the first rows", || wide::in_table(data) == 100);
    running.kill();

    let lock = rusqlite::Connection::open(data.join("tables/wide_table.db")).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    wide::feed(data, 100..300, 100);
    let mut running = wide::job(data, "50 ms", "1mb", "64mb").start();
    wait_while_running(&mut running, "the other sink", || topics::read(data, "wide_log").len() == 300);
    assert_eq!(wide::in_table(data), 100);
    running.kill();
    lock.execute_batch("ROLLBACK").unwrap();
    wide::job(data, "50 ms", "1mb", "64mb").args("--until latest --tasks 3").run().ok();
    wide::check(data, 300, 100);
}
