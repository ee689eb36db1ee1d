//! Rows as bytes: the form in which state keeps keys and whole rows. Version 1; part of the stored
//! format, so it must not change.
//!
//! A value is a byte that says whether it is there (0 NULL, 1 value) and then, for fixed widths, its
//! big-endian bytes with the sign turned, so that bytes compare as values do (NULL fields keep their
//! width, all zero); for text and bytes a length (u32 little endian) and the bytes, or in
//! [`Form::Order`] the bytes with `00` written as `00 FF` and `00 00` at the end; for ARRAY and MAP a
//! count and the elements; for ROW the fields.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_schema::{DataType, TimeUnit};
use tidegate_core::{Error, Result};
use tidegate_formats::text::short;

/// What the bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Equal values have equal bytes: `-0.0` is `0.0` and all NaNs are one.
    Key,
    /// Every value comes back exactly.
    Row,
    /// Like `Key`, and bytes compare as values do (NULL first).
    Order,
}

/// Encoded rows, one after the other. Keep one around: its buffers are reused.
#[derive(Debug, Default)]
pub struct EncodedRows {
    /// The rows, and behind them what is left of earlier ones.
    bytes: Vec<u8>,
    starts: Vec<usize>,
    cursors: Vec<usize>,
}

impl EncodedRows {
    /// Row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> &[u8] {
        &self.bytes[self.starts[i]..self.starts[i + 1]]
    }
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Encodes `rows` rows of `columns`, replacing what was there.
    ///
    /// # Errors
    /// Where a type has no encoding.
    pub fn encode(&mut self, columns: &[ArrayRef], rows: usize, form: Form) -> Result<()> {
        self.encode_picked(columns, rows, form, |i| i)
    }

    /// Encodes some rows of `columns`: row `i` here is row `rows[i]` there.
    ///
    /// # Errors
    /// Where a type has no encoding.
    pub fn encode_selected(&mut self, columns: &[ArrayRef], rows: &[u32], form: Form) -> Result<()> {
        self.encode_picked(columns, rows.len(), form, |i| rows[i] as usize)
    }

    fn encode_picked(&mut self, columns: &[ArrayRef], rows: usize, form: Form, pick: impl Pick) -> Result<()> {
        self.measure(columns, rows, form, pick)?;
        for column in columns {
            write_column(column, form, &mut self.bytes, &mut self.cursors, pick)?;
        }
        Ok(())
    }

    /// Takes rows that are encoded already, replacing what was there.
    pub fn load(&mut self, rows: &BinaryArray) {
        let offsets = rows.value_offsets();
        let first = offsets.first().copied().unwrap_or(0);
        self.starts.clear();
        self.starts.extend(offsets.iter().map(|offset| (offset - first) as usize));
        let (from, to) = (first as usize, offsets.last().copied().unwrap_or(0) as usize);
        self.bytes.clear();
        self.bytes.extend_from_slice(&rows.value_data()[from..to]);
    }

    fn measure(&mut self, columns: &[ArrayRef], rows: usize, form: Form, pick: impl Pick) -> Result<()> {
        let fixed: usize = columns.iter().filter_map(|c| width(c.data_type())).map(|w| w + 1).sum();
        self.cursors.clear();
        self.cursors.resize(rows, fixed);
        for column in columns.iter().filter(|c| width(c.data_type()).is_none()) {
            add_lengths(column, form, &mut self.cursors, pick)?;
        }
        self.starts.clear();
        self.starts.reserve(rows + 1);
        let mut at = 0;
        for cursor in &mut self.cursors {
            self.starts.push(at);
            let length = *cursor;
            *cursor = at;
            at += length;
        }
        self.starts.push(at);
        // Every byte is written, so what stands here need not be cleared.
        if self.bytes.len() < at {
            self.bytes.resize(at, 0);
        }
        Ok(())
    }
}

