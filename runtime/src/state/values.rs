//! One nullable value of one type a group.

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_formats::text::buffer::WideBuffer;

use super::bytes_column::BytesColumn;
use super::codec::{EncodedRows, Form};
use super::decode::decode_column;
use super::physical::{self, BytesView, Kind, View, kind};

/// A value a group.
#[derive(Debug)]
pub struct Values {
    ty: DataType,
    /// Unused where the values are bytes, which have their own NULL.
    valid: Vec<bool>,
    store: Store,
}

#[derive(Debug)]
enum Store {
    I64(Vec<i64>),
    I128(Vec<i128>),
    F64(Vec<f64>),
    /// Text, bytes, or nested values in [`Form::Row`].
    Bytes(BytesColumn),
}

/// A column whose values can be put into [`Values`] of the same type.
pub enum Input<'a> {
    /// A flat column.
    Flat(View<'a>, Option<&'a arrow_buffer::NullBuffer>),
    /// An encoded nested column.
    Nested(EncodedRows, Option<&'a arrow_buffer::NullBuffer>),
}

impl<'a> Input<'a> {
    /// Looks at a column.
    ///
    /// # Errors
    /// Where its type cannot be kept.
    pub fn new(array: &'a ArrayRef) -> Result<Self> {
        if kind(array.data_type()) == Kind::Nested {
            let mut rows = EncodedRows::default();
            rows.encode(std::slice::from_ref(array), array.len(), Form::Row)?;
            return Ok(Input::Nested(rows, array.nulls()));
        }
        Ok(Input::Flat(physical::view(array)?, array.nulls()))
    }
    /// Whether row `i` is NULL.
    pub fn is_null(&self, i: usize) -> bool {
        let (Input::Flat(_, nulls) | Input::Nested(_, nulls)) = self;
        nulls.is_some_and(|n| n.is_null(i))
    }
}

