//! LISTAGG and ARRAY_AGG: values in order of arrival. LISTAGG leaves NULLs out, ARRAY_AGG keeps them.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::Result;

use super::{Accumulator, EntryState, Rows};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode_column;
use crate::state::ordered::{EntryChange, Ordered};
use crate::state::values::{TextInput, Values};

/// LISTAGG where rows are never taken back: the text so far.
pub struct JoinedText {
    separator: Vec<u8>,
    values: Values,
}

impl JoinedText {
    pub fn new(separator: &str) -> Self {
        JoinedText { separator: separator.as_bytes().to_vec(), values: Values::new(DataType::Utf8) }
    }
}

impl Accumulator for JoinedText {
    fn grow(&mut self, n: usize) {
        self.values.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.values.clear(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let input = TextInput::new(&rows.args[0])?;
        let (values, separator) = (&mut self.values, &self.separator);
        rows.each(|group, row, _| {
            if let Some(text) = input.get(row) {
                if values.is_valid(group) {
                    values.append_bytes(group, separator);
                }
                values.append_bytes(group, text);
            }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        if self.values.is_valid(from) {
            let mut text = if self.values.is_valid(into) { self.separator.clone() } else { Vec::new() };
            text.extend_from_slice(self.values.bytes(from));
            self.values.append_bytes(into, &text);
        }
        self.values.clear(from);
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.values.column(groups)
    }
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Utf8]
    }
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.values.column(groups)?])
    }
    fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) -> Result<()> {
        self.values.load(groups, &columns[0])
    }
}

/// Every value with its arrival number: ARRAY_AGG, and LISTAGG where rows can be taken back (the
/// oldest of equal values goes).
pub struct List {
    item: DataType,
    /// LISTAGG's separator; `None`: ARRAY_AGG.
    separator: Option<Vec<u8>>,
    result: DataType,
    rows: Ordered,
    scratch: EncodedRows,
}

impl List {
    pub fn text(separator: &str) -> Self {
        let separator = Some(separator.as_bytes().to_vec());
        let (rows, scratch) = Default::default();
        List { item: DataType::Utf8, separator, result: DataType::Utf8, rows, scratch }
    }
    pub fn array(item: DataType, result: DataType) -> Self {
        let (rows, scratch) = Default::default();
        List { item, separator: None, result, rows, scratch }
    }
    fn texts(&self, groups: &[u32], separator: &[u8]) -> Result<ArrayRef> {
        let mut rows = Vec::with_capacity(groups.len());
        for group in groups {
            let mut joined: Option<Vec<u8>> = None;
            for value in self.rows.group(*group).values() {
                // NULL byte and length stand before the text in Form::Row.
                let text = value.get(5..).unwrap_or_default();
                match &mut joined {
                    None => joined = Some(text.to_vec()),
                    Some(joined) => {
                        joined.extend_from_slice(separator);
                        joined.extend_from_slice(text);
                    }
                }
            }
            rows.push(joined.map(|t| String::from_utf8_lossy(&t).into_owned()));
        }
        Ok(std::sync::Arc::new(arrow_array::StringArray::from(rows)))
    }
}

impl Accumulator for List {
    fn grow(&mut self, n: usize) {
        self.rows.grow(n);
    }
    fn reset(&mut self, group: u32) {
        self.rows.clear(group);
    }
    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let column = &rows.args[0];
        self.scratch.encode(std::slice::from_ref(column), column.len(), Form::Row)?;
        let (state, scratch, keep_nulls) = (&mut self.rows, &self.scratch, self.separator.is_none());
        rows.each(|group, row, retract| {
            let value = scratch.row(row);
            if value[0] == 0 && !keep_nulls {
                return;
            }
            if retract {
                let oldest = state.group(group).iter().find(|(_, v)| v.as_ref() == value).map(|(k, _)| k.clone());
                if let Some(key) = oldest {
                    state.remove(group, &key);
                }
            } else {
                state.put(group, &rows.arrival(row).to_be_bytes(), value);
            }
        });
        Ok(())
    }
    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let all: Vec<_> = self.rows.group(from).iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        for (key, value) in all {
            self.rows.remove(from, &key);
            self.rows.put(into, &key, &value);
        }
        Ok(())
    }
    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        if let Some(separator) = &self.separator {
            return self.texts(groups, separator);
        }
        // The encoded form of an ARRAY is its count and its encoded items.
        let encoded: Vec<Vec<u8>> = groups
            .iter()
            .map(|g| {
                let items = self.rows.group(*g);
                if items.is_empty() {
                    return vec![0];
                }
                let mut out = vec![1];
                out.extend_from_slice(&(items.len() as u32).to_le_bytes());
                items.values().for_each(|v| out.extend_from_slice(v));
                out
            })
            .collect();
        debug_assert!(matches!(&self.result, DataType::List(f) if f.data_type() == &self.item));
        decode_column(&self.result, Form::Row, encoded.iter().map(Vec::as_slice))
    }
    fn entries(&mut self) -> Option<&mut dyn EntryState> {
        Some(self)
    }
}

impl EntryState for List {
    fn take_changes(&mut self) -> Vec<EntryChange> {
        self.rows.take_changes()
    }
    fn clear(&mut self, group: u32) -> Vec<Vec<u8>> {
        self.rows.clear(group)
    }
    fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.rows.load(group, key, value);
        Ok(())
    }
}
