//! Group aggregates against a naive oracle, and across snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_core::SqlType;
use tidegate_plan::{AggregateCall, AggregateFunction, Changes, Op, Plan};

use super::build;
use super::test_kit::{Collected, Step, TestClock, batch, context, ints, lines, plan, run, run_restored, text};
use crate::operator::Operator;
use crate::state::test_data::Random;

const INPUT: [(&str, SqlType); 5] = [
    ("k", SqlType::STRING),
    ("n", SqlType::BigInt),
    ("v", SqlType::BigInt),
    ("s", SqlType::STRING),
    ("keep", SqlType::Boolean),
];

fn call(function: AggregateFunction, args: &[usize], ty: SqlType) -> AggregateCall {
    AggregateCall { function, args: args.to_vec(), distinct: false, filter: None, data_type: ty.nullable() }
}

fn calls() -> Vec<AggregateCall> {
    use AggregateFunction::{Avg, Count, CountAll, FirstValue, LastValue, ListAgg, Max, Min, Sum};
    vec![
        call(CountAll, &[], SqlType::BigInt),
        AggregateCall { distinct: true, ..call(Count, &[2], SqlType::BigInt) },
        AggregateCall { filter: Some(4), ..call(Sum, &[2], SqlType::BigInt) },
        call(Avg, &[2], SqlType::Double),
        call(Avg, &[2], SqlType::BigInt),
        call(Min, &[3], SqlType::STRING),
        call(Max, &[2], SqlType::BigInt),
        call(FirstValue, &[3], SqlType::STRING),
        call(LastValue, &[3], SqlType::STRING),
        call(LastValue, &[3, 2], SqlType::STRING),
        call(ListAgg("|".into()), &[3], SqlType::STRING),
        AggregateCall { distinct: true, filter: Some(4), ..call(Sum, &[2], SqlType::BigInt) },
    ]
}

fn output() -> Vec<(&'static str, SqlType)> {
    let mut out = vec![("k", SqlType::STRING), ("n", SqlType::BigInt)];
    out.extend(calls().into_iter().map(|c| ("a", c.data_type.ty)));
    out
}

type Row = (Option<&'static str>, Option<i64>, Option<i64>, Option<&'static str>, bool);

fn random_row(r: &mut Random) -> Row {
    const K: [&str; 4] = ["a", "b", "题", ""];
    const S: [&str; 5] = ["x", "yy", "", "课堂", "z"];
    (
        r.maybe(|r| K[r.below(4) as usize]),
        r.maybe(|r| r.below(3) as i64),
        r.maybe(|r| r.below(9) as i64 - 4),
        r.maybe(|r| S[r.below(5) as usize]),
        r.below(2) == 0,
    )
}

