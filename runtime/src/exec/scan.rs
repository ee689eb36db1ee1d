//! From what a split gives to rows: decoding, event time, lateness.
//!
//! A record that cannot be decoded, and a row whose event time is NULL, are bad rows (classes
//! `decode` and `null-time`); Flink's group windows put the latter into the window of 1970, which is
//! never right.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, StructArray, UInt32Array, new_null_array,
};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::raw::RawBatch;
use tidegate_core::scan::{FieldSource, ScanField, ScanRequest};
use tidegate_core::table::BoundTable;
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Clock, Column, Error, Result, ResultExt, RowKind};
use tidegate_formats::decode::{DecodeErrorKind, Decoded, Decoder, DecoderSpec};
use tidegate_plan::{EventTime, Node, Scan, Settings};

use crate::batch::{Batch, Origin};
use crate::expr::{EvalContext, Program, RowErrors};
use crate::metrics::OperatorMetrics;
use crate::operator::{BadRow, Output};

use super::lateness::{Timed, all_in_time, judge};
use super::watermarks::Standing;

/// Turns what one task reads of a table into batches.
pub struct ScanDecoder {
    table: String,
    fields: Vec<ScanField>,
    schema: SchemaRef,
    decoder: Option<Decoder>,
    time: Option<TimeRule>,
    metrics: Arc<OperatorMetrics>,
    clock: Arc<dyn Clock>,
}

/// How event times and watermarks are found.
struct TimeRule {
    column: String,
    /// The decoder reports the times of all records; otherwise they are computed from the rows.
    by_decoder: bool,
    time: Program,
    /// Watermark = time - delay; otherwise it is computed from the rows.
    delay: Option<i64>,
    watermark: Program,
}

/// What one read came to.
pub struct Rows {
    /// The rows.
    pub batch: Batch,
    /// The split's own watermark after them, where the table has event time.
    pub own: Option<i64>,
}

impl ScanDecoder {
    /// For a scan node.
    ///
    /// # Errors
    /// Where a format cannot give the columns asked for.
    pub fn new(
        node: &Node,
        scan: &Scan,
        table: &BoundTable,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        metrics: Arc<OperatorMetrics>,
    ) -> Result<Self> {
        let request = pushable(scan);
        let time = scan.event_time.as_ref().map(|e| TimeRule::new(e, &request, &node.columns)).transpose()?;
        let binding = &table.binding;
        let encoded = binding.value_format.is_some() || binding.key_format.is_some();
        let decoder = encoded.then(|| decoder(&request, table, settings)).transpose()?;
        Ok(ScanDecoder {
            table: table.spec.name.clone(),
            fields: request.fields,
            schema: arrow_schema(&node.columns),
            decoder,
            time,
            metrics,
            clock,
        })
    }

    /// Of constant rows, which need nothing.
    pub fn constant(node: &Node, clock: Arc<dyn Clock>, metrics: Arc<OperatorMetrics>) -> Self {
        ScanDecoder {
            table: String::new(),
            fields: Vec::new(),
            schema: arrow_schema(&node.columns),
            decoder: None,
            time: None,
            metrics,
            clock,
        }
    }

    /// Decodes messages.
    ///
    /// # Errors
    /// Undecodable records, where the policy is to stop.
    pub fn messages(&mut self, raw: RawBatch, standing: Option<Standing>, out: &mut dyn Output) -> Result<Rows> {
        let decoder = self
            .decoder
            .as_mut()
            .ok_or_else(|| Error::internal(format!("table {} gives messages but has no format", self.table)))?;
        let decoded = decoder.decode(&raw)?;
        let raw = Arc::new(raw);
        self.report(&decoded, &raw, out)?;
        let Decoded { rows, records, times, deletes, .. } = decoded;
        let kinds = (!deletes.is_empty()).then(|| {
            let mut kinds = vec![RowKind::Insert as i8; rows.num_rows()];
            for d in deletes {
                kinds[d as usize] = RowKind::Delete as i8;
            }
            Int8Array::from(kinds)
        });
        let rows = relabel(rows, &self.schema)?;
        let batch = Batch { origin: Some(Origin { raw, records }), ..Batch::new(ChangeBatch { rows, kinds }) };
        self.place(batch, times.as_deref(), standing, out)
    }

    /// Takes rows of a table source.
    ///
    /// # Errors
    /// Rows that do not have the columns asked for.
    pub fn rows(&mut self, change: &ChangeBatch, standing: Option<Standing>, out: &mut dyn Output) -> Result<Rows> {
        let rows = if self.fields.is_empty() && self.table.is_empty() {
            change.rows.clone()
        } else {
            let n = change.len();
            let columns = self
                .fields
                .iter()
                .map(|f| pick(&change.rows, f))
                .collect::<Result<Vec<_>>>()
                .context(|| format!("table {}", self.table))?;
            RecordBatch::try_new_with_options(
                self.schema.clone(),
                columns,
                &RecordBatchOptions::new().with_row_count(Some(n)),
            )
            .map_err(|e| Error::internal(format!("table {}: {e}", self.table)))?
        };
        let batch = Batch::new(ChangeBatch { rows, kinds: change.kinds.clone() });
        self.place(batch, None, standing, out)
    }

