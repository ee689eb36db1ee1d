//! Deduplication, normalisation and top-n against naive oracles, and across snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_core::SqlType;
use tidegate_plan::{Changes, Op, Plan, SortColumn};

use super::build;
use super::test_kit::{Step, TestClock, batch, context, ints, plan, run, run_restored, text};
use crate::batch::Batch;
use crate::operator::Operator;
use crate::state::test_data::Random;

const INPUT: [(&str, SqlType); 4] =
    [("k", SqlType::STRING), ("t", SqlType::BigInt), ("v", SqlType::BigInt), ("name", SqlType::STRING)];

/// Rows as text, with how often each is there.
type Net = BTreeMap<String, i64>;
type Oracle<'a> = &'a dyn Fn(&[(Row, i8)]) -> Net;
type Row = (Option<&'static str>, i64, Option<i64>, Option<&'static str>);

fn to_batch(rows: &[(Row, i8)]) -> Batch {
    let column = |f: &dyn Fn(&Row) -> Option<i64>| ints(&rows.iter().map(|(r, _)| f(r)).collect::<Vec<_>>());
    let texts = |f: &dyn Fn(&Row) -> Option<&'static str>| text(&rows.iter().map(|(r, _)| f(r)).collect::<Vec<_>>());
    let kinds: Vec<i8> = rows.iter().map(|(_, kind)| *kind).collect();
    batch(&INPUT, vec![texts(&|r| r.0), column(&|r| Some(r.1)), column(&|r| r.2), texts(&|r| r.3)], &kinds)
}

fn show(row: &Row) -> String {
    let text = |v: Option<&str>| v.map_or("NULL".to_string(), |v| format!("'{v}'"));
    format!("{}, {}, {}, {}", text(row.0), row.1, row.2.map_or("NULL".into(), |v| v.to_string()), text(row.3))
}

fn net(rows: impl IntoIterator<Item = Row>) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    for row in rows {
        *out.entry(format!("({})", show(&row))).or_insert(0) += 1;
    }
    out
}

fn random_row(r: &mut Random) -> Row {
    let k = r.maybe(|r| ["a", "b", "课", "d"][r.below(4) as usize]);
    (k, r.below(30) as i64, r.maybe(|r| r.below(3) as i64), r.maybe(|r| ["x", "y"][r.below(2) as usize]))
}

/// Batches of rows, each with its kind; retractions are of rows that are there.
fn random_rows(seed: u64, batches: usize, retract: bool) -> Vec<Vec<(Row, i8)>> {
    let mut r = Random::new(seed + 31);
    let mut live = Vec::new();
    (0..batches)
        .map(|_| {
            (0..r.below(10) + 1)
                .map(|_| {
                    if retract && !live.is_empty() && r.below(5) < 2 {
                        (live.swap_remove(r.below(live.len() as u64) as usize), 3)
                    } else {
                        let row = random_row(&mut r);
                        live.push(row);
                        (row, 0)
                    }
                })
                .collect()
        })
        .collect()
}

fn steps(batches: &[Vec<(Row, i8)>]) -> Vec<Step> {
    batches.iter().map(|b| Step::Rows(to_batch(b))).collect()
}

fn make(plan: &Plan) -> Box<dyn Operator> {
    build(&plan.nodes[1], plan, context(&Arc::new(TestClock::default()))).unwrap()
}

fn keyed(op: Op, input: Changes, changes: Changes, per_row: bool) -> Plan {
    let mut plan = plan(&INPUT, input, op, &INPUT, changes);
    plan.settings.mini_batch = !per_row;
    plan
}

/// Runs straight and restored, mini-batch and per row, and compares what is there in the end.
fn check(op: &Op, input: Changes, retract: bool, oracle: Oracle<'_>) {
    for seed in 0..12 {
        let batches = random_rows(seed, 20, retract);
        let all: Vec<(Row, i8)> = batches.iter().flatten().copied().collect();
        let want = oracle(&all);
        for per_row in [false, true] {
            let plan = keyed(op.clone(), input, Changes::ALL, per_row);
            assert_eq!(run(&|| make(&plan), &steps(&batches)).net(), want, "seed {seed} per row {per_row}");
            let restored = run_restored(&|| make(&plan), &steps(&batches), &[0], seed);
            assert_eq!(restored.net(), want, "restored, seed {seed} per row {per_row}");
        }
    }
}

