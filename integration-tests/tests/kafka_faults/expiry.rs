//! Fences that are offsets of a group: the broker forgets them, and they can be changed for a topic.

use std::time::{Duration, Instant};

use tidegate_integration_tests::broker::{self, Broker, Settings};
use tidegate_integration_tests::kafka_kill::{Kill, SINKS};
use tidegate_integration_tests::oracle;

use super::fences::decided_but_not_applied;
use super::{PATIENCE, fails, settled, settled_with, start_and_claim};

/// A broker forgets offsets after a minute, the least it can be told.
fn forgetful() -> Option<Broker> {
    let settings = Settings::new();
    Broker::start(settings.extra("offsets.retention.minutes=1").extra("offsets.retention.check.interval.ms=500"))
}

fn has_fences(job: &Kill) -> bool {
    SINKS.iter().all(|sink| job.newest_fence(sink).is_some())
}

fn wait_until_forgotten(job: &Kill) {
    let start = Instant::now();
    while SINKS.iter().any(|sink| job.newest_fence(sink).is_some()) {
        assert!(start.elapsed() < Duration::from_secs(150), "the broker does not forget");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A job that runs keeps its fences alive, also while it has nothing to write. Of jobs that are down for
/// longer than the broker remembers, one with rows in doubt is refused, one without goes on.
#[test]
fn a_fence_in_a_group_lives_while_the_job_does() {
    let Some(broker) = forgetful() else { return };
    let bootstrap = broker.bootstrap();
    let idle = settled_with(&bootstrap, "idle", "group");
    let mut running = start_and_claim(&idle, idle.unbounded());
    let started = Instant::now();
    let sure = settled_with(&bootstrap, "sure", "group");
    let doubt = decided_but_not_applied(&bootstrap, "doubt", "group");
    assert!(has_fences(&sure) && has_fences(&doubt));
    wait_until_forgotten(&sure);
    wait_until_forgotten(&doubt);

    std::thread::sleep(Duration::from_secs(100).saturating_sub(started.elapsed()));
    assert!(has_fences(&idle), "it was not kept alive: {}", running.stderr());
    idle.feed(1000..2000);
    idle.wait_counted(&mut running, 2000);
    running.terminate();
    running.wait(PATIENCE).ok();
    idle.feed(2000..2500);
    idle.finish(2500);

    sure.feed(1000..2000);
    sure.finish(2000);
    refused_until_reset(&doubt);
}

fn refused_until_reset(job: &Kill) {
    let said = fails(job.bounded().start(), 2);
    for part in ["the fence is gone", "may or may not have been applied", "--reset-fence", "--adopt"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    job.bounded().arg("--reset-fence").start().wait(PATIENCE).ok();
    job.check(2000);
}

/// The fence that is found after the option has been changed twice is an old one: going on from there would
/// write rows again without a word.
#[test]
fn another_place_for_the_fence_has_to_be_adopted() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = settled(&bootstrap, "moves");
    // Otherwise a fence that old would be refused in any case.
    job.args = "--set tidegate.log-retention=1h".to_owned();
    job.feed(1000..1500);
    job.fence = "group";
    refused_as_moved(&job);
    job.settle(job.unbounded().arg("--adopt"), 1500);
    let copied = job.copied().len();
    job.fence = "topic";
    refused_as_moved(&job);
    job.fence = "group";
    job.feed(1500..2000);
    job.settle(job.unbounded(), 2000);
    let kept = (1500..2000).filter(|id| oracle::field(&oracle::event(*id), "amount") >= 0).count();
    assert_eq!(job.copied().len(), copied + kept, "a start that was refused has changed nothing");
}

fn refused_as_moved(job: &Kill) {
    let said = fails(job.unbounded().start(), 2);
    assert!(said.contains("keeps its fence elsewhere") && said.contains("--adopt"), "{said}");
}
