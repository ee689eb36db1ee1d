//! Messages into columns: exactly those a [`ScanRequest`] names, each message read once.
//!
//! A message's values are first recorded as byte ranges ([`crate::json::run`]); then the row filter
//! is asked; only what is left is converted, column by column, straight into Arrow buffers.
//!
//! What nobody reads is not checked: a field that is not in the scan cannot fail a row, and of a
//! row that the filter drops only the filter's own fields and the event time are converted.
//! A document must be well-formed JSON as a whole, up to the end of its first value.
//!
//! Text that is not UTF-8 becomes U+FFFD where Java would decode the bytes first (raw columns, csv,
//! JSON functions over a message); in the json format it breaks the record.

mod buffers;
pub(crate) mod cast;
pub mod chain;
mod column;
mod csv;
mod early;
mod factor;
mod field;
mod fill;
mod filter;
mod fuse;
mod problem;
mod raw;
mod read;
mod typed;
mod value;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::SchemaRef;
use tidegate_core::Dialect;
use tidegate_core::error::{Error, Result};
use tidegate_core::raw::RawBatch;
use tidegate_core::scan::{Root, ScanRequest, TimeUnit};
use tidegate_core::table::Format;
use tidegate_core::types::Column;

use column::ColumnBuilder;
use early::Early;
use factor::factor;
use field::Field;
use filter::{Predicate, Truth};
use problem::Problems;
pub use problem::{DecodeError, DecodeErrorKind};
use read::{ReadOutcome, Reader};
use value::Chunk;

use crate::text::zone::Zone;

/// What a decoder is made from.
#[derive(Debug, Clone, Copy)]
pub struct DecoderSpec<'a> {
    /// The columns wanted.
    pub scan: &'a ScanRequest,
    /// How values are encoded; `None` where no value column is read.
    pub value_format: Option<&'a Format>,
    /// How keys are encoded; `None` where no key column is read.
    pub key_format: Option<&'a Format>,
    /// Cut from the names of key columns to get the names inside the key.
    pub key_prefix: &'a str,
    /// The columns of the value's record, in order (csv and raw go by position).
    pub value_columns: &'a [Column],
    /// The columns of the key's record, in order.
    pub key_columns: &'a [Column],
    /// The session's time zone.
    pub zone: &'a str,
    /// The dialect the table was declared in.
    pub dialect: Dialect,
}

/// Turns the messages of one split into columns. Keeps buffers from batch to batch; one per task.
#[derive(Debug)]
pub struct Decoder {
    fields: Vec<Field>,
    readers: Vec<Reader>,
    filter: Option<Predicate>,
    time: Option<(usize, TimeUnit)>,
    early: Early,
    schema: SchemaRef,
    skip_tombstones: bool,
    keep_tombstones: bool,
    zone: Zone,
    /// Bytes of each text column in the batch before: what to reserve.
    sizes: Vec<usize>,
}

/// The rows of one batch of messages.
#[derive(Debug)]
pub struct Decoded {
    /// The rows; columns as in the scan, laid out as [`tidegate_core::SqlType::to_arrow`] says.
    pub rows: RecordBatch,
    /// The index of each row's message in the batch; `None`: row i is message i.
    pub records: Option<UInt32Array>,
    /// Where the scan names a time field: the event time in ms of *every* message, also of rows that
    /// the filter dropped; `i64::MIN` where it is NULL or cannot be read, and for messages without a
    /// row (tombstones, broken records).
    pub times: Option<Vec<i64>>,
    /// Rows dropped by the scan's filter.
    pub dropped: u64,
    /// Messages with a NULL value that have no row (json and csv have none for them).
    pub tombstones: u64,
    /// Rows that stand for a NULL value; only after [`Decoder::keep_tombstones`].
    pub deletes: Vec<u32>,
    /// What could not be decoded.
    pub errors: Vec<DecodeError>,
}

/// Rows converted at a time, so that bytes and slots stay in the cache.
const CHUNK: usize = 256;

impl Decoder {
    /// Compiles a scan.
    ///
    /// # Errors
    /// Where a field cannot be read in this format, or types do not fit.
    pub fn new(spec: DecoderSpec<'_>) -> Result<Decoder> {
        let mut readers = Vec::new();
        let mut fields = field::compile(&spec, &mut readers)?;
        let filter = spec.scan.filter.as_ref().map(|f| Predicate::compile(&factor(f), &fields)).transpose()?;
        if let Some(time) = spec.scan.time {
            let ty = fields.get(time.field).map(|f| &f.data_type.ty);
            if !ty.is_some_and(|t| t.is_integer() || t.is_timestamp()) {
                return Err(Error::internal("the scan's time field is neither integer nor timestamp"));
            }
        }
        let early = Early::choose(&mut fields, filter.as_ref(), spec.scan.time.map(|t| t.field));
        let columns: Vec<Column> = fields.iter().map(|f| Column::new(f.name.clone(), f.data_type.clone())).collect();
        Ok(Decoder {
            sizes: vec![0; fields.len()],
            filter,
            early,
            time: spec.scan.time.map(|t| (t.field, t.unit)),
            schema: tidegate_core::types::arrow_schema(&columns),
            skip_tombstones: matches!(spec.value_format, Some(Format::Json(_) | Format::Csv(_))),
            keep_tombstones: false,
            zone: if spec.zone.is_empty() { Zone::utc() } else { Zone::named(spec.zone)? },
            fields,
            readers,
        })
    }

