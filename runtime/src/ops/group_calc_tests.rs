//! A Calc that is fused into the aggregate before it, against the two one after the other.

use std::sync::Arc;

use tidegate_core::scan::{CastFlavor, CastRule, CompareOp, OnCastError};
use tidegate_core::{Scalar, SqlType};
use tidegate_plan::{AggregateCall, AggregateFunction, Changes, Expr, ExprKind, Function, Op, Plan};

use super::group_aggregate::fuses;
use super::test_kit::{Collected, Step, TestClock, batch, context, ints, node, plan, run_restored, text};
use super::{build, build_fused};
use crate::batch::Batch;
use crate::operator::{Operator, Output};
use crate::state::test_data::Random;

const INPUT: [(&str, SqlType); 3] = [("id", SqlType::STRING), ("status", SqlType::STRING), ("n", SqlType::BigInt)];
const GROUPED: [(&str, SqlType); 4] =
    [("id", SqlType::STRING), ("status", SqlType::STRING), ("n", SqlType::BigInt), ("rows", SqlType::BigInt)];

fn column(i: usize) -> Expr {
    Expr::column(i, GROUPED[i].1.clone().nullable())
}

fn compare(op: CompareOp, left: Expr, right: Scalar) -> Expr {
    let right = Box::new(Expr::literal(right, left.data_type.ty.clone().not_null()));
    Expr::new(ExprKind::Compare { op, left: Box::new(left), right }, SqlType::Boolean.nullable())
}

fn all(parts: Vec<Expr>) -> Expr {
    Expr::new(ExprKind::And(parts), SqlType::Boolean.nullable())
}

/// `CAST(status AS BIGINT)`, which fails for `x`.
fn number() -> Expr {
    let rule = CastRule { on_error: OnCastError::Fail, flavor: CastFlavor::Flink };
    let kind = ExprKind::Cast { input: Box::new(column(1)), rule, zone: String::new() };
    Expr::new(kind, SqlType::BigInt.nullable())
}

/// `n IS NOT NULL AND status = '1' AND n > 0`
fn filter() -> Expr {
    let there = Expr::new(ExprKind::IsNotNull(Box::new(column(2))), SqlType::Boolean.not_null());
    let open = compare(CompareOp::Eq, column(1), Scalar::Text("1".into()));
    all(vec![there, all(vec![open, compare(CompareOp::Gt, column(2), Scalar::Int(0))])])
}

/// Newest status and n, and a count, a group; then a Calc with these columns.
fn plan_with(retract: bool, keys: Vec<usize>, filter: Option<Expr>, exprs: Vec<Expr>) -> Plan {
    let call = |function, args: &[usize], ty: SqlType| AggregateCall {
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
        data_type: ty.nullable(),
    };
    let aggregates = vec![
        call(AggregateFunction::LastValue, &[1], SqlType::STRING),
        call(AggregateFunction::LastValue, &[2], SqlType::BigInt),
        call(AggregateFunction::CountAll, &[], SqlType::BigInt),
    ];
    let names: Vec<(String, SqlType)> =
        exprs.iter().enumerate().map(|(i, e)| (format!("c{i}"), e.data_type.ty.clone())).collect();
    let columns: Vec<(&str, SqlType)> = names.iter().map(|(n, t)| (n.as_str(), t.clone())).collect();
    let input = if retract { Changes::ALL } else { Changes::APPEND };
    let mut plan = plan(&INPUT, input, Op::GroupAggregate { keys, aggregates }, &GROUPED, Changes::ALL);
    plan.nodes.push(node(Op::Calc { filter, exprs }, vec![1], &columns, Changes::ALL));
    plan
}

fn fused(plan: &Plan) -> Box<dyn Operator> {
    assert!(fuses(&plan.nodes[2]));
    let ctx = context(&Arc::new(TestClock::default()));
    build_fused((&plan.nodes[1], ctx.clone()), (&plan.nodes[2], ctx.metrics.clone()), plan).unwrap()
}

