//! What declarations of each dialect mean.

use tidegate_core::options::OptionEntry;
use tidegate_core::registry::Registry;
use tidegate_core::table::{BoundTable, ColumnKind, SinkChanges, TableColumn, TableSpec};
use tidegate_core::{Column, Dialect, Result, Span, SqlType};

fn bind(
    dialect: Dialect,
    connector: &str,
    columns: &[(&str, SqlType)],
    key: &[&str],
    options: &str,
) -> Result<BoundTable> {
    let column = |(name, ty): &(&str, SqlType)| TableColumn {
        column: Column::new(*name, ty.clone().nullable()),
        kind: ColumnKind::Physical,
        span: Span::default(),
    };
    // Pairs are written `name=value` with `|` between them.
    let entry = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        OptionEntry { name: name.into(), value: value.into(), span: Span::default() }
    };
    let spec = TableSpec {
        name: "t".into(),
        dialect,
        columns: columns.iter().map(column).collect(),
        primary_key: key.iter().map(|k| (*k).to_owned()).collect(),
        is_dimension: false,
        options: options.split('|').map(entry).collect(),
        span: Span::default(),
    };
    Registry::new().with(crate::connectors()).bind(connector, spec)
}

const COLUMNS: &[(&str, SqlType)] = &[("id", SqlType::Int), ("name", SqlType::STRING)];

#[test]
fn a_key_decides_what_a_sink_does() {
    let rds = |key: &[&str], more: &str| {
        let options = format!("url=jdbc:mysql://m:1/d|tableName=t|userName=u|password=1{more}");
        bind(Dialect::Blink, "RDS", COLUMNS, key, &options).map(|b| b.binding)
    };
    assert_eq!(rds(&[], "").unwrap().sink, SinkChanges::NewestValues);
    assert_eq!(rds(&["id"], "").unwrap().sink, SinkChanges::Upsert);
    assert_eq!(rds(&["id"], "|ignoreDelete=true").unwrap().sink, SinkChanges::UpsertIgnoreDelete);
    assert_eq!(rds(&["id"], "|excludeUpdateColumns=NAME").unwrap().not_updated, ["name"]);
    assert!(rds(&["id"], "|excludeUpdateColumns=nmae").unwrap_err().to_string().contains("did you mean 'name'"));
    assert!(rds(&["id", "name"], "").is_err(), "only key columns");

    let mysql = |key: &[&str], more: &str| {
        let options = format!("url=jdbc:mysql://m:1/d|tableName=t|userName=u|password=true{more}");
        bind(Dialect::UFlink, "mysql", COLUMNS, key, &options).map(|b| (b.binding.sink, b.binding.null_keeps))
    };
    assert_eq!(mysql(&["id"], "").unwrap(), (SinkChanges::UpsertIgnoreDelete, true));
    assert_eq!(mysql(&["id"], "|allReplace=true").unwrap(), (SinkChanges::UpsertIgnoreDelete, false));
    assert_eq!(mysql(&["id"], "|updateMode=append").unwrap(), (SinkChanges::NewestValues, false));
    assert_eq!(mysql(&[], "").unwrap().0, SinkChanges::NewestValues);
    assert!(mysql(&[], "|updateMode=upsert").is_err());

    let jdbc = |key: &[&str]| {
        bind(Dialect::Flink, "jdbc", COLUMNS, key, "url=jdbc:mysql://m:1/d|table-name=t").map(|b| b.binding.sink)
    };
    assert_eq!(jdbc(&[]).unwrap(), SinkChanges::AppendOnly);
    assert_eq!(jdbc(&["id"]).unwrap(), SinkChanges::Upsert);
}

#[test]
fn urls() {
    let jdbc = |url: &str| bind(Dialect::Flink, "jdbc", COLUMNS, &[], &format!("url={url}|table-name=t"));
    for good in ["jdbc:mysql://m:3306/d?useSSL=false", "jdbc:mariadb://m/d"] {
        jdbc(good).unwrap();
    }
    for bad in ["mysql://m/d", "jdbc:mysql://m:3306", "jdbc:mysql:///d", "jdbc:oracle:thin:x", "jdbc:postgresql://h/d"]
    {
        assert!(jdbc(bad).is_err(), "{bad}");
    }
}

#[test]
fn postgres_is_refused_with_the_reason() {
    let options = "url=jdbc:postgresql://h/d|tableName=t|userName=u|password=p";
    let e = bind(Dialect::UFlink, "postgre", COLUMNS, &[], options).unwrap_err();
    assert!(e.to_string().contains("PostgreSQL tables are not supported"), "{e}");
}
