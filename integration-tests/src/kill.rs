//! The job of `jobs/kill.sql`, its input, and the oracles that say whether a row was lost or doubled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::process::Tidegate;
use crate::{settle, topics};

/// Keys of the groups.
const PEOPLE: i64 = 97;
/// 2020-08-27 00:00:00 UTC.
const START: i64 = 1_598_486_400_000;

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

fn event(id: i64) -> Value {
    // 100 events a second, up to 3 s out of order; every 13th amount is negative.
    let ms = START + id * 10 - (id * 7919) % 3000;
    let amount = if id % 13 == 0 { -id } else { id % 1000 };
    json!({"id": id, "who": format!("学生{}", id * 31 % PEOPLE), "amount": amount, "ms": ms})
}

/// Puts events `ids` into the input topic.
pub fn feed(data: &Path, ids: std::ops::Range<i64>) {
    let lines: String = ids.map(|id| format!("{}\n", json!({"v": event(id).to_string(), "p": id % 2}))).collect();
    topics::produce(data, "events", &lines);
}

/// Checks every target against events `0..count`, all of them in closed windows.
pub fn check(data: &Path, count: i64) {
    let events: Vec<Value> = (0..count).map(event).collect();
    let field = |v: &Value, name: &str| v[name].as_i64().unwrap_or_else(|| panic!("{name} in {v}"));
    let who = |v: &Value| v["who"].as_str().unwrap_or_default().to_owned();

    // Append into a log: every row exactly once.
    let mut copies: Vec<i64> = topics::read(data, "copies")
        .iter()
        .map(|m| field(&serde_json::from_str(m.value.as_deref().unwrap_or("null")).unwrap_or_default(), "id"))
        .collect();
    copies.sort_unstable();
    let want: Vec<i64> = events.iter().filter(|e| field(e, "amount") >= 0).map(|e| field(e, "id")).collect();
    differ("copies", &copies, &want);

    // By key into a table: final state exact.
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut minutes: BTreeMap<(i64, String), (i64, i64)> = BTreeMap::new();
    for e in &events {
        for entry in
            [sums.entry(who(e)).or_default(), minutes.entry((field(e, "ms").div_euclid(60_000), who(e))).or_default()]
        {
            entry.0 += 1;
            entry.1 += field(e, "amount");
        }
    }
    let totals: Vec<(String, i64, i64)> = crate::table_rows(data, "totals", "who")
        .iter()
        .map(|r| {
            (r[0].as_str().unwrap_or_default().to_owned(), r[1].as_i64().unwrap_or(-1), r[2].as_i64().unwrap_or(-1))
        })
        .collect();
    let want: Vec<(String, i64, i64)> = sums.iter().map(|(k, (n, t))| (k.clone(), *n, *t)).collect();
    differ("totals", &totals, &want);

    // Updates into a log: per key a legal history, the last value exact.
    let mut newest: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for m in topics::read(data, "totals_log") {
        let v: Value =
            serde_json::from_str(m.value.as_deref().expect("a count never falls to zero")).unwrap_or_default();
        let next = (field(&v, "n"), field(&v, "total"));
        let before = newest.insert(who(&v), next).map_or(0, |b| b.0);
        assert!(next.0 > before, "{}: count {} after {before}: a version came twice or out of order", who(&v), next.0);
    }
    assert_eq!(newest, sums, "newest versions in the log");

    // Append into a table: every window exactly once.
    let mut rows: Vec<(String, i64, i64)> = crate::table_rows(data, "minutes", "")
        .iter()
        .map(|r| {
            (r[1].as_str().unwrap_or_default().to_owned(), r[2].as_i64().unwrap_or(-1), r[3].as_i64().unwrap_or(-1))
        })
        .collect();
    let mut want: Vec<(String, i64, i64)> = minutes.into_iter().map(|((_, k), (n, t))| (k, n, t)).collect();
    rows.sort_unstable();
    want.sort_unstable();
    differ("minutes", &rows, &want);
}

fn differ<T: Ord + std::fmt::Debug>(what: &str, got: &[T], want: &[T]) {
    if got == want {
        return;
    }
    let mut count: BTreeMap<&T, (i64, i64)> = BTreeMap::new();
    for g in got {
        count.entry(g).or_default().0 += 1;
    }
    for w in want {
        count.entry(w).or_default().1 += 1;
    }
    let wrong: Vec<_> = count.iter().filter(|(_, (g, w))| g != w).take(10).collect();
    panic!("{what}: {} rows, wanted {}; first differences (row, (got, wanted)): {wrong:?}", got.len(), want.len());
}