/// The aggregate, and behind it the Calc.
struct Apart {
    aggregate: Box<dyn Operator>,
    calc: Box<dyn Operator>,
}

impl Apart {
    fn of(plan: &Plan) -> Box<dyn Operator> {
        let ctx = context(&Arc::new(TestClock::default()));
        let operator = |i: usize| build(&plan.nodes[i], plan, ctx.clone()).unwrap();
        Box::new(Apart { aggregate: operator(1), calc: operator(2) })
    }
    fn pass_on(&mut self, between: Collected, out: &mut dyn Output) -> tidegate_core::Result<()> {
        between.batches.into_iter().try_for_each(|b| self.calc.process(0, b, out))
    }
}

impl Operator for Apart {
    fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Output) -> tidegate_core::Result<()> {
        let mut between = Collected::default();
        self.aggregate.process(input, batch, &mut between)?;
        self.pass_on(between, out)
    }
    fn flush(&mut self, out: &mut dyn Output) -> tidegate_core::Result<()> {
        let mut between = Collected::default();
        self.aggregate.flush(&mut between)?;
        self.pass_on(between, out)
    }
    fn state(&self) -> Option<crate::operator::StateLayout> {
        self.aggregate.state()
    }
    fn snapshot(&mut self) -> tidegate_core::Result<Vec<arrow_array::RecordBatch>> {
        self.aggregate.snapshot()
    }
    fn restore(&mut self, entries: &arrow_array::RecordBatch) -> tidegate_core::Result<()> {
        self.aggregate.restore(entries)
    }
}

