//! Rows that cannot be decoded, cast, placed in time or written: every one is counted and named, and
//! stops the job, or goes to the dead letters, or is left out, as the job says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_integration_tests::process::Tidegate;
use tidegate_integration_tests::settle::{job_file, number, wait_while_running};
use tidegate_integration_tests::{table_rows, topics};

const OPTIONS: &str =
    "'properties.bootstrap.servers' = 'h:1', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json'";
const JDBC: &str = "'connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x'";
/// The dead letters as a table and as a topic.
const LETTERS: &str = "`topic` STRING, `partition` INT, `offset` BIGINT, raw_value BYTES, reason STRING, class STRING";

struct Fixture {
    dir: tempfile::TempDir,
    sql: String,
}

impl Fixture {
    /// A job over the topic `src`, which has one partition.
    fn new(columns: &str, rest: &str) -> Self {
        let sql = format!(
            "SET 'execution.checkpointing.interval' = '50 ms';\nSET 'table.local-time-zone' = 'UTC';\n\
             CREATE TABLE src ({columns}) WITH ('connector' = 'kafka', 'topic' = 'src', {OPTIONS});\n\
             CREATE TABLE good (id BIGINT, v STRING) WITH ({JDBC}, 'table-name' = 'good');\n\
             CREATE TABLE windows (t TIMESTAMP(3), n BIGINT) WITH ({JDBC}, 'table-name' = 'windows');\n{rest}\n"
        );
        Self::of(sql, 1)
    }
    fn of(sql: String, partitions: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        tidegate_local::log::Log::create(dir.path(), "src", partitions).unwrap();
        Fixture { dir, sql }
    }
    fn data(&self) -> &Path {
        self.dir.path()
    }
    fn file(&self) -> PathBuf {
        job_file(self.data(), "bad", &self.sql)
    }
    fn job(&self) -> Tidegate {
        Tidegate::job(&self.file(), self.data())
    }
    fn bounded(&self) -> Tidegate {
        self.job().bounded()
    }
    fn feed<S: AsRef<str>>(&self, values: impl IntoIterator<Item = S>) {
        self.feed_to(0, values);
    }
    fn feed_to<S: AsRef<str>>(&self, partition: u32, values: impl IntoIterator<Item = S>) {
        let line = |v: S| format!("{}\n", serde_json::json!({"p": partition, "v": v.as_ref()}));
        let lines: String = values.into_iter().map(line).collect();
        topics::produce(self.data(), "src", &lines);
    }
    fn rows(&self, table: &str) -> Vec<Vec<Value>> {
        table_rows(self.data(), table, "1, 2, 3")
    }
    fn good(&self) -> Vec<i64> {
        table_rows(self.data(), "good", "1").iter().map(|r| r[0].as_i64().unwrap_or(-1)).collect()
    }
}

const ID_V: &str = "id BIGINT, v STRING";
const COPY: &str = "INSERT INTO good SELECT id, v FROM src;";

