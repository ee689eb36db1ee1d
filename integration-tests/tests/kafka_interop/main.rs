//! Kafka topics shared with others: Java's and Python's clients, Tidegate's own commands, and listeners
//! that ask who is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod by_hand;
mod java;
mod python;
mod secured;

/// Copies `id`, `name` and the headers of the topic `in` to the topic `out`, whose key is the name.
const COPY: &str = "CREATE TABLE src (id BIGINT, name STRING, h MAP<STRING, BYTES> METADATA FROM 'headers') WITH (\
    'connector' = 'kafka', 'topic' = '${p}in', 'properties.bootstrap.servers' = '${kafka}', \
    'scan.startup.mode' = 'earliest-offset', 'format' = 'json');\n\
    CREATE TABLE out (id BIGINT, name STRING, h MAP<STRING, BYTES> METADATA FROM 'headers') WITH (\
    'connector' = 'kafka', 'topic' = '${p}out', 'properties.bootstrap.servers' = '${kafka}', \
    'key.format' = 'raw', 'key.fields' = 'name', 'value.format' = 'json');\n\
    INSERT INTO out SELECT id, name, h FROM src;\n";

/// Fails unless all of these are in a text.
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}
