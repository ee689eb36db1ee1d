//! AVG: an exact sum and a count; the result type says how they are divided. Integers truncate toward
//! zero (Flink), DOUBLE keeps the fraction (Blink), decimals round half up at the result's scale.
//! Integer sums have 128 bits, so unlike Flink's they do not wrap.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::cells::{Cell, Cells};
use super::{Accumulator, Rows};
use crate::state::physical::{self, Kind, View, kind, view};

pub fn average(argument: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    let scale = match argument {
        DataType::Decimal128(_, s) => i32::from(*s),
        _ => 0,
    };
    Ok(match kind(argument) {
        Kind::I64 | Kind::I128 => Box::new(ExactAverage { result: result.clone(), scale, cells: Cells::default() }),
        Kind::F64 => Box::new(FloatAverage { result: result.clone(), cells: Cells::default() }),
        _ => return Err(Error::internal(format!("AVG of {argument}"))),
    })
}

struct ExactAverage {
    result: DataType,
    scale: i32,
    cells: Cells<i128>,
}

/// `sum / count` with `digits` more digits, rounded half up; `None` beyond 128 bits.
fn divide(sum: i128, count: i64, digits: u32) -> Option<i128> {
    let (n, ten) = (i128::from(count), 10i128.checked_pow(digits)?);
    let (whole, rest) = (sum / n, sum % n);
    let scaled = rest.checked_mul(ten)?;
    let (mut fraction, left) = (scaled / n, scaled % n);
    if left.unsigned_abs() * 2 >= n.unsigned_abs() {
        fraction += if (sum < 0) == (n < 0) { 1 } else { -1 };
    }
    whole.checked_mul(ten)?.checked_add(fraction)
}

impl Accumulator for ExactAverage {
    fn grow(&mut self, n: usize) {
        self.cells.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.cells.take(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let cells = &mut self.cells;
        let mut add = |group: u32, value: i128, retract: bool| {
            let cell = cells.at(group);
            cell.count += if retract { -1 } else { 1 };
            cell.sum = if retract { cell.sum.wrapping_sub(value) } else { cell.sum.wrapping_add(value) };
        };
        match view(&rows.args[0])? {
            View::I64(v) => rows.each_value(|group, row, retract| add(group, i128::from(v[row]), retract)),
            View::I128(v) => rows.each_value(|group, row, retract| add(group, v[row], retract)),
            _ => return Err(Error::internal("AVG got another type than it was made for")),
        }
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let Cell { sum, count } = self.cells.take(from);
        let cell = self.cells.at(into);
        cell.sum = cell.sum.wrapping_add(sum);
        cell.count += count;
        Ok(())
    }
    fn merges_exactly(&self) -> bool {
        true
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let pairs = || self.cells.of(groups).map(|cell| (cell.sum, cell.count));
        let mut valid: Vec<bool> = pairs().map(|(_, n)| n != 0).collect();
        match (&self.result, kind(&self.result)) {
            (ty, Kind::F64) => {
                let unit = 10f64.powi(self.scale);
                let values = pairs().map(|(s, n)| s as f64 / unit / if n == 0 { 1.0 } else { n as f64 }).collect();
                physical::from_f64(values, physical::nulls(&valid), ty)
            }
            (DataType::Decimal128(precision, scale), _) => {
                let digits = (i32::from(*scale) - self.scale).max(0) as u32;
                let limit = 10u128.pow(u32::from(*precision));
                let mut values = Vec::with_capacity(groups.len());
                for ((sum, count), valid) in pairs().zip(&mut valid) {
                    let value = if count == 0 { None } else { divide(sum, count, digits) };
                    let value = value.filter(|v| v.unsigned_abs() < limit);
                    *valid = value.is_some();
                    values.push(value.unwrap_or(0));
                }
                physical::from_i128(values, physical::nulls(&valid), &self.result)
            }
            (ty, _) => {
                let unit = 10i128.pow(self.scale.max(0) as u32);
                let values = pairs().map(|(s, n)| if n == 0 { 0 } else { (s / unit / i128::from(n)) as i64 }).collect();
                physical::from_i64(values, physical::nulls(&valid), ty)
            }
        }
    }
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Decimal128(38, 0), DataType::Int64]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            physical::from_i128(self.cells.sums(groups), None, &DataType::Decimal128(38, 0))?,
            physical::from_i64(self.cells.counts(groups), None, &DataType::Int64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (View::I128(sums), View::I64(counts)) = (view(&columns[0])?, view(&columns[1])?) else {
            return Err(Error::internal("stored AVG of another type"));
        };
        self.cells.load(groups, sums, &counts);
        Ok(())
    }
}

struct FloatAverage {
    result: DataType,
    cells: Cells<f64>,
}

impl Accumulator for FloatAverage {
    fn grow(&mut self, n: usize) {
        self.cells.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.cells.take(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let View::F64(values) = view(&rows.args[0])? else {
            return Err(Error::internal("AVG got another type than it was made for"));
        };
        let cells = &mut self.cells;
        rows.each_value(|group, row, retract| {
            let cell = cells.at(group);
            cell.count += if retract { -1 } else { 1 };
            cell.sum = if cell.count == 0 {
                0.0
            } else if retract {
                cell.sum - values[row]
            } else {
                cell.sum + values[row]
            };
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let Cell { sum, count } = self.cells.take(from);
        let cell = self.cells.at(into);
        cell.sum += sum;
        cell.count += count;
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let valid: Vec<bool> = self.cells.of(groups).map(|cell| cell.count != 0).collect();
        let values: Vec<f64> = self.cells.of(groups).map(|cell| cell.sum / cell.count.max(1) as f64).collect();
        let nulls = physical::nulls(&valid);
        if kind(&self.result) == Kind::F64 {
            physical::from_f64(values, nulls, &self.result)
        } else {
            physical::from_i64(values.into_iter().map(|v| v as i64).collect(), nulls, &self.result)
        }
    }
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Float64, DataType::Int64]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            physical::from_f64(self.cells.sums(groups), None, &DataType::Float64)?,
            physical::from_i64(self.cells.counts(groups), None, &DataType::Int64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (View::F64(sums), View::I64(counts)) = (view(&columns[0])?, view(&columns[1])?) else {
            return Err(Error::internal("stored AVG of another type"));
        };
        self.cells.load(groups, &sums, &counts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn decimals_round_half_up() {
        assert_eq!(divide(10, 3, 2), Some(333));
        assert_eq!(divide(20, 3, 2), Some(667));
        assert_eq!(divide(-20, 3, 2), Some(-667));
        assert_eq!(divide(1, 2, 0), Some(1));
        assert_eq!(divide(-1, 2, 0), Some(-1));
        assert_eq!(divide(i128::MAX, 1, 1), None);
    }
}
