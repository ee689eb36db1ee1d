//! Transactions of others: what is committed counts, unless the table says otherwise.

use std::time::Duration;

use rdkafka::producer::Producer;
use tidegate_integration_tests::broker::unique;
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{self, Record, dangling_transaction};
use tidegate_integration_tests::settle::{number, wait_while_running};

use super::reading::{earliest, read, says};

fn rows(ids: std::ops::Range<i64>) -> impl Iterator<Item = Record> {
    ids.map(|id| Record::new(format!(r#"{{"id":{id}}}"#)).partition(0))
}

/// Rows that are in the topic and in an aborted transaction.
fn aborted(job: &KafkaJob, ids: std::ops::Range<i64>) {
    let producer = kafka_topics::transactional_producer(&job.direct, &unique("aborted"), Duration::from_secs(60));
    producer.begin_transaction().unwrap();
    for row in rows(ids) {
        kafka_topics::send(&producer, &job.full("in"), &row);
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    producer.abort_transaction(Duration::from_secs(30)).unwrap();
}

/// Rows of a committed and of an aborted transaction.
fn input(name: &str) -> Option<KafkaJob> {
    let job = KafkaJob::shared(name)?;
    job.create("in", 1);
    let topic = job.full("in");
    kafka_topics::produce_transaction(&job.direct, &topic, &unique("first"), rows(0..3));
    aborted(&job, 3..6);
    kafka_topics::produce_transaction(&job.direct, &topic, &unique("second"), rows(6..9));
    Some(job)
}

#[test]
fn aborted_rows_are_read_only_where_the_table_asks() {
    let Some(job) = input("isolation") else { return };
    let (got, said) = read(&job, "committed", &earliest(""));
    assert_eq!(got, [0, 1, 2, 6, 7, 8]);
    assert!(!said.contains("isolation.level"), "{said}");
    let sql = earliest(", 'properties.isolation.level' = 'read_uncommitted'");
    assert_eq!(read(&job, "uncommitted", &sql).0, (0..9).collect::<Vec<_>>());
    let said = job.command("check", "noted", &sql).run().ok().stdout;
    says(&said, &["note: ", "rows of open and aborted transactions are read too"]);
}

/// A bounded read ends at the end of the log: an open transaction is waited for.
#[test]
fn an_open_transaction_is_waited_for() {
    let Some(job) = input("open") else { return };
    let sql = earliest("").replace("'format' = 'json'", "'format' = 'json', 'json.ignore-parse-errors' = 'true'");
    let open = dangling_transaction(&job.direct, &job.full("in"), &unique("open"));
    job.produce("in", rows(9..10));
    let mut running = job.bounded("open", &sql).start();
    wait_while_running(&mut running, "what comes before", || number(&job.data(), "out", "COUNT(*)") == 6);
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.is_running(), "it must not end before the transaction");
    open.commit();
    let said = running.wait(Duration::from_secs(30)).ok().stderr;
    // The row of the transaction is no JSON: it is skipped, and counted.
    says(&said, &["record-skipped:src: 1"]);
    assert_eq!(super::reading::ids(&job), [0, 1, 2, 6, 7, 8, 9]);
}
