//! A table as a fenced sink: rows and fence change in one transaction.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array, ArrayRef};
use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tidegate_core::change::{ChangeBatch, RowKind};
use tidegate_core::fencing::{check_apply, check_rows, claimed};
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, OpenSink, Scope, SinkInput, SinkLevel, outcome_of,
};
use tidegate_core::table::{BoundTable, SinkChanges};
use tidegate_core::{Error, Result};

use super::cell;
use super::fence::{read_fence, remove_fence, write_fence};
use super::file::{Access, TableFile, list, quoted, sql_error};
use super::layout::Stored;

/// Writes a table, exactly once. `+I` and `+U` insert or, with a key, replace the carried columns;
/// `-D` deletes by key (or is counted, where the declaration says that deletes are ignored); `-U` is
/// what the next row replaces anyway.
pub struct TableSink {
    file: Arc<Mutex<TableFile>>,
    deletes: Deletes,
    ignored: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletes {
    ByKey,
    Ignored,
}

impl TableSink {
    /// A sink for the table of a declaration.
    ///
    /// # Errors
    /// As for [`TableFile::declare`].
    pub fn declare(root: &Path, name: &str, table: &BoundTable) -> Result<TableSink> {
        let file = TableFile::declare(root, name, table, Access::Write)?;
        let keyed = !file.primary_key().is_empty();
        let deletes = match table.binding.sink {
            SinkChanges::Upsert | SinkChanges::AppendOnly if keyed => Deletes::ByKey,
            _ => Deletes::Ignored,
        };
        Ok(TableSink { file: Arc::new(Mutex::new(file)), deletes, ignored: Arc::default() })
    }

    /// The sink as openers give it.
    pub fn into_open(self) -> OpenSink {
        let identity = {
            let file = self.file.lock();
            format!("table {} {}", file.name, file.identity())
        };
        OpenSink { input: SinkInput::Columns, identity, level: SinkLevel::Fenced(Box::new(self)) }
    }

    /// How many deletes have been ignored.
    pub fn ignored_deletes(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    async fn off_task<R: Send + 'static>(&self, work: impl FnOnce(&mut TableFile) -> R + Send + 'static) -> Result<R> {
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || work(&mut file.lock()))
            .await
            .map_err(|e| Error::internal(format!("table sink: {e}")))
    }
}

#[async_trait]
impl FencedSink for TableSink {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        let scope = scope.clone();
        self.off_task(move |file| {
            file.check_identity()?;
            read_fence(&file.connection, &scope)
        })
        .await?
    }

    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        self.claim_if(scope, fence, Arc::new(|_| true)).await
    }

    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let (scope, fence) = (scope.clone(), fence.clone());
        self.off_task(move |file| {
            file.check_identity()?;
            let tx = file.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
            let before = read_fence(&tx, &scope)?;
            if !admits(before.as_ref()) {
                return Ok(before);
            }
            write_fence(&tx, &scope, &claimed(before.as_ref(), &fence))?;
            tx.commit().map_err(sql_error)?;
            Ok(before)
        })
        .await?
    }

    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let (unit, deletes, ignored) = (unit.clone(), self.deletes, self.ignored.clone());
        let done = self.off_task(move |file| apply(file, &unit, deletes, &ignored).unwrap_or_else(|e| outcome_of(&e)));
        done.await.unwrap_or_else(|e| CommitOutcome::Unknown(e.to_string()))
    }

    async fn retire(&self, scope: &Scope) -> Result<()> {
        let scope = scope.clone();
        self.off_task(move |file| {
            file.check_identity()?;
            remove_fence(&file.connection, &scope)
        })
        .await?
    }
}

