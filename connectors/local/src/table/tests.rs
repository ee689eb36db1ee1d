//! Tables end to end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use tidegate_core::change::ChangeBatch;
use tidegate_core::dialect::Dialect;
use tidegate_core::error::Span;
use tidegate_core::lookup::LookupSource;
use tidegate_core::sink::{ApplyUnit, CommitOutcome, Fence, FencedSink, Id, Scope};
use tidegate_core::source::{BatchLimits, Read, Source};
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::table::{BoundTable, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, SqlType};

use super::*;

fn column(name: &str, ty: SqlType) -> Column {
    Column::new(name, ty.nullable())
}

pub(crate) fn bound(connector: &str, columns: &[Column], key: &[&str]) -> BoundTable {
    let mut spec = TableSpec::new("declared", Dialect::Flink, columns.iter().cloned()).with_key(key);
    spec.span = Span::new(3, 1);
    let mut binding = TableBinding::new(Resource::Table { name: "t".into() });
    if !key.is_empty() {
        binding.sink = SinkChanges::Upsert;
    }
    BoundTable { spec, connector: connector.into(), options: [].into(), binding }
}

fn scope() -> Scope {
    Scope { job: "j".into(), sink: "t".into(), lane: 0 }
}

fn fence(position: u64) -> Fence {
    Fence { run: Id("r".into()), incarnation: Id("me".into()), position, epoch: position, digest: u64::MAX - position }
}

fn unit(from: u64, rows: Vec<ChangeBatch>) -> ApplyUnit {
    let to = from + rows.iter().map(|r| r.len() as u64).sum::<u64>();
    ApplyUnit { scope: scope(), from, to, fence: fence(to), version: 1, rows }
}

async fn write(sink: &TableSink, rows: Vec<ChangeBatch>) -> CommitOutcome {
    let before = sink.claim(&scope(), &fence(0)).await.unwrap().map_or(0, |f| f.position);
    sink.apply(&unit(before, rows)).await
}

async fn scan(source: &TableSource, rows: usize) -> Vec<RecordBatch> {
    let split = source.splits().await.unwrap().remove(0);
    let at = source.resolve(&split, &StartMode::Latest).await.unwrap().position;
    let end = source.bound(&split, &Bound::Latest).await.unwrap();
    let mut reader = source.open(&split, &at, end.as_ref()).await.unwrap();
    let mut out = Vec::new();
    let limits = BatchLimits { rows, bytes: 1 << 20, wait: Duration::ZERO };
    while let Read::Rows(batch, _) = reader.read(&limits).unwrap() {
        out.push(batch.rows);
    }
    out
}