type Row = (usize, Option<&'static str>, Option<i64>);

fn step(rows: &[(Row, bool)]) -> Step {
    const IDS: [&str; 5] = ["a", "b", "", "题", "e"];
    let id: Vec<Option<&str>> = rows.iter().map(|((id, ..), _)| IDS.get(*id).copied()).collect();
    let status: Vec<Option<&str>> = rows.iter().map(|((_, s, _), _)| *s).collect();
    let n: Vec<Option<i64>> = rows.iter().map(|((_, _, n), _)| *n).collect();
    let kinds: Vec<i8> = rows.iter().map(|(_, retract)| if *retract { 3 } else { 0 }).collect();
    Step::Rows(batch(&INPUT, vec![text(&id), text(&status), ints(&n)], &kinds))
}

fn random_steps(seed: u64, retract: bool) -> Vec<Step> {
    let (mut r, mut live) = (Random::new(seed), Vec::new());
    let mut steps = Vec::new();
    for _ in 0..25 {
        let mut rows = Vec::new();
        for _ in 0..r.below(10) + 1 {
            if retract && !live.is_empty() && r.below(5) < 2 {
                rows.push((live.swap_remove(r.below(live.len() as u64) as usize), true));
            } else {
                let status = ["1", "1", "2", ""][r.below(4) as usize];
                let row = (r.below(6) as usize, r.maybe(|_| status), r.maybe(|r| r.below(5) as i64 - 1));
                live.push(row);
                rows.push((row, false));
            }
        }
        steps.push(step(&rows));
    }
    steps
}

#[test]
fn is_the_same_as_the_two_apart() {
    let shapes: [(Option<Expr>, Vec<Expr>); 5] = [
        (Some(filter()), vec![column(2), column(0)]),
        (Some(filter()), vec![column(3)]),
        (None, vec![column(1), column(2), column(0)]),
        (Some(compare(CompareOp::NotEq, column(1), Scalar::Text("1".into()))), vec![column(0), column(1)]),
        (Some(compare(CompareOp::Lt, column(3), Scalar::Int(3))), vec![]),
    ];
    for (i, (filter, exprs)) in shapes.into_iter().enumerate() {
        for seed in 0..8 {
            for (retract, per_row, keys) in
                [(false, false, vec![0]), (true, false, vec![0]), (true, true, vec![0]), (true, false, vec![])]
            {
                // Without a key there is no column for it: the next one, of the same type, stands in.
                let shift = |mut e: Expr| {
                    if keys.is_empty() {
                        e.remap(&|c| c.max(1) - 1);
                    }
                    e
                };
                let (filter, exprs) = (filter.clone().map(shift), exprs.iter().cloned().map(shift).collect());
                let mut plan = plan_with(retract, keys.clone(), filter, exprs);
                if keys.is_empty() {
                    plan.nodes[1].columns.remove(0);
                }
                plan.settings.mini_batch = !per_row;
                let steps = random_steps(seed, retract);
                let apart = run_restored(&|| Apart::of(&plan), &steps, &keys, seed);
                let together = run_restored(&|| fused(&plan), &steps, &keys, seed);
                assert_eq!(together.net(), apart.net(), "shape {i} seed {seed} retract {retract} keys {keys:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_seen_behind_the_calc_is_no_change() {
    let plan = plan_with(false, vec![0], Some(filter()), vec![column(2)]);
    let (mut operator, mut out) = (fused(&plan), Collected::default());
    let mut epoch = |rows: &[Row]| {
        let rows: Vec<(Row, bool)> = rows.iter().map(|r| (*r, false)).collect();
        let Step::Rows(batch) = step(&rows) else { unreachable!() };
        operator.process(0, batch, &mut out).unwrap();
        operator.flush(&mut out).unwrap();
        std::mem::take(&mut out).lines()
    };
    // New and seen; new and not; NULL is not TRUE.
    assert_eq!(epoch(&[(0, Some("1"), Some(7)), (1, Some("2"), Some(8)), (2, None, Some(9))]), ["+I(7)"]);
    // The count differs, what is seen does not.
    assert!(epoch(&[(0, Some("1"), Some(7))]).is_empty());
    assert_eq!(epoch(&[(0, Some("1"), Some(6))]), ["-U(7)", "+U(6)"]);
    // Into sight, and out of it.
    assert_eq!(epoch(&[(1, Some("1"), None), (0, Some("3"), None)]), ["+U(8)", "-U(6)"]);
    assert!(epoch(&[(0, Some("4"), None)]).is_empty());
}

#[test]
fn a_group_that_cannot_be_computed_is_reported_once() {
    let plan = plan_with(true, vec![0], None, vec![number(), column(3)]);
    let (mut operator, mut out) = (fused(&plan), Collected::default());
    let mut epoch = |rows: &[(Row, bool)]| {
        let Step::Rows(batch) = step(rows) else { unreachable!() };
        operator.process(0, batch, &mut out).unwrap();
        operator.flush(&mut out).unwrap();
        let bad = out.bad.len();
        (std::mem::take(&mut out).lines(), bad)
    };
    let row = |status| (0, Some(status), None);
    assert_eq!(epoch(&[(row("x"), false), ((1, Some("4"), None), false)]), (vec!["+I(4, 1)".to_string()], 1));
    assert_eq!(epoch(&[(row("5"), false)]), (vec!["+U(5, 2)".to_string()], 0));
    assert_eq!(epoch(&[(row("x"), true)]), (vec!["-U(5, 2)".to_string(), "+U(5, 1)".to_string()], 0));
    // An empty group is not computed any more.
    assert_eq!(epoch(&[(row("5"), true)]), (vec!["-D(5, 1)".to_string()], 0));
}

#[test]
fn clocks_and_conditions_that_are_no_truth_values_stay_apart() {
    let calc = |filter, exprs| node(Op::Calc { filter, exprs }, vec![1], &[], Changes::ALL);
    let now = Expr::new(
        ExprKind::Call { function: Function::CurrentTimestamp, args: vec![] },
        SqlType::TimestampLtz(3).not_null(),
    );
    assert!(!fuses(&calc(None, vec![column(1), now])));
    assert!(!fuses(&calc(Some(Expr::literal(Scalar::Null, SqlType::Null.nullable())), vec![column(1)])));
    assert!(fuses(&calc(Some(filter()), vec![column(1)])));
    assert!(!fuses(&node(Op::Union, vec![1], &[], Changes::ALL)));
}
