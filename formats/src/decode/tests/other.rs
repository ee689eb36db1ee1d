//! The raw and csv formats, keys and metadata.

use tidegate_core::raw::{BrokerFacts, ByteRange, encode_headers};
use tidegate_core::scan::{FieldSource, Metadata, Root, ScanField};
use tidegate_core::table::{CsvFormat, Format, JsonFormat, RawFormat};
use tidegate_core::types::SqlType;

use super::super::DecodeErrorKind;
use super::{Table, batch, column, shown};

fn key(name: &str, ty: SqlType) -> ScanField {
    ScanField {
        name: name.to_owned(),
        data_type: ty.nullable(),
        from: FieldSource::Column { root: Root::Key, path: vec![name.to_owned()] },
    }
}

fn meta(name: &str, ty: SqlType, what: Metadata) -> ScanField {
    ScanField { name: name.to_owned(), data_type: ty.nullable(), from: FieldSource::Metadata(what) }
}

#[test]
fn raw_values_and_keys() {
    let mut table = Table::of(
        Format::Raw(RawFormat::default()),
        vec![column("message", SqlType::BYTES), key("k", SqlType::STRING)],
    );
    table.key = Some(Format::Raw(RawFormat::default()));
    let decoded = table.decoder().decode(&batch(&[Some(b"a\xff"), None])).unwrap();
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"message":"Yf8=","k":"k0"}"#, r#"{"k":"k1"}"#]);
    assert_eq!(decoded.tombstones, 0);
}

#[test]
fn raw_numbers() {
    for (little_endian, bytes) in [(false, [0, 0, 1, 2]), (true, [2, 1, 0, 0])] {
        let table = Table::of(Format::Raw(RawFormat { little_endian }), vec![column("n", SqlType::Int)]);
        let decoded = table.decoder().decode(&batch(&[Some(&bytes), Some(b"12")])).unwrap();
        assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"n":258}"#]);
        assert_eq!(decoded.errors[0].kind, DecodeErrorKind::RowFailed);
    }
}

#[test]
fn json_keys_lose_their_prefix() {
    let mut table =
        Table::of(Format::Json(JsonFormat::default()), vec![key("k_id", SqlType::Int), column("v", SqlType::Int)]);
    table.key = Some(Format::Json(JsonFormat::default()));
    let mut raw = batch(&[Some(b"{\"v\":1}")]);
    let mut data = raw.data.to_vec();
    let start = data.len() as u32;
    data.extend_from_slice(b"{\"id\":7}");
    raw.records[0].key = Some(ByteRange { start, end: data.len() as u32 });
    raw.data = data.into();
    let decoded = table.decoder().decode(&raw).unwrap();
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"k_id":7,"v":1}"#]);
}

#[test]
fn metadata_columns() {
    let bytes = SqlType::BYTES.nullable();
    let headers = SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(bytes));
    let table = Table::of(
        Format::Raw(RawFormat::default()),
        vec![
            meta("topic", SqlType::STRING, Metadata::Topic),
            meta("p", SqlType::Int, Metadata::Partition),
            meta("o", SqlType::BigInt, Metadata::Offset),
            meta("ts", SqlType::TimestampLtz(3), Metadata::Timestamp),
            meta("h", headers, Metadata::Headers),
            meta("tt", SqlType::STRING, Metadata::TimestampType),
            meta("e", SqlType::Int, Metadata::LeaderEpoch),
            meta("k", SqlType::BYTES, Metadata::Key),
        ],
    );
    let mut raw = batch(&[Some(b"x"), Some(b"y")]);
    let encoded =
        encode_headers(&[("a".into(), Some(b"1".to_vec())), ("b".into(), None), ("a".into(), Some(b"2".to_vec()))]);
    let mut data = raw.data.to_vec();
    let start = data.len() as u32;
    data.extend_from_slice(&encoded);
    raw.records[0].headers = Some(ByteRange { start, end: data.len() as u32 });
    raw.records[1].timestamp = -1;
    raw.records[0].key = raw.records[0].value;
    raw.records[0].broker = BrokerFacts { log_append_time: true, leader_epoch: Some(7) };
    raw.data = data.into();
    let decoded = table.decoder().decode(&raw).unwrap();
    assert_eq!(
        shown(&decoded.rows, &table.fields),
        [
            r#"{"topic":"t","p":3,"o":100,"ts":"1970-01-01 00:00:05Z","h":{"b":null,"a":"Mg=="},"tt":"LogAppendTime","e":7,"k":"eA=="}"#,
            r#"{"topic":"t","p":3,"o":101,"h":{},"tt":"NoTimestampType","k":"azE="}"#
        ]
    );
}

fn csv(format: CsvFormat) -> Table {
    Table::of(
        Format::Csv(format),
        vec![
            column("i", SqlType::Int),
            column("s", SqlType::STRING),
            column("t", SqlType::Timestamp(3)),
            column("a", SqlType::Array(Box::new(SqlType::Int.nullable()))),
        ],
    )
}

#[test]
fn csv_lines() {
    let table = csv(CsvFormat::default());
    let decoded = table.decode(&[
        "1,x,2020-08-27 00:00:00.5,1;2",
        "2,\"a,\"\"b\"\"\n中\",,\n",
        "3",
        " 4 ,,",
        "x,y,,",
        "5,\"open",
        "6,a,,,7",
        "",
    ]);
    assert_eq!(
        shown(&decoded.rows, &table.fields),
        [
            r#"{"i":1,"s":"x","t":"2020-08-27 00:00:00.5","a":[1,2]}"#,
            r#"{"i":2,"s":"a,\"b\"\n中"}"#,
            r#"{"i":3}"#,
            r#"{"i":4,"s":""}"#
        ]
    );
    assert_eq!(decoded.errors.iter().map(|e| e.record).collect::<Vec<_>>(), [5, 6, 7, 4]);
    assert!(decoded.errors.iter().all(|e| e.kind == DecodeErrorKind::RowFailed));
}

#[test]
fn csv_options() {
    let table = csv(CsvFormat {
        delimiter: '|',
        quote: None,
        escape: Some('\\'),
        null_literal: Some("n/a".into()),
        ignore_parse_errors: true,
        allow_comments: true,
    });
    let decoded = table.decode(&["1|a\\|\"b\"|n/a|", "# comment", "x|n/a|n/a|n/a"]);
    assert_eq!(shown(&decoded.rows, &table.fields)[1], "{}");
    assert!(shown(&decoded.rows, &table.fields)[0].starts_with(r#"{"i":1,"s":"a|\"b\"""#));
    assert_eq!(decoded.records.unwrap().values(), &[0, 2]);
    assert_eq!(
        decoded.errors.iter().map(|e| (e.kind, e.record)).collect::<Vec<_>>(),
        [(DecodeErrorKind::FieldNull, 2)]
    );
}
