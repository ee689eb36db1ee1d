//! Kafka's own console producer and consumer.

use tidegate_integration_tests::broker;
use tidegate_integration_tests::kafka_job::KafkaJob;

use super::COPY;

/// What the Java console consumer sees of committed records: it has to see this many.
fn consumed(job: &KafkaJob, topic: &str, count: usize) -> Vec<String> {
    let count = count.to_string();
    let args = ["--topic", &job.full(topic), "--from-beginning", "--isolation-level", "read_committed"];
    let more = ["--max-messages", &count, "--timeout-ms", "20000", "--property", "print.key=true"];
    let headers = ["--property", "print.headers=true"];
    let output = broker::tool(&job.direct, "consume", &[&args[..], &more, &headers].concat(), "").unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len().to_string(), count, "{output:?}");
    lines.sort();
    lines
}

#[test]
fn from_the_console_producer_to_the_console_consumer() {
    let Some(job) = KafkaJob::shared("java") else { return };
    job.create("in", 3);
    job.create("out", 3);
    let lines: String = (0..200)
        .map(|id| format!("n:{id},lang:java\tkey{id}\t{{\"id\":{id},\"name\":\"学生{}\"}}\n", id % 17))
        .collect();
    let args = ["--topic", &job.full("in"), "--property", "parse.key=true", "--property", "parse.headers=true"];
    let said = broker::tool(&job.direct, "produce", &args, &lines).unwrap();
    assert!(said.status.success(), "{said:?}");
    job.bounded("java", COPY).run().ok();
    let mut want: Vec<String> = (0..200)
        .map(|id| format!("n:{id},lang:java\t学生{0}\t{{\"id\":{id},\"name\":\"学生{0}\"}}", id % 17))
        .collect();
    want.sort();
    let sorted = |line: String| {
        let (headers, rest) = line.split_once('\t').unwrap();
        let mut headers: Vec<&str> = headers.split(',').collect();
        // A map has no order of its own.
        headers.sort_by_key(|h| !h.starts_with("n:"));
        format!("{}\t{rest}", headers.join(","))
    };
    let mut got: Vec<String> = consumed(&job, "out", 200).into_iter().map(sorted).collect();
    got.sort();
    assert_eq!(got, want);
}
