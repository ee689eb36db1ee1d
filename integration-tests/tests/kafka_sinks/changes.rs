//! Updating queries: new values and tombstones.

use std::time::Duration;

use serde_json::json;
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::Record;
use tidegate_integration_tests::settle::wait_while_running;

use super::{out, says, src, target};

fn event(who: &str) -> Record {
    Record::new(json!({ "who": who }).to_string())
}

/// Key and value of every message, in order; `None` is a tombstone.
fn messages(job: &KafkaJob) -> Vec<(String, Option<String>)> {
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    job.read("out").iter().map(|m| (m.key_text().unwrap().to_owned(), m.value.as_deref().map(text))).collect()
}

#[test]
fn what_is_no_longer_true_is_taken_back_by_a_tombstone() {
    let Some(job) = target("tombstones", 1) else { return };
    job.create("in", 1);
    let sql = src("who STRING", "'format' = 'json'")
        + "CREATE TABLE out (who STRING, n BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', \
           'topic' = '${p}out', 'properties.bootstrap.servers' = '${kafka}', 'key.format' = 'json', 'value.format' = 'json');\n\
           INSERT INTO out SELECT who, COUNT(*) FROM src GROUP BY who HAVING COUNT(*) < 3;\n";
    let mut running = job.job("tombstones", &sql).start();
    job.produce("in", [event("a")]);
    let a = (r#"{"who":"a"}"#.to_owned(), Some(r#"{"who":"a","n":1}"#.to_owned()));
    let mut want = vec![a];
    wait_while_running(&mut running, "one", || messages(&job) == want);
    job.produce("in", [event("a"), event("a")]);
    want.push((r#"{"who":"a"}"#.to_owned(), None));
    // The two may come in one batch or in two.
    let settled = || messages(&job).last() == want.last();
    wait_while_running(&mut running, "the tombstone", settled);
    job.produce("in", [event("a"), event("b")]);
    wait_while_running(&mut running, "b", || messages(&job).last().is_some_and(|m| m.0 == r#"{"who":"b"}"#));
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    let tombstones = messages(&job).iter().filter(|m| m.1.is_none()).count();
    assert_eq!(tombstones, 1, "{:?}", messages(&job));
}

/// A plain table takes new rows only; the older dialects write the newest value of each key.
#[test]
fn tables_without_a_key_refuse_changes_or_write_the_newest_values() {
    let Some(job) = target("updates", 1) else { return };
    job.create("in", 1);
    job.produce("in", ["a", "b", "a"].map(event));
    let flink = src("who STRING", "'format' = 'json'")
        + &out("who STRING, n BIGINT", "'format' = 'json'")
        + "INSERT INTO out SELECT who, COUNT(*) FROM src GROUP BY who;\n";
    says(&job.bounded("flink", &flink).run().fails_with(2), &["out", "upsert-kafka"]);
    let uflink = "CREATE TABLE src (who VARCHAR) WITH (type = 'kafka11', bootstrapServers = '${kafka}', topic = '${p}in', \
                  offsetReset = 'earliest');\n\
                  CREATE TABLE out (who VARCHAR, n BIGINT) WITH (type = 'kafka11', bootstrapServers = '${kafka}', \
                  topic = '${p}out');\n\
                  INSERT INTO out SELECT who, COUNT(*) AS n FROM src GROUP BY who;\n";
    job.bounded("uflink", uflink).run().ok();
    let read = job.read("out");
    let newest = |who: &str| {
        read.iter().map(tidegate_integration_tests::kafka_topics::Message::json).rfind(|v| v["who"] == who).unwrap()["n"].clone()
    };
    assert_eq!((newest("a"), newest("b")), (json!(2), json!(1)));
}

/// A NULL in a raw value is a tombstone too, as in Flink; it is counted.
#[test]
fn a_null_value_is_counted() {
    let Some(job) = target("nulls", 1) else { return };
    let sql = out(
        "k STRING, v STRING",
        "'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'",
    ) + "INSERT INTO out VALUES ('a', 'x'), ('a', CAST(NULL AS STRING));\n";
    let said = job.job("nulls", &sql).run().ok().stderr;
    says(&said, &["counted null-value: 1"]);
    assert_eq!(messages(&job), [("a".to_owned(), Some("x".to_owned())), ("a".to_owned(), None)]);
}
