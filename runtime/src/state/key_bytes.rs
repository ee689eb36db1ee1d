//! From keys as words ([`super::key_words`]) to keys in the stored form ([`super::codec`], the key form),
//! each with the hash that [`crate::hash::hash_columns`] gives for its columns.

use arrow_array::{BinaryArray, UInt64Array};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_formats::text::short::SHORT;

use super::codec::{Form, order_f32, put, width};
use super::decode::float;
use super::key_words::{KeyWords, LONG, NULL, Place};
use super::physical::{Kind, kind};
use crate::hash;

/// How a column's words are written.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Boolean,
    /// Integers and times of so many bytes.
    Integer(usize),
    Float,
    Double,
    Decimal,
    Text,
}

impl Cell {
    fn of(ty: &DataType) -> Cell {
        match ty {
            DataType::Boolean => Cell::Boolean,
            DataType::Float32 => Cell::Float,
            _ => match kind(ty) {
                Kind::I64 => Cell::Integer(width(ty).unwrap_or(8)),
                Kind::F64 => Cell::Double,
                Kind::I128 => Cell::Decimal,
                // A key has no nested columns.
                Kind::Bytes | Kind::Nested => Cell::Text,
            },
        }
    }
}

/// The bytes that a value takes at most, where it is no long text.
const ROOM: usize = 1 + 4 + SHORT;

/// Keys as they are written.
struct Writer<'a> {
    words: &'a KeyWords,
    /// Of each column where its words stand, how they are written, and how many bytes a NULL takes behind
    /// the one that says so.
    cells: Vec<(Place, Cell, usize)>,
    /// The keys, and room behind them for one more.
    bytes: Vec<u8>,
    end: usize,
}

impl KeyWords {
    /// These rows of words as keys, and their hashes.
    ///
    /// # Errors
    /// For more than 2 GiB of keys.
    pub fn to_keys<'a>(&self, rows: impl ExactSizeIterator<Item = &'a [u64]>) -> Result<(BinaryArray, UInt64Array)> {
        let cell = |(place, ty): (&Place, &DataType)| (*place, Cell::of(ty), width(ty).unwrap_or(0));
        let cells = self.places().iter().zip(self.types()).map(cell).collect();
        let mut writer = Writer { words: self, cells, bytes: Vec::new(), end: 0 };
        let (mut offsets, mut hashes) = (vec![0], Vec::with_capacity(rows.len()));
        offsets.reserve(rows.len());
        for row in rows {
            hashes.push(writer.key(row));
            offsets
                .push(i32::try_from(writer.end).map_err(|_| Error::internal("more than 2 GiB of keys in one batch"))?);
        }
        let Writer { mut bytes, end, .. } = writer;
        bytes.truncate(end);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let keys = BinaryArray::try_new(offsets, Buffer::from_vec(bytes), None)
            .map_err(|e| Error::internal(format!("keys: {e}")))?;
        Ok((keys, UInt64Array::from(hashes)))
    }
}

