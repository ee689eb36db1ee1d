//! The json format, as Flink's `JsonRowDataSerializationSchema` writes it.
//!
//! NULL columns are written as `null` (left out with `encode.ignore-null-fields`); doubles as Java
//! prints them, what is no number in quotes; decimals without trailing zeros, with an exponent where
//! Java's `BigDecimal` has one, unless `encode.decimal-as-plain-number`; timestamps with the decimals
//! they have, instants in UTC with `Z`; bytes as base64. Characters outside the basic plane are
//! escaped, other text is not.
//!
//! Flink drops the decimals of TIME; here they are written.

use arrow_array::{Array, RecordBatch};
use base64::Engine as _;
use tidegate_core::error::{Error, Result};
use tidegate_core::table::{JsonFormat, MapNullKey, TimestampText};
use tidegate_core::types::{Column, SqlType};

use super::Output;
use super::cells::{self, Cells};
use crate::json::string::{Escapes, quote};
use crate::text::{decimal, number, timestamp};

/// Writes rows as objects.
#[derive(Debug)]
pub(crate) struct JsonWriter {
    format: JsonFormat,
    /// `"name":` of each column.
    names: Vec<Vec<u8>>,
    columns: Vec<Column>,
    text: String,
}

impl JsonWriter {
    pub(crate) fn new(format: JsonFormat, columns: &[Column]) -> Result<Self> {
        for column in columns {
            check(&column.data_type.ty).map_err(|e| e.context(format!("column '{}'", column.name)))?;
        }
        Ok(JsonWriter {
            format,
            names: columns.iter().map(|c| name(&c.name)).collect(),
            columns: columns.to_vec(),
            text: String::new(),
        })
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch, out: &mut Output) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        let cells = cells::of_batch(rows, &self.columns)?;
        for row in 0..rows.num_rows() {
            let from = out.bytes.len();
            match self.object(&self.names, &cells, row, &mut out.bytes, &mut text) {
                Ok(()) => out.end_row(),
                Err(reason) => out.failed_row(from, reason),
            }
        }
        self.text = text;
        Ok(())
    }

    fn object(
        &self,
        names: &[Vec<u8>],
        cells: &[Cells<'_>],
        row: usize,
        out: &mut Vec<u8>,
        text: &mut String,
    ) -> Result<(), String> {
        out.push(b'{');
        let mut first = true;
        for (name, cell) in names.iter().zip(cells) {
            if self.format.omit_nulls && cell.is_null(row) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(name);
            self.cell(cell, row, out, text)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn cell(&self, cell: &Cells<'_>, row: usize, out: &mut Vec<u8>, text: &mut String) -> Result<(), String> {
        if cell.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        text.clear();
        match cell {
            Cells::Null => {}
            Cells::Bool(a) => out.extend_from_slice(if a.value(row) { b"true" } else { b"false" }),
            Cells::Int8(a) => integer(i64::from(a.value(row)), out, text),
            Cells::Int16(a) => integer(i64::from(a.value(row)), out, text),
            Cells::Int32(a) => integer(i64::from(a.value(row)), out, text),
            Cells::Int64(a) => integer(a.value(row), out, text),
            Cells::Float(a) => {
                number::write_float(text, a.value(row));
                approximate(a.value(row).is_finite(), text, out);
            }
            Cells::Double(a) => {
                number::write_double(text, a.value(row));
                approximate(a.value(row).is_finite(), text, out);
            }
            Cells::Decimal(a, scale) => write_decimal(a.value(row), *scale, self.format.plain_decimals, text, out),
            Cells::Date(a) => {
                timestamp::write_date(text, i64::from(a.value(row)));
                quoted(text, out);
            }
            Cells::Time(a) => {
                timestamp::write_time(text, i64::from(a.value(row)) * 1000, 0);
                quoted(text, out);
            }
            Cells::Timestamp(a, instant) => {
                match self.format.timestamps {
                    TimestampText::Sql => timestamp::write_timestamp(text, a.value(row), 0),
                    TimestampText::Iso8601 => timestamp::write_iso(text, a.value(row)),
                }
                if *instant {
                    text.push('Z');
                }
                quoted(text, out);
            }
            Cells::Text(a) => quote(a.value(row), Escapes::Pairs, out),
            Cells::Bytes(a) => {
                base64::engine::general_purpose::STANDARD.encode_string(a.value(row), text);
                quoted(text, out);
            }
            Cells::List(a, items) => {
                let offsets = a.value_offsets();
                out.push(b'[');
                for i in offsets[row]..offsets[row + 1] {
                    if i > offsets[row] {
                        out.push(b',');
                    }
                    self.cell(items, i as usize, out, text)?;
                }
                out.push(b']');
            }
            Cells::Map(a, keys, values) => self.map(a.value_offsets(), keys, values, row, out, text)?,
            Cells::Row(_, names, cells) => self.object(names, cells, row, out, text)?,
        }
        Ok(())
    }

    fn map(
        &self,
        offsets: &[i32],
        keys: &Cells<'_>,
        values: &Cells<'_>,
        row: usize,
        out: &mut Vec<u8>,
        text: &mut String,
    ) -> Result<(), String> {
        let Cells::Text(keys) = keys else { return Err("a map's keys must be text".to_owned()) };
        // A later entry of a name replaces the value of an earlier one, which keeps its place.
        let mut entries: Vec<(&str, usize)> = Vec::new();
        for i in offsets[row] as usize..offsets[row + 1] as usize {
            let key = match (&self.format.map_null_key, keys.is_null(i)) {
                (_, false) => keys.value(i),
                (MapNullKey::Literal(literal), true) => literal.as_str(),
                (MapNullKey::Drop, true) => continue,
                (MapNullKey::Fail, true) => {
                    return Err("a map has a NULL key: set 'json.map-null-key.mode' to DROP or LITERAL".to_owned());
                }
            };
            match entries.iter_mut().find(|(k, _)| *k == key) {
                Some(entry) => entry.1 = i,
                None => entries.push((key, i)),
            }
        }
        out.push(b'{');
        for (n, (key, i)) in entries.into_iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            quote(key, Escapes::Pairs, out);
            out.push(b':');
            self.cell(values, i, out, text)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// Maps need text keys.
fn check(ty: &SqlType) -> Result<()> {
    match ty {
        SqlType::Map(key, _) if !key.ty.is_text() => {
            Err(Error::user(format!("the json format writes maps with text keys only, not {key}")))
        }
        SqlType::Map(_, value) => check(&value.ty),
        SqlType::Array(element) => check(&element.ty),
        SqlType::Row(fields) => fields.iter().try_for_each(|f| check(&f.data_type.ty)),
        _ => Ok(()),
    }
}

/// `"name":`
pub(crate) fn name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    quote(name, Escapes::Pairs, &mut out);
    out.push(b':');
    out
}

fn integer(value: i64, out: &mut Vec<u8>, text: &mut String) {
    number::write_integer(text, value);
    out.extend_from_slice(text.as_bytes());
}

/// A text that needs no escapes.
fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn approximate(finite: bool, text: &str, out: &mut Vec<u8>) {
    if finite { out.extend_from_slice(text.as_bytes()) } else { quoted(text, out) }
}

/// `BigDecimal.stripTrailingZeros()`, as `toPlainString` or as `toString`.
fn write_decimal(mut value: i128, scale: u8, plain: bool, text: &mut String, out: &mut Vec<u8>) {
    let mut scale = i32::from(scale);
    if value == 0 {
        out.push(b'0');
        return;
    }
    while value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    let digits = value.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - scale;
    if plain || (scale >= 0 && exponent >= -6) {
        if let Ok(scale) = u8::try_from(scale) {
            decimal::write_decimal(text, value, scale);
            out.extend_from_slice(text.as_bytes());
        } else {
            out.extend_from_slice(value.to_string().as_bytes());
            out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs() as usize));
        }
        return;
    }
    if value < 0 {
        out.push(b'-');
    }
    let (head, tail) = digits.split_at(1);
    out.extend_from_slice(head.as_bytes());
    if !tail.is_empty() {
        out.push(b'.');
        out.extend_from_slice(tail.as_bytes());
    }
    out.extend_from_slice(format!("E{exponent:+}").as_bytes());
}
