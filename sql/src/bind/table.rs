//! A declared table as a relation: the scan of its columns, its key normalised where it comes as an
//! upsert stream, its computed columns, its event time.

use tidegate_core::options::nearest;
use tidegate_core::scan::{FieldSource, Metadata, Root, ScanField, ScanRequest};
use tidegate_core::table::{BoundTable, ColumnKind, SourceChanges};
use tidegate_core::{DataType, Dialect, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{EventTime, Expr, ExprKind, Function, Op, Scan};

use super::cast;
use super::env::Env;
use super::expr::ExprBinder;
use super::relation::Relation;
use super::scope::{Scope, ScopeColumn};
use crate::ast::WatermarkKind;
use crate::catalog::TableDef;
use crate::graph::{Graph, RelColumn, TimeAttribute};

/// What a table's relation depends on besides its declaration.
pub(crate) struct Habits {
    /// `table.exec.source.idle-timeout`
    pub idle_timeout_ms: Option<i64>,
}

/// The columns of a declaration over the scan's output.
struct Columns {
    /// One expression a declared column.
    exprs: Vec<Expr>,
    names: Vec<String>,
    time: Vec<TimeAttribute>,
}

/// The relation of a table.
pub(crate) fn relation(env: &Env, graph: &mut Graph, def: &TableDef, habits: &Habits) -> Result<Relation> {
    let env = &table_env(env, &def.bound);
    let spec = &def.bound.spec;
    let place = |e: Error| e.context(format!("table {}", spec.name));
    let (fields, physical) = scan_fields(&def.bound).map_err(place)?;
    let mut columns = declared_columns(env, def, &fields, &physical).map_err(place)?;
    let event_time = event_time(env, def, &mut columns, habits).map_err(place)?;
    let table = graph.table(&def.bound);
    let request = ScanRequest { fields: fields.clone(), filter: None, time: None };
    let scan_columns = fields
        .iter()
        .map(|f| RelColumn {
            column: tidegate_core::Column::new(f.name.clone(), f.data_type.clone()),
            time: TimeAttribute::None,
        })
        .collect();
    let mut rel = graph.add(Op::Scan(Scan { table, request, event_time }), vec![], scan_columns, spec.span);
    if def.bound.binding.source == SourceChanges::Upsert {
        rel = normalized(graph, rel, &def.bound, &fields)?;
    }
    let outputs = columns.exprs.into_iter().zip(columns.names).zip(columns.time).map(|((e, n), t)| (e, n, t)).collect();
    let rel = graph.calc(rel, None, outputs, spec.span);
    let names = spec.columns.iter().map(|c| c.column.name.clone()).collect();
    let mut relation = Relation::named(graph, rel, names);
    for hidden in &def.hidden {
        relation.scope.columns[*hidden].hidden = true;
    }
    Ok(relation.qualified(&spec.name))
}

/// A table's own zone goes before the session's.
fn table_env(env: &Env, table: &BoundTable) -> Env {
    let mut env = env.clone();
    if let Some(zone) = &table.binding.time_zone {
        env.zone.clone_from(zone);
    }
    env
}

/// What the scan reads: every column that is in the data or known about the record. The second
/// result maps declared columns to fields.
fn scan_fields(table: &BoundTable) -> Result<(Vec<ScanField>, Vec<Option<usize>>)> {
    let (mut fields, mut positions) = (Vec::new(), Vec::new());
    for c in &table.spec.columns {
        let (from, data_type) = match &c.kind {
            ColumnKind::Computed => {
                positions.push(None);
                continue;
            }
            ColumnKind::Physical => (physical_source(table, &c.column.name), c.column.data_type.clone()),
            ColumnKind::Metadata { key, .. } => {
                let (m, ty) = metadata(key).map_err(|e| e.at(c.span))?;
                (FieldSource::Metadata(m), ty)
            }
        };
        positions.push(Some(fields.len()));
        fields.push(ScanField { name: c.column.name.clone(), data_type, from });
    }
    Ok((fields, positions))
}

fn physical_source(table: &BoundTable, name: &str) -> FieldSource {
    let binding = &table.binding;
    let in_key = binding.key_format.is_some() && binding.key_columns.iter().any(|k| k == name);
    let from_key = in_key && (!binding.value_includes_key || binding.source == SourceChanges::Upsert);
    if from_key {
        let inner = name.strip_prefix(&binding.key_prefix).unwrap_or(name);
        return FieldSource::Column { root: Root::Key, path: vec![inner.to_owned()] };
    }
    FieldSource::Column { root: Root::Value, path: vec![name.to_owned()] }
}

fn metadata(key: &str) -> Result<(Metadata, DataType)> {
    const KEYS: [&str; 8] =
        ["topic", "partition", "offset", "timestamp", "timestamp-type", "leader-epoch", "headers", "key"];
    let not_null = |t: SqlType| t.not_null();
    Ok(match key {
        "topic" => (Metadata::Topic, not_null(SqlType::STRING)),
        "partition" => (Metadata::Partition, not_null(SqlType::Int)),
        "offset" => (Metadata::Offset, not_null(SqlType::BigInt)),
        "timestamp" => (Metadata::Timestamp, not_null(SqlType::TimestampLtz(3))),
        "timestamp-type" => (Metadata::TimestampType, not_null(SqlType::STRING)),
        "leader-epoch" => (Metadata::LeaderEpoch, SqlType::Int.nullable()),
        "key" => (Metadata::Key, SqlType::BYTES.nullable()),
        "headers" => {
            let map = SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(SqlType::BYTES.nullable()));
            (Metadata::Headers, not_null(map))
        }
        other => {
            let e = Error::user(format!("unknown metadata key '{other}'"));
            return Err(match nearest(other, KEYS.into_iter()) {
                Some(n) => e.help(format!("did you mean '{n}'?")),
                None => e.help(format!("known keys: {}", KEYS.join(", "))),
            });
        }
    })
}

