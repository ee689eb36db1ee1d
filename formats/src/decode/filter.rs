//! The row filter, asked of slots before anything is built.

use std::cmp::Ordering;

use tidegate_core::Scalar;
use tidegate_core::error::{Error, Result};
use tidegate_core::scan::{CompareOp, RowFilter};

use super::field::Field;
use super::problem::OnBad;
use super::value::{Chunk, Datum};

/// What a filter says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    /// False or unknown: nobody wants the row.
    False,
    /// A field that decides cannot be converted and must not be passed over: the row is kept, and
    /// fails when the field is built.
    Fails,
}

/// A compiled filter.
#[derive(Debug)]
pub(crate) enum Predicate {
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Int { field: usize, op: CompareOp, value: i64 },
    Text { field: usize, op: CompareOp, value: Vec<u8> },
    Other { field: usize, op: CompareOp, value: Scalar },
    InInts { field: usize, values: Vec<i64> },
    InTexts { field: usize, values: Vec<Vec<u8>> },
    Null { field: usize, wanted: bool },
}

impl Predicate {
    /// # Errors
    /// Where a field does not exist.
    pub(crate) fn compile(filter: &RowFilter, fields: &[Field]) -> Result<Predicate> {
        let known = |field: usize| {
            fields
                .get(field)
                .ok_or_else(|| Error::internal(format!("the scan's filter reads field {field}, which does not exist")))
        };
        let all =
            |filters: &[RowFilter]| filters.iter().map(|f| Predicate::compile(f, fields)).collect::<Result<Vec<_>>>();
        Ok(match filter {
            RowFilter::And(filters) => Predicate::And(all(filters)?),
            RowFilter::Or(filters) => Predicate::Or(all(filters)?),
            RowFilter::Compare { field, op, value } => {
                let f = known(*field)?;
                match value {
                    Scalar::Int(n) if f.data_type.ty.is_integer() => {
                        Predicate::Int { field: *field, op: *op, value: *n }
                    }
                    Scalar::Text(t) if f.is_text() => {
                        Predicate::Text { field: *field, op: *op, value: t.clone().into_bytes() }
                    }
                    value => Predicate::Other { field: *field, op: *op, value: value.clone() },
                }
            }
            RowFilter::In { field, values } => {
                let f = known(*field)?;
                let ints: Vec<i64> =
                    values.iter().filter_map(|v| if let Scalar::Int(n) = v { Some(*n) } else { None }).collect();
                let texts: Vec<Vec<u8>> = values
                    .iter()
                    .filter_map(|v| if let Scalar::Text(t) = v { Some(t.clone().into_bytes()) } else { None })
                    .collect();
                if f.data_type.ty.is_integer() && ints.len() == values.len() {
                    Predicate::InInts { field: *field, values: ints }
                } else if f.is_text() && texts.len() == values.len() {
                    Predicate::InTexts { field: *field, values: texts }
                } else {
                    let one = |v: &Scalar| Predicate::Other { field: *field, op: CompareOp::Eq, value: v.clone() };
                    Predicate::Or(values.iter().map(one).collect())
                }
            }
            RowFilter::IsNull(field) => known(*field).map(|_| Predicate::Null { field: *field, wanted: true })?,
            RowFilter::IsNotNull(field) => known(*field).map(|_| Predicate::Null { field: *field, wanted: false })?,
        })
    }

    /// What it says of a row; `record` is the row's message.
    pub(crate) fn eval(&self, chunk: &Chunk<'_>, fields: &[Field], row: usize, record: usize) -> Truth {
        match self {
            Predicate::And(parts) => {
                for part in parts {
                    match part.eval(chunk, fields, row, record) {
                        Truth::True => {}
                        other => return other,
                    }
                }
                Truth::True
            }
            Predicate::Or(parts) => {
                let mut said = Truth::False;
                for part in parts {
                    match part.eval(chunk, fields, row, record) {
                        Truth::True => return Truth::True,
                        Truth::Fails => said = Truth::Fails,
                        Truth::False => {}
                    }
                }
                said
            }
            Predicate::Int { field, op, value } => {
                truth(chunk.int(&fields[*field], row, record).map(|n| n.is_some_and(|n| holds(*op, n.cmp(value)))))
            }
            Predicate::Text { field, op, value } => {
                if *op == CompareOp::Eq
                    && let Some(text) = chunk.plain_text(&fields[*field], row)
                {
                    return if same(text, value) { Truth::True } else { Truth::False };
                }
                truth(
                    chunk
                        .text(&fields[*field], row, record)
                        .map(|t| t.is_some_and(|t| holds(*op, t.as_ref().cmp(value.as_slice())))),
                )
            }
            Predicate::InInts { field, values } => {
                truth(chunk.int(&fields[*field], row, record).map(|n| n.is_some_and(|n| values.contains(&n))))
            }
            Predicate::InTexts { field, values } => truth(
                chunk
                    .text(&fields[*field], row, record)
                    .map(|t| t.is_some_and(|t| values.iter().any(|v| v.as_slice() == t.as_ref()))),
            ),
            Predicate::Other { field, op, value } => truth(
                chunk
                    .value(&fields[*field], row, record)
                    .map(|d| matches!(d, Datum::Scalar(s) if compare(&s, value).is_some_and(|o| holds(*op, o)))),
            ),
            Predicate::Null { field, wanted } => truth(
                chunk.value(&fields[*field], row, record).map(|d| matches!(d, Datum::Scalar(Scalar::Null)) == *wanted),
            ),
        }
    }
}

/// A comparison's result; what cannot be converted is NULL or fails, as the field says.
fn truth(result: std::result::Result<bool, super::value::Bad>) -> Truth {
    match result {
        Ok(true) => Truth::True,
        Ok(false) => Truth::False,
        Err(bad) if matches!(bad.on, OnBad::Fail | OnBad::Skip) => Truth::Fails,
        Err(_) => Truth::False,
    }
}

/// Short texts differ in length or in the first byte, mostly.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.first() == b.first() && a == b
}

fn holds(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::NotEq => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::LtEq => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::GtEq => order.is_ge(),
    }
}

/// The order of two values of one type; `None` with NULL or NaN.
fn compare(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(b)),
        (Scalar::Int(a) | Scalar::Micros(a), Scalar::Int(b) | Scalar::Micros(b)) => Some(a.cmp(b)),
        (Scalar::Double(a), Scalar::Double(b)) => a.partial_cmp(b),
        (Scalar::Decimal(a), Scalar::Decimal(b)) => Some(a.cmp(b)),
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Scalar::Bytes(a), Scalar::Bytes(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
