//! A table as a dimension: rows by key.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_core::change::ChangeBatch;
use tidegate_core::lookup::LookupSource;
use tidegate_core::table::BoundTable;
use tidegate_core::{Error, Result, ResultExt};

use super::cell;
use super::file::{Access, TableFile, list, quoted, sql_error};
use super::layout::Stored;

/// Looks rows up by some columns. Columns that are not the key get an index.
pub struct TableLookup {
    file: Arc<Mutex<TableFile>>,
    keys: Vec<Stored>,
    by_key: String,
    all: String,
}

impl TableLookup {
    /// A lookup into the table of a declaration by these columns.
    ///
    /// # Errors
    /// As for [`TableFile::declare`]; unknown key columns.
    pub fn declare(root: &Path, name: &str, table: &BoundTable, keys: &[String]) -> Result<TableLookup> {
        let file = TableFile::declare(root, name, table, Access::Read)?;
        let stored = file.layout.stored();
        let keys = keys
            .iter()
            .map(|k| {
                let found = stored.iter().find(|s| s.name.eq_ignore_ascii_case(k)).cloned();
                found.ok_or_else(|| {
                    Error::user(format!("table '{}' has no column '{k}' to look up by", table.spec.name))
                })
            })
            .collect::<Result<Vec<Stored>>>()?;
        let names = || keys.iter().map(|k| k.name.as_str());
        let index = quoted(&format!("_tidegate_by_{}", names().collect::<Vec<_>>().join("_")));
        let table = quoted(name);
        file.connection
            .execute_batch(&format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({})", list(names())))
            .map_err(sql_error)
            .context(|| format!("table {name}"))?;
        let all = format!("SELECT {} FROM {table}", list(stored.iter().map(|s| s.name.as_str())));
        let conditions: Vec<String> = names().map(|n| format!("{} = ?", quoted(n))).collect();
        let by_key = format!("{all} WHERE {}", conditions.join(" AND "));
        Ok(TableLookup { file: Arc::new(Mutex::new(file)), keys, by_key, all })
    }
}

#[async_trait]
impl LookupSource for TableLookup {
    async fn lookup(&self, keys: &RecordBatch) -> Result<RecordBatch> {
        let (file, sql, stored, keys) = (self.file.clone(), self.by_key.clone(), self.keys.clone(), keys.clone());
        off_task(move || by_key(&file.lock(), &sql, &stored, &keys)).await
    }

    async fn scan(&self) -> Result<Vec<ChangeBatch>> {
        let (file, sql) = (self.file.clone(), self.all.clone());
        off_task(move || all(&file.lock(), &sql)).await
    }
}

async fn off_task<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal(format!("lookup: {e}")))?
}

fn by_key(file: &TableFile, sql: &str, stored: &[Stored], keys: &RecordBatch) -> Result<RecordBatch> {
    if keys.num_columns() != stored.len() {
        return Err(Error::internal(format!("a lookup by {} columns was given {}", stored.len(), keys.num_columns())));
    }
    for (key, column) in stored.iter().zip(keys.columns()) {
        if *column.data_type() != key.ty.to_arrow() {
            let what = format!("key column '{}' is {}, not {}", key.name, key.ty, column.data_type());
            return Err(Error::internal(what));
        }
    }
    let place = || format!("table {}", file.name);
    let mut statement = file.connection.prepare_cached(sql).map_err(sql_error).context(place)?;
    let mut builder = file.layout.builder();
    for i in 0..keys.num_rows() {
        if keys.columns().iter().any(|c| c.is_null(i)) {
            continue;
        }
        for (n, (key, column)) in stored.iter().zip(keys.columns()).enumerate() {
            statement.raw_bind_parameter(n + 1, cell::get(column, &key.ty, i)).map_err(sql_error)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(sql_error).context(place)? {
            builder.push(row, 0).context(place)?;
        }
    }
    builder.finish()
}

fn all(file: &TableFile, sql: &str) -> Result<Vec<ChangeBatch>> {
    const BATCH: usize = 8192;
    let place = || format!("table {}", file.name);
    let mut statement = file.connection.prepare_cached(sql).map_err(sql_error).context(place)?;
    let mut rows = statement.query([]).map_err(sql_error).context(place)?;
    let mut out = Vec::new();
    let mut builder = file.layout.builder();
    while let Some(row) = rows.next().map_err(sql_error).context(place)? {
        builder.push(row, 0).context(place)?;
        if builder.rows == BATCH {
            out.push(ChangeBatch::append(std::mem::replace(&mut builder, file.layout.builder()).finish()?));
        }
    }
    if builder.rows > 0 {
        out.push(ChangeBatch::append(builder.finish()?));
    }
    Ok(out)
}
