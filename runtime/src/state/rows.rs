//! One row a key, or just the key: deduplication and normalisation.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::{Error, Result};

use super::bytes_column::BytesColumn;
use super::codec::{EncodedRows, Form};
use super::decode::decode;
use super::keys::KeyTable;

const SNAPSHOT_ROWS: usize = 65_536;

/// Keys, each with a row (as bytes) and a number to order rows by.
pub struct KeyedRows {
    keys: KeyTable,
    rows: BytesColumn,
    marks: Vec<Marks>,
    dirty: Vec<u32>,
    removed: Vec<Vec<u8>>,
    schema: SchemaRef,
}

#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    order: i64,
    touched: i64,
    has_row: bool,
    dirty: bool,
    persisted: bool,
}

impl KeyedRows {
    /// For keys of these types.
    pub fn new(keys: &[DataType]) -> Self {
        let mut fields: Vec<Field> =
            keys.iter().enumerate().map(|(i, t)| Field::new(format!("key{i}"), t.clone(), true)).collect();
        fields.push(Field::new("row", DataType::Binary, true));
        fields.push(Field::new("order", DataType::Int64, true));
        fields.push(Field::new("touched", DataType::Int64, true));
        fields.push(Field::new("__deleted", DataType::Boolean, true));
        KeyedRows {
            keys: KeyTable::new(keys.to_vec()),
            rows: BytesColumn::default(),
            marks: Vec::new(),
            dirty: Vec::new(),
            removed: Vec::new(),
            schema: Arc::new(Schema::new(fields)),
        }
    }
    /// The columns of a persisted entry.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    /// The keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }
    /// The ids of the keys of these rows; made ones also go to `made`.
    ///
    /// # Errors
    /// Where a type cannot be a key.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize, made: &mut Vec<u32>) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(rows);
        self.keys.intern(columns, rows, &mut ids, made)?;
        self.grow();
        Ok(ids)
    }
    fn grow(&mut self) {
        let n = self.keys.table().bound();
        self.rows.grow(n);
        self.marks.resize(n.max(self.marks.len()), Marks::default());
    }
    /// The row of a key, if it has one.
    pub fn row(&self, id: u32) -> Option<&[u8]> {
        self.marks[id as usize].has_row.then(|| self.rows.get(id))
    }
    /// The number its row is ordered by.
    pub fn order(&self, id: u32) -> i64 {
        self.marks[id as usize].order
    }
    /// When it was last touched (ms).
    pub fn touched(&self, id: u32) -> i64 {
        self.marks[id as usize].touched
    }
    /// Marks a key as changed now.
    pub fn touch(&mut self, id: u32, now: i64) {
        let marks = &mut self.marks[id as usize];
        marks.touched = now;
        if !marks.dirty {
            marks.dirty = true;
            self.dirty.push(id);
        }
    }
    /// Gives a key a row.
    pub fn set(&mut self, id: u32, row: &[u8], order: i64, now: i64) {
        self.rows.set(id, row);
        self.marks[id as usize].has_row = true;
        self.marks[id as usize].order = order;
        self.touch(id, now);
    }
    /// Takes a key's row, but keeps the key.
    pub fn clear(&mut self, id: u32, now: i64) {
        self.rows.clear(id);
        self.marks[id as usize].has_row = false;
        self.touch(id, now);
    }
    /// Removes a key.
    pub fn remove(&mut self, id: u32) {
        if self.marks[id as usize].persisted {
            self.removed.push(self.keys.table().bytes(id).to_vec());
        }
        self.rows.clear(id);
        self.marks[id as usize] = Marks::default();
        self.keys.remove(id);
    }
    /// What changed since the last snapshot.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::new();
        for chunk in std::mem::take(&mut self.removed).chunks(SNAPSHOT_ROWS) {
            let mut columns = decode(self.keys.types(), Form::Key, chunk.iter().map(Vec::as_slice))?;
            let n = chunk.len();
            columns.push(arrow_array::new_null_array(&DataType::Binary, n));
            columns.push(arrow_array::new_null_array(&DataType::Int64, n));
            columns.push(arrow_array::new_null_array(&DataType::Int64, n));
            columns.push(Arc::new(BooleanArray::from(vec![true; n])));
            out.push(self.batch(columns)?);
        }
        let list = std::mem::take(&mut self.dirty);
        let dirty: Vec<u32> =
            list.into_iter().filter(|id| std::mem::take(&mut self.marks[*id as usize].dirty)).collect();
        for chunk in dirty.chunks(SNAPSHOT_ROWS) {
            let mut columns = self.keys.columns(chunk)?;
            columns.push(Arc::new(chunk.iter().map(|id| self.row(*id)).collect::<BinaryArray>()));
            columns.push(Arc::new(Int64Array::from_iter_values(chunk.iter().map(|id| self.order(*id)))));
            columns.push(Arc::new(Int64Array::from_iter_values(chunk.iter().map(|id| self.touched(*id)))));
            columns.push(Arc::new(BooleanArray::from(vec![false; chunk.len()])));
            out.push(self.batch(columns)?);
        }
        for id in dirty {
            self.marks[id as usize].persisted = true;
        }
        Ok(out)
    }
    fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::internal(format!("snapshot: {e}")))
    }
    /// Loads persisted entries.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn restore(&mut self, batch: &RecordBatch) -> Result<()> {
        let n = self.keys.types().len();
        if batch.num_columns() != n + 4 {
            return Err(Error::internal("stored rows have another number of columns"));
        }
        let columns = batch.columns();
        let mut keys = EncodedRows::default();
        keys.encode(&columns[..n], batch.num_rows(), Form::Key)?;
        let row = columns[n].as_binary::<i32>();
        let (order, touched) = (columns[n + 1].as_primitive::<Int64Type>(), columns[n + 2].as_primitive::<Int64Type>());
        let deleted = columns[n + 3].as_boolean();
        for i in 0..batch.num_rows() {
            if deleted.value(i) {
                if let Some(id) = self.keys.find(keys.row(i)) {
                    self.marks[id as usize].persisted = false;
                    self.remove(id);
                }
                continue;
            }
            let (id, _) = self.keys.intern_one(keys.row(i));
            self.grow();
            self.rows.set(id, if row.is_valid(i) { row.value(i) } else { &[] });
            self.marks[id as usize] = Marks {
                order: order.value(i),
                touched: touched.value(i),
                has_row: row.is_valid(i),
                dirty: false,
                persisted: true,
            };
        }
        Ok(())
    }
}
