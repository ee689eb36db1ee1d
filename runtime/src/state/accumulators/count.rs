//! COUNT.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::Result;

use super::{Accumulator, Rows};
use crate::state::physical::{View, from_i64, view};

/// COUNT(*) and COUNT(x).
pub struct Count {
    counts: Vec<i64>,
    result: DataType,
}

impl Count {
    pub fn new(result: DataType) -> Self {
        Count { counts: Vec::new(), result }
    }
}

impl Accumulator for Count {
    fn grow(&mut self, n: usize) {
        if n > self.counts.len() {
            self.counts.resize(n, 0);
        }
    }
    fn reset(&mut self, group: u32) {
        self.counts[group as usize] = 0;
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let counts = &mut self.counts;
        rows.each_value(|group, _, retract| counts[group as usize] += if retract { -1 } else { 1 });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.counts[into as usize] += std::mem::take(&mut self.counts[from as usize]);
        Ok(())
    }
    fn merges_exactly(&self) -> bool {
        true
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        from_i64(groups.iter().map(|g| self.counts[*g as usize]).collect(), None, &self.result)
    }
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![from_i64(groups.iter().map(|g| self.counts[*g as usize]).collect(), None, &DataType::Int64)?])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        if let View::I64(values) = view(&columns[0])? {
            for (group, value) in groups.iter().zip(values.iter()) {
                self.counts[*group as usize] = *value;
            }
        }
        Ok(())
    }
}