impl Values {
    /// For values of a type.
    pub fn new(ty: DataType) -> Self {
        let store = match kind(&ty) {
            Kind::I64 => Store::I64(Vec::new()),
            Kind::I128 => Store::I128(Vec::new()),
            Kind::F64 => Store::F64(Vec::new()),
            Kind::Bytes | Kind::Nested => Store::Bytes(BytesColumn::default()),
        };
        Values { ty, valid: Vec::new(), store }
    }
    /// Their type.
    pub fn data_type(&self) -> &DataType {
        &self.ty
    }
    /// Makes groups below `n` valid; new ones are NULL.
    pub fn grow(&mut self, n: usize) {
        if let Store::Bytes(v) = &mut self.store {
            v.grow(n);
            return;
        }
        if n <= self.valid.len() {
            return;
        }
        self.valid.resize(n, false);
        match &mut self.store {
            Store::I64(v) => v.resize(n, 0),
            Store::I128(v) => v.resize(n, 0),
            Store::F64(v) => v.resize(n, 0.0),
            Store::Bytes(_) => {}
        }
    }
    /// Whether a group has a value.
    pub fn is_valid(&self, group: u32) -> bool {
        match &self.store {
            Store::Bytes(b) => b.is_valid(group),
            _ => self.valid[group as usize],
        }
    }
    /// Makes a group's value NULL.
    pub fn clear(&mut self, group: u32) {
        match &mut self.store {
            Store::Bytes(b) => b.clear(group),
            _ => self.valid[group as usize] = false,
        }
    }
    /// Puts row `row` of `input` into a group.
    pub fn set(&mut self, group: u32, input: &Input<'_>, row: usize) {
        if input.is_null(row) {
            self.clear(group);
            return;
        }
        let g = group as usize;
        if let Some(valid) = self.valid.get_mut(g) {
            *valid = true;
        }
        match (&mut self.store, input) {
            (Store::I64(v), Input::Flat(View::I64(a), _)) => v[g] = a[row],
            (Store::I128(v), Input::Flat(View::I128(a), _)) => v[g] = a[row],
            (Store::F64(v), Input::Flat(View::F64(a), _)) => v[g] = a[row],
            (Store::Bytes(v), Input::Flat(View::Bytes(a), _)) => v.set_row(group, *a, row),
            (Store::Bytes(v), Input::Nested(rows, _)) => v.set(group, rows.row(row)),
            _ => debug_assert!(false, "a column of another type"),
        }
    }
    /// The bytes that are kept and those of a column, where both are texts or bytes.
    pub fn bytes_from<'a>(&mut self, input: &Input<'a>) -> Option<(&mut BytesColumn, BytesView<'a>)> {
        match (&mut self.store, input) {
            (Store::Bytes(values), Input::Flat(View::Bytes(rows), _)) => Some((values, *rows)),
            _ => None,
        }
    }
    /// Copies a group's value to another group.
    pub fn copy(&mut self, to: u32, from: u32) {
        if !self.is_valid(from) {
            self.clear(to);
            return;
        }
        if let Some(valid) = self.valid.get_mut(to as usize) {
            *valid = true;
        }
        match &mut self.store {
            Store::I64(v) => v[to as usize] = v[from as usize],
            Store::I128(v) => v[to as usize] = v[from as usize],
            Store::F64(v) => v[to as usize] = v[from as usize],
            Store::Bytes(v) => {
                let bytes = v.get(from).to_vec();
                v.set(to, &bytes);
            }
        }
    }
    /// How row `row` of `input` compares with a group's value; both must be there.
    pub fn compare(&self, group: u32, input: &Input<'_>, row: usize) -> Ordering {
        let g = group as usize;
        match (&self.store, input) {
            (Store::I64(v), Input::Flat(View::I64(a), _)) => a[row].cmp(&v[g]),
            (Store::I128(v), Input::Flat(View::I128(a), _)) => a[row].cmp(&v[g]),
            (Store::F64(v), Input::Flat(View::F64(a), _)) => a[row].total_cmp(&v[g]),
            (Store::Bytes(v), Input::Flat(View::Bytes(a), _)) => a.value(row).cmp(v.get(group)),
            _ => Ordering::Equal,
        }
    }
    /// How two groups' values compare; both must be there.
    pub fn compare_groups(&self, a: u32, b: u32) -> Ordering {
        let (i, j) = (a as usize, b as usize);
        match &self.store {
            Store::I64(v) => v[i].cmp(&v[j]),
            Store::I128(v) => v[i].cmp(&v[j]),
            Store::F64(v) => v[i].total_cmp(&v[j]),
            Store::Bytes(v) => v.get(a).cmp(v.get(b)),
        }
    }
    /// The raw bytes of a text value.
    pub fn append_bytes(&mut self, group: u32, more: &[u8]) {
        if let Store::Bytes(v) = &mut self.store {
            v.append(group, more);
        }
    }
    /// The bytes of a text value.
    pub fn bytes(&self, group: u32) -> &[u8] {
        match &self.store {
            Store::Bytes(v) => v.get(group),
            _ => &[],
        }
    }
    /// The values of these groups as a column.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn column(&self, groups: &[u32]) -> Result<ArrayRef> {
        if let Store::Bytes(v) = &self.store
            && kind(&self.ty) == Kind::Bytes
        {
            return self.bytes_column(v, groups);
        }
        let valid: Vec<bool> = groups.iter().map(|g| self.is_valid(*g)).collect();
        let nulls = physical::nulls(&valid);
        match &self.store {
            Store::I64(v) => physical::from_i64(groups.iter().map(|g| v[*g as usize]).collect(), nulls, &self.ty),
            Store::I128(v) => physical::from_i128(groups.iter().map(|g| v[*g as usize]).collect(), nulls, &self.ty),
            Store::F64(v) => physical::from_f64(groups.iter().map(|g| v[*g as usize]).collect(), nulls, &self.ty),
            Store::Bytes(v) => {
                const NULL: &[u8] = &[0];
                let rows = groups.iter().zip(&valid).map(|(g, valid)| if *valid { v.get(*g) } else { NULL });
                decode_column(&self.ty, Form::Row, rows)
            }
        }
    }
    fn bytes_column(&self, values: &BytesColumn, groups: &[u32]) -> Result<ArrayRef> {
        let mut data = WideBuffer::with_capacity(groups.len() * 16);
        let mut offsets = Vec::with_capacity(groups.len() + 1);
        let mut nulls = NullBufferBuilder::new(groups.len());
        offsets.push(0);
        for g in groups {
            nulls.append(values.append_to(*g, &mut data));
            let end = i32::try_from(data.len()).map_err(|_| Error::internal("more than 2 GiB of text in one batch"))?;
            offsets.push(end);
        }
        physical::from_bytes(data.into_vec(), offsets, nulls.finish(), &self.ty)
    }
    /// Puts a whole column into groups.
    ///
    /// # Errors
    /// Where it has another type.
    pub fn load(&mut self, groups: &[u32], column: &ArrayRef) -> Result<()> {
        if column.data_type() != &self.ty {
            return Err(Error::internal(format!("state of type {} is stored as {}", self.ty, column.data_type())));
        }
        let input = Input::new(column)?;
        for (row, group) in groups.iter().enumerate() {
            self.set(*group, &input, row);
        }
        Ok(())
    }
}

/// A text or bytes column, with NULLs.
pub struct TextInput<'a> {
    view: BytesView<'a>,
    nulls: Option<&'a arrow_buffer::NullBuffer>,
}

impl<'a> TextInput<'a> {
    /// Looks at a column.
    ///
    /// # Errors
    /// Where it is neither text nor bytes.
    pub fn new(array: &'a ArrayRef) -> Result<Self> {
        match physical::view(array)? {
            View::Bytes(view) => Ok(TextInput { view, nulls: array.nulls() }),
            _ => Err(Error::internal("a text column was expected")),
        }
    }
    /// The bytes of a row, `None` for NULL.
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        if self.nulls.is_some_and(|n| n.is_null(row)) { None } else { Some(self.view.value(row)) }
    }
}