    /// Makes a NULL value a row of key columns, listed in [`Decoded::deletes`], in every format: for
    /// upsert sources, where it deletes.
    #[must_use]
    pub fn keep_tombstones(mut self) -> Self {
        self.keep_tombstones = true;
        self
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes a batch.
    ///
    /// # Errors
    /// Never for what is in the messages; only where Arrow refuses the columns.
    pub fn decode(&mut self, raw: &RawBatch) -> Result<Decoded> {
        let mut builders: Vec<ColumnBuilder> = Vec::with_capacity(self.fields.len());
        for (field, size) in self.fields.iter().zip(&self.sizes) {
            builders.push(ColumnBuilder::new(&field.data_type.ty, raw.records.len(), *size)?);
        }
        let mut out = Progress {
            times: self.time.map(|_| Vec::with_capacity(raw.records.len())),
            records: Vec::with_capacity(raw.records.len()),
            problems: Problems::new(self.fields.len()),
            rows: Vec::new(),
            said: Vec::new(),
            deletes: Vec::new(),
            dropped: 0,
            tombstones: 0,
        };
        let mut at = 0;
        while at < raw.records.len() {
            let end = (at + CHUNK).min(raw.records.len());
            self.chunk(raw, at, end, &mut out, &mut builders);
            at = end;
        }
        self.finish(raw, out, builders)
    }

    /// Reads messages `from..to` into slots, asks the filter, then converts the rows that are left.
    fn chunk(&mut self, raw: &RawBatch, from: usize, to: usize, out: &mut Progress, builders: &mut [ColumnBuilder]) {
        for reader in &mut self.readers {
            reader.start(to - from);
        }
        out.rows.clear();
        for i in from..to {
            if self.record(raw, i, i - from, out) == Kept::Yes {
                out.rows.push((i - from) as u32);
            }
        }
        self.early.read(&self.fields, &self.readers, &raw.data, to - from);
        let view = self.view(raw, from);
        if let (Some(times), Some((field, unit))) = (&mut out.times, self.time) {
            times.resize(to, i64::MIN);
            view.times(&self.fields[field], unit, &out.rows, &mut times[from..]);
        }
        if let Some(filter) = &self.filter {
            let before = out.rows.len();
            filter.keep(&view, &self.fields, &mut out.rows, &mut out.said);
            out.dropped += (before - out.rows.len()) as u64;
        }
        let first_row = out.records.len();
        for row in &out.rows {
            let record = from as u32 + row;
            if self.keep_tombstones && raw.records[record as usize].value.is_none() {
                out.deletes.push(out.records.len() as u32);
            }
            out.records.push(record);
        }
        let kept = (first_row, &out.records[first_row..]);
        for (i, (field, builder)) in self.fields.iter().zip(builders).enumerate() {
            view.append_column(i, field, builder, kept, &mut out.problems);
        }
    }

    fn view<'a>(&'a self, raw: &'a RawBatch, first: usize) -> Chunk<'a> {
        Chunk { raw, readers: &self.readers, early: &self.early, first, zone: &self.zone }
    }

    /// Reads one message into the slots of `row`.
    fn record(&mut self, raw: &RawBatch, i: usize, row: usize, out: &mut Progress) -> Kept {
        let record = &raw.records[i];
        if record.value.is_none() && self.skip_tombstones && !self.keep_tombstones {
            out.tombstones += 1;
            return Kept::Unread;
        }
        for reader in &mut self.readers {
            let range = if reader.root == Root::Key { record.key } else { record.value };
            match reader.read(&raw.data, range, row) {
                ReadOutcome::Fine => {}
                ReadOutcome::Nothing => return Kept::Unread,
                ReadOutcome::NotJson(broken) => out.problems.not_json(i as u32, &broken),
                ReadOutcome::Broken(reason) => {
                    out.problems.record(reader.on_broken, i as u32, reason);
                    return Kept::Unread;
                }
            }
        }
        Kept::Yes
    }

    fn finish(&mut self, raw: &RawBatch, out: Progress, builders: Vec<ColumnBuilder>) -> Result<Decoded> {
        let Progress { times, records, mut problems, deletes, dropped, tombstones, .. } = out;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(builders.len());
        for (i, builder) in builders.into_iter().enumerate() {
            self.sizes[i] = builder.bytes();
            let invalid = self.fields[i].on_invalid_text;
            columns.push(builder.finish(&mut |row| problems.invalid_text(invalid, &records, row, i))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
        let mut rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::internal(format!("decoded columns: {e}")))?;
        let mut records = UInt32Array::from(records);
        let mut deletes = deletes;
        let bad = problems.bad_rows();
        if !bad.is_empty() {
            let keep: BooleanArray = (0..records.len() as u32).map(|r| Some(bad.binary_search(&r).is_err())).collect();
            let kept = |e| Error::internal(format!("dropping failed rows: {e}"));
            rows = arrow_select::filter::filter_record_batch(&rows, &keep).map_err(kept)?;
            let left = arrow_select::filter::filter(&records, &keep).map_err(kept)?;
            records = left.as_any().downcast_ref::<UInt32Array>().cloned().unwrap_or(records);
            deletes.retain(|r| bad.binary_search(r).is_err());
            for d in &mut deletes {
                *d -= bad.partition_point(|b| b < d) as u32;
            }
        }
        let identity = records.len() == raw.records.len();
        Ok(Decoded {
            rows,
            records: (!identity).then_some(records),
            times,
            dropped,
            tombstones,
            deletes,
            errors: problems.into_errors(),
        })
    }
}

/// Whether a message's fields can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    Unread,
}

/// What a batch has come to so far.
struct Progress {
    times: Option<Vec<i64>>,
    records: Vec<u32>,
    problems: Problems,
    /// Rows of the chunk that have been read and are not dropped; what the filter says of each row.
    rows: Vec<u32>,
    said: Vec<Truth>,
    deletes: Vec<u32>,
    dropped: u64,
    tombstones: u64,
}

/// Shared by the tests of the parts.
#[cfg(test)]
pub(crate) mod tests;
