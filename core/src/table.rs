//! Declared tables, and what a connector makes of a declaration without any I/O.

use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::error::Span;
use crate::options::{CheckedOptions, OptionEntry};
use crate::split::{Bound, StartMode};
use crate::types::Column;

/// A CREATE TABLE, parsed and typed, options still as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSpec {
    /// Name as declared.
    pub name: String,
    /// The dialect it was written in.
    pub dialect: Dialect,
    /// All columns in order.
    pub columns: Vec<TableColumn>,
    /// Names of the primary-key columns; empty for none.
    pub primary_key: Vec<String>,
    /// `PERIOD FOR SYSTEM_TIME` or `SIDE DIMENSION SIGN` was given.
    pub is_dimension: bool,
    /// The WITH clause, hints and variables applied.
    pub options: Vec<OptionEntry>,
    /// Where it was declared.
    pub span: Span,
}

impl TableSpec {
    /// A declaration that stands in no SQL: columns that are in the data, no key, no options.
    pub fn new(name: &str, dialect: Dialect, columns: impl IntoIterator<Item: Into<Column>>) -> Self {
        let declared = |column| TableColumn { column, kind: ColumnKind::Physical, span: Span::default() };
        TableSpec {
            name: name.to_owned(),
            dialect,
            columns: columns.into_iter().map(|c| declared(c.into())).collect(),
            primary_key: Vec::new(),
            is_dimension: false,
            options: Vec::new(),
            span: Span::default(),
        }
    }
    /// With a primary key.
    #[must_use]
    pub fn with_key(mut self, columns: &[&str]) -> Self {
        self.primary_key = columns.iter().map(|c| (*c).to_owned()).collect();
        self
    }
    /// With these options in its WITH clause, after those it has.
    #[must_use]
    pub fn with_options<'a>(mut self, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entry =
            |(name, value): (&str, &str)| OptionEntry { name: name.into(), value: value.into(), span: Span::default() };
        self.options.extend(options.into_iter().map(entry));
        self
    }
}

/// A column of a declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Name and type.
    pub column: Column,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// Where it was declared.
    pub span: Span,
}

/// Where the values of a declared column come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// In the data.
    Physical,
    /// Known by the connector about the record.
    Metadata {
        /// The metadata key (`offset`, `timestamp`); the column's name where not given.
        key: String,
        /// VIRTUAL: not written by sinks.
        read_only: bool,
    },
    /// An expression over other columns; sources only.
    Computed,
}

impl TableSpec {
    /// The columns that are in the data, in order.
    pub fn physical(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.kind == ColumnKind::Physical).map(|c| &c.column)
    }
    /// The columns a sink writes: physical ones and writable metadata.
    pub fn writable(&self) -> impl Iterator<Item = &TableColumn> {
        self.columns.iter().filter(|c| match &c.kind {
            ColumnKind::Physical => true,
            ColumnKind::Metadata { read_only, .. } => !read_only,
            ColumnKind::Computed => false,
        })
    }
}

/// A declared table with everything its connector could say about it without I/O.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BoundTable {
    /// The declaration.
    pub spec: TableSpec,
    /// Canonical name of the connector: `kafka`, `upsert-kafka`, `rds`.
    pub connector: String,
    /// The options under canonical names.
    pub options: std::collections::BTreeMap<String, String>,
    /// What the options mean.
    pub binding: TableBinding,
}

/// The vendor-neutral meaning of a table's options. The embedded default runs from this alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableBinding {
    /// What is read or written.
    pub resource: Resource,
    /// How values (or files) are encoded; `None` for tables.
    pub value_format: Option<Format>,
    /// How keys are encoded; `None`: no key is read, and written keys are NULL.
    pub key_format: Option<Format>,
    /// The columns that make up the key, in order, named as in the table.
    pub key_columns: Vec<String>,
    /// Cut from the column names to get the names inside the key.
    pub key_prefix: String,
    /// Whether the value carries the key columns too.
    pub value_includes_key: bool,
    /// Where a source starts; `None`: the dialect's default.
    pub start: Option<StartMode>,
    /// Where a source ends; `None`: never.
    pub bound: Option<Bound>,
    /// What changes a source delivers.
    pub source: SourceChanges,
    /// What a sink does with changes.
    pub sink: SinkChanges,
    /// Columns that a sink writes with a new key but leaves alone where the key exists.
    pub not_updated: Vec<String>,
    /// Where the key exists, a NULL leaves the column as it is.
    pub null_keeps: bool,
    /// How a message sink chooses the partition.
    pub partitioner: Partitioner,
    /// A missing topic is made: `Some(None)` with the system's default number of partitions,
    /// `Some(Some(n))` with `n`. `None`: a missing topic is an error. Set from `tidegate.create-topics`.
    pub create_topic: Option<Option<u32>>,
    /// Whether writes are exactly once where the target can do that; otherwise at least once.
    pub exactly_once: bool,
    /// What exactly-once writes rest on beyond the job itself, for `explain`.
    #[serde(default)]
    pub limit: Option<String>,
    /// A zone of the table's own (`timeZone`).
    pub time_zone: Option<String>,
    /// Lookup settings.
    pub lookup: LookupOptions,
    /// Upper bound of sink or scan tasks the user asked for.
    pub parallelism: Option<u32>,
    /// Notes for the user: ignored options and the like.
    pub notes: Vec<String>,
}

