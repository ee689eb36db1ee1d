//! Warnings about plans that run but may not do what is meant. Each has a code, a place, and says
//! what to do.
//!
//! | code | meaning |
//! |---|---|
//! | `sink-key-narrower` | different groups overwrite each other at the target |
//! | `unbounded-state` | state grows for ever, no TTL is set |
//! | `unescaped-json` | JSON built by CONCAT from parts that may contain quotes |
//! | `non-deterministic-key` | a clock or a random value decides where a row belongs |
//! | `nullable-key` | a key column may be NULL, which fails the row |
//! | `like-backslash` | a backslash in a LIKE pattern, which escapes nothing |
//! | `updates-as-rows` | an updating query into a log: newest values, no removals |
//! | `json-over-bytes` | JSON functions over BYTES, always NULL in the flink dialect (the binder tells) |
//! | `note` | remarks of parser, settings and connectors |

use std::collections::BTreeSet;

use tidegate_core::table::SinkChanges;
use tidegate_core::{Scalar, Span};
use tidegate_plan::{Expr, ExprKind, Function, Op, Plan, Warning};

use crate::graph::finish::column_name;
use crate::graph::{Graph, InsertRel, RelId};
use crate::settings::Settings;

/// A note of parser, settings or catalogue.
pub(crate) fn note(w: &crate::ast::Warning) -> Warning {
    Warning { code: "note".to_owned(), message: w.message.clone(), span: w.span }
}

fn warn(code: &str, span: Span, message: String) -> Warning {
    Warning { code: code.to_owned(), message, span }
}

/// Lints over expressions as the user wrote them.
pub(crate) fn before_pushdown(graph: &Graph, inserts: &[InsertRel], settings: &Settings) -> Vec<Warning> {
    let mut out = Vec::new();
    for rel in &graph.rels {
        if let Op::Calc { filter, exprs } = &rel.op {
            for e in filter.iter().chain(exprs) {
                walk(e, rel.span, &mut |e, span| expression(e, span, &mut out));
            }
        }
    }
    for insert in inserts {
        sink_key(graph, insert, &mut out);
    }
    for (id, _) in graph.rels.iter().enumerate() {
        group_key(graph, id, &mut out);
    }
    state(graph, settings, &mut out);
    let mut seen = Vec::new();
    out.retain(|w| {
        let new = !seen.contains(w);
        seen.push(w.clone());
        new
    });
    out
}

fn walk(e: &Expr, outer: Span, visit: &mut dyn FnMut(&Expr, Span)) {
    let span = if e.span.is_known() { e.span } else { outer };
    visit(e, span);
    for c in e.children() {
        walk(c, span, visit);
    }
}

fn expression(e: &Expr, span: Span, out: &mut Vec<Warning>) {
    match &e.kind {
        ExprKind::Like { pattern, escape: None, .. } => {
            if let ExprKind::Literal(Scalar::Text(p)) = &pattern.kind
                && p.contains('\\')
            {
                out.push(warn(
                        "like-backslash",
                        span,
                        format!("the backslash in LIKE '{p}' stands for itself and escapes nothing; write LIKE '{}' ESCAPE '!' to mean the characters themselves", escaped(p)),
                    ));
            }
        }
        ExprKind::Call { function: Function::Concat { .. }, args } => {
            if let Some(part) = unescaped(args) {
                let at = if part.span.is_known() { part.span } else { span };
                out.push(warn(
                    "unescaped-json",
                    at,
                    "this text goes into JSON built by hand without being escaped: a quote or backslash in the data breaks the document; use JSON_OBJECT(KEY 'k' VALUE v), or JSON_STRING(v) without the quotes around it".to_owned(),
                ));
            }
        }
        _ => {}
    }
}

/// The pattern as meant: `\\_` becomes `!_`.
fn escaped(pattern: &str) -> String {
    let mut out = String::new();
    let mut pending = false;
    for c in pattern.chars() {
        if c == '\\' {
            pending = true;
            continue;
        }
        if pending {
            out.push('!');
            pending = false;
        }
        out.push(c);
    }
    out
}

/// A text part of hand-built JSON that may contain anything.
fn unescaped(args: &[Expr]) -> Option<&Expr> {
    let literal = |e: &Expr| match &e.kind {
        ExprKind::Literal(Scalar::Text(t)) => Some(t.clone()),
        _ => None,
    };
    let json = args.iter().filter_map(literal).any(|t| t.contains("\":") || t.contains("\" :"));
    if !json {
        return None;
    }
    args.windows(2).find_map(|pair| {
        let before = literal(&pair[0])?;
        (before.trim_end().ends_with('"') && free_text(&pair[1])).then_some(&pair[1])
    })
}

