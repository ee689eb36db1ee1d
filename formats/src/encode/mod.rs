//! Columns into messages: one byte string a row.
//!
//! | format | a row becomes |
//! |---|---|
//! | json | an object with the columns in order, as Flink's json format writes it |
//! | csv | a line without line end |
//! | raw | its only column's bytes; NULL stays NULL |

mod cells;
mod csv;
mod json;
mod raw;

use arrow_array::{BinaryArray, RecordBatch};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use tidegate_core::Dialect;
use tidegate_core::error::{Error, Result};
use tidegate_core::table::Format;
use tidegate_core::types::Column;

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
    /// For a format and the columns of the rows, in order. Dialect and session zone are for formats
    /// that depend on them; these three do not: instants are written in UTC.
    ///
    /// # Errors
    /// Where the format cannot write the columns.
    pub fn new(format: &Format, columns: &[Column], _dialect: Dialect, _zone: &str) -> Result<Encoder> {
        let way = match format {
            Format::Json(f) => Way::Json(json::JsonWriter::new(f.clone(), columns)?),
            Format::Csv(f) => Way::Csv(csv::CsvWriter::new(f.clone(), columns)?),
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
        if let Way::Raw(writer) = &self.way
            && let Some(values) = writer.as_they_are(rows.column(0))
        {
            return Ok(Encoded { values, errors: Vec::new() });
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

#[cfg(test)]
pub(crate) mod tests {
    //! Rows for tests are written as JSON and decoded.

    use tidegate_core::table::{JsonFormat, MapNullKey, RawFormat, TimestampText};
    use tidegate_core::types::SqlType;

    use super::*;
    use crate::decode::tests::{Table, column as field};

    pub(crate) fn column(name: &str, ty: SqlType) -> Column {
        Column::new(name, ty.nullable())
    }

    pub(crate) fn rows(columns: &[Column], texts: &[&str]) -> RecordBatch {
        let fields = columns.iter().map(|c| field(&c.name, c.data_type.ty.clone())).collect();
        let decoded = Table::of(Format::Json(JsonFormat::default()), fields).decode(texts);
        assert_eq!(decoded.errors, []);
        decoded.rows
    }

    pub(crate) fn encode(format: &Format, columns: &[Column], rows: &RecordBatch) -> Vec<String> {
        let encoded = Encoder::new(format, columns, Dialect::Flink, "UTC").unwrap().encode(rows).unwrap();
        assert_eq!(encoded.errors, []);
        encoded.values.iter().map(|v| v.map_or("-".to_owned(), |v| String::from_utf8_lossy(v).into_owned())).collect()
    }

    fn json(edit: impl FnOnce(&mut JsonFormat)) -> Format {
        let mut format = JsonFormat::default();
        edit(&mut format);
        Format::Json(format)
    }

    #[test]
    fn json_of_every_type() {
        let int = || SqlType::Int.nullable();
        let columns = [
            column("b", SqlType::Boolean),
            column("t", SqlType::TinyInt),
            column("d", SqlType::Double),
            column("f", SqlType::Float),
            column("e", SqlType::Decimal(20, 3)),
            column("ts", SqlType::Timestamp(3)),
            column("z", SqlType::TimestampLtz(3)),
            column("dt", SqlType::Date),
            column("tm", SqlType::Time(3)),
            column("r", SqlType::Row(vec![column("x", SqlType::Int), column("y", SqlType::STRING)])),
            column("a", SqlType::Array(Box::new(int()))),
            column("m", SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(int()))),
        ];
        let text = concat!(
            r#"{"b":true,"t":-5,"d":5.0,"f":0.1,"e":10.5,"ts":"2020-08-27 00:00:00","z":"2020-08-27 00:00:00.12Z","#,
            r#""dt":"2020-08-27","tm":"01:02:03.5","r":{"x":1,"y":null},"a":[1,null],"m":{"k":1}}"#
        );
        let nulls = r#"{"b":null,"t":null,"d":null,"f":null,"e":null,"ts":null,"z":null,"dt":null,"tm":null,"r":null,"a":null,"m":null}"#;
        let batch = rows(&columns, &[text, "{}"]);
        assert_eq!(encode(&json(|_| {}), &columns, &batch), [text, nulls]);
        assert_eq!(encode(&json(|f| f.omit_nulls = true), &columns, &batch)[1], "{}");
        let iso = encode(&json(|f| f.timestamps = TimestampText::Iso8601), &columns, &batch);
        assert!(iso[0].contains(r#""ts":"2020-08-27T00:00:00","z":"2020-08-27T00:00:00.12Z""#), "{}", iso[0]);
    }

    #[test]
    fn json_decimals() {
        let columns = [column("e", SqlType::Decimal(30, 9))];
        let batch = rows(
            &columns,
            &[
                r#"{"e":0.000000027}"#,
                r#"{"e":454621864049246170}"#,
                r#"{"e":-123.456789}"#,
                r#"{"e":0}"#,
                r#"{"e":100.5}"#,
            ],
        );
        assert_eq!(
            encode(&json(|_| {}), &columns, &batch),
            [
                r#"{"e":2.7E-8}"#,
                r#"{"e":4.5462186404924617E+17}"#,
                r#"{"e":-123.456789}"#,
                r#"{"e":0}"#,
                r#"{"e":100.5}"#
            ]
        );
        let plain = encode(&json(|f| f.plain_decimals = true), &columns, &batch);
        assert_eq!(plain[..2], [r#"{"e":0.000000027}"#, r#"{"e":454621864049246170}"#]);
    }

    #[test]
    fn json_null_keys() {
        use arrow_array::builder::{Int32Builder, MapBuilder, StringBuilder};
        let ty = SqlType::Map(Box::new(SqlType::STRING.nullable()), Box::new(SqlType::Int.nullable()));
        let columns = [column("m", ty)];
        let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in [("a", 1), ("b", 2), ("a", 3)] {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true).unwrap();
        let batch = RecordBatch::try_from_iter([("m", std::sync::Arc::new(builder.finish()) as arrow_array::ArrayRef)])
            .unwrap();
        assert_eq!(encode(&json(|_| {}), &columns, &batch), [r#"{"m":{"a":3,"b":2}}"#]);
        assert_eq!(encode(&json(|f| f.map_null_key = MapNullKey::Drop), &columns, &batch), [r#"{"m":{"a":3,"b":2}}"#]);
    }

    #[test]
    fn raw_is_one_column() {
        let columns = [column("s", SqlType::STRING)];
        let batch = rows(&columns, &[r#"{"s":"x"}"#, "{}"]);
        assert_eq!(encode(&Format::Raw(RawFormat::default()), &columns, &batch), ["x", "-"]);
        let two = [columns[0].clone(), column("n", SqlType::Int)];
        assert!(Encoder::new(&Format::Raw(RawFormat::default()), &two, Dialect::Flink, "").is_err());
        let n = [column("n", SqlType::Int)];
        let encoded = encode(&Format::Raw(RawFormat { little_endian: true }), &n, &rows(&n, &[r#"{"n":65}"#]));
        assert_eq!(encoded, ["A\0\0\0"]);
    }
}
