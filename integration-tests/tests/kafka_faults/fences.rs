//! Fences and targets that vanish.

use std::time::Duration;

use tidegate_integration_tests::broker;
use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::kafka_topics as topics;
use tidegate_integration_tests::oracle;

use super::{PATIENCE, dies_at, fails, finish, settled, settled_with, start_and_claim};

/// 1000 events applied, 1000 more fed, an epoch of them decided and not applied.
pub fn decided_but_not_applied(bootstrap: &str, name: &str, fence: &'static str) -> Kill {
    let job = settled_with(bootstrap, name, fence);
    job.feed(1000..2000);
    dies_at(job.unbounded(), "decide.after_fsync:1");
    assert_eq!(job.counted(), 1000, "nothing of the decided epoch is visible");
    job
}

fn delete_fence(job: &Kill, sink: &str) {
    topics::delete(&job.direct, &job.fence_topic(sink));
}

fn recreate(job: &Kill, topic: &str) {
    topics::delete(&job.direct, &job.topic(topic));
    topics::create(&job.direct, &job.topic(topic), 2);
}

#[test]
fn a_missing_fence_with_nothing_in_doubt_is_made_anew() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "no-doubt");
    delete_fence(&job, "minutes");
    delete_fence(&job, "totals_log");
    job.feed(1000..2000);
    job.finish(2000);
}

#[test]
fn a_missing_fence_with_rows_in_doubt_fails_closed() {
    let Some(bootstrap) = broker::shared() else { return };
    for flag in ["--reset-fence", "--adopt"] {
        let job = decided_but_not_applied(&bootstrap, "doubt", "topic");
        delete_fence(&job, "totals_log");
        let said = fails(job.bounded().start(), 2);
        for part in
            ["sink totals_log", "the fence is gone", "may or may not have been applied", "--reset-fence", "--adopt"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let out = job.bounded().arg(flag).start().wait(PATIENCE).ok();
        assert!(out.stderr.contains("may be applied twice"), "{}", out.stderr);
        job.check(2000);
    }
}

/// The rows were applied and nobody knows: that is the doubt. They are there twice afterwards, no others.
#[test]
fn a_fence_that_is_reset_repeats_the_rows_in_doubt_and_no_others() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "repeats");
    job.feed(1000..2000);
    // Three transactions are claims; which sink comes first does not matter.
    dies_at(job.unbounded(), "send.committed:4");
    let applied = job.copied();
    delete_fence(&job, "copies");
    let said = fails(job.bounded().start(), 2);
    assert!(said.contains("sink copies") && said.contains("the fence is gone"), "{said}");
    job.bounded().arg("--reset-fence").start().wait(PATIENCE).ok();
    assert_eq!(job.counted(), 2000);
    let mut ids = job.copied();
    ids.sort_unstable();
    let again = applied.iter().copied().filter(|id| *id >= 1000);
    let mut want: Vec<i64> = kept(0..2000).chain(again).collect();
    want.sort_unstable();
    assert!(ids == want, "{} rows, wanted {}", ids.len(), want.len());
}

fn kept(ids: std::ops::Range<i64>) -> impl Iterator<Item = i64> {
    ids.filter(|id| oracle::field(&oracle::event(*id), "amount") >= 0)
}

#[test]
fn a_fence_that_is_deleted_under_a_running_job_stops_it() {
    let Some(bootstrap) = broker::shared() else { return };
    a_fence_is_deleted_under_the_job(&bootstrap, topics::delete);
}

