//! Exactly once between Kafka and Kafka, proven by killing the program and the broker and counting every
//! row that a reader of committed records sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_core::failpoint;
use tidegate_integration_tests::broker::{self, Broker, Settings};
use tidegate_integration_tests::kafka_kill::Kill;

/// Tasks of successive incarnations: state has to survive every change of their number.
const TASKS: [&str; 3] = ["1", "2", "7"];
/// Jobs that are killed at the same time; most of their time is waiting.
const AT_ONCE: usize = 4;

#[test]
fn sigkill_at_every_failpoint() {
    let Some(bootstrap) = broker::shared() else { return };
    let points: Vec<&str> = failpoint::RUNTIME.iter().chain(failpoint::SINK).copied().collect();
    let (next, never_hit) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(i) else { return };
                    if !survives(&bootstrap, point, i) {
                        never_hit.lock().unwrap().push(*point);
                    }
                }
            });
        }
    });
    assert_eq!(*never_hit.lock().unwrap(), [] as [&str; 0], "these failpoints were never reached");
}

/// Kills a job at a place, the first time it is passed and once more when it is under way; then lets it
/// finish and counts. Whether the place was reached.
fn survives(bootstrap: &str, point: &str, i: usize) -> bool {
    let job = Kill::new(bootstrap, &point.replace('.', "-"));
    let (mut fed, mut hits) = (0, 0);
    for nth in ["1", "3"] {
        hits += usize::from(dies_at(&job, &format!("{point}:{nth}"), TASKS[i % 3], &mut fed));
    }
    job.feed(fed..fed + 500);
    job.bounded().args("--tasks").arg(TASKS[(i + 1) % 3]).start().wait(Duration::from_secs(90)).ok();
    job.check(fed + 500);
    hits > 0
}

/// Feeds a job for a while, so that it decides many epochs; its store is so small that it folds state
/// and removes segments. Whether it has died of the failpoint.
fn dies_at(job: &Kill, point: &str, tasks: &str, fed: &mut i64) -> bool {
    let mut running = job
        .unbounded()
        .env("TIDEGATE_FAILPOINT", point)
        .env("TIDEGATE_STORE", "segment-bytes=16384,fold-rows=64,fold-epochs=2")
        .args("--set execution.checkpointing.interval=20ms --tasks")
        .arg(tasks)
        .start();
    for _ in 0..40 {
        job.feed(*fed..*fed + 200);
        *fed += 200;
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
    let Some(bootstrap) = broker::shared() else { return };
    let job = Kill::new(&bootstrap, "random");
    let mut fed = 0;
    let mut pause = 12345u64;
    for round in 0..32 {
        job.feed(fed..fed + 5000);
        fed += 5000;
        let mut running = job.unbounded().args("--tasks").arg(TASKS[round % 3]).start();
        pause = pause.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(150 + (pause >> 33) % 1200));
        assert!(running.is_running(), "ended by itself: {}", running.stderr());
        running.kill();
    }
    job.finish(fed);
}

/// The broker dies under load, again and again; the job never does.
#[test]
fn the_broker_is_killed_under_load() {
    let Some(broker) = Broker::start(Settings::new()) else { return };
    let job = Kill::new(&broker.bootstrap(), "broker");
    let mut fed = 2000;
    job.feed(0..fed);
    let mut running = job.unbounded().start();
    job.wait_counted(&mut running, fed);
    for pause in [0, 150, 400] {
        job.feed(fed..fed + 3000);
        fed += 3000;
        std::thread::sleep(Duration::from_millis(pause));
        broker.kill();
        std::thread::sleep(Duration::from_millis(500));
        assert!(running.is_running(), "it must wait for the broker: {}", running.stderr());
        broker.restart();
        job.feed(fed..fed + 1000);
        fed += 1000;
        job.wait_counted(&mut running, fed);
    }
    running.terminate();
    running.wait(Duration::from_secs(30)).ok();
    job.feed(fed..fed + 500);
    job.finish(fed + 500);
}

/// Dead for longer than any transaction lives, with rows decided and not applied: before anything was
/// sent, and with a transaction left open that the broker has aborted meanwhile.
#[test]
fn downtime_beyond_the_transaction_timeout() {
    let Some(broker) = Broker::start(Settings::new().env("KAFKA_TXN_ABORT_SCAN_MS", 500)) else { return };
    // The first three transactions are the claims of the three sinks.
    for point in ["decide.after_fsync:1", "send.rows:5", "send.fence:5", "send.committed:5"] {
        let mut job = Kill::new(&broker.bootstrap(), "downtime");
        job.timeout = 1500;
        job.feed(0..1000);
        job.settle(job.unbounded(), 1000);
        job.feed(1000..2000);
        let killed = job.unbounded().env("TIDEGATE_FAILPOINT", point).start().wait(Duration::from_secs(60));
        assert!(killed.status.code().is_none(), "{point}: {}", killed.stderr);
        std::thread::sleep(Duration::from_secs(4));
        job.finish(2000);
    }
}
