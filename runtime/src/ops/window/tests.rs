//! Window aggregates against the definition, with late rows, and across snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{Int64Array, TimestampMicrosecondArray};
use tidegate_core::SqlType;
use tidegate_plan::{AggregateCall, AggregateFunction, Changes, Op, Plan, Window, WindowKind};

use crate::batch::Batch;
use crate::operator::Operator;
use crate::ops::build;
use crate::ops::test_kit::{Collected, Step, TestClock, batch, context, ints, plan, run, run_restored, text};
use crate::state::test_data::Random;

const INPUT: [(&str, SqlType); 4] =
    [("t", SqlType::BigInt), ("k", SqlType::STRING), ("v", SqlType::BigInt), ("n", SqlType::BigInt)];

fn call(function: AggregateFunction, args: &[usize], distinct: bool) -> AggregateCall {
    AggregateCall { function, args: args.to_vec(), distinct, filter: None, data_type: SqlType::BigInt.nullable() }
}

fn window_plan(kind: WindowKind, zone: &str, boundary: &SqlType, time: Option<usize>) -> Plan {
    let op = Op::WindowAggregate {
        window: Window { kind, time, zone: zone.into() },
        keys: vec![1],
        aggregates: vec![
            call(AggregateFunction::CountAll, &[], false),
            call(AggregateFunction::Sum, &[2], false),
            call(AggregateFunction::Count, &[2], true),
        ],
        emit_start_end: true,
    };
    let output = [
        ("k", SqlType::STRING),
        ("c", SqlType::BigInt),
        ("s", SqlType::BigInt),
        ("d", SqlType::BigInt),
        ("start", boundary.clone()),
        ("end", boundary.clone()),
        ("time", boundary.clone()),
    ];
    plan(&INPUT, Changes::APPEND, op, &output, Changes::APPEND)
}

fn make(plan: &Plan) -> Box<dyn Operator> {
    build(&plan.nodes[1], plan, context(&Arc::new(TestClock::default()))).unwrap()
}