/// From the position of a row among those encoded to its place in the columns.
trait Pick: Fn(usize) -> usize + Copy {}
impl<F: Fn(usize) -> usize + Copy> Pick for F {}

/// The encoded width of a fixed-width type, without the NULL byte.
pub(super) fn width(ty: &DataType) -> Option<usize> {
    Some(match ty {
        DataType::Null => 0,
        DataType::Boolean | DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) | DataType::Float32 => 4,
        DataType::Int64 | DataType::Timestamp(..) | DataType::Float64 => 8,
        DataType::Decimal128(..) => 16,
        _ => return None,
    })
}

fn escaped_len(bytes: &[u8]) -> usize {
    bytes.len() + 2 + bytes.iter().filter(|b| **b == 0).count()
}

fn add_lengths(column: &ArrayRef, form: Form, lengths: &mut [usize], pick: impl Pick) -> Result<()> {
    if let Ok(super::physical::View::Bytes(view)) = super::physical::view(column) {
        let nulls = column.nulls();
        for (i, length) in lengths.iter_mut().enumerate() {
            let row = pick(i);
            *length += 1;
            if nulls.is_none_or(|n| n.is_valid(row)) {
                *length += if form == Form::Order { escaped_len(view.value(row)) } else { 4 + view.length(row) };
            }
        }
        return Ok(());
    }
    let mut scratch = Vec::new();
    for (i, length) in lengths.iter_mut().enumerate() {
        scratch.clear();
        encode_value(column, pick(i), form, &mut scratch)?;
        *length += scratch.len();
    }
    Ok(())
}

/// Writes a value of fixed width to the beginning of a slot.
#[inline(always)]
pub(super) fn put<const W: usize>(slot: &mut [u8], value: [u8; W]) {
    // Unlike `copy_from_slice` no call.
    if let Some(slot) = slot.first_chunk_mut() {
        *slot = value;
    }
}

fn fixed<const W: usize>(
    column: &ArrayRef,
    out: &mut [u8],
    cursors: &mut [usize],
    pick: impl Pick,
    get: impl Fn(usize) -> [u8; W],
) {
    let nulls = column.nulls();
    for (i, cursor) in cursors.iter_mut().enumerate() {
        let row = pick(i);
        let end = *cursor + 1 + W;
        let slot = &mut out[*cursor..end];
        if nulls.is_none_or(|n| n.is_valid(row)) {
            slot[0] = 1;
            put(&mut slot[1..], get(row));
        } else {
            slot.fill(0);
        }
        *cursor = end;
    }
}

