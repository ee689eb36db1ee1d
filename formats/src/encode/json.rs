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
use crate::text::timestamp::TimestampPrinter;
use crate::text::{decimal, number, timestamp};

/// Writes rows as objects.
#[derive(Debug)]
pub(crate) struct JsonWriter {
    format: JsonFormat,
    /// `,"name":` of each column.
    names: Vec<Vec<u8>>,
    columns: Vec<Column>,
    scratch: Scratch,
}

/// What is kept from cell to cell.
#[derive(Debug)]
struct Scratch {
    text: String,
    printer: TimestampPrinter,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch { text: String::new(), printer: TimestampPrinter::new(0) }
    }
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
            scratch: Scratch::default(),
        })
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch, out: &mut Output) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let cells = cells::of_batch(rows, &self.columns)?;
        for row in 0..rows.num_rows() {
            let from = out.bytes.len();
            match self.object(&self.names, &cells, row, &mut out.bytes, &mut scratch) {
                Ok(()) => out.end_row(),
                Err(reason) => out.failed_row(from, reason),
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    fn object(
        &self,
        names: &[Vec<u8>],
        cells: &[Cells<'_>],
        row: usize,
        out: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<(), String> {
        out.push(b'{');
        // There is no comma before the first.
        let mut skip = 1;
        for (name, cell) in names.iter().zip(cells) {
            if self.format.omit_nulls && cell.is_null(row) {
                continue;
            }
            out.extend_from_slice(&name[skip..]);
            skip = 0;
            self.cell(cell, row, out, scratch)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn cell(&self, cell: &Cells<'_>, row: usize, out: &mut Vec<u8>, scratch: &mut Scratch) -> Result<(), String> {
        if cell.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        scratch.text.clear();
        match cell {
            Cells::Null => {}
            Cells::Bool(a) => out.extend_from_slice(if a.value(row) { b"true" } else { b"false" }),
            Cells::Int8(a) => number::write_integer(out, i64::from(a.value(row))),
            Cells::Int16(a) => number::write_integer(out, i64::from(a.value(row))),
            Cells::Int32(a) => number::write_integer(out, i64::from(a.value(row))),
            Cells::Int64(a) => number::write_integer(out, a.value(row)),
            Cells::Float(a) => {
                approximate(a.value(row).is_finite(), out, |out| number::write_float(out, a.value(row)));
            }
            Cells::Double(a) => {
                approximate(a.value(row).is_finite(), out, |out| number::write_double(out, a.value(row)));
            }
            Cells::Decimal(a, scale) => write_decimal(a.value(row), *scale, self.format.plain_decimals, out),
            Cells::Date(a) => {
                quoted(out, |out| timestamp::write_date(out, i64::from(a.value(row))));
            }
            Cells::Time(a) => {
                quoted(out, |out| timestamp::write_time(out, i64::from(a.value(row)) * 1000, 0));
            }
            Cells::Timestamp(a, instant) => quoted(out, |out| {
                match self.format.timestamps {
                    TimestampText::Sql => scratch.printer.write(out, a.value(row)),
                    TimestampText::Iso8601 => timestamp::write_iso(out, a.value(row)),
                }
                if *instant {
                    out.push(b'Z');
                }
            }),
            Cells::Text(a) => quote(a.value(row), Escapes::Pairs, out),
            Cells::Bytes(a) => {
                base64::engine::general_purpose::STANDARD.encode_string(a.value(row), &mut scratch.text);
                quoted(out, |out| out.extend_from_slice(scratch.text.as_bytes()));
            }
            Cells::List(a, items) => {
                let offsets = a.value_offsets();
                out.push(b'[');
                for i in offsets[row]..offsets[row + 1] {
                    if i > offsets[row] {
                        out.push(b',');
                    }
                    self.cell(items, i as usize, out, scratch)?;
                }
                out.push(b']');
            }
            Cells::Map(a, keys, values) => self.map(a.value_offsets(), keys, values, row, out, scratch)?,
            Cells::Row(_, names, cells) => self.object(names, cells, row, out, scratch)?,
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
        scratch: &mut Scratch,
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
            self.cell(values, i, out, scratch)?;
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

/// `,"name":`
pub(crate) fn name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 4);
    out.push(b',');
    quote(name, Escapes::Pairs, &mut out);
    out.push(b':');
    out
}

/// A text that needs no escapes.
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn approximate(finite: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if finite { write(out) } else { quoted(out, write) }
}

/// `BigDecimal.stripTrailingZeros()`, as `toPlainString` or as `toString`.
fn write_decimal(mut value: i128, scale: u8, plain: bool, out: &mut Vec<u8>) {
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
            decimal::write_decimal(out, value, scale);
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
