//! Kafka as a sink: what is promised, what a message is made of and where it goes, what happens to
//! messages and topics that the broker does not take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod changes;
mod compression;
mod guarantees;
mod messages;
mod partitions;
mod refusals;
mod topics;

use tidegate_integration_tests::kafka_job::KafkaJob;

/// `CREATE TABLE out` over the topic `out`.
fn out(columns: &str, options: &str) -> String {
    format!(
        "CREATE TABLE out ({columns}) WITH ('connector' = 'kafka', 'topic' = '${{p}}out', \
         'properties.bootstrap.servers' = '${{kafka}}', {options});\n"
    )
}

/// `CREATE TABLE src` over the topic `in`, from its beginning.
fn src(columns: &str, options: &str) -> String {
    format!(
        "CREATE TABLE src ({columns}) WITH ('connector' = 'kafka', 'topic' = '${{p}}in', \
         'properties.bootstrap.servers' = '${{kafka}}', 'scan.startup.mode' = 'earliest-offset', {options});\n"
    )
}

/// The topic `out` with so many partitions on the shared broker.
fn target(name: &str, partitions: i32) -> Option<KafkaJob> {
    let job = KafkaJob::shared(name)?;
    job.create("out", partitions);
    Some(job)
}

/// Fails unless all of these are in a text.
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}
