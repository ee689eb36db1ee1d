//! Python's client: rows of its transactions, read and written.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::{kafka_topics, python};

use super::COPY;

const COUNT: i64 = 100;

#[test]
fn transactions_of_python_and_ours() {
    let Some(job) = KafkaJob::shared("python") else { return };
    job.create("in", 3);
    job.create("out", 2);
    let (input, output) = (job.full("in"), job.full("out"));
    if python::run("produce.py", &[&job.direct, &input, &COUNT.to_string()]).is_none() {
        return;
    }
    assert_eq!(kafka_topics::read_uncommitted(&job.direct, &input).len(), 2 * COUNT as usize, "half are aborted");
    job.bounded("python", COPY).run().ok();
    let read = python::run("consume.py", &[&job.direct, &output]).unwrap();
    let mut got: BTreeMap<i64, Value> = BTreeMap::new();
    for line in read.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let value: Value = serde_json::from_str(line["v"].as_str().unwrap()).unwrap();
        let mut headers = line["h"].as_array().unwrap().clone();
        headers.sort_by_key(ToString::to_string);
        let before = got.insert(value["id"].as_i64().unwrap(), json!([line["k"], value["name"], headers]));
        assert!(before.is_none(), "twice: {line}");
    }
    assert_eq!(got.len() as i64, COUNT, "only what was committed");
    for (id, row) in got {
        let name = format!("学生{id}");
        assert_eq!(row, json!([name, name, [["lang", "python"], ["number", id.to_string()]]]));
    }
}
