//! Epochs far larger than what a transaction can carry before the broker aborts it.

use std::time::Duration;

use tidegate_integration_tests::broker::{self, Broker, Settings};
use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::proxy::Proxy;

use super::{PATIENCE, dies_at};

/// Everything that is there is one epoch.
const ONE_EPOCH: &str = "--set execution.checkpointing.interval=1000s --set tidegate.epoch-bytes=1gb";

/// In how many transactions the rows of the append log were applied, and of how many epochs.
fn transactions(job: &Kill) -> (usize, usize) {
    let fences = job.fences("copies");
    let mut steps: Vec<(i64, i64)> =
        fences.iter().map(|f| (f["position"].as_i64().unwrap(), f["epoch"].as_i64().unwrap())).collect();
    // The first is the claim of a new job; later claims repeat what was. A fence names the epoch that is
    // complete below it.
    steps.dedup();
    let mut epochs: Vec<i64> = steps.iter().skip(1).map(|s| s.1).collect();
    epochs.dedup();
    (steps.len() - 1, epochs.len())
}

#[test]
fn an_epoch_that_is_larger_than_a_transaction_is_applied_in_many() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = Kill::new(&bootstrap, "large");
    job.timeout = 1000;
    job.args = ONE_EPOCH.to_owned();
    let rows = 60_000;
    job.feed(0..rows);
    job.bounded().start().wait(PATIENCE * 2).ok();
    job.check(rows);
    let (transactions, epochs) = transactions(&job);
    assert!(transactions >= 3 && epochs <= 2, "{transactions} transactions, {epochs} epochs");
}

/// Decided at full speed, applied over a line so slow that the epoch takes many times as long as a
/// transaction may last, with a kill in between.
#[test]
fn an_epoch_over_a_slow_line_is_applied_in_many_small_transactions() {
    let reserved = Proxy::reserve();
    let settings = Settings::new().proxied(reserved.port()).env("KAFKA_TXN_ABORT_SCAN_MS", 200);
    let Some(broker) = Broker::start(settings) else { return };
    let proxy = reserved.start(&broker.proxy_listener());
    let mut job = Kill::behind(&broker.bootstrap(), &proxy.bootstrap(), "slow");
    job.timeout = 1500;
    job.args = ONE_EPOCH.to_owned();
    let rows = 20_000;
    job.feed(0..rows);
    // The first decision is where to start.
    dies_at(job.bounded(), "decide.after_fsync:2");
    assert!(job.copied().is_empty());

    proxy.throttle(60_000);
    let mut running = job.bounded().start();
    let copied = |least: usize| {
        let start = std::time::Instant::now();
        while job.copied().len() < least {
            assert!(start.elapsed() < PATIENCE, "{} rows", job.copied().len());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    copied(500);
    assert!(running.is_running(), "{}", running.stderr());
    running.kill();
    let before = job.copied().len();
    assert!(before < 10_000, "the line was not slow: {before} rows");

    let mut running = job.bounded().start();
    copied(before + 2000);
    proxy.throttle(200_000);
    copied(before + 6000);
    assert!(running.is_running(), "{}", running.stderr());
    proxy.throttle(0);
    running.wait(PATIENCE).ok();
    job.check(rows);
    let (transactions, epochs) = transactions(&job);
    assert!(transactions >= 10 && epochs <= 2, "{transactions} transactions, {epochs} epochs");
}
