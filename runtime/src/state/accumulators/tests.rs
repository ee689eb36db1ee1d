//! Accumulators by themselves: types and edges that the operators' oracles do not reach.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray};
use arrow_schema::DataType;
use tidegate_core::SqlType;
use tidegate_plan::{AggregateCall, AggregateFunction};

use super::{Aggregates, Rows};
use crate::state::describe_row;

fn call(function: AggregateFunction, ty: SqlType) -> AggregateCall {
    AggregateCall { function, args: vec![0], distinct: false, filter: None, data_type: ty.nullable() }
}

/// The result of one call over one group of `column`; `retract` says which rows are taken back.
fn result(call: &AggregateCall, column: &ArrayRef, retract: Option<&[bool]>) -> ArrayRef {
    let mut all =
        Aggregates::new(std::slice::from_ref(call), &[column.data_type().clone()], retract.is_some()).unwrap();
    all.grow(1);
    let groups = vec![0; column.len()];
    let args = std::slice::from_ref(column);
    all.update(&Rows { groups: &groups, rows: None, args, retract, sequence: 0 }).unwrap();
    let saved = all.save(&[0]).unwrap();
    let mut restored =
        Aggregates::new(std::slice::from_ref(call), &[column.data_type().clone()], retract.is_some()).unwrap();
    restored.grow(1);
    restored.load(&[0], &saved).unwrap();
    for (part, change) in all.take_changes() {
        restored.load_entry(0, part, &change.key, change.value.as_deref()).unwrap();
    }
    let result = all.results(&[0]).unwrap().remove(0);
    assert_eq!(restored.results(&[0]).unwrap().remove(0).as_ref(), result.as_ref(), "{call:?}");
    result
}

fn show(call: &AggregateCall, column: &ArrayRef) -> String {
    describe_row(&[result(call, column, None)], 0)
}

fn decimal(values: &[Option<i128>], precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn averages_follow_the_result_type() {
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(-3), Some(-4), None]));
    assert_eq!(show(&call(AggregateFunction::Avg, SqlType::BigInt), &ints), "(-3)");
    assert_eq!(show(&call(AggregateFunction::Avg, SqlType::Double), &ints), "(-3.5)");
    let huge: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX]));
    assert_eq!(show(&call(AggregateFunction::Avg, SqlType::BigInt), &huge), format!("({})", i64::MAX));
    let money = decimal(&[Some(100), Some(100), Some(101)], 10, 2);
    assert_eq!(show(&call(AggregateFunction::Avg, SqlType::Decimal(38, 6)), &money), "(1.003333)");
    let none: ArrayRef = Arc::new(Int64Array::from(vec![None, None]));
    assert_eq!(show(&call(AggregateFunction::Avg, SqlType::Double), &none), "(NULL)");
}

#[test]
fn sums_keep_their_type() {
    let small: ArrayRef = Arc::new(Int32Array::from(vec![i32::MAX, 1]));
    assert_eq!(show(&call(AggregateFunction::Sum, SqlType::Int), &small), format!("({})", i32::MIN));
    let none: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    assert_eq!(show(&call(AggregateFunction::Sum, SqlType::BigInt), &none), "(NULL)");
    assert_eq!(show(&call(AggregateFunction::Sum0, SqlType::BigInt), &none), "(0)");
    let money = decimal(&[Some(150), Some(-25)], 10, 2);
    let sum = result(&call(AggregateFunction::Sum, SqlType::Decimal(38, 2)), &money, None);
    assert_eq!(sum.as_primitive::<Decimal128Type>().value_as_string(0), "1.25");
    let nines = 10i128.pow(38) - 1;
    let full = decimal(&[Some(nines), Some(1)], 38, 0);
    assert!(result(&call(AggregateFunction::Sum, SqlType::Decimal(38, 0)), &full, None).is_null(0));
}

#[test]
fn sums_of_doubles_are_exactly_nothing_once_all_is_taken_back() {
    let values: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 0.2, 0.1, 0.2, 5.0]));
    let back = [false, false, true, true, false];
    let sum = result(&call(AggregateFunction::Sum, SqlType::Double), &values, Some(&back));
    assert_eq!(sum.as_primitive::<Float64Type>().value(0).to_bits(), 5.0f64.to_bits());
}

