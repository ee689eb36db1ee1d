//! Batches as frames. Each carries its schema, so a frame can be read knowing nothing but its reference.
//!
//! ```text
//! length of the stream u32 LE | the stream as one lz4 block (an Arrow IPC stream of one batch)
//! ```
//! One block for all: a column each, as Arrow IPC can have them compressed, costs twice the time in
//! buffers of their own. Frames of earlier versions are such streams; they begin with Arrow's
//! continuation marker, which is no possible length.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int8Array, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use lz4_flex::block::{compress_into, decompress, get_maximum_output_size};
use tidegate_core::{ChangeBatch, Error, Result};

use super::frame::{HEADER, Kind, seal};

/// Name of the column that carries row kinds inside the log.
const KIND_COLUMN: &str = "__kind";

/// Bytes of the stream's length.
const LENGTH: usize = 4;
/// How an Arrow IPC stream begins.
const CONTINUATION: u32 = u32::MAX;
/// Bytes of each of the buffers below that are kept for the next frame.
const KEPT: usize = 4 << 20;

thread_local! {
    /// The stream before it is compressed: fresh memory for each frame costs as much as compressing.
    static STREAM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// And after: a block may become larger than its stream, most become far smaller.
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

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
    let mut bytes = STREAM.with_borrow_mut(|stream| {
        stream.clear();
        let mut writer = StreamWriter::try_new(&mut *stream, &batch.schema()).map_err(broken)?;
        writer.write(batch).and_then(|()| writer.finish()).map_err(broken)?;
        drop(writer);
        let bytes = compressed(stream);
        stream.shrink_to(KEPT);
        bytes
    })?;
    let checksum = seal(kind, &mut bytes)?;
    Ok((bytes, checksum))
}

/// Room for the header, then the payload of a stream.
fn compressed(stream: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(stream.len()).ok().filter(|n| *n != CONTINUATION);
    let length =
        length.ok_or_else(|| Error::user("a single batch is larger than 4 GiB").help("lower the batch limits"))?;
    BLOCK.with_borrow_mut(|block| {
        let most = get_maximum_output_size(stream.len());
        if block.len() < most {
            block.resize(most, 0);
        }
        let written = compress_into(stream, block).map_err(broken)?;
        let mut bytes = Vec::with_capacity(HEADER + LENGTH + written);
        bytes.resize(HEADER, 0);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&block[..written]);
        block.truncate(KEPT);
        block.shrink_to(KEPT);
        Ok(bytes)
    })
}

/// The batch in a frame's payload.
///
/// # Errors
/// Where the payload is no IPC stream of one batch.
pub fn read_batch(payload: &[u8]) -> Result<RecordBatch> {
    let (length, block) = payload.split_first_chunk::<LENGTH>().ok_or_else(|| broken("no batch"))?;
    let length = u32::from_le_bytes(*length);
    let stream = if length == CONTINUATION { payload.to_vec() } else { decompressed(block, length)? };
    let mut stream = Buffer::from_vec(stream);
    let mut decoder = StreamDecoder::new();
    while !stream.is_empty() {
        // Columns point into the stream; nothing is copied.
        if let Some(batch) = decoder.decode(&mut stream).map_err(broken)? {
            return Ok(batch);
        }
    }
    Err(broken("no batch"))
}

fn decompressed(block: &[u8], length: u32) -> Result<Vec<u8>> {
    // The frame's checksum has been looked at: the length is the one that was written.
    let stream = decompress(block, length as usize).map_err(broken)?;
    if stream.len() == length as usize { Ok(stream) } else { Err(broken("a block of another length")) }
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

    #[test]
    fn streams_of_earlier_versions_are_read() {
        use arrow_ipc::CompressionType;
        use arrow_ipc::writer::IpcWriteOptions;
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
        let mut payload = Vec::new();
        let mut writer = StreamWriter::try_new_with_options(&mut payload, &rows().schema(), options).unwrap();
        writer.write(&rows()).and_then(|()| writer.finish()).unwrap();
        drop(writer);
        assert_eq!(read_rows(Kind::Rows, &payload).unwrap().rows, rows());
    }

    #[test]
    fn what_is_no_block_is_an_error() {
        let (bytes, _) = rows_frame(&ChangeBatch::append(rows())).unwrap();
        let good = &bytes[HEADER..];
        for cut in [0, 3, 4, good.len() / 2, good.len() - 1] {
            assert!(read_batch(&good[..cut]).is_err(), "{cut}");
        }
        let mut longer = good.to_vec();
        longer[0] = longer[0].wrapping_add(1);
        assert!(read_batch(&longer).is_err());
    }
}