/// Every declared column over the scan. Computed columns see those before them and all physical ones.
fn declared_columns(env: &Env, def: &TableDef, fields: &[ScanField], positions: &[Option<usize>]) -> Result<Columns> {
    let spec = &def.bound.spec;
    let mut out = Columns { exprs: Vec::new(), names: Vec::new(), time: Vec::new() };
    for (c, position) in spec.columns.iter().zip(positions) {
        let expr = match position {
            Some(i) => {
                let read = Expr::column(*i, fields[*i].data_type.clone());
                as_declared(env, read, &c.column.data_type, c.span)?
            }
            None => Expr::literal(Scalar::Null, SqlType::Null.nullable()),
        };
        out.exprs.push(expr);
        out.names.push(c.column.name.clone());
        out.time.push(TimeAttribute::None);
    }
    for computed in &def.computed {
        let column = computed.column;
        // A column that is not computed yet must not be read: its name is hidden behind a NULL.
        let waiting: Vec<usize> =
            def.computed.iter().map(|c| c.column).filter(|c| *c >= column && positions[*c].is_none()).collect();
        let scope = scope_of(&out, &waiting);
        let declared = &spec.columns[column];
        let mut binder = ExprBinder::new(env, &scope, "a computed column");
        let bound = binder
            .bind(&computed.expression.expr)
            .map_err(|e| e.at(declared.span).context(format!("column {}", declared.column.name)))?;
        let bound = crate::graph::substitute(bound, &out.exprs);
        let bound = match &declared.column.data_type.ty {
            SqlType::Null => bound,
            _ => as_declared(env, bound, &declared.column.data_type, declared.span)?,
        };
        out.time[column] = match &bound.kind {
            ExprKind::Call { function: Function::Proctime, .. } => TimeAttribute::Processing,
            _ => TimeAttribute::None,
        };
        out.exprs[column] = bound;
    }
    Ok(out)
}

fn scope_of(columns: &Columns, without: &[usize]) -> Scope {
    let columns = columns
        .exprs
        .iter()
        .zip(&columns.names)
        .zip(&columns.time)
        .enumerate()
        .map(|(i, ((e, name), time))| ScopeColumn {
            qualifier: None,
            name: if without.contains(&i) { String::new() } else { name.clone() },
            hidden: false,
            data_type: e.data_type.clone(),
            time: *time,
            span: Span::default(),
        })
        .collect();
    Scope { columns }
}

/// A value in the declared type, with the declared nullability.
fn as_declared(env: &Env, e: Expr, declared: &DataType, span: Span) -> Result<Expr> {
    if e.data_type.ty == declared.ty {
        return Ok(e);
    }
    if !cast::storable(env, &e.data_type.ty, &declared.ty) && !cast::allowed(env, &e.data_type.ty, &declared.ty) {
        return Err(
            Error::user(format!("a {} does not fit the declared type {}", e.data_type.ty, declared.ty)).at(span)
        );
    }
    Ok(cast::implicit(env, e, &declared.ty))
}

