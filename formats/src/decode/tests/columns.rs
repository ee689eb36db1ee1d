//! The json format. The cases are those a run of Flink 1.20 decided; see `docs/` for the differences.

use proptest::prelude::*;
use tidegate_core::scan::{CompareOp, RowFilter, TimeField, TimeUnit};
use tidegate_core::table::{Format, JsonFormat};
use tidegate_core::types::{Column, SqlType};
use tidegate_core::{RowKind, Scalar};

use super::super::DecodeErrorKind;
use super::{Table, batch, column, path_column, shown};

fn strict() -> Format {
    Format::Json(JsonFormat::default())
}

fn lenient() -> Format {
    Format::Json(JsonFormat { ignore_parse_errors: true, ..JsonFormat::default() })
}

fn everything(format: Format) -> Table {
    let int = || SqlType::Int.nullable();
    Table::of(
        format,
        vec![
            column("s", SqlType::STRING),
            column("i", SqlType::Int),
            column("b", SqlType::BigInt),
            column("d", SqlType::Double),
            column("e", SqlType::Decimal(10, 2)),
            column("t", SqlType::Timestamp(3)),
            column("z", SqlType::TimestampLtz(3)),
            column("dt", SqlType::Date),
            column("bo", SqlType::Boolean),
            column("r", SqlType::Row(vec![Column::new("x", int()), Column::new("y", SqlType::STRING.nullable())])),
            column("a", SqlType::Array(Box::new(int()))),
            column("m", SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(int()))),
            column("ti", SqlType::TinyInt),
            column("by", SqlType::BYTES),
        ],
    )
}

/// What a message becomes: strict, then lenient. `!` is a failed record, `?` a skipped one.
fn both(message: &str) -> (String, String) {
    let one = |format: Format| {
        let table = everything(format);
        let decoded = table.decode(&[message]);
        match decoded.errors.first() {
            Some(e) if e.kind == DecodeErrorKind::RowFailed => "!".to_owned(),
            Some(e) if e.kind == DecodeErrorKind::RowSkipped => "?".to_owned(),
            _ => shown(&decoded.rows, &table.fields).concat(),
        }
    };
    (one(strict()), one(lenient()))
}

