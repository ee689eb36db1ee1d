//! Topics that are not there.

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{exists, partitions};

use super::{out, says};

fn job(create: &str) -> String {
    format!("{create}{}INSERT INTO out VALUES (1), (2);\n", out("id BIGINT", "'format' = 'json'"))
}

#[test]
fn a_missing_topic_is_an_error_that_names_the_nearest() {
    let Some(here) = KafkaJob::shared("missing") else { return };
    here.create("outt", 1);
    let said = here.job("missing", &job("")).run().fails_with(2);
    says(&said, &[&format!("topic '{}' does not exist", here.full("out"))]);
    says(&said, &[&format!("did you mean '{}'?", here.full("outt")), "SET 'tidegate.create-topics' = 'true'"]);
    assert!(!exists(&here.direct, &here.full("out")), "looking at a topic does not make it");
}

#[test]
fn or_is_made_where_the_job_says_so() {
    let Some(here) = KafkaJob::shared("made") else { return };
    here.job("made", &job("SET 'tidegate.create-topics' = '5';\n")).run().ok();
    assert_eq!(partitions(&here.direct, &here.full("out")), 5);
    assert_eq!(here.numbers("out", "id"), [1, 2]);
    // A topic that is there stays as it is.
    here.job("again", &job("SET 'tidegate.create-topics' = '7';\n")).run().ok();
    assert_eq!(partitions(&here.direct, &here.full("out")), 5);

    // The cluster's own number of partitions: one, on the brokers that tests start.
    let Some(here) = KafkaJob::shared("true") else { return };
    here.job("true", &job("SET 'tidegate.create-topics' = 'true';\n")).run().ok();
    assert!(partitions(&here.direct, &here.full("out")) >= 1);
    assert_eq!(here.numbers("out", "id"), [1, 2]);
}

/// A source's topic is made too: a job may be started before the one that feeds it.
#[test]
fn a_source_may_come_first() {
    let Some(here) = KafkaJob::shared("first") else { return };
    let sql = "SET 'tidegate.create-topics' = '3';\n".to_owned()
        + &super::src("id BIGINT", "'format' = 'json'")
        + &out("id BIGINT", "'format' = 'json'")
        + "INSERT INTO out SELECT id FROM src;\n";
    here.bounded("first", &sql).run().ok();
    assert_eq!(partitions(&here.direct, &here.full("in")), 3);
    assert_eq!(here.numbers("out", "id"), [] as [i64; 0]);
}