fn query(root: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(root.join("tables/t.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let n = statement.column_count();
    let rows = statement
        .query_map([], |r| {
            Ok((0..n)
                .map(|i| format!("{:?}", r.get_ref(i).unwrap().data_type()) + "=" + &show(r.get_ref(i).unwrap()))
                .collect::<Vec<_>>()
                .join(" "))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn show(v: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef as V;
    match v {
        V::Null => "NULL".into(),
        V::Integer(n) => n.to_string(),
        V::Real(d) => d.to_string(),
        V::Text(t) => String::from_utf8_lossy(t).into_owned(),
        V::Blob(b) => format!("{b:?}"),
    }
}

fn every_type() -> Vec<(Column, serde_json::Value, &'static str)> {
    let row = SqlType::Row(vec![
        column("a", SqlType::Int),
        column("b", SqlType::Array(Box::new(SqlType::STRING.nullable()))),
    ]);
    let map = SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(SqlType::Decimal(6, 2).nullable()));
    vec![
        (column("bo", SqlType::Boolean), json!(true), "Integer=1"),
        (column("ti", SqlType::TinyInt), json!(-8), "Integer=-8"),
        (column("bi", SqlType::BigInt), json!(i64::MAX), "Integer=9223372036854775807"),
        (column("fl", SqlType::Float), json!(0.1), "Real=0.1"),
        (column("do", SqlType::Double), json!(2.5), "Real=2.5"),
        (column("de", SqlType::Decimal(10, 3)), json!("-12.340"), "Text=-12.340"),
        (column("te", SqlType::VarChar(9)), json!("课堂"), "Text=课堂"),
        (column("by", SqlType::BYTES), json!("AP8="), "Blob=[0, 255]"),
        (column("da", SqlType::Date), json!("2020-08-27"), "Text=2020-08-27"),
        (column("tm", SqlType::Time(0)), json!("08:09:10.500"), "Text=08:09:10.500"),
        (column("ts", SqlType::Timestamp(3)), json!("2020-08-27 00:00:01.250"), "Text=2020-08-27 00:00:01.250"),
        (column("tz", SqlType::TimestampLtz(3)), json!("2020-08-27 00:00:01Z"), "Text=2020-08-27 00:00:01Z"),
        (column("ro", row), json!({"a": 1, "b": ["x", null]}), r#"Text={"a":1,"b":["x",null]}"#),
        (column("ma", map), json!({"k": "1.50"}), r#"Text={"k":"1.50"}"#),
    ]
}

#[tokio::test]
async fn every_type_round_trips_and_reads_well_in_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let types = every_type();
    let columns: Vec<Column> = types.iter().map(|(c, ..)| c.clone()).collect();
    let arrays: Vec<ArrayRef> =
        types.iter().map(|(c, v, _)| nested::from_json(&[Some(v), None], &c.data_type.ty).unwrap()).collect();
    let rows = RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap();
    let table = bound("jdbc", &columns, &[]);
    let sink = TableSink::declare(dir.path(), "t", &table).unwrap();
    assert_eq!(write(&sink, vec![ChangeBatch::append(rows.clone())]).await, CommitOutcome::Committed);
    let expected: Vec<&str> = types.iter().map(|(.., s)| *s).collect();
    assert_eq!(query(dir.path(), "SELECT * FROM t")[0], expected.join(" "));
    let source = TableSource::declare(dir.path(), "t", &table).unwrap();
    assert_eq!(scan(&source, 100).await, vec![rows.clone()]);
    assert_eq!(scan(&source, 1).await.len(), 2);
    let undeclared = TableSource::open_existing(dir.path(), "t").unwrap().unwrap();
    assert_eq!(scan(&undeclared, 100).await, vec![rows]);
    assert_eq!(TableFile::list(dir.path()).unwrap(), vec!["t"]);
}

fn ids(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn upserts_replace_only_what_they_carry() {
    let dir = tempfile::tempdir().unwrap();
    let columns = [column("id", SqlType::BigInt), column("name", SqlType::STRING), column("stock", SqlType::Int)];
    let basic = bound("jdbc", &columns[..2], &["id"]);
    let stock = bound("jdbc", &[columns[0].clone(), columns[2].clone()], &["id"]);
    let basic_sink = TableSink::declare(dir.path(), "t", &basic).unwrap();
    let stock_sink = TableSink::declare(dir.path(), "t", &stock).unwrap();
    let names =
        RecordBatch::try_new(arrow_schema(&columns[..2]), vec![ids(&[Some(1), Some(2)]), texts(&["a", "b"])]).unwrap();
    assert_eq!(write(&basic_sink, vec![ChangeBatch::append(names)]).await, CommitOutcome::Committed);
    let stocks = RecordBatch::try_from_iter([
        ("id", ids(&[Some(1), Some(3)])),
        ("stock", Arc::new(Int32Array::from(vec![7, 9])) as ArrayRef),
    ])
    .unwrap();
    assert_eq!(write(&stock_sink, vec![ChangeBatch::append(stocks)]).await, CommitOutcome::Committed);
    let names = RecordBatch::try_new(
        arrow_schema(&columns[..2]),
        vec![ids(&[Some(1), Some(2), Some(2)]), texts(&["A", "b", "b"])],
    )
    .unwrap();
    // +U 1, -U 2, -D 2
    let changes = ChangeBatch::new(names, Int8Array::from(vec![2, 1, 3])).unwrap();
    assert_eq!(write(&basic_sink, vec![changes]).await, CommitOutcome::Committed);
    let rows = query(dir.path(), "SELECT id, name, stock FROM t ORDER BY id");
    assert_eq!(rows, ["Integer=1 Text=A Integer=7", "Integer=3 Null=NULL Integer=9"]);
}

#[tokio::test]
async fn ignored_deletes_are_counted_and_null_keys_refused() {
    let dir = tempfile::tempdir().unwrap();
    let columns = [column("id", SqlType::BigInt)];
    let mut table = bound("jdbc", &columns, &["id"]);
    table.binding.sink = SinkChanges::UpsertIgnoreDelete;
    let sink = TableSink::declare(dir.path(), "t", &table).unwrap();
    let rows = RecordBatch::try_new(arrow_schema(&columns), vec![ids(&[Some(1), Some(1)])]).unwrap();
    let changes = ChangeBatch::new(rows, Int8Array::from(vec![0, 3])).unwrap();
    assert_eq!(write(&sink, vec![changes]).await, CommitOutcome::Committed);
    assert_eq!(sink.ignored_deletes(), 1);
    let rows = RecordBatch::try_new(arrow_schema(&columns), vec![ids(&[Some(5), None])]).unwrap();
    let outcome = write(&sink, vec![ChangeBatch::append(rows)]).await;
    assert!(matches!(&outcome, CommitOutcome::Rejected(r) if r.len() == 1 && r[0].0 == 1), "{outcome:?}");
    assert_eq!(query(dir.path(), "SELECT id FROM t"), ["Integer=1"]);
    assert_eq!(sink.read_fence(&scope()).await.unwrap(), Some(fence(2)));
}

#[tokio::test]
async fn a_deleted_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let columns = [column("id", SqlType::BigInt)];
    let sink = TableSink::declare(dir.path(), "t", &bound("jdbc", &columns, &["id"])).unwrap();
    let rows = RecordBatch::try_new(arrow_schema(&columns), vec![ids(&[Some(1)])]).unwrap();
    assert_eq!(write(&sink, vec![ChangeBatch::append(rows)]).await, CommitOutcome::Committed);
    std::fs::remove_file(dir.path().join("tables/t.db")).unwrap();
    let outcome = sink.apply(&unit(1, vec![])).await;
    assert!(matches!(&outcome, CommitOutcome::Failed(why) if why.message().contains("deleted")), "{outcome:?}");
}

#[tokio::test]
async fn a_family_becomes_columns_and_a_lookup_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let family = SqlType::Row(vec![column("id", SqlType::STRING), column("level", SqlType::Int)]);
    let columns = [column("rowkey", SqlType::STRING), column("cf", family.clone())];
    let table = bound("hbase-2.2", &columns, &["rowkey"]);
    let sink = TableSink::declare(dir.path(), "t", &table).unwrap();
    let cells = [json!({"id": "7", "level": 3}), json!({"id": "8"})];
    let cells = nested::from_json(&[Some(&cells[0]), Some(&cells[1])], &family).unwrap();
    let rows = RecordBatch::try_new(arrow_schema(&columns), vec![texts(&["a", "b"]), cells]).unwrap();
    assert_eq!(write(&sink, vec![ChangeBatch::append(rows.clone())]).await, CommitOutcome::Committed);
    assert_eq!(query(dir.path(), r#"SELECT "cf:id", "cf:level" FROM t"#), ["Text=7 Integer=3", "Text=8 Null=NULL"]);
    let lookup = TableLookup::declare(dir.path(), "t", &table, &["rowkey".to_owned()]).unwrap();
    let keys = RecordBatch::try_from_iter([("rowkey", texts(&["b", "nobody", "a"]))]).unwrap();
    let found = lookup.lookup(&keys).await.unwrap();
    assert_eq!(found.num_rows(), 2);
    assert_eq!(found.column(0).as_string::<i32>().value(0), "b");
    let level = found.column(1).as_struct().column(1).as_primitive::<Int32Type>().clone();
    assert!(level.is_null(0) && level.value(1) == 3);
    assert_eq!(lookup.scan().await.unwrap()[0].rows, rows);
}

#[tokio::test]
async fn a_conflict_names_both_declarations() {
    let dir = tempfile::tempdir().unwrap();
    let first = bound("jdbc", &[column("id", SqlType::BigInt)], &["id"]);
    TableFile::declare(dir.path(), "t", &first, Access::Write).unwrap();
    let mut second = bound("jdbc", &[column("id", SqlType::STRING)], &["id"]);
    second.spec.name = "other".into();
    let e = TableFile::declare(dir.path(), "t", &second, Access::Read).err().unwrap();
    assert!(e.to_string().contains("other (line 3)") && e.to_string().contains("declared (line 3)"), "{e}");
    assert_eq!(e.domain(), tidegate_core::Domain::User);
}