#[test]
fn values_that_both_modes_read() {
    for (message, row) in [
        ("{}", "{}"),
        (r#"{"s":5}"#, r#"{"s":"5"}"#),
        (r#"{"s":5.10}"#, r#"{"s":"5.10"}"#),
        (r#"{"s":true}"#, r#"{"s":"true"}"#),
        (r#"{"s":{"x":1, "y":[1, 2]}}"#, r#"{"s":"{\"x\":1,\"y\":[1,2]}"}"#),
        (r#"{"s":""}"#, r#"{"s":""}"#),
        (r#"{"s":"a","s":"b"}"#, r#"{"s":"b"}"#),
        (r#"{"i":"7"}"#, r#"{"i":7}"#),
        (r#"{"i":" 7 "}"#, r#"{"i":7}"#),
        (r#"{"i":7.5}"#, r#"{"i":7}"#),
        (r#"{"i":7.0}"#, r#"{"i":7}"#),
        (r#"{"b":9223372036854775807}"#, r#"{"b":9223372036854775807}"#),
        (r#"{"b":"12"}"#, r#"{"b":12}"#),
        (r#"{"b":1e3}"#, r#"{"b":1000}"#),
        (r#"{"d":1}"#, r#"{"d":1.0}"#),
        (r#"{"d":"NaN"}"#, r#"{"d":"NaN"}"#),
        (r#"{"d":1e400}"#, r#"{"d":"Infinity"}"#),
        (r#"{"e":1.005}"#, r#"{"e":1.01}"#),
        (r#"{"e":"1.005"}"#, r#"{"e":1.01}"#),
        (r#"{"e":123456789.12}"#, "{}"),
        (r#"{"bo":"TRUE"}"#, r#"{"bo":true}"#),
        (r#"{"bo":1}"#, r#"{"bo":false}"#),
        (r#"{"t":"2020-08-27 11:45:16.123"}"#, r#"{"t":"2020-08-27 11:45:16.123"}"#),
        (r#"{"t":"2020-08-27 11:45:16"}"#, r#"{"t":"2020-08-27 11:45:16"}"#),
        (r#"{"z":"2020-08-27 11:45:16Z"}"#, r#"{"z":"2020-08-27 11:45:16Z"}"#),
        (r#"{"dt":"2020-08-27"}"#, r#"{"dt":"2020-08-27"}"#),
        (r#"{"r":{"y":"q","x":1}}"#, r#"{"r":{"x":1,"y":"q"}}"#),
        (r#"{"r":{}}"#, r#"{"r":{}}"#),
        (r#"{"r":null}"#, "{}"),
        (r#"{"a":[1,null,"3"]}"#, r#"{"a":[1,null,3]}"#),
        (r#"{"a":[]}"#, r#"{"a":[]}"#),
        (r#"{"m":{"k":null}}"#, r#"{"m":{"k":null}}"#),
        (r#"{"m":{"k":1,"k":2}}"#, r#"{"m":{"k":2}}"#),
        (r#"{"m":{}}"#, r#"{"m":{}}"#),
        (r#"{"ti":-128}"#, r#"{"ti":-128}"#),
        (r#"{"by":"AQI="}"#, r#"{"by":"AQI="}"#),
        (r#"{"s":"x"} {"s":"y"}"#, r#"{"s":"x"}"#),
        (r#"{"s":"x"} rubbish"#, r#"{"s":"x"}"#),
        ("{\"s\":\"raw\ttab\"}", r#"{"s":"raw\ttab"}"#),
        (r#" {"s":"leading"}"#, r#"{"s":"leading"}"#),
        ("\u{feff}{\"s\":\"mark\"}", r#"{"s":"mark"}"#),
        (r#"{"unknown":{"s":9},"s":"x"}"#, r#"{"s":"x"}"#),
        (r#"{"S":1,"I":2}"#, "{}"),
        (r#"{"s":"a\u4e2d\ud83d\ude00\n\t\"/"}"#, r#"{"s":"a中\uD83D\uDE00\n\t\"/"}"#),
    ] {
        assert_eq!(both(message), (row.to_owned(), row.to_owned()), "{message}");
    }
}

#[test]
fn bad_fields_fail_or_are_null() {
    for message in [
        r#"{"i":"x"}"#,
        r#"{"i":2147483648}"#,
        r#"{"i":"5.7"}"#,
        r#"{"b":9223372036854775808}"#,
        r#"{"e":"x"}"#,
        r#"{"t":"2020-08-27T11:45:16"}"#,
        r#"{"t":""}"#,
        r#"{"t":1598528716000}"#,
        r#"{"t":"Sep 11, 2019 12:44:01 PM"}"#,
        r#"{"z":"2020-08-27 11:45:16+08:00"}"#,
        r#"{"dt":"2020-8-7"}"#,
        r#"{"r":5}"#,
        r#"{"a":{}}"#,
        r#"{"m":[]}"#,
        r#"{"ti":2.0}"#,
        r#"{"ti":300}"#,
        r#"{"by":"?"}"#,
        r#"{"i":{}}"#,
    ] {
        assert_eq!(both(message), ("!".to_owned(), "{}".to_owned()), "{message}");
    }
    assert_eq!(both(r#"{"r":{"x":"z"}}"#), ("!".to_owned(), r#"{"r":{}}"#.to_owned()));
    assert_eq!(both(r#"{"a":[1,"z"]}"#), ("!".to_owned(), r#"{"a":[1,null]}"#.to_owned()));
}

#[test]
fn broken_records_fail_or_are_skipped() {
    let deep = format!("{{\"u\":{}1{}}}", "[".repeat(600), "]".repeat(600));
    for message in ["", "[]", "5", "\"x\"", "null", r#"{"s":"x""#, "{'s':'x'}", r#"{"s":"x",}"#, r#"{"u":tru}"#, &deep]
    {
        assert_eq!(both(message), ("!".to_owned(), "?".to_owned()), "{message}");
    }
    let invalid = b"{\"s\":\"\xe4\xb8\"}".as_slice();
    for (format, kind) in [(strict(), DecodeErrorKind::RowFailed), (lenient(), DecodeErrorKind::RowSkipped)] {
        let table = everything(format);
        let decoded = table.decoder().decode(&batch(&[Some(b"{}"), Some(invalid), Some(b"{\"s\":\"y\"}")])).unwrap();
        assert_eq!((decoded.errors[0].kind, decoded.errors[0].record), (kind, 1));
        assert_eq!(shown(&decoded.rows, &table.fields), ["{}", r#"{"s":"y"}"#]);
        assert_eq!(decoded.records.unwrap().values(), &[0, 2]);
    }
}

#[test]
fn errors_are_counted_and_placed() {
    let table = Table::of(lenient(), vec![column("i", SqlType::Int), column("b", SqlType::BigInt)]);
    let decoded = table.decode(&[r#"{"i":1}"#, r#"{"i":"x"}"#, "oops", r#"{"i":"y","b":"z"}"#, "", r#"{"i":2}"#]);
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"i":1}"#, "{}", "{}", r#"{"i":2}"#]);
    assert_eq!(decoded.records.unwrap().values(), &[0, 1, 3, 5]);
    let all: Vec<_> = decoded.errors.iter().map(|e| (e.kind, e.record, e.field, e.count)).collect();
    assert_eq!(
        all,
        [
            (DecodeErrorKind::RowSkipped, 2, None, 2),
            (DecodeErrorKind::FieldNull, 1, Some(0), 2),
            (DecodeErrorKind::FieldNull, 3, Some(1), 1),
        ]
    );
    assert_eq!(decoded.errors[1].reason, "'x' is no INT");
}

#[test]
fn paths_go_through_rows() {
    let fields = vec![
        path_column(&["data", "msg", "type"], SqlType::STRING),
        path_column(&["data", "id"], SqlType::BigInt),
        column("at", SqlType::STRING),
    ];
    let table = Table::of(lenient(), fields.clone());
    let decoded = table.decode(&[
        r#"{"at":"x","data":{"id":1,"msg":{"type":116}}}"#,
        r#"{"data":{"msg":null,"id":"2"}}"#,
        r#"{"data":null}"#,
        r#"{"data":"text"}"#,
        r#"{"data":{"id":1},"data":{}}"#,
    ]);
    assert_eq!(
        shown(&decoded.rows, &fields),
        [r#"{"data.msg.type":"116","data.id":1,"at":"x"}"#, r#"{"data.id":2}"#, "{}", "{}", "{}"]
    );
    assert_eq!(decoded.errors.len(), 2, "data of the fourth is no ROW: {:?}", decoded.errors);
    let failed = Table::of(strict(), fields).decode(&[r#"{"data":[1]}"#]);
    assert_eq!(failed.errors[0].kind, DecodeErrorKind::RowFailed);
}

#[test]
fn missing_fields_can_fail() {
    let format = Format::Json(JsonFormat { fail_on_missing_field: true, ..JsonFormat::default() });
    let table = Table::of(format, vec![column("i", SqlType::Int), path_column(&["r", "x"], SqlType::Int)]);
    let decoded =
        table.decode(&[r#"{"i":1,"r":{"x":null}}"#, r#"{"i":1,"r":null}"#, r#"{"i":1,"r":{}}"#, r#"{"r":{"x":1}}"#]);
    assert_eq!(decoded.rows.num_rows(), 2);
    assert_eq!(decoded.errors.iter().map(|e| e.record).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn filter_drops_rows_but_not_their_times() {
    let mut table = Table::of(
        strict(),
        vec![column("i", SqlType::Int), column("ts", SqlType::BigInt), column("s", SqlType::STRING)],
    );
    table.time = Some(TimeField { field: 1, unit: TimeUnit::Millis });
    table.filter = Some(RowFilter::And(vec![
        RowFilter::Compare { field: 0, op: CompareOp::GtEq, value: Scalar::Int(2) },
        RowFilter::In { field: 2, values: vec![Scalar::Text("a".into()), Scalar::Text("b\"".into())] },
    ]));
    let values: [Option<&[u8]>; 6] = [
        Some(br#"{"i":1,"ts":10,"s":"a"}"#),
        Some(br#"{"i":2,"ts":11,"s":"a"}"#),
        None,
        Some(br#"{"i":3,"s":"b\""}"#),
        Some(br#"{"i":null,"ts":14,"s":"a"}"#),
        Some(br#"{"i":9,"ts":15,"s":"c"}"#),
    ];
    let decoded = table.decoder().decode(&batch(&values)).unwrap();
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"i":2,"ts":11,"s":"a"}"#, r#"{"i":3,"s":"b\""}"#]);
    assert_eq!(decoded.times, Some(vec![10, 11, i64::MIN, i64::MIN, 14, 15]));
    assert_eq!((decoded.dropped, decoded.tombstones), (3, 1));
    assert_eq!(decoded.records.unwrap().values(), &[1, 3]);
}

#[test]
fn failing_filter_fields_are_not_passed_over() {
    let mut table = Table::of(strict(), vec![column("i", SqlType::Int)]);
    table.filter = Some(RowFilter::Compare { field: 0, op: CompareOp::Eq, value: Scalar::Int(1) });
    let decoded = table.decode(&[r#"{"i":"x"}"#, r#"{"i":2}"#, r#"{"i":1}"#]);
    assert_eq!(decoded.rows.num_rows(), 1);
    assert_eq!(
        decoded.errors.iter().map(|e| (e.record, e.kind)).collect::<Vec<_>>(),
        [(0, DecodeErrorKind::RowFailed)]
    );
}

#[test]
fn event_times_of_timestamp_columns() {
    let mut table = Table::of(lenient(), vec![column("t", SqlType::Timestamp(3))]);
    table.time = Some(TimeField { field: 0, unit: TimeUnit::Micros });
    let decoded = table.decode(&[r#"{"t":"1970-01-01 00:00:01.5"}"#, r#"{"t":1598486400123}"#, "{}", "broken"]);
    assert_eq!(decoded.times, Some(vec![1500, i64::MIN, i64::MIN, i64::MIN]));
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"t":"1970-01-01 00:00:01.5"}"#, "{}", "{}"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes: every message has a row or is counted.
    #[test]
    fn any_bytes(
        docs in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    8 => prop::sample::select(vec![b"{".as_slice(), b"}", b"[", b"]", b":", b",", b"\"s\":", b"\"i\":", b"\"r\":{\"x\":", b"\"a\":[", b"\"m\":{\"k\":",
                        b"\"d\":", b"\"t\":", b"1", b"-2.5e9", b"null", b"true", b"\"\\u00e9\"", b"\"2020-08-27 00:00:00\"", b" "]).prop_map(<[u8]>::to_vec),
                    1 => prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..14,
            ),
            1..6,
        )
    ) {
        let docs: Vec<Vec<u8>> = docs.into_iter().map(|parts| [b"{".to_vec(), parts.concat(), b"}".to_vec()].concat()).collect();
        let values: Vec<Option<&[u8]>> = docs.iter().map(|d| Some(d.as_slice())).collect();
        for format in [strict(), lenient()] {
            let decoded = everything(format).decoder().decode(&batch(&values)).unwrap();
            let lost: u64 = decoded.errors.iter().filter(|e| e.kind != DecodeErrorKind::FieldNull).map(|e| e.count).sum();
            prop_assert_eq!(decoded.rows.num_rows() as u64 + lost, docs.len() as u64);
        }
    }
}

#[test]
fn tombstones_can_be_rows() {
    let table = Table::of(strict(), vec![column("i", SqlType::Int)]);
    let raw = batch(&[Some(b"{\"i\":1}"), None, Some(b"bad"), None]);
    let decoded = table.decoder().keep_tombstones().decode(&raw).unwrap();
    assert_eq!(shown(&decoded.rows, &table.fields), [r#"{"i":1}"#, "{}", "{}"]);
    assert_eq!(decoded.deletes, [1, 2]);
    assert_eq!(RowKind::Delete.symbol(), "-D");
}