impl TableBinding {
    /// A binding with everything at its plainest.
    pub fn new(resource: Resource) -> Self {
        TableBinding {
            resource,
            value_format: None,
            key_format: None,
            key_columns: Vec::new(),
            key_prefix: String::new(),
            value_includes_key: true,
            start: None,
            bound: None,
            source: SourceChanges::Append,
            sink: SinkChanges::AppendOnly,
            not_updated: Vec::new(),
            null_keeps: false,
            partitioner: Partitioner::ByKey,
            create_topic: None,
            exactly_once: true,
            limit: None,
            time_zone: None,
            lookup: LookupOptions::default(),
            parallelism: None,
            notes: Vec::new(),
        }
    }
}

/// What kind of thing a table stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A partitioned log. Embedded: a log on disk of this name.
    Log {
        /// The topics; one for a sink.
        topics: Vec<String>,
        /// A pattern that topics match, in place of names (sources only).
        pattern: Option<String>,
    },
    /// A table with rows that can be replaced. Embedded: an SQLite file of this name.
    Table {
        /// Its name.
        name: String,
    },
    /// The connector itself is local (datagen, filesystem, print, blackhole): embedded or not, it
    /// runs as it is.
    Own,
}

/// What changes a source delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceChanges {
    /// New rows only.
    Append,
    /// The newest row of each key; a NULL value deletes (upsert-kafka). Needs a normalise operator.
    Upsert,
    /// All kinds (change formats).
    All,
}

/// What a sink does with changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SinkChanges {
    /// An updating query is an error.
    AppendOnly,
    /// An updating query writes the newest values as further rows; deletes are not written.
    NewestValues,
    /// Insert or replace by primary key; deletes delete (log: a tombstone).
    Upsert,
    /// Insert or replace by primary key; deletes are ignored and counted.
    UpsertIgnoreDelete,
    /// Every change as it is, with its kind (print, blackhole).
    All,
    /// Every change is a row with a boolean `retract`: true for additions, false for retractions
    /// (UFlink `updateMode = 'upsert'`).
    RetractFlag,
}

/// How a message sink chooses a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Partitioner {
    /// murmur2 of the key; without a key in turn.
    ByKey,
    /// In turn, key or not.
    RoundRobin,
    /// Each task sticks to one partition.
    Fixed,
}

/// Lookup settings of a dimension table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupOptions {
    /// Which rows are kept.
    pub cache: LookupCache,
    /// Rows of an LRU cache.
    pub max_rows: u64,
    /// Milliseconds until an entry is asked again; `None`: never.
    pub ttl_ms: Option<i64>,
    /// Whether a key without rows is remembered too.
    pub cache_missing: bool,
    /// Tries after a failed lookup.
    pub max_retries: u32,
}

impl Default for LookupOptions {
    fn default() -> Self {
        LookupOptions { cache: LookupCache::None, max_rows: 10_000, ttl_ms: None, cache_missing: true, max_retries: 3 }
    }
}

/// Which rows a lookup keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupCache {
    /// None.
    None,
    /// The recently used.
    Lru,
    /// All of them, reloaded now and then.
    All,
}

/// How bytes stand for columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// JSON objects.
    Json(JsonFormat),
    /// Delimited text.
    Csv(CsvFormat),
    /// One column, its bytes as they are.
    Raw(RawFormat),
}

/// Options of the json format; names as in Flink without `json.`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonFormat {
    /// A missing field fails the record.
    pub fail_on_missing_field: bool,
    /// A bad field is NULL and a broken record is skipped, both counted.
    pub ignore_parse_errors: bool,
    /// Timestamp text.
    pub timestamps: TimestampText,
    /// What a NULL map key becomes when written.
    pub map_null_key: MapNullKey,
    /// DECIMAL without exponent when written.
    pub plain_decimals: bool,
    /// NULL fields are left out when written.
    pub omit_nulls: bool,
}

impl Default for JsonFormat {
    fn default() -> Self {
        JsonFormat {
            fail_on_missing_field: false,
            ignore_parse_errors: false,
            timestamps: TimestampText::Sql,
            map_null_key: MapNullKey::Fail,
            plain_decimals: false,
            omit_nulls: false,
        }
    }
}

/// `json.timestamp-format.standard`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimestampText {
    /// `2020-08-27 11:45:16.5`, instants with a trailing `Z`.
    Sql,
    /// `2020-08-27T11:45:16.5`, instants with a trailing `Z`.
    Iso8601,
}

/// `json.map-null-key.mode`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapNullKey {
    /// Fails the row.
    Fail,
    /// Leaves the entry out.
    Drop,
    /// Writes this text.
    Literal(String),
}

/// Options of the csv format; names as in Flink without `csv.`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvFormat {
    /// Between fields.
    pub delimiter: char,
    /// Around fields; `None` disables quoting.
    pub quote: Option<char>,
    /// Escapes the next character.
    pub escape: Option<char>,
    /// What stands for NULL; `None`: an empty field of a type other than text.
    pub null_literal: Option<String>,
    /// A bad field is NULL, a broken record is skipped, both counted.
    pub ignore_parse_errors: bool,
    /// Lines starting with `#` are skipped.
    pub allow_comments: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        CsvFormat {
            delimiter: ',',
            quote: Some('"'),
            escape: None,
            null_literal: None,
            ignore_parse_errors: false,
            allow_comments: false,
        }
    }
}

/// Options of the raw format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFormat {
    /// Numbers are little endian instead of big endian.
    pub little_endian: bool,
}

impl BoundTable {
    /// The checked options as the connector saw them.
    pub fn checked(&self) -> CheckedOptions {
        CheckedOptions { values: self.options.clone(), notes: Vec::new() }
    }
}
