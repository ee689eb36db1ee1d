//! The job of `jobs/wide.sql`: rows that cannot be compressed away, copied into a log and a table.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::process::Tidegate;
use crate::{settle, topics};

/// The job with its limits in bytes and its epoch interval.
pub fn job(data: &Path, interval: &str, epoch_bytes: &str, pending_bytes: &str) -> Tidegate {
    Tidegate::job(&crate::root().join("integration-tests/jobs/wide.sql"), data)
        .args(&format!("--var epoch_bytes={epoch_bytes} --var pending_bytes={pending_bytes} --var"))
        .arg(format!("interval={interval}"))
}

/// Text of `length` characters that looks random and is the same for the same id.
fn pad(id: i64, length: usize) -> String {
    let mut state = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = String::with_capacity(length + 16);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(out, "{state:016x}");
    }
    out.truncate(length);
    out
}

/// Puts rows `ids` of `length` characters into the input.
pub fn feed(data: &Path, ids: std::ops::Range<i64>, length: usize) {
    let lines: Vec<String> = ids.map(|id| format!(r#"{{"id":{id},"pad":"{}"}}"#, pad(id, length))).collect();
    topics::produce_values(data, "wide", lines.iter().map(String::as_str));
}

/// Rows that the table has.
pub fn in_table(data: &Path) -> i64 {
    settle::number(data, "wide_table", "count(*)")
}

/// Checks that both targets have rows `0..count` once, each with its own text.
pub fn check(data: &Path, count: i64, length: usize) {
    let mut log: Vec<(i64, String)> = topics::read(data, "wide_log")
        .iter()
        .map(|m| {
            let v: Value = serde_json::from_str(m.value.as_deref().unwrap_or("null")).unwrap_or_default();
            (v["id"].as_i64().unwrap_or(-1), v["pad"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    let mut table: Vec<(i64, String)> = crate::table_rows(data, "wide_table", "")
        .iter()
        .map(|r| (r[0].as_i64().unwrap_or(-1), r[1].as_str().unwrap_or_default().to_owned()))
        .collect();
    for (what, rows) in [("log", &mut log), ("table", &mut table)] {
        rows.sort_unstable();
        assert_eq!(rows.len() as i64, count, "rows in the {what}");
        for (id, (got, text)) in rows.iter().enumerate() {
            assert!(id as i64 == *got && *text == pad(*got, length), "{what}: row {id} is {got}");
        }
    }
}
