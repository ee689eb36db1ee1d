//! Lines in and out of files.

use std::fs;

use tidegate_core::SqlType;
use tidegate_core::raw::RawBatch;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::{Bound, Position, StartMode};

use super::*;

fn bind(options: &[(&str, &str)]) -> Result<BoundTable> {
    let spec = TableSpec::new("f", Dialect::Flink, [("line", SqlType::STRING)]).with_options(options.iter().copied());
    registry().bind("filesystem", spec)
}

fn registry() -> Registry {
    Registry::new().with(crate::connectors())
}

async fn source(path: &std::path::Path, format: &str) -> Arc<dyn Source> {
    let table = bind(&[("path", path.to_str().unwrap()), ("format", format)]).unwrap();
    registry().source(&table).await.unwrap()
}

fn limits(rows: usize, bytes: usize) -> BatchLimits {
    BatchLimits { rows, bytes, wait: Duration::ZERO }
}

fn lines(batch: &RawBatch) -> Vec<String> {
    (0..batch.records.len()).map(|i| String::from_utf8(batch.value(i).unwrap().to_vec()).unwrap()).collect()
}

fn rest(reader: &mut dyn SplitReader, limits: BatchLimits) -> Vec<String> {
    let mut out = Vec::new();
    while let Read::Messages(batch) = reader.read(&limits).unwrap() {
        out.extend(lines(&batch));
    }
    out
}

#[tokio::test]
async fn lines_of_all_lengths_by_any_batch() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("课堂.json");
    let long = "长".repeat(700_000);
    fs::write(&file, format!("one\r\n\n二\n{long}\n\nlast without end")).unwrap();
    let source = source(&file, "json").await;
    let split = source.splits().await.unwrap().remove(0);
    let start = source.resolve(&split, &StartMode::Latest).await.unwrap().position;
    let expected = ["one", "二", &long, "last without end"];
    for limits in [limits(1, 1), limits(2, 10), limits(100, 1 << 20)] {
        let mut reader = source.open(&split, &start, None).await.unwrap();
        assert!(rest(&mut *reader, limits) == expected);
    }
    let mut reader = source.open(&split, &start, None).await.unwrap();
    let Read::Messages(first) = reader.read(&limits(1, 100)).unwrap() else { panic!("nothing") };
    let mut again = source.open(&split, &first.next, None).await.unwrap();
    assert!(rest(&mut *again, limits(9, 9)) == expected[1..]);
    // A bounded read ends where the file ended then.
    let end = source.bound(&split, &Bound::Latest).await.unwrap();
    let mut text = fs::read(&file).unwrap();
    text.extend(b"\nmore\n");
    fs::write(&file, text).unwrap();
    let mut bounded = source.open(&split, &start, end.as_ref()).await.unwrap();
    assert!(rest(&mut *bounded, limits(100, 100)) == expected);
    fs::write(&file, "short").unwrap();
    let e = source.open(&split, &Position("100".into()), None).await.err().unwrap().to_string();
    assert!(e.contains("fewer than were read before"), "{e}");
}

#[tokio::test]
async fn a_directory_is_its_files_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.csv", "a.csv", ".hidden", "_SUCCESS", "c.txt"] {
        fs::write(dir.path().join(name), format!("{name}\n\n")).unwrap();
    }
    fs::create_dir(dir.path().join("sub")).unwrap();
    let path = dir.path().to_str().unwrap().to_owned();
    let options = [("path", path.as_str()), ("format", "raw"), ("source.path.regex-pattern", ".*\\.csv")];
    let source = registry().source(&bind(&options).unwrap()).await.unwrap();
    let mut all = Vec::new();
    for split in source.splits().await.unwrap() {
        let mut reader = source.open(&split, &Position("0".into()), None).await.unwrap();
        all.extend(rest(&mut *reader, limits(10, 100)));
    }
    // Raw keeps empty lines.
    assert_eq!(all, ["a.csv", "", "b.csv", ""]);
}

#[tokio::test]
async fn mistakes_are_explained() {
    let e = |options: &[(&str, &str)]| bind(options).unwrap_err().to_string();
    assert!(e(&[("format", "json")]).contains("missing option 'path'"));
    assert!(e(&[("path", "/tmp/x")]).contains("missing option 'format'"));
    assert!(e(&[("path", "hdfs://x/y"), ("format", "json")]).contains("hdfs://"));
    assert!(e(&[("path", "/tmp/x"), ("format", "parquet")]).contains("parquet"));
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    let table = bind(&[("path", missing.to_str().unwrap()), ("format", "json")]).unwrap();
    let source = registry().source(&table).await.unwrap();
    assert!(source.splits().await.unwrap_err().to_string().contains("none"));
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let table = bind(&[("path", file.to_str().unwrap()), ("format", "json")]).unwrap();
    assert!(registry().sink(&table).await.err().unwrap().to_string().contains("is a file"));
}
