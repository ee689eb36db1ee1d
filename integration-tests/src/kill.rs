//! The job of `jobs/kill.sql`, its input, and what its embedded targets hold.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::oracle::{self, event, field};
use crate::process::Tidegate;
use crate::{settle, topics};

/// The job's file.
pub fn job() -> PathBuf {
    crate::root().join("integration-tests/jobs/kill.sql")
}

/// The job on a directory, reading to what is there.
pub fn bounded(data: &Path) -> Tidegate {
    Tidegate::job(&job(), data).args("--until latest")
}

/// The job on a directory, waiting for more.
pub fn unbounded(data: &Path) -> Tidegate {
    Tidegate::job(&job(), data)
}

/// Runs `job` until events `0..count` are counted in its tables, then stops it.
pub fn settle(job: Tidegate, data: &Path, count: i64) {
    settle::run_until(job, &format!("{count} events"), || settle::number(data, "totals", "sum(n)") == count);
}

/// Puts events `ids` into the input topic.
pub fn feed(data: &Path, ids: std::ops::Range<i64>) {
    let lines: String = ids.map(|id| format!("{}\n", json!({"v": event(id).to_string(), "p": id % 2}))).collect();
    topics::produce(data, "events", &lines);
}

/// Checks every target against events `0..count`, all of them in closed windows.
pub fn check(data: &Path, count: i64) {
    let values = |topic: &str| -> Vec<Value> {
        let value = |m: &topics::Message| {
            serde_json::from_str(m.value.as_deref().expect("nothing is ever deleted")).unwrap_or_default()
        };
        topics::read(data, topic).iter().map(value).collect()
    };
    let row = |r: &[Value]| {
        (r[0].as_str().unwrap_or_default().to_owned(), r[1].as_i64().unwrap_or(-1), r[2].as_i64().unwrap_or(-1))
    };
    oracle::copies(values("copies").iter().map(|v| field(v, "id")), count);
    let totals: Vec<_> = crate::table_rows(data, "totals", "who").iter().map(|r| row(r)).collect();
    oracle::totals(&totals, count);
    oracle::history(values("totals_log"), count);
    oracle::minutes(crate::table_rows(data, "minutes", "").iter().map(|r| row(&r[1..])), count);
}
