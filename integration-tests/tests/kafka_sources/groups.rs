//! Consumer groups: told how far the job is, so that lag shows where people look for it.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_integration_tests::broker::{Broker, Settings};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::settle::{number, run_until, wait_until, wait_while_running};
use tidegate_integration_tests::{broker, kafka_topics};

use super::reading::{earliest, flink, input, record, says};

/// Sets a group's offsets, as a consumer that has gone would have left them.
pub fn commit(job: &KafkaJob, group: &str, offsets: &[(i32, i64)]) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &job.direct)
        .set("group.id", job.full(group))
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(&job.full("in"), *partition, Offset::Offset(*offset)).unwrap();
    }
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

/// A group's offsets for the topic `in`.
pub fn committed(job: &KafkaJob, group: &str) -> Vec<Option<i64>> {
    kafka_topics::group_offsets(&job.direct, &job.full(group), &job.full("in"))
}

/// `(current offset, end, lag)` of each partition of `in`, as Kafka's own tool shows them.
fn lags(job: &KafkaJob, group: &str) -> Vec<[i64; 3]> {
    let output = broker::tool(&job.direct, "groups", &["--describe", "--group", &job.full(group)], "").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    lines.retain(|l| l.get(1) == Some(&job.full("in").as_str()));
    lines.sort_by_key(|l| l[2].parse::<i32>().unwrap());
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no number: {text}"));
    lines.iter().map(|l| [number(l[3]), number(l[4]), number(l[5])]).collect()
}

#[test]
fn lag_is_what_the_job_has_not_applied() {
    let Some(job) = input("lag") else { return };
    let sql = earliest(", 'properties.group.id' = '${p}g'");
    let mut running = job.job("lag", &sql).start();
    wait_while_running(&mut running, "the group is told", || committed(&job, "g") == [Some(10), Some(10)]);
    assert_eq!(lags(&job, "g"), [[10, 10, 0], [10, 10, 0]]);
    // While nothing runs the lag grows, and the next run takes it away.
    running.terminate();
    running.wait(std::time::Duration::from_secs(20)).ok();
    job.produce("in", (10..17).map(|n| record(1, n)));
    assert_eq!(lags(&job, "g"), [[10, 10, 0], [10, 17, 7]]);
    run_until(job.job("lag", &sql), "27 rows", || number(&job.data(), "out", "COUNT(*)") == 27);
    assert_eq!(committed(&job, "g"), [Some(10), Some(17)], "a stop tells the group too");
}

/// The first group of a broker's life: for a moment its coordinator is not ready, and says so.
#[test]
fn a_broker_that_has_never_had_a_group() {
    let Some(broker) = Broker::start(Settings::new()) else { return };
    let job = KafkaJob::on(&broker.bootstrap(), "first");
    job.create("in", 1);
    job.produce("in", (0..3).map(|n| record(0, n)));
    let sql = flink("'topic' = '${p}in', 'properties.group.id' = '${p}g', 'properties.auto.offset.reset' = 'earliest'");
    job.bounded("first", &sql).run().ok();
    assert_eq!(super::reading::ids(&job), [0, 1, 2]);
}

/// A table without a group reads as well; a source's offsets are told by every job that has one.
#[test]
fn without_a_group_nothing_is_told() {
    let Some(job) = input("nogroup") else { return };
    let said = job.bounded("nogroup", &earliest("")).run().ok().stderr;
    assert!(!said.contains("was not told"), "{said}");
    says(&said, &["20 rows in"]);
}

/// Somebody else is a member of the group: the job runs, and says what is wrong.
#[test]
fn a_group_with_members_is_left_to_them() {
    let Some(job) = input("members") else { return };
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &job.direct)
        .set("group.id", job.full("g"))
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[&job.full("in")]).unwrap();
    wait_until("the member has its partitions", || {
        let _ = consumer.poll(std::time::Duration::from_millis(100));
        consumer.assignment().is_ok_and(|a| a.count() == 2)
    });
    let said = job.bounded("members", &earliest(", 'properties.group.id' = '${p}g'")).run().ok().stderr;
    says(&said, &["the source was not told", "help: the group has members of its own"]);
    assert_eq!(super::reading::ids(&job), super::reading::ALL);
    assert_eq!(committed(&job, "g"), [None, None]);
}
