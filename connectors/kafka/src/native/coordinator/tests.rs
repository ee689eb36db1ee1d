//! Coordinators that are away, of librdkafka's own cluster for tests.

use std::time::Instant;

use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;

use super::*;
use crate::client::Settings;
use crate::native::groups;

const GROUP: &str = "g";
const AT: (&str, i32) = ("t", 0);

/// Two brokers; the second one coordinates the group.
fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(2).unwrap();
    cluster.create_topic(AT.0, 1, 2).unwrap();
    cluster.coordinator(MockCoordinator::Group(GROUP.to_owned()), 2).unwrap();
    cluster
}

/// Asks with a time-out inside librdkafka that passes in a test.
fn asker(cluster: &MockCluster<'static, DefaultProducerContext>, inside: Duration) -> Asker {
    let settings = Settings::from_pairs([("bootstrap.servers", cluster.bootstrap_servers().as_str())]).unwrap();
    Asker { inside, ..Asker::new(move || settings.committed_reader(Some(GROUP))) }
}

#[test]
fn a_coordinator_may_come_back_after_a_question_that_was_given_up() {
    asked_in_vain(Duration::from_secs(3));
}

#[test]
fn a_coordinator_may_come_back_after_a_question_that_timed_out_inside() {
    asked_in_vain(Duration::from_millis(200));
}

/// Were the client that asked in vain still there when the coordinator is back, the process would end.
fn asked_in_vain(inside: Duration) {
    let cluster = cluster();
    let asker = asker(&cluster, inside);
    let (patience, started) = (Duration::from_millis(100), Instant::now());
    let offsets = [(AT.0.to_owned(), AT.1, 7)];
    cluster.broker_down(2).unwrap();
    let told = groups::tell(&asker, GROUP, &offsets, patience);
    assert!(told.unwrap_err().to_string().contains("no answer"));
    assert!(groups::offset(&asker, GROUP, AT, patience).is_err());
    assert!(started.elapsed() < Duration::from_secs(10), "a client ends without its coordinator");
    std::thread::sleep(inside);
    cluster.broker_up(2).unwrap();
    // Time for whoever waits for it to hear of it.
    std::thread::sleep(Duration::from_secs(3));
    let (asker, patience) = (Asker { inside: LONGEST, ..asker }, Duration::from_secs(10));
    groups::tell(&asker, GROUP, &offsets, patience).unwrap();
    assert_eq!(groups::offset(&asker, GROUP, AT, patience).unwrap(), Some(7));
}
