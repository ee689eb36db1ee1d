//! Columns from the rows of a chunk. The usual kinds of slots are taken by tight loops, everything
//! else by [`Chunk::text`], [`Chunk::int`] and [`Chunk::value`].

use arrow_array::types::ArrowPrimitiveType;
use tidegate_core::Scalar;

use super::buffers::{Primitive, Varying};
use super::column::ColumnBuilder;
use super::field::{Field, How, Source};
use super::problem::Problems;
use super::read::Reader;
use super::value::{Bad, Chunk, Datum};
use crate::json::scan::Kind;

impl<'a> Chunk<'a> {
    /// Converts a field of messages that are kept; the first of them is row `first_row` of the batch.
    pub(crate) fn append_column(
        &self,
        index: usize,
        field: &'a Field,
        builder: &mut ColumnBuilder,
        (first_row, records): (usize, &[u32]),
        problems: &mut Problems,
    ) {
        let mut report = |nth: usize, bad: Bad| {
            problems.field(bad.on, records[nth], (first_row + nth) as u32, index, bad.reason);
        };
        let rows = records.iter().map(|record| *record as usize - self.first).enumerate();
        match builder {
            ColumnBuilder::Text(b) => self.texts(field, b, rows, &mut report),
            ColumnBuilder::Bytes(b) if matches!(&field.source, Source::Slot { how: How::Raw { .. }, .. }) => {
                self.texts(field, b, rows, &mut report);
            }
            ColumnBuilder::Int8(b) => self.ints(field, b, |n| n as i8, rows, &mut report),
            ColumnBuilder::Int16(b) => self.ints(field, b, |n| n as i16, rows, &mut report),
            ColumnBuilder::Int32(b) => self.ints(field, b, |n| n as i32, rows, &mut report),
            ColumnBuilder::Int64(b) => self.ints(field, b, |n| n, rows, &mut report),
            b => {
                for (nth, row) in rows {
                    let value = self.value(field, row).unwrap_or_else(|bad| {
                        report(nth, bad);
                        Datum::Scalar(Scalar::Null)
                    });
                    b.append(&value);
                }
            }
        }
    }

    /// Appends integers; `narrow` gives them the column's width, whose range has been checked by then.
    #[inline(never)]
    fn ints<T: ArrowPrimitiveType>(
        &self,
        field: &'a Field,
        builder: &mut Primitive<T>,
        narrow: impl Fn(i64) -> T::Native,
        rows: impl Iterator<Item = (usize, usize)>,
        report: &mut impl FnMut(usize, Bad),
    ) {
        let mut numbers = Vec::with_capacity(rows.size_hint().0);
        let (mut nulls, mut others) = (Vec::new(), Vec::new());
        match self.plain_ints(field) {
            Some(plain) => plain.each(rows.map(|(_, row)| row), |row, n| {
                if n.is_none() {
                    others.push((numbers.len(), row));
                }
                numbers.push(n.unwrap_or_default());
            }),
            None => {
                others.extend(rows);
                numbers.resize(others.len(), 0);
            }
        }
        for (nth, row) in others {
            match self.any_int(field, row) {
                Ok(Some(n)) => numbers[nth] = n,
                Ok(None) => nulls.push(nth),
                Err(bad) => {
                    nulls.push(nth);
                    report(nth, bad);
                }
            }
        }
        builder.append_all(numbers.into_iter().map(narrow), &nulls);
    }

    fn texts(
        &self,
        field: &Field,
        builder: &mut Varying,
        rows: impl Iterator<Item = (usize, usize)>,
        report: &mut impl FnMut(usize, Bad),
    ) {
        let direct = direct(field).map(|(reader, slot, numbers)| (&self.readers[reader], slot, numbers));
        for (nth, row) in rows {
            if let Some((reader, slot, numbers)) = direct
                && append_direct(&self.raw.data, reader, row, slot, numbers, builder)
            {
                continue;
            }
            match self.text(field, row) {
                Ok(text) => builder.append(text.as_deref()),
                Err(bad) => {
                    builder.append(None);
                    report(nth, bad);
                }
            }
        }
    }
}

/// The reader and slot of a text field whose unescaped strings are the value as they stand, and
/// whether all integers are too.
fn direct(field: &Field) -> Option<(usize, usize, bool)> {
    match &field.source {
        Source::Slot { reader, slot, how } => match how {
            How::Chain(end) if end.is_plain() => Some((*reader, *slot, false)),
            How::Typed(_) => Some((*reader, *slot, true)),
            How::Raw { .. } => Some((*reader, *slot, false)),
            How::Chain(_) | How::Csv(_) => None,
        },
        Source::Never | Source::Meta(_) => None,
    }
}

/// Appends a slot that needs no conversion; says whether it did.
#[inline(always)]
fn append_direct(data: &[u8], reader: &Reader, row: usize, slot: usize, numbers: bool, builder: &mut Varying) -> bool {
    let slot = reader.slots[row * reader.width + slot];
    let plain = slot.is_as_written() || (numbers && slot.kind == Kind::Int);
    if !plain || slot.arena || reader.slow[row] {
        return false;
    }
    builder.append_range(data, slot.start as usize, slot.end as usize);
    true
}
