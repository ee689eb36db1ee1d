//! The row filter, asked of slots before anything is built.
//!
//! Each condition is asked of all rows that the conditions before it have left open, in one loop.

use std::cmp::Ordering;

use tidegate_core::Scalar;
use tidegate_core::error::{Error, Result};
use tidegate_core::scan::{CompareOp, RowFilter};

use super::field::Field;
use super::problem::OnBad;
use super::value::{Chunk, Datum};
use crate::text::short::Literal;

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
    One(Condition),
}

/// A condition on one field.
#[derive(Debug)]
pub(crate) enum Condition {
    Int { field: usize, op: CompareOp, value: i64 },
    Text { field: usize, op: CompareOp, value: Literal },
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
                Predicate::One(match value {
                    Scalar::Int(n) if f.data_type.ty.is_integer() => {
                        Condition::Int { field: *field, op: *op, value: *n }
                    }
                    Scalar::Text(t) if f.is_text() => {
                        Condition::Text { field: *field, op: *op, value: Literal::new(t.as_bytes()) }
                    }
                    value => Condition::Other { field: *field, op: *op, value: value.clone() },
                })
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
                    Predicate::One(Condition::InInts { field: *field, values: ints })
                } else if f.is_text() && texts.len() == values.len() {
                    Predicate::One(Condition::InTexts { field: *field, values: texts })
                } else {
                    let equals = |v: &Scalar| Condition::Other { field: *field, op: CompareOp::Eq, value: v.clone() };
                    Predicate::Or(values.iter().map(|v| Predicate::One(equals(v))).collect())
                }
            }
            RowFilter::IsNull(field) | RowFilter::IsNotNull(field) => {
                known(*field)?;
                let wanted = matches!(filter, RowFilter::IsNull(_));
                Predicate::One(Condition::Null { field: *field, wanted })
            }
        })
    }

    /// The integer fields it compares.
    pub(crate) fn integers(&self, out: &mut Vec<usize>) {
        match self {
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|part| part.integers(out)),
            Predicate::One(Condition::Int { field, .. } | Condition::InInts { field, .. }) => out.push(*field),
            Predicate::One(_) => {}
        }
    }

    /// Leaves only the rows of a chunk that it does not drop, in order. `said` is room to work in.
    pub(crate) fn keep(&self, chunk: &Chunk<'_>, fields: &[Field], rows: &mut Vec<u32>, said: &mut Vec<Truth>) {
        let Some(last) = rows.last() else { return };
        said.clear();
        said.resize(*last as usize + 1, Truth::False);
        self.ask(chunk, fields, rows, said);
        retain(rows, |row| said[row as usize] != Truth::False);
    }

    /// Writes down what it says of some rows.
    fn ask(&self, chunk: &Chunk<'_>, fields: &[Field], rows: &[u32], said: &mut [Truth]) {
        match self {
            Predicate::And(parts) => {
                rows.iter().for_each(|row| said[*row as usize] = Truth::True);
                let mut open = rows.to_vec();
                for part in parts {
                    part.ask(chunk, fields, &open, said);
                    retain(&mut open, |row| said[row as usize] == Truth::True);
                }
            }
            Predicate::Or(parts) => any(parts, chunk, fields, rows, said),
            Predicate::One(condition) => condition.ask(chunk, fields, rows, said),
        }
    }
}

impl Condition {
    fn ask(&self, chunk: &Chunk<'_>, fields: &[Field], rows: &[u32], said: &mut [Truth]) {
        match self {
            Condition::Text { field, op: CompareOp::Eq, value } => {
                let plain = chunk.plain_texts(&fields[*field]);
                let plainly = |row| plain.as_ref().and_then(|p| p.is(row, value));
                self.ask_plainly(chunk, fields, rows, said, plainly);
            }
            Condition::Int { field, op, value } => {
                let plain = chunk.plain_ints(&fields[*field]);
                let plainly = |row| plain.and_then(|p| p.get(row)).map(|n| holds(*op, n.cmp(value)));
                self.ask_plainly(chunk, fields, rows, said, plainly);
            }
            _ => rows.iter().for_each(|row| said[*row as usize] = self.one(chunk, fields, *row as usize)),
        }
    }

    /// Asks `plainly`, and where that knows nothing the slow way.
    #[inline(always)]
    fn ask_plainly(
        &self,
        chunk: &Chunk<'_>,
        fields: &[Field],
        rows: &[u32],
        said: &mut [Truth],
        plainly: impl Fn(usize) -> Option<bool>,
    ) {
        for &row in rows {
            said[row as usize] = match plainly(row as usize) {
                Some(true) => Truth::True,
                Some(false) => Truth::False,
                None => self.one(chunk, fields, row as usize),
            };
        }
    }

    /// What it says of a row.
    fn one(&self, chunk: &Chunk<'_>, fields: &[Field], row: usize) -> Truth {
        match self {
            Condition::Int { field, op, value } => {
                truth(chunk.int(&fields[*field], row).map(|n| n.is_some_and(|n| holds(*op, n.cmp(value)))))
            }
            Condition::Text { field, op, value } => truth(
                chunk.text(&fields[*field], row).map(|t| t.is_some_and(|t| holds(*op, t.as_ref().cmp(value.text())))),
            ),
            Condition::InInts { field, values } => {
                truth(chunk.int(&fields[*field], row).map(|n| n.is_some_and(|n| values.contains(&n))))
            }
            Condition::InTexts { field, values } => truth(
                chunk
                    .text(&fields[*field], row)
                    .map(|t| t.is_some_and(|t| values.iter().any(|v| v.as_slice() == t.as_ref()))),
            ),
            Condition::Other { field, op, value } => truth(
                chunk
                    .value(&fields[*field], row)
                    .map(|d| matches!(d, Datum::Scalar(s) if compare(&s, value).is_some_and(|o| holds(*op, o)))),
            ),
            Condition::Null { field, wanted } => {
                truth(chunk.value(&fields[*field], row).map(|d| matches!(d, Datum::Scalar(Scalar::Null)) == *wanted))
            }
        }
    }
}

/// OR: a row for which a part is TRUE is settled; one for which a part fails is so unless another is TRUE.
fn any(parts: &[Predicate], chunk: &Chunk<'_>, fields: &[Field], rows: &[u32], said: &mut [Truth]) {
    let mut open = rows.to_vec();
    let mut failed = Vec::new();
    for part in parts {
        part.ask(chunk, fields, &open, said);
        retain(&mut open, |row| {
            let truth = said[row as usize];
            if truth == Truth::Fails {
                failed.push(row);
            }
            truth != Truth::True
        });
    }
    open.iter().for_each(|row| said[*row as usize] = Truth::False);
    for row in failed {
        if said[row as usize] != Truth::True {
            said[row as usize] = Truth::Fails;
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

/// Leaves those of the rows that `keep` says. Which ones is hard to predict: there is no branch.
fn retain(rows: &mut Vec<u32>, mut keep: impl FnMut(u32) -> bool) {
    let mut kept = 0;
    for i in 0..rows.len() {
        let row = rows[i];
        rows[kept] = row;
        kept += usize::from(keep(row));
    }
    rows.truncate(kept);
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
