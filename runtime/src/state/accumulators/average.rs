//! AVG: an exact sum and a count; the result type says how they are divided. Integers truncate toward
//! zero (Flink), DOUBLE keeps the fraction (Blink), decimals round half up at the result's scale.
//! Integer sums have 128 bits, so unlike Flink's they do not wrap.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::{Accumulator, Rows};
use crate::state::physical::{self, Kind, View, kind, view};

pub fn average(argument: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    let scale = match argument {
        DataType::Decimal128(_, s) => i32::from(*s),
        _ => 0,
    };
    Ok(match kind(argument) {
        Kind::I64 | Kind::I128 => {
            Box::new(ExactAverage { result: result.clone(), scale, sums: Vec::new(), counts: Vec::new() })
        }
        Kind::F64 => Box::new(FloatAverage { result: result.clone(), sums: Vec::new(), counts: Vec::new() }),
        _ => return Err(Error::internal(format!("AVG of {argument}"))),
    })
}

struct ExactAverage {
    result: DataType,
    scale: i32,
    sums: Vec<i128>,
    counts: Vec<i64>,
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
        if n > self.sums.len() {
            self.sums.resize(n, 0);
            self.counts.resize(n, 0);
        }
    }
    fn reset(&mut self, group: u32) {
        self.sums[group as usize] = 0;
        self.counts[group as usize] = 0;
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let (sums, counts) = (&mut self.sums, &mut self.counts);
        let mut add = |group: u32, value: i128, retract: bool| {
            let g = group as usize;
            counts[g] += if retract { -1 } else { 1 };
            sums[g] = if retract { sums[g].wrapping_sub(value) } else { sums[g].wrapping_add(value) };
        };
        match view(&rows.args[0])? {
            View::I64(v) => rows.each_value(|group, row, retract| add(group, i128::from(v[row]), retract)),
            View::I128(v) => rows.each_value(|group, row, retract| add(group, v[row], retract)),
            _ => return Err(Error::internal("AVG got another type than it was made for")),
        }
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.sums[into as usize] = self.sums[into as usize].wrapping_add(self.sums[from as usize]);
        self.counts[into as usize] += self.counts[from as usize];
        self.reset(from);
        Ok(())
    }
    fn merges_exactly(&self) -> bool {
        true
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let pairs = || groups.iter().map(|g| (self.sums[*g as usize], self.counts[*g as usize]));
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
        let sums = groups.iter().map(|g| self.sums[*g as usize]).collect();
        let counts = groups.iter().map(|g| self.counts[*g as usize]).collect();
        Ok(vec![
            physical::from_i128(sums, None, &DataType::Decimal128(38, 0))?,
            physical::from_i64(counts, None, &DataType::Int64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (View::I128(sums), View::I64(counts)) = (view(&columns[0])?, view(&columns[1])?) else {
            return Err(Error::internal("stored AVG of another type"));
        };
        for (i, group) in groups.iter().enumerate() {
            self.sums[*group as usize] = sums[i];
            self.counts[*group as usize] = counts[i];
        }
        Ok(())
    }
}

struct FloatAverage {
    result: DataType,
    sums: Vec<f64>,
    counts: Vec<i64>,
}

impl Accumulator for FloatAverage {
    fn grow(&mut self, n: usize) {
        if n > self.sums.len() {
            self.sums.resize(n, 0.0);
            self.counts.resize(n, 0);
        }
    }
    fn reset(&mut self, group: u32) {
        self.sums[group as usize] = 0.0;
        self.counts[group as usize] = 0;
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let View::F64(values) = view(&rows.args[0])? else {
            return Err(Error::internal("AVG got another type than it was made for"));
        };
        let (sums, counts) = (&mut self.sums, &mut self.counts);
        rows.each_value(|group, row, retract| {
            let g = group as usize;
            counts[g] += if retract { -1 } else { 1 };
            sums[g] = if counts[g] == 0 {
                0.0
            } else if retract {
                sums[g] - values[row]
            } else {
                sums[g] + values[row]
            };
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.sums[into as usize] += self.sums[from as usize];
        self.counts[into as usize] += self.counts[from as usize];
        self.reset(from);
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let valid: Vec<bool> = groups.iter().map(|g| self.counts[*g as usize] != 0).collect();
        let values: Vec<f64> =
            groups.iter().map(|g| self.sums[*g as usize] / (self.counts[*g as usize].max(1)) as f64).collect();
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
        let sums = groups.iter().map(|g| self.sums[*g as usize]).collect();
        let counts = groups.iter().map(|g| self.counts[*g as usize]).collect();
        Ok(vec![
            physical::from_f64(sums, None, &DataType::Float64)?,
            physical::from_i64(counts, None, &DataType::Int64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (View::F64(sums), View::I64(counts)) = (view(&columns[0])?, view(&columns[1])?) else {
            return Err(Error::internal("stored AVG of another type"));
        };
        for (i, group) in groups.iter().enumerate() {
            self.sums[*group as usize] = sums[i];
            self.counts[*group as usize] = counts[i];
        }
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