pub(super) fn order_f64(f: f64, form: Form) -> u64 {
    let f = if form == Form::Row {
        f
    } else if f == 0.0 {
        0.0
    } else if f.is_nan() {
        f64::NAN
    } else {
        f
    };
    let bits = f.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

pub(super) fn order_f32(f: f32, form: Form) -> u32 {
    let f = if form == Form::Row {
        f
    } else if f == 0.0 {
        0.0
    } else if f.is_nan() {
        f32::NAN
    } else {
        f
    };
    let bits = f.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn write_column(column: &ArrayRef, form: Form, out: &mut [u8], cursors: &mut [usize], pick: impl Pick) -> Result<()> {
    macro_rules! ints {
        ($t:ty, $u:ty) => {{
            let a = column.as_primitive::<$t>().values();
            fixed(column, out, cursors, pick, |i| ((a[i] as $u) ^ (1 << (<$u>::BITS - 1))).to_be_bytes())
        }};
    }
    match column.data_type() {
        DataType::Null => {
            for cursor in cursors {
                out[*cursor] = 0;
                *cursor += 1;
            }
        }
        DataType::Boolean => {
            let a = column.as_boolean();
            fixed(column, out, cursors, pick, |i| [u8::from(a.value(i))]);
        }
        DataType::Int8 => ints!(Int8Type, u8),
        DataType::Int16 => ints!(Int16Type, u16),
        DataType::Int32 => ints!(Int32Type, u32),
        DataType::Date32 => ints!(Date32Type, u32),
        DataType::Time32(TimeUnit::Millisecond) => ints!(Time32MillisecondType, u32),
        DataType::Int64 => ints!(Int64Type, u64),
        DataType::Timestamp(TimeUnit::Microsecond, _) => ints!(TimestampMicrosecondType, u64),
        DataType::Decimal128(..) => ints!(Decimal128Type, u128),
        DataType::Float32 => {
            let a = column.as_primitive::<Float32Type>().values();
            fixed(column, out, cursors, pick, |i| order_f32(a[i], form).to_be_bytes());
        }
        DataType::Float64 => {
            let a = column.as_primitive::<Float64Type>().values();
            fixed(column, out, cursors, pick, |i| order_f64(a[i], form).to_be_bytes());
        }
        DataType::Utf8 | DataType::Binary => write_bytes(column, form, out, cursors, pick)?,
        _ => {
            let mut scratch = Vec::new();
            for (i, cursor) in cursors.iter_mut().enumerate() {
                scratch.clear();
                encode_value(column, pick(i), form, &mut scratch)?;
                out[*cursor..*cursor + scratch.len()].copy_from_slice(&scratch);
                *cursor += scratch.len();
            }
        }
    }
    Ok(())
}

fn write_bytes(column: &ArrayRef, form: Form, out: &mut [u8], cursors: &mut [usize], pick: impl Pick) -> Result<()> {
    let super::physical::View::Bytes(view) = super::physical::view(column)? else {
        return Err(Error::internal("text without bytes"));
    };
    let nulls = column.nulls();
    for (i, cursor) in cursors.iter_mut().enumerate() {
        let (at, row) = (*cursor, pick(i));
        if nulls.is_some_and(|n| n.is_null(row)) {
            out[at] = 0;
            *cursor += 1;
            continue;
        }
        let bytes = view.value(row);
        out[at] = 1;
        if form == Form::Order {
            let mut to = at + 1;
            for b in bytes {
                out[to] = *b;
                to += 1;
                if *b == 0 {
                    out[to] = 0xff;
                    to += 1;
                }
            }
            out[to..to + 2].fill(0);
            *cursor = to + 2;
        } else {
            let end = at + 5 + bytes.len();
            let slot = &mut out[at + 1..end];
            put(slot, (bytes.len() as u32).to_le_bytes());
            short::copy(&mut slot[4..], bytes);
            *cursor = end;
        }
    }
    Ok(())
}

/// Encodes one value; the slow way, for elements of nested types.
fn encode_value(column: &ArrayRef, row: usize, form: Form, out: &mut Vec<u8>) -> Result<()> {
    let flat = |out: &mut Vec<u8>| -> Result<()> {
        let mut one = EncodedRows::default();
        one.encode(&[column.slice(row, 1)], 1, form)?;
        out.extend_from_slice(one.row(0));
        Ok(())
    };
    if column.is_null(row) && width(column.data_type()).is_none() {
        out.push(0);
        return Ok(());
    }
    match column.data_type() {
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            out.push(1);
            encode_all(&items, form, out)
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            out.push(1);
            let entries: ArrayRef = std::sync::Arc::new(entries);
            encode_all(&entries, form, out)
        }
        DataType::Struct(_) => {
            out.push(1);
            for field in column.as_struct().columns() {
                encode_value(field, row, form, out)?;
            }
            Ok(())
        }
        DataType::Utf8 | DataType::Binary => flat(out),
        ty if width(ty).is_some() => flat(out),
        other => Err(Error::internal(format!("no state of type {other}"))),
    }
}

fn encode_all(items: &ArrayRef, form: Form, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&(items.len() as u32).to_le_bytes());
    (0..items.len()).try_for_each(|i| encode_value(items, i, form, out))
}
