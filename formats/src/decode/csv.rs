//! The csv format: one record a message, fields by position, as Flink's csv format reads them.
//!
//! Fields may be quoted; a quote inside quotes is doubled (or escaped, where an escape character is
//! set). Fewer fields than columns leave the rest NULL, more are an error. The null literal, or an
//! empty field of a type other than text, is NULL. Blanks around an unquoted number are trimmed.

use tidegate_core::Scalar;
use tidegate_core::table::{CsvFormat, JsonFormat, TimestampText};
use tidegate_core::types::SqlType;

use super::typed::{self, TypedOptions};
use super::value::Datum;
use crate::json::run::Slot;
use crate::json::scan::Kind;

/// Cuts lines into fields.
#[derive(Debug)]
pub(crate) struct CsvLines {
    format: CsvFormat,
    /// Columns of a record.
    pub(crate) columns: usize,
    /// Fields without their quotes and escapes.
    pub(crate) arena: Vec<u8>,
}

impl CsvLines {
    pub(crate) fn new(format: CsvFormat, columns: usize) -> Self {
        CsvLines { format, columns, arena: Vec::new() }
    }

    /// Whether the record is a comment.
    pub(crate) fn is_comment(&self, line: &[u8]) -> bool {
        self.format.allow_comments && line.first() == Some(&b'#')
    }

    /// Reads `data[from..to]` into one slot a column.
    pub(crate) fn read(&mut self, data: &[u8], from: usize, to: usize, slots: &mut [Slot]) -> Result<(), String> {
        slots.fill(Slot::MISSING);
        let line = &data[..to];
        let end = to - line[from..].iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        if from == end {
            return Err("the record is empty".to_owned());
        }
        let mut delimiter = [0; 4];
        let delimiter = self.format.delimiter.encode_utf8(&mut delimiter).len();
        let mut at = from;
        let mut column = 0;
        loop {
            let (slot, next) = self.field(&line[..end], at)?;
            if let Some(place) = slots.get_mut(column) {
                *place = slot;
            } else {
                return Err(format!("more fields than the {} columns of the table", self.columns));
            }
            column += 1;
            if next >= end {
                return Ok(());
            }
            at = next + delimiter;
        }
    }

    /// The field at `at`, and where it ends (at a delimiter or the end).
    fn field(&mut self, line: &[u8], at: usize) -> Result<(Slot, usize), String> {
        let quote = self.format.quote.map(|q| q as u32 as u8);
        if quote.is_some_and(|q| line.get(at) == Some(&q)) {
            return self.quoted(line, at + 1, quote.unwrap_or(b'"'));
        }
        let escape = self.format.escape.map(|e| e as u32 as u8);
        let mut end = at;
        let mut escaped = false;
        while end < line.len() && !self.delimiter_at(line, end) {
            if Some(line[end]) == escape {
                escaped = true;
                end += 1;
            }
            end += 1;
        }
        let end = end.min(line.len());
        if !escaped {
            return Ok((Slot { start: at as u32, end: end as u32, kind: Kind::Int, arena: false }, end));
        }
        let start = self.arena.len();
        let mut i = at;
        while i < end {
            if Some(line[i]) == escape && i + 1 < end {
                i += 1;
            }
            self.arena.push(line[i]);
            i += 1;
        }
        Ok((Slot { start: start as u32, end: self.arena.len() as u32, kind: Kind::Int, arena: true }, end))
    }

    fn quoted(&mut self, line: &[u8], mut at: usize, quote: u8) -> Result<(Slot, usize), String> {
        let escape = self.format.escape.map(|e| e as u32 as u8);
        let start = self.arena.len();
        while let Some(byte) = line.get(at) {
            if Some(*byte) == escape && *byte != quote && at + 1 < line.len() {
                self.arena.push(line[at + 1]);
                at += 2;
            } else if *byte != quote {
                self.arena.push(*byte);
                at += 1;
            } else if line.get(at + 1) == Some(&quote) {
                self.arena.push(quote);
                at += 2;
            } else {
                at += 1;
                while matches!(line.get(at), Some(b' ' | b'\t')) && !self.delimiter_at(line, at) {
                    at += 1;
                }
                if at < line.len() && !self.delimiter_at(line, at) {
                    return Err("text after a closing quote".to_owned());
                }
                let end = self.arena.len() as u32;
                return Ok((Slot { start: start as u32, end, kind: Kind::Text, arena: true }, at));
            }
        }
        Err("a quote is not closed".to_owned())
    }

    fn delimiter_at(&self, line: &[u8], at: usize) -> bool {
        let mut buffer = [0; 4];
        line[at..].starts_with(self.format.delimiter.encode_utf8(&mut buffer).as_bytes())
    }
}

/// The text of a field; `None` is NULL. Quoted fields have kind `Text`, others `Int`.
pub(crate) fn text<'a>(slot: Slot, bytes: &'a [u8], format: &CsvFormat, ty: &SqlType) -> Option<&'a [u8]> {
    if matches!(slot.kind, Kind::Missing | Kind::Null) {
        return None;
    }
    let null = match &format.null_literal {
        Some(literal) => bytes == literal.as_bytes(),
        None => bytes.is_empty() && !ty.is_text(),
    };
    (!null).then_some(bytes)
}

/// A field of any scalar type; arrays are cut at `;`.
pub(crate) fn datum(slot: Slot, bytes: &[u8], format: &CsvFormat, ty: &SqlType) -> Result<Datum, String> {
    let Some(bytes) = text(slot, bytes, format, ty) else { return Ok(Datum::Scalar(Scalar::Null)) };
    let text = String::from_utf8_lossy(bytes);
    if let SqlType::Array(element) = ty {
        if text.is_empty() {
            return Ok(Datum::List(Vec::new()));
        }
        let items = text.split(';').map(|item| scalar(item, &element.ty).map(Datum::Scalar));
        return items.collect::<Result<_, _>>().map(Datum::List);
    }
    scalar(&text, ty).map(Datum::Scalar)
}

fn scalar(text: &str, ty: &SqlType) -> Result<Scalar, String> {
    let options = TypedOptions { timestamps: TimestampText::Sql, ..TypedOptions::of(&JsonFormat::default()) };
    let text = if ty.is_text() || ty.is_bytes() { text } else { text.trim() };
    if let SqlType::Boolean = ty {
        return match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Scalar::Bool(true)),
            "false" | "0" => Ok(Scalar::Bool(false)),
            _ => Err(format!("'{text}' is no BOOLEAN")),
        };
    }
    typed::scalar(Kind::Text, text, ty, &options)
}
