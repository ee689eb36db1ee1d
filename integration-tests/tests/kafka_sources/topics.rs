//! Which topics a table reads, now and later.

use std::time::Duration;

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{self, Record};
use tidegate_integration_tests::process::Running;
use tidegate_integration_tests::settle::{number, wait_until, wait_while_running};

use super::reading::{flink, ids, read, refused, says};

fn rows(ids: std::ops::Range<i64>) -> impl Iterator<Item = Record> {
    ids.map(|id| Record::new(format!(r#"{{"id":{id}}}"#)).partition(0))
}

/// The topics `a`, `b` and `c`, and two that no pattern matches: a fence's and one of Kafka's own.
fn input(name: &str) -> Option<KafkaJob> {
    let job = KafkaJob::shared(name)?;
    for (i, topic) in ["a", "b", "c"].into_iter().enumerate() {
        job.create(topic, 1);
        let first = i as i64 * 10;
        job.produce(topic, rows(first..first + 3));
    }
    for internal in [format!("_tidegate-fence.{}x", job.prefix), format!("__{}x", job.prefix)] {
        kafka_topics::create(&job.direct, &internal, 1);
        kafka_topics::produce(&job.direct, &internal, rows(1000..1001));
    }
    Some(job)
}

const FROM: &str = "'scan.startup.mode' = 'earliest-offset'";

#[test]
fn a_list_and_a_pattern() {
    let Some(job) = input("lists") else { return };
    let list = flink(&format!("'topic' = '${{p}}a;${{p}}c', {FROM}"));
    assert_eq!(read(&job, "list", &list).0, [0, 1, 2, 20, 21, 22]);
    // As with Java's `matches` the whole name counts, and dots are any character.
    let pattern = |p: &str| flink(&format!("'topic-pattern' = '{p}', {FROM}"));
    assert_eq!(read(&job, "pattern", &pattern("${p}[ab]")).0, [0, 1, 2, 10, 11, 12]);
    assert_eq!(read(&job, "all", &pattern(".*${p}.*")).0, [0, 1, 2, 10, 11, 12, 20, 21, 22], "nothing internal");
    assert_eq!(read(&job, "none", &pattern("${p}")).0, [] as [i64; 0]);
    says(&refused(&job, "wrong", &pattern("${p}[ab")), &["topic pattern", "[ab"]);
    let blink = "CREATE TABLE src (message VARBINARY) WITH (type = 'kafka011', topicPattern = '${p}[bc]', \
                 bootstrap.servers = '${kafka}', startupMode = 'EARLIEST');\n\
                 CREATE TABLE out (id BIGINT) WITH (type = 'rds', url = 'jdbc:mysql://h/x', tableName = 'out', userName = 'u', \
                 password = 'p');\n\
                 INSERT INTO out SELECT CAST(JSON_VALUE(CAST(message AS VARCHAR), '$.id') AS BIGINT) FROM src;\n";
    assert_eq!(read(&job, "blink", blink).0, [10, 11, 12, 20, 21, 22]);
    let uflink = "CREATE TABLE src (id BIGINT) WITH (type = 'kafka11', bootstrapServers = '${kafka}', topic = '${p}[ac]', \
                  topicIsPattern = 'true', offsetReset = 'earliest');\n\
                  CREATE TABLE out (id BIGINT) WITH (type = 'mysql', url = 'jdbc:mysql://h/x', userName = 'u', password = 'p', \
                  tableName = 'out');\n\
                  INSERT INTO out SELECT id FROM src;\n";
    assert_eq!(read(&job, "uflink", uflink).0, [0, 1, 2, 20, 21, 22]);
}

fn wait_rows(job: &KafkaJob, running: &mut Running, count: i64) {
    wait_while_running(running, &format!("{count} rows"), || number(&job.data(), "out", "COUNT(*)") == count);
}

/// A topic that matches later, and a partition that is added later, are read from their beginning,
/// wherever the table starts.
#[test]
fn what_appears_later_is_read_from_its_beginning() {
    let Some(job) = input("later") else { return };
    let sql = flink(
        "'topic-pattern' = '${p}.*', 'scan.startup.mode' = 'latest-offset', \
         'scan.topic-partition-discovery.interval' = '200 ms'",
    );
    let mut running = job.job("later", &sql).start();
    // It says so once it has decided where it starts; what comes then is new.
    wait_until("the start", || running.stderr().contains(" started: "));
    job.produce("a", rows(100..101));
    wait_rows(&job, &mut running, 1);
    job.create("d", 1);
    job.produce("d", rows(200..203));
    wait_rows(&job, &mut running, 4);
    kafka_topics::add_partitions(&job.direct, &job.full("d"), 3);
    job.produce("d", (300..303).map(|id| Record::new(format!(r#"{{"id":{id}}}"#)).partition(2)));
    wait_rows(&job, &mut running, 7);
    let said = running.stderr();
    for split in ["d-0", "d-1", "d-2"] {
        says(&said, &[&format!("table src: new split {}", job.full(split))]);
    }
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();

    // The same while nothing runs: a later start finds them.
    job.create("e", 1);
    job.produce("e", rows(400..402));
    kafka_topics::add_partitions(&job.direct, &job.full("d"), 4);
    job.produce("d", [Record::new(r#"{"id":500}"#).partition(3)]);
    let mut running = job.job("later", &sql).start();
    wait_rows(&job, &mut running, 10);
    running.terminate();
    running.wait(Duration::from_secs(20)).ok();
    assert_eq!(ids(&job), [100, 200, 201, 202, 300, 301, 302, 400, 401, 500]);
}
