//! Ordered rows under keys, persisted row by row: top-n and the sink materialiser.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::{Error, Result};

use super::codec::{EncodedRows, Form};
use super::decode::decode;
use super::keys::KeyTable;
use super::ordered::Ordered;

/// Keys, and under each an ordered list of byte strings.
pub struct KeyedEntries {
    keys: KeyTable,
    entries: Ordered,
    touched: Vec<i64>,
    /// Persisted entries of keys that went.
    removed: Vec<(Vec<u8>, Vec<u8>)>,
    sequence: u64,
    schema: SchemaRef,
}

impl KeyedEntries {
    /// For keys of these types.
    pub fn new(keys: &[DataType]) -> Self {
        let mut fields: Vec<Field> =
            keys.iter().enumerate().map(|(i, t)| Field::new(format!("key{i}"), t.clone(), true)).collect();
        fields.push(Field::new("entry_key", DataType::Binary, true));
        fields.push(Field::new("entry_value", DataType::Binary, true));
        fields.push(Field::new("arrival", DataType::Int64, true));
        fields.push(Field::new("touched", DataType::Int64, true));
        fields.push(Field::new("__deleted", DataType::Boolean, true));
        KeyedEntries {
            keys: KeyTable::new(keys.to_vec()),
            entries: Ordered::default(),
            touched: Vec::new(),
            removed: Vec::new(),
            sequence: 0,
            schema: Arc::new(Schema::new(fields)),
        }
    }
    /// The columns of a persisted entry.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    /// The columns that identify an entry.
    pub fn entry_key(&self) -> Vec<usize> {
        (0..=self.keys.types().len()).collect()
    }
    /// The keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }
    /// The entries.
    pub fn entries(&self) -> &Ordered {
        &self.entries
    }
    /// The next arrival number.
    pub fn next_arrival(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
    /// The ids of the keys of these rows, and when each was touched before (0: never).
    ///
    /// # Errors
    /// Where a type cannot be a key.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize, now: i64) -> Result<(Vec<u32>, Vec<i64>)> {
        let (mut ids, mut made) = (Vec::with_capacity(rows), Vec::new());
        self.keys.intern(columns, rows, &mut ids, &mut made)?;
        self.grow();
        for id in made {
            self.touched[id as usize] = 0;
        }
        let before = ids.iter().map(|id| std::mem::replace(&mut self.touched[*id as usize], now)).collect();
        Ok((ids, before))
    }
    fn grow(&mut self) {
        let n = self.keys.table().bound();
        self.entries.grow(n);
        self.touched.resize(n.max(self.touched.len()), 0);
    }
    /// When a key was last touched (ms).
    pub fn touched(&self, id: u32) -> i64 {
        self.touched[id as usize]
    }
    /// Puts an entry under a key.
    pub fn put(&mut self, id: u32, key: &[u8], value: &[u8]) {
        self.entries.put(id, key, value);
    }
    /// Removes an entry.
    pub fn remove(&mut self, id: u32, key: &[u8]) {
        self.entries.remove(id, key);
    }
    /// Removes a key and all below it.
    pub fn remove_key(&mut self, id: u32) {
        let key = self.keys.table().bytes(id).to_vec();
        self.removed.extend(self.entries.clear(id).into_iter().map(|entry| (key.clone(), entry)));
        self.keys.remove(id);
    }
    /// What changed since the last snapshot.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::new();
        let removed = std::mem::take(&mut self.removed);
        let changes = self.entries.take_changes();
        let gone: Vec<Entry<'_>> = removed
            .iter()
            .map(|(k, e)| Entry { key: k, entry: e, value: None, touched: 0 })
            .chain(changes.iter().filter(|c| c.value.is_none()).map(|c| self.entry(c)))
            .collect();
        let there: Vec<Entry<'_>> = changes.iter().filter(|c| c.value.is_some()).map(|c| self.entry(c)).collect();
        for chunk in gone.chunks(65_536).chain(there.chunks(65_536)) {
            out.push(self.batch(chunk)?);
        }
        Ok(out)
    }
    fn entry<'a>(&'a self, change: &'a super::ordered::EntryChange) -> Entry<'a> {
        Entry {
            key: self.keys.table().bytes(change.group),
            entry: &change.key,
            value: change.value.as_deref(),
            touched: self.touched[change.group as usize],
        }
    }
    fn batch(&self, entries: &[Entry<'_>]) -> Result<RecordBatch> {
        let mut columns = decode(self.keys.types(), Form::Key, entries.iter().map(|e| e.key))?;
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|e| e.entry))));
        columns.push(Arc::new(entries.iter().map(|e| e.value).collect::<BinaryArray>()));
        columns.push(Arc::new(Int64Array::from(vec![self.sequence as i64; entries.len()])));
        columns.push(Arc::new(Int64Array::from_iter_values(entries.iter().map(|e| e.touched))));
        columns.push(Arc::new(entries.iter().map(|e| Some(e.value.is_none())).collect::<BooleanArray>()));
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::internal(format!("snapshot: {e}")))
    }
    /// Loads persisted entries.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn restore(&mut self, batch: &RecordBatch) -> Result<()> {
        let n = self.keys.types().len();
        if batch.num_columns() != n + 5 {
            return Err(Error::internal("stored rows have another number of columns"));
        }
        let columns = batch.columns();
        let mut keys = EncodedRows::default();
        keys.encode(&columns[..n], batch.num_rows(), Form::Key)?;
        let (entry, value) = (columns[n].as_binary::<i32>(), columns[n + 1].as_binary::<i32>());
        let arrival = columns[n + 2].as_primitive::<Int64Type>();
        let touched = columns[n + 3].as_primitive::<Int64Type>();
        let deleted = columns[n + 4].as_boolean();
        for row in 0..batch.num_rows() {
            self.sequence = self.sequence.max(arrival.value(row) as u64);
            if deleted.value(row) {
                if let Some(id) = self.keys.find(keys.row(row)) {
                    self.entries.load(id, entry.value(row), None);
                    if self.entries.group(id).is_empty() {
                        self.keys.remove(id);
                    }
                }
                continue;
            }
            let (id, _) = self.keys.intern_one(keys.row(row));
            self.grow();
            self.touched[id as usize] = touched.value(row);
            self.entries.load(id, entry.value(row), value.is_valid(row).then(|| value.value(row)));
        }
        Ok(())
    }
}

struct Entry<'a> {
    key: &'a [u8],
    entry: &'a [u8],
    value: Option<&'a [u8]>,
    touched: i64,
}
