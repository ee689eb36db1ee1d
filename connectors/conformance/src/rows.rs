//! The rows the kit writes: row `n` carries its number, as a message or as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray};
use tidegate_core::change::{ChangeBatch, RowKind};
use tidegate_core::message::message_schema;
use tidegate_core::sink::SinkInput;
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, Error, Result, SqlType};

/// The columns of a table for the kit: `id BIGINT, name STRING`; the key, if any, is `id`.
pub fn columns() -> Vec<Column> {
    vec![Column::new("id", SqlType::BigInt.nullable()), Column::new("name", SqlType::STRING.nullable())]
}

/// The value of message `n`.
pub fn message(n: u64) -> String {
    format!(r#"{{"id":{n},"name":"row {n}"}}"#)
}

/// The number in a value made by [`message`].
pub fn number_of(value: &[u8]) -> Option<u64> {
    let v: serde_json::Value = serde_json::from_slice(value).ok()?;
    v.get("id")?.as_u64()
}

/// Rows `from..to` as the sink wants them.
///
/// # Errors
/// None in practice; arrays that do not make a batch.
pub fn batch(input: SinkInput, from: u64, to: u64) -> Result<ChangeBatch> {
    match input {
        SinkInput::Columns => {
            let rows: Vec<_> = (from..to).map(|n| (RowKind::Insert, n, format!("row {n}"))).collect();
            changes(&rows)
        }
        SinkInput::Messages { partitions } => {
            let values: Vec<String> = (from..to).map(message).collect();
            let keys: Vec<String> = (from..to).map(|n| format!("k{n}")).collect();
            let partition = |n: u64| (n % u64::from(partitions.max(1))) as i32;
            let n = values.len();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(BinaryArray::from_iter_values(keys)),
                Arc::new(BinaryArray::from_iter_values(values)),
                Arc::new(Int32Array::from_iter_values((from..to).map(partition))),
                Arc::new(BinaryArray::from(vec![None; n])),
                Arc::new(Int64Array::from_iter((from..to).map(|n| (n % 2 == 0).then_some(n as i64)))),
            ];
            RecordBatch::try_new(message_schema(), columns)
                .map(ChangeBatch::append)
                .map_err(|e| Error::internal(e.to_string()))
        }
    }
}

/// Changes of `id` and `name`.
pub(crate) fn changes(rows: &[(RowKind, u64, String)]) -> Result<ChangeBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1 as i64))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.2.as_str()))),
    ];
    let batch =
        RecordBatch::try_new(arrow_schema(&self::columns()), columns).map_err(|e| Error::internal(e.to_string()))?;
    ChangeBatch::new(batch, Int8Array::from_iter_values(rows.iter().map(|r| r.0 as i8)))
}
