//! From the bytes of [`super::codec`] back to columns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use tidegate_core::{Error, Result};
use tidegate_formats::text::buffer::{TextBuffer, WideBuffer};

use super::codec::{Form, width};
use super::physical::{self, Kind, kind};

/// Decodes rows of these types, column by column.
///
/// # Errors
/// Where the bytes are not such rows.
pub fn decode<'a>(types: &[DataType], form: Form, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
    // What is left of each row.
    let mut rows: Vec<&[u8]> = rows.into_iter().collect();
    let column = |ty: &DataType| {
        let mut column = Column::new(ty.clone());
        column.read_all(&mut rows, form)?;
        column.finish()
    };
    types.iter().map(column).collect()
}

/// The same for rows of one column.
///
/// # Errors
/// As for [`decode`].
pub fn decode_column<'a>(ty: &DataType, form: Form, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<ArrayRef> {
    let mut columns = decode(std::slice::from_ref(ty), form, rows)?;
    columns.pop().ok_or_else(|| Error::internal("no column decoded"))
}

struct Column {
    ty: DataType,
    valid: Vec<bool>,
    store: Store,
}

enum Store {
    I64(Vec<i64>),
    I128(Vec<i128>),
    F64(Vec<f64>),
    Bytes(WideBuffer, Vec<i32>),
    Items(Vec<i32>, Box<Column>),
    Fields(Vec<Column>),
}

pub(super) fn broken() -> Error {
    Error::internal("stored row bytes do not fit their types")
}

#[inline]
pub(super) fn cut<'a>(bytes: &mut &'a [u8], n: usize) -> Result<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(n).ok_or_else(broken)?;
    *bytes = tail;
    Ok(head)
}

#[inline]
pub(super) fn length(bytes: &mut &[u8]) -> Result<usize> {
    let head = cut(bytes, 4)?;
    Ok(u32::from_le_bytes(head.try_into().map_err(|_| broken())?) as usize)
}

#[inline]
fn unsigned(bytes: &[u8]) -> u64 {
    match <[u8; 8]>::try_from(bytes) {
        Ok(all) => u64::from_be_bytes(all),
        Err(_) => bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
    }
}

pub(super) fn signed(bytes: &[u8], ty: &DataType) -> i64 {
    match ty {
        DataType::Boolean => i64::from(bytes[0]),
        _ if bytes.is_empty() => 0,
        _ => {
            let shift = 64 - 8 * bytes.len() as u32;
            // Turn the sign back at the value's own width, then widen.
            (((unsigned(bytes) << shift) ^ (1 << 63)) as i64) >> shift
        }
    }
}

pub(super) fn wide(bytes: &[u8]) -> Result<i128> {
    Ok((u128::from_be_bytes(bytes.try_into().map_err(|_| broken())?) ^ (1 << 127)) as i128)
}

pub(super) fn float(bytes: &[u8]) -> f64 {
    if bytes.len() == 4 {
        let bits = unsigned(bytes) as u32;
        f64::from(f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits }))
    } else {
        let bits = unsigned(bytes);
        f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
    }
}

impl Column {
    fn new(ty: DataType) -> Self {
        let store = match (&ty, kind(&ty)) {
            (DataType::List(item) | DataType::Map(item, _), _) => {
                Store::Items(vec![0], Box::new(Column::new(item.data_type().clone())))
            }
            (DataType::Struct(fields), _) => {
                Store::Fields(fields.iter().map(|f| Column::new(f.data_type().clone())).collect())
            }
            (_, Kind::I128) => Store::I128(Vec::new()),
            (_, Kind::F64) => Store::F64(Vec::new()),
            (_, Kind::Bytes) => Store::Bytes(WideBuffer::default(), vec![0]),
            _ => Store::I64(Vec::new()),
        };
        Column { ty, valid: Vec::new(), store }
    }

