//! Rows as messages: key, value, partition, headers, timestamp.
//!
//! The value has the physical columns (without those of the key where the table says so), the key its
//! columns without their prefix. A delete is a tombstone: a NULL value. A NULL in a `raw` value is one
//! too, as in Flink; it is counted as `null-value`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, UInt32Array, new_null_array};
use arrow_schema::{DataType, Schema, SchemaRef};
use tidegate_core::message::{message_schema, partition_of};
use tidegate_core::raw::encode_headers;
use tidegate_core::table::{BoundTable, ColumnKind, Partitioner, SinkChanges};
use tidegate_core::{ChangeBatch, Column, Error, Result};
use tidegate_formats::encode::{Encoded, Encoder};
use tidegate_plan::Settings;

use super::{by_lane, retract_column};
use crate::batch::Batch;
use crate::operator::{BadRow, OperatorContext, Output};
use crate::ops::changes::{project, record_batch};

/// Encodes the rows of one table.
pub struct Messages {
    table: String,
    key: Option<Part>,
    value: Part,
    headers: Option<usize>,
    timestamp: Option<usize>,
    partitioner: Partitioner,
    partitions: u32,
    /// The next partition in turn.
    turn: u32,
    ctx: OperatorContext,
}

/// The key or the value: which columns of the mapped rows, and their encoder.
struct Part {
    columns: Vec<usize>,
    schema: SchemaRef,
    encoder: Encoder,
}

impl Part {
    fn encode(&mut self, rows: &RecordBatch) -> Result<Encoded> {
        let columns = project(rows.columns(), &self.columns);
        self.encoder.encode(&record_batch(&self.schema, columns, rows.num_rows())?)
    }
}

