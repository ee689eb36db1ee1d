//! Records as Tidegate fetches them itself, and the same as librdkafka does: whatever wrote them, in
//! transactions or not, in batches of any size.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};
use serde_json::Value;
use tidegate_integration_tests::broker::{self, unique};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{Record, send};

use super::reading::says;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PATIENCE: Duration = Duration::from_secs(30);

/// Of each codec: a plain batch, a transaction that is committed and one that is aborted, their records in turns.
fn by_librdkafka(job: &KafkaJob, codec: &str) {
    let config = |name: &str, value: &str| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &job.direct).set("compression.type", codec).set("linger.ms", "20");
        config.set(name, value);
        config
    };
    let plain: BaseProducer = config("enable.idempotence", "true").create().unwrap();
    let transactional = ["committed", "aborted"].map(|name| {
        let producer: BaseProducer = config("transactional.id", &unique(name)).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        (name, producer)
    });
    for round in 0..3 {
        for (name, producer) in [("plain", &plain)].into_iter().chain(transactional.iter().map(|(n, p)| (*n, p))) {
            for number in 0..20 {
                send(producer, &job.full("in"), &record(&format!("{codec} {name} {round} {number}"), number));
            }
            producer.flush(PATIENCE).unwrap();
        }
    }
    let [(_, committed), (_, aborted)] = transactional;
    aborted.abort_transaction(PATIENCE).unwrap();
    committed.commit_transaction(PATIENCE).unwrap();
}

/// With and without a key, with no, one or two headers.
fn record(text: &str, number: usize) -> Record {
    let record = Record::new(format!("{text} {}", "=".repeat(50 * number)))
        .partition(number as i32 % 2)
        .timestamp(1_598_486_400_000 + number as i64);
    let record = if number.is_multiple_of(3) { record } else { record.key(text) };
    match number % 5 {
        1 => record.header("a", "1"),
        2 => record.header("a", ()).header("b", ""),
        _ => record,
    }
}

/// Java packs snappy and lz4 in its own way.
fn by_java(job: &KafkaJob, codec: &str) {
    let lines: String = (0..200).map(|n| format!("{codec} java {n} {}\n", "-".repeat(n))).collect();
    let args = ["--topic", &job.full("in"), "--compression-codec", codec];
    let out = broker::tool(&job.direct, "produce", &args, &lines).unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// All that is known of the records.
fn read(job: &KafkaJob, name: &str, options: &str) -> Vec<Vec<Value>> {
    let sql = format!(
        "CREATE TABLE src (line STRING, p INT METADATA FROM 'partition' VIRTUAL, o BIGINT METADATA FROM 'offset' VIRTUAL,
           at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, kind STRING METADATA FROM 'timestamp-type' VIRTUAL,
           epoch INT METADATA FROM 'leader-epoch' VIRTUAL, k BYTES METADATA FROM 'key' VIRTUAL,
           h MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL)
         WITH ('connector' = 'kafka', 'topic' = '${{p}}in', 'properties.bootstrap.servers' = '${{kafka}}',
           'scan.startup.mode' = 'earliest-offset', 'format' = 'raw'{options});
         CREATE TABLE out (p INT, o BIGINT, line STRING, at STRING, kind STRING, epoch INT, k STRING, a STRING, b STRING,
           n INT)
         WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x', 'table-name' = 'out_{name}');
         INSERT INTO out SELECT p, o, line, CAST(at AS STRING), kind, epoch, CAST(k AS STRING), CAST(h['a'] AS STRING),
           CAST(h['b'] AS STRING), CARDINALITY(h) FROM src;\n"
    );
    let said = job.bounded(name, &sql).env("TIDEGATE_LOG", "tidegate_kafka=debug").run().ok().stderr;
    assert_eq!(said.contains("is fetched by librdkafka"), options.contains("'librdkafka'"), "{said}");
    job.rows(&format!("out_{name}"), "1, 2")
}

#[test]
fn both_ways_give_the_same() {
    let Some(job) = KafkaJob::shared("fetching") else { return };
    job.create("in", 2);
    for codec in CODECS {
        by_librdkafka(&job, codec);
        by_java(&job, codec);
    }
    let want = read(&job, "client", ", 'tidegate.fetch' = 'librdkafka'");
    assert_eq!(want.len(), CODECS.len() * (60 + 60 + 200));
    for (name, options) in [
        ("direct", ""),
        ("asked", ", 'tidegate.fetch' = 'direct', 'properties.check.crcs' = 'false'"),
        // Answers end in the middle of a batch, or are one batch.
        ("small", ", 'properties.max.partition.fetch.bytes' = '3000'"),
        ("least", ", 'properties.max.partition.fetch.bytes' = '1', 'properties.fetch.min.bytes' = '1'"),
    ] {
        let got = read(&job, name, options);
        assert_eq!(got.len(), want.len(), "{name}");
        let differ = got.iter().zip(&want).find(|(got, want)| got != want);
        assert_eq!(differ, None, "{name}");
    }
    let everything = read(&job, "all", ", 'properties.isolation.level' = 'read_uncommitted'");
    assert_eq!(everything.len(), CODECS.len() * (60 + 60 + 60 + 200));
    let same = ", 'properties.isolation.level' = 'read_uncommitted', 'tidegate.fetch' = 'librdkafka'";
    assert_eq!(everything, read(&job, "all_client", same));
}

#[test]
fn who_fetches_is_one_of_two() {
    let Some(job) = KafkaJob::shared("who") else { return };
    let sql = super::reading::earliest(", 'tidegate.fetch' = 'java'");
    let said = job.command("check", "who", &sql).run().fails_with(2);
    says(&said, &["'tidegate.fetch'", "not one of direct, librdkafka"]);
}
