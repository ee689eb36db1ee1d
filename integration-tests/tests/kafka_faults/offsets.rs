//! What is read is no longer there, not yet decided, or more than before.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_integration_tests::broker::{self, Broker, Settings};
use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::kafka_topics as topics;
use tidegate_integration_tests::oracle;

use super::fences;
use super::{PATIENCE, fails, finish, settled, start_and_claim};

fn group_offsets(job: &Kill) -> Vec<Option<i64>> {
    topics::group_offsets(&job.direct, &format!("{}group", job.prefix), &job.topic("events"))
}

/// The group is for people to look at: the job goes on from its own positions. While it waits, what
/// happens to topics that this broker makes by being asked for them.
#[test]
fn downtime_beyond_the_retention_of_group_offsets() {
    let settings = Settings::new()
        .env("KAFKA_AUTO_CREATE", true)
        .extra("offsets.retention.minutes=1")
        .extra("offsets.retention.check.interval.ms=1000");
    let Some(broker) = Broker::start(settings) else { return };
    let bootstrap = broker.bootstrap();
    let job = settled(&bootstrap, "retention");
    assert_eq!(group_offsets(&job), [Some(500), Some(500)]);
    let told = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| fences::a_fence_is_deleted_under_the_job(&bootstrap, delete_by_tool));
        scope.spawn(|| fences::a_target_is_deleted_under_the_job(&bootstrap, delete_by_tool));
    });
    while group_offsets(&job) != [None, None] {
        assert!(told.elapsed() < Duration::from_secs(180), "{:?}", group_offsets(&job));
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(told.elapsed() > Duration::from_secs(50), "they were there for a while");
    job.feed(1000..2000);
    job.finish(2000);
    assert_eq!(group_offsets(&job), [Some(1000), Some(1000)], "they are told again");
}

/// Does not wait until the topic is gone: it may be back at once.
fn delete_by_tool(bootstrap: &str, topic: &str) {
    let out = broker::tool(bootstrap, "topics", &["--delete", "--topic", topic], "").unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Ids of which the job has made rows.
fn ids(job: &Kill) -> BTreeSet<i64> {
    let all = job.copied();
    let ids: BTreeSet<i64> = all.iter().copied().collect();
    assert_eq!(all.len(), ids.len(), "rows that came twice");
    ids
}

fn kept(ids: impl Iterator<Item = i64>) -> BTreeSet<i64> {
    ids.filter(|id| oracle::field(&oracle::event(*id), "amount") >= 0).collect()
}

#[test]
fn retention_that_removed_what_was_to_be_read_next_is_told() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "removed");
    job.feed(1000..2000);
    topics::delete_records(&bootstrap, &job.topic("events"), 0, 700);
    let said = fails(job.unbounded().start(), 2);
    let split = format!("split {}-0", job.topic("events"));
    for part in [&split, "offsets 500 to 699 have been removed", "--skip-lost", "--fresh-state"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(job.counted(), 1000, "nothing was read");
    let out = job.bounded().arg("--skip-lost").start().wait(PATIENCE).ok();
    assert!(out.stderr.contains("200 records") && out.stderr.contains(&split), "{}", out.stderr);
    // Partition 0 has the even ids.
    let lost = |id: &i64| id % 2 == 0 && (1000..1400).contains(id);
    assert_eq!(ids(&job), kept((0..2000).filter(|id| !lost(id))));
    assert_eq!(job.counted(), 2000 - 200);
}

/// A job that stands still while retention overtakes it.
#[test]
fn retention_that_overtakes_a_running_job_stops_it() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "overtaken");
    let running = start_and_claim(&job, job.unbounded());
    running.pause();
    job.feed(1000..3000);
    topics::delete_records(&bootstrap, &job.topic("events"), 0, 900);
    running.resume();
    let said = fails(running, 2);
    for part in [&job.topic("events"), "partition 0", " to 899 have been removed", "--skip-lost", "--fresh-state"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Some may have been on their way to it before.
    let out = job.bounded().arg("--skip-lost").start().wait(PATIENCE).ok();
    let lost = number_before(&out.stderr, " records)");
    assert!(lost > 300 && lost <= 400, "{lost}: {}", out.stderr);
    assert_eq!(job.counted(), 3000 - lost);
    let gone = |id: &i64| id % 2 == 0 && (1800 - 2 * lost..1800).contains(id);
    assert_eq!(ids(&job), kept((0..3000).filter(|id| !gone(id))));
}

/// `… (123 records): …`
fn number_before(text: &str, after: &str) -> i64 {
    let before = text.split(after).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("no number before '{after}': {text}"))
}

fn recreate_input(job: &Kill) {
    topics::delete(&job.direct, &job.topic("events"));
    topics::create(&job.direct, &job.topic("events"), 2);
}

#[test]
fn an_input_that_was_made_anew_is_not_read_from_where_the_old_one_was() {
    let Some(bootstrap) = broker::shared() else { return };
    for flag in ["--skip-lost", "--fresh-state"] {
        let job = settled(&bootstrap, "input-anew");
        recreate_input(&job);
        // More than the old one had: its positions exist in the new one.
        job.feed(1000..2500);
        let said = fails(job.unbounded().start(), 2);
        for part in ["table events", "deleted and made again", "--skip-lost", "--fresh-state"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(job.counted(), 1000, "nothing was read");
        job.bounded().arg(flag).start().wait(PATIENCE).ok();
        assert_eq!(ids(&job), kept(0..2500));
        if flag == "--skip-lost" {
            job.check(2500);
        }
    }
}

/// The old one's positions exist in the new one at once, and nothing of it is read from there.
#[test]
fn an_input_that_is_made_anew_under_a_running_job_stops_it() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "input-swapped");
    let running = start_and_claim(&job, job.unbounded());
    swap_input(&job, 1000..2500);
    let said = fails(running, 2);
    for part in [&job.topic("events"), "was deleted", "--skip-lost", "--fresh-state"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(job.counted(), 1000, "nothing was read");
    finish(&job, job.unbounded().arg("--skip-lost"), 2500);
}

