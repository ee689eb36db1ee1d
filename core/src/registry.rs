//! Connectors by name.

use std::sync::Arc;

use async_trait::async_trait;

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::lookup::LookupSource;
use crate::options::{CheckedOptions, OptionSpec, check_options, nearest};
use crate::sink::OpenSink;
use crate::source::Source;
use crate::table::{BoundTable, TableBinding, TableSpec};

/// What a connector says about itself without any client. One descriptor a spelling: the options of
/// Flink's `kafka` and of Blink's `kafka011` differ, so they are two connectors that share a client.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Canonical name first, then aliases, all lower case.
    pub names: &'static [&'static str],
    /// The dialect whose WITH clause names it.
    pub dialect: Dialect,
    /// All options but `connector`/`type` and format options.
    pub options: &'static [OptionSpec],
    /// Whether a table can be read as a stream.
    pub source: bool,
    /// Whether a table can be written.
    pub sink: bool,
    /// Whether a table can be looked up.
    pub lookup: bool,
}

/// A connector: descriptor, meaning of options, and (where built in) a client.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it is called and which options it has.
    fn descriptor(&self) -> &Descriptor;

    /// Adapts a declaration before anything else looks at it: Blink's Kafka tables, for instance,
    /// declare `topic`, `partition` and `offset` like columns of the message. No I/O.
    ///
    /// # Errors
    /// Columns that such a table cannot have.
    fn declare(&self, table: TableSpec) -> Result<TableSpec> {
        Ok(table)
    }

    /// What a declaration means. No I/O. `options` have been checked against the descriptor.
    ///
    /// # Errors
    /// Combinations of options or columns that cannot work.
    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding>;

    /// Opens the table for reading.
    ///
    /// # Errors
    /// Where there is no client, or the system cannot be reached.
    async fn open_source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        Err(no_client(table))
    }
    /// Opens the table for writing.
    ///
    /// # Errors
    /// As for `open_source`.
    async fn open_sink(&self, table: &BoundTable) -> Result<OpenSink> {
        Err(no_client(table))
    }
    /// Opens the table for lookups by these columns.
    ///
    /// # Errors
    /// As for `open_source`.
    async fn open_lookup(&self, table: &BoundTable, keys: &[String]) -> Result<Arc<dyn LookupSource>> {
        let _ = keys;
        Err(no_client(table))
    }
}

fn no_client(table: &BoundTable) -> Error {
    Error::user(format!("connector '{}' of table '{}' has no client in this build", table.connector, table.spec.name))
        .help("run with --embedded DIR to use the embedded default in its place")
}

/// Opens bound tables: the registry itself, or something in front of it (the embedded default).
#[async_trait]
pub trait Opener: Send + Sync {
    /// Opens a table for reading.
    ///
    /// # Errors
    /// See [`Connector::open_source`].
    async fn source(&self, table: &BoundTable) -> Result<Arc<dyn Source>>;
    /// Opens a table for writing.
    ///
    /// # Errors
    /// See [`Connector::open_sink`].
    async fn sink(&self, table: &BoundTable) -> Result<OpenSink>;
    /// Opens a table for lookups.
    ///
    /// # Errors
    /// See [`Connector::open_lookup`].
    async fn lookup(&self, table: &BoundTable, keys: &[String]) -> Result<Arc<dyn LookupSource>>;
}

/// The connectors of a build.
#[derive(Default, Clone)]
pub struct Registry {
    connectors: Vec<Arc<dyn Connector>>,
}

impl Registry {
    /// No connectors.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds connectors: `Registry::new().with(kafka::connectors())`.
    #[must_use]
    pub fn with(mut self, connectors: impl IntoIterator<Item = Arc<dyn Connector>>) -> Self {
        self.connectors.extend(connectors);
        self
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Connector>> {
        self.connectors.iter()
    }
    /// The connector of a name in a dialect. `None`: no such name in that dialect.
    pub fn find(&self, dialect: Dialect, name: &str) -> Option<&Arc<dyn Connector>> {
        self.connectors.iter().find(|c| {
            let d = c.descriptor();
            d.dialect == dialect && d.names.iter().any(|n| n.eq_ignore_ascii_case(name))
        })
    }
    /// Every dialect that knows the name.
    pub fn dialects_of(&self, name: &str) -> Vec<Dialect> {
        let mut out: Vec<Dialect> = Vec::new();
        for c in &self.connectors {
            let d = c.descriptor();
            if d.names.iter().any(|n| n.eq_ignore_ascii_case(name)) && !out.contains(&d.dialect) {
                out.push(d.dialect);
            }
        }
        out
    }
    /// Checks a declaration and asks its connector what it means. `connector` is the value
    /// of `connector` or `type`; `spec.options` no longer contain it.
    ///
    /// # Errors
    /// Unknown connector (with the nearest name), bad options.
    pub fn bind(&self, connector: &str, spec: TableSpec) -> Result<BoundTable> {
        let connector =
            self.find(spec.dialect, connector).ok_or_else(|| self.unknown(spec.dialect, connector).at(spec.span))?;
        let d = connector.descriptor();
        let (span, name) = (spec.span, spec.name.clone());
        let place = |e: Error| e.at(span).context(format!("table {name}"));
        let spec = connector.declare(spec).map_err(place)?;
        let checked = check_options(d.options, &spec.options).map_err(place)?;
        let mut binding = connector.bind(&spec, &checked).map_err(place)?;
        binding.notes.splice(0..0, checked.notes);
        Ok(BoundTable { connector: d.names[0].to_owned(), options: checked.values, binding, spec })
    }

    fn unknown(&self, dialect: Dialect, name: &str) -> Error {
        let known: Vec<&str> = self
            .connectors
            .iter()
            .filter(|c| c.descriptor().dialect == dialect)
            .flat_map(|c| c.descriptor().names.iter().copied())
            .collect();
        let e = Error::user(format!("unknown connector '{name}' in the {dialect} dialect"));
        match nearest(name, known.iter().copied()) {
            Some(n) => e.help(format!("did you mean '{n}'?")),
            None => e.help(format!("known connectors: {}", known.join(", "))),
        }
    }

    fn of(&self, table: &BoundTable) -> Result<&Arc<dyn Connector>> {
        self.find(table.spec.dialect, &table.connector)
            .ok_or_else(|| self.unknown(table.spec.dialect, &table.connector))
    }
}

#[async_trait]
impl Opener for Registry {
    async fn source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        self.of(table)?.open_source(table).await
    }
    async fn sink(&self, table: &BoundTable) -> Result<OpenSink> {
        self.of(table)?.open_sink(table).await
    }
    async fn lookup(&self, table: &BoundTable, keys: &[String]) -> Result<Arc<dyn LookupSource>> {
        self.of(table)?.open_lookup(table, keys).await
    }
}
