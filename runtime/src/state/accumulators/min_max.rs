//! MIN and MAX.

use std::cmp::Ordering;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::{Accumulator, EntryState, Rows};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode_column;
use crate::state::ordered::{EntryChange, Ordered, i64_of};
use crate::state::physical::{Kind, kind};
use crate::state::values::{Input, Values};

/// Where rows are never taken back: the best value so far.
pub struct Appending {
    values: Values,
    better: Ordering,
}

impl Appending {
    pub fn new(ty: DataType, max: bool) -> Result<Self> {
        if kind(&ty) == Kind::Nested {
            return Err(Error::internal(format!("MIN or MAX of {ty}")));
        }
        Ok(Appending { values: Values::new(ty), better: if max { Ordering::Greater } else { Ordering::Less } })
    }
}

impl Accumulator for Appending {
    fn grow(&mut self, n: usize) {
        self.values.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.values.clear(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let input = Input::new(&rows.args[0])?;
        let (values, better) = (&mut self.values, self.better);
        rows.each_value(|group, row, _| {
            if !values.is_valid(group) || values.compare(group, &input, row) == better {
                values.set(group, &input, row);
            }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let v = &mut self.values;
        if v.is_valid(from) && (!v.is_valid(into) || v.compare_groups(from, into) == self.better) {
            v.copy(into, from);
        }
        v.clear(from);
        Ok(())
    }
    fn merges_exactly(&self) -> bool {
        true
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.values.column(groups)
    }
    fn types(&self) -> Vec<DataType> {
        vec![self.values.data_type().clone()]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.values.column(groups)?])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        self.values.load(groups, &columns[0])
    }
}

/// Where rows can be taken back: every value and how often it occurs.
pub struct Retracting {
    ty: DataType,
    max: bool,
    values: Ordered,
    scratch: EncodedRows,
}

impl Retracting {
    pub fn new(ty: DataType, max: bool) -> Self {
        Retracting { ty, max, values: Ordered::default(), scratch: EncodedRows::default() }
    }
}

impl Accumulator for Retracting {
    fn grow(&mut self, n: usize) {
        self.values.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.values.clear(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let column = &rows.args[0];
        self.scratch.encode(std::slice::from_ref(column), column.len(), Form::Order)?;
        let (values, scratch) = (&mut self.values, &self.scratch);
        rows.each_value(|group, row, retract| values.count(group, scratch.row(row), if retract { -1 } else { 1 }));
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let all: Vec<_> = self.values.group(from).iter().map(|(k, v)| (k.clone(), i64_of(v))).collect();
        for (key, n) in all {
            self.values.count(into, &key, n);
            self.values.remove(from, &key);
        }
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        const NULL: [u8; 17] = [0; 17];
        let best = groups.iter().map(|g| {
            // A count below zero belongs to a row whose addition has not come yet.
            let mut there = self.values.group(*g).iter().filter(|(_, n)| i64_of(n) > 0).map(|(k, _)| k.as_ref());
            (if self.max { there.next_back() } else { there.next() }).unwrap_or(&NULL)
        });
        decode_column(&self.ty, Form::Order, best)
    }
    fn entries(&mut self) -> Option<&mut dyn EntryState> {
        Some(self)
    }
}

impl EntryState for Retracting {
    fn take_changes(&mut self) -> Vec<EntryChange> {
        self.values.take_changes()
    }
    fn clear(&mut self, group: u32) -> Vec<Vec<u8>> {
        self.values.clear(group)
    }
    fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.values.load(group, key, value);
        Ok(())
    }
}