/// Also where topics make themselves by being named: there the next transaction brings it back.
pub fn a_fence_is_deleted_under_the_job(bootstrap: &str, delete: impl Fn(&str, &str)) {
    let job = settled(bootstrap, "fence-gone");
    let mut running = start_and_claim(&job, job.unbounded());
    let mut fed = 1000;
    feed_a_little(&job, &mut fed);
    delete(bootstrap, &job.fence_topic("copies"));
    // It looks now and then, when it has something to do.
    for _ in 0..20 {
        feed_a_little(&job, &mut fed);
        if !running.is_running() {
            break;
        }
    }
    let said = fails(running, 2);
    for part in ["sink copies", "the fence is gone", "--reset-fence", "--adopt"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What was applied is known, so nothing repeats.
    finish(&job, job.unbounded().arg("--reset-fence"), fed);
}

fn feed_a_little(job: &Kill, fed: &mut i64) {
    for _ in 0..4 {
        job.feed(*fed..*fed + 50);
        *fed += 50;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Somebody else's open transaction in the fence topic hides what was committed since it began. Whoever
/// claims waits for its end: the fence that can be seen is an old one, and its rows would be there twice.
#[test]
fn a_fence_behind_an_open_transaction_is_waited_for() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = Kill::new(&bootstrap, "hidden");
    // Otherwise a fence that old would be refused.
    job.args = "--set tidegate.log-retention=1h".to_owned();
    job.feed(0..1000);
    let mut running = start_and_claim(&job, job.unbounded());
    job.wait_counted(&mut running, 1000);
    let stranger = format!("{}stranger", job.prefix);
    let open = topics::dangling_transaction(&job.direct, &job.fence_topic("copies"), &stranger);
    job.feed(1000..2000);
    job.wait_counted(&mut running, 2000);
    running.kill();

    let copied = job.copied().len();
    let mut running = job.unbounded().start();
    std::thread::sleep(Duration::from_secs(4));
    assert!(running.is_running(), "{}", running.stderr());
    assert_eq!(job.copied().len(), copied, "rows were applied from an old fence on");
    open.commit();
    job.feed(2000..2500);
    job.wait_counted(&mut running, 2500);
    running.terminate();
    running.wait(PATIENCE).ok();
    job.feed(2500..3000);
    job.finish(3000);
}

#[test]
fn a_target_that_was_made_anew_is_noticed() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "anew");
    job.feed(1000..2000);
    recreate(&job, "totals");
    let said = fails(job.unbounded().start(), 2);
    assert!(said.contains("sink totals_log") && said.contains("made anew") && said.contains("--adopt"), "{said}");
    recreate(&job, "copies");
    let said = fails(job.unbounded().start(), 2);
    assert!(said.contains("sink copies") && said.contains("made anew") && said.contains("refused as well"), "{said}");
    assert!(job.copied().is_empty());

    job.bounded().arg("--adopt").start().wait(PATIENCE).ok();
    // Every group has changed since, so its newest values are whole again; the log has what came after.
    assert_eq!(job.counted(), 2000);
    let mut ids = job.copied();
    ids.sort_unstable();
    assert!(ids == kept(1000..2000).collect::<Vec<_>>(), "{} rows", ids.len());
}

#[test]
fn a_target_that_is_deleted_or_made_anew_under_a_running_job_stops_it() {
    let Some(bootstrap) = broker::shared() else { return };
    a_target_is_deleted_under_the_job(&bootstrap, topics::delete);
    a_target_is_made_anew_under_the_job(&bootstrap);
}

/// A broker that makes topics by their being named may have made it again before anybody looks.
pub fn a_target_is_deleted_under_the_job(bootstrap: &str, delete: impl Fn(&str, &str)) {
    let job = settled(bootstrap, "target-gone");
    let mut running = start_and_claim(&job, job.unbounded());
    let mut fed = 1000;
    feed_a_little(&job, &mut fed);
    delete(bootstrap, &job.topic("copies"));
    for _ in 0..20 {
        feed_a_little(&job, &mut fed);
        if !running.is_running() {
            break;
        }
    }
    let out = running.wait(PATIENCE);
    assert!(matches!(out.status.code(), Some(2 | 3)), "{} {}", out.status, out.stderr);
    assert!(out.stderr.contains("sink copies") && out.stderr.contains("was deleted"), "{}", out.stderr);
}

fn a_target_is_made_anew_under_the_job(bootstrap: &str) {
    let job = settled(bootstrap, "target-anew");
    let running = start_and_claim(&job, job.unbounded());
    recreate(&job, "copies");
    job.feed(1000..2000);
    let out = running.wait(PATIENCE);
    assert!(matches!(out.status.code(), Some(2 | 3)), "{} {}", out.status, out.stderr);
    assert!(out.stderr.contains("sink copies") && out.stderr.contains("made anew"), "{}", out.stderr);
    let said = fails(job.unbounded().start(), 2);
    assert!(said.contains("sink copies") && said.contains("made anew") && said.contains("--adopt"), "{said}");
}
