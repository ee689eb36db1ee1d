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
    // Pairs are written `name=value` with `&` between them.
    let options = options.split('&').map(|pair| pair.split_once('=').unwrap());
    let spec = TableSpec::new("t", dialect, columns.iter().cloned()).with_key(key).with_options(options);
    Registry::new().with(crate::connectors()).bind(connector, spec)
}

const COLUMNS: &[(&str, SqlType)] = &[("id", SqlType::Int), ("at", SqlType::Timestamp(3))];

#[test]
fn flink() {
    let es = |name: &str, key: &[&str], options: &str| {
        bind(Dialect::Flink, name, COLUMNS, key, options).map(|b| b.binding.sink)
    };
    let options = "hosts=http://a:9200;https://b:9200&index=x-{at|yyyy-MM-dd}&sink.bulk-flush.max-size=1mb";
    assert_eq!(es("elasticsearch-7", &["id"], options).unwrap(), SinkChanges::Upsert);
    assert_eq!(es("elasticsearch-8", &[], options).unwrap(), SinkChanges::AppendOnly);
    assert!(es("elasticsearch-6", &[], options).is_err(), "version 6 needs a document type");
    es("elasticsearch-6", &[], &format!("{options}&document-type=d")).unwrap();
    assert!(es("elasticsearch-7", &[], &format!("{options}&document-type=d")).is_err());
    assert!(es("elasticsearch-7", &[], "hosts=http://a:9200&index=x-{when|yyyy}").is_err());
    assert!(es("elasticsearch-7", &[], "hosts=a:9200&index=x").is_err());
}

#[test]
fn blink() {
    let es = |key: &[&str], more: &str| {
        let options = format!("endPoint=http://e:9200&accessId=a&accessKey=k&index=i{more}");
        bind(Dialect::Blink, "elasticsearch", COLUMNS, key, &options).map(|b| b.binding.sink)
    };
    assert_eq!(es(&["id"], "&updateMode=inc").unwrap(), SinkChanges::Upsert);
    assert_eq!(es(&[], "").unwrap(), SinkChanges::NewestValues);
    assert!(es(&["id", "at"], "").is_err());
    assert!(es(&[], "&dynamicIndex=true").is_err());
    assert!(es(&[], "&dynamicIndex=true&indexField=when").is_err());
    es(&[], "&dynamicIndex=true&indexField=AT&indexInterval=m").unwrap();
}

#[test]
fn uflink() {
    let es = |more: &str| {
        let options = format!("address=e:9200&index=i&cluster=c{more}");
        bind(Dialect::UFlink, "elasticsearch6", COLUMNS, &[], &options).map(|b| (b.spec.primary_key, b.binding.sink))
    };
    assert_eq!(es("").unwrap(), (vec![], SinkChanges::NewestValues));
    assert_eq!(es("&id=2,id").unwrap(), (vec!["at".to_owned(), "id".to_owned()], SinkChanges::UpsertIgnoreDelete));
    assert!(es("&id=3").is_err());
    assert!(es("&id=idd").unwrap_err().to_string().contains("did you mean 'id'"));
    assert!(es("&authMesh=true").is_err());
}
