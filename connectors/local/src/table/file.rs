//! The SQLite file of a table: opening it, declaring it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior};
use tidegate_core::table::BoundTable;
use tidegate_core::{Column, Error, Result, ResultExt, Retry};

use super::declare::{Change, Declared, Schema, merge};
use super::layout::{Layout, Stored};
use crate::files::{file_name, make_dir, name_of_file, random_id, sync_dir};

/// Why a table is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To scan it or look rows up.
    Read,
    /// To write it: its key must be that of the other writers.
    Write,
}

/// An open table.
pub struct TableFile {
    pub(super) connection: Connection,
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) schema: Schema,
    path: PathBuf,
    inode: u64,
}

impl TableFile {
    /// Opens the table a declaration stands for below an embedded directory. One that is missing is
    /// made from the declaration, columns that are missing are added.
    ///
    /// # Errors
    /// Where the declaration contradicts another one of the same table, or the file cannot be used.
    pub fn declare(root: &Path, name: &str, table: &BoundTable, access: Access) -> Result<TableFile> {
        let layout = Layout::of(table);
        let keyed = &table.spec.primary_key;
        let primary_key = if keyed.is_empty() { &table.binding.key_columns } else { keyed };
        let span = table.spec.span;
        let who =
            if span.is_known() { format!("{} (line {})", table.spec.name, span.line) } else { table.spec.name.clone() };
        let declared = Declared { columns: layout.stored(), primary_key: primary_key.clone(), access, who };
        open(root, name, |path| Self::open_declared(path, name, layout, &declared))
            .map_err(|e| e.context(format!("table {}", table.spec.name)).at(span))
    }

    /// Opens a table as the declarations so far left it; `None` where there is none.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn open(root: &Path, name: &str) -> Result<Option<TableFile>> {
        if !path_of(root, name).exists() {
            return Ok(None);
        }
        open(root, name, |path| {
            let connection = connect(path)?;
            let Some(schema) = read_schema(&connection)? else { return Ok(None) };
            let column = |c: &Stored| Column::new(c.name.clone(), c.ty.clone().nullable());
            let layout = Layout::plain(schema.columns.iter().map(|k| column(&k.column)).collect());
            Ok(Some(TableFile {
                connection,
                name: name.to_owned(),
                layout,
                schema,
                inode: inode(path)?,
                path: path.to_owned(),
            }))
        })
        .map_err(|e| e.context(format!("table {name}")))
    }

    /// The names of all tables below an embedded directory, sorted.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn list(root: &Path) -> Result<Vec<String>> {
        let dir = root.join("tables");
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let mut out = Vec::new();
        for entry in fs::read_dir(&dir).context(|| dir.display().to_string())? {
            let file = entry?.file_name();
            out.extend(file.to_str().and_then(|f| f.strip_suffix(".db")).and_then(name_of_file));
        }
        out.sort();
        Ok(out)
    }

    /// The columns this handle reads and writes.
    pub fn columns(&self) -> &[Column] {
        &self.layout.columns
    }
    /// The columns that make up the key; empty: rows are appended.
    pub fn primary_key(&self) -> &[String] {
        &self.schema.primary_key
    }
    /// Random, made with the file.
    pub fn identity(&self) -> &str {
        &self.schema.identity
    }
    /// How many rows there are.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn count(&self) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&self.name));
        let n: i64 = self.connection.query_row(&sql, [], |r| r.get(0)).map_err(sql_error)?;
        Ok(n as u64)
    }

    fn open_declared(path: &Path, name: &str, layout: Layout, declared: &Declared) -> Result<TableFile> {
        let mut connection = connect(path)?;
        let fresh = random_id()?;
        let mut schema = read_schema(&connection)?;
        if !schema.as_ref().is_some_and(|s| matches!(merge(Some(s), declared, true, &fresh), Ok(Change::None))) {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
            // Another process may have been faster: decide again inside the transaction.
            schema = read_schema(&tx)?;
            let is_empty = schema.is_none() || is_empty(&tx, name)?;
            let change = merge(schema.as_ref(), declared, is_empty, &fresh)?;
            if let Some(new) = carry_out(&tx, name, change, schema.is_some())? {
                schema = Some(new);
            }
            tx.commit().map_err(sql_error)?;
        }
        let schema = schema.ok_or_else(|| Error::internal("a declared table has no schema"))?;
        Ok(TableFile { connection, name: name.to_owned(), layout, schema, inode: inode(path)?, path: path.to_owned() })
    }

    /// Fails where the file was deleted or replaced: writes would go nowhere.
    pub(super) fn check_identity(&self) -> Result<()> {
        let same = inode(&self.path).is_ok_and(|i| i == self.inode);
        if same {
            return Ok(());
        }
        Err(Error::user(format!("the file of table '{}' was deleted or replaced while it was open", self.name))
            .help("restore the file, or start the job anew (--fresh-state)"))
    }
}

