//! VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP, by Welford's method: no catastrophic cancellation, and
//! a row can be taken back.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::{Accumulator, Rows};
use crate::state::physical::{self, Kind, View, kind, view};

pub struct Variance {
    result: DataType,
    unit: f64,
    sample: bool,
    root: bool,
    groups: Vec<Moments>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: i64,
    mean: f64,
    m2: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        self.count += 1;
        let delta = x - self.mean;
        self.mean += delta / self.count as f64;
        self.m2 += delta * (x - self.mean);
    }
    fn take_back(&mut self, x: f64) {
        if self.count <= 1 {
            *self = Moments { count: self.count - 1, ..Moments::default() };
            return;
        }
        let delta = x - self.mean;
        self.count -= 1;
        self.mean -= delta / self.count as f64;
        self.m2 = (self.m2 - delta * (x - self.mean)).max(0.0);
    }
    fn merge(&mut self, other: Moments) {
        if other.count == 0 {
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        self.count += other.count;
        let total = self.count as f64;
        self.mean += delta * m / total;
        self.m2 += other.m2 + delta * delta * n * m / total;
    }
}

impl Variance {
    pub fn new(argument: &DataType, result: DataType, sample: bool, root: bool) -> Result<Self> {
        let unit = match argument {
            DataType::Decimal128(_, s) => 10f64.powi(i32::from(*s)),
            ty if matches!(kind(ty), Kind::I64 | Kind::F64) => 1.0,
            other => return Err(Error::internal(format!("variance of {other}"))),
        };
        Ok(Variance { result, unit, sample, root, groups: Vec::new() })
    }
    fn result(&self, group: u32) -> Option<f64> {
        let m = self.groups[group as usize];
        let n = if self.sample { m.count - 1 } else { m.count };
        if n <= 0 {
            return None;
        }
        let variance = m.m2 / n as f64;
        Some(if self.root { variance.sqrt() } else { variance })
    }
}

impl Accumulator for Variance {
    fn grow(&mut self, n: usize) {
        if n > self.groups.len() {
            self.groups.resize(n, Moments::default());
        }
    }
    fn reset(&mut self, group: u32) {
        self.groups[group as usize] = Moments::default();
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let values: Vec<f64> = match view(&rows.args[0])? {
            View::I64(v) => v.iter().map(|v| *v as f64).collect(),
            View::I128(v) => v.iter().map(|v| *v as f64 / self.unit).collect(),
            View::F64(v) => v.into_owned(),
            View::Bytes(_) => return Err(Error::internal("variance of text")),
        };
        let groups = &mut self.groups;
        rows.each_value(|group, row, retract| {
            let m = &mut groups[group as usize];
            if retract { m.take_back(values[row]) } else { m.add(values[row]) }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let other = std::mem::take(&mut self.groups[from as usize]);
        self.groups[into as usize].merge(other);
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        let values: Vec<Option<f64>> = groups.iter().map(|g| self.result(*g)).collect();
        let valid: Vec<bool> = values.iter().map(Option::is_some).collect();
        let nulls = physical::nulls(&valid);
        let values = values.into_iter().map(Option::unwrap_or_default);
        match (&self.result, kind(&self.result)) {
            (ty, Kind::F64) => physical::from_f64(values.collect(), nulls, ty),
            (ty @ DataType::Decimal128(_, s), _) => {
                let unit = 10f64.powi(i32::from(*s));
                physical::from_i128(values.map(|v| (v * unit).round() as i128).collect(), nulls, ty)
            }
            (ty, _) => physical::from_i64(values.map(|v| v as i64).collect(), nulls, ty),
        }
    }
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Int64, DataType::Float64, DataType::Float64]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let all = || groups.iter().map(|g| self.groups[*g as usize]);
        Ok(vec![
            physical::from_i64(all().map(|m| m.count).collect(), None, &DataType::Int64)?,
            physical::from_f64(all().map(|m| m.mean).collect(), None, &DataType::Float64)?,
            physical::from_f64(all().map(|m| m.m2).collect(), None, &DataType::Float64)?,
        ])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let (View::I64(count), View::F64(mean), View::F64(m2)) =
            (view(&columns[0])?, view(&columns[1])?, view(&columns[2])?)
        else {
            return Err(Error::internal("stored variance of another type"));
        };
        for (i, group) in groups.iter().enumerate() {
            self.groups[*group as usize] = Moments { count: count[i], mean: mean[i], m2: m2[i] };
        }
        Ok(())
    }
}
