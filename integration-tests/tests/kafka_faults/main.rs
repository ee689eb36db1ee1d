//! What goes wrong around a job between Kafka and Kafka: its directory, its fences, the network, the
//! offsets it reads from, epochs larger than a transaction. Each test counts every row afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod copies;
mod epochs;
mod expiry;
mod fences;
mod network;
mod offsets;

use std::time::Duration;

use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::kafka_topics as topics;
use tidegate_integration_tests::process::{Running, Tidegate};
use tidegate_integration_tests::settle::wait_until;

/// How long a job may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job that has applied events `0..1000`.
fn settled(bootstrap: &str, name: &str) -> Kill {
    settled_with(bootstrap, name, "topic")
}

/// The same, with its fences in topics or in groups.
fn settled_with(bootstrap: &str, name: &str, fence: &'static str) -> Kill {
    let mut job = Kill::new(bootstrap, name);
    job.fence = fence;
    job.feed(0..1000);
    job.settle(job.unbounded(), 1000);
    job
}

/// Runs a job that dies at a failpoint.
fn dies_at(job: Tidegate, point: &str) {
    let killed = job.env("TIDEGATE_FAILPOINT", point).start().wait(PATIENCE);
    assert!(killed.status.code().is_none(), "{point}: {} {}", killed.status, killed.stderr);
}

/// Starts a job and waits until all its fences are its own.
fn start_and_claim(job: &Kill, run: Tidegate) -> Running {
    start_and_replace(job, run, job.owner().as_ref())
}

/// As [`start_and_claim`]; for an owner whose transactions may still be open, and hide its fences.
fn start_and_replace(job: &Kill, run: Tidegate, owner: Option<&String>) -> Running {
    let mut running = run.start();
    wait_until("the claim", || {
        assert!(running.is_running(), "{}", running.stderr());
        job.owner().is_some_and(|now| Some(&now) != owner)
    });
    running
}

/// Waits for the end of a job that has to end by itself; gives what it said.
fn fails(running: Running, code: i32) -> String {
    running.wait(PATIENCE).fails_with(code)
}

/// Pauses a job while one of its transactions is open in the topic of the append log.
fn pause_in_a_transaction(job: &Kill, running: &mut Running, fed: &mut i64) {
    let copies = job.topic("copies");
    for turn in 0..200 {
        job.feed(*fed..*fed + 500);
        *fed += 500;
        std::thread::sleep(Duration::from_millis(5 + turn * 7 % 60));
        running.pause();
        // A commit that is on its way is over after a moment.
        std::thread::sleep(Duration::from_millis(100));
        if topics::stable_offsets(&job.direct, &copies) != topics::end_offsets(&job.direct, &copies) {
            return;
        }
        running.resume();
        assert!(running.is_running(), "{}", running.stderr());
    }
    panic!("no transaction was ever open");
}

/// Runs a job to the end of its input and counts every row.
fn finish(job: &Kill, run: Tidegate, count: i64) {
    run.args("--until latest").start().wait(PATIENCE * 2).ok();
    job.check(count);
}
