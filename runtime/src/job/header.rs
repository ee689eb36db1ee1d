//! What the state directory remembers about the job as planned.

use std::fmt::Write;

use arrow_schema::{DataType, Schema, TimeUnit};
use tidegate_core::Error;
use tidegate_core::Result;
use tidegate_core::table::BoundTable;
use tidegate_plan::{Op, Plan};

use crate::exec::build::Builder;
use crate::exec::start::{OpenedSource, ends_of};
use crate::exec::task::layouts;
use crate::store::{JobHeader, OperatorInfo, SinkInfo};

/// Lanes of a sink that the store does not know yet.
const LANES: u32 = 1;

/// The header of a job. Sinks that discard their rows need no log and are left out.
///
/// # Errors
/// Where an operator cannot be built.
pub fn header(builder: &Builder, sources: &[OpenedSource]) -> Result<JobHeader> {
    let plan = &builder.plan;
    let mut operators = Vec::new();
    for stage in 0..builder.graph.stages.len() {
        let mut built = builder.chain(stage, 0, 0)?;
        for (id, layout) in layouts(&mut built.chain) {
            let label = plan.nodes.iter().find(|n| n.id == id).map_or_else(String::new, |n| n.label.clone());
            operators.push(OperatorInfo {
                id,
                label,
                schema: schema_text(&layout.schema)?,
                key_columns: layout.key_columns,
            });
        }
    }
    let mut sinks = Vec::new();
    for id in &plan.sinks {
        let Op::Sink(sink) = &plan.nodes[*id].op else { continue };
        if builder.sinks.get(id).is_some_and(|s| !s.discard) {
            sinks.push(info(plan, &sink.sink_id, sink.table, &sink.key)?);
        }
    }
    if let Some(letters) = builder.letters.as_ref().filter(|l| !l.shape.discard)
        && let Op::Sink(sink) = &letters.node.op
        && !sinks.iter().any(|s| s.id == letters.sink)
    {
        sinks.push(info(plan, &letters.sink, sink.table, &sink.key)?);
    }
    Ok(JobHeader {
        plan_fingerprint: plan.fingerprint(),
        dialect: plan.settings.dialect,
        zone: plan.settings.zone.clone(),
        operators,
        sinks,
        sources: sources.iter().flat_map(|s| [s.id.clone(), ends_of(&s.id)]).collect(),
    })
}

fn info(plan: &Plan, id: &str, table: usize, key: &[usize]) -> Result<SinkInfo> {
    let table: &BoundTable = plan.tables.get(table).ok_or_else(|| Error::internal("a sink without table"))?;
    let writable: Vec<String> = table.spec.writable().map(|c| c.column.name.clone()).collect();
    let key = key.iter().filter_map(|k| writable.get(*k).cloned()).collect();
    Ok(SinkInfo { id: id.to_owned(), table: table.clone(), lanes: LANES, key })
}

/// A schema as text that does not change with the version of any library.
fn schema_text(schema: &Schema) -> Result<String> {
    let mut out = String::new();
    for field in schema.fields() {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}{} {}", field.name(), type_text(field.data_type())?);
    }
    Ok(out)
}

fn type_text(ty: &DataType) -> Result<String> {
    Ok(match ty {
        DataType::Null => "null".into(),
        DataType::Boolean => "bool".into(),
        DataType::Int8 => "i8".into(),
        DataType::Int16 => "i16".into(),
        DataType::Int32 => "i32".into(),
        DataType::Int64 => "i64".into(),
        DataType::UInt8 => "u8".into(),
        DataType::UInt16 => "u16".into(),
        DataType::UInt32 => "u32".into(),
        DataType::UInt64 => "u64".into(),
        DataType::Float32 => "f32".into(),
        DataType::Float64 => "f64".into(),
        DataType::Decimal128(p, s) => format!("decimal({p},{s})"),
        DataType::Utf8 => "text".into(),
        DataType::Binary => "bytes".into(),
        DataType::FixedSizeBinary(n) => format!("bytes({n})"),
        DataType::Date32 => "date".into(),
        DataType::Time32(TimeUnit::Millisecond) => "time-ms".into(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp-us".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => format!("instant-us({zone})"),
        DataType::List(item) => format!("list<{}>", type_text(item.data_type())?),
        DataType::Map(entries, _) => format!("map<{}>", type_text(entries.data_type())?),
        DataType::Struct(fields) => {
            let parts = fields.iter().map(|f| Ok(format!("{} {}", f.name(), type_text(f.data_type())?)));
            format!("row<{}>", parts.collect::<Result<Vec<_>>>()?.join(", "))
        }
        other => return Err(Error::internal(format!("state with a column of type {other}"))),
    })
}
