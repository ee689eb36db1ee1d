//! Which rows are evaluated, and what happens to those that fail.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, StringArray};
use tidegate_core::SqlType as T;
use tidegate_core::scan::CompareOp;
use tidegate_plan::{ExprKind, Function as F};

use super::super::{CalcProgram, FanoutProgram, Program, RowErrors};
use super::fixture::*;

fn numbers() -> (Vec<tidegate_core::Column>, arrow_array::RecordBatch) {
    let texts = StringArray::from(vec![Some("1"), Some("x"), None, Some("4"), Some("y")]);
    let kinds = Int32Array::from(vec![1, 0, 1, 1, 1]);
    batch(vec![("t", T::STRING, Arc::new(texts)), ("kind", T::Int, Arc::new(kinds))])
}

fn parsed(rule: tidegate_core::scan::CastRule) -> tidegate_plan::Expr {
    cast(col(0, T::STRING), T::Int, rule)
}

#[test]
fn failing_rows_are_null_and_listed_once() {
    let (schema, rows) = numbers();
    let twice = vec![parsed(FAIL), call(F::Add, vec![parsed(FAIL), int(1)], T::Int)];
    let mut program = Program::compile(&twice, &schema).unwrap();
    let mut errors = RowErrors::default();
    let out = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Int), ["1", "NULL", "NULL", "4", "NULL"]);
    assert_eq!(show(&out[1], &T::Int), ["2", "NULL", "NULL", "5", "NULL"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [1, 4]);
}

#[test]
fn casts_to_null_are_counted() {
    let (schema, rows) = numbers();
    let mut errors = RowErrors::default();
    Program::compile(&[parsed(TRY)], &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    assert!(errors.errors.is_empty());
    assert_eq!((errors.nulls[0].count, errors.nulls[0].first_row), (2, 1));
    assert_eq!(errors.nulls[0].what, "TRY_CAST(… AS INT)");
}

#[test]
fn case_evaluates_only_the_branch_taken() {
    let (schema, rows) = numbers();
    let is_number = eq(col(1, T::Int), int(1));
    let e = case(vec![(is_number, parsed(FAIL))], int(-1));
    let mut errors = RowErrors::default();
    let out = Program::compile(&[e], &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Int), ["1", "-1", "NULL", "4", "NULL"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [4]);
}

#[test]
fn nested_case_reports_rows_of_the_batch() {
    let (schema, rows) = numbers();
    let inner = case(vec![(eq(col(0, T::STRING), text("4")), int(40))], parsed(FAIL));
    let e = case(vec![(eq(col(1, T::Int), int(0)), int(0))], inner);
    let mut errors = RowErrors::default();
    let out = Program::compile(&[e], &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Int), ["1", "0", "NULL", "40", "NULL"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [4]);
}

#[test]
fn and_or_skip_decided_rows() {
    let (schema, rows) = numbers();
    let small = compare(CompareOp::Lt, parsed(FAIL), int(3));
    let guarded = and(vec![eq(col(1, T::Int), int(1)), small.clone()]);
    let either = or(vec![eq(col(1, T::Int), int(1)), small]);
    let mut errors = RowErrors::default();
    let mut program = Program::compile(&[guarded], &schema).unwrap();
    let out = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Boolean), ["TRUE", "FALSE", "NULL", "FALSE", "NULL"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [4]);
    let mut errors = RowErrors::default();
    let mut program = Program::compile(&[either], &schema).unwrap();
    let out = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Boolean), ["TRUE", "NULL", "TRUE", "TRUE", "TRUE"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [1]);
}

#[test]
fn three_valued_logic() {
    let all = [Some(true), Some(false), None];
    let lit = |b: Option<bool>| b.map_or_else(|| null(T::Boolean), boolean);
    let text_of = |b: Option<bool>| b.map_or("NULL", |b| if b { "TRUE" } else { "FALSE" });
    for a in all {
        for b in all {
            let expected = match (a, b) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            assert_eq!(eval(&and(vec![lit(a), lit(b)])), text_of(expected), "{a:?} AND {b:?}");
            let expected = match (a, b) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            assert_eq!(eval(&or(vec![lit(a), lit(b)])), text_of(expected), "{a:?} OR {b:?}");
        }
        let not = tidegate_plan::Expr::new(ExprKind::Not(Box::new(lit(a))), T::Boolean.nullable());
        assert_eq!(eval(&not), text_of(a.map(|x| !x)));
        for value in [true, false] {
            let is = ExprKind::IsBool { input: Box::new(lit(a)), value, negated: false };
            let is = tidegate_plan::Expr::new(is, T::Boolean.not_null());
            assert_eq!(eval(&is), text_of(Some(a == Some(value))));
        }
    }
}

