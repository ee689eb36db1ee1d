//! Columns into messages: one byte string a row.
//!
//! | format | a row becomes |
//! |---|---|
//! | json | an object with the columns in order, as Flink's json format writes it |
//! | csv | a line without line end |
//! | raw | its only column's bytes; NULL stays NULL |

mod csv;
mod json;
mod raw;

use arrow_array::{BinaryArray, RecordBatch};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use tidegate_core::Dialect;
use tidegate_core::error::{Error, Result};
use tidegate_core::table::Format;
use tidegate_core::types::Column;

use crate::text::zone::Zone;

/// Turns rows into the keys or values of messages. Keeps buffers from batch to batch.
#[derive(Debug)]
pub struct Encoder {
    columns: Vec<Column>,
    way: Way,
    /// Bytes of the batch before: what to reserve.
    size: usize,
}

#[derive(Debug)]
enum Way {
    Json(json::JsonWriter),
    Csv(csv::CsvWriter),
    Raw(raw::RawWriter),
}

/// The rows of one batch as messages.
#[derive(Debug)]
pub struct Encoded {
    /// One value a row. NULL: a raw NULL (as a message value a tombstone), or a row that failed.
    pub values: BinaryArray,
    /// Rows that cannot be written; they must not be passed over.
    pub errors: Vec<EncodeError>,
}

/// A row that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    /// The row in the batch.
    pub row: usize,
    /// Why, for people.
    pub reason: String,
}

impl Encoder {
    /// For a format and the columns of the rows, in order. `zone` is the session's: instants are
    /// written in UTC by json and csv, so it only matters to formats that say otherwise.
    ///
    /// # Errors
    /// Where the format cannot write the columns.
    pub fn new(format: &Format, columns: &[Column], dialect: Dialect, zone: &str) -> Result<Encoder> {
        let zone = if zone.is_empty() { Zone::utc() } else { Zone::named(zone)? };
        let way = match format {
            Format::Json(f) => Way::Json(json::JsonWriter::new(f.clone(), columns)?),
            Format::Csv(f) => Way::Csv(csv::CsvWriter::new(f.clone(), columns, dialect, zone)?),
            Format::Raw(f) => Way::Raw(raw::RawWriter::new(f, columns)?),
        };
        Ok(Encoder { columns: columns.to_vec(), way, size: 0 })
    }

    /// Encodes rows. The batch's columns are those of [`Encoder::new`], in order.
    ///
    /// # Errors
    /// Where the batch has other columns, or is too large for one array.
    pub fn encode(&mut self, rows: &RecordBatch) -> Result<Encoded> {
        if rows.num_columns() != self.columns.len() {
            return Err(Error::internal(format!(
                "a batch of {} columns for an encoder of {}",
                rows.num_columns(),
                self.columns.len()
            )));
        }
        let n = rows.num_rows();
        let mut out = Output::new(n, self.size + self.size / 8);
        match &mut self.way {
            Way::Json(writer) => writer.write(rows, &mut out)?,
            Way::Csv(writer) => writer.write(rows, &mut out)?,
            Way::Raw(writer) => writer.write(rows, &mut out)?,
        }
        self.size = out.bytes.len();
        out.finish()
    }
}

/// The messages written so far.
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    errors: Vec<EncodeError>,
}

impl Output {
    fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Output { bytes: Vec::with_capacity(bytes), offsets, nulls: NullBufferBuilder::new(rows), errors: Vec::new() }
    }
    /// Ends a row whose bytes have been appended.
    pub(crate) fn end_row(&mut self) {
        self.nulls.append_non_null();
        self.end();
    }
    /// Ends a row that is NULL.
    pub(crate) fn null_row(&mut self) {
        self.nulls.append_null();
        self.end();
    }
    /// Ends a row that cannot be written; what was appended since `from` goes.
    pub(crate) fn failed_row(&mut self, from: usize, reason: String) {
        self.bytes.truncate(from);
        self.errors.push(EncodeError { row: self.offsets.len() - 1, reason });
        self.null_row();
    }
    fn end(&mut self) {
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }
    fn finish(mut self) -> Result<Encoded> {
        if i32::try_from(self.bytes.len()).is_err() {
            return Err(Error::user("the messages of one batch hold more than 2 GiB"));
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let values = BinaryArray::try_new(offsets, self.bytes.into(), self.nulls.finish())
            .map_err(|e| Error::internal(e.to_string()))?;
        Ok(Encoded { values, errors: self.errors })
    }
}
