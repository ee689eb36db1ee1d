//! Filling and reading topics of the embedded default.

use std::path::Path;

use serde_json::Value;

use crate::process::Tidegate;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Its partition.
    pub partition: i64,
    /// Its key.
    pub key: Option<String>,
    /// Its value; `None` is a tombstone.
    pub value: Option<String>,
}

/// Puts `{"p":…,"k":…,"v":…}` lines into a topic.
pub fn produce(data: &Path, topic: &str, lines: &str) {
    Tidegate::new(["produce", topic, "--envelope", "--embedded"]).arg(data).run_with_input(lines).ok();
}

/// Puts bare values into a topic, a line each.
pub fn produce_values<'a>(data: &Path, topic: &str, values: impl IntoIterator<Item = &'a str>) {
    let text: String = values.into_iter().map(|v| format!("{v}\n")).collect();
    Tidegate::new(["produce", topic, "--embedded"]).arg(data).run_with_input(&text).ok();
}

/// Everything that is in a topic, partition by partition, in order.
pub fn read(data: &Path, topic: &str) -> Vec<Message> {
    let out = Tidegate::new(["tail", topic, "--envelope", "--embedded"]).arg(data).run().ok();
    out.stdout
        .lines()
        .map(|line| {
            let v: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let text = |k: &str| v[k].as_str().map(str::to_owned);
            Message { partition: v["p"].as_i64().expect("a partition"), key: text("k"), value: text("v") }
        })
        .collect()
}

/// The last value of every key, in order of keys; keys whose last value is a tombstone are left out.
pub fn newest(messages: &[Message]) -> Vec<(String, String)> {
    let mut last = std::collections::BTreeMap::new();
    for m in messages {
        last.insert(m.key.clone().unwrap_or_default(), m.value.clone());
    }
    last.into_iter().filter_map(|(k, v)| v.map(|v| (k, v))).collect()
}
