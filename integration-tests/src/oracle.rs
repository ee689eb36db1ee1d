//! What the targets of the kill jobs must hold after events `0..count`, whatever system they are in:
//! whether a row was lost or doubled.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Keys of the groups.
const PEOPLE: i64 = 97;
/// 2020-08-27 00:00:00 UTC.
const START: i64 = 1_598_486_400_000;

/// Event number `id`: 100 a second, up to 3 s out of order; every 13th amount is negative.
pub fn event(id: i64) -> Value {
    let ms = START + id * 10 - (id * 7919) % 3000;
    let amount = if id % 13 == 0 { -id } else { id % 1000 };
    json!({"id": id, "who": format!("学生{}", id * 31 % PEOPLE), "amount": amount, "ms": ms})
}

/// A number in a JSON object.
pub fn field(v: &Value, name: &str) -> i64 {
    v[name].as_i64().unwrap_or_else(|| panic!("{name} in {v}"))
}

/// Whose row it is.
pub fn who(v: &Value) -> String {
    v["who"].as_str().unwrap_or_default().to_owned()
}

/// An append log: every row exactly once.
pub fn copies(ids: impl IntoIterator<Item = i64>, count: i64) {
    let mut ids: Vec<i64> = ids.into_iter().collect();
    ids.sort_unstable();
    let kept = (0..count).filter(|id| field(&event(*id), "amount") >= 0);
    differ("copies", &ids, &kept.collect::<Vec<_>>());
}

/// Count and sum of everyone.
pub fn sums(count: i64) -> BTreeMap<String, (i64, i64)> {
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for e in (0..count).map(event) {
        let entry = sums.entry(who(&e)).or_default();
        entry.0 += 1;
        entry.1 += field(&e, "amount");
    }
    sums
}

/// A table by key: the final state.
pub fn totals(rows: &[(String, i64, i64)], count: i64) {
    let want: Vec<(String, i64, i64)> = sums(count).into_iter().map(|(k, (n, t))| (k, n, t)).collect();
    differ("totals", rows, &want);
}

/// Updates in a log, in the order of each key: a legal history, the last value exact.
pub fn history(versions: impl IntoIterator<Item = Value>, count: i64) {
    let mut newest: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for v in versions {
        let next = (field(&v, "n"), field(&v, "total"));
        let before = newest.insert(who(&v), next).map_or(0, |b| b.0);
        assert!(next.0 > before, "{}: count {} after {before}: a version came twice or out of order", who(&v), next.0);
    }
    assert_eq!(newest, sums(count), "newest versions in the log");
}

/// Results of windows, appended: every window exactly once.
pub fn minutes(rows: impl IntoIterator<Item = (String, i64, i64)>, count: i64) {
    let mut minutes: BTreeMap<(i64, String), (i64, i64)> = BTreeMap::new();
    for e in (0..count).map(event) {
        let entry = minutes.entry((field(&e, "ms").div_euclid(60_000), who(&e))).or_default();
        entry.0 += 1;
        entry.1 += field(&e, "amount");
    }
    let mut rows: Vec<(String, i64, i64)> = rows.into_iter().collect();
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
