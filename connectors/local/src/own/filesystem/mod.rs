//! `filesystem`: lines of JSON, CSV or anything (`raw`) in files.
//!
//! Reading: `path` is a file, or a directory whose files are read in the order of their names, a
//! split each; names that begin with `.` or `_` are left out. A record is a line (`\n` or `\r\n`);
//! empty lines are skipped but in `raw`; a quoted line break in CSV is not understood. A file ends
//! where it ended when it was opened. Its records' offsets are byte offsets.
//!
//! Writing: `path` is a directory. Each lane of a sink has one part file there, and beside it the
//! committed length and the fence in a hidden file: exactly once. Whoever reads the part file while
//! the sink runs may see the tail of an epoch that is not committed; this connector's own source
//! does not.

mod sink;
mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::dialect::Dialect;
use tidegate_core::format_options;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::sink::{OpenSink, SinkInput, SinkLevel};
use tidegate_core::source::Source;
use tidegate_core::table::{BoundTable, Format, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Error, Result};

use super::option;
use sink::FileSink;
use source::FileSource;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        required: true,
        ..option(
            "path",
            OptionKind::Text,
            "",
            "A file or directory to read, a directory to write; file:// may stand before it.",
        )
    },
    option(
        "source.monitor-interval",
        OptionKind::Duration,
        "",
        "Look for new files this often; without it the files there are at the start are read once.",
    ),
    option("source.path.regex-pattern", OptionKind::Text, "", "Read only files whose name matches as a whole."),
    option(
        "sink.rolling-policy.*",
        OptionKind::Ignored,
        "",
        "each lane writes one part file; rows are visible with each epoch",
    ),
    option("sink.partition-commit.*", OptionKind::Ignored, "", "files are not partitioned by columns"),
    option("sink.parallelism", OptionKind::Ignored, "", "each lane writes one part file"),
    option(
        "auto-compaction",
        OptionKind::Ignored,
        "false",
        "each lane writes one part file, there is nothing to compact",
    ),
    option("compaction.*", OptionKind::Ignored, "", "each lane writes one part file, there is nothing to compact"),
];

/// The connector.
pub struct Filesystem {
    descriptor: Descriptor,
}

impl Filesystem {
    pub(super) fn new(dialect: Dialect) -> Self {
        let options = format_options::with_formats(OPTIONS);
        let descriptor =
            Descriptor { names: &["filesystem"], dialect, options, source: true, sink: true, lookup: false };
        Filesystem { descriptor }
    }
}

#[async_trait]
impl Connector for Filesystem {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        path_of(options)?;
        pattern_of(options)?;
        let formats = format_options::parse(table, options)?
            .ok_or_else(|| Error::user("missing option 'format'").help("add 'format' = 'json' (or csv, raw)"))?;
        if formats.key.is_some() {
            return Err(Error::user("lines of files have no key").help("remove 'key.format' and 'key.fields'"));
        }
        let mut binding = TableBinding::new(Resource::Own);
        binding.value_format = Some(formats.value);
        binding.sink = SinkChanges::AppendOnly;
        Ok(binding)
    }

    async fn open_source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        let options = table.checked();
        let every = options.get("source.monitor-interval").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
        let keep_empty = matches!(table.binding.value_format, Some(Format::Raw(_)));
        Ok(Arc::new(FileSource { path: path_of(&options)?, pattern: pattern_of(&options)?, every, keep_empty }))
    }

    async fn open_sink(&self, table: &BoundTable) -> Result<OpenSink> {
        let path = path_of(&table.checked())?;
        let extension = match &table.binding.value_format {
            Some(Format::Json(_)) => "json",
            Some(Format::Csv(_)) => "csv",
            Some(Format::Raw(_)) | None => "txt",
        };
        let identity = format!("files {}", path.display());
        let sink = FileSink::new(path, extension)?;
        Ok(OpenSink {
            input: SinkInput::Messages { partitions: 1 },
            level: SinkLevel::Fenced(Box::new(sink)),
            identity,
        })
    }
}

fn path_of(options: &CheckedOptions) -> Result<PathBuf> {
    let path = options.get("path").unwrap_or_default();
    let local = match path.split_once("://") {
        None => path.strip_prefix("file:").unwrap_or(path),
        Some(("file", rest)) => rest,
        Some((scheme, _)) => {
            return Err(Error::user(format!("option 'path': files on {scheme}:// cannot be reached"))
                .help("use a local path; a mounted file system will do"));
        }
    };
    if local.is_empty() {
        return Err(Error::user("option 'path' is empty"));
    }
    Ok(PathBuf::from(local))
}

fn pattern_of(options: &CheckedOptions) -> Result<Option<regex::Regex>> {
    options
        .get("source.path.regex-pattern")
        .map(|p| regex::Regex::new(&format!("^(?:{p})$")))
        .transpose()
        .map_err(|e| Error::user(format!("option 'source.path.regex-pattern': {e}")))
}

#[cfg(test)]
mod tests;
