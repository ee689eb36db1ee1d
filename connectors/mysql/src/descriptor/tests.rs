//! What declarations of each dialect mean.

use tidegate_core::registry::Registry;
use tidegate_core::table::{BoundTable, SinkChanges, TableSpec};
use tidegate_core::{Dialect, Result, SqlType};

fn bind(
    dialect: Dialect,
    connector: &str,
    columns: &[(&str, SqlType)],
    key: &[&str],
    options: &str,
) -> Result<BoundTable> {
    // Pairs are written `name=value` with `|` between them.
    let options = options.split('|').map(|pair| pair.split_once('=').unwrap());
    let spec = TableSpec::new("t", dialect, columns.iter().cloned()).with_key(key).with_options(options);
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