impl Messages {
    /// For the writable columns of a table.
    ///
    /// # Errors
    /// Where a format cannot write them.
    pub fn new(
        table: &BoundTable,
        columns: &[Column],
        changes: SinkChanges,
        partitions: u32,
        settings: &Settings,
        ctx: &OperatorContext,
    ) -> Result<Self> {
        let binding = &table.binding;
        let name = &table.spec.name;
        let kinds: Vec<&ColumnKind> = table.spec.writable().map(|c| &c.kind).collect();
        let zone = binding.time_zone.as_deref().unwrap_or(&settings.zone);
        let part = |positions: Vec<usize>, columns: Vec<Column>, format| -> Result<Part> {
            let schema = Arc::new(Schema::new(columns.iter().map(Column::to_arrow).collect::<Vec<_>>()));
            Ok(Part { columns: positions, schema, encoder: Encoder::new(format, &columns, settings.dialect, zone)? })
        };
        let in_key = |i: usize| binding.key_columns.contains(&columns[i].name);
        let key = match &binding.key_format {
            None => None,
            Some(format) => {
                let positions = binding
                    .key_columns
                    .iter()
                    .map(|k| columns.iter().position(|c| c.name == *k))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| Error::user(format!("a key column of table {name} is not among its columns")))?;
                let cut = |c: &Column| {
                    let short = c.name.strip_prefix(binding.key_prefix.as_str()).unwrap_or(&c.name);
                    Column::new(short, c.data_type.clone())
                };
                let named = positions.iter().map(|i| cut(&columns[*i])).collect();
                Some(part(positions, named, format)?)
            }
        };
        let format =
            binding.value_format.as_ref().ok_or_else(|| Error::user(format!("table {name} has no value format")))?;
        let mut positions: Vec<usize> = (0..columns.len())
            .filter(|i| *kinds[*i] == ColumnKind::Physical && (binding.value_includes_key || !in_key(*i)))
            .collect();
        let mut value_columns: Vec<Column> = positions.iter().map(|i| columns[*i].clone()).collect();
        if changes == SinkChanges::RetractFlag {
            positions.push(columns.len());
            value_columns.push(retract_column());
        }
        let metadata =
            |wanted: &str| kinds.iter().position(|k| matches!(k, ColumnKind::Metadata { key, .. } if key == wanted));
        Ok(Messages {
            table: name.clone(),
            key,
            value: part(positions, value_columns, format)?,
            headers: metadata("headers"),
            timestamp: metadata("timestamp"),
            partitioner: binding.partitioner,
            partitions: partitions.max(1),
            turn: ctx.task,
            ctx: ctx.clone(),
        })
    }

    /// Encodes mapped rows. `deletes`: rows that become tombstones.
    ///
    /// # Errors
    /// Where a row cannot be written and the policy is to stop.
    pub fn encode(
        &mut self,
        batch: &Batch,
        deletes: Option<&[bool]>,
        lanes: u32,
        out: &mut dyn Output,
    ) -> Result<Vec<(u32, ChangeBatch)>> {
        let rows = &batch.change.rows;
        let n = rows.num_rows();
        let key = self.key.as_mut().map(|k| k.encode(rows)).transpose()?;
        let value = self.value.encode(rows)?;
        let deleted = |row: usize| deletes.is_some_and(|d| d[row]);
        let errors: Vec<(usize, &str)> = key
            .iter()
            .flat_map(|k| &k.errors)
            .chain(value.errors.iter().filter(|e| !deleted(e.row)))
            .map(|e| (e.row, e.reason.as_str()))
            .collect();
        let mut failed = vec![false; if errors.is_empty() { 0 } else { n }];
        for (row, reason) in errors {
            if !std::mem::replace(&mut failed[row], true) {
                let reason = format!("a row for table {} cannot be written: {reason}", self.table);
                out.bad_row(BadRow { origin: batch.origin.clone().map(|o| (o, row)), reason, class: "encode" })?;
            }
        }
        let values = match deletes {
            None => value.values,
            Some(_) => {
                (0..n).map(|i| (!deleted(i) && value.values.is_valid(i)).then(|| value.values.value(i))).collect()
            }
        };
        self.count_nulls(batch, &values, &failed, deletes);
        let partitions = self.partitions_of(key.as_ref().map(|k| &k.values), n);
        let columns: Vec<ArrayRef> = vec![
            key.map_or_else(|| new_null_array(&DataType::Binary, n), |k| Arc::new(k.values) as ArrayRef),
            Arc::new(values),
            Arc::new(Int32Array::from_iter_values(partitions.iter().map(|p| *p as i32))),
            self.headers_of(rows)?,
            self.timestamps_of(rows),
        ];
        let mut change = ChangeBatch::append(record_batch(&message_schema(), columns, n)?);
        let mut partitions = partitions;
        if failed.contains(&true) {
            let keep: Vec<u32> = (0..n as u32).filter(|i| !failed[*i as usize]).collect();
            partitions = keep.iter().map(|i| partitions[*i as usize]).collect();
            change = change.take(&UInt32Array::from(keep))?;
        }
        by_lane(&change, lanes, |row| partitions[row] % lanes)
    }

    fn count_nulls(&self, batch: &Batch, values: &BinaryArray, failed: &[bool], deletes: Option<&[bool]>) {
        if values.null_count() == 0 {
            return;
        }
        let unasked =
            |i: &usize| values.is_null(*i) && !deletes.is_some_and(|d| d[*i]) && !failed.get(*i).is_some_and(|f| *f);
        let n = (0..values.len()).filter(unasked).count() as u64;
        if n > 0 {
            let first = (0..values.len()).find(unasked).unwrap_or(0);
            self.ctx.metrics.count("null-value", n, || {
                let at = batch.origin.as_ref().map(|o| o.describe(first)).unwrap_or_default();
                format!("table {}: NULL is written as a tombstone {at}", self.table)
            });
        }
    }

    fn partitions_of(&mut self, keys: Option<&BinaryArray>, n: usize) -> Vec<u32> {
        let partitions = self.partitions;
        let mut in_turn = || {
            self.turn = (self.turn + 1) % partitions;
            self.turn
        };
        match (self.partitioner, keys) {
            (Partitioner::Fixed, _) => vec![self.ctx.task % partitions; n],
            (Partitioner::ByKey, Some(keys)) => {
                keys.iter().map(|key| key.map_or_else(&mut in_turn, |k| partition_of(k, partitions))).collect()
            }
            (Partitioner::ByKey | Partitioner::RoundRobin, _) => (0..n).map(|_| in_turn()).collect(),
        }
    }

    fn timestamps_of(&self, rows: &RecordBatch) -> ArrayRef {
        match self.timestamp.map(|i| rows.column(i)) {
            Some(column) if matches!(column.data_type(), DataType::Timestamp(..)) => {
                let micros = column.as_primitive::<TimestampMicrosecondType>();
                Arc::new(micros.iter().map(|t| t.map(|t| t.div_euclid(1000))).collect::<Int64Array>())
            }
            _ => new_null_array(&DataType::Int64, rows.num_rows()),
        }
    }

    fn headers_of(&self, rows: &RecordBatch) -> Result<ArrayRef> {
        let Some(column) = self.headers.map(|i| rows.column(i)) else {
            return Ok(new_null_array(&DataType::Binary, rows.num_rows()));
        };
        let map =
            column.as_map_opt().ok_or_else(|| Error::user("the metadata column headers must be MAP<STRING, BYTES>"))?;
        let one = |row: usize| -> Option<Vec<u8>> {
            if map.is_null(row) {
                return None;
            }
            let entries = map.value(row);
            let (names, values) =
                (entries.column(0).as_string_opt::<i32>()?, entries.column(1).as_binary_opt::<i32>()?);
            let list: Vec<(String, Option<Vec<u8>>)> = (0..names.len())
                .map(|i| (names.value(i).to_owned(), values.is_valid(i).then(|| values.value(i).to_vec())))
                .collect();
            Some(encode_headers(&list))
        };
        Ok(Arc::new((0..map.len()).map(one).collect::<BinaryArray>()))
    }
}