fn open<T>(root: &Path, name: &str, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    if name.is_empty() || name.to_ascii_lowercase().starts_with("sqlite_") || name.starts_with("_tidegate") {
        return Err(Error::user(format!("'{name}' cannot be the name of an embedded table")));
    }
    let path = path_of(root, name);
    let dir = root.join("tables");
    make_dir(&dir)?;
    let is_new = !path.exists();
    let result = work(&path)?;
    if is_new {
        sync_dir(&dir)?;
    }
    Ok(result)
}

fn path_of(root: &Path, name: &str) -> PathBuf {
    root.join("tables").join(format!("{}.db", file_name(name)))
}

fn inode(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|m| m.ino()).context(|| path.display().to_string())
}

/// A connection that waits for others, writes ahead and syncs every commit.
fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(sql_error)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(sql_error)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;")
        .map_err(sql_error)?;
    Ok(connection)
}

fn read_schema(connection: &Connection) -> Result<Option<Schema>> {
    let there: bool = connection
        .query_row("SELECT count(*) FROM sqlite_master WHERE name = '_tidegate'", [], |r| r.get(0))
        .map_err(sql_error)?;
    if !there {
        return Ok(None);
    }
    let text: Option<String> = connection
        .query_row("SELECT value FROM _tidegate WHERE key = 'schema'", [], |r| r.get(0))
        .optional()
        .map_err(sql_error)?;
    text.map(|t| serde_json::from_str(&t))
        .transpose()
        .map_err(|e| Error::external(format!("its schema cannot be understood: {e}")).fatal())
}

fn is_empty(tx: &Transaction<'_>, name: &str) -> Result<bool> {
    let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", quoted(name));
    tx.query_row(&sql, [], |r| r.get(0)).map_err(sql_error)
}

fn carry_out(tx: &Transaction<'_>, name: &str, change: Change, exists: bool) -> Result<Option<Schema>> {
    let table = quoted(name);
    let column = |c: &Stored| format!("{} {}", quoted(&c.name), c.sqlite_type());
    let schema = match change {
        Change::None => return Ok(None),
        Change::Make(schema) => {
            if exists {
                tx.execute_batch(&format!("DROP TABLE {table}")).map_err(sql_error)?;
            }
            let mut parts: Vec<String> = schema.columns.iter().map(|k| column(&k.column)).collect();
            if !schema.primary_key.is_empty() {
                parts.push(format!("PRIMARY KEY ({})", list(schema.primary_key.iter())));
            }
            tx.execute_batch(&format!(
                "CREATE TABLE {table} ({});
                 CREATE TABLE IF NOT EXISTS _tidegate (key TEXT PRIMARY KEY, value TEXT);
                 CREATE TABLE IF NOT EXISTS _tidegate_fence (job TEXT, sink TEXT, lane INTEGER, run TEXT,
                   incarnation TEXT, position INTEGER, epoch INTEGER, digest INTEGER, PRIMARY KEY (job, sink, lane));",
                parts.join(", ")
            ))
            .map_err(sql_error)?;
            schema
        }
        Change::Add(schema, added) => {
            for k in &schema.columns[schema.columns.len() - added..] {
                tx.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {}", column(&k.column)))
                    .map_err(sql_error)?;
            }
            schema
        }
    };
    let text = serde_json::to_string(&schema).map_err(|e| Error::internal(e.to_string()))?;
    tx.execute("INSERT OR REPLACE INTO _tidegate VALUES ('schema', ?1)", [text]).map_err(sql_error)?;
    Ok(Some(schema))
}

/// A name as SQLite takes any.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"a", "b"`
pub(super) fn list<S: AsRef<str>>(names: impl Iterator<Item = S>) -> String {
    names.map(|n| quoted(n.as_ref())).collect::<Vec<_>>().join(", ")
}

/// SQLite's errors by whose fault they are.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn sql_error(e: rusqlite::Error) -> Error {
    let text = format!("SQLite: {e}");
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::external(text).retry(Retry::After(Duration::from_millis(50)))
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::external(text).fatal(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            Error::external(text)
        }
        Some(ErrorCode::ConstraintViolation) => Error::user(text),
        _ => Error::internal(text),
    }
}
