//! Compressed batches, written by us and read by others and the other way round.

use serde_json::{Value, json};
use tidegate_integration_tests::broker;
use tidegate_integration_tests::kafka_topics::Record;

use super::{out, src, target};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const ROWS: i64 = 400;

#[test]
fn every_codec_there_and_back() {
    let Some(job) = target("codecs", 1) else { return };
    job.create("in", 1);
    let row = |id: i64| json!({"id": id, "v": "一句话".repeat(100)}).to_string();
    job.produce("in", (0..ROWS).map(|id| Record::new(row(id))));
    let mut sql = src("id BIGINT, v STRING", "'format' = 'json'");
    for codec in CODECS {
        job.create(codec, 1);
        sql += &out("id BIGINT, v STRING", &format!("'format' = 'json', 'properties.compression.type' = '{codec}'"))
            .replace("TABLE out", &format!("TABLE `{codec}`"))
            .replace("${p}out", &format!("${{p}}{codec}"));
        sql += &format!("INSERT INTO `{codec}` SELECT id, v FROM src;\n");
    }
    job.bounded("write", &sql).run().ok();
    let size = sizes(&job.direct, &CODECS.map(|c| job.full(c)));
    for (codec, bytes) in CODECS.into_iter().zip(&size) {
        assert_eq!(job.numbers(codec, "id"), (0..ROWS).collect::<Vec<_>>(), "{codec}");
        let compressed = *bytes < size[0] / 2;
        assert_eq!(compressed, codec != "none", "{codec}: {size:?}");
    }
    // And back: one table over all of them.
    let back = src("id BIGINT, v STRING", "'format' = 'json'")
        .replace("${p}in", &CODECS.map(|c| format!("${{p}}{c}")).join(";"))
        + "CREATE TABLE back (id BIGINT, n INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x', 'table-name' = 'back');\n\
           INSERT INTO back SELECT id, CHAR_LENGTH(v) FROM src;\n";
    job.bounded("back", &back).run().ok();
    let rows = job.rows("back", "1");
    let want: Vec<Value> = (0..ROWS).flat_map(|id| std::iter::repeat_n(json!([id, 300]), CODECS.len())).collect();
    assert_eq!(json!(rows), json!(want));
}

/// Bytes on the broker's disk, topic by topic.
fn sizes(bootstrap: &str, topics: &[String]) -> Vec<i64> {
    let class = "org.apache.kafka.tools.LogDirsCommand";
    let args = ["--bootstrap-server", bootstrap, "--describe", "--topic-list", &topics.join(",")];
    let output = broker::tool(bootstrap, class, &args, "").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|l| l.starts_with('{')).unwrap_or_else(|| panic!("{output:?}"));
    let described: Value = serde_json::from_str(line).unwrap();
    let partitions = described["brokers"][0]["logDirs"][0]["partitions"].as_array().unwrap();
    let size = |topic: &String| {
        let found = partitions.iter().find(|p| p["partition"] == format!("{topic}-0"));
        found.unwrap_or_else(|| panic!("{topic}: {text}"))["size"].as_i64().unwrap()
    };
    topics.iter().map(size).collect()
}
