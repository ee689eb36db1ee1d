//! The json format beside Flink's, record by record, strict and with ignore-parse-errors.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use bytes::Bytes;
use tidegate_core::raw::{ByteRange, RawBatch, RawRecord};
use tidegate_core::scan::{FieldSource, Root, ScanField, ScanRequest};
use tidegate_core::split::Position;
use tidegate_core::table::{Format, JsonFormat};
use tidegate_core::{Column, Dialect, SqlType};
use tidegate_formats::decode::{DecodeErrorKind, Decoder, DecoderSpec};
use tidegate_integration_tests::{golden, javatext};

/// The columns of the probes.
fn columns() -> Vec<Column> {
    let c = |name: &str, ty: SqlType| Column::new(name, ty.nullable());
    vec![
        c("s", SqlType::STRING),
        c("i", SqlType::Int),
        c("b", SqlType::BigInt),
        c("d", SqlType::Double),
        c("e", SqlType::Decimal(10, 2)),
        c("t", SqlType::Timestamp(3)),
        c("z", SqlType::TimestampLtz(3)),
        c("dt", SqlType::Date),
        c("bo", SqlType::Boolean),
        c("r", SqlType::Row(vec![c("x", SqlType::Int), c("y", SqlType::STRING)])),
        c("a", SqlType::Array(Box::new(SqlType::Int.nullable()))),
        c("m", SqlType::Map(Box::new(SqlType::STRING.nullable()), Box::new(SqlType::Int.nullable()))),
    ]
}

fn decode(text: &str, ignore: bool) -> String {
    let columns = columns();
    let fields = columns
        .iter()
        .map(|c| ScanField {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            from: FieldSource::Column { root: Root::Value, path: vec![c.name.clone()] },
        })
        .collect();
    let scan = ScanRequest { fields, filter: None, time: None };
    let format = Format::Json(JsonFormat { ignore_parse_errors: ignore, ..JsonFormat::default() });
    let mut decoder = Decoder::new(DecoderSpec {
        scan: &scan,
        value_format: Some(&format),
        key_format: None,
        key_prefix: "",
        value_columns: &columns,
        key_columns: &[],
        zone: "UTC",
        dialect: Dialect::Flink,
    })
    .unwrap();
    let value = Some(ByteRange { start: 0, end: text.len() as u32 });
    let raw = RawBatch {
        topic: Arc::from("t"),
        partition: 0,
        data: Bytes::from(text.to_owned()),
        records: vec![RawRecord {
            key: None,
            value,
            headers: None,
            offset: 0,
            timestamp: 0,
            broker: tidegate_core::raw::BrokerFacts::default(),
        }],
        next: Position("1".into()),
        behind: None,
    };
    let out = decoder.decode(&raw).unwrap();
    if out.errors.iter().any(|e| e.kind == DecodeErrorKind::RowFailed) {
        return "ERROR".to_owned();
    }
    (0..out.rows.num_rows()).map(|i| javatext::show_row("+I", out.rows.columns(), &columns, i)).collect()
}

#[test]
fn equals_flinks_json_format() {
    let Some(golden) = golden::folder() else { return };
    let text = std::fs::read_to_string(golden.join("semantics/probe_json.tsv")).unwrap();
    // One value holds a line break: a line that no case begins belongs to the one before.
    let mut cases: Vec<String> = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        match cases.last_mut() {
            Some(last) if !line.contains("[ignore-parse-errors=") => *last += &format!("\n{line}"),
            _ => cases.push(line.to_owned()),
        }
    }
    let mut wrong = Vec::new();
    for case in &cases {
        let (input, rest) = case.split_once("  [ignore-parse-errors=").unwrap();
        let (ignore, want) = rest.split_once("]\t").unwrap();
        let want = if want.starts_with("ERROR") { "ERROR" } else { want };
        let got = decode(input, ignore == "true");
        if got != want {
            wrong.push(format!("{input} ignore={ignore}\n  Flink    {want}\n  Tidegate {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
