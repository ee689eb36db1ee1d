//! Columns from the rows of a chunk. The usual kinds of slots are taken by tight loops, everything
//! else by [`Chunk::text`], [`Chunk::int`] and [`Chunk::value`].

use tidegate_core::Scalar;

use super::buffers::Varying;
use super::column::ColumnBuilder;
use super::field::{Field, How, Source};
use super::problem::Problems;
use super::read::Reader;
use super::value::{Bad, Chunk, Datum};
use crate::json::scan::Kind;

impl Chunk<'_> {
    /// Converts a field of all rows; `first_row` is the chunk's first row in the batch.
    pub(crate) fn append_column(
        &self,
        index: usize,
        field: &Field,
        builder: &mut ColumnBuilder,
        first_row: usize,
        problems: &mut Problems,
    ) {
        let mut report = |row: usize, bad: Bad| {
            problems.field(bad.on, self.records[row], (first_row + row) as u32, index, bad.reason);
        };
        match builder {
            ColumnBuilder::Text(b) => self.texts(field, b, &mut report),
            ColumnBuilder::Bytes(b) if matches!(&field.source, Source::Slot { how: How::Raw { .. }, .. }) => {
                self.texts(field, b, &mut report);
            }
            b if field.data_type.ty.is_integer() => {
                for row in 0..self.records.len() {
                    match self.int(field, row, self.records[row] as usize) {
                        Ok(n) => b.append_int(n),
                        Err(bad) => {
                            b.append_int(None);
                            report(row, bad);
                        }
                    }
                }
            }
            b => {
                for row in 0..self.records.len() {
                    let value = self.value(field, row, self.records[row] as usize).unwrap_or_else(|bad| {
                        report(row, bad);
                        Datum::Scalar(Scalar::Null)
                    });
                    b.append(&value);
                }
            }
        }
    }

    fn texts(&self, field: &Field, builder: &mut Varying, report: &mut impl FnMut(usize, Bad)) {
        let direct = direct(field).map(|(reader, slot, numbers)| (&self.readers[reader], slot, numbers));
        for row in 0..self.records.len() {
            if let Some((reader, slot, numbers)) = direct
                && append_direct(&self.raw.data, reader, row, slot, numbers, builder)
            {
                continue;
            }
            match self.text(field, row, self.records[row] as usize) {
                Ok(text) => builder.append(text.as_deref()),
                Err(bad) => {
                    builder.append(None);
                    report(row, bad);
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
    // Of the integers only -0 is printed otherwise than written.
    let plain = slot.kind == Kind::Text || (slot.kind == Kind::Int && (numbers || slot.end - slot.start != 2));
    if !plain || slot.arena || reader.slow[row] {
        return false;
    }
    builder.append_range(data, slot.start as usize, slot.end as usize);
    true
}
