//! The kit against every sink of this crate, through the opener a job uses.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use tidegate_conformance::{Failure, fenced_sink, rows};
use tidegate_core::dialect::Dialect;
use tidegate_core::error::Span;
use tidegate_core::options::OptionEntry;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::source::{BatchLimits, Read, Source};
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::table::{BoundTable, ColumnKind, Resource, TableBinding, TableColumn, TableSpec};
use tidegate_core::{Error, Result};
use tidegate_local::Embedded;

fn spec(options: &[(&str, &str)]) -> TableSpec {
    let column = |column| TableColumn { column, kind: ColumnKind::Physical, span: Span::default() };
    let option = |(n, v): &(&str, &str)| OptionEntry { name: (*n).into(), value: (*v).into(), span: Span::default() };
    TableSpec {
        name: "t".into(),
        dialect: Dialect::Flink,
        columns: rows::columns().into_iter().map(column).collect(),
        primary_key: vec![],
        is_dimension: false,
        options: options.iter().map(option).collect(),
        span: Span::default(),
    }
}

fn bound(resource: Resource) -> BoundTable {
    BoundTable { spec: spec(&[]), connector: "any".into(), options: [].into(), binding: TableBinding::new(resource) }
}

fn embedded(dir: &Path) -> Embedded {
    Embedded::new(dir, Registry::new().with(tidegate_local::connectors()))
}

/// All that a reader of the table sees now.
async fn read_all(source: &dyn Source) -> Result<Vec<u64>> {
    let mut out = Vec::new();
    for split in source.splits().await? {
        let at = source.resolve(&split, &StartMode::Earliest).await?.position;
        let end = source.bound(&split, &Bound::Latest).await?;
        let mut reader = source.open(&split, &at, end.as_ref()).await?;
        loop {
            let limits = BatchLimits { rows: 3, bytes: 1 << 20, wait: std::time::Duration::ZERO };
            match reader.read(&limits)? {
                Read::Messages(m) => {
                    let number = |i| rows::number_of(m.value(i).unwrap_or_default());
                    let numbers: Option<Vec<u64>> = (0..m.records.len()).map(number).collect();
                    out.extend(numbers.ok_or_else(|| Error::internal("a message is not the kit's"))?);
                }
                Read::Rows(batch, _) => {
                    out.extend(batch.rows.column(0).as_primitive::<Int64Type>().values().iter().map(|n| *n as u64));
                }
                Read::Nothing | Read::End => break,
            }
        }
    }
    Ok(out)
}

async fn conforms(table: &BoundTable, dir: &Path) -> std::result::Result<(), Failure> {
    let opener = embedded(dir);
    let make = async || opener.sink(table).await;
    let read_back = async || read_all(&*opener.source(table).await?).await;
    fenced_sink(make, read_back).await
}

#[tokio::test]
async fn a_log_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&bound(Resource::Log { topics: vec!["t".into()], pattern: None }), dir.path()).await.unwrap();
}

#[tokio::test]
async fn an_append_table_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&bound(Resource::Table { name: "t".into() }), dir.path()).await.unwrap();
}

#[tokio::test]
async fn an_upsert_table_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = bound(Resource::Table { name: "t".into() });
    table.spec.primary_key = vec!["id".into()];
    table.binding.sink = tidegate_core::table::SinkChanges::Upsert;
    conforms(&table, dir.path()).await.unwrap();
}

#[tokio::test]
async fn files_conform() {
    let dir = tempfile::tempdir().unwrap();
    let path = format!("file://{}", dir.path().join("out").display());
    let registry = Registry::new().with(tidegate_local::connectors());
    let table = registry.bind("filesystem", spec(&[("path", &path), ("format", "json")])).unwrap();
    conforms(&table, dir.path()).await.unwrap();
}