fn apply(file: &mut TableFile, unit: &ApplyUnit, deletes: Deletes, ignored: &AtomicU64) -> Result<CommitOutcome> {
    file.check_identity()?;
    check_rows(unit)?;
    let TableFile { connection, name, layout, schema, .. } = file;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
    if let Err(outcome) = check_apply(read_fence(&tx, &unit.scope)?.as_ref(), unit) {
        return Ok(outcome);
    }
    let mut writer =
        BatchWriter { connection: &tx, name, key: &schema.primary_key, deletes, rejected: Vec::new(), ignored: 0 };
    let mut first = 0;
    for batch in &unit.rows {
        writer.write(batch, &layout.take_apart(&batch.rows)?, first)?;
        first += batch.len() as u64;
    }
    let (rejected, not_deleted) = (writer.rejected, writer.ignored);
    if !rejected.is_empty() {
        return Ok(CommitOutcome::Rejected(rejected));
    }
    write_fence(&tx, &unit.scope, &unit.fence)?;
    if let Err(e) = tx.commit() {
        return Ok(CommitOutcome::Unknown(sql_error(e).to_string()));
    }
    ignored.fetch_add(not_deleted, Ordering::Relaxed);
    Ok(CommitOutcome::Committed)
}

struct BatchWriter<'a> {
    connection: &'a Connection,
    name: &'a str,
    key: &'a [String],
    deletes: Deletes,
    rejected: Vec<(u64, String)>,
    ignored: u64,
}

impl BatchWriter<'_> {
    /// Writes the rows of a batch; `first` is the offset of its first row in the unit.
    fn write(&mut self, batch: &ChangeBatch, columns: &[(Stored, ArrayRef)], first: u64) -> Result<()> {
        let key: Vec<&(Stored, ArrayRef)> = self
            .key
            .iter()
            .map(|k| {
                let found = columns.iter().find(|(s, _)| s.name.eq_ignore_ascii_case(k));
                found.ok_or_else(|| Error::internal(format!("the rows lack the key column '{k}'")))
            })
            .collect::<Result<_>>()?;
        let mut upsert = self.connection.prepare_cached(&self.upsert_sql(columns)).map_err(sql_error)?;
        let mut delete = match self.key {
            [] => None,
            _ => Some(self.connection.prepare_cached(&self.delete_sql()).map_err(sql_error)?),
        };
        for i in 0..batch.len() {
            let (statement, values) = match (batch.kind(i), &mut delete) {
                (RowKind::Insert | RowKind::UpdateAfter, _) => (&mut upsert, None),
                (RowKind::Delete, Some(delete)) if self.deletes == Deletes::ByKey => (delete, Some(&key)),
                (RowKind::Delete, _) => {
                    self.ignored += 1;
                    continue;
                }
                (RowKind::UpdateBefore, _) => continue,
            };
            if let Some((k, _)) = key.iter().find(|(_, c)| c.is_null(i)) {
                self.rejected.push((first + i as u64, format!("the key column '{}' is NULL", k.name)));
                continue;
            }
            let mut bind = |n: usize, (s, c): &(Stored, ArrayRef)| {
                statement.raw_bind_parameter(n + 1, cell::get(c, &s.ty, i)).map_err(sql_error)
            };
            match values {
                Some(key) => key.iter().enumerate().try_for_each(|(n, v)| bind(n, v))?,
                None => columns.iter().enumerate().try_for_each(|(n, v)| bind(n, v))?,
            }
            match statement.raw_execute().map_err(sql_error) {
                Ok(_) => {}
                Err(e) if e.domain() == tidegate_core::Domain::User => {
                    self.rejected.push((first + i as u64, e.to_string()));
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn upsert_sql(&self, columns: &[(Stored, ArrayRef)]) -> String {
        let names = || columns.iter().map(|(s, _)| s.name.as_str());
        let marks = vec!["?"; columns.len()].join(", ");
        let mut sql = format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(self.name), list(names()));
        if !self.key.is_empty() {
            let others: Vec<String> = names()
                .filter(|n| !self.key.iter().any(|k| k.eq_ignore_ascii_case(n)))
                .map(|n| format!("{0} = excluded.{0}", quoted(n)))
                .collect();
            let what =
                if others.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", others.join(", ")) };
            sql += &format!(" ON CONFLICT ({}) DO {what}", list(self.key.iter()));
        }
        sql
    }

    fn delete_sql(&self) -> String {
        let conditions: Vec<String> = self.key.iter().map(|k| format!("{} = ?", quoted(k))).collect();
        format!("DELETE FROM {} WHERE {}", quoted(self.name), conditions.join(" AND "))
    }
}