fn by_key(rows: &[(Row, i8)]) -> BTreeMap<Option<&'static str>, Vec<Row>> {
    let mut out: BTreeMap<_, Vec<Row>> = BTreeMap::new();
    for (row, kind) in rows {
        let list = out.entry(row.0).or_default();
        if *kind == 0 {
            list.push(*row);
        } else {
            let at = list.iter().position(|r| r == row).unwrap();
            list.remove(at);
        }
    }
    out
}

#[test]
fn the_last_row_of_each_key() {
    let op = Op::Deduplicate { keys: vec![0], order: None, keep_last: true };
    check(&op, Changes::APPEND, false, &|rows| net(by_key(rows).into_values().filter_map(|l| l.last().copied())));
}

#[test]
fn the_latest_row_of_each_key() {
    let op = Op::Deduplicate { keys: vec![0], order: Some(1), keep_last: true };
    let latest = |l: Vec<Row>| l.into_iter().reduce(|a, b| if b.1 >= a.1 { b } else { a });
    check(&op, Changes::APPEND, false, &|rows| net(by_key(rows).into_values().filter_map(latest)));
}

#[test]
fn the_first_row_of_each_key() {
    let op = Op::Deduplicate { keys: vec![0], order: None, keep_last: false };
    check(&op, Changes::APPEND, false, &|rows| net(by_key(rows).into_values().filter_map(|l| l.first().copied())));
}

fn earliest(l: Vec<Row>) -> Option<Row> {
    l.into_iter().reduce(|a, b| if b.1 < a.1 { b } else { a })
}

#[test]
fn the_earliest_row_of_each_key() {
    let op = Op::Deduplicate { keys: vec![0], order: Some(1), keep_last: false };
    check(&op, Changes::APPEND, false, &|rows| net(by_key(rows).into_values().filter_map(earliest)));
}

#[test]
fn the_earliest_row_waits_for_the_watermark_where_it_must_not_change() {
    let op = Op::Deduplicate { keys: vec![0], order: Some(1), keep_last: false };
    for seed in 0..12 {
        let batches = random_rows(seed, 15, false);
        let mut steps = steps(&batches);
        steps.push(Step::Watermark(i64::MAX));
        let all: Vec<(Row, i8)> = batches.iter().flatten().copied().collect();
        let plan = keyed(op.clone(), Changes::APPEND, Changes::APPEND, false);
        let want = net(by_key(&all).into_values().filter_map(earliest));
        assert_eq!(run(&|| make(&plan), &steps).net(), want);
        assert_eq!(run_restored(&|| make(&plan), &steps, &[0], seed).net(), want);
    }
    let plan = keyed(op, Changes::APPEND, Changes::APPEND, false);
    let row = |t| ((Some("a"), t, None, None), 0i8);
    let steps = [
        Step::Rows(to_batch(&[row(9), row(7)])),
        Step::Watermark(6),
        Step::Rows(to_batch(&[row(8), row(7)])),
        Step::Watermark(7),
        Step::Rows(to_batch(&[row(3)])),
        Step::Watermark(i64::MAX),
    ];
    assert_eq!(run(&|| make(&plan), &steps).lines(), ["+I('a', 7, NULL, NULL)"]);
}

#[test]
fn normalising_gives_a_full_changelog() {
    let plan = keyed(Op::Normalize { keys: vec![0] }, Changes::UPSERT, Changes::ALL, false);
    let row = |v, kind| ((Some("a"), 0, Some(v), None), kind);
    let gone = ((Some("a"), 0, None, None), 3i8);
    let batches = [
        vec![row(1, 0)],
        vec![row(1, 2)],
        vec![row(2, 2), row(3, 2)],
        vec![gone, gone],
        vec![row(4, 0), gone],
        vec![gone],
    ];
    let got = run(&|| make(&plan), &steps(&batches));
    let want = ["+I('a', 0, 1, NULL)", "-U('a', 0, 1, NULL)", "+U('a', 0, 3, NULL)", "-D('a', 0, 3, NULL)"];
    assert_eq!(got.lines(), want);
}

