//! What a Calc keeps of its input, and what it reports.

use std::sync::Arc;

use arrow_array::Int64Array;
use bytes::Bytes;
use tidegate_core::raw::{RawBatch, RawRecord};
use tidegate_core::scan::{CastFlavor, CastRule, CompareOp, OnCastError};
use tidegate_core::split::Position;
use tidegate_core::{Scalar, SqlType};
use tidegate_plan::{Changes, Expr, ExprKind, Op};

use super::build;
use super::test_kit::{Collected, TestClock, batch, context, ints, plan, text};
use crate::batch::Origin;

const INPUT: [(&str, SqlType); 2] = [("n", SqlType::BigInt), ("s", SqlType::STRING)];

fn cast(on_error: OnCastError) -> Expr {
    let input = Box::new(Expr::column(1, SqlType::STRING.nullable()));
    let rule = CastRule { on_error, flavor: CastFlavor::Flink };
    Expr::new(ExprKind::Cast { input, rule, zone: String::new() }, SqlType::BigInt.nullable())
}

fn positive() -> Expr {
    let left = Box::new(Expr::column(0, SqlType::BigInt.nullable()));
    let right = Box::new(Expr::literal(Scalar::Int(0), SqlType::BigInt.not_null()));
    Expr::new(ExprKind::Compare { op: CompareOp::Gt, left, right }, SqlType::Boolean.nullable())
}

fn origin(records: usize) -> Origin {
    let record = |offset| RawRecord {
        key: None,
        value: None,
        headers: None,
        offset,
        timestamp: -1,
        broker: tidegate_core::raw::BrokerFacts::default(),
    };
    let raw = RawBatch {
        topic: "in".into(),
        partition: 1,
        data: Bytes::new(),
        records: (0..records as i64).map(|i| record(100 + i)).collect(),
        next: Position("200".into()),
        behind: None,
    };
    Origin { raw: Arc::new(raw), records: None }
}

fn run(on_error: OnCastError) -> (Collected, crate::operator::OperatorContext) {
    let op =
        Op::Calc { filter: Some(positive()), exprs: vec![cast(on_error), Expr::column(0, SqlType::BigInt.nullable())] };
    let mut plan = plan(&INPUT, Changes::ALL, op, &[("c", SqlType::BigInt), ("n", SqlType::BigInt)], Changes::ALL);
    plan.nodes[1].time_column = Some(1);
    let ctx = context(&Arc::new(TestClock::default()));
    let mut operator = build(&plan.nodes[1], &plan, ctx.clone()).unwrap();
    let columns = vec![
        ints(&[Some(1), Some(-1), Some(3), None, Some(5)]),
        text(&[Some("10"), Some("x"), Some("x"), None, Some("50")]),
    ];
    let mut input = batch(&INPUT, columns, &[0, 3, 2, 0, 1]);
    input.marks = Some(Int64Array::from(vec![11, 12, 13, 14, 15]));
    input.origin = Some(origin(5));
    let mut out = Collected::default();
    operator.process(0, input, &mut out).unwrap();
    (out, ctx)
}

#[test]
fn selected_rows_keep_kinds_marks_and_origin() {
    let (out, ctx) = run(OnCastError::Null);
    assert_eq!(out.lines(), ["+I(10, 1)", "+U(NULL, 3)", "-U(50, 5)"]);
    assert_eq!(out.batches[0].marks.as_ref().unwrap().values(), &[11, 13, 15]);
    assert_eq!(out.batches[0].origin.as_ref().unwrap().describe(1), "topic in partition 1 offset 102");
    let named = ctx.metrics.named();
    let (name, (count, sample)) = named.iter().next().unwrap();
    assert!(name.starts_with("cast-null:"), "{name}");
    assert_eq!((*count, sample.as_str()), (1, "topic in partition 1 offset 102"));
}

#[test]
fn a_row_that_cannot_be_computed_is_reported_and_left_out() {
    let (out, _) = run(OnCastError::Fail);
    assert_eq!(out.lines(), ["+I(10, 1)", "-U(50, 5)"]);
    assert_eq!(out.bad.len(), 1, "a row that the filter drops is not computed");
    let (origin, row) = out.bad[0].origin.clone().unwrap();
    assert_eq!(origin.describe(row), "topic in partition 1 offset 102");
}
