//! Blink's and UFlink's ways to say where reading starts and ends.

use super::groups::commit;
use super::reading::{ALL, BEGIN, from, input, read, read_with, refused, says};

/// Blink: bytes and what Kafka knows; the rest is computed.
fn blink(options: &str) -> String {
    format!(
        "CREATE TABLE src (messageKey VARBINARY, message VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT) \
         WITH (type = 'kafka011', topic = '${{p}}in', bootstrap.servers = '${{kafka}}', `group.id` = '${{p}}g'{options});\n\
         CREATE TABLE out (id BIGINT) WITH (type = 'rds', url = 'jdbc:mysql://h/x', tableName = 'out', userName = 'u', \
         password = 'p');\n\
         CREATE VIEW texts AS SELECT CAST(message AS VARCHAR) AS j FROM src;\n\
         INSERT INTO out SELECT CAST(JSON_VALUE(j, '$.id') AS BIGINT) FROM texts;\n"
    )
}

fn uflink(options: &str) -> String {
    format!(
        "CREATE TABLE src (id BIGINT) WITH (type = 'kafka11', bootstrapServers = '${{kafka}}', \
         zookeeperQuorum = 'zoo:2181/kafka', topic = '${{p}}in', groupId = '${{p}}g'{options});\n\
         CREATE TABLE out (id BIGINT) WITH (type = 'mysql', url = 'jdbc:mysql://h/x', userName = 'u', password = 'p', \
         tableName = 'out');\n\
         INSERT INTO out SELECT id FROM src;\n"
    )
}

#[test]
fn blink_starts() {
    let Some(job) = input("blink") else { return };
    assert_eq!(read(&job, "earliest", &blink(", startupMode = 'EARLIEST'")).0, ALL);
    let (got, said) = read(&job, "latest", &blink(", startupMode = 'LATEST'"));
    assert_eq!(got, [] as [i64; 0]);
    says(&said, &["starting behind 20 existing records"]);
    let ms = format!(", startupMode = 'TIMESTAMP', startTimeMs = '{}'", BEGIN + 3000);
    assert_eq!(read(&job, "ms", &blink(&ms)).0, from(3));
    // 2020-08-27 00:00:00 UTC is eight in the morning in Shanghai.
    let text = ", startupMode = 'TIMESTAMP', startTime = '2020-08-27 08:00:07'";
    assert_eq!(read(&job, "text", &blink(text)).0, from(7));
    let zone = ", startupMode = 'TIMESTAMP', startTime = '2020-08-27 00:00:07', timeZone = 'UTC'";
    assert_eq!(read(&job, "zone", &blink(zone)).0, from(7));

    let group = |g: &str, more: &str| blink(&format!(", startupMode = 'GROUP_OFFSETS'{more}")).replace("${p}g", g);
    assert_eq!(read(&job, "new", &group("${p}g1", "")).0, [] as [i64; 0], "a group without offsets: at the end");
    assert_eq!(read(&job, "reset", &group("${p}g2", ", auto.offset.reset = 'earliest'")).0, ALL);
    commit(&job, "g3", &[(0, 8), (1, 10)]);
    assert_eq!(read(&job, "stored", &group("${p}g3", "")).0, [8, 9]);
    commit(&job, "g4", &[(0, 10), (1, 7)]);
    assert_eq!(read(&job, "default", &blink("").replace("${p}g", "${p}g4")).0, [107, 108, 109]);
}

#[test]
fn uflink_starts_and_ends() {
    let Some(job) = input("uflink") else { return };
    assert_eq!(read(&job, "earliest", &uflink(", offsetReset = 'earliest'")).0, ALL);
    let (got, said) = read(&job, "latest", &uflink(", offsetReset = 'latest'"));
    assert_eq!(got, [] as [i64; 0]);
    says(&said, &["starting behind 20 existing records"]);
    assert_eq!(read(&job, "default", &uflink("")).0, [] as [i64; 0]);
    assert_eq!(read(&job, "json", &uflink(r#", offsetReset = '{"0":9,"1":7}'"#)).0, [9, 107, 108, 109]);
    let time = format!(", offsetReset = 'timestamp', timestampOffset = '{}'", BEGIN + 8000);
    assert_eq!(read(&job, "time", &uflink(&time)).0, from(8));
    let end = uflink(r#", offsetReset = 'earliest', offsetEnd = '{"0":2,"1":1}'"#);
    assert_eq!(read_with(&job, "end", &end, "").0, [0, 1, 100]);

    let said = refused(&job, "missing", &uflink(", offsetReset = 'timestamp'"));
    says(&said, &["offsetReset = 'timestamp' needs timestampOffset"]);
    let said = refused(&job, "unknown", &uflink(", offsetReset = 'ealiest'"));
    says(&said, &["'ealiest' is not a start", "use latest, earliest"]);
}

/// What has no meaning here is said, once, by `check`; nothing else is.
#[test]
fn check_says_what_is_ignored() {
    let Some(job) = input("notes") else { return };
    let said = job.command("check", "uflink", &uflink(", offsetReset = 'earliest'")).run().ok().stdout;
    let notes: Vec<&str> = said.lines().filter(|l| l.contains("note:")).collect();
    assert_eq!(notes.len(), 1, "{said}");
    says(notes[0], &["zookeeperQuorum", "brokers are found by bootstrapServers"]);
    let said = job.command("check", "blink", &blink(", zookeeper.connect = 'zoo:2181'")).run().ok().stdout;
    says(&said, &["note: ", "zookeeper.connect", "brokers are found by bootstrap.servers"]);
}

#[test]
fn an_unknown_property_is_an_error_with_the_nearest_name() {
    let Some(job) = input("unknown") else { return };
    let flink = super::reading::earliest(", 'properties.fetch.min.byte' = '1'");
    says(&refused(&job, "flink", &flink), &["fetch.min.byte", "did you mean 'fetch.min.bytes'?", "flink.sql:1:"]);
    says(
        &refused(&job, "blink", &blink(", fetch.min.byte = '1'")),
        &["fetch.min.byte", "did you mean 'fetch.min.bytes'?"],
    );
    let uflink = uflink(", `kafka.fetch.min.byte` = '1'");
    says(&refused(&job, "uflink", &uflink), &["fetch.min.byte", "did you mean 'fetch.min.bytes'?"]);
}
