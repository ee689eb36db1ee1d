//! FIRST_VALUE and LAST_VALUE, by arrival or by an order column. NULL values are ignored, and so are
//! rows whose order is NULL. Rows of equal order: the one that came first is kept.

use std::cmp::Ordering;
use std::ops::Bound;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::Result;

use super::{Accumulator, EntryState, Rows};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode_column;
use crate::state::ordered::{EntryChange, Ordered};
use crate::state::values::{Input, Values};

/// Where rows are never taken back.
pub struct Appending {
    values: Values,
    order: Option<Values>,
    last: bool,
}

impl Appending {
    pub fn new(ty: DataType, order: Option<DataType>, last: bool) -> Self {
        Appending { values: Values::new(ty), order: order.map(Values::new), last }
    }
    fn better(&self) -> Ordering {
        if self.last { Ordering::Greater } else { Ordering::Less }
    }
}

impl Accumulator for Appending {
    fn grow(&mut self, n: usize) {
        self.values.grow(n);
        if let Some(order) = &mut self.order {
            order.grow(n);
        }
    }
    fn reset(&mut self, group: u32) {
        self.values.clear(group);
        if let Some(order) = &mut self.order {
            order.clear(group);
        }
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let input = Input::new(&rows.args[0])?;
        let (better, last) = (self.better(), self.last);
        let values = &mut self.values;
        let Some(order) = &mut self.order else {
            if last && let Some((values, texts)) = values.bytes_from(&input) {
                rows.each_value(|group, row, _| values.set_row(group, texts, row));
                return Ok(());
            }
            rows.each_value(|group, row, _| {
                if last || !values.is_valid(group) {
                    values.set(group, &input, row);
                }
            });
            return Ok(());
        };
        let by = Input::new(&rows.args[1])?;
        rows.each_value(|group, row, _| {
            if !by.is_null(row) && (!values.is_valid(group) || order.compare(group, &by, row) == better) {
                values.set(group, &input, row);
                order.set(group, &by, row);
            }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let better = self.better();
        let take = self.values.is_valid(from)
            && (!self.values.is_valid(into)
                || match &self.order {
                    None => self.last,
                    Some(order) => order.compare_groups(from, into) == better,
                });
        if take {
            self.values.copy(into, from);
            if let Some(order) = &mut self.order {
                order.copy(into, from);
            }
        }
        self.reset(from);
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.values.column(groups)
    }
    fn types(&self) -> Vec<DataType> {
        std::iter::once(&self.values).chain(&self.order).map(|v| v.data_type().clone()).collect()
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        std::iter::once(&self.values).chain(&self.order).map(|v| v.column(groups)).collect()
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        self.values.load(groups, &columns[0])?;
        self.order.as_mut().map_or(Ok(()), |order| order.load(groups, &columns[1]))
    }
}

/// Where rows can be taken back: all rows that are there, by order and arrival, so that taking one
/// back uncovers the one before it. Of several equal rows the oldest is taken back, as in Blink.
pub struct Retracting {
    ty: DataType,
    order: Option<DataType>,
    last: bool,
    /// Order (encoded), then arrival → the value (encoded).
    rows: Ordered,
    scratch: EncodedRows,
    orders: EncodedRows,
    /// Value, then order and arrival: finds the row to take back.
    index: Ordered,
}

impl Retracting {
    pub fn new(ty: DataType, order: Option<DataType>, last: bool) -> Self {
        let (scratch, orders) = Default::default();
        Retracting { ty, order, last, rows: Ordered::default(), scratch, orders, index: Ordered::default() }
    }
    /// Among rows of equal order LAST_VALUE keeps the earlier: there arrival counts downward.
    fn arrival(&self, n: u64) -> [u8; 8] {
        if self.last && self.order.is_some() { (!n).to_be_bytes() } else { n.to_be_bytes() }
    }
    fn index_key(value: &[u8], place: &[u8]) -> Vec<u8> {
        let mut key = (value.len() as u32).to_be_bytes().to_vec();
        key.extend_from_slice(value);
        key.extend_from_slice(place);
        key
    }
    fn add(&mut self, group: u32, value: &[u8], place: &[u8]) {
        self.rows.put(group, place, value);
        self.index.load(group, &Self::index_key(value, place), Some(&[]));
    }
    fn take_back(&mut self, group: u32, value: &[u8], order: &[u8]) {
        let from = Self::index_key(value, order);
        let bounds = (Bound::Included(from.as_slice()), Bound::Unbounded);
        let mut same = self.index.group(group).range::<[u8], _>(bounds).take_while(|(k, _)| k.starts_with(&from));
        let oldest = if self.last && self.order.is_some() { same.last() } else { same.next() };
        if let Some(key) = oldest.map(|(k, _)| k.clone()) {
            let place = key[4 + value.len()..].to_vec();
            self.index.load(group, &key, None);
            self.rows.remove(group, &place);
        }
    }
}

impl Accumulator for Retracting {
    fn grow(&mut self, n: usize) {
        self.rows.grow(n);
        self.index.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.rows.clear(group);
        self.index.clear(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut orders = std::mem::take(&mut self.orders);
        scratch.encode(&rows.args[..1], rows.args[0].len(), Form::Row)?;
        orders.encode(&rows.args[1..], rows.args[0].len(), Form::Order)?;
        rows.each_value(|group, row, retract| {
            let (value, order) = (scratch.row(row), orders.row(row));
            if order.first() == Some(&0) {
                return;
            }
            if retract {
                self.take_back(group, value, order);
            } else {
                let place = [order, &self.arrival(rows.arrival(row))].concat();
                self.add(group, value, &place);
            }
        });
        (self.scratch, self.orders) = (scratch, orders);
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let all: Vec<_> = self.rows.group(from).iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        for (place, value) in all {
            self.rows.remove(from, &place);
            self.add(into, &value, &place);
        }
        self.index.clear(from);
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        const NULL: [u8; 17] = [0; 17];
        let best = groups.iter().map(|g| {
            let mut all = self.rows.group(*g).values();
            (if self.last { all.next_back() } else { all.next() }).map_or(&NULL[..], |v| v.as_ref())
        });
        decode_column(&self.ty, Form::Row, best)
    }
    fn entries(&mut self) -> Option<&mut dyn EntryState> {
        Some(self)
    }
}

impl EntryState for Retracting {
    fn take_changes(&mut self) -> Vec<EntryChange> {
        self.rows.take_changes()
    }
    fn clear(&mut self, group: u32) -> Vec<Vec<u8>> {
        self.index.clear(group);
        self.rows.clear(group)
    }
    fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        if let Some(old) = self.rows.group(group).get(key).cloned() {
            self.index.load(group, &Self::index_key(&old, key), None);
        }
        if let Some(value) = value {
            self.index.load(group, &Self::index_key(value, key), Some(&[]));
        }
        self.rows.load(group, key, value);
        Ok(())
    }
}
