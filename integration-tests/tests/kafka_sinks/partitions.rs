//! Which partition a message goes to.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{Message, Record};
use tidegate_integration_tests::{broker, kafka_topics};

use super::{out, says, src, target};

/// How many messages each partition has.
fn counts(job: &KafkaJob, partitions: usize) -> Vec<usize> {
    let mut counts = vec![0; partitions];
    for m in job.read("out") {
        counts[m.partition as usize] += 1;
    }
    counts
}

/// Twelve rows with one key.
const TWELVE: &str = "INSERT INTO out VALUES (1, 'key'), (2, 'key'), (3, 'key'), (4, 'key'), (5, 'key'), (6, 'key'), (7, 'key'), \
                      (8, 'key'), (9, 'key'), (10, 'key'), (11, 'key'), (12, 'key');\n";
const KEYED: &str = ", 'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json'";

#[test]
fn by_key_in_turn_or_fixed() {
    // murmur2 of "key" modulo 4, as a Java producer has it.
    let by_key = vec![0, 12, 0, 0];
    let cases = [
        ("keyed", KEYED.to_owned(), by_key.clone()),
        ("default", format!("{KEYED}, 'sink.partitioner' = 'default'"), by_key),
        ("nokey", ", 'format' = 'json'".to_owned(), vec![3; 4]),
        ("turns", format!("{KEYED}, 'sink.partitioner' = 'round-robin'"), vec![3; 4]),
        ("fixed", format!("{KEYED}, 'sink.partitioner' = 'fixed'"), vec![12, 0, 0, 0]),
    ];
    for (name, options, want) in cases {
        let Some(job) = target(name, 4) else { return };
        let sql = out("id BIGINT, k STRING", options.trim_start_matches(", ")) + TWELVE;
        job.job(name, &sql).run().ok();
        assert_eq!(counts(&job, 4), want, "{name}");
    }
    let Some(job) = target("java", 4) else { return };
    let sql = out("id BIGINT, k STRING", "'format' = 'json', 'sink.partitioner' = 'com.example.Mine'") + TWELVE;
    says(&job.job("java", &sql).run().fails_with(2), &["names a Java class", "default, fixed or round-robin"]);
}

/// Keys lie where Kafka's own producer puts them.
#[test]
fn keys_lie_where_java_puts_them() {
    let Some(job) = target("murmur", 13) else { return };
    job.create("in", 3);
    job.create("java", 13);
    let mut keys: Vec<String> = (0..100).map(|i| format!("key-{i}")).collect();
    keys.extend((0..100).map(|i| format!("学生{i}号")));
    keys.extend((1..=100).map(|n| "é🎓x".chars().cycle().take(n).collect()));
    keys.push(" ".to_owned());
    job.produce("in", keys.iter().map(|k| Record::new(k.as_str())));
    let sql = src("k STRING", "'format' = 'raw'")
        + &out("k STRING, v STRING", "'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json'")
        + "INSERT INTO out SELECT k, 'x' FROM src;\n";
    job.bounded("murmur", &sql).run().ok();
    let lines: String = keys.iter().map(|k| format!("{k}\tx\n")).collect();
    let args = ["--topic", &job.full("java"), "--property", "parse.key=true"];
    let said = broker::tool(&job.direct, "produce", &args, &lines).unwrap();
    assert!(said.status.success(), "{said:?}");
    let places = |topic: &str| -> BTreeMap<String, i32> {
        job.read(topic).iter().map(|m| (m.key_text().unwrap().to_owned(), m.partition)).collect()
    };
    let (java, ours) = (places("java"), places("out"));
    assert_eq!((java.len(), ours.len()), (keys.len(), keys.len()));
    assert_eq!(ours, java);
    assert_eq!(java.values().collect::<BTreeSet<_>>().len(), 13, "all partitions are used");
}

/// Many partitions at both ends, several tasks: every row once, each key's in its order.
#[test]
fn twenty_partitions() {
    let Some(job) = target("twenty", 20) else { return };
    job.create("in", 20);
    let record = |id: i64| {
        let key = format!("k{}", id % 37);
        Record::new(format!(r#"{{"id":{id},"k":"{key}"}}"#)).key(key.as_str())
    };
    job.produce("in", (0..5000).map(record));
    let sql = src("id BIGINT, k STRING", "'format' = 'json'")
        + &out("id BIGINT, k STRING", KEYED.trim_start_matches(", "))
        + "INSERT INTO out SELECT id, k FROM src;\n";
    job.bounded("twenty", &sql).args("--tasks 3").run().ok();
    let messages = kafka_topics::read_committed(&job.direct, &job.full("out"));
    let id = |m: &Message| m.json()["id"].as_i64().unwrap();
    let mut ids: Vec<i64> = messages.iter().map(id).collect();
    let mut newest: BTreeMap<(i32, String), i64> = BTreeMap::new();
    for m in &messages {
        let before = newest.insert((m.partition, m.key_text().unwrap().to_owned()), id(m));
        assert!(before.is_none_or(|b| b < id(m)), "{m:?} after {before:?}");
    }
    assert_eq!(newest.len(), 37, "a key is in one partition");
    ids.sort_unstable();
    assert_eq!(ids, (0..5000).collect::<Vec<_>>());
}