#[test]
fn coalesce_takes_the_first_value_and_skips_the_rest() {
    let (schema, rows) = numbers();
    let fallback = call(
        F::Divide { null_on_zero: false },
        vec![int(10), call(F::Subtract, vec![col(1, T::Int), int(1)], T::Int)],
        T::Int,
    );
    let e = call(F::Coalesce, vec![parsed(TRY), fallback], T::Int);
    let mut errors = RowErrors::default();
    let out = Program::compile(&[e], &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Int), ["1", "-10", "NULL", "4", "NULL"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(eval(&call(F::Coalesce, vec![null(T::STRING), text("x")], T::STRING)), "x");
}

#[test]
fn calc_projects_the_kept_rows_and_leaves_failed_ones_out() {
    let (schema, rows) = numbers();
    let filter = eq(col(1, T::Int), int(1));
    let exprs = [parsed(FAIL), col(0, T::STRING), int(7)];
    let mut errors = RowErrors::default();
    let mut program = CalcProgram::compile(Some(&filter), &exprs, &schema).unwrap();
    let result = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(result.selected.unwrap().values().to_vec(), [0, 2, 3]);
    assert_eq!(show(&result.columns[0], &T::Int), ["1", "NULL", "4"]);
    assert_eq!(show(&result.columns[1], &T::STRING), ["1", "NULL", "4"]);
    assert_eq!(show(&result.columns[2], &T::Int), ["7", "7", "7"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [4]);
}

#[test]
fn calc_without_filter_keeps_all() {
    let (schema, rows) = numbers();
    let mut errors = RowErrors::default();
    let mut program = CalcProgram::compile(None, &[col(1, T::Int)], &schema).unwrap();
    let result = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert!(result.selected.is_none() && errors.is_empty());
    assert_eq!(result.columns[0].len(), 5);
    let empty = program.evaluate(&rows.slice(0, 0), &NOW, &mut errors).unwrap();
    assert_eq!(empty.columns[0].len(), 0);
}

#[test]
fn fanout_leaves_a_failed_row_out_of_all() {
    let (schema, rows) = numbers();
    let filters = [eq(col(1, T::Int), int(1)), eq(col(1, T::Int), int(0))];
    let (a, b) = ([parsed(FAIL)], [col(0, T::STRING)]);
    let outputs: Vec<(Option<&tidegate_plan::Expr>, &[tidegate_plan::Expr])> =
        vec![(Some(&filters[0]), &a), (Some(&filters[1]), &b), (None, &b)];
    let mut errors = RowErrors::default();
    let results = FanoutProgram::compile(&outputs, &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    let selected = |i: usize| results[i].selected.as_ref().map(|s| s.values().to_vec());
    assert_eq!(selected(0), Some(vec![0, 2, 3]));
    assert_eq!(selected(1), Some(vec![1]));
    assert_eq!(selected(2), Some(vec![0, 1, 2, 3]));
    assert_eq!(errors.errors.len(), 1);
}

#[test]
fn columns_that_are_kept_whole_have_all_rows_and_failures_leave_the_selection() {
    let (schema, rows) = numbers();
    let filters = [eq(col(1, T::Int), int(1)), eq(col(1, T::Int), int(0))];
    let (fails, plain) = ([parsed(FAIL)], [col(0, T::STRING), col(1, T::Int)]);
    let outputs: Vec<(Option<&tidegate_plan::Expr>, &[tidegate_plan::Expr])> =
        vec![(Some(&filters[0]), &plain), (Some(&filters[1]), &plain), (None, &fails)];
    let mut program = FanoutProgram::compile(&outputs, &schema).unwrap();
    assert_eq!((0..4).map(|i| program.keep_all_rows(i)).collect::<Vec<_>>(), [true, true, false, false]);
    let mut errors = RowErrors::default();
    let results = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    let failed = |row: u32| errors.errors.iter().any(|e| e.row == row);
    assert!(!errors.is_empty());
    for (result, wanted) in results.iter().zip([1, 0]) {
        assert_eq!(result.columns.iter().map(Array::len).collect::<Vec<_>>(), [rows.num_rows(); 2]);
        let numbers = rows.column(1).as_primitive::<arrow_array::types::Int32Type>();
        let want = (0..rows.num_rows() as u32).filter(|r| numbers.value(*r as usize) == wanted && !failed(*r));
        assert_eq!(result.selected.as_ref().unwrap().values().to_vec(), want.collect::<Vec<_>>());
    }
}

#[test]
fn a_constant_that_fails_fails_only_rows_that_need_it() {
    let (schema, rows) = numbers();
    let bad = call(F::Divide { null_on_zero: false }, vec![int(1), int(0)], T::Int);
    let e = case(vec![(eq(col(1, T::Int), int(0)), bad)], int(5));
    let mut errors = RowErrors::default();
    let out = Program::compile(&[e], &schema).unwrap().evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(show(&out[0], &T::Int), ["5", "NULL", "5", "5", "5"]);
    assert_eq!(errors.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [1]);
}
