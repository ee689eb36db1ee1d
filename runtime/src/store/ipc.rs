//! Batches as frames: Arrow IPC streams compressed with lz4. Each frame carries its schema, so a
//! frame can be read knowing nothing but its reference.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int8Array, RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use tidegate_core::{ChangeBatch, Error, Result};

use super::frame::{HEADER, Kind, seal};

/// Name of the column that carries row kinds inside the log.
const KIND_COLUMN: &str = "__kind";

fn broken(e: impl std::fmt::Display) -> Error {
    Error::internal(format!("arrow ipc: {e}"))
}

/// A sealed frame of sink rows, and its checksum.
///
/// # Errors
/// Where the batch cannot be written as IPC.
pub fn rows_frame(batch: &ChangeBatch) -> Result<(Vec<u8>, u32)> {
    let Some(kinds) = &batch.kinds else {
        return frame(Kind::Rows, &batch.rows);
    };
    let mut fields = batch.rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(KIND_COLUMN, DataType::Int8, false)));
    let mut columns = batch.rows.columns().to_vec();
    columns.push(Arc::new(kinds.clone()) as ArrayRef);
    let schema = Arc::new(Schema::new_with_metadata(fields, batch.rows.schema().metadata().clone()));
    frame(Kind::RowsWithKinds, &RecordBatch::try_new(schema, columns).map_err(broken)?)
}

/// A sealed frame of any batch.
///
/// # Errors
/// Where the batch cannot be written as IPC.
pub fn frame(kind: Kind, batch: &RecordBatch) -> Result<(Vec<u8>, u32)> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).map_err(broken)?;
    let mut bytes = vec![0; HEADER];
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).map_err(broken)?;
    writer.write(batch).and_then(|()| writer.finish()).map_err(broken)?;
    drop(writer);
    let checksum = seal(kind, &mut bytes)?;
    Ok((bytes, checksum))
}

/// The batch in a frame's payload.
///
/// # Errors
/// Where the payload is no IPC stream of one batch.
pub fn read_batch(payload: &[u8]) -> Result<RecordBatch> {
    let mut reader = StreamReader::try_new(Cursor::new(payload), None).map_err(broken)?;
    reader.next().ok_or_else(|| broken("no batch"))?.map_err(broken)
}

/// The sink rows in a frame's payload.
///
/// # Errors
/// As for [`read_batch`], or where kinds are missing.
pub fn read_rows(kind: Kind, payload: &[u8]) -> Result<ChangeBatch> {
    let batch = read_batch(payload)?;
    if kind == Kind::Rows {
        return Ok(ChangeBatch::append(batch));
    }
    let last = batch.num_columns().checked_sub(1).ok_or_else(|| broken("no kinds"))?;
    let kinds = batch.column(last).as_any().downcast_ref::<Int8Array>().ok_or_else(|| broken("kinds are not INT8"))?;
    let schema = batch.schema();
    let fields: Vec<_> = schema.fields().iter().take(last).cloned().collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let rows = RecordBatch::try_new_with_options(schema, batch.columns()[..last].to_vec(), &options).map_err(broken)?;
    ChangeBatch::new(rows, kinds.clone())
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};

    use super::super::frame::open;
    use super::*;

    fn rows() -> RecordBatch {
        let schema =
            Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]));
        let a = Int64Array::from(vec![Some(1), None, Some(3), Some(4)]);
        let b = StringArray::from(vec![Some("数学"), Some(""), None, Some("x")]);
        RecordBatch::try_new(schema, vec![Arc::new(a), Arc::new(b)]).unwrap()
    }

    #[test]
    fn rows_come_back_with_their_kinds() {
        for batch in [
            ChangeBatch::append(rows()),
            ChangeBatch::new(rows(), Int8Array::from(vec![0, 1, 2, 3])).unwrap(),
            ChangeBatch::new(rows(), Int8Array::from(vec![0, 1, 2, 3])).unwrap().slice(1, 2),
            ChangeBatch::append(rows()).slice(0, 0),
            ChangeBatch::append(rows().project(&[]).unwrap()),
        ] {
            let (bytes, _) = rows_frame(&batch).unwrap();
            let frame = open(&bytes).unwrap();
            let back = read_rows(frame.kind, frame.payload).unwrap();
            assert_eq!((&back.rows, &back.kinds), (&batch.rows, &batch.kinds));
        }
    }
}
