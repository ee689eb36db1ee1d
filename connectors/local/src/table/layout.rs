//! Which SQLite columns a declared table has, and how they come out of and go into Arrow columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use tidegate_core::table::BoundTable;
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, Error, Result, ResultExt, SqlType};

use super::cell::ColumnBuilder;

/// One SQLite column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) ty: SqlType,
}

impl Stored {
    /// Two declarations of one column agree where they store it alike.
    pub(super) fn kind(&self) -> &'static str {
        match self.ty {
            SqlType::Null | SqlType::Char(_) | SqlType::VarChar(_) => "text",
            SqlType::Boolean => "boolean",
            SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => "integer",
            SqlType::IntervalYearMonth | SqlType::IntervalDayTime => "interval",
            SqlType::Float | SqlType::Double => "floating point",
            SqlType::Decimal(..) => "decimal",
            SqlType::Binary(_) | SqlType::VarBinary(_) => "bytes",
            SqlType::Date => "date",
            SqlType::Time(_) => "time",
            SqlType::Timestamp(_) => "timestamp",
            SqlType::TimestampLtz(_) => "timestamp with local time zone",
            SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => "nested",
        }
    }
    pub(super) fn sqlite_type(&self) -> &'static str {
        match self.kind() {
            "boolean" | "integer" | "interval" => "INTEGER",
            "floating point" => "REAL",
            "bytes" => "BLOB",
            _ => "TEXT",
        }
    }
}

/// The columns of a declaration.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// As declared.
    pub(super) columns: Vec<Column>,
    /// Whether ROWs are column families.
    families: bool,
}

impl Layout {
    /// Of a declared table: its physical columns.
    pub(super) fn of(table: &BoundTable) -> Layout {
        Layout { columns: table.spec.physical().cloned().collect(), families: table.connector.contains("hbase") }
    }

    /// The columns as they are, no families.
    pub(super) fn plain(columns: Vec<Column>) -> Layout {
        Layout { columns, families: false }
    }

    fn family<'a>(&self, c: &'a Column) -> Option<&'a [Column]> {
        match &c.data_type.ty {
            SqlType::Row(fields) if self.families => Some(fields),
            _ => None,
        }
    }

    /// The SQLite columns, in order.
    pub(super) fn stored(&self) -> Vec<Stored> {
        let mut out = Vec::new();
        for c in &self.columns {
            match self.family(c) {
                Some(fields) => out.extend(
                    fields
                        .iter()
                        .map(|f| Stored { name: format!("{}:{}", c.name, f.name), ty: f.data_type.ty.clone() }),
                ),
                None => out.push(Stored { name: c.name.clone(), ty: c.data_type.ty.clone() }),
            }
        }
        out
    }

    /// The carried columns of a batch as SQLite columns, families taken apart.
    pub(super) fn take_apart(&self, rows: &RecordBatch) -> Result<Vec<(Stored, ArrayRef)>> {
        let mut out = Vec::new();
        for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
            let column = self
                .columns
                .iter()
                .find(|c| c.name == *field.name())
                .or_else(|| self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(field.name())));
            let column =
                column.ok_or_else(|| Error::internal(format!("the table has no column '{}'", field.name())))?;
            if *array.data_type() != column.data_type.ty.to_arrow() {
                let what = format!("column '{}' is {}, not {}", column.name, column.data_type.ty, array.data_type());
                return Err(Error::internal(what));
            }
            match self.family(column) {
                None => {
                    out.push((Stored { name: column.name.clone(), ty: column.data_type.ty.clone() }, array.clone()));
                }
                Some(fields) => {
                    for (f, part) in fields.iter().zip(family_parts(array.as_struct())?) {
                        let name = format!("{}:{}", column.name, f.name);
                        out.push((Stored { name, ty: f.data_type.ty.clone() }, part));
                    }
                }
            }
        }
        Ok(out)
    }

    /// Puts SQLite rows (whose columns are `stored`, from index `first` on) together again.
    pub(super) fn builder(&self) -> RowsBuilder<'_> {
        let builders = self.stored().into_iter().map(|s| (ColumnBuilder::new(&s.ty), s.name)).collect();
        RowsBuilder { layout: self, builders, rows: 0 }
    }
}

/// The children of a struct, NULL where the struct is.
fn family_parts(family: &StructArray) -> Result<Vec<ArrayRef>> {
    let (_, columns, nulls) = family.clone().into_parts();
    let Some(nulls) = nulls else { return Ok(columns) };
    columns
        .into_iter()
        .map(|c| {
            let both = arrow_buffer::NullBuffer::union(c.nulls(), Some(&nulls));
            let data = c.to_data().into_builder().nulls(both).build();
            data.map(arrow_array::make_array).map_err(|e| Error::internal(format!("family: {e}")))
        })
        .collect()
}

/// Collects SQLite rows into a batch of the declared columns.
pub(super) struct RowsBuilder<'a> {
    layout: &'a Layout,
    builders: Vec<(ColumnBuilder, String)>,
    pub(super) rows: usize,
}

impl RowsBuilder<'_> {
    /// Adds a row whose columns begin at index `first`.
    pub(super) fn push(&mut self, row: &Row<'_>, first: usize) -> Result<()> {
        for (i, (builder, name)) in self.builders.iter_mut().enumerate() {
            let value = row.get_ref(first + i).map_err(|e| Error::internal(e.to_string()))?;
            builder.push(value).context(|| format!("column {name}"))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The batch.
    pub(super) fn finish(self) -> Result<RecordBatch> {
        let mut stored = self.builders.into_iter().map(|(b, _)| b.finish());
        let mut next = || stored.next().unwrap_or_else(|| Err(Error::internal("a column is missing")));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for c in &self.layout.columns {
            columns.push(match self.layout.family(c) {
                None => next()?,
                Some(fields) => {
                    let parts = fields.iter().map(|_| next()).collect::<Result<Vec<_>>>()?;
                    let arrow = fields.iter().map(Column::to_arrow).collect();
                    let family = StructArray::try_new_with_length(arrow, parts, None, self.rows);
                    Arc::new(family.map_err(|e| Error::internal(format!("family: {e}")))?)
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(arrow_schema(&self.layout.columns), columns, &options)
            .map_err(|e| Error::internal(format!("rows: {e}")))
    }
}
