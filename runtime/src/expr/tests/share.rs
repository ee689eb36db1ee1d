//! Sharing and folding, seen in the graph; printing inside CONCAT over selected rows.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use tidegate_core::SqlType as T;
use tidegate_plan::{Expr, ExprKind, Function as F};

use super::super::graph::{Graph, Op};
use super::super::{CalcProgram, Program, RowErrors};
use super::fixture::*;

#[test]
fn equal_expressions_are_one_node() {
    let (schema, _) = batch(vec![("t", T::STRING, Arc::new(StringArray::from(vec!["1"])))]);
    let mut graph = Graph::new(&schema);
    let a = graph.add(&cast(col(0, T::STRING), T::BigInt, TRY)).unwrap();
    let b = graph.add(&cast(col(0, T::STRING), T::BigInt, TRY).at(tidegate_core::Span::new(3, 4))).unwrap();
    let c = graph.add(&cast(col(0, T::STRING), T::BigInt, FAIL)).unwrap();
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn constants_are_folded_but_not_clocks_and_errors() {
    let mut graph = Graph::new(&[]);
    let sum = graph.add(&call(F::Add, vec![int(1), int(2)], T::Int)).unwrap();
    assert!(matches!(graph.nodes[sum].op, Op::Literal(_)));
    let text = graph.add(&call(F::Concat { skip_nulls: false }, vec![text("a"), text("b")], T::STRING)).unwrap();
    assert!(matches!(graph.nodes[text].op, Op::Literal(_)));
    let now = graph.add(&call(F::UnixNow, vec![], T::BigInt)).unwrap();
    let later = graph.add(&call(F::Multiply, vec![call(F::UnixNow, vec![], T::BigInt), big(1000)], T::BigInt)).unwrap();
    assert!(!matches!(graph.nodes[now].op, Op::Literal(_)) && !matches!(graph.nodes[later].op, Op::Literal(_)));
    let zero = graph.add(&call(F::Divide { null_on_zero: false }, vec![int(1), int(0)], T::Int)).unwrap();
    assert!(!matches!(graph.nodes[zero].op, Op::Literal(_)));
    let (r1, r2) = (call(F::Rand, vec![], T::Double), call(F::Rand, vec![], T::Double));
    assert_ne!(graph.add(&r1).unwrap(), graph.add(&r2).unwrap());
}

#[test]
fn concat_prints_columns_of_the_selected_rows() {
    let names = StringArray::from(vec![Some("a"), Some("b"), None, Some("中")]);
    let stamps = Int64Array::from(vec![Some(1_598_528_716_123), Some(0), Some(1), None]);
    let numbers = StringArray::from(vec!["10", "20", "30", "40"]);
    let (schema, rows) = batch(vec![
        ("name", T::STRING, Arc::new(names)),
        ("ms", T::BigInt, Arc::new(stamps)),
        ("n", T::STRING, Arc::new(numbers)),
    ]);
    let number = || cast(col(2, T::STRING), T::BigInt, TRY);
    let instant = call(F::EpochToInstant { seconds: false }, vec![col(1, T::BigInt)], T::TimestampLtz(3));
    let printed = ExprKind::Cast { input: Box::new(instant), rule: FAIL, zone: "Asia/Shanghai".into() };
    let parts = |skip_nulls| {
        let parts = vec![
            text("{\"name\":\""),
            col(0, T::STRING),
            text("\",\"at\":\""),
            Expr::new(printed.clone(), T::STRING.nullable()),
            text("\",\"n\":"),
            cast(number(), T::STRING, FAIL),
            text("}"),
        ];
        call(F::Concat { skip_nulls }, parts, T::STRING)
    };
    // The filter computes `n` for all rows; the projection reads it there.
    let filter = compare_gt(number(), big(10));
    let mut errors = RowErrors::default();
    let mut program = CalcProgram::compile(Some(&filter), &[parts(false), parts(true), number()], &schema).unwrap();
    let result = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(
        show(&result.columns[0], &T::STRING),
        ["{\"name\":\"b\",\"at\":\"1970-01-01 08:00:00.000\",\"n\":20}", "NULL", "NULL"]
    );
    assert_eq!(
        show(&result.columns[1], &T::STRING)[1..],
        ["{\"name\":\"\",\"at\":\"1970-01-01 08:00:00.001\",\"n\":30}", "{\"name\":\"中\",\"at\":\"\",\"n\":40}"]
    );
    assert_eq!(show(&result.columns[2], &T::BigInt), ["20", "30", "40"]);
}

fn compare_gt(l: Expr, r: Expr) -> Expr {
    compare(tidegate_core::scan::CompareOp::Gt, l, r)
}

#[test]
fn random_values_differ_from_row_to_row() {
    let (schema, rows) = batch(vec![("n", T::BigInt, Arc::new(Int64Array::from(vec![1, 2, 3])))]);
    let exprs = [call(F::Rand, vec![], T::Double), call(F::Uuid, vec![], T::Char(36))];
    let mut errors = RowErrors::default();
    let out = Program::compile(&exprs, &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    for column in &out {
        let mut values = show(column, &T::STRING);
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 3);
    }
}

#[test]
fn fields_of_rows_keep_the_nulls_of_the_row() {
    let row = T::Row(vec![
        tidegate_core::Column::new("x", T::Int.nullable()),
        tidegate_core::Column::new("y", T::STRING.nullable()),
    ]);
    let made = call(F::RowOf, vec![int(1), text("q")], row.clone());
    let field = |e: Expr, index, ty: T| Expr::new(ExprKind::Field { input: Box::new(e), index }, ty.nullable());
    assert_eq!(eval(&field(made, 1, T::STRING)), "q");
    assert_eq!(eval(&field(null(row), 0, T::Int)), "NULL");
}
