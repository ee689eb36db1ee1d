//! Bad rows on their way to the dead-letter table, in the same epoch as everything else of their
//! records.
//!
//! The table has any of these columns, by name, in text, bytes or number types as fits:
//!
//! | column | type | what |
//! |---|---|---|
//! | `topic` | STRING | topic or file of the record |
//! | `partition` | INT | its partition |
//! | `offset` | BIGINT | its offset |
//! | `raw_key`, `raw_value` | BYTES (or STRING) | the record as it was |
//! | `reason` | STRING | what is wrong |
//! | `class` | STRING | `decode`, `cast`, `null-time`, … |
//! | `place` | STRING | the INSERT and table it was for |
//! | `time` | TIMESTAMP_LTZ(3) | when it was found |
//!
//! What is not known (the record of a row that has been aggregated) is NULL; so is any other column.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray, new_null_array};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Clock, Column, Error, Result, SqlType};

use crate::batch::Batch;
use crate::operator::{BadRow, Output};
use crate::ops::sink::SinkPrepare;

use super::control::Ack;
use super::sink::LogWriter;

/// Rows that are collected before they are written.
const BATCH: usize = 1024;

/// A bad row.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    reason: String,
    class: String,
    place: String,
}

impl Letter {
    /// Of a row that an operator gave up.
    pub fn of(row: BadRow, place: &str) -> Letter {
        let mut letter =
            Letter { reason: row.reason, class: row.class.to_owned(), place: place.to_owned(), ..Letter::default() };
        if let Some((origin, i)) = row.origin {
            let record = origin.record(i);
            letter.topic = Some(origin.raw.topic.to_string());
            letter.partition = Some(origin.raw.partition);
            letter.offset = origin.raw.records.get(record).map(|r| r.offset);
            letter.key = origin.raw.key(record).map(<[u8]>::to_vec);
            letter.value = origin.raw.value(record).map(<[u8]>::to_vec);
        }
        letter
    }
    /// Of a row that a target refused. A message's key and value are kept as they were.
    pub fn rejected(row: &ChangeBatch, reason: &str, place: &str) -> Letter {
        use arrow_array::cast::AsArray;
        use tidegate_core::message::{KEY, VALUE, message_schema};
        let bytes = |column: usize| {
            let a = row.rows.column(column).as_binary_opt::<i32>()?;
            arrow_array::Array::is_valid(a, 0).then(|| a.value(0).to_vec())
        };
        let is_message = row.rows.schema().fields() == message_schema().fields();
        Letter {
            key: if is_message { bytes(KEY) } else { None },
            value: if is_message {
                bytes(VALUE)
            } else {
                Some(crate::state::describe_row(row.rows.columns(), 0).into_bytes())
            },
            reason: reason.to_owned(),
            class: "rejected".to_owned(),
            place: place.to_owned(),
            ..Letter::default()
        }
    }
}

/// Writes bad rows of one task.
pub struct DeadLetters {
    columns: Vec<Column>,
    prepare: SinkPrepare,
    log: LogWriter,
    waiting: Vec<Letter>,
    clock: Arc<dyn Clock>,
}

impl DeadLetters {
    /// `columns`: the table's writable columns, which `prepare` takes.
    pub fn new(columns: Vec<Column>, prepare: SinkPrepare, log: LogWriter, clock: Arc<dyn Clock>) -> Self {
        DeadLetters { columns, prepare, log, waiting: Vec::new(), clock }
    }

    /// Takes a bad row.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn add(&mut self, letter: Letter) -> Result<()> {
        self.waiting.push(letter);
        if self.waiting.len() >= BATCH { self.write() } else { Ok(()) }
    }

    /// Hands over what belongs to the epoch that ends.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn finish(&mut self, ack: &mut Ack) -> Result<()> {
        self.write()?;
        self.log.finish(ack)
    }

    fn write(&mut self) -> Result<()> {
        let letters = std::mem::take(&mut self.waiting);
        if letters.is_empty() {
            return Ok(());
        }
        let now = self.clock.now_micros();
        let columns = self.columns.iter().map(|c| column(c, &letters, now)).collect();
        let rows = RecordBatch::try_new(arrow_schema(&self.columns), columns)
            .map_err(|e| Error::internal(format!("dead letters: {e}")))?;
        let prepared = self.prepare.prepare(0, Batch::new(ChangeBatch::append(rows)), &mut Undeliverable)?;
        self.log.write(prepared)
    }
}

/// A dead letter that cannot be written itself stops the job.
struct Undeliverable;

impl Output for Undeliverable {
    fn emit(&mut self, _: Batch) -> Result<()> {
        Ok(())
    }
    fn bad_row(&mut self, row: BadRow) -> Result<()> {
        Err(Error::user(format!("a dead letter cannot be written: {}", row.reason))
            .help("give the dead-letter table plain nullable columns: topic, partition, offset, raw_key, raw_value, reason, class, place, time"))
    }
}

fn column(column: &Column, letters: &[Letter], now: i64) -> ArrayRef {
    let ty = &column.data_type.ty;
    let int = |get: fn(&Letter) -> Option<i64>| -> ArrayRef {
        let values = letters.iter().map(get);
        match ty {
            SqlType::Int => Arc::new(values.map(|v| v.map(|v| v as i32)).collect::<Int32Array>()),
            SqlType::BigInt => Arc::new(values.collect::<Int64Array>()),
            t if t.is_text() => text(letters, |l| get(l).map(|v| v.to_string().into_bytes())),
            t => new_null_array(&t.to_arrow(), letters.len()),
        }
    };
    let bytes = |get: fn(&Letter) -> Option<Vec<u8>>| -> ArrayRef {
        match ty {
            t if t.is_text() => text(letters, get),
            t if t.is_bytes() => {
                let mut b = BinaryBuilder::new();
                letters.iter().for_each(|l| b.append_option(get(l)));
                Arc::new(b.finish())
            }
            t => new_null_array(&t.to_arrow(), letters.len()),
        }
    };
    match column.name.to_ascii_lowercase().as_str() {
        "topic" => bytes(|l| l.topic.clone().map(String::into_bytes)),
        "partition" => int(|l| l.partition.map(i64::from)),
        "offset" => int(|l| l.offset),
        "raw_key" => bytes(|l| l.key.clone()),
        "raw_value" => bytes(|l| l.value.clone()),
        "reason" => bytes(|l| Some(l.reason.clone().into_bytes())),
        "class" => bytes(|l| Some(l.class.clone().into_bytes())),
        "place" => bytes(|l| Some(l.place.clone().into_bytes())),
        "time" => match ty {
            SqlType::TimestampLtz(_) => {
                let ms = now.div_euclid(1000) * 1000;
                Arc::new(TimestampMicrosecondArray::from(vec![ms; letters.len()]).with_timezone("UTC"))
            }
            SqlType::Timestamp(_) => {
                Arc::new(TimestampMicrosecondArray::from(vec![now.div_euclid(1000) * 1000; letters.len()]))
            }
            SqlType::BigInt => Arc::new(Int64Array::from(vec![now.div_euclid(1000); letters.len()])),
            t => new_null_array(&t.to_arrow(), letters.len()),
        },
        _ => new_null_array(&ty.to_arrow(), letters.len()),
    }
}

fn text(letters: &[Letter], get: impl Fn(&Letter) -> Option<Vec<u8>>) -> ArrayRef {
    let mut b = StringBuilder::new();
    letters.iter().for_each(|l| b.append_option(get(l).map(|v| String::from_utf8_lossy(&v).into_owned())));
    Arc::new(b.finish())
}