/// Deletes the input, makes it again and fills it as fast as can be.
fn swap_input(job: &Kill, ids: std::ops::Range<i64>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.direct).set("linger.ms", "0").set("retry.backoff.ms", "5");
    config.set("topic.metadata.refresh.fast.interval.ms", "5");
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let producer: BaseProducer = config.create().unwrap();
    let (options, topic) = (AdminOptions::new(), job.topic("events"));
    producer.client().fetch_metadata(Some(&job.topic("copies")), PATIENCE).unwrap();
    let done = runtime.block_on(admin.delete_topics(&[&topic], &options)).unwrap();
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let new = NewTopic::new(&topic, 2, TopicReplication::Fixed(1));
    let made = || runtime.block_on(admin.create_topics([&new], &options)).unwrap();
    // The name is taken for a moment longer.
    while !made().iter().all(Result::is_ok) {}
    send_events(&producer, job, ids);
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "added");
    let mut running = start_and_claim(&job, job.unbounded());
    topics::add_partitions(&bootstrap, &job.topic("events"), 4);
    job.feed_into(1000..2000, 4);
    job.wait_counted(&mut running, 2000);
    running.terminate();
    running.wait(PATIENCE).ok();
    topics::add_partitions(&bootstrap, &job.topic("events"), 7);
    job.feed_into(2000..3000, 7);
    let mut running = start_and_claim(&job, job.unbounded());
    job.wait_counted(&mut running, 3000);
    running.kill();
    job.feed_into(3000..3500, 7);
    job.finish(3500);
}

/// Rows of a transaction that was aborted, some of them between committed ones.
#[test]
fn aborted_rows_are_never_read() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = Kill::new(&bootstrap, "aborted");
    let mut running = job.unbounded().start();
    let producer = topics::transactional_producer(&bootstrap, &broker::unique("aborting"), PATIENCE);
    let mut fed = 0;
    for _ in 0..5 {
        producer.begin_transaction().unwrap();
        send_events(&producer, &job, fed..fed + 50);
        job.feed(fed..fed + 100);
        fed += 100;
        producer.abort_transaction(PATIENCE).unwrap();
        job.wait_counted(&mut running, fed);
    }
    producer.begin_transaction().unwrap();
    send_events(&producer, &job, fed..fed + 100);
    producer.commit_transaction(PATIENCE).unwrap();
    job.wait_counted(&mut running, fed + 100);
    running.terminate();
    running.wait(PATIENCE).ok();
    job.feed(fed + 100..1000);
    job.finish(1000);
}

fn send_events(producer: &BaseProducer, job: &Kill, ids: std::ops::Range<i64>) {
    for id in ids {
        let (topic, value) = (job.topic("events"), oracle::event(id).to_string());
        let record: BaseRecord<'_, (), str> = BaseRecord::to(&topic).partition((id % 2) as i32).payload(&value);
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// The end of a bounded run is what was there when it began, whatever becomes of open transactions.
#[test]
fn a_bounded_run_waits_for_open_transactions_of_others() {
    let Some(bootstrap) = broker::shared() else { return };
    for commits in [false, true] {
        let job = Kill::new(&bootstrap, "dangling");
        job.feed(0..500);
        let dangling = topics::dangling_transaction(&bootstrap, &job.topic("events"), &broker::unique("dangling"));
        job.feed(500..1000);
        let mut running = job.bounded().args("--set tidegate.on-error=ignore").start();
        // Partition 1 has all of its rows, partition 0 those before the open transaction.
        job.wait_counted(&mut running, 750);
        std::thread::sleep(Duration::from_secs(1));
        assert!(running.is_running(), "it has to wait: {}", running.stderr());
        assert_eq!(job.counted(), 750);
        if commits {
            dangling.commit();
        } else {
            drop(dangling);
        }
        let out = running.wait(PATIENCE).ok();
        job.check(1000);
        // What was committed is read: it is no event, and counted as such.
        assert_eq!(out.stderr.contains("1 ignored"), commits, "{}", out.stderr);
    }
}

/// Its producer is gone without a word: the broker ends the transaction when its time is over.
#[test]
fn a_transaction_that_was_abandoned_holds_a_job_up_only_until_its_time_out() {
    let Some(bootstrap) = broker::shared() else { return };
    let job = settled(&bootstrap, "abandoned");
    let mut running = start_and_claim(&job, job.unbounded());
    let producer = topics::transactional_producer(&bootstrap, &broker::unique("gone"), Duration::from_secs(3));
    producer.begin_transaction().unwrap();
    send_events(&producer, &job, 1000..1100);
    drop(producer);
    job.feed(1000..2000);
    job.wait_counted(&mut running, 2000);
    running.terminate();
    running.wait(PATIENCE).ok();
    job.feed(2000..2500);
    job.finish(2500);
}
