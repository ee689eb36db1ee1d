//! Comparisons of whole columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Int32Array, Int64Array};
use tidegate_core::SqlType as T;
use tidegate_core::scan::CompareOp::{Eq, Gt, GtEq, Lt, LtEq, NotEq};

use super::super::{Program, RowErrors};
use super::fixture::*;

#[test]
fn integers_of_columns_and_constants_compare_row_by_row() {
    let narrow = [Some(3), Some(-1), None, Some(0), Some(i32::MIN)];
    let wide = [Some(2), Some(-1), Some(5), None, Some(i64::MAX)];
    let (schema, rows) = batch(vec![
        ("narrow", T::Int, Arc::new(Int32Array::from(narrow.to_vec()))),
        ("wide", T::BigInt, Arc::new(Int64Array::from(wide.to_vec()))),
        ("again", T::BigInt, Arc::new(Int64Array::from(wide.iter().rev().copied().collect::<Vec<_>>()))),
    ]);
    let widened = narrow.map(|n| n.map(i64::from));
    let backward = [wide[4], wide[3], wide[2], wide[1], wide[0]];
    let sides = [
        (col(0, T::Int), widened),
        (col(1, T::BigInt), wide),
        (col(2, T::BigInt), backward),
        (big(2), [Some(2); 5]),
        (null(T::BigInt), [None; 5]),
    ];
    let holds = |op, a: i64, b: i64| match op {
        Eq => a == b,
        NotEq => a != b,
        Lt => a < b,
        LtEq => a <= b,
        Gt => a > b,
        GtEq => a >= b,
    };
    for ((left, a), (right, b)) in sides.iter().flat_map(|left| sides.iter().map(move |right| (left, right))) {
        for op in [Eq, NotEq, Lt, LtEq, Gt, GtEq] {
            let e = compare(op, left.clone(), right.clone());
            let mut program = Program::compile(std::slice::from_ref(&e), &schema).unwrap();
            let out = program.evaluate(&rows, &NOW, &mut RowErrors::default()).unwrap();
            let want: Vec<Option<bool>> = a.iter().zip(b).map(|(a, b)| Some(holds(op, (*a)?, (*b)?))).collect();
            assert_eq!(out[0].as_boolean().iter().collect::<Vec<_>>(), want, "{e:?}");
        }
    }
}