#[test]
fn variances_equal_the_definition_also_after_retractions() {
    let values: ArrayRef =
        Arc::new(Float64Array::from(vec![1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 77.0, 1e9 + 77.0, 1e9 + 16.0]));
    let back = [false, false, false, false, true, false];
    for (sample, root, want) in
        [(false, false, 22.5), (true, false, 30.0), (false, true, 22.5f64.sqrt()), (true, true, 30f64.sqrt())]
    {
        let got = result(&call(AggregateFunction::Variance { sample, root }, SqlType::Double), &values, Some(&back));
        let got = got.as_primitive::<Float64Type>().value(0);
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
    let one: ArrayRef = Arc::new(Float64Array::from(vec![3.0]));
    assert_eq!(show(&call(AggregateFunction::Variance { sample: true, root: false }, SqlType::Double), &one), "(NULL)");
    assert_eq!(show(&call(AggregateFunction::Variance { sample: false, root: false }, SqlType::Double), &one), "(0)");
}

#[test]
fn arrays_keep_order_and_nulls() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("b")]));
    let ty = SqlType::Array(Box::new(SqlType::STRING.nullable()));
    let got = result(&call(AggregateFunction::ArrayAgg, ty), &texts, Some(&[false, false, false, false, true]));
    let items = got.as_list::<i32>().value(0);
    assert_eq!(items.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("a"), Some("b")]);
    let separator = AggregateFunction::ListAgg(", ".into());
    assert_eq!(show(&call(separator, SqlType::STRING), &texts), "('b, a, b, b')");
}

#[test]
fn minima_of_every_comparable_type() {
    for column in crate::state::test_data::random_columns(9, 30) {
        if matches!(column.data_type(), DataType::List(_) | DataType::Map(..) | DataType::Struct(_) | DataType::Binary)
        {
            continue;
        }
        for function in [AggregateFunction::Min, AggregateFunction::Max] {
            let call = call(function.clone(), SqlType::Null);
            let appended = result(&call, &column, None);
            let retractable = result(&call, &column, Some(&[false; 30]));
            assert_eq!(appended.as_ref(), retractable.as_ref(), "{function:?} of {}", column.data_type());
            assert!(appended.is_valid(0));
        }
    }
}

/// Two groups merged give what one group over all rows gives.
#[test]
fn merging_equals_one_group() {
    use AggregateFunction::{Avg, Count, FirstValue, LastValue, ListAgg, Max, Min, Sum, Variance};
    let values: ArrayRef =
        Arc::new(Int64Array::from(vec![Some(4), Some(4), None, Some(-2), Some(9), Some(4), Some(1)]));
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec![Some("d"), None, Some("b"), Some("d"), Some("a"), Some("c"), None]));
    let args = [values, texts];
    let types: Vec<DataType> = args.iter().map(|a| a.data_type().clone()).collect();
    let on = |function, arg, distinct, ty: SqlType| AggregateCall { args: vec![arg], distinct, ..call(function, ty) };
    let calls = [
        on(Count, 0, false, SqlType::BigInt),
        on(Count, 0, true, SqlType::BigInt),
        on(Sum, 0, false, SqlType::BigInt),
        on(Sum, 0, true, SqlType::BigInt),
        on(Avg, 0, false, SqlType::Double),
        on(Min, 1, false, SqlType::STRING),
        on(Max, 0, false, SqlType::BigInt),
        on(FirstValue, 1, false, SqlType::STRING),
        on(LastValue, 1, false, SqlType::STRING),
        on(ListAgg("-".into()), 1, false, SqlType::STRING),
        on(Variance { sample: false, root: false }, 0, false, SqlType::BigInt),
    ];
    for retract in [false, true] {
        let mut all = Aggregates::new(&calls, &types, retract).unwrap();
        all.grow(3);
        let one = Rows { groups: &[0; 7], rows: None, args: &args, retract: None, sequence: 0 };
        all.update(&one).unwrap();
        all.update(&Rows { groups: &[1, 1, 1, 2, 2, 2, 2], ..one }).unwrap();
        all.merge(1, 2).unwrap();
        for column in all.results(&[0, 1]).unwrap() {
            assert_eq!(column.slice(0, 1).as_ref(), column.slice(1, 1).as_ref(), "retract {retract}");
        }
    }
}
