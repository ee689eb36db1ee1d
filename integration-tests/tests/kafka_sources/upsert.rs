//! `upsert-kafka` as a source: the newest value of each key, and tombstones take it away.

use std::time::Duration;

use serde_json::json;
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{self, Record};
use tidegate_integration_tests::settle::{number, run_until, wait_while_running};

const SQL: &str = "CREATE TABLE users (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH (\
                   'connector' = 'upsert-kafka', 'topic' = '${p}users', 'properties.bootstrap.servers' = '${kafka}', \
                   'key.format' = 'json', 'value.format' = 'json', 'value.fields-include' = 'ALL');\n\
                   CREATE TABLE copy (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc', \
                   'url' = 'jdbc:mysql://h/x', 'table-name' = 'copy');\n\
                   CREATE TABLE totals (name STRING, n BIGINT, PRIMARY KEY (name) NOT ENFORCED) WITH ('connector' = 'jdbc', \
                   'url' = 'jdbc:mysql://h/x', 'table-name' = 'totals');\n\
                   INSERT INTO copy SELECT id, name FROM users;\n\
                   INSERT INTO totals SELECT name, COUNT(*) FROM users GROUP BY name;\n";

fn put(id: i64, name: &str) -> Record {
    Record::new(json!({"id": id, "name": name}).to_string()).key(json!({"id": id}).to_string())
}

fn delete(id: i64) -> Record {
    Record::new(()).key(json!({"id": id}).to_string())
}

#[test]
fn tombstones_and_newer_values_replace_older_ones() {
    let Some(job) = KafkaJob::shared("upsert") else { return };
    job.create("users", 2);
    // A tombstone of a key that never was means nothing.
    job.produce("users", [put(1, "a"), put(2, "a"), delete(9), put(3, "b"), put(2, "b"), delete(3), put(4, "c")]);
    run_until(job.job("upsert", SQL), "three users", || {
        number(&job.data(), "copy", "COUNT(*)") == 3 && number(&job.data(), "totals", "COUNT(*)") == 3
    });
    assert_eq!(json!(job.rows("copy", "1")), json!([[1, "a"], [2, "b"], [4, "c"]]));
    assert_eq!(json!(job.rows("totals", "1")), json!([["a", 1], ["b", 1], ["c", 1]]));
    // After a restart it still knows what each key was.
    job.produce("users", [delete(1), put(4, "b"), put(3, "d")]);
    let mut running = job.job("upsert", SQL).start();
    wait_while_running(&mut running, "the changes", || json!(job.rows("totals", "1")) == json!([["b", 2], ["d", 1]]));
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    assert_eq!(json!(job.rows("copy", "1")), json!([[2, "b"], [3, "d"], [4, "b"]]));
}

/// A topic that the broker has compacted has gaps, and deleted keys have no tombstone any more.
#[test]
fn a_compacted_topic() {
    let Some(job) = KafkaJob::shared("compacted") else { return };
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("delete.retention.ms", "0"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    kafka_topics::create_with(&job.direct, &job.full("users"), 1, &config);
    job.produce("users", (0..50).map(|i| put(i % 5, &format!("old{i}"))));
    job.produce("users", [delete(0), put(7, "new")]);
    let mut count = 0;
    // The broker looks every fifteen seconds, at segments that are no longer written to.
    for round in 0..120 {
        job.produce("users", [put(8, &format!("round{round}"))]);
        std::thread::sleep(Duration::from_millis(500));
        count = job.read("users").len();
        if count <= 30 {
            break;
        }
    }
    assert!(count <= 30, "the broker has not compacted: {count} records");
    job.produce("users", [put(8, "last")]);
    job.bounded("compacted", SQL).run().ok();
    let want = json!([[1, "old46"], [2, "old47"], [3, "old48"], [4, "old49"], [7, "new"], [8, "last"]]);
    assert_eq!(json!(job.rows("copy", "1")), want);
}
