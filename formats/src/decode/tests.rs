//! Decoding as a whole: each test is a table, messages, and the rows they become.

mod chains;
mod columns;
pub(crate) mod filters;
mod other;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use tidegate_core::Dialect;
use tidegate_core::raw::{ByteRange, RawBatch, RawRecord};
use tidegate_core::scan::{FieldSource, Root, RowFilter, ScanField, ScanRequest, TimeField};
use tidegate_core::split::Position;
use tidegate_core::table::Format;
use tidegate_core::types::{Column, DataType, SqlType};

use super::{Decoded, Decoder, DecoderSpec};

/// A table under test.
pub(crate) struct Table {
    pub(crate) value: Option<Format>,
    pub(crate) key: Option<Format>,
    pub(crate) fields: Vec<ScanField>,
    pub(crate) filter: Option<RowFilter>,
    pub(crate) time: Option<TimeField>,
}

impl Table {
    pub(crate) fn of(format: Format, fields: Vec<ScanField>) -> Table {
        Table { value: Some(format), key: None, fields, filter: None, time: None }
    }

    pub(crate) fn decoder(&self) -> Decoder {
        let columns = |root: Root| -> Vec<Column> {
            let mut out = Vec::new();
            for f in &self.fields {
                if let FieldSource::Column { root: r, path } = &f.from
                    && *r == root
                {
                    out.push(Column::new(path[0].clone(), f.data_type.clone()));
                }
            }
            out
        };
        let scan = ScanRequest { fields: self.fields.clone(), filter: self.filter.clone(), time: self.time };
        Decoder::new(DecoderSpec {
            scan: &scan,
            value_format: self.value.as_ref(),
            key_format: self.key.as_ref(),
            key_prefix: "k_",
            value_columns: &columns(Root::Value),
            key_columns: &columns(Root::Key),
            zone: "UTC",
            dialect: Dialect::Flink,
        })
        .unwrap()
    }

    pub(crate) fn decode(&self, values: &[&str]) -> Decoded {
        let values: Vec<Option<&[u8]>> = values.iter().map(|v| Some(v.as_bytes())).collect();
        self.decoder().decode(&batch(&values)).unwrap()
    }
}

/// Messages with keys `k0`, `k1`, …
pub(crate) fn batch(values: &[Option<&[u8]>]) -> RawBatch {
    let mut data = Vec::new();
    let mut records = Vec::new();
    let put = |bytes: &[u8], data: &mut Vec<u8>| {
        let start = data.len() as u32;
        data.extend_from_slice(bytes);
        Some(ByteRange { start, end: data.len() as u32 })
    };
    for (i, value) in values.iter().enumerate() {
        let key = put(format!("k{i}").as_bytes(), &mut data);
        let value = value.and_then(|v| put(v, &mut data));
        records.push(RawRecord {
            key,
            value,
            headers: None,
            offset: 100 + i as i64,
            timestamp: 5000 + i as i64,
            broker: tidegate_core::raw::BrokerFacts::default(),
        });
    }
    RawBatch {
        topic: Arc::from("t"),
        partition: 3,
        data: Bytes::from(data),
        records,
        next: Position(String::new()),
        behind: None,
    }
}

pub(crate) fn column(name: &str, ty: SqlType) -> ScanField {
    path_column(&[name], ty)
}

pub(crate) fn path_column(path: &[&str], ty: SqlType) -> ScanField {
    let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
    ScanField { name: path.join("."), data_type: ty.nullable(), from: FieldSource::Column { root: Root::Value, path } }
}

pub(crate) fn chain(name: &str, ty: SqlType, steps: Vec<tidegate_core::scan::ChainStep>) -> ScanField {
    ScanField {
        name: name.to_owned(),
        data_type: DataType { ty, nullable: true },
        from: FieldSource::Chain { root: Root::Value, steps },
    }
}

/// Rows as text, NULL as `-`: by the json encoder, so that the two halves test each other.
pub(crate) fn shown(rows: &RecordBatch, fields: &[ScanField]) -> Vec<String> {
    let columns: Vec<Column> = fields.iter().map(|f| Column::new(f.name.clone(), f.data_type.clone())).collect();
    let format = Format::Json(tidegate_core::table::JsonFormat { omit_nulls: true, ..Default::default() });
    let mut encoder = crate::encode::Encoder::new(&format, &columns, Dialect::Flink, "UTC").unwrap();
    let encoded = encoder.encode(rows).unwrap();
    assert_eq!(encoded.errors, []);
    encoded.values.iter().map(|v| String::from_utf8(v.unwrap().to_vec()).unwrap()).collect()
}

/// A text column's values.
pub(crate) fn texts(rows: &RecordBatch, column: usize) -> Vec<Option<&str>> {
    rows.column(column).as_string::<i32>().iter().collect()
}