#[test]
fn normalised_rows_are_the_newest_of_each_key() {
    let op = Op::Normalize { keys: vec![0] };
    for seed in 0..12 {
        let mut r = Random::new(seed);
        let batches: Vec<Vec<(Row, i8)>> = (0..20)
            .map(|_| (0..r.below(8) + 1).map(|_| (random_row(&mut r), if r.below(4) == 0 { 3 } else { 2 })).collect())
            .collect();
        let mut newest = BTreeMap::new();
        for (row, kind) in batches.iter().flatten() {
            if *kind == 3 {
                newest.remove(&row.0)
            } else {
                newest.insert(row.0, *row)
            };
        }
        let want = net(newest.into_values());
        for per_row in [false, true] {
            let plan = keyed(op.clone(), Changes::UPSERT, Changes::ALL, per_row);
            assert_eq!(run(&|| make(&plan), &steps(&batches)).net(), want, "seed {seed}");
            assert_eq!(run_restored(&|| make(&plan), &steps(&batches), &[0], seed).net(), want, "seed {seed}");
        }
    }
}

fn top(from: u64, to: u64, with_rank: bool, descending: bool, nulls_first: bool) -> Op {
    let order = vec![
        SortColumn { column: 2, descending, nulls_first },
        SortColumn { column: 1, descending: true, nulls_first: true },
    ];
    Op::TopN { keys: vec![0], order, from, to, with_rank }
}

/// Ranked by the order columns, then arrival. Equal rows are alike, so which of them goes is no matter.
fn ranked(list: Vec<Row>, descending: bool, nulls_first: bool) -> Vec<Row> {
    let mut list = list;
    list.sort_by(|a, b| {
        let nulls = |v: Option<i64>| v.is_none() != nulls_first;
        let values = if descending { b.2.cmp(&a.2) } else { a.2.cmp(&b.2) };
        let first = match (a.2, b.2) {
            (Some(_), Some(_)) => values,
            _ => nulls(a.2).cmp(&nulls(b.2)),
        };
        first.then(b.1.cmp(&a.1))
    });
    list
}

#[test]
fn top_n_equals_sorting() {
    for (descending, nulls_first) in [(false, false), (false, true), (true, false), (true, true)] {
        for (from, to) in [(1, 1), (1, 3), (2, 4)] {
            for (input, retract) in [(Changes::APPEND, false), (Changes::ALL, true)] {
                check(&top(from, to, false, descending, nulls_first), input, retract, &|rows| {
                    let visible = by_key(rows).into_values().flat_map(|l| {
                        ranked(l, descending, nulls_first)
                            .into_iter()
                            .take(to as usize)
                            .skip(from as usize - 1)
                            .collect::<Vec<_>>()
                    });
                    net(visible)
                });
            }
        }
    }
}

#[test]
fn ranks_are_columns_where_asked_for() {
    let output: Vec<(&str, SqlType)> = INPUT.into_iter().chain([("rank", SqlType::BigInt)]).collect();
    for retract in [false, true] {
        for seed in 0..12 {
            let batches = random_rows(seed, 20, retract);
            let all: Vec<(Row, i8)> = batches.iter().flatten().copied().collect();
            let input = if retract { Changes::ALL } else { Changes::APPEND };
            let plan = plan(&INPUT, input, top(1, 3, true, true, false), &output, Changes::ALL);
            let mut want = BTreeMap::new();
            for list in by_key(&all).into_values() {
                for (i, row) in ranked(list, true, false).into_iter().take(3).enumerate() {
                    want.insert(format!("({}, {})", show(&row), i + 1), 1);
                }
            }
            assert_eq!(run(&|| make(&plan), &steps(&batches)).net(), want, "seed {seed}");
            assert_eq!(
                run_restored(&|| make(&plan), &steps(&batches), &[0], seed).net(),
                want,
                "restored, seed {seed}"
            );
        }
    }
}

#[test]
fn the_single_first_row_is_updated_in_place() {
    let plan = keyed(top(1, 1, false, true, false), Changes::APPEND, Changes::UPSERT, false);
    let row = |v| ((Some("a"), 0, Some(v), None), 0i8);
    let got = run(&|| make(&plan), &steps(&[vec![row(1)], vec![row(0)], vec![row(2), row(3)]]));
    assert_eq!(got.lines(), ["+I('a', 0, 1, NULL)", "+U('a', 0, 3, NULL)"]);
}
