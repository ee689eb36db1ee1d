//! Key columns to dense group ids.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::Result;

use super::byte_table::ByteTable;
use super::codec::{EncodedRows, Form};
use super::decode::decode;

/// Keys with dense ids. NULL is a key value like any other.
#[derive(Debug)]
pub struct KeyTable {
    types: Vec<DataType>,
    table: ByteTable,
    scratch: EncodedRows,
}

impl KeyTable {
    /// For keys of these types.
    pub fn new(types: Vec<DataType>) -> Self {
        KeyTable { types, table: ByteTable::default(), scratch: EncodedRows::default() }
    }
    /// The types of the key columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }
    /// The table below.
    pub fn table(&self) -> &ByteTable {
        &self.table
    }
    /// Ids of the keys in `columns`, row by row; ids that were made also go to `made`.
    ///
    /// # Errors
    /// Where a type cannot be a key.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize, ids: &mut Vec<u32>, made: &mut Vec<u32>) -> Result<()> {
        self.scratch.encode(columns, rows, Form::Key)?;
        self.table.intern_rows(&self.scratch, None, ids, made);
        Ok(())
    }
    /// Ids of rows encoded in [`Form::Key`], all or the selected ones.
    pub fn intern_encoded(
        &mut self,
        rows: &EncodedRows,
        selected: Option<&[u32]>,
        ids: &mut Vec<u32>,
        made: &mut Vec<u32>,
    ) {
        self.table.intern_rows(rows, selected, ids, made);
    }
    /// The id of one encoded key, if it is there.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        self.table.find(key)
    }
    /// The id of one encoded key, made where it is not there.
    pub fn intern_one(&mut self, key: &[u8]) -> (u32, bool) {
        self.table.intern(key)
    }
    /// Removes all keys.
    pub fn clear(&mut self) {
        self.table.clear();
    }
    /// Removes a key; its id will be used again.
    pub fn remove(&mut self, id: u32) {
        self.table.remove(id);
    }
    /// The key columns of these ids.
    ///
    /// # Errors
    /// Where the table is broken.
    pub fn columns(&self, ids: &[u32]) -> Result<Vec<ArrayRef>> {
        decode(&self.types, Form::Key, ids.iter().map(|id| self.table.bytes(*id)))
    }
    /// `(17, 'math')`: a key for a message.
    pub fn describe(&self, id: u32) -> String {
        match self.columns(&[id]) {
            Ok(columns) => super::describe_row(&columns, 0),
            Err(_) => "(?)".into(),
        }
    }
}