/// The event time over the scan's fields; marks the column.
fn event_time(env: &Env, def: &TableDef, columns: &mut Columns, habits: &Habits) -> Result<Option<EventTime>> {
    let Some(w) = &def.watermark else { return Ok(None) };
    let dialect = def.bound.spec.dialect;
    let Some(column) = def.column(&w.column.text) else {
        return Err(Error::user(format!("WATERMARK names '{}', which is not a column of the table", w.column.text))
            .at(w.column.span));
    };
    let mut time = columns.exprs[column].clone();
    time.span = w.column.span;
    let fits = match &time.data_type.ty {
        SqlType::Timestamp(p) | SqlType::TimestampLtz(p) => *p <= 3 || dialect != Dialect::Flink,
        SqlType::BigInt => dialect != Dialect::Flink,
        _ => false,
    };
    if !fits {
        let e = Error::user(format!(
            "the watermark column '{}' is {}, which is not a time",
            w.column.text, time.data_type.ty
        ))
        .at(w.column.span);
        return Err(match (&time.data_type.ty, dialect) {
            (t, Dialect::Flink) if t.is_integer() => e.help("make it TO_TIMESTAMP_LTZ(column, 3)"),
            (t, Dialect::Flink) if t.is_text() => e.help("make it TO_TIMESTAMP(column)"),
            (t, _) if t.is_timestamp() => e.help("time attributes have at most 3 decimals"),
            _ => e.help("make it TO_TIMESTAMP(column)"),
        });
    }
    let time_type = time.data_type.ty.clone();
    let scope = scope_of(columns, &[]);
    let (watermark, delay_ms) = match &w.kind {
        WatermarkKind::WithOffset(ms) => (behind(&time, *ms), Some(*ms)),
        WatermarkKind::Expr(e) => {
            let mut binder = ExprBinder::new(env, &scope, "WATERMARK");
            let bound = binder.bind(&e.expr).map_err(|err| err.at(w.span))?;
            if bound.data_type.ty != time_type && !(bound.data_type.ty.is_timestamp() && time_type.is_timestamp()) {
                return Err(Error::user(format!("the watermark is {}, its column {}", bound.data_type.ty, time_type))
                    .at(e.span));
            }
            let delay = constant_delay(&bound, column);
            (crate::graph::substitute(bound, &columns.exprs), delay)
        }
    };
    columns.time[column] = TimeAttribute::Event;
    mark_copies(columns, column);
    Ok(Some(EventTime { time, watermark, delay_ms, idle_timeout_ms: habits.idle_timeout_ms }))
}

/// Columns that are nothing but the time column (UFlink's ROWTIME) are time attributes too.
fn mark_copies(columns: &mut Columns, column: usize) {
    let time = columns.exprs[column].clone();
    for i in 0..columns.exprs.len() {
        if columns.exprs[i] == time && columns.names[i].eq_ignore_ascii_case("ROWTIME") {
            columns.time[i] = TimeAttribute::Event;
        }
    }
}

/// `time - ms`.
fn behind(time: &Expr, ms: i64) -> Expr {
    if ms == 0 {
        return time.clone();
    }
    let (function, amount) = match time.data_type.ty {
        SqlType::BigInt => (Function::Subtract, SqlType::BigInt.not_null()),
        _ => (Function::SubtractInterval, SqlType::IntervalDayTime.not_null()),
    };
    let args = vec![time.clone(), Expr::literal(Scalar::Int(ms), amount)];
    Expr::new(ExprKind::Call { function, args }, time.data_type.clone())
}

/// The constant of `column - INTERVAL constant`, or 0 for the column itself.
fn constant_delay(bound: &Expr, column: usize) -> Option<i64> {
    match &bound.kind {
        ExprKind::Column(i) if *i == column => Some(0),
        ExprKind::Call { function: Function::SubtractInterval | Function::Subtract, args } => match args.as_slice() {
            [time, amount] if time.as_column() == Some(column) => match amount.kind {
                ExprKind::Literal(Scalar::Int(ms)) if amount.data_type.ty != SqlType::IntervalYearMonth => Some(ms),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// An upsert stream as a full changelog.
fn normalized(graph: &mut Graph, scan: usize, table: &BoundTable, fields: &[ScanField]) -> Result<usize> {
    let keys: Option<Vec<usize>> =
        table.spec.primary_key.iter().map(|k| fields.iter().position(|f| f.name == *k)).collect();
    let keys = keys.filter(|k| !k.is_empty()).ok_or_else(|| {
        Error::user(format!("table '{}' is read as an upsert stream and needs a PRIMARY KEY", table.spec.name))
            .at(table.spec.span)
    })?;
    let columns = graph.rels[scan].columns.clone();
    Ok(graph.add(Op::Normalize { keys }, vec![scan], columns, table.spec.span))
}
