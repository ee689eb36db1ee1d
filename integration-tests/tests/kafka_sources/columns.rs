//! What of a record becomes columns: value and key in each format, and what Kafka knows besides.

use serde_json::{Value, json};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{self, Record};

use super::reading::says;

/// Runs one job over the topic `in`: `columns` of the source, `options` of it, what is selected into the
/// columns `target`.
fn copy(job: &KafkaJob, name: &str, [columns, options, select, target]: [&str; 4]) -> Vec<Vec<Value>> {
    let sql = format!(
        "CREATE TABLE src ({columns}) WITH ('connector' = 'kafka', 'topic' = '${{p}}in', \
         'properties.bootstrap.servers' = '${{kafka}}', 'scan.startup.mode' = 'earliest-offset', {options});\n\
         CREATE TABLE out ({target}) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x', 'table-name' = 'out_{name}');\n\
         INSERT INTO out SELECT {select} FROM src;\n"
    );
    job.bounded(name, &sql).run().ok();
    job.rows(&format!("out_{name}"), "1")
}

#[test]
fn metadata() {
    let Some(job) = KafkaJob::shared("metadata") else { return };
    job.create("in", 3);
    let first = Record::new(r#"{"id":1}"#).key("键").partition(2).timestamp(1_598_486_400_123);
    let first = first.header("trace", "t-1").header("empty", "").header("none", ()).header("trace", "t-2");
    job.produce("in", [first, Record::new(r#"{"id":2}"#).partition(2).timestamp(1_598_486_400_456)]);
    let columns = "id BIGINT, `topic` STRING METADATA VIRTUAL, `partition` INT METADATA VIRTUAL, \
                   `offset` BIGINT METADATA VIRTUAL, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', \
                   kind STRING METADATA FROM 'timestamp-type' VIRTUAL, epoch INT METADATA FROM 'leader-epoch' VIRTUAL, \
                   k BYTES METADATA FROM 'key' VIRTUAL, h MAP<STRING, BYTES> METADATA FROM 'headers'";
    let select = "id, `topic`, `partition`, `offset`, CAST(at AS STRING), kind, epoch >= 0, CAST(k AS STRING), \
                  CAST(h['trace'] AS STRING), CAST(h['empty'] AS STRING), h['none'] IS NULL, CARDINALITY(h)";
    let target = "id BIGINT, t STRING, p INT, o BIGINT, at STRING, kind STRING, epoch BOOLEAN, k STRING, trace STRING, \
                  empty STRING, none BOOLEAN, n INT";
    let rows = copy(&job, "metadata", [columns, "'format' = 'json'", select, target]);
    let topic = job.full("in");
    let want = json!([
        [1, topic, 2, 0, "2020-08-27 00:00:00.123", "CreateTime", 1, "键", "t-2", "", 1, 3],
        [2, topic, 2, 1, "2020-08-27 00:00:00.456", "CreateTime", 1, null, null, null, 1, 0],
    ]);
    // A header given twice is in the map once, by its last value, as in Flink.
    assert_eq!(json!(rows), want);

    let sql = "CREATE TABLE src (id BIGINT, o BIGINT METADATA FROM 'ofset') WITH ('connector' = 'kafka', 'topic' = '${p}in', \
               'properties.bootstrap.servers' = '${kafka}', 'format' = 'json');";
    let said = job.command("check", "wrong", sql).run().fails_with(2);
    says(&said, &["Kafka has no metadata 'ofset'", "did you mean 'offset'?"]);
}

/// The time of the broker, where the topic says so.
#[test]
fn the_time_of_the_log() {
    let Some(job) = KafkaJob::shared("logtime") else { return };
    kafka_topics::create_with(&job.direct, &job.full("in"), 1, &[("message.timestamp.type", "LogAppendTime")]);
    job.produce("in", [Record::new(r#"{"id":1}"#).timestamp(1_598_486_400_123)]);
    let columns =
        "id BIGINT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', kind STRING METADATA FROM 'timestamp-type' VIRTUAL";
    let select = "id, kind, at > TIMESTAMP '2024-01-01 00:00:00'";
    let rows = copy(&job, "logtime", [columns, "'format' = 'json'", select, "id BIGINT, kind STRING, late BOOLEAN"]);
    assert_eq!(json!(rows), json!([[1, "LogAppendTime", 1]]));
}

#[test]
fn keys() {
    let Some(job) = KafkaJob::shared("keys") else { return };
    job.create("in", 1);
    job.produce(
        "in",
        [
            Record::new(r#"{"id":1,"name":"value"}"#).key(r#"{"who":"甲","id":7}"#),
            Record::new(r#"{"id":2,"name":"value"}"#),
            Record::new(r#"{"id":3,"name":"value"}"#).key(r#"{"who":null}"#),
        ],
    );
    let json_key = "'key.format' = 'json', 'key.fields' = 'key_who;key_id', 'key.fields-prefix' = 'key_', \
                    'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY'";
    let columns = "id BIGINT, key_who STRING, key_id BIGINT, name STRING";
    let select = "id, key_who, key_id, name";
    let rows = copy(&job, "json", [columns, json_key, select, "id BIGINT, who STRING, k BIGINT, name STRING"]);
    let want = json!([[1, "甲", 7, "value"], [2, null, null, "value"], [3, null, null, "value"]]);
    assert_eq!(json!(rows), want, "names in the key have no prefix");

    let raw_key =
        "'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY'";
    let rows = copy(&job, "raw", ["id BIGINT, k STRING", raw_key, "id, k", "id BIGINT, k STRING"]);
    assert_eq!(json!(rows), json!([[1, r#"{"who":"甲","id":7}"#], [2, null], [3, r#"{"who":null}"#]]));

    // The key's columns are in the value too unless the table says otherwise; the key's win, as in Flink.
    let both = "'key.format' = 'json', 'key.fields' = 'id', 'value.format' = 'json'";
    let rows = copy(&job, "both", ["id BIGINT, name STRING", both, "id, name", "id BIGINT, name STRING"]);
    assert_eq!(rows.len(), 3);

    let blink = "CREATE TABLE src (messageKey VARBINARY, message VARBINARY, `offset` BIGINT) WITH (type = 'kafka010', \
                 topic = '${p}in', bootstrap.servers = '${kafka}', startupMode = 'EARLIEST');\n\
                 CREATE TABLE out (o BIGINT, k VARCHAR, n BIGINT) WITH (type = 'rds', url = 'jdbc:mysql://h/x', \
                 tableName = 'blink', userName = 'u', password = 'p');\n\
                 INSERT INTO out SELECT `offset`, CAST(messageKey AS VARCHAR), \
                 CAST(JSON_VALUE(CAST(message AS VARCHAR), '$.id') AS BIGINT) FROM src;\n";
    job.bounded("blink", blink).run().ok();
    let want = json!([[0, r#"{"who":"甲","id":7}"#, 1], [1, null, 2], [2, r#"{"who":null}"#, 3]]);
    assert_eq!(json!(job.rows("blink", "1")), want);
}

#[test]
fn formats() {
    let Some(job) = KafkaJob::shared("formats") else { return };
    job.create("in", 1);
    job.produce("in", [Record::new("1;'a;b';2.50"), Record::new("2;NULL;3")]);
    let csv =
        "'format' = 'csv', 'csv.field-delimiter' = ';', 'csv.quote-character' = '''', 'csv.null-literal' = 'NULL'";
    let rows = copy(
        &job,
        "csv",
        ["id BIGINT, t STRING, d DECIMAL(10, 2)", csv, "id, t, d", "id BIGINT, t STRING, d STRING"]
            .map(|s| if s == "id, t, d" { "id, t, CAST(d AS STRING)" } else { s }),
    );
    assert_eq!(json!(rows), json!([[1, "a;b", "2.50"], [2, null, "3.00"]]));
    let rows = copy(&job, "raw", ["line STRING", "'format' = 'raw'", "line", "line STRING"]);
    assert_eq!(json!(rows), json!([["1;'a;b';2.50"], ["2;NULL;3"]]));
    let bytes = copy(&job, "bytes", ["line BYTES", "'format' = 'raw'", "CAST(line AS STRING)", "line STRING"]);
    assert_eq!(bytes, rows);

    let nested = KafkaJob::shared("nested").unwrap();
    nested.create("in", 1);
    nested.produce("in", [Record::new(r#"{"id":1,"user":{"name":"甲","tags":["x","y"]},"at":"2020-08-27 01:02:03"}"#)]);
    let columns = "id BIGINT, `user` ROW<name STRING, tags ARRAY<STRING>>, at TIMESTAMP(3)";
    let select = "id, `user`.name, `user`.tags[2], CAST(at AS STRING)";
    let rows =
        copy(&nested, "json", [columns, "'format' = 'json'", select, "id BIGINT, n STRING, t STRING, at STRING"]);
    assert_eq!(json!(rows), json!([[1, "甲", "y", "2020-08-27 01:02:03.000"]]));
}