    fn read_all(&mut self, rows: &mut [&[u8]], form: Form) -> Result<()> {
        self.valid.reserve(rows.len());
        match &mut self.store {
            Store::I64(values) if width(&self.ty) == Some(8) => {
                values.reserve(rows.len());
                for row in rows {
                    let (bytes, rest) = row.split_first_chunk::<9>().ok_or_else(broken)?;
                    let [there, value @ ..] = *bytes;
                    self.valid.push(there != 0);
                    values.push((u64::from_be_bytes(value) ^ 1 << 63) as i64);
                    *row = rest;
                }
                Ok(())
            }
            Store::Bytes(data, offsets) => {
                offsets.reserve(rows.len());
                for row in rows {
                    let there = cut(row, 1)?[0] != 0;
                    self.valid.push(there);
                    if there {
                        read_bytes(row, form, data)?;
                    }
                    offsets.push(offset(data)?);
                }
                Ok(())
            }
            _ => rows.iter_mut().try_for_each(|row| self.read(row, form)),
        }
    }

    fn read(&mut self, row: &mut &[u8], form: Form) -> Result<()> {
        let there = cut(row, 1)?[0] != 0;
        self.valid.push(there);
        match &mut self.store {
            Store::I64(values) => {
                values.push(signed(cut(row, width(&self.ty).ok_or_else(broken)?)?, &self.ty));
            }
            Store::I128(values) => {
                let bytes = cut(row, 16)?;
                values.push(if there { wide(bytes)? } else { 0 });
            }
            Store::F64(values) => {
                values.push(float(cut(row, width(&self.ty).ok_or_else(broken)?)?));
            }
            Store::Bytes(data, offsets) => {
                if there {
                    read_bytes(row, form, data)?;
                }
                offsets.push(offset(data)?);
            }
            Store::Items(offsets, item) => {
                let n = if there { length(row)? } else { 0 };
                for _ in 0..n {
                    item.read(row, form)?;
                }
                offsets.push(i32::try_from(item.valid.len()).map_err(|_| broken())?);
            }
            Store::Fields(fields) => {
                for field in fields {
                    if there { field.read(row, form)? } else { field.push_null() }
                }
            }
        }
        Ok(())
    }

    fn push_null(&mut self) {
        self.valid.push(false);
        match &mut self.store {
            Store::I64(v) => v.push(0),
            Store::I128(v) => v.push(0),
            Store::F64(v) => v.push(0.0),
            Store::Bytes(_, offsets) | Store::Items(offsets, _) => offsets.push(offsets.last().copied().unwrap_or(0)),
            Store::Fields(fields) => fields.iter_mut().for_each(Column::push_null),
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        let rows = self.valid.len();
        let nulls = physical::nulls(&self.valid);
        let fail = |e: arrow_schema::ArrowError| Error::internal(format!("state column: {e}"));
        match (self.store, &self.ty) {
            (Store::I64(v), ty) => physical::from_i64(v, nulls, ty),
            (Store::I128(v), ty) => physical::from_i128(v, nulls, ty),
            (Store::F64(v), ty) => physical::from_f64(v, nulls, ty),
            (Store::Bytes(data, offsets), ty) => physical::from_bytes(data.into_vec(), offsets, nulls, ty),
            (Store::Items(offsets, item), ty) => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let values = item.finish()?;
                match ty {
                    DataType::List(field) => {
                        Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, nulls).map_err(fail)?))
                    }
                    DataType::Map(field, sorted) => {
                        let entries = entries_of(field, &values)?;
                        Ok(Arc::new(MapArray::try_new(field.clone(), offsets, entries, nulls, *sorted).map_err(fail)?))
                    }
                    _ => Err(broken()),
                }
            }
            (Store::Fields(fields), DataType::Struct(types)) => {
                let columns = fields.into_iter().map(Column::finish).collect::<Result<Vec<_>>>()?;
                structure(types, columns, rows, nulls)
            }
            _ => Err(broken()),
        }
    }
}

