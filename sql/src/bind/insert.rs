//! INSERT: the query's columns onto the target's, by position, with the dialect's conversions.

use tidegate_core::options::nearest;
use tidegate_core::table::{Resource, TableColumn};
use tidegate_core::{DataType, Error, Span, SqlType};
use tidegate_plan::{Expr, ExprKind};

use super::cast;
use super::compare::is_null_constant;
use super::query::{Many, QueryBinder, contexts, one};
use super::relation::Relation;
use crate::ast::Insert;
use crate::catalog::{TableDef, same_name};
use crate::graph::{InsertRel, Output, TimeAttribute};

/// Binds one INSERT, number `number` of the script.
pub(crate) fn bind(b: &mut QueryBinder<'_>, insert: &Insert, number: usize) -> Many<InsertRel> {
    let place = format!("INSERT {number} → table {}", insert.table.text);
    bind_inner(b, insert, number).map_err(|all| contexts(all, &place))
}

fn bind_inner(b: &mut QueryBinder<'_>, insert: &Insert, number: usize) -> Many<InsertRel> {
    let declared = one(b.catalog.table(&insert.table.text, insert.table.span).cloned())?;
    let target = one(b.catalog.with_options(&declared, &insert.options).map_err(|e| e.at(insert.table.span)))?;
    if let Some(connector) = b.registry.find(target.bound.spec.dialect, &target.bound.connector)
        && !connector.descriptor().sink
    {
        return Err(vec![
            Error::user(format!(
                "table '{}' can only be read: connector '{}' is no sink",
                target.name(),
                target.bound.connector
            ))
            .at(insert.table.span),
        ]);
    }
    let relation = b.bind(&insert.query.ast)?;
    let writable: Vec<TableColumn> = target.bound.spec.writable().cloned().collect();
    let positions = target_positions(&target, &writable, insert)?;
    let visible: Vec<usize> =
        (0..relation.scope.columns.len()).filter(|i| !relation.scope.columns[*i].hidden).collect();
    if visible.len() != positions.len() {
        let names: Vec<&str> = positions.iter().map(|p| writable[*p].column.name.as_str()).collect();
        return Err(vec![
            Error::user(format!(
                "the query has {} columns, table '{}' takes {}",
                visible.len(),
                target.name(),
                positions.len()
            ))
            .at(insert.span)
            .help(format!("the target's columns are: {}", names.join(", "))),
        ]);
    }
    let mut outputs: Vec<Output> = Vec::new();
    let mut errors = Vec::new();
    for (i, p) in visible.iter().zip(&positions) {
        match stored(b, &relation, *i, &writable[*p], insert.span) {
            Ok(e) => outputs.push((e, writable[*p].column.name.clone(), TimeAttribute::None)),
            Err(e) => errors.push(e),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let columns = complete(&mut outputs, positions, &target, &writable, insert)?;
    let rel = b.graph.calc(relation.rel, None, outputs, insert.span);
    // OPTIONS of one INSERT do not make another sink: the table is the sink.
    let table = b.graph.table(&declared.bound);
    Ok(InsertRel { rel, table, columns, number, span: insert.span })
}

fn target_positions(target: &TableDef, writable: &[TableColumn], insert: &Insert) -> Many<Vec<usize>> {
    if insert.columns.is_empty() {
        return Ok((0..writable.len()).collect());
    }
    let dialect = target.bound.spec.dialect;
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    for name in &insert.columns {
        match writable.iter().position(|c| same_name(dialect, &c.column.name, &name.text)) {
            Some(p) if out.contains(&p) => {
                errors.push(Error::user(format!("column '{}' is given twice", name.text)).at(name.span));
            }
            Some(p) => out.push(p),
            None => {
                let e = Error::user(format!("table '{}' has no column '{}' to write", target.name(), name.text))
                    .at(name.span);
                errors.push(match nearest(&name.text, writable.iter().map(|c| c.column.name.as_str())) {
                    Some(n) => e.help(format!("did you mean '{n}'?")),
                    None => e,
                });
            }
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// Columns that the INSERT does not name: a keyed table keeps what it has, anything else gets NULL.
fn complete(
    outputs: &mut Vec<Output>,
    mut positions: Vec<usize>,
    target: &TableDef,
    writable: &[TableColumn],
    insert: &Insert,
) -> Many<Vec<usize>> {
    let keyed =
        matches!(target.bound.binding.resource, Resource::Table { .. }) && !target.bound.spec.primary_key.is_empty();
    let missing: Vec<usize> = (0..writable.len()).filter(|p| !positions.contains(p)).collect();
    if missing.is_empty() {
        return Ok(positions);
    }
    if let Some(key) =
        target.bound.spec.primary_key.iter().find(|k| missing.iter().any(|m| writable[*m].column.name == **k))
    {
        return Err(vec![
            Error::user(format!("the INSERT leaves out '{key}', which is part of the primary key")).at(insert.span),
        ]);
    }
    if keyed {
        return Ok(positions);
    }
    for m in missing {
        let column = &writable[m].column;
        if !column.data_type.nullable {
            return Err(vec![
                Error::user(format!("the INSERT leaves out '{}', which is NOT NULL", column.name)).at(insert.span),
            ]);
        }
        let null = Expr::literal(tidegate_core::Scalar::Null, column.data_type.clone());
        outputs.push((null, column.name.clone(), TimeAttribute::None));
        positions.push(m);
    }
    Ok(positions)
}

/// One value in the target's type.
fn stored(
    b: &QueryBinder<'_>,
    relation: &Relation,
    column: usize,
    target: &TableColumn,
    insert: Span,
) -> Result<Expr, Error> {
    let own = &relation.scope.columns[column];
    let place = relation.place(column);
    let place = if place.is_known() { place } else { insert };
    let e = Expr::column(column, own.data_type.clone()).at(place);
    let wanted = &target.column.data_type;
    let value = match &b.graph.rels[relation.rel].op {
        tidegate_plan::Op::Calc { exprs, .. } => exprs.get(column),
        _ => None,
    };
    if !wanted.nullable && value.is_some_and(is_null_constant) {
        return Err(Error::user(format!("column '{}' is NOT NULL and gets NULL", target.column.name)).at(place));
    }
    if value.is_some_and(is_null_constant) {
        return Ok(Expr {
            kind: ExprKind::Literal(tidegate_core::Scalar::Null),
            data_type: wanted.clone(),
            span: place,
        });
    }
    if !cast::storable(b.env, &own.data_type.ty, &wanted.ty) {
        return Err(mismatch(own.name.as_str(), &own.data_type, target, place));
    }
    Ok(match (&own.data_type.ty, &wanted.ty) {
        // The declared length is not enforced, as in Flink (type-length-enforcer = IGNORE).
        (a, w) if a.is_text() && w.is_text() => {
            Expr { data_type: DataType { ty: w.clone(), nullable: e.data_type.nullable }, ..e }
        }
        (a, w) if a.is_bytes() && w.is_bytes() => {
            Expr { data_type: DataType { ty: w.clone(), nullable: e.data_type.nullable }, ..e }
        }
        (_, w) => cast::implicit(b.env, e, w),
    })
}

fn mismatch(name: &str, own: &DataType, target: &TableColumn, place: Span) -> Error {
    let e = Error::user(format!(
        "column '{}' is {}, the query gives {} ('{name}')",
        target.column.name, target.column.data_type.ty, own.ty
    ))
    .at(place);
    match (&own.ty, &target.column.data_type.ty) {
        (SqlType::Row(_) | SqlType::Array(_) | SqlType::Map(..), t) if t.is_text() => {
            e.help("use JSON_STRING(…) to write it as text")
        }
        (_, t) => e.help(format!("write CAST(… AS {t})")),
    }
}