    fn report(&self, decoded: &Decoded, raw: &Arc<RawBatch>, out: &mut dyn Output) -> Result<()> {
        let origin = || Origin { raw: raw.clone(), records: None };
        let name = |field: Option<usize>| field.and_then(|f| self.fields.get(f)).map(|f| f.name.as_str());
        if decoded.tombstones > 0 {
            let first =
                || raw.records.iter().position(|r| r.value.is_none()).map(|i| origin().describe(i)).unwrap_or_default();
            self.metrics.count("tombstone", decoded.tombstones, first);
        }
        for e in &decoded.errors {
            let reason = match name(e.field) {
                Some(column) => format!("column {column}: {}", e.reason),
                None => e.reason.clone(),
            };
            let sample = || format!("{}: {reason}", origin().describe(e.record as usize));
            match e.kind {
                DecodeErrorKind::RowFailed => {
                    out.bad_row(BadRow { origin: Some((origin(), e.record as usize)), reason, class: "decode" })?;
                }
                DecodeErrorKind::RowSkipped => {
                    self.metrics.count(&format!("record-skipped:{}", self.table), e.count, sample);
                }
                DecodeErrorKind::FieldNull => {
                    let column = name(e.field).unwrap_or("?");
                    self.metrics.count(&format!("field-null:{}.{column}", self.table), e.count, sample);
                }
            }
        }
        Ok(())
    }

    /// Places rows in time.
    fn place(
        &mut self,
        batch: Batch,
        times: Option<&[i64]>,
        standing: Option<Standing>,
        out: &mut dyn Output,
    ) -> Result<Rows> {
        let (Some(rule), Some(standing)) = (&mut self.time, standing) else { return Ok(Rows { batch, own: None }) };
        let times = times.filter(|_| rule.by_decoder);
        if let (Some(times), Some(delay)) = (times, rule.delay)
            && let Some(own) = all_in_time(times, delay, standing)
        {
            return Ok(Rows { batch, own: Some(own) });
        }
        let now = EvalContext { now_micros: self.clock.now_micros() };
        let of_rows = match times {
            Some(times) => {
                let at = |row: usize| times[batch.origin.as_ref().map_or(row, |o| o.record(row))];
                (0..batch.len()).map(|row| Some(at(row)).filter(|t| *t != i64::MIN)).collect()
            }
            None => millis(&mut rule.time, &batch.change.rows, now)?,
        };
        let null = |row: usize| of_rows[row].is_none() && batch.change.kind(row).is_addition();
        let placed: Vec<u32> = (0..batch.len() as u32).filter(|r| !null(*r as usize)).collect();
        for row in (0..batch.len()).filter(|r| null(*r)) {
            let reason = format!("the event time{} of table {} is NULL", rule.column, self.table);
            out.bad_row(BadRow { origin: batch.origin.clone().map(|o| (o, row)), reason, class: "null-time" })?;
        }
        let watermarks = match rule.delay {
            Some(_) => None,
            None => Some(millis(&mut rule.watermark, &batch.change.rows, now)?),
        };
        let delay = rule.delay.unwrap_or(0);
        let mut records = Vec::with_capacity(times.map_or(batch.len(), <[i64]>::len));
        let timed = |time: Option<i64>, watermark: Option<i64>, row| Timed {
            time,
            watermark: watermark.or(time.map(|t| t.saturating_sub(delay))),
            row,
        };
        let mut new_row = vec![None; batch.len()];
        for (to, from) in placed.iter().enumerate() {
            new_row[*from as usize] = Some(to as u32);
        }
        match times {
            Some(times) => {
                let mut row = 0;
                for (record, time) in times.iter().enumerate() {
                    let of_this = row < batch.len() && batch.origin.as_ref().map_or(row, |o| o.record(row)) == record;
                    let time = Some(*time).filter(|t| *t != i64::MIN);
                    let watermark = if of_this { watermarks.as_ref().and_then(|w| w[row]) } else { None };
                    records.push(timed(time, watermark, if of_this { new_row[row] } else { None }));
                    row += usize::from(of_this);
                }
            }
            None => {
                for (row, time) in of_rows.iter().enumerate() {
                    let watermark = watermarks.as_ref().map_or(time.map(|t| t.saturating_sub(delay)), |w| w[row]);
                    records.push(Timed { time: *time, watermark, row: new_row[row] });
                }
            }
        }
        let judged = judge(records.iter().copied(), placed.len(), standing);
        let mut batch = if placed.len() == batch.len() { batch } else { batch.take(&UInt32Array::from(placed))? };
        batch.marks = judged.marks.map(Int64Array::from);
        Ok(Rows { batch, own: Some(judged.own) })
    }
}

