//! `print`: rows on standard output as Flink prints them: `+I[1, 课堂, 2020-08-27T00:00]`.
//!
//! At least once: after a crash the rows of the last epoch may be printed again.

use std::fmt::Write as _;
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use async_trait::async_trait;
use tidegate_core::change::ChangeBatch;
use tidegate_core::dialect::Dialect;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::sink::{OpenSink, Scope, Sink, SinkInput, SinkLevel};
use tidegate_core::table::{BoundTable, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Column, Error, Result, SqlType};
use tidegate_formats::text::decimal::decimal_to_string;

use super::option;
use crate::text;

const OPTIONS: &[OptionSpec] = &[
    option("print-identifier", OptionKind::Text, "", "Stands before every row: 'identifier> +I[…]'."),
    option("standard-error", OptionKind::Boolean, "false", "Print to standard error in place of standard output."),
    option("sink.parallelism", OptionKind::Ignored, "", "rows are printed by one writer"),
];

pub(super) struct Print {
    descriptor: Descriptor,
}

impl Print {
    pub(super) fn new(dialect: Dialect) -> Self {
        let descriptor =
            Descriptor { names: &["print"], dialect, options: OPTIONS, source: false, sink: true, lookup: false };
        Print { descriptor }
    }
}

#[async_trait]
impl Connector for Print {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn bind(&self, _: &TableSpec, _: &CheckedOptions) -> Result<TableBinding> {
        let mut binding = TableBinding::new(Resource::Own);
        binding.sink = SinkChanges::All;
        Ok(binding)
    }

    async fn open_sink(&self, table: &BoundTable) -> Result<OpenSink> {
        let sink = PrintSink {
            columns: table.spec.writable().map(|c| c.column.clone()).collect(),
            prefix: table.options.get("print-identifier").map(|i| format!("{i}> ")).unwrap_or_default(),
            standard_error: table.options.get("standard-error").is_some_and(|v| v == "true"),
        };
        let identity = format!("print {}", table.spec.name);
        Ok(OpenSink { input: SinkInput::Columns, level: SinkLevel::Append(Box::new(sink)), identity })
    }
}

struct PrintSink {
    columns: Vec<Column>,
    prefix: String,
    standard_error: bool,
}

impl PrintSink {
    fn lines(&self, rows: &[ChangeBatch]) -> Result<String> {
        let mut out = String::new();
        for batch in rows {
            let columns = self.typed(batch)?;
            for i in 0..batch.len() {
                out += &self.prefix;
                out += batch.kind(i).symbol();
                list(&mut out, '[', columns.iter().map(|(ty, c)| (*ty, *c, i)), ']');
                out.push('\n');
            }
        }
        Ok(out)
    }

    fn typed<'a>(&'a self, batch: &'a ChangeBatch) -> Result<Vec<(&'a SqlType, &'a ArrayRef)>> {
        let schema = batch.rows.schema();
        let fields = schema.fields().iter().zip(batch.rows.columns());
        fields
            .map(|(f, c)| {
                let column = self.columns.iter().find(|k| k.name.eq_ignore_ascii_case(f.name()));
                column
                    .filter(|k| k.data_type.ty.to_arrow() == *c.data_type())
                    .map(|k| (&k.data_type.ty, c))
                    .ok_or_else(|| Error::internal(format!("print: no column '{}' of {}", f.name(), c.data_type())))
            })
            .collect()
    }
}

#[async_trait]
impl Sink for PrintSink {
    async fn write(&self, _: &Scope, rows: &[ChangeBatch]) -> Result<()> {
        let lines = self.lines(rows)?;
        if self.standard_error {
            std::io::stderr().lock().write_all(lines.as_bytes())?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(lines.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }
}

fn list<'a>(
    out: &mut String,
    open: char,
    items: impl Iterator<Item = (&'a SqlType, &'a ArrayRef, usize)>,
    close: char,
) {
    out.push(open);
    for (n, (ty, column, i)) in items.enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        value(out, ty, column, i);
    }
    out.push(close);
}