/// Whether a text may hold quotes: not one made from a number, a time or a hash.
fn free_text(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Column(_) | ExprKind::Json(_) | ExprKind::Field { .. } => e.data_type.ty.is_text(),
        ExprKind::Literal(_) => false,
        ExprKind::Cast { input, .. } => {
            input.data_type.ty.is_bytes() || (input.data_type.ty.is_text() && free_text(input))
        }
        ExprKind::Case { branches, otherwise } => branches.iter().any(|(_, v)| free_text(v)) || free_text(otherwise),
        ExprKind::Call { function, args } if passes_text(function) => args.iter().any(free_text),
        _ => false,
    }
}

/// Functions whose result holds characters of their arguments.
fn passes_text(f: &Function) -> bool {
    matches!(
        f,
        Function::Concat { .. }
            | Function::Coalesce
            | Function::Upper
            | Function::Lower
            | Function::Trim(_)
            | Function::Substring
    )
}

/// Whether a condition on the way has left out the rows where a column is NULL.
fn never_null(graph: &Graph, rel: RelId, column: usize) -> bool {
    let r = &graph.rels[rel];
    let Some(input) = r.inputs.first() else { return false };
    match &r.op {
        Op::Calc { filter, exprs } => {
            let e = &exprs[column];
            let tested = |part: &&Expr| match &part.kind {
                ExprKind::IsNotNull(x) => x.kind == e.kind,
                ExprKind::Compare { left, right, .. } => left.kind == e.kind || right.kind == e.kind,
                _ => false,
            };
            let by_filter = filter.as_ref().is_some_and(|f| crate::graph::conjuncts(f).iter().any(tested));
            by_filter || e.as_column().is_some_and(|c| never_null(graph, *input, c))
        }
        Op::GroupAggregate { keys, .. } | Op::WindowAggregate { keys, .. } => {
            keys.get(column).is_some_and(|k| never_null(graph, *input, *k))
        }
        _ => false,
    }
}

/// Columns of the input that an expression reads.
fn reads(e: &Expr) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    e.collect_columns(&mut out);
    out
}

fn sink_key(graph: &Graph, insert: &InsertRel, out: &mut Vec<Warning>) {
    let table = &graph.tables[insert.table];
    let keyed = matches!(table.binding.sink, SinkChanges::Upsert | SinkChanges::UpsertIgnoreDelete);
    if !keyed || table.spec.primary_key.is_empty() {
        return;
    }
    let names: Vec<String> = table.spec.writable().map(|c| c.column.name.clone()).collect();
    let key: Vec<usize> = table
        .spec
        .primary_key
        .iter()
        .filter_map(|k| names.iter().position(|n| n == k))
        .filter_map(|p| insert.columns.iter().position(|c| *c == p))
        .collect();
    let Op::Calc { exprs, .. } = &graph.rels[insert.rel].op else {
        narrower(
            graph,
            insert,
            graph.rels[insert.rel].inputs.first().map(|_| insert.rel),
            &key.iter().copied().collect(),
            out,
        );
        return;
    };
    for k in &key {
        let e = &exprs[*k];
        let place = if e.span.is_known() { e.span } else { insert.span };
        if !e.is_deterministic() {
            out.push(warn("non-deterministic-key", place, format!("the key column '{}' of table {} comes from a clock or a random value: after a restart the same row gets another key", graph.rels[insert.rel].columns[*k].column.name, table.spec.name)));
        }
        let column = insert.columns.get(*k).and_then(|p| table.spec.writable().nth(*p));
        let Some(column) = column.map(|c| &c.column) else { continue };
        if e.data_type.nullable && !matches!(e.kind, ExprKind::Literal(_)) && !never_null(graph, insert.rel, *k) {
            let fate = if column.data_type.nullable {
                "rows without it replace each other or are refused by the target"
            } else {
                "such a row stops the job, or is dropped with SET 'table.exec.sink.not-null-enforcer' = 'DROP'"
            };
            out.push(warn(
                "nullable-key",
                place,
                format!(
                    "the key column '{}' of table {} may be NULL: {fate}; leave such rows out with WHERE … IS NOT NULL",
                    column.name, table.spec.name
                ),
            ));
        }
    }
    let read: BTreeSet<usize> = key.iter().flat_map(|k| reads(&exprs[*k])).collect();
    narrower(graph, insert, graph.rels[insert.rel].inputs.first().copied(), &read, out);
}

