//! Result rows for people and programs: tables, JSON lines, CSV.

use std::cmp::Ordering;
use std::io::Write;

use arrow_array::RecordBatch;
use serde_json::Value;
use tidegate_core::table::{CsvFormat, Format, JsonFormat};
use tidegate_core::{Column, Dialect, Error, Result};
use tidegate_formats::encode::Encoder;

use crate::args::Shape;

/// Rows of a result, read once.
pub struct Rows {
    columns: Vec<Column>,
    batches: Vec<RecordBatch>,
    zone: String,
}

impl Rows {
    /// Rows shown in a zone.
    pub fn new(columns: Vec<Column>, batches: Vec<RecordBatch>, zone: &str) -> Self {
        Rows { columns, batches, zone: zone.to_owned() }
    }

    /// Prints all rows.
    ///
    /// # Errors
    /// A value that cannot be shown, or an output that cannot be written.
    pub fn print(&self, shape: Shape, out: &mut impl Write) -> Result<()> {
        match shape {
            Shape::Table => writeln!(out, "{}", self.table(&[], usize::MAX)?)?,
            Shape::Json => {
                for line in self.lines(&Format::Json(JsonFormat::default()))? {
                    writeln!(out, "{line}")?;
                }
            }
            Shape::Csv => {
                let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
                writeln!(out, "{}", names.join(","))?;
                for line in self.lines(&Format::Csv(CsvFormat::default()))? {
                    writeln!(out, "{line}")?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// The first rows in an order (`column` or `column DESC`), as a table for people.
    ///
    /// # Errors
    /// An unknown column, or a value that cannot be shown.
    pub fn table(&self, order_by: &[String], limit: usize) -> Result<String> {
        let order = order_by.iter().map(|text| self.order(text)).collect::<Result<Vec<_>>>()?;
        let mut rows = self
            .lines(&Format::Json(JsonFormat::default()))?
            .iter()
            .map(|line| match serde_json::from_str(line) {
                Ok(Value::Object(map)) => Ok(map.into_iter().map(|(_, v)| v).collect::<Vec<Value>>()),
                _ => Err(Error::internal(format!("a row was not an object: {line}"))),
            })
            .collect::<Result<Vec<_>>>()?;
        rows.sort_by(|a, b| {
            order.iter().fold(Ordering::Equal, |so_far, (column, descending)| {
                let this = compare(&a[*column], &b[*column]);
                so_far.then(if *descending { this.reverse() } else { this })
            })
        });
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header(self.columns.iter().map(|c| c.name.as_str()));
        for row in rows.iter().take(limit) {
            table.add_row(row.iter().map(show));
        }
        let more = rows.len().saturating_sub(limit);
        Ok(if more > 0 { format!("{table}\n… and {more} more of {} rows", rows.len()) } else { table.to_string() })
    }

    fn order(&self, text: &str) -> Result<(usize, bool)> {
        let (name, descending) = match text.rsplit_once(' ') {
            Some((name, word)) if word.eq_ignore_ascii_case("desc") => (name.trim(), true),
            Some((name, word)) if word.eq_ignore_ascii_case("asc") => (name.trim(), false),
            _ => (text.trim(), false),
        };
        let found = self.columns.iter().position(|c| c.name == name);
        found.map(|i| (i, descending)).ok_or_else(|| Error::user(format!("order_by: no column '{name}'")))
    }

    fn lines(&self, format: &Format) -> Result<Vec<String>> {
        let mut encoder = Encoder::new(format, &self.columns, Dialect::Flink, &self.zone)?;
        let mut out = Vec::new();
        for batch in &self.batches {
            let encoded = encoder.encode(batch)?;
            if let Some(problem) = encoded.errors.first() {
                return Err(Error::user(problem.reason.clone()));
            }
            out.extend(encoded.values.iter().map(|v| String::from_utf8_lossy(v.unwrap_or_default()).into_owned()));
        }
        Ok(out)
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().unwrap_or(f64::NAN).total_cmp(&y.as_f64().unwrap_or(f64::NAN)),
        },
        (Value::String(x), Value::String(y)) => x.cmp(y),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}
