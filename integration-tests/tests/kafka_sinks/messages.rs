//! What a message is made of: key, value, headers, time.

use serde_json::json;
use tidegate_integration_tests::kafka_topics::Message;

use super::{out, target};

type Shape<'a> = (Option<&'a str>, &'a str);

fn shapes(messages: &[Message]) -> Vec<Shape<'_>> {
    messages.iter().map(|m| (m.key_text(), m.text())).collect()
}

#[test]
fn keys_and_values_in_each_format() {
    let values = "INSERT INTO out VALUES (1, '甲', 2.50), (2, CAST(NULL AS STRING), 0);\n";
    let columns = "id BIGINT, who STRING, d DECIMAL(10, 2)";
    let prefixed = "'key.format' = 'json', 'key.fields' = 'k_id', 'key.fields-prefix' = 'k_', 'value.format' = 'json', \
                    'value.fields-include' = 'EXCEPT_KEY'";
    let cases: [(&str, &str, &str, Vec<Shape<'_>>); 5] = [
        (
            "plain",
            columns,
            "'format' = 'json'",
            vec![(None, r#"{"id":1,"who":"甲","d":2.5}"#), (None, r#"{"id":2,"who":null,"d":0}"#)],
        ),
        (
            "raw",
            columns,
            "'key.format' = 'raw', 'key.fields' = 'who', 'value.format' = 'json'",
            vec![(Some("甲"), r#"{"id":1,"who":"甲","d":2.5}"#), (None, r#"{"id":2,"who":null,"d":0}"#)],
        ),
        (
            "both",
            columns,
            "'key.format' = 'json', 'key.fields' = 'who;id', 'value.format' = 'csv', 'value.fields-include' = 'EXCEPT_KEY'",
            vec![(Some(r#"{"who":"甲","id":1}"#), "2.50"), (Some(r#"{"who":null,"id":2}"#), "0.00")],
        ),
        (
            "prefix",
            "k_id BIGINT, who STRING, d DECIMAL(10, 2)",
            prefixed,
            vec![(Some(r#"{"id":1}"#), r#"{"who":"甲","d":2.5}"#), (Some(r#"{"id":2}"#), r#"{"who":null,"d":0}"#)],
        ),
        (
            "csv",
            columns,
            "'format' = 'csv', 'csv.field-delimiter' = '|', 'csv.null-literal' = '-'",
            vec![(None, "1|甲|2.50"), (None, "2|-|0.00")],
        ),
    ];
    for (name, columns, options, want) in cases {
        let Some(job) = target(name, 1) else { return };
        job.job(name, &(out(columns, options) + values)).run().ok();
        assert_eq!(shapes(&job.read("out")), want, "{name}");
    }
}

#[test]
fn keys_of_the_older_dialects() {
    let Some(job) = target("blink", 1) else { return };
    let sql = "CREATE TABLE out (messageKey VARBINARY, message VARBINARY) WITH (type = 'kafka010', topic = '${p}out', \
               bootstrap.servers = '${kafka}');\n\
               INSERT INTO out SELECT CAST('键' AS VARBINARY), CAST('{\"a\": 1}' AS VARBINARY) \
               FROM (VALUES (1)) AS t(x);\n";
    job.job("blink", sql).run().ok();
    assert_eq!(shapes(&job.read("out")), [(Some("键"), r#"{"a": 1}"#)]);

    let Some(job) = target("uflink", 1) else { return };
    let sql = "CREATE TABLE out (id BIGINT, who VARCHAR, n INT) WITH (type = 'kafka11', bootstrapServers = '${kafka}', \
               topic = '${p}out', partitionKeys = 'who,id', enableKeyPartitions = 'true');\n\
               INSERT INTO out SELECT id, who, n FROM (VALUES (CAST(1 AS BIGINT), '甲', 5)) AS t(id, who, n);\n";
    job.job("uflink", sql).run().ok();
    assert_eq!(shapes(&job.read("out")), [(Some(r#"{"who":"甲","id":1}"#), r#"{"id":1,"who":"甲","n":5}"#)]);
}

/// Headers, also without a value and without any, and the time, are written from metadata columns.
#[test]
fn headers_and_time() {
    let Some(job) = target("headers", 1) else { return };
    let columns = "id BIGINT, h MAP<STRING, BYTES> METADATA FROM 'headers', at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', \
                   o BIGINT METADATA FROM 'offset' VIRTUAL";
    let sql = out(columns, "'format' = 'json'")
        + "INSERT INTO out SELECT CAST(1 AS BIGINT), MAP['trace', CAST('甲' AS BYTES), 'none', CAST(NULL AS BYTES)], \
           TO_TIMESTAMP_LTZ(1598486400123, 3);\n\
           INSERT INTO out SELECT CAST(2 AS BIGINT), CAST(NULL AS MAP<STRING, BYTES>), TO_TIMESTAMP_LTZ(7, 3);\n\
           INSERT INTO out SELECT CAST(3 AS BIGINT), MAP['trace', CAST('x' AS BYTES)], CAST(NULL AS TIMESTAMP_LTZ(3));\n";
    let before = now();
    job.job("headers", &sql).run().ok();
    let mut read = job.read("out");
    read.sort_by_key(|m| m.json()["id"].as_i64());
    let [one, two, three] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(one.json(), json!({"id": 1}), "metadata is not in the value");
    let mut headers = one.headers.clone();
    headers.sort();
    assert_eq!(headers, [("none".to_owned(), None), ("trace".to_owned(), Some("甲".as_bytes().to_vec()))]);
    assert_eq!(one.timestamp, Some(1_598_486_400_123));
    assert_eq!((two.headers.len(), two.timestamp), (0, Some(7)));
    assert_eq!(three.header("trace"), Some("x"));
    assert!(three.timestamp.unwrap() >= before, "now, where the row has none: {three:?}");
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}
