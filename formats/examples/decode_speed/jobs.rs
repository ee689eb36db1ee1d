//! The scans of the jobs.

use tidegate_core::Scalar;
use tidegate_core::error::Result;
use tidegate_core::raw::RawBatch;
use tidegate_core::scan::{
    CastFlavor, CastRule, ChainStep, CompareOp, FieldSource, JsonPath, JsonRule, JsonSegment, OnCastError, Root,
    RowFilter, ScanField, ScanRequest, TimeField, TimeUnit,
};
use tidegate_core::table::{Format, JsonFormat, RawFormat};
use tidegate_core::types::SqlType;

use super::floor;

/// Decodes a batch the other way; the number of rows left.
pub type Floor = Box<dyn FnMut(&RawBatch) -> Result<usize>>;

/// One job's scan and its floor.
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// The file it reads.
    pub data: &'static str,
    /// What it reads.
    pub scan: ScanRequest,
    /// How values are encoded.
    pub value: Format,
    /// How keys are encoded.
    pub key: Format,
    /// The same by serde_json.
    pub floor: Floor,
}

const RULE: CastRule = CastRule { on_error: OnCastError::Null, flavor: CastFlavor::Blink };

fn field(name: &str, ty: SqlType, from: FieldSource) -> ScanField {
    ScanField { name: name.to_owned(), data_type: ty.nullable(), from }
}

fn column(path: &str, ty: SqlType) -> ScanField {
    let path = path.split('.').map(str::to_owned).collect::<Vec<_>>();
    field(&path.join("_"), ty, FieldSource::Column { root: Root::Value, path })
}

fn key() -> ScanField {
    field("messageKey", SqlType::BYTES, FieldSource::Column { root: Root::Key, path: vec!["messageKey".to_owned()] })
}

/// Nested JSON_VALUE calls, one for each name, with casts between and at the end.
fn nested(names: &str, ty: SqlType) -> ScanField {
    let mut steps = Vec::new();
    for name in names.split('.') {
        let path = JsonPath {
            text: format!("$.{name}"),
            mode: None,
            segments: Some(vec![JsonSegment::Member(name.to_owned())]),
        };
        steps.push(ChainStep::JsonValue(path, JsonRule::Blink));
        steps.push(ChainStep::Cast(SqlType::STRING.nullable(), RULE));
    }
    if !ty.is_text() {
        steps.push(ChainStep::Cast(ty.clone().nullable(), RULE));
    }
    field(&names.replace('.', "_"), ty, FieldSource::Chain { root: Root::Value, steps })
}

fn scan(fields: Vec<ScanField>) -> ScanRequest {
    ScanRequest { fields, filter: None, time: None }
}

fn with_time(fields: Vec<ScanField>, field: usize) -> ScanRequest {
    ScanRequest { fields, filter: None, time: Some(TimeField { field, unit: TimeUnit::Millis }) }
}

fn student(column: impl Fn(&str, SqlType) -> ScanField) -> ScanRequest {
    let text = SqlType::STRING;
    let equal = |field, value| RowFilter::Compare { field, op: CompareOp::Eq, value };
    ScanRequest {
        fields: vec![
            key(),
            column("createTime", text.clone()),
            column("data.userid", SqlType::BigInt),
            column("data.roomid", SqlType::BigInt),
            column("data.timestamp", SqlType::BigInt),
            column("data.role", SqlType::TinyInt),
            column("data.msgid", SqlType::BigInt),
            column("data.msg.msgtype", text.clone()),
            column("data.msg.msg_data.target_id", text.clone()),
            column("data.msg.msg_data.target_type", text.clone()),
            column("data.msg.msg_data.action", text.clone()),
            column("data.msg.msg_data.sub_action", text),
            column("data.msg.msg_data.page_index", SqlType::BigInt),
        ],
        filter: Some(RowFilter::And(vec![
            equal(6, Scalar::Int(305)),
            equal(7, Scalar::Text("116".to_owned())),
            equal(5, Scalar::Int(2)),
        ])),
        time: None,
    }
}

fn mashup(column: impl Fn(&str, SqlType) -> ScanField) -> ScanRequest {
    let fields = vec![
        column("userId", SqlType::BigInt),
        column("roomId", SqlType::BigInt),
        column("role", SqlType::STRING),
        column("event", SqlType::STRING),
        column("timeStamp", SqlType::BigInt),
    ];
    with_time(fields, 4)
}

fn agora(column: impl Fn(&str, SqlType) -> ScanField) -> ScanRequest {
    let fields = vec![
        column("classroom_id", SqlType::STRING),
        column("user_type", SqlType::STRING),
        column("user_id", SqlType::BigInt),
        column("agora_channel_id", SqlType::BigInt),
        column("event", SqlType::STRING),
        column("agora_videoState.fr", SqlType::BigInt),
        column("agora_videoState.uid", SqlType::BigInt),
        column("agora_audioState.lost", SqlType::BigInt),
        column("agora_audioState.uid", SqlType::BigInt),
        column("messageCreateTime", SqlType::BigInt),
    ];
    with_time(fields, 9)
}

fn order(column: impl Fn(&str, SqlType) -> ScanField) -> ScanRequest {
    let text = SqlType::STRING;
    scan(vec![
        column("id", text.clone()),
        column("cc_id", text.clone()),
        column("confirm_date_time", text.clone()),
        column("status", text),
    ])
}

/// All jobs.
pub fn all() -> Vec<Job> {
    let json = Format::Json(JsonFormat { ignore_parse_errors: true, ..JsonFormat::default() });
    let raw = Format::Raw(RawFormat::default());
    let text = SqlType::STRING;
    let answers =
        scan(vec![column("question_id", text.clone()), column("grade_id", text.clone()), column("subject_id", text)]);
    let job = |name, data, scan, value: &Format, floor| Job {
        name,
        data,
        scan,
        value: value.clone(),
        key: raw.clone(),
        floor,
    };
    vec![
        job("A", "answer", answers, &json, Box::new(floor::answer)),
        job("B1 nested", "studentop", student(nested), &raw, Box::new(floor::student)),
        job("B1 rows", "studentop", student(column), &json, Box::new(floor::student)),
        job("B3 chains", "mashup", mashup(nested), &raw, Box::new(floor::mashup)),
        job("B3 columns", "mashup", mashup(column), &json, Box::new(floor::mashup)),
        job("B5 chains", "agora", agora(nested), &raw, Box::new(floor::agora)),
        job("B5 columns", "agora", agora(column), &json, Box::new(floor::agora)),
        job("B7 chains", "order", order(nested), &raw, Box::new(floor::order)),
        job("B7 columns", "order", order(column), &json, Box::new(floor::order)),
    ]
}
