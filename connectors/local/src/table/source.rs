//! A bounded scan of a table, in the order its rows were first written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_core::change::ChangeBatch;
use tidegate_core::source::{BatchLimits, Read, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::table::BoundTable;
use tidegate_core::{Column, Error, Result, ResultExt};

use super::file::{Access, TableFile, list, quoted, sql_error};

/// Reads a table once, from its first row to the last there is when reading begins. Start modes have
/// no meaning here: a table is read from its beginning.
///
/// A position is the row id of the last row read. Rows that others change meanwhile are read as they
/// are when their turn comes.
pub struct TableSource {
    root: PathBuf,
    name: String,
    declared: Option<BoundTable>,
    file: Arc<Mutex<TableFile>>,
}

impl TableSource {
    /// A source over the table of a declaration.
    ///
    /// # Errors
    /// As for [`TableFile::declare`].
    pub fn declare(root: &Path, name: &str, table: &BoundTable) -> Result<TableSource> {
        let file = Arc::new(Mutex::new(TableFile::declare(root, name, table, Access::Read)?));
        Ok(TableSource { root: root.to_owned(), name: name.to_owned(), declared: Some(table.clone()), file })
    }

    /// A source over all columns of a table that exists.
    ///
    /// # Errors
    /// As for [`TableFile::open`].
    pub fn open_existing(root: &Path, name: &str) -> Result<Option<TableSource>> {
        Ok(TableFile::open(root, name)?.map(|file| TableSource {
            root: root.to_owned(),
            name: name.to_owned(),
            declared: None,
            file: Arc::new(Mutex::new(file)),
        }))
    }

    /// The columns of its rows.
    pub fn columns(&self) -> Vec<Column> {
        self.file.lock().columns().to_vec()
    }

    fn last_row(&self) -> Result<i64> {
        let file = self.file.lock();
        let sql = format!("SELECT coalesce(max(rowid), {}) FROM {}", i64::MIN, quoted(&file.name));
        file.connection.query_row(&sql, [], |r| r.get(0)).map_err(sql_error).context(|| format!("table {}", self.name))
    }

    fn reopen(&self) -> Result<TableFile> {
        match &self.declared {
            Some(table) => TableFile::declare(&self.root, &self.name, table, Access::Read),
            None => TableFile::open(&self.root, &self.name)?
                .ok_or_else(|| Error::user(format!("table '{}' was deleted", self.name))),
        }
    }
}

fn row_of(position: &Position) -> Result<i64> {
    position.0.parse().map_err(|_| Error::user(format!("'{position}' is not a position in a table")))
}

#[async_trait]
impl Source for TableSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        let identity = self.file.lock().identity().to_owned();
        Ok(vec![Split { id: format!("table-{}", self.name), topic: self.name.clone(), partition: 0, identity }])
    }

    async fn resolve(&self, _: &Split, _: &StartMode) -> Result<Resolved> {
        Ok(Resolved { position: Position(i64::MIN.to_string()), skipped: Some(0) })
    }

    async fn bound(&self, _: &Split, _: &Bound) -> Result<Option<Position>> {
        self.last_row().map(|r| Some(Position(r.to_string())))
    }

    async fn open(&self, split: &Split, at: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let file = self.reopen()?;
        if file.identity() != split.identity {
            return Err(Error::user(format!("table '{}' was deleted and made again", self.name))
                .help("start the job anew (--fresh-state)"));
        }
        let end = end.map_or_else(|| self.last_row(), row_of)?;
        let columns = list(file.layout.stored().iter().map(|c| c.name.as_str()));
        let sql = format!(
            "SELECT rowid, {columns} FROM {} WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid LIMIT ?3",
            quoted(&file.name)
        );
        Ok(Box::new(TableReader { file, sql, last: row_of(at)?, end }))
    }
}

struct TableReader {
    file: TableFile,
    sql: String,
    last: i64,
    end: i64,
}

impl SplitReader for TableReader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        if self.last >= self.end {
            return Ok(Read::End);
        }
        let place = || format!("table {}", self.file.name);
        let mut statement = self.file.connection.prepare_cached(&self.sql).map_err(sql_error).context(place)?;
        let limit = limits.rows.max(1) as i64;
        let mut rows = statement.query([self.last, self.end, limit]).map_err(sql_error).context(place)?;
        let mut builder = self.file.layout.builder();
        let mut last = self.last;
        while let Some(row) = rows.next().map_err(sql_error).context(place)? {
            last = row.get(0).map_err(sql_error)?;
            builder.push(row, 1).map_err(|e| e.context(format!("row {last}"))).context(place)?;
        }
        if builder.rows == 0 {
            self.last = self.end;
            return Ok(Read::End);
        }
        self.last = last;
        Ok(Read::Rows(ChangeBatch::append(builder.finish()?), Position(last.to_string())))
    }

    fn position(&self) -> Position {
        Position(self.last.to_string())
    }
}