#[test]
fn a_message_that_cannot_be_decoded_stops_the_job_with_its_place() {
    let f = Fixture::new(ID_V, COPY);
    f.feed([r#"{"id":1,"v":"a"}"#, "not json at all", r#"{"id":2}"#]);
    let said = f.bounded().run().fails_with(2);
    for part in ["table src", "topic src partition 0 offset 1", "not a JSON object", "'tidegate.dead-letter'"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(f.good(), [] as [i64; 0], "nothing of the epoch is visible");
    // Leaving such rows out is said on the command line; the job goes on.
    let said = f.job().args("--until latest --set tidegate.on-error=ignore").run().ok().stderr;
    assert!(said.contains("1 ignored") && said.contains("offset 1"), "{said}");
    assert_eq!(f.good(), [1, 2]);
}

#[test]
fn a_field_of_the_wrong_type_stops_the_job_and_names_the_column() {
    let f = Fixture::new(ID_V, COPY);
    f.feed([r#"{"id":1,"v":"a"}"#, r#"{"id":"two","v":"b"}"#]);
    let said = f.bounded().run().fails_with(2);
    assert!(said.contains("partition 0 offset 1") && said.contains("column id"), "{said}");
}

#[test]
fn a_failed_cast_stops_the_job_and_try_cast_does_not() {
    let f = Fixture::new(ID_V, "INSERT INTO good SELECT CAST(v AS BIGINT), v FROM src;");
    f.feed([r#"{"id":1,"v":"1"}"#, r#"{"id":2,"v":"zwei"}"#]);
    let said = f.bounded().run().fails_with(2);
    for part in ["INSERT 1", "partition 0 offset 1", "zwei", "BIGINT"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let f = Fixture::new(ID_V, "INSERT INTO good SELECT TRY_CAST(v AS BIGINT), v FROM src;");
    f.feed([r#"{"id":1,"v":"1"}"#, r#"{"id":2,"v":"zwei"}"#]);
    f.bounded().run().ok();
    assert_eq!(f.good(), [-1, 1], "NULL and 1");
}

/// What is NULL in Blink is NULL here, and counted with the place of the first.
#[test]
fn a_blink_cast_to_null_is_counted_with_a_sample() {
    let f = Fixture::new(ID_V, "");
    let sql = "CREATE TABLE src (messageKey VARBINARY, message VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT) WITH (type = 'kafka011', topic = 'src', bootstrap.servers = 'h:1', \
               `group.id` = 'g', startupMode = 'EARLIEST');\n\
               CREATE TABLE good (id BIGINT, v VARCHAR) WITH (type = 'rds', url = 'jdbc:mysql://h/x', tableName = 'good', \
               userName = 'u', password = 'p');\n\
               CREATE VIEW m AS SELECT CAST(message AS VARCHAR) AS j FROM src;\n\
               INSERT INTO good SELECT CAST(JSON_VALUE(j, '$.id') AS BIGINT), JSON_VALUE(j, '$.v') FROM m;\n";
    f.feed([r#"{"id":1,"v":"a"}"#, r#"{"id":"zwei","v":"b"}"#, r#"{"id":"drei","v":"c"}"#]);
    let out = Tidegate::job(&job_file(f.data(), "blink", sql), f.data()).bounded().run().ok();
    assert_eq!(f.good(), [-1, -1, 1], "NULL twice, and 1");
    let counted = out
        .stderr
        .lines()
        .find(|l| l.contains("counted") && l.contains("cast") || l.contains("null:"))
        .unwrap_or_default();
    assert!(counted.contains(": 2 (first: ") && counted.contains("partition 0 offset 1"), "{}", out.stderr);
}

#[test]
fn ignore_parse_errors_nulls_fields_skips_records_and_counts_both() {
    let f = Fixture::new(ID_V, COPY);
    let sql = f.sql.replacen("'format' = 'json'", "'format' = 'json', 'json.ignore-parse-errors' = 'true'", 1);
    let f = Fixture { sql, ..f };
    f.feed([r#"{"id":1,"v":"a"}"#, "broken", r#"{"id":"x","v":"b"}"#, r#"{"id":"y","v":"c"}"#, r#"{"id":5,"v":"d"}"#]);
    let out = f.bounded().run().ok();
    assert_eq!(f.good(), [-1, -1, 1, 5]);
    let counted = |what: &str| out.stderr.lines().find(|l| l.contains(what)).unwrap_or_default().to_owned();
    let (skipped, nulls) = (counted("record-skipped:src"), counted("field-null:src.id"));
    assert!(skipped.contains(": 1 (first: ") && skipped.contains("offset 1"), "{}", out.stderr);
    assert!(nulls.contains(": 2 (first: ") && nulls.contains("offset 2"), "{}", out.stderr);
}

/// Dead letters, as a table and as a topic: the bytes as they were and the reason, once, whatever
/// kills the program.
#[test]
fn dead_letters_arrive_once_under_sigkill() {
    let as_table = format!("CREATE TABLE dead ({LETTERS}) WITH ({JDBC}, 'table-name' = 'dead');");
    let as_topic = format!("CREATE TABLE dead ({LETTERS}) WITH ('connector' = 'kafka', 'topic' = 'dead', {OPTIONS});");
    for (i, dead) in [as_table, as_topic].iter().enumerate() {
        let f = Fixture::new(ID_V, &format!("SET 'tidegate.dead-letter' = 'dead';\n{dead}\n{COPY}"));
        let bad = |id: i64| id % 10 == 3;
        for block in 0..3 {
            let ids = block * 100..(block + 1) * 100;
            f.feed(ids.map(|id| if bad(id) { format!("坏{id}") } else { format!(r#"{{"id":{id},"v":"ok"}}"#) }));
            let point = ["decide.after_write:2", "apply.before_acknowledge:2", "apply.before:3"][block as usize];
            // Some of these points come late: then it stops by itself after a while.
            let mut running = f.job().args("--from earliest").env("TIDEGATE_FAILPOINT", point).start();
            let until = std::time::Instant::now() + std::time::Duration::from_millis(700);
            while running.is_running() && std::time::Instant::now() < until {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            running.kill();
        }
        let out = f.job().args("--until latest --tasks 2").run().ok();
        assert_eq!(f.good(), (0..300).filter(|id| !bad(*id)).collect::<Vec<_>>(), "{}", out.stderr);
        let letters: Vec<(i64, String, String, String)> = if i == 0 {
            let read = |r: &Vec<Value>| (r[2].as_i64().unwrap(), blob(&r[3]), text(&r[4]), text(&r[5]));
            table_rows(f.data(), "dead", "\"offset\"").iter().map(read).collect()
        } else {
            let mut all: Vec<_> =
                topics::read(f.data(), "dead").iter().map(|m| letter(m.value.as_deref().unwrap())).collect();
            all.sort();
            all
        };
        let want: Vec<(i64, String)> = (0..300).filter(|id| bad(*id)).map(|id| (id, format!("坏{id}"))).collect();
        let got: Vec<(i64, String)> = letters.iter().map(|l| (l.0, l.1.clone())).collect();
        assert_eq!(got, want);
        assert!(letters.iter().all(|l| l.2.contains("not a JSON object") && l.3 == "decode"), "{letters:?}");
    }
}

fn text(v: &Value) -> String {
    v.as_str().unwrap_or_default().to_owned()
}

/// `[e5, 9d, …]` as text.
fn blob(v: &Value) -> String {
    let shown = text(v);
    let hex = shown.trim_matches(['[', ']']).split(", ").map(|h| u8::from_str_radix(h, 16).unwrap());
    String::from_utf8(hex.collect()).unwrap()
}

/// A dead letter as JSON, where bytes are base64.
fn letter(json: &str) -> (i64, String, String, String) {
    let v: Value = serde_json::from_str(json).unwrap();
    (v["offset"].as_i64().unwrap(), base64(&text(&v["raw_value"])), text(&v["reason"]), text(&v["class"]))
}

fn base64(encoded: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut have, mut out) = (0u32, 0, Vec::new());
    for c in encoded.bytes().filter(|c| *c != b'=') {
        bits = bits << 6 | ALPHABET.iter().position(|a| *a == c).unwrap() as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    String::from_utf8(out).unwrap()
}

const TIMED: &str =
    "id BIGINT, ms BIGINT, kind STRING, t AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR t AS t - INTERVAL '1' SECOND";
const WINDOWS: &str = "INSERT INTO windows SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE src, DESCRIPTOR(t), INTERVAL '10' SECOND)) \
                       GROUP BY window_start, window_end;";

fn timed(id: i64, ms: i64) -> String {
    format!(r#"{{"id":{id},"ms":{ms},"kind":"k{}"}}"#, id % 100)
}

#[test]
fn a_row_without_event_time_stops_or_goes_to_the_dead_letters() {
    let values = [timed(1, 1000), r#"{"id":2,"kind":"k"}"#.to_owned(), timed(3, 2000)];
    let f = Fixture::new(TIMED, WINDOWS);
    f.feed(&values);
    let said = f.bounded().run().fails_with(2);
    assert!(said.contains("partition 0 offset 1") && said.contains("event time of table src is NULL"), "{said}");

    let dead = format!(
        "SET 'tidegate.dead-letter' = 'dead';\nCREATE TABLE dead ({LETTERS}) WITH ({JDBC}, 'table-name' = 'dead');\n"
    );
    let f = Fixture::new(TIMED, &format!("{dead}{WINDOWS}"));
    f.feed(&values);
    f.bounded().run().ok();
    let letters = f.rows("dead");
    assert_eq!((letters.len(), letters[0][2].as_i64(), text(&letters[0][5])), (1, Some(1), "null-time".to_owned()));
    assert_eq!(number(f.data(), "windows", "sum(n)"), 2);
}

#[test]
fn late_rows_are_counted_and_nothing_else_is_missing() {
    for tasks in ["1", "3"] {
        let f = Fixture::new(TIMED, WINDOWS);
        // Time advances 20 ms a row; every 50th row is 30 s old.
        let ms = |id: i64| if id % 50 == 49 { id * 20 - 30_000 } else { id * 20 }.max(0);
        f.feed((0..5000).map(|id| timed(id, ms(id))));
        let out = f.bounded().args("--tasks").arg(tasks).run().ok();
        let in_windows = number(f.data(), "windows", "sum(n)");
        let late: i64 = out
            .stderr
            .lines()
            .rev()
            .find_map(|l| {
                l.split(", ")
                    .find_map(|p| p.strip_suffix(" late").or(p.split(" late").next().filter(|_| p.contains(" late"))))
            })
            .map_or(0, |n| n.parse().unwrap());
        assert_eq!(in_windows + late, 5000, "{}", out.stderr);
        // A row is late where its window [0, 10 s), … had closed: the watermark is 1 s behind.
        let mut watermark = i64::MIN;
        let mut want: BTreeMap<i64, i64> = BTreeMap::new();
        for id in 0..5000 {
            let end = ms(id) / 10_000 * 10_000 + 10_000;
            if end - 1 > watermark {
                *want.entry(end).or_default() += 1;
            }
            watermark = watermark.max(ms(id) - 1000);
        }
        assert_eq!(in_windows, want.values().sum::<i64>());
        assert!(late > 0 && late < 100, "{late}");
    }
}

/// Rows that no query wants still move the watermark: windows close on time.
#[test]
fn windows_close_although_almost_all_rows_are_filtered() {
    let rare = WINDOWS.replace("TABLE src", "TABLE rare");
    let f = Fixture::new(TIMED, &format!("CREATE VIEW rare AS SELECT * FROM src WHERE kind = 'k7';\n{rare}"));
    // 100 rows of which one is kept, all in the first window; then one that is not, 20 s on.
    f.feed((0..100).map(|id| timed(id, id * 10)));
    let mut running = f.job().start();
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!(number(f.data(), "windows", "count(*)"), 0, "the window is open");
    f.feed([timed(101, 21_000)]);
    wait_while_running(&mut running, "the window to close", || number(f.data(), "windows", "sum(n)") == 1);
    running.terminate();
    running.wait(std::time::Duration::from_secs(10)).ok();
}

#[test]
fn an_idle_partition_holds_windows_back_until_it_counts_as_idle() {
    for (timeout, closes) in [("0", false), ("150 ms", true)] {
        let f = Fixture::new(TIMED, &format!("SET 'table.exec.source.idle-timeout' = '{timeout}';\n{WINDOWS}"));
        let f = Fixture::of(f.sql, 2);
        f.feed_to(1, [timed(0, 100)]);
        f.feed_to(0, (0..100).map(|id| timed(id, id * 300)));
        let mut running = f.job().start();
        if closes {
            wait_while_running(&mut running, "two windows", || number(f.data(), "windows", "count(*)") == 2);
            // What comes late to an idle partition is late; what is in time is not lost.
            f.feed_to(1, [timed(500, 29_000)]);
            f.feed_to(0, [timed(501, 60_000)]);
            wait_while_running(&mut running, "the third", || number(f.data(), "windows", "sum(n)") == 102);
        } else {
            std::thread::sleep(std::time::Duration::from_millis(700));
            assert_eq!(number(f.data(), "windows", "count(*)"), 0, "the other partition may still be behind");
        }
        running.terminate();
        running.wait(std::time::Duration::from_secs(10)).ok();
    }
}

#[test]
fn a_null_in_a_primary_key_is_never_written() {
    let keyed = format!(
        "CREATE TABLE keyed (id BIGINT NOT NULL, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ({JDBC}, 'table-name' = 'keyed');"
    );
    let insert = "INSERT INTO keyed SELECT id, v FROM src;";
    let values = [r#"{"id":1,"v":"a"}"#, r#"{"v":"b"}"#, r#"{"id":3,"v":"c"}"#];
    let f = Fixture::new(ID_V, &format!("{keyed}\n{insert}"));
    f.feed(values);
    let said = f.bounded().run().fails_with(2);
    assert!(said.contains("id") && said.contains("NULL") && said.contains("offset 1"), "{said}");

    let dead = format!(
        "SET 'tidegate.dead-letter' = 'dead';\nCREATE TABLE dead ({LETTERS}) WITH ({JDBC}, 'table-name' = 'dead');\n"
    );
    let f = Fixture::new(ID_V, &format!("{dead}{keyed}\n{insert}"));
    f.feed(values);
    f.bounded().run().ok();
    assert_eq!(table_rows(f.data(), "keyed", "1").len(), 2);
    let letters = f.rows("dead");
    assert_eq!((letters.len(), letters[0][2].as_i64(), blob(&letters[0][3])), (1, Some(1), values[1].to_owned()));

    let f = Fixture::new(ID_V, &format!("SET 'table.exec.sink.not-null-enforcer' = 'DROP';\n{keyed}\n{insert}"));
    f.feed(values);
    let said = f.bounded().run().ok().stderr;
    assert_eq!(table_rows(f.data(), "keyed", "1").len(), 2);
    assert!(
        said.lines().any(|l| l.contains("counted") && l.contains(": 1 (first") && l.contains("offset 1")),
        "{said}"
    );
}