fn structure(
    fields: &Fields,
    columns: Vec<ArrayRef>,
    rows: usize,
    nulls: Option<arrow_buffer::NullBuffer>,
) -> Result<ArrayRef> {
    let array = if columns.is_empty() {
        StructArray::new_empty_fields(rows, nulls)
    } else {
        StructArray::try_new(fields.clone(), columns, nulls)
            .map_err(|e| Error::internal(format!("state column: {e}")))?
    };
    Ok(Arc::new(array))
}

fn entries_of(field: &FieldRef, values: &ArrayRef) -> Result<StructArray> {
    let array = values.as_any().downcast_ref::<StructArray>().ok_or_else(broken)?;
    debug_assert_eq!(field.data_type(), array.data_type());
    let _: &Field = field;
    Ok(array.clone())
}

/// Where a text ends.
#[inline]
fn offset(data: &WideBuffer) -> Result<i32> {
    i32::try_from(data.len()).map_err(|_| Error::internal("more than 2 GiB of text in one batch of state"))
}

fn read_bytes(row: &mut &[u8], form: Form, out: &mut WideBuffer) -> Result<()> {
    if form != Form::Order {
        let n = length(row)?;
        out.slice(cut(row, n)?);
        return Ok(());
    }
    loop {
        let b = cut(row, 1)?[0];
        if b != 0 {
            out.byte(b);
            continue;
        }
        match cut(row, 1)?[0] {
            0xff => out.byte(0),
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::codec::EncodedRows;
    use crate::state::test_data::random_columns;

    #[test]
    fn rows_come_back() {
        for seed in 0..50 {
            let columns = random_columns(seed, 40);
            let types: Vec<_> = columns.iter().map(|c| c.data_type().clone()).collect();
            for form in [Form::Row, Form::Key, Form::Order] {
                let mut rows = EncodedRows::default();
                rows.encode(&columns, 40, form).unwrap();
                let back = decode(&types, form, (0..40).map(|i| rows.row(i))).unwrap();
                for (a, b) in columns.iter().zip(&back) {
                    assert_eq!(a.as_ref(), b.as_ref(), "seed {seed} {form:?}");
                }
            }
        }
    }

    /// Bytes of stored state: they must never change.
    #[test]
    fn form_is_pinned() {
        use arrow_array::{Float64Array, Int32Array, StringArray};
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(-2), None])),
            Arc::new(StringArray::from(vec![Some("a\0b"), None])),
            Arc::new(Float64Array::from(vec![Some(-0.0), Some(1.5)])),
        ];
        let mut rows = EncodedRows::default();
        rows.encode(&columns, 2, Form::Key).unwrap();
        assert_eq!(
            rows.row(0),
            [1, 0x7f, 0xff, 0xff, 0xfe, 1, 3, 0, 0, 0, b'a', 0, b'b', 1, 0x80, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(rows.row(1), [0, 0, 0, 0, 0, 0, 1, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0]);
        rows.encode(&columns[1..2], 2, Form::Order).unwrap();
        assert_eq!(rows.row(0), [1, b'a', 0, 0xff, b'b', 0, 0]);
    }

    #[test]
    fn order_form_compares_as_values() {
        use arrow_array::{Float64Array, Int64Array, StringArray};
        let columns: Vec<(ArrayRef, usize)> = vec![
            (Arc::new(Int64Array::from(vec![None, Some(i64::MIN), Some(-1), Some(0), Some(7), Some(i64::MAX)])), 6),
            (Arc::new(Float64Array::from(vec![None, Some(f64::NEG_INFINITY), Some(-1.5), Some(0.0), Some(2.0)])), 5),
            (
                Arc::new(StringArray::from(vec![
                    None,
                    Some(""),
                    Some("a"),
                    Some("a\0"),
                    Some("a\0b"),
                    Some("ab"),
                    Some("题"),
                ])),
                7,
            ),
        ];
        for (column, n) in columns {
            let mut rows = EncodedRows::default();
            rows.encode(&[column], n, Form::Order).unwrap();
            assert!((1..n).all(|i| rows.row(i - 1) < rows.row(i)));
        }
    }
}
