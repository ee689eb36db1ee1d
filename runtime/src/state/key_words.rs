//! Keys as words: every row the same number of them, whatever its texts. That makes hashing and comparing
//! a key short loops without lengths, where keys in the form of [`super::codec`] have to be taken byte by
//! byte. Equal keys have equal words, and unequal ones unequal words.
//!
//! In front stand codes, a byte a column: whether the value is NULL, and how long a text is. Behind them
//! come the values: an integer or double takes one word, a decimal two. A text takes two as well, which
//! hold all of it up to 16 bytes; of a longer one they hold a number that this encoder gave it. Words
//! therefore mean something only beside others of the same encoder, and are never stored: what leaves is
//! the stored form again ([`super::key_bytes`]).

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use tidegate_core::Result;
use tidegate_formats::text::short::{OWN, SHORT, number};

use super::byte_table::ByteTable;
use super::codec::{Form, order_f64};
use super::physical::{BytesView, Kind, View, kind, view};

/// The code of a NULL.
pub(super) const NULL: u64 = 0xff;
/// The code of a text that is known by its number.
pub(super) const LONG: u64 = 0xfe;
/// Codes in a word.
const CODES: usize = 8;

/// Encodes rows of key columns, and keeps the rows that were encoded last.
#[derive(Debug)]
pub struct KeyWords {
    types: Vec<DataType>,
    places: Vec<Place>,
    words: Vec<u64>,
    /// Words of a row; even, so that they can be taken in pairs.
    stride: usize,
    /// Texts that are too long, by number.
    long: ByteTable,
}

/// A key column to encode from.
pub struct KeyColumn<'a> {
    view: View<'a>,
    nulls: Option<NullBuffer>,
}

impl<'a> KeyColumn<'a> {
    /// Looks at a column.
    ///
    /// # Errors
    /// For ARRAY, MAP and ROW, which cannot be part of a key.
    pub fn new(column: &'a ArrayRef) -> Result<Self> {
        Ok(KeyColumn { view: view(column)?, nulls: column.logical_nulls().filter(|nulls| nulls.null_count() > 0) })
    }
}

/// Where a column's words stand in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    value: usize,
    code: usize,
    shift: usize,
}

impl Place {
    /// The code in a row.
    #[inline(always)]
    pub fn code(self, row: &[u64]) -> u64 {
        row[self.code] >> self.shift & 0xff
    }
    /// The `N` words in a row.
    #[inline(always)]
    pub fn value<const N: usize>(self, row: &[u64]) -> [u64; N] {
        row[self.value..].first_chunk().copied().unwrap_or([0; N])
    }
    #[inline(always)]
    fn mark(self, row: &mut [u64], code: u64) {
        row[self.code] |= code << self.shift;
    }
    #[inline(always)]
    fn put<const N: usize>(self, row: &mut [u64], value: [u64; N]) {
        if let Some(cell) = row[self.value..].first_chunk_mut() {
            *cell = value;
        }
    }
}

fn words_of(kind: Kind) -> Option<usize> {
    match kind {
        Kind::I64 | Kind::F64 => Some(1),
        Kind::I128 | Kind::Bytes => Some(2),
        Kind::Nested => None,
    }
}

impl KeyWords {
    /// For keys of these types; `None` where one of them is an ARRAY, MAP or ROW.
    pub fn new(types: &[DataType]) -> Option<Self> {
        let (mut places, mut value) = (Vec::with_capacity(types.len()), types.len().div_ceil(CODES));
        for (i, ty) in types.iter().enumerate() {
            places.push(Place { value, code: i / CODES, shift: i % CODES * 8 });
            value += words_of(kind(ty))?;
        }
        let stride = value.next_multiple_of(2).max(2);
        Some(KeyWords { types: types.to_vec(), places, words: Vec::new(), stride, long: ByteTable::default() })
    }
    /// The types of the columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }
    /// Where their words stand.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
    /// Words of a row: an even number.
    pub fn stride(&self) -> usize {
        self.stride
    }
    /// The words of all rows, one after the other.
    pub fn words(&self) -> &[u64] {
        &self.words
    }
    /// A long text by its number.
    pub(super) fn long_text(&self, number: u32) -> &[u8] {
        self.long.bytes(number)
    }
    /// How many long texts are known.
    pub fn long_texts(&self) -> usize {
        self.long.len()
    }
    /// Forgets the long texts, and with them what all words up to now have meant.
    pub fn forget(&mut self) {
        self.long.clear();
        self.words.clear();
    }

    /// Encodes rows: row `i` here is row `rows[i]` of the columns.
    pub fn encode(&mut self, columns: &[KeyColumn<'_>], rows: &[u32]) {
        self.words.clear();
        self.words.resize(rows.len() * self.stride, 0);
        for (i, KeyColumn { view, nulls }) in columns.iter().enumerate() {
            let (place, nulls) = (self.places[i], nulls.as_ref());
            match view {
                View::I64(values) => self.write_values(place, nulls, rows, values, |v| [v as u64]),
                View::F64(values) => self.write_values(place, nulls, rows, values, |v| [order_f64(v, Form::Key)]),
                View::I128(values) => {
                    self.write_values(place, nulls, rows, values, |v| [v as u64, (v >> 64) as u64]);
                }
                View::Bytes(texts) => self.write_texts(place, nulls, rows, *texts),
            }
        }
    }

    fn write_values<T: Copy, const N: usize>(
        &mut self,
        place: Place,
        nulls: Option<&NullBuffer>,
        rows: &[u32],
        values: &[T],
        words: impl Fn(T) -> [u64; N],
    ) {
        each(&mut self.words, self.stride, rows, place, nulls, |cell, row| place.put(cell, words(values[row])));
    }

    fn write_texts(&mut self, place: Place, nulls: Option<&NullBuffer>, rows: &[u32], texts: BytesView<'_>) {
        let long = &mut self.long;
        each(&mut self.words, self.stride, rows, place, nulls, |cell, row| {
            let (code, value) = match texts.padded::<SHORT>(row) {
                Some((bytes, length)) => (length as u64, u128::from_le_bytes(*bytes) & OWN[length]),
                None => shorter_or_long(texts.value(row), long),
            };
            place.mark(cell, code);
            place.put(cell, [value as u64, (value >> 64) as u64]);
        });
    }
}

/// The code and the words of a text that is long, or stands at the end of its column.
#[inline(never)]
fn shorter_or_long(text: &[u8], long: &mut ByteTable) -> (u64, u128) {
    if text.len() > SHORT {
        return (LONG, u128::from(long.intern(text).0));
    }
    (text.len() as u64, number(text))
}

/// Goes through the words of rows; where the column is NULL, they are marked here.
#[inline(always)]
fn each(
    mut words: &mut [u64],
    stride: usize,
    rows: &[u32],
    place: Place,
    nulls: Option<&NullBuffer>,
    mut write: impl FnMut(&mut [u64], usize),
) {
    for row in rows {
        let Some((cell, rest)) = std::mem::take(&mut words).split_at_mut_checked(stride) else { return };
        words = rest;
        let row = *row as usize;
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            write(cell, row);
        } else {
            place.mark(cell, NULL);
        }
    }
}