/// A value as Java's `toString` of its class gives it.
fn value(out: &mut String, ty: &SqlType, column: &ArrayRef, i: usize) {
    if column.is_null(i) {
        out.push_str("null");
        return;
    }
    // Writing into a String cannot fail.
    let _ = match ty {
        SqlType::Null => write!(out, "null"),
        SqlType::Boolean => write!(out, "{}", column.as_boolean().value(i)),
        SqlType::TinyInt => write!(out, "{}", column.as_primitive::<Int8Type>().value(i)),
        SqlType::SmallInt => write!(out, "{}", column.as_primitive::<Int16Type>().value(i)),
        SqlType::Int => write!(out, "{}", column.as_primitive::<Int32Type>().value(i)),
        SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
            write!(out, "{}", column.as_primitive::<Int64Type>().value(i))
        }
        SqlType::Float => {
            let f = column.as_primitive::<Float32Type>().value(i);
            write!(out, "{}", java_float(f64::from(f), &format!("{f:?}"), &format!("{f:e}")))
        }
        SqlType::Double => {
            let d = column.as_primitive::<Float64Type>().value(i);
            write!(out, "{}", java_float(d, &format!("{d:?}"), &format!("{d:e}")))
        }
        SqlType::Decimal(_, s) => {
            write!(out, "{}", decimal_to_string(column.as_primitive::<Decimal128Type>().value(i), *s))
        }
        SqlType::Char(_) | SqlType::VarChar(_) => write!(out, "{}", column.as_string::<i32>().value(i)),
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            let bytes: Vec<i8> = column.as_binary::<i32>().value(i).iter().map(|b| *b as i8).collect();
            write!(out, "{bytes:?}")
        }
        SqlType::Date => write!(out, "{}", text::date(i64::from(column.as_primitive::<Date32Type>().value(i)))),
        SqlType::Time(_) => {
            let micros = i64::from(column.as_primitive::<Time32MillisecondType>().value(i)) * 1000;
            write!(out, "{}", short_clock(&text::time(micros)))
        }
        SqlType::Timestamp(_) => {
            let text = text::timestamp(column.as_primitive::<TimestampMicrosecondType>().value(i));
            let (day, clock) = text.split_once(' ').unwrap_or((&text, ""));
            write!(out, "{day}T{}", short_clock(clock))
        }
        SqlType::TimestampLtz(_) => {
            let text = text::timestamp(column.as_primitive::<TimestampMicrosecondType>().value(i));
            write!(out, "{}Z", text.replace(' ', "T"))
        }
        SqlType::Row(fields) => {
            out.push_str("+I");
            let row = column.as_struct();
            list(out, '[', fields.iter().zip(row.columns()).map(|(f, c)| (&f.data_type.ty, c, i)), ']');
            Ok(())
        }
        SqlType::Array(e) => {
            let items = column.as_list::<i32>().value(i);
            list(out, '[', (0..items.len()).map(|k| (&e.ty, &items, k)), ']');
            Ok(())
        }
        SqlType::Map(k, v) => {
            let entries = column.as_map().value(i);
            out.push('{');
            for n in 0..entries.len() {
                out.push_str(if n > 0 { ", " } else { "" });
                value(out, &k.ty, entries.column(0), n);
                out.push('=');
                value(out, &v.ty, entries.column(1), n);
            }
            out.push('}');
            Ok(())
        }
    };
}

/// Java leaves seconds out where they and the fraction are zero.
fn short_clock(clock: &str) -> &str {
    if clock.len() == 8 { clock.strip_suffix(":00").unwrap_or(clock) } else { clock }
}

/// Java's text of a floating point number, from its shortest plain and exponential digits.
fn java_float(value: f64, plain: &str, exponential: &str) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        plain.to_owned()
    } else {
        let (digits, exponent) = exponential.split_once('e').unwrap_or((exponential, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        format!("{digits}{point}E{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int8Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use tidegate_core::types::arrow_schema;

    #[test]
    fn rows_look_as_flink_prints_them() {
        let columns = vec![
            Column::new("a", SqlType::Double.nullable()),
            Column::new("b", SqlType::STRING.nullable()),
            Column::new("c", SqlType::Timestamp(3).nullable()),
        ];
        let rows = RecordBatch::try_new(
            arrow_schema(&columns),
            vec![
                Arc::new(Float64Array::from(vec![1.0, 2.5e-7, 1.0e7])),
                Arc::new(StringArray::from(vec![Some("课堂"), None, Some("")])),
                Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000, 60_000_000])),
            ],
        )
        .unwrap();
        let batch = ChangeBatch::new(rows, Int8Array::from(vec![0, 2, 3])).unwrap();
        let sink = PrintSink { columns, prefix: "x> ".into(), standard_error: false };
        assert_eq!(
            sink.lines(&[batch]).unwrap(),
            "x> +I[1.0, 课堂, 1970-01-01T00:00]\nx> +U[2.5E-7, null, 1970-01-01T00:00:01.500]\nx> -D[1.0E7, , 1970-01-01T00:01]\n"
        );
    }
}