impl TimeRule {
    fn new(event: &EventTime, request: &ScanRequest, columns: &[Column]) -> Result<Self> {
        Ok(TimeRule {
            column: event
                .time
                .as_column()
                .and_then(|c| columns.get(c))
                .map_or_else(String::new, |c| format!(" {}", c.name)),
            by_decoder: request.time.is_some(),
            time: Program::compile(std::slice::from_ref(&event.time), columns)?,
            delay: event.delay_ms,
            watermark: Program::compile(std::slice::from_ref(&event.watermark), columns)?,
        })
    }
}

/// The request with its filter only where dropped records still move the watermark.
fn pushable(scan: &Scan) -> ScanRequest {
    let mut request = scan.request.clone();
    let blind = |e: &EventTime| e.delay_ms.is_none() || request.time.is_none();
    if scan.event_time.as_ref().is_some_and(blind) {
        request.filter = None;
    }
    request
}

fn decoder(request: &ScanRequest, table: &BoundTable, settings: &Settings) -> Result<Decoder> {
    let binding = &table.binding;
    let physical: Vec<Column> = table.spec.physical().cloned().collect();
    let is_key = |c: &Column| binding.key_columns.contains(&c.name);
    let value_columns: Vec<Column> =
        physical.iter().filter(|c| binding.value_includes_key || !is_key(c)).cloned().collect();
    let key_columns: Vec<Column> =
        binding.key_columns.iter().filter_map(|k| physical.iter().find(|c| c.name == *k)).cloned().collect();
    let decoder = Decoder::new(DecoderSpec {
        scan: request,
        value_format: binding.value_format.as_ref(),
        key_format: binding.key_format.as_ref(),
        key_prefix: &binding.key_prefix,
        value_columns: &value_columns,
        key_columns: &key_columns,
        zone: binding.time_zone.as_deref().unwrap_or(&settings.zone),
        dialect: table.spec.dialect,
    })
    .context(|| format!("table {}", table.spec.name))?;
    let upsert = binding.source == tidegate_core::table::SourceChanges::Upsert;
    Ok(if upsert { decoder.keep_tombstones() } else { decoder })
}

/// The same columns under the node's names (the decoder uses the scan's).
fn relabel(rows: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if rows.schema_ref() == schema {
        return Ok(rows);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), rows.columns().to_vec(), &options)
        .map_err(|e| Error::internal(format!("a scan decoded other columns than planned: {e}")))
}

/// A field of a table source's rows.
fn pick(rows: &RecordBatch, field: &ScanField) -> Result<ArrayRef> {
    let path = match &field.from {
        FieldSource::Column { path, .. } => path.as_slice(),
        FieldSource::Metadata(_) => std::slice::from_ref(&field.name),
        FieldSource::Chain { .. } => {
            return Err(Error::internal(format!("column {}: rows have no text to search", field.name)));
        }
    };
    let (name, rest) = path.split_first().ok_or_else(|| Error::internal("a field without name"))?;
    let Some(column) = rows.column_by_name(name) else {
        return Ok(new_null_array(&field.data_type.ty.to_arrow(), rows.num_rows()));
    };
    let mut column = column.clone();
    for name in rest {
        let parent = column
            .as_any()
            .downcast_ref::<StructArray>()
            .ok_or_else(|| Error::internal(format!("{name} is no field of a ROW")))?;
        let child =
            parent.column_by_name(name).ok_or_else(|| Error::internal(format!("the ROW has no field {name}")))?.clone();
        column = match parent.nulls() {
            None => child,
            Some(outer) => {
                let nulls = arrow_buffer::NullBuffer::union(Some(outer), child.nulls());
                let data = child.to_data().into_builder().nulls(nulls).build();
                arrow_array::make_array(data.map_err(|e| Error::internal(format!("ROW field {name}: {e}")))?)
            }
        };
    }
    Ok(column)
}

/// The times an expression gives, in ms.
fn millis(program: &mut Program, rows: &RecordBatch, now: EvalContext) -> Result<Vec<Option<i64>>> {
    let mut errors = RowErrors::default();
    let columns = program.evaluate(rows, &now, &mut errors)?;
    let column = columns.first().ok_or_else(|| Error::internal("a time without column"))?;
    Ok(match column.data_type() {
        DataType::Timestamp(..) => {
            column.as_primitive::<TimestampMicrosecondType>().iter().map(|t| t.map(|t| t.div_euclid(1000))).collect()
        }
        DataType::Int64 => column.as_primitive::<Int64Type>().iter().collect(),
        other => return Err(Error::internal(format!("an event time of type {other}"))),
    })
}
