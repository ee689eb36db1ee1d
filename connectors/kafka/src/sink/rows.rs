//! The messages of a unit, one after another.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, BinaryArray, Int32Array, Int64Array, RecordBatch};
use tidegate_core::message::{HEADERS, KEY, PARTITION, TIMESTAMP, VALUE, message_schema};
use tidegate_core::{ChangeBatch, Error, Result};

/// One message, borrowed from its batch.
pub(super) struct Message<'a> {
    pub(super) partition: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Option<&'a [u8]>,
    pub(super) timestamp: Option<i64>,
}

impl Message<'_> {
    pub(super) fn size(&self) -> usize {
        [self.key, self.value, self.headers].iter().flatten().map(|b| b.len()).sum()
    }
}

/// The columns of a batch of messages.
pub(super) struct Messages<'a> {
    keys: &'a BinaryArray,
    values: &'a BinaryArray,
    headers: &'a BinaryArray,
    partitions: &'a Int32Array,
    timestamps: &'a Int64Array,
}

impl<'a> Messages<'a> {
    pub(super) fn of(rows: &'a RecordBatch) -> Result<Messages<'a>> {
        let shape = message_schema();
        let fits = rows.num_columns() == shape.fields().len()
            && rows.columns().iter().zip(shape.fields()).all(|(c, f)| c.data_type() == f.data_type());
        if !fits {
            return Err(Error::internal(format!("a message sink was given {:?}", rows.schema())));
        }
        Ok(Messages {
            keys: rows.column(KEY).as_binary::<i32>(),
            values: rows.column(VALUE).as_binary::<i32>(),
            headers: rows.column(HEADERS).as_binary::<i32>(),
            partitions: rows.column(PARTITION).as_primitive::<Int32Type>(),
            timestamps: rows.column(TIMESTAMP).as_primitive::<Int64Type>(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn get(&self, i: usize) -> Message<'a> {
        fn at(column: &BinaryArray, i: usize) -> Option<&[u8]> {
            column.is_valid(i).then(|| column.value(i))
        }
        Message {
            partition: self.partitions.value(i),
            key: at(self.keys, i),
            value: at(self.values, i),
            headers: at(self.headers, i),
            timestamp: self.timestamps.is_valid(i).then(|| self.timestamps.value(i)),
        }
    }

    /// Whether any message has headers or a time of its own.
    pub(super) fn is_plain(&self) -> bool {
        self.headers.null_count() == self.len() && self.timestamps.null_count() == self.len()
    }
}

/// Bytes of keys, values and headers.
pub(super) fn bytes_of(rows: &[ChangeBatch]) -> Result<u64> {
    rows.iter().try_fold(0, |sum, batch| {
        let m = Messages::of(&batch.rows)?;
        let bytes = |c: &BinaryArray| {
            let offsets = c.value_offsets();
            (offsets[c.len()] - offsets[0]) as u64
        };
        Ok(sum + bytes(m.keys) + bytes(m.values) + bytes(m.headers))
    })
}
