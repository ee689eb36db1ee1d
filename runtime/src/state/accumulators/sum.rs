//! SUM and SUM0.
//!
//! Integers are added in the argument's type and wrap, as Flink's do; unlike Flink's, every addition
//! that leaves the range is counted and the group named, so that nothing wraps unseen. Decimals have
//! 38 digits; a sum of more is NULL, counted likewise. FLOAT is added as DOUBLE.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::cells::{Cell, Cells};
use super::{Accumulator, Rows};
use crate::state::physical::{self, Kind, View, kind, view};

/// The accumulator for a type of argument. `zero`: 0 instead of NULL where there was no value.
pub fn sum(argument: &DataType, result: &DataType, zero: bool) -> Result<Box<dyn Accumulator>> {
    Ok(match kind(argument) {
        Kind::I64 => Box::new(Sum::<i64>::new(result.clone(), zero)),
        Kind::I128 => Box::new(Sum::<i128>::new(result.clone(), zero)),
        Kind::F64 => Box::new(Sum::<f64>::new(result.clone(), zero)),
        _ => return Err(Error::internal(format!("SUM of {argument}"))),
    })
}

/// A number that can be summed up.
pub trait Number: Copy + Default + Send + 'static {
    /// Whether the order of additions does not show in the sum.
    const EXACT: bool;
    /// Adds or takes away; says whether the sum left `range`.
    fn add(&mut self, value: Self, retract: bool, range: Range) -> bool;
    fn slice<'a>(view: &'a View<'_>) -> Option<&'a [Self]>;
    fn state_type() -> DataType;
    fn column(values: Vec<Self>, valid: Vec<bool>, ty: &DataType) -> Result<ArrayRef>;
}

/// The least and the greatest integer of the result's type.
type Range = (i64, i64);

fn range(ty: &DataType) -> Range {
    match ty {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

impl Number for i64 {
    const EXACT: bool = true;
    #[inline(always)]
    fn add(&mut self, value: Self, retract: bool, (low, high): Range) -> bool {
        let (sum, wrapped) = if retract { self.overflowing_sub(value) } else { self.overflowing_add(value) };
        let was_outside = *self < low || *self > high;
        *self = sum;
        wrapped || (!was_outside && (sum < low || sum > high))
    }
    fn slice<'a>(view: &'a View<'_>) -> Option<&'a [Self]> {
        if let View::I64(v) = view { Some(v) } else { None }
    }
    fn state_type() -> DataType {
        DataType::Int64
    }
    fn column(values: Vec<Self>, valid: Vec<bool>, ty: &DataType) -> Result<ArrayRef> {
        physical::from_i64(values, physical::nulls(&valid), ty)
    }
}

const DIGITS_38: i128 = 10i128.pow(38);

impl Number for i128 {
    const EXACT: bool = true;
    #[inline(always)]
    fn add(&mut self, value: Self, retract: bool, _: Range) -> bool {
        let was_outside = self.unsigned_abs() >= DIGITS_38.unsigned_abs();
        *self = if retract { self.wrapping_sub(value) } else { self.wrapping_add(value) };
        !was_outside && self.unsigned_abs() >= DIGITS_38.unsigned_abs()
    }
    fn slice<'a>(view: &'a View<'_>) -> Option<&'a [Self]> {
        if let View::I128(v) = view { Some(v) } else { None }
    }
    fn state_type() -> DataType {
        DataType::Decimal128(38, 0)
    }
    fn column(values: Vec<Self>, mut valid: Vec<bool>, ty: &DataType) -> Result<ArrayRef> {
        for (value, valid) in values.iter().zip(&mut valid) {
            *valid &= value.unsigned_abs() < DIGITS_38.unsigned_abs();
        }
        physical::from_i128(values, physical::nulls(&valid), ty)
    }
}

impl Number for f64 {
    const EXACT: bool = false;
    #[inline(always)]
    fn add(&mut self, value: Self, retract: bool, _: Range) -> bool {
        *self += if retract { -value } else { value };
        false
    }
    fn slice<'a>(view: &'a View<'_>) -> Option<&'a [Self]> {
        if let View::F64(v) = view { Some(v) } else { None }
    }
    fn state_type() -> DataType {
        DataType::Float64
    }
    fn column(values: Vec<Self>, valid: Vec<bool>, ty: &DataType) -> Result<ArrayRef> {
        physical::from_f64(values, physical::nulls(&valid), ty)
    }
}

struct Sum<N> {
    result: DataType,
    range: Range,
    zero: bool,
    cells: Cells<N>,
    overflows: Option<(u64, u32)>,
}

impl<N: Number> Sum<N> {
    fn new(result: DataType, zero: bool) -> Self {
        Sum { range: range(&result), result, zero, cells: Cells::default(), overflows: None }
    }
}

/// One more sum has overflowed, that of `group`.
fn overflowed(overflows: &mut Option<(u64, u32)>, group: u32) {
    let (n, sample) = overflows.unwrap_or((0, group));
    *overflows = Some((n + 1, sample));
}

impl<N: Number> Accumulator for Sum<N> {
    fn grow(&mut self, n: usize) {
        self.cells.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.cells.take(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let view = view(&rows.args[0])?;
        let values = N::slice(&view).ok_or_else(|| Error::internal("SUM got another type than it was made for"))?;
        let Sum { range, cells, overflows, .. } = self;
        rows.each_value(|group, row, retract| {
            let cell = cells.at(group);
            cell.count += if retract { -1 } else { 1 };
            if cell.sum.add(values[row], retract, *range) {
                overflowed(overflows, group);
            }
            if cell.count == 0 {
                // Exactly nothing again, whatever a double's rounding has left behind.
                cell.sum = N::default();
            }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let Cell { sum, count } = self.cells.take(from);
        let cell = self.cells.at(into);
        cell.count += count;
        if cell.sum.add(sum, false, self.range) {
            overflowed(&mut self.overflows, into);
        }
        Ok(())
    }
    fn merges_exactly(&self) -> bool {
        N::EXACT
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let valid = self.cells.of(groups).map(|cell| self.zero || cell.count != 0).collect();
        N::column(self.cells.sums(groups), valid, &self.result)
    }
    fn types(&self) -> Vec<DataType> {
        vec![N::state_type(), DataType::Int64]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            N::column(self.cells.sums(groups), vec![true; groups.len()], &N::state_type())?,
            physical::from_i64(self.cells.counts(groups), None, &DataType::Int64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (sums, counts) = (view(&columns[0])?, view(&columns[1])?);
        let (Some(sums), Some(counts)) = (N::slice(&sums), i64::slice(&counts)) else {
            return Err(Error::internal("stored SUM of another type"));
        };
        self.cells.load(groups, sums, counts);
        Ok(())
    }
    fn take_overflows(&mut self) -> Option<(u64, u32)> {
        self.overflows.take()
    }
}
