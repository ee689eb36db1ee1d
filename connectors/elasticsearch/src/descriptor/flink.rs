//! Flink's `elasticsearch-7` and its neighbours. With a primary key documents are replaced and
//! deleted by id; without, they are appended.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Duration, Integer, OneOf, Size, Text};

/// Index tables. Version 6 has document types.
pub struct Flink {
    six: bool,
}

impl Flink {
    /// `elasticsearch-6`
    pub const SIX: Flink = Flink { six: true };
    /// `elasticsearch-7` and `elasticsearch-8`
    pub const LATER: Flink = Flink { six: false };
}

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("hosts", Text, "'http://host:9200;http://host:9200'").required(),
    opt("index", Text, "The index, or 'name-{column|yyyy-MM-dd}'.").required(),
    opt("document-id.key-delimiter", Text, "Between the parts of the id.").default("_"),
    opt("username", Text, "The user."),
    opt("password", OptionKind::Secret, "The password."),
    opt("failure-handler", Text, "Accepted; refused documents are handled by tidegate.on-error.").default("fail"),
    opt("sink.delivery-guarantee", OneOf(&["at-least-once", "none"]), "Accepted; writes converge by id."),
    opt("sink.flush-on-checkpoint", Boolean, "Accepted; epochs decide.").default("true"),
    opt("sink.bulk-flush.max-actions", Integer, "Documents written at once.").default("1000"),
    opt("sink.bulk-flush.max-buffered-actions", Integer, "Accepted.").default("10000"),
    opt("sink.bulk-flush.max-in-flight-actions", Integer, "Accepted.").default("50"),
    opt("sink.bulk-flush.max-size", Size, "Bytes written at once.").default("2mb"),
    opt("sink.bulk-flush.interval", Duration, "Accepted; the epoch is the interval.").default("1 s"),
    opt("sink.bulk-flush.backoff.strategy", OneOf(&["DISABLED", "CONSTANT", "EXPONENTIAL"]), "Accepted.")
        .default("DISABLED"),
    opt("sink.bulk-flush.backoff.max-retries", Integer, "Accepted; decided rows are tried until they are written."),
    opt("sink.bulk-flush.backoff.delay", Duration, "Accepted."),
    opt("sink.parallelism", Integer, "Most tasks that write."),
    opt("connection.path-prefix", Text, "Before every path."),
    opt("connection.request-timeout", Duration, "How long a request may take."),
    opt("connection.timeout", Duration, "How long connecting may take."),
    opt("socket.timeout", Duration, "How long a silence may take."),
    opt("ssl.certificate-fingerprint", Text, "The server certificate's SHA-256."),
    opt("format", OneOf(&["json"]), "How documents are encoded.").default("json"),
    opt("json.*", Text, "Accepted; documents are JSON."),
];

const TYPE: OptionSpec = opt("document-type", Text, "The type of the documents.");

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct FlinkOptions {
    /// Addresses separated by `;`.
    pub hosts: String,
    /// The index or its pattern.
    pub index: String,
    /// Version 6: the document type.
    #[serde(rename = "document-type", default)]
    pub document_type: Option<String>,
    /// Between the parts of the id.
    #[serde(rename = "document-id.key-delimiter", default = "underscore")]
    pub key_delimiter: String,
    /// The user.
    #[serde(default)]
    pub username: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(rename = "sink.parallelism", default)]
    parallelism: Option<u32>,
}

fn underscore() -> String {
    "_".to_owned()
}

impl Connector for Flink {
    fn descriptor(&self) -> &Descriptor {
        static SIX: LazyLock<Descriptor> = LazyLock::new(|| {
            let options = Box::leak([OWN, &[TYPE.required()]].concat().into_boxed_slice());
            descriptor(&["elasticsearch-6"], options)
        });
        static LATER: LazyLock<Descriptor> = LazyLock::new(|| descriptor(&["elasticsearch-7", "elasticsearch-8"], OWN));
        if self.six { &SIX } else { &LATER }
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: FlinkOptions = options.typed()?;
        for host in typed.hosts.split(';').map(str::trim) {
            let place = host.strip_prefix("http://").or_else(|| host.strip_prefix("https://"));
            if !place.is_some_and(|p| p.contains(':')) {
                return Err(
                    Error::user(format!("option 'hosts': '{host}' is not an address")).help("write 'http://host:9200'")
                );
            }
        }
        check_index(table, &typed.index)?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.index });
        binding.sink = if table.primary_key.is_empty() { SinkChanges::AppendOnly } else { SinkChanges::Upsert };
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

fn descriptor(names: &'static [&'static str], options: &'static [OptionSpec]) -> Descriptor {
    Descriptor { names, dialect: Dialect::Flink, options, source: false, sink: true, lookup: false }
}

/// A dynamic index names a column: `x-{ts|yyyy-MM-dd}`.
fn check_index(table: &TableSpec, index: &str) -> Result<()> {
    let Some((_, rest)) = index.split_once('{') else { return Ok(()) };
    let Some((inner, _)) = rest.split_once('}') else {
        return Err(Error::user(format!("option 'index': '{index}' lacks a '}}'")));
    };
    let column = inner.split('|').next().unwrap_or_default().trim();
    let is_clock = ["now()", "NOW()", "CURRENT_TIMESTAMP"].contains(&column);
    if is_clock || table.physical().any(|c| c.name == column) {
        return Ok(());
    }
    Err(Error::user(format!("option 'index' names '{column}', which is not a column of the table")))
}