type Row = (i64, Option<&'static str>, Option<i64>);

fn to_batch(rows: &[Row]) -> Batch {
    let k: Vec<_> = rows.iter().map(|r| r.1).collect();
    let v: Vec<_> = rows.iter().map(|r| r.2).collect();
    let t: Vec<_> = rows.iter().map(|r| Some(r.0)).collect();
    batch(&INPUT, vec![ints(&t), text(&k), ints(&v), ints(&v)], &[])
}

/// Rows around a slowly rising time, with the watermark five behind the highest time so far; each row
/// with the mark it was read under.
fn random_steps(seed: u64, batches: usize) -> (Vec<Step>, Vec<(Row, i64)>) {
    let mut r = Random::new(seed + 7);
    let (mut now, mut watermark) = (0i64, i64::MIN);
    let (mut steps, mut all) = (Vec::new(), Vec::new());
    for _ in 0..batches {
        let mut rows = Vec::new();
        let mut marks = Vec::new();
        for _ in 0..r.below(8) + 1 {
            now += r.below(4) as i64;
            let row = (
                now - r.below(14) as i64,
                r.maybe(|r| ["a", "b", "课"][r.below(3) as usize]),
                r.maybe(|r| r.below(4) as i64),
            );
            rows.push(row);
            marks.push(watermark);
            all.push((row, watermark));
            watermark = watermark.max(row.0 - 5);
        }
        let mut batch = to_batch(&rows);
        if rows.iter().zip(&marks).any(|(r, m)| r.0 <= *m) {
            batch.marks = Some(Int64Array::from(marks));
        }
        steps.push(Step::Rows(batch));
        steps.push(Step::Watermark(watermark));
    }
    steps.push(Step::Watermark(i64::MAX));
    (steps, all)
}

/// The values in each window: by start, end, key.
type Windows = BTreeMap<(i64, i64, Option<&'static str>), Vec<Option<i64>>>;

fn describe(groups: Windows) -> BTreeMap<String, i64> {
    groups
        .into_iter()
        .map(|((start, end, k), values)| {
            let there: Vec<i64> = values.iter().flatten().copied().collect();
            let k = k.map_or("NULL".into(), |k| format!("'{k}'"));
            let sum = if there.is_empty() { "NULL".into() } else { there.iter().sum::<i64>().to_string() };
            let distinct = there.iter().collect::<std::collections::BTreeSet<_>>().len();
            (format!("({k}, {}, {sum}, {distinct}, {start}, {end}, {})", values.len(), end - 1), 1)
        })
        .collect()
}

/// By the definition: every window that contains the time and is not late for the row.
fn oracle(kind: &WindowKind, rows: &[(Row, i64)]) -> (BTreeMap<String, i64>, u64) {
    let mut groups = Windows::new();
    let mut late = 0;
    for ((t, k, v), mark) in rows {
        let windows: Vec<(i64, i64)> = (-60..600)
            .flat_map(|i| match kind {
                WindowKind::Tumble { size, .. } => vec![(i * size, (i + 1) * size)],
                WindowKind::Hop { slide, size, .. } => vec![(i * slide, i * slide + size)],
                WindowKind::Cumulate { step, size, .. } => {
                    (1..=size / step).map(|j| (i * size, i * size + j * step)).collect()
                }
                WindowKind::Session { .. } => vec![],
            })
            .filter(|(s, e)| s <= t && t < e)
            .collect();
        let open: Vec<_> = windows.iter().filter(|(_, e)| e - 1 > *mark).collect();
        late += u64::from(open.is_empty() && !windows.is_empty());
        for (s, e) in open {
            groups.entry((*s, *e, *k)).or_default().push(*v);
        }
    }
    (describe(groups), late)
}

const KINDS: [WindowKind; 3] = [
    WindowKind::Tumble { size: 10, offset: 0 },
    WindowKind::Hop { slide: 4, size: 10, offset: 0 },
    WindowKind::Cumulate { step: 5, size: 15, offset: 0 },
];

#[test]
fn equals_the_definition() {
    for seed in 0..20 {
        for kind in KINDS {
            let plan = window_plan(kind.clone(), "", &SqlType::BigInt, Some(0));
            let (steps, all) = random_steps(seed, 12);
            let ctx = context(&Arc::new(TestClock::default()));
            let got = run(&|| build(&plan.nodes[1], &plan, ctx.clone()).unwrap(), &steps);
            let (want, late) = oracle(&kind, &all);
            assert_eq!(got.net(), want, "seed {seed} {kind:?}");
            assert_eq!(ctx.metrics.late.load(Ordering::Relaxed), late);
            assert_eq!(ctx.metrics.state_entries.load(Ordering::Relaxed), 0);
        }
    }
}

#[test]
fn survives_restores_into_any_number_of_tasks() {
    for seed in 0..20 {
        for kind in KINDS {
            let plan = window_plan(kind.clone(), "", &SqlType::BigInt, Some(0));
            let (steps, all) = random_steps(seed, 25);
            let got = run_restored(&|| make(&plan), &steps, &[1], seed);
            assert_eq!(got.net(), oracle(&kind, &all).0, "seed {seed} {kind:?}");
        }
    }
}

/// Sessions by Flink's rules, one row after the other.
fn session_oracle(gap: i64, rows: &[(Row, i64)]) -> (BTreeMap<String, i64>, u64) {
    type Open = (i64, i64, Vec<Option<i64>>);
    let mut open: BTreeMap<Option<&str>, Vec<Open>> = BTreeMap::new();
    let mut closed = Windows::new();
    let mut late = 0;
    for ((t, k, v), mark) in rows {
        let own = open.entry(*k).or_default();
        // What the watermark has passed is closed before the row comes.
        let (done, rest): (Vec<Open>, Vec<Open>) = std::mem::take(own).into_iter().partition(|s| s.1 - 1 <= *mark);
        for (s, e, values) in done {
            closed.insert((s, e, *k), values);
        }
        let (hit, keep): (Vec<Open>, Vec<Open>) = rest.into_iter().partition(|s| *t <= s.1 && t + gap >= s.0);
        *own = keep;
        let mut merged = (*t, t + gap, Vec::new());
        for s in &hit {
            merged.0 = merged.0.min(s.0);
            merged.1 = merged.1.max(s.1);
            merged.2.extend_from_slice(&s.2);
        }
        if merged.1 - 1 <= *mark {
            late += 1;
            continue;
        }
        merged.2.push(*v);
        own.push(merged);
    }
    for (k, sessions) in open {
        for (s, e, values) in sessions {
            closed.insert((s, e, k), values);
        }
    }
    (describe(closed), late)
}

/// Marks and watermarks agree only if every row is a batch of its own.
fn one_by_one(all: &[(Row, i64)]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (row, mark) in all {
        steps.push(Step::Watermark(*mark));
        let mut batch = to_batch(&[*row]);
        batch.marks = (row.0 <= *mark).then(|| Int64Array::from(vec![*mark]));
        steps.push(Step::Rows(batch));
    }
    steps.push(Step::Watermark(i64::MAX));
    steps
}

#[test]
fn sessions_equal_the_definition() {
    for seed in 0..25 {
        let kind = WindowKind::Session { gap: 3 };
        let plan = window_plan(kind, "", &SqlType::BigInt, Some(0));
        let (_, all) = random_steps(seed, 12);
        let (want, late) = session_oracle(3, &all);
        let ctx = context(&Arc::new(TestClock::default()));
        let got = run(&|| build(&plan.nodes[1], &plan, ctx.clone()).unwrap(), &one_by_one(&all));
        assert_eq!(got.net(), want, "seed {seed}");
        assert_eq!(ctx.metrics.late.load(Ordering::Relaxed), late);
        let restored = run_restored(&|| make(&plan), &one_by_one(&all), &[1], seed);
        assert_eq!(restored.net(), want, "restored, seed {seed}");
    }
}

#[test]
fn sessions_join_within_a_batch() {
    let plan = window_plan(WindowKind::Session { gap: 10 }, "", &SqlType::BigInt, Some(0));
    let rows =
        [(100, Some("a"), Some(1)), (120, Some("a"), Some(2)), (110, Some("a"), Some(2)), (200, Some("a"), None)];
    let got = run(&|| make(&plan), &[Step::Rows(to_batch(&rows)), Step::Watermark(129), Step::Watermark(i64::MAX)]);
    assert_eq!(got.lines(), ["+I('a', 3, 5, 2, 100, 130, 129)", "+I('a', 1, NULL, 0, 200, 210, 209)"]);
}

#[test]
fn boundaries_have_the_type_of_the_plan() {
    let minute = 60_000;
    let t = 1_598_471_130_000; // 2020-08-26T19:45:30Z
    let rows = [(t, Some("a"), Some(1))];
    let kind = WindowKind::Tumble { size: 1440 * minute, offset: 0 };
    for (boundary, zone, want) in [
        (
            SqlType::Timestamp(3),
            "Asia/Shanghai",
            "2020-08-27T00:00:00Z, 2020-08-28T00:00:00Z, 2020-08-27T23:59:59.999Z",
        ),
        (
            SqlType::TimestampLtz(3),
            "Asia/Shanghai",
            "2020-08-26T16:00:00Z, 2020-08-27T16:00:00Z, 2020-08-27T15:59:59.999Z",
        ),
        (SqlType::Timestamp(3), "", "2020-08-26T00:00:00Z, 2020-08-27T00:00:00Z, 2020-08-26T23:59:59.999Z"),
        (SqlType::BigInt, "Asia/Shanghai", "1598457600000, 1598544000000, 1598543999999"),
    ] {
        let plan = window_plan(kind.clone(), zone, &boundary, Some(0));
        let got = run(&|| make(&plan), &[Step::Rows(to_batch(&rows)), Step::Watermark(i64::MAX)]);
        assert_eq!(got.lines(), [format!("+I('a', 1, 1, 1, {want})")]);
    }
}

#[test]
fn fires_in_order_of_end_exactly_at_the_last_instant() {
    let plan = window_plan(WindowKind::Tumble { size: 10, offset: 0 }, "", &SqlType::BigInt, Some(0));
    let rows = [(25, Some("b"), None), (3, Some("b"), None), (4, Some("a"), None), (12, Some("c"), None)];
    let mut operator = make(&plan);
    let mut out = Collected::default();
    operator.process(0, to_batch(&rows), &mut out).unwrap();
    for (watermark, emitted) in [(8, 0), (9, 2), (18, 2), (19, 3), (i64::MAX, 4)] {
        operator.watermark(watermark, &mut out).unwrap();
        assert_eq!(out.lines().len(), emitted, "{watermark}");
    }
    let order: Vec<String> = out.lines().iter().map(|l| l[3..6].to_owned()).collect();
    assert_eq!(order, ["'b'", "'a'", "'c'", "'b'"]);
}

#[test]
fn processing_time_fires_by_the_clock() {
    let plan = window_plan(WindowKind::Tumble { size: 10, offset: 0 }, "", &SqlType::BigInt, None);
    let clock = Arc::new(TestClock::default());
    let mut operator = build(&plan.nodes[1], &plan, context(&clock)).unwrap();
    let mut out = Collected::default();
    clock.0.store(14, Ordering::Relaxed);
    operator.process(0, to_batch(&[(999, Some("a"), Some(1))]), &mut out).unwrap();
    operator.watermark(5000, &mut out).unwrap();
    operator.tick(19, &mut out).unwrap();
    assert!(out.lines().is_empty());
    operator.tick(20, &mut out).unwrap();
    assert_eq!(out.lines(), ["+I('a', 1, 1, 1, 10, 20, 19)"]);
}

#[test]
fn a_null_time_is_a_bad_row() {
    let plan = window_plan(WindowKind::Tumble { size: 10, offset: 0 }, "", &SqlType::BigInt, Some(0));
    let rows = batch(
        &INPUT,
        vec![ints(&[None, Some(1)]), text(&[Some("a"), Some("a")]), ints(&[Some(1); 2]), ints(&[None; 2])],
        &[],
    );
    let got = run(&|| make(&plan), &[Step::Rows(rows), Step::Watermark(i64::MAX)]);
    assert_eq!(got.lines(), ["+I('a', 1, 1, 1, 0, 10, 9)"]);
    assert_eq!(got.bad.len(), 1);
    assert_eq!((got.bad[0].class, got.bad[0].reason.contains("t is NULL")), ("null-time", true));
}

#[test]
fn a_window_table_adds_the_windows_to_each_row() {
    let input = [("t", SqlType::Timestamp(3)), ("k", SqlType::STRING)];
    let output = [
        ("t", SqlType::Timestamp(3)),
        ("k", SqlType::STRING),
        ("start", SqlType::Timestamp(3)),
        ("end", SqlType::Timestamp(3)),
        ("time", SqlType::Timestamp(3)),
    ];
    let window =
        Window { kind: WindowKind::Hop { slide: 5000, size: 10_000, offset: 0 }, time: Some(0), zone: String::new() };
    let plan = plan(&input, Changes::APPEND, Op::WindowTable(window), &output, Changes::APPEND);
    let t = Arc::new(TimestampMicrosecondArray::from(vec![12_000_000]));
    let got = run(&|| make(&plan), &[Step::Rows(batch(&input, vec![t, text(&[Some("a")])], &[]))]);
    assert_eq!(
        got.lines(),
        [
            "+I(1970-01-01T00:00:12Z, 'a', 1970-01-01T00:00:05Z, 1970-01-01T00:00:15Z, 1970-01-01T00:00:14.999Z)",
            "+I(1970-01-01T00:00:12Z, 'a', 1970-01-01T00:00:10Z, 1970-01-01T00:00:20Z, 1970-01-01T00:00:19.999Z)",
        ]
    );
}