/// Whether the sink key leaves out part of the key of the aggregation `agg`, of which it reads `read`.
fn narrower(graph: &Graph, insert: &InsertRel, agg: Option<RelId>, read: &BTreeSet<usize>, out: &mut Vec<Warning>) {
    let Some(agg) = agg else { return };
    let rel = &graph.rels[agg];
    let (keys, window) = match &rel.op {
        Op::GroupAggregate { keys, .. } => (keys, None),
        Op::WindowAggregate { keys, aggregates, .. } => (keys, Some(keys.len() + aggregates.len())),
        _ => return,
    };
    let below = rel.inputs[0];
    // What each key is computed from; a key is also covered by others computed from the same.
    let sources = |k: usize| {
        let mut out = BTreeSet::new();
        match &graph.rels[below].op {
            Op::Calc { exprs, .. } => atoms(&exprs[keys[k]], &mut out),
            _ => out.extend([keys[k].to_string()]),
        }
        out
    };
    let covered: BTreeSet<String> = (0..keys.len()).filter(|k| read.contains(k)).flat_map(sources).collect();
    let mut missing: Vec<String> = (0..keys.len())
        .filter(|k| !read.contains(k) && !sources(*k).is_subset(&covered))
        .map(|k| column_name(graph, below, keys[k]))
        .collect();
    if window.is_some_and(|w| !(w..w + 3).any(|c| read.contains(&c))) {
        missing.push("the window".to_owned());
    }
    if missing.is_empty() || keys.is_empty() && window.is_none() {
        return;
    }
    let table = &graph.tables[insert.table];
    out.push(warn(
        "sink-key-narrower",
        insert.span,
        format!(
            "the key of table {} ({}) is narrower than the group key: groups that differ only in {} overwrite each other; add it to the key",
            table.spec.name,
            table.spec.primary_key.join(", "),
            missing.join(", ")
        ),
    ));
}

/// The values that an expression is put together from, through CONCAT and CAST.
fn atoms(e: &Expr, out: &mut BTreeSet<String>) {
    match &e.kind {
        ExprKind::Literal(_) => {}
        ExprKind::Cast { input, .. } => atoms(input, out),
        ExprKind::Call { function: Function::Concat { .. } | Function::ConcatWs { .. }, args } => {
            args.iter().for_each(|a| atoms(a, out));
        }
        kind => out.extend(serde_json::to_string(kind)),
    }
}

/// Group keys that change from one evaluation to the next.
fn group_key(graph: &Graph, id: RelId, out: &mut Vec<Warning>) {
    let rel = &graph.rels[id];
    let keys = match &rel.op {
        Op::GroupAggregate { keys, .. }
        | Op::WindowAggregate { keys, .. }
        | Op::Deduplicate { keys, .. }
        | Op::TopN { keys, .. } => keys,
        _ => return,
    };
    let Op::Calc { exprs, .. } = &graph.rels[rel.inputs[0]].op else { return };
    for k in keys {
        let e = &exprs[*k];
        if !e.is_deterministic() {
            let place = if e.span.is_known() { e.span } else { rel.span };
            out.push(warn(
                "non-deterministic-key",
                place,
                "rows are grouped by a clock or a random value: the same input gives other groups after a restart"
                    .to_owned(),
            ));
        }
    }
}

fn state(graph: &Graph, settings: &Settings, out: &mut Vec<Warning>) {
    if settings.plan.state_ttl_ms > 0 {
        return;
    }
    let mut growing: Vec<(String, Span)> = Vec::new();
    for rel in &graph.rels {
        let (what, keys) = match &rel.op {
            Op::GroupAggregate { keys, .. } => ("GROUP BY", keys),
            Op::Deduplicate { keys, .. } => ("deduplication by", keys),
            Op::TopN { keys, .. } => ("top-n by", keys),
            Op::Normalize { keys } => ("newest row by", keys),
            _ => continue,
        };
        if keys.is_empty() {
            continue;
        }
        let input = rel.inputs[0];
        let names: Vec<String> = keys.iter().map(|k| column_name(graph, input, *k)).collect();
        growing.push((format!("{what} {}", names.join(", ")), rel.span));
    }
    if let Some((_, span)) = growing.first() {
        let all: Vec<&str> = growing.iter().map(|(t, _)| t.as_str()).collect();
        out.push(warn(
            "unbounded-state",
            *span,
            format!("state grows with every new key and is never dropped: {}; SET 'table.exec.state.ttl' = '36 h' drops keys not seen for that long", all.join("; ")),
        ));
    }
}

/// Lints over the finished plan.
pub(crate) fn after(plan: &Plan) -> Vec<Warning> {
    let mut out = Vec::new();
    for id in &plan.sinks {
        let node = &plan.nodes[*id];
        let Op::Sink(sink) = &node.op else { continue };
        for (insert, input) in sink.inserts.iter().zip(&node.inputs) {
            if sink.changes == SinkChanges::NewestValues && !plan.nodes[*input].changes.is_append() {
                let table = &plan.tables[sink.table].spec.name;
                out.push(warn(
                    "updates-as-rows",
                    insert.span,
                    format!("INSERT {} updates its rows, but table {table} has no key to update by: each new value is a further row, removals are not written", insert.number),
                ));
            }
        }
    }
    out
}
