//! Exactly once between Kafka and Kafka, proven by killing the program and the broker and counting every
//! row that a reader of committed records sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_core::failpoint;
use tidegate_integration_tests::broker::{self, Broker, Settings};
use tidegate_integration_tests::deaths;
use tidegate_integration_tests::kafka_kill::Kill;

/// Jobs that are killed at the same time; most of their time is waiting.
const AT_ONCE: usize = 4;

#[test]
fn sigkill_at_every_failpoint() {
    let points: Vec<&str> = failpoint::RUNTIME.iter().chain(failpoint::SINK).copied().collect();
    sigkill_at(&points, "topic");
}

/// Where the fence is kept matters between claim, rows, fence, commit and acknowledgement.
#[test]
fn sigkill_around_a_fence_that_is_the_offset_of_a_group() {
    let around = ["claim.before", "claim.after", "apply.before", "apply.before_acknowledge", "apply.after"];
    let points: Vec<&str> = around.iter().chain(failpoint::SINK).copied().collect();
    sigkill_at(&points, "group");
}

fn sigkill_at(points: &[&'static str], fence: &'static str) {
    let Some(bootstrap) = broker::shared() else { return };
    let (next, never_hit) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(i) else { return };
                    let mut job = Kill::new(&bootstrap, &point.replace('.', "-"));
                    job.fence = fence;
                    if !deaths::survives(&job, point, i) {
                        never_hit.lock().unwrap().push(*point);
                    }
                }
            });
        }
    });
    assert_eq!(*never_hit.lock().unwrap(), [] as [&str; 0], "these failpoints were never reached");
}

#[test]
fn thirty_random_sigkills_under_load() {
    let Some(bootstrap) = broker::shared() else { return };
    deaths::survives_random_kills(&Kill::new(&bootstrap, "random"), 32);
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
        for fence in ["topic", "group"] {
            let mut job = Kill::new(&broker.bootstrap(), "downtime");
            (job.timeout, job.fence) = (1500, fence);
            job.feed(0..1000);
            job.settle(job.unbounded(), 1000);
            job.feed(1000..2000);
            let killed = job.unbounded().env("TIDEGATE_FAILPOINT", point).start().wait(Duration::from_secs(60));
            assert!(killed.status.code().is_none(), "{point}: {}", killed.stderr);
            std::thread::sleep(Duration::from_secs(4));
            job.finish(2000);
        }
    }
}
