//! What declarations of each dialect mean.

use tidegate_core::registry::Registry;
use tidegate_core::table::{BoundTable, SinkChanges, TableSpec};
use tidegate_core::{Column, Dialect, Result, SqlType};

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

use super::{KeyPart, parse_row_key};

fn family() -> SqlType {
    SqlType::Row(vec![Column::new("q", SqlType::STRING.nullable())])
}

#[test]
fn flink_finds_the_row_key() {
    let options = "table-name=n:t|zookeeper.quorum=z:1|sink.ignore-null-value=true";
    let hbase = |columns: &[(&str, SqlType)], key: &[&str]| bind(Dialect::Flink, "hbase-1.4", columns, key, options);
    let bound = hbase(&[("cf", family()), ("rk", SqlType::BigInt)], &[]).unwrap();
    assert_eq!((bound.spec.primary_key, bound.binding.sink), (vec!["rk".to_owned()], SinkChanges::Upsert));
    assert!(bound.binding.null_keeps);
    hbase(&[("rk", SqlType::BigInt), ("cf", family())], &["rk"]).unwrap();
    assert!(hbase(&[("cf", family())], &[]).is_err());
    assert!(hbase(&[("a", SqlType::Int), ("b", SqlType::Int), ("cf", family())], &[]).is_err());
}

#[test]
fn blink_needs_a_key_and_an_address() {
    let two = [("id", SqlType::STRING), ("name", SqlType::STRING)];
    let cloud = |columns: &[(&str, SqlType)], key: &[&str], options: &str| {
        bind(Dialect::Blink, "cloudhbase", columns, key, options)
    };
    assert_eq!(
        cloud(&two, &["id"], "tableName=t|zkQuorum=z:1|columnFamily=f").unwrap().binding.sink,
        SinkChanges::Upsert
    );
    cloud(&two, &["id"], "tableName=t|endPoint=e:1|userName=u|password=p|stringWriteMod=true").unwrap();
    assert!(cloud(&two, &["id"], "tableName=t").is_err());
    assert!(cloud(&two, &[], "tableName=t|zkQuorum=z").is_err());
    assert!(cloud(&two, &["id", "name"], "tableName=t|zkQuorum=z").is_err());
    let dynamic = "tableName=t|zkQuorum=z|isDynamicTable=true";
    assert!(cloud(&two, &["id"], dynamic).is_err());
    let three = [("ROW_KEY", SqlType::STRING), ("COLUMN", SqlType::STRING), ("VALUE", SqlType::STRING)];
    cloud(&three, &["ROW_KEY"], dynamic).unwrap();
}

#[test]
fn uflink_row_keys() {
    let columns = [("cf:id", SqlType::STRING), ("name", SqlType::STRING)];
    let hbase = |more: &str| {
        let options = format!("zookeeperQuorum=z:1|tableName=t|cell.name=cf:title{more}");
        bind(Dialect::UFlink, "hbase", &columns, &[], &options).map(|b| b.spec.primary_key)
    };
    assert_eq!(hbase("|rowKey=cf:id").unwrap(), ["cf:id"]);
    assert_eq!(hbase("|rowkey=md5(title)+'_'+cf:id").unwrap(), ["name", "cf:id"], "a cell by its qualifier");
    assert!(hbase("|rowkey=cf:ix").unwrap_err().to_string().contains("did you mean 'cf:id'"));
    assert!(hbase("|rowkey='x'").is_err());
    assert!(hbase("").is_err());
}

#[test]
fn row_keys_are_read() {
    let parts = parse_row_key("a + MD5( b )+'_x'").unwrap();
    let expected =
        [KeyPart::Column("a".into()), KeyPart::Function("md5".into(), "b".into()), KeyPart::Constant("_x".into())];
    assert_eq!(parts, expected);
    for bad in ["", "a+", "f(a", "a b", "f(g(a))"] {
        assert!(parse_row_key(bad).is_err(), "{bad}");
    }
}