/// Batches of random rows, with retractions of rows that are there; and all of it in order.
fn random_steps(seed: u64, batches: usize, retract: bool) -> (Vec<Step>, Vec<(Row, bool)>) {
    let mut r = Random::new(seed + 100);
    let (mut live, mut steps, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..batches {
        let mut rows = Vec::new();
        for _ in 0..r.below(12) + 1 {
            if retract && !live.is_empty() && r.below(5) < 2 {
                let row = live.swap_remove(r.below(live.len() as u64) as usize);
                rows.push((row, true));
            } else {
                let row = random_row(&mut r);
                live.push(row);
                rows.push((row, false));
            }
        }
        steps.push(Step::Rows(to_batch(&rows)));
        all.extend(rows);
    }
    (steps, all)
}

fn to_batch(rows: &[(Row, bool)]) -> crate::batch::Batch {
    let column = |f: &dyn Fn(&Row) -> Option<i64>| ints(&rows.iter().map(|(r, _)| f(r)).collect::<Vec<_>>());
    let texts = |f: &dyn Fn(&Row) -> Option<&'static str>| text(&rows.iter().map(|(r, _)| f(r)).collect::<Vec<_>>());
    let keep: arrow_array::BooleanArray = rows.iter().map(|(r, _)| if r.4 { Some(true) } else { None }).collect();
    let kinds: Vec<i8> = rows.iter().map(|(_, retract)| if *retract { 3 } else { 0 }).collect();
    batch(&INPUT, vec![texts(&|r| r.0), column(&|r| r.1), column(&|r| r.2), texts(&|r| r.3), Arc::new(keep)], &kinds)
}

/// Every row that is there, by aggregate: each keeps its own list of what it sees, and a retraction
/// takes the oldest equal one.
fn oracle(rows: &[(Row, bool)]) -> BTreeMap<String, i64> {
    type Key = (Option<&'static str>, Option<i64>);
    let mut groups: BTreeMap<Key, Vec<Vec<Row>>> = BTreeMap::new();
    let seen = |i: usize, row: &Row| -> Row {
        match i {
            5 | 7 | 8 | 10 => (None, None, None, row.3, false),
            9 => (None, None, row.2, row.3, false),
            _ => *row,
        }
    };
    for (row, retract) in rows {
        let lists = groups.entry((row.0, row.1)).or_insert_with(|| vec![Vec::new(); 12]);
        for (i, list) in lists.iter_mut().enumerate() {
            let view = seen(i, row);
            if *retract {
                let at = list.iter().position(|x| *x == view).unwrap();
                list.remove(at);
            } else {
                list.push(view);
            }
        }
    }
    let mut out = BTreeMap::new();
    for ((k, n), l) in groups.into_iter().filter(|(_, l)| !l[0].is_empty()) {
        let int = |v: Option<i64>| v.map_or("NULL".to_string(), |v| v.to_string());
        let string = |v: Option<&str>| v.map_or("NULL".to_string(), |v| format!("'{v}'"));
        let values = |l: &[Row]| l.iter().filter_map(|r| r.2).collect::<Vec<_>>();
        let kept: Vec<i64> = l[2].iter().filter(|r| r.4).filter_map(|r| r.2).collect();
        let v = values(&l[3]);
        let total: i64 = v.iter().sum();
        let distinct = |mut v: Vec<i64>| {
            v.sort_unstable();
            v.dedup();
            v
        };
        let texts = |l: &[Row]| l.iter().filter_map(|r| r.3).collect::<Vec<_>>();
        let ordered: Option<(i64, &str)> =
            l[9].iter().filter_map(|r| Some((r.2?, r.3?))).reduce(|a, b| if b.0 > a.0 { b } else { a });
        let joined = texts(&l[10]);
        let kept_distinct = distinct(kept.clone());
        let row = [
            string(k),
            int(n),
            l[0].len().to_string(),
            distinct(values(&l[1])).len().to_string(),
            int((!kept.is_empty()).then(|| kept.iter().sum())),
            if v.is_empty() { "NULL".into() } else { (total as f64 / v.len() as f64).to_string() },
            int((!v.is_empty()).then(|| total / v.len() as i64)),
            string(texts(&l[5]).into_iter().min()),
            int(values(&l[6]).into_iter().max()),
            string(texts(&l[7]).first().copied()),
            string(texts(&l[8]).last().copied()),
            string(ordered.map(|o| o.1)),
            string((!joined.is_empty()).then(|| joined.join("|")).as_deref()),
            int((!kept_distinct.is_empty()).then(|| kept_distinct.iter().sum())),
        ];
        out.insert(format!("({})", row.join(", ")), 1);
    }
    out
}

fn make(plan: &Plan) -> Box<dyn Operator> {
    build(&plan.nodes[1], plan, context(&Arc::new(TestClock::default()))).unwrap()
}

fn aggregate_plan(retract: bool, per_row: bool, keys: Vec<usize>) -> Plan {
    let op = Op::GroupAggregate { keys, aggregates: calls() };
    let changes = if retract { Changes::ALL } else { Changes::APPEND };
    let mut plan = plan(&INPUT, changes, op, &output(), Changes::ALL);
    plan.settings.mini_batch = !per_row;
    plan
}

#[test]
fn equals_the_oracle() {
    for seed in 0..25 {
        for (retract, per_row) in [(false, false), (true, false), (true, true)] {
            let plan = aggregate_plan(retract, per_row, vec![0, 1]);
            let (steps, all) = random_steps(seed, 12, retract);
            let got = run(&|| make(&plan), &steps);
            assert_eq!(got.net(), oracle(&all), "seed {seed} retract {retract} per row {per_row}");
        }
    }
}

#[test]
fn survives_restores_into_any_number_of_tasks() {
    for seed in 0..25 {
        for retract in [false, true] {
            let plan = aggregate_plan(retract, false, vec![0, 1]);
            let (steps, all) = random_steps(seed, 25, retract);
            let got = run_restored(&|| make(&plan), &steps, &[0, 1], seed);
            assert_eq!(got.net(), oracle(&all), "seed {seed} retract {retract}");
        }
    }
}

const WORDS: [(&str, SqlType); 2] = [("w", SqlType::STRING), ("x", SqlType::BigInt)];

fn count_plan(input: Changes, changes: Changes, keys: Vec<usize>) -> Plan {
    let aggregates = vec![
        call(AggregateFunction::CountAll, &[], SqlType::BigInt),
        call(AggregateFunction::Sum, &[1], SqlType::BigInt),
    ];
    let mut output = vec![("c", SqlType::BigInt), ("sum", SqlType::BigInt)];
    if !keys.is_empty() {
        output.insert(0, ("w", SqlType::STRING));
    }
    plan(&WORDS, input, Op::GroupAggregate { keys, aggregates }, &output, changes)
}

fn words(rows: &[(&str, i64)], kinds: &[i8]) -> Step {
    let (w, x): (Vec<_>, Vec<_>) = rows.iter().map(|(w, x)| (Some(*w), Some(*x))).unzip();
    Step::Rows(batch(&WORDS, vec![text(&w), ints(&x)], kinds))
}

#[test]
fn emits_once_a_batch_and_only_what_changed() {
    let plan = count_plan(Changes::ALL, Changes::UPSERT, vec![0]);
    let steps = [words(&[("a", 1), ("b", 2), ("a", 3)], &[]), words(&[("a", 0), ("a", 0), ("b", 2)], &[0, 3, 3])];
    let got = run(&|| make(&plan), &steps);
    assert_eq!(got.lines(), ["+I('a', 2, 4)", "+I('b', 1, 2)", "-D('b', 1, 2)"]);
}

/// Rows of words with their kinds.
type Words<'a> = (&'a [(&'a str, i64)], &'a [i8]);

/// Whatever happens to a group between two barriers, one change of it goes out, or none.
#[test]
fn changes_are_held_back_to_the_barrier() {
    let plan = count_plan(Changes::ALL, Changes::ALL, vec![0]);
    let (mut operator, mut out) = (make(&plan), Collected::default());
    let mut epoch = |steps: &[Words<'_>]| {
        for (rows, kinds) in steps {
            let Step::Rows(batch) = words(rows, kinds) else { unreachable!() };
            operator.process(0, batch, &mut out).unwrap();
        }
        assert!(out.batches.is_empty());
        operator.flush(&mut out).unwrap();
        std::mem::take(&mut out).lines()
    };
    assert_eq!(epoch(&[(&[("a", 1), ("b", 2)], &[0, 0]), (&[("a", 3)], &[0])]), ["+I('a', 2, 4)", "+I('b', 1, 2)"]);
    // There and back again; new and gone again; gone and there again.
    let back =
        epoch(&[(&[("a", 5), ("c", 1)], &[0, 0]), (&[("a", 5), ("c", 1), ("b", 2)], &[3, 3, 3]), (&[("b", 9)], &[0])]);
    assert_eq!(back, ["-U('b', 1, 2)", "+U('b', 1, 9)"]);
    assert_eq!(epoch(&[(&[("b", 9)], &[3]), (&[("c", 4)], &[0])]), ["-D('b', 1, 9)", "+I('c', 1, 4)"]);
    assert!(epoch(&[]).is_empty());
}

#[test]
fn not_everything_is_held_back() {
    let plan = count_plan(Changes::APPEND, Changes::UPSERT, vec![0]);
    let (mut operator, mut out) = (make(&plan), Collected::default());
    let names: Vec<String> = (0..150_000).map(|i| format!("w{i}")).collect();
    for chunk in names.chunks(5000) {
        let rows: Vec<(&str, i64)> = chunk.iter().map(|n| (n.as_str(), 1)).collect();
        let Step::Rows(batch) = words(&rows, &[]) else { unreachable!() };
        operator.process(0, batch, &mut out).unwrap();
    }
    let early = out.lines().len();
    operator.flush(&mut out).unwrap();
    assert!((130_000..150_000).contains(&early) && out.lines().len() == 150_000, "{early}");
}

#[test]
fn per_row_emits_every_change_in_order_as_flink() {
    let mut plan = count_plan(Changes::ALL, Changes::ALL, vec![0]);
    plan.settings.mini_batch = false;
    let got = run(&|| make(&plan), &[words(&[("a", 1), ("b", 2), ("a", 3), ("b", 2), ("b", 5)], &[0, 0, 0, 3, 2])]);
    let want = ["+I('a', 1, 1)", "+I('b', 1, 2)", "-U('a', 1, 1)", "+U('a', 2, 4)", "-D('b', 1, 2)", "+I('b', 1, 5)"];
    assert_eq!(got.lines(), want);
}

#[test]
fn the_global_group_stays() {
    let plan = count_plan(Changes::ALL, Changes::ALL, vec![]);
    let got = run(&|| make(&plan), &[words(&[("a", 1)], &[0]), words(&[("a", 1)], &[3])]);
    assert_eq!(got.lines(), ["+I(1, 1)", "-U(1, 1)", "+U(0, NULL)"]);
}

#[test]
fn sums_wrap_and_are_counted() {
    let plan = count_plan(Changes::APPEND, Changes::UPSERT, vec![0]);
    let ctx = context(&Arc::new(TestClock::default()));
    let mut operator = build(&plan.nodes[1], &plan, ctx.clone()).unwrap();
    let mut out = Collected::default();
    let Step::Rows(rows) = words(&[("a", i64::MAX), ("a", 3)], &[]) else { unreachable!() };
    operator.process(0, rows, &mut out).unwrap();
    operator.flush(&mut out).unwrap();
    assert_eq!(out.lines(), ["+I('a', 2, -9223372036854775806)"]);
    assert_eq!(ctx.metrics.named()["sum-overflow"], (1, "group ('a')".to_string()));
}

#[test]
fn expired_groups_start_anew() {
    let mut plan = count_plan(Changes::APPEND, Changes::UPSERT, vec![0]);
    plan.settings.state_ttl_ms = 1000;
    let clock = Arc::new(TestClock::default());
    let mut operator = build(&plan.nodes[1], &plan, context(&clock)).unwrap();
    let mut out = Collected::default();
    for now in [1, 900, 1800, 5000] {
        clock.0.store(now, std::sync::atomic::Ordering::Relaxed);
        let Step::Rows(rows) = words(&[("a", 1)], &[]) else { unreachable!() };
        operator.process(0, rows, &mut out).unwrap();
        operator.flush(&mut out).unwrap();
    }
    assert_eq!(out.lines(), ["+I('a', 1, 1)", "+U('a', 2, 2)", "+U('a', 3, 3)", "+I('a', 1, 1)"]);
    assert!(lines(&out.batches[0].change).len() == 1);
    operator.tick(9000, &mut out).unwrap();
    let snapshot = operator.snapshot().unwrap();
    assert!(snapshot.is_empty(), "an expired group that was never persisted leaves nothing: {snapshot:?}");
}

#[test]
fn a_snapshot_costs_what_changed() {
    let plan = count_plan(Changes::APPEND, Changes::UPSERT, vec![0]);
    let mut operator = make(&plan);
    let mut out = Collected::default();
    let names: Vec<String> = (0..1000).map(|i| format!("w{i}")).collect();
    let rows: Vec<(&str, i64)> = names.iter().map(|n| (n.as_str(), 1)).collect();
    for (rows, changed) in [(&rows[..], 1000), (&rows[..3], 3), (&rows[..0], 0)] {
        let Step::Rows(batch) = words(rows, &[]) else { unreachable!() };
        operator.process(0, batch, &mut out).unwrap();
        let entries: usize = operator.snapshot().unwrap().iter().map(arrow_array::RecordBatch::num_rows).sum();
        assert_eq!(entries, changed);
    }
}
