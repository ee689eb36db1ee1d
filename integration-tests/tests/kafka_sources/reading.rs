//! What the tests of this folder read: two partitions with ten records each, a second apart.

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::Record;
use tidegate_integration_tests::process::Finished;

/// When the first record of each partition was written, ms.
pub const BEGIN: i64 = 1_598_486_400_000;
/// The ids in partition 0, in partition 1, and beside them the number in the partition.
pub const ALL: [i64; 20] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109];

/// A record with an id that says where it is: `partition * 100 + number`.
pub fn record(partition: i32, number: i64) -> Record {
    let id = i64::from(partition) * 100 + number;
    Record::new(format!(r#"{{"id":{id}}}"#)).partition(partition).timestamp(BEGIN + number * 1000)
}

/// The topic `in` with all of them.
pub fn input(name: &str) -> Option<KafkaJob> {
    let job = KafkaJob::shared(name)?;
    job.create("in", 2);
    job.produce("in", (0..10).flat_map(|n| [record(0, n), record(1, n)]));
    Some(job)
}

/// From this number on in each partition.
pub fn from(first: i64) -> Vec<i64> {
    ALL.into_iter().filter(|id| id % 100 >= first).collect()
}

/// What comes before this number in each partition.
pub fn before(end: i64) -> Vec<i64> {
    ALL.into_iter().filter(|id| id % 100 < end).collect()
}

/// Flink SQL that copies the ids of topics into the table `out`.
pub fn flink(options: &str) -> String {
    format!(
        "CREATE TABLE src (id BIGINT) WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = '${{kafka}}', \
         'format' = 'json', {options});\n\
         CREATE TABLE out (id BIGINT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x', 'table-name' = 'out');\n\
         INSERT INTO out SELECT id FROM src;\n"
    )
}

/// The same over the topic `in`, reading from its beginning.
pub fn earliest(options: &str) -> String {
    flink(&format!("'topic' = '${{p}}in', 'scan.startup.mode' = 'earliest-offset'{options}"))
}

/// The ids in the table `out`.
pub fn ids(job: &KafkaJob) -> Vec<i64> {
    job.rows("out", "1").iter().map(|r| r[0].as_i64().unwrap()).collect()
}

/// Runs a job to the end of what is there. The ids it adds to the table `out`, and what it said.
pub fn read(job: &KafkaJob, name: &str, sql: &str) -> (Vec<i64>, String) {
    read_with(job, name, sql, "--until latest")
}

/// Runs a job with these arguments to its end.
pub fn read_with(job: &KafkaJob, name: &str, sql: &str, args: &str) -> (Vec<i64>, String) {
    let Finished { stderr, .. } = job.job(name, &own_table(name, sql)).args(args).run().ok();
    let rows = job.rows(&format!("out_{name}"), "1");
    (rows.iter().map(|r| r[0].as_i64().unwrap()).collect(), stderr)
}

/// The SQL with a table `out` that no other job writes.
fn own_table(name: &str, sql: &str) -> String {
    sql.replace("'table-name' = 'out'", &format!("'table-name' = 'out_{name}'"))
        .replace("tableName = 'out'", &format!("tableName = 'out_{name}'"))
}

/// Runs a job that must be refused with exit code 2; what it said.
pub fn refused(job: &KafkaJob, name: &str, sql: &str) -> String {
    job.bounded(name, &own_table(name, sql)).run().fails_with(2)
}

/// Fails unless all of these are in a text.
pub fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}