impl Writer<'_> {
    /// Writes one key, and gives its hash.
    fn key(&mut self, row: &[u64]) -> u64 {
        let most = self.end + self.cells.len() * ROOM;
        if self.bytes.len() < most {
            self.bytes.resize(2 * most, 0);
        }
        let mut hash = 0;
        for i in 0..self.cells.len() {
            let (place, cell, null) = self.cells[i];
            hash::mix(&mut hash, if place.code(row) == NULL { self.null(null) } else { self.value(place, cell, row) });
        }
        hash
    }

    /// Writes a NULL of so many bytes, and gives its part of the hash.
    #[inline(always)]
    fn null(&mut self, width: usize) -> u64 {
        let end = self.end + 1 + width;
        self.bytes[self.end..end].fill(0);
        self.end = end;
        hash::NULL
    }

    /// Writes a value that is there, and gives its part of the hash.
    #[inline(always)]
    fn value(&mut self, place: Place, cell: Cell, row: &[u64]) -> u64 {
        match cell {
            Cell::Boolean => {
                let [value] = place.value(row);
                self.put([value as u8], 1);
                hash::number(value as i64)
            }
            Cell::Integer(width) => {
                let [value] = place.value(row);
                // The sign is turned at the value's own width.
                self.put((value << (64 - 8 * width) ^ 1 << 63).to_be_bytes(), width);
                hash::number(value as i64)
            }
            Cell::Float => {
                let [value] = place.value(row);
                let value = float(&value.to_be_bytes());
                self.put(order_f32(value as f32, Form::Key).to_be_bytes(), 4);
                hash::float(value)
            }
            Cell::Double => {
                let [value] = place.value(row);
                self.put(value.to_be_bytes(), 8);
                hash::float(float(&value.to_be_bytes()))
            }
            Cell::Decimal => {
                let [low, high] = place.value(row);
                let value = u128::from(low) | u128::from(high) << 64;
                self.put((value ^ 1 << 127).to_be_bytes(), 16);
                hash::bytes(&value.to_le_bytes())
            }
            Cell::Text => self.text(place.code(row), place.value(row)),
        }
    }

    /// A value that is there: the first `width` of these bytes.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N], width: usize) {
        let slot = &mut self.bytes[self.end..];
        slot[0] = 1;
        put(&mut slot[1..], bytes);
        self.end += 1 + width;
    }

    #[inline(always)]
    fn text(&mut self, code: u64, [low, high]: [u64; 2]) -> u64 {
        if code == LONG {
            return self.long_text(low as u32);
        }
        self.put((code as u32).to_le_bytes(), 4);
        let from = self.end;
        let text = (u128::from(low) | u128::from(high) << 64).to_le_bytes();
        put(&mut self.bytes[from..], text);
        self.end += code as usize;
        hash::bytes(&self.bytes[from..self.end])
    }

    fn long_text(&mut self, id: u32) -> u64 {
        let text = self.words.long_text(id);
        self.put((text.len() as u32).to_le_bytes(), 4);
        // As much room is left behind it as there was.
        let (from, room) = (self.end, self.bytes.len() + text.len());
        self.bytes.resize(room, 0);
        self.end += text.len();
        self.bytes[from..self.end].copy_from_slice(text);
        hash::bytes(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, NullArray, StringArray};

    use super::*;
    use crate::state::codec::EncodedRows;
    use crate::state::key_words::KeyColumn;
    use crate::state::test_data::{Random, random_columns};

    /// Words tell the very rows apart that the stored form tells apart, and give its bytes and its hashes.
    fn check(columns: &[ArrayRef], rows: &[u32]) {
        let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
        let mut words = KeyWords::new(&types).unwrap();
        let views: Vec<KeyColumn<'_>> = columns.iter().map(|c| KeyColumn::new(c).unwrap()).collect();
        words.encode(&views, rows);
        let got: Vec<&[u64]> = words.words().chunks_exact(words.stride()).collect();
        let mut want = EncodedRows::default();
        want.encode_selected(columns, rows, Form::Key).unwrap();
        let hashes = hash::hash_columns(columns, columns[0].len()).unwrap();
        let (keys, key_hashes) = words.to_keys(got.iter().copied()).unwrap();
        assert_eq!((keys.len(), key_hashes.len()), (rows.len(), rows.len()));
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(keys.value(i), want.row(i), "row {row}");
            assert_eq!(key_hashes.value(i), hashes[*row as usize], "row {row}");
            for j in 0..i {
                assert_eq!(got[i] == got[j], want.row(i) == want.row(j), "rows {row} and {}", rows[j]);
            }
        }
    }

    fn keys_of(seed: u64, rows: usize) -> Vec<ArrayRef> {
        let mut columns = random_columns(seed, rows);
        columns.retain(|c| kind(c.data_type()) != Kind::Nested);
        columns
    }

    #[test]
    fn all_types_come_back_in_the_stored_form() {
        for seed in 0..50 {
            let columns = keys_of(seed, 40);
            assert!(columns.len() > 8, "codes take more than one word");
            check(&columns, &(0..40).filter(|row| row % 3 != 0).rev().collect::<Vec<_>>());
            columns.iter().for_each(|column| check(std::slice::from_ref(column), &(0..40).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn texts_of_every_length_are_told_apart() {
        let mut random = Random::new(3);
        let text = "题目_0123456789_abcdefghijklmnopqrstuvwxyz\0\0\0";
        let starts = [0, 3, 6, 7, 8];
        let mut texts: Vec<&str> = Vec::new();
        for start in starts {
            let ends = (start..=text.len()).filter(|end| text.is_char_boundary(*end));
            texts.extend(ends.map(|end| &text[start..end]));
        }
        let zeros = "\0".repeat(20);
        texts.extend((0..=20).map(|n| &zeros[..n]));
        for _ in 0..10 {
            let picked: Vec<&str> = (0..200).map(|_| texts[random.below(texts.len() as u64) as usize]).collect();
            check(&[Arc::new(StringArray::from(picked))], &(0..200).collect::<Vec<_>>());
        }
        // At the end of a column there is nothing behind a text.
        for text in texts {
            check(&[Arc::new(StringArray::from(vec![text]))], &[0]);
        }
    }

    #[test]
    fn equal_numbers_are_one_key() {
        let nan = f64::from_bits(f64::NAN.to_bits() | 7);
        check(&[Arc::new(Float64Array::from(vec![-0.0, 0.0, f64::NAN, nan, -f64::NAN, f64::INFINITY]))], &[0, 1, 5]);
        let columns: [ArrayRef; 1] = [Arc::new(Float32Array::from(vec![-0.0, 0.0, f32::MIN_POSITIVE, f32::NAN, -1.5]))];
        check(&columns, &[0, 1, 2, 4]);
    }

    #[test]
    fn a_column_that_is_only_null_and_no_column() {
        check(&[Arc::new(NullArray::new(3))], &[0, 2]);
        let mut words = KeyWords::new(&[]).unwrap();
        words.encode(&[], &[0, 1]);
        let (keys, hashes) = words.to_keys(words.words().chunks_exact(words.stride())).unwrap();
        assert_eq!((keys.value(0), keys.value(1), hashes.value(1)), (&b""[..], &b""[..], 0));
    }

    #[test]
    fn what_is_forgotten_is_numbered_anew() {
        let texts = ["the first of the long texts", "another long text"];
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let views = [KeyColumn::new(&column).unwrap()];
        let mut words = KeyWords::new(&[DataType::Utf8]).unwrap();
        for (row, text) in (0..).zip(texts) {
            words.encode(&views, &[row]);
            let (keys, _) = words.to_keys(words.words().chunks_exact(words.stride())).unwrap();
            assert_eq!(&keys.value(0)[5..], text.as_bytes());
            assert_eq!(words.long_texts(), 1);
            words.forget();
        }
    }
}
