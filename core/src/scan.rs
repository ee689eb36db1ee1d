//! What a plan asks of a source: columns, JSON paths, a row filter, the event time.
//!
//! The planner gathers, per table, every column and every JSON path that the whole statement set
//! reads, so that each message is decoded once and nothing else is built.

use serde::{Deserialize, Serialize};

use crate::scalar::Scalar;
use crate::types::DataType;

/// Everything wanted of one source table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanRequest {
    /// The columns of the scan's output, in order.
    pub fields: Vec<ScanField>,
    /// Rows for which this is not TRUE are wanted by nobody. A source or decoder *may* use it to
    /// drop rows early; whoever does must still report the dropped rows' event times.
    pub filter: Option<RowFilter>,
    /// The field that holds the event time, where it is simple enough for a decoder to report the
    /// time of dropped rows. A filter is only pushed when there is no event time or this is set.
    pub time: Option<TimeField>,
}

/// One output column of a scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanField {
    /// A name for people; unique in the scan.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Where it comes from.
    pub from: FieldSource,
}

/// Where a field comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldSource {
    /// A column as the table's value (or key) format decodes it; the path goes on through ROW
    /// columns (`["data","msg","msgtype"]`). For `raw` the path is the one column's name.
    Column {
        /// Key or value.
        root: Root,
        /// The column, then fields of nested ROWs.
        path: Vec<String>,
    },
    /// A chain of JSON functions and casts over the whole key or value, fused by the planner.
    Chain {
        /// Key or value.
        root: Root,
        /// Applied from first to last; the last one's result has the field's type.
        steps: Vec<ChainStep>,
    },
    /// Something the source knows about the record.
    Metadata(Metadata),
}

/// The half of a message a field is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Root {
    /// The message key.
    Key,
    /// The message value.
    Value,
}

/// One function of a [`FieldSource::Chain`]. The input of the first is the message as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChainStep {
    /// JSON_VALUE(text, path): a scalar as text.
    JsonValue(JsonPath, JsonRule),
    /// JSON_QUERY(text, path): an object or array as compact text.
    JsonQuery(JsonPath, JsonRule),
    /// CAST of the text so far.
    Cast(DataType, CastRule),
}

/// A parsed JSON path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JsonPath {
    /// The text as written.
    pub text: String,
    /// `strict` or `lax` as written; `None` where the text does not say.
    pub mode: Option<JsonMode>,
    /// The steps after `$`; `None` where the path is not of the supported form (always NULL).
    pub segments: Option<Vec<JsonSegment>>,
}

/// The word before `$` in a JSON path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonMode {
    /// Missing things are errors.
    Strict,
    /// Missing things are empty.
    Lax,
}

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonSegment {
    /// `.name` or `['name']`
    Member(String),
    /// `[n]`
    Index(u32),
    /// `[*]`
    AnyIndex,
}

/// Whose JSON functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonRule {
    /// Flink: JSON_VALUE of an object is NULL, number text as Java prints it.
    Flink,
    /// Blink and UFlink: JSON_VALUE of an object is its compact text.
    Blink,
}

/// How a CAST behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CastRule {
    /// What a value that cannot be converted gives.
    pub on_error: OnCastError,
    /// Whose text forms: Flink prints `TRUE`, legacy and Blink print `true`, and so on.
    pub flavor: CastFlavor,
}

/// What a failed conversion gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnCastError {
    /// NULL (TRY_CAST, Blink), counted.
    Null,
    /// A row error: stop or dead letter.
    Fail,
}

/// Whose conversion table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CastFlavor {
    /// Flink 1.15 and later.
    Flink,
    /// Flink's `table.exec.legacy-cast-behaviour`.
    FlinkLegacy,
    /// Blink and UFlink.
    Blink,
}

/// What a source knows about a record besides key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Metadata {
    /// STRING
    Topic,
    /// INT
    Partition,
    /// BIGINT
    Offset,
    /// TIMESTAMP_LTZ(3)
    Timestamp,
    /// STRING: CreateTime, LogAppendTime or NoTimestampType
    TimestampType,
    /// INT
    LeaderEpoch,
    /// MAP<STRING, BYTES>
    Headers,
    /// BYTES, NULL where there is none
    Key,
}

/// A filter that a decoder can evaluate on single fields; kept rows are those for which it is TRUE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RowFilter {
    /// All of them.
    And(Vec<RowFilter>),
    /// Any of them.
    Or(Vec<RowFilter>),
    /// `field op value`, both of one type.
    Compare {
        /// Index into [`ScanRequest::fields`].
        field: usize,
        /// The comparison.
        op: CompareOp,
        /// The bound, never NULL.
        value: Scalar,
    },
    /// `field IN (values)`
    In {
        /// Index into [`ScanRequest::fields`].
        field: usize,
        /// The values, none NULL.
        values: Vec<Scalar>,
    },
    /// `field IS NULL`
    IsNull(usize),
    /// `field IS NOT NULL`
    IsNotNull(usize),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
}

/// The field that holds the event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeField {
    /// Index into [`ScanRequest::fields`]; an integer or timestamp field.
    pub field: usize,
    /// What the number counts.
    pub unit: TimeUnit,
}

/// What an event-time number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch (a TIMESTAMP column).
    Micros,
}
