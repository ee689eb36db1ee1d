//! Expressions without a parser: short constructors, and results as text.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use tidegate_core::scan::{CastFlavor, CastRule, CompareOp, OnCastError};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, DataType, Scalar, SqlType};
use tidegate_formats::text::cast::write_scalar;
use tidegate_formats::text::timestamp::parse_timestamp;
use tidegate_formats::text::zone::Zone;
use tidegate_plan::{Expr, ExprKind, Function};

use super::super::value::scalar_at;
use super::super::{EvalContext, Program, RowErrors};

pub const FAIL: CastRule = CastRule { on_error: OnCastError::Fail, flavor: CastFlavor::Flink };
pub const TRY: CastRule = CastRule { on_error: OnCastError::Null, flavor: CastFlavor::Flink };
pub const BLINK: CastRule = CastRule { on_error: OnCastError::Null, flavor: CastFlavor::Blink };
pub const NOW: EvalContext = EvalContext { now_micros: 1_598_528_716_123_456 };

pub fn text(t: &str) -> Expr {
    Expr::literal(Scalar::Text(t.into()), SqlType::Char(t.chars().count() as u32).not_null())
}
pub fn int(n: i64) -> Expr {
    Expr::literal(Scalar::Int(n), SqlType::Int.not_null())
}
pub fn big(n: i64) -> Expr {
    Expr::literal(Scalar::Int(n), SqlType::BigInt.not_null())
}
pub fn double(d: f64) -> Expr {
    Expr::literal(Scalar::Double(d), SqlType::Double.not_null())
}
pub fn dec(unscaled: i128, p: u8, s: u8) -> Expr {
    Expr::literal(Scalar::Decimal(unscaled), SqlType::Decimal(p, s).not_null())
}
pub fn boolean(b: bool) -> Expr {
    Expr::literal(Scalar::Bool(b), SqlType::Boolean.not_null())
}
pub fn null(ty: SqlType) -> Expr {
    Expr::literal(Scalar::Null, ty.nullable())
}
pub fn at(t: &str, p: u8) -> Expr {
    Expr::literal(Scalar::Micros(parse_timestamp(t).unwrap()), SqlType::Timestamp(p).not_null())
}
pub fn cast(e: Expr, ty: SqlType, rule: CastRule) -> Expr {
    Expr::new(ExprKind::Cast { input: Box::new(e), rule, zone: String::new() }, ty.nullable())
}
pub fn call(function: Function, args: Vec<Expr>, ty: SqlType) -> Expr {
    Expr::new(ExprKind::Call { function, args }, ty.nullable())
}
pub fn compare(op: CompareOp, l: Expr, r: Expr) -> Expr {
    Expr::new(ExprKind::Compare { op, left: Box::new(l), right: Box::new(r) }, SqlType::Boolean.nullable())
}
pub fn eq(l: Expr, r: Expr) -> Expr {
    compare(CompareOp::Eq, l, r)
}
pub fn case(branches: Vec<(Expr, Expr)>, otherwise: Expr) -> Expr {
    let ty: DataType = otherwise.data_type.clone().with_nullable(true);
    Expr::new(ExprKind::Case { branches, otherwise: Box::new(otherwise) }, ty)
}
pub fn and(all: Vec<Expr>) -> Expr {
    Expr::new(ExprKind::And(all), SqlType::Boolean.nullable())
}
pub fn or(all: Vec<Expr>) -> Expr {
    Expr::new(ExprKind::Or(all), SqlType::Boolean.nullable())
}

/// A batch from named columns.
pub fn batch(columns: Vec<(&str, SqlType, ArrayRef)>) -> (Vec<Column>, RecordBatch) {
    let schema: Vec<Column> = columns.iter().map(|(n, t, _)| Column::new(*n, t.clone().nullable())).collect();
    let arrays = columns.into_iter().map(|(_, _, a)| a).collect();
    let rows = RecordBatch::try_new(arrow_schema(&schema), arrays).unwrap();
    (schema, rows)
}

/// Column `i` of a batch.
pub fn col(i: usize, ty: SqlType) -> Expr {
    Expr::column(i, ty.nullable())
}

/// All values of an array as text; `NULL` for NULL.
pub fn show(array: &ArrayRef, ty: &SqlType) -> Vec<String> {
    let zone = Zone::utc();
    (0..array.len())
        .map(|i| match scalar_at(array.as_ref(), i) {
            None => "NULL".to_string(),
            Some(value) => {
                let mut out = String::new();
                write_scalar(&mut out, &value, ty, CastFlavor::Flink, &zone);
                out
            }
        })
        .collect()
}

/// The value of an expression over one row without columns, or the reason why there is none.
pub fn eval(e: &Expr) -> String {
    let (schema, rows) = batch(vec![("x", SqlType::Int, Arc::new(arrow_array::Int32Array::from(vec![1])))]);
    let mut errors = RowErrors::default();
    let mut program = match Program::compile(std::slice::from_ref(e), &schema) {
        Ok(p) => p,
        Err(e) => return format!("COMPILE {}", e.message()),
    };
    let out = program.evaluate(&rows, &NOW, &mut errors).unwrap();
    assert_eq!(out[0].len(), 1);
    assert_eq!(out[0].data_type(), &e.data_type.ty.to_arrow(), "{e:?}");
    match errors.errors.first() {
        Some(error) => format!("ERROR {}: {}", error.class, error.reason),
        None => show(&out[0], &e.data_type.ty).remove(0),
    }
}
