//! GROUP BY: group aggregates, and windows in both spellings.

use std::collections::BTreeSet;

use sqlparser::ast as sp;
use tidegate_core::{Column, Error, Result, Span, SqlType};
use tidegate_plan::{AggregateCall, Expr, Op, Window};

use super::aggregate::{Aggregates, Layout, contains_aggregate, resolve};
use super::env::Env;
use super::expr::ExprBinder;
use super::query::{Many, QueryBinder, typed_null};
use super::relation::Relation;
use super::select::Item;
use super::window;
use crate::ast::span_of;
use crate::graph::{Output, RelColumn, RelId, TimeAttribute, conjunction, conjuncts};

/// What GROUP BY says.
struct Grouping {
    keys: Vec<Expr>,
    window: Option<window::GroupBy>,
}

/// A bound select item or HAVING, before it is put in terms of the output.
struct Bound {
    expr: Expr,
    name: String,
}

/// Binds an aggregating SELECT.
pub(crate) fn bind(
    b: &mut QueryBinder<'_>,
    s: &sp::Select,
    input: &Relation,
    filter: Option<Expr>,
    items: &[Item<'_>],
    mut errors: Vec<Error>,
    span: Span,
) -> Many<Relation> {
    let grouping = match grouping(b.env, input, s, span) {
        Ok(g) => g,
        Err(e) => {
            errors.push(e);
            return Err(errors);
        }
    };
    let mut aggregates = Aggregates {
        calls: vec![],
        window: grouping.window.as_ref().map(|w| w.helper.clone()),
        global: grouping.keys.is_empty() && grouping.window.is_none(),
    };
    let mut bound = Vec::new();
    for item in items {
        match bind_item(b.env, input, item, &mut aggregates) {
            Ok(x) => bound.push(x),
            Err(e) => errors.push(e),
        }
    }
    let having = match s
        .having
        .as_ref()
        .map(|h| ExprBinder::with_aggregates(b.env, &input.scope, "HAVING", &mut aggregates).boolean(h))
    {
        None => None,
        Some(Ok(h)) => Some(h),
        Some(Err(e)) => {
            errors.push(e);
            None
        }
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    build(b, input, filter, &grouping, &aggregates, bound, having, span)
}

fn bind_item(env: &Env, input: &Relation, item: &Item<'_>, aggregates: &mut Aggregates) -> Result<Bound> {
    match item {
        Item::Column(i) => {
            let c = &input.scope.columns[*i];
            Ok(Bound { expr: input.scope.column(*i, Span::default()), name: c.name.clone() })
        }
        Item::Written(e, name) => {
            let expr = ExprBinder::with_aggregates(env, &input.scope, "SELECT", aggregates).bind(e)?;
            let span = if expr.span.is_known() { expr.span } else { span_of(*e) };
            Ok(Bound { expr: typed_null(env, expr).at(span), name: name.clone() })
        }
    }
}

fn grouping(env: &Env, input: &Relation, s: &sp::Select, span: Span) -> Result<Grouping> {
    let list = match &s.group_by {
        sp::GroupByExpr::All(_) => {
            return Err(Error::user("GROUP BY ALL is not supported").at(span).help("write the expressions out"));
        }
        sp::GroupByExpr::Expressions(_, modifiers) if !modifiers.is_empty() => return Err(grouping_sets(span)),
        sp::GroupByExpr::Expressions(list, _) => list,
    };
    let mut out = Grouping { keys: vec![], window: None };
    for e in list {
        if matches!(e, sp::Expr::GroupingSets(_) | sp::Expr::Cube(_) | sp::Expr::Rollup(_)) {
            return Err(grouping_sets(span_of(e)));
        }
        if window::is_group_window(e) {
            if out.window.is_some() {
                return Err(Error::user("GROUP BY has two windows").at(span_of(e)));
            }
            out.window = Some(window::group_by(env, &input.scope, e)?);
            continue;
        }
        if contains_aggregate(e) {
            return Err(Error::user("GROUP BY contains an aggregate").at(span_of(e)));
        }
        let key = match e {
            // (a, b) as one item
            sp::Expr::Tuple(items) => {
                for item in items {
                    out.keys.push(key(env, input, item, s)?);
                }
                continue;
            }
            e => key(env, input, e, s)?,
        };
        if !out.keys.contains(&key) {
            out.keys.push(key);
        }
    }
    Ok(out)
}

fn grouping_sets(span: Span) -> Error {
    Error::user("GROUPING SETS, CUBE and ROLLUP are not supported")
        .at(span)
        .help("write one INSERT for each grouping; they share one read of the source")
}

fn key(env: &Env, input: &Relation, e: &sp::Expr, s: &sp::Select) -> Result<Expr> {
    if let sp::Expr::Value(v) = e
        && matches!(v.value, sp::Value::Number(..))
    {
        return Err(Error::user("GROUP BY takes expressions, not positions")
            .at(span_of(e))
            .help("repeat the expression of the select list"));
    }
    let bound = ExprBinder::new(env, &input.scope, "GROUP BY").bind(e).map_err(|err| alias_hint(err, e, s))?;
    if matches!(bound.data_type.ty, SqlType::Map(..)) {
        return Err(Error::user(format!("a {} cannot be a group key", bound.data_type.ty)).at(span_of(e)));
    }
    Ok(typed_null(env, bound))
}

/// Names of the select list are not in reach of GROUP BY.
fn alias_hint(err: Error, e: &sp::Expr, s: &sp::Select) -> Error {
    let sp::Expr::Identifier(id) = e else { return err };
    let written = s.projection.iter().find_map(|item| match item {
        sp::SelectItem::ExprWithAlias { expr, alias } if alias.value.eq_ignore_ascii_case(&id.value) => {
            Some(expr.to_string())
        }
        _ => None,
    });
    match written {
        Some(sql) => err.help(format!(
            "'{}' is a name of the select list; GROUP BY needs its expression: {}",
            id.value,
            super::expr::shortened(&sql)
        )),
        None => err,
    }
}

/// Everything the aggregation reads, as the columns of one projection.
struct Inputs<'a> {
    outputs: Vec<Output>,
    /// Names of the columns read.
    names: &'a [String],
}

impl Inputs<'_> {
    fn place(&mut self, e: &Expr, time: TimeAttribute) -> usize {
        let found = self.outputs.iter().position(|(o, _, t)| o == e && *t == time);
        found.unwrap_or_else(|| {
            let n = self.outputs.len();
            let own = e.as_column().and_then(|c| self.names.get(c)).filter(|n| !n.is_empty());
            let name = own.cloned().unwrap_or_else(|| format!("$f{n}"));
            self.outputs.push((e.clone(), name, time));
            n
        })
    }
}

#[allow(clippy::too_many_arguments, reason = "the parts of one SELECT")]
fn build(
    b: &mut QueryBinder<'_>,
    input: &Relation,
    filter: Option<Expr>,
    grouping: &Grouping,
    aggregates: &Aggregates,
    items: Vec<Bound>,
    having: Option<Expr>,
    span: Span,
) -> Many<Relation> {
    let names: Vec<String> = input.scope.columns.iter().map(|c| c.name.clone()).collect();
    let mut inputs = Inputs { outputs: vec![], names: &names };
    let key_columns: Vec<usize> =
        grouping.keys.iter().map(|k| inputs.place(k, super::select::time_of(&input.scope, k))).collect();
    let calls: Vec<AggregateCall> = aggregates
        .calls
        .iter()
        .map(|c| AggregateCall {
            function: c.function.clone(),
            args: c.args.iter().map(|a| inputs.place(a, TimeAttribute::None)).collect(),
            distinct: c.distinct,
            filter: c.filter.as_ref().map(|f| inputs.place(f, TimeAttribute::None)),
            data_type: c.data_type.clone(),
        })
        .collect();
    let time = grouping.window.as_ref().and_then(|w| w.time.as_ref()).map(|t| inputs.place(t, TimeAttribute::Event));
    if inputs.outputs.is_empty() {
        // COUNT(*) alone reads nothing, but rows of no columns are a trap for every operator.
        inputs.outputs.push((super::literal::int(0), "$f0".to_owned(), TimeAttribute::None));
    }
    let rel = b.calc(input.rel, filter, inputs.outputs, span);
    let parts = Parts { keys: &grouping.keys, key_columns: &key_columns, calls, names: &names };
    let aggregated = match &grouping.window {
        Some(w) => group_window(b, rel, &parts, w, time, span),
        None => match over_window_table(b, rel, &parts, span) {
            Some(found) => found.map_err(|e| vec![e])?,
            None => group_aggregate(b, rel, &parts, span),
        },
    };
    finish(b, &parts, aggregated, items, having, span)
}

/// An aggregation under construction.
struct Parts<'a> {
    keys: &'a [Expr],
    /// Columns of the projection that are the keys.
    key_columns: &'a [usize],
    calls: Vec<AggregateCall>,
    names: &'a [String],
}

/// An aggregation and where its parts are.
struct Aggregated {
    rel: RelId,
    /// Output column of each key.
    keys: Vec<usize>,
    aggregates: usize,
    window: usize,
    /// Conditions on the window's own columns.
    filter: Option<Expr>,
}

fn key_and_call_columns(b: &QueryBinder<'_>, rel: RelId, keys: &[usize], calls: &[AggregateCall]) -> Vec<RelColumn> {
    let mut columns: Vec<RelColumn> =
        keys.iter().map(|k| RelColumn { time: TimeAttribute::None, ..b.graph.rels[rel].columns[*k].clone() }).collect();
    columns.extend(calls.iter().enumerate().map(|(i, c)| RelColumn {
        column: Column::new(call_name(b, rel, i, c), c.data_type.clone()),
        time: TimeAttribute::None,
    }));
    columns
}

/// `COUNT(event)`, for people.
fn call_name(b: &QueryBinder<'_>, rel: RelId, i: usize, c: &AggregateCall) -> String {
    let text = crate::explain::aggregate(
        c,
        &b.graph.rels[rel].columns.iter().map(|c| c.column.name.clone()).collect::<Vec<_>>(),
    );
    if text.contains('$') { format!("$agg{i}") } else { text }
}

fn group_aggregate(b: &mut QueryBinder<'_>, rel: RelId, parts: &Parts<'_>, span: Span) -> Aggregated {
    let columns = key_and_call_columns(b, rel, parts.key_columns, &parts.calls);
    let op = Op::GroupAggregate { keys: parts.key_columns.to_vec(), aggregates: parts.calls.clone() };
    let rel = b.graph.add(op, vec![rel], columns, span);
    let n = parts.key_columns.len();
    Aggregated { rel, keys: (0..n).collect(), aggregates: n, window: n + parts.calls.len(), filter: None }
}

fn add_window(
    b: &mut QueryBinder<'_>,
    rel: RelId,
    keys: &[usize],
    calls: &[AggregateCall],
    window: Window,
    time_type: Option<&SqlType>,
    span: Span,
) -> RelId {
    let (bound, time) = window::bound_types(b.env, time_type);
    let mut columns = key_and_call_columns(b, rel, keys, calls);
    let attribute = if window.time.is_some() { TimeAttribute::Event } else { TimeAttribute::Processing };
    for (name, t, a) in [
        ("window_start", bound.clone(), TimeAttribute::None),
        ("window_end", bound, TimeAttribute::None),
        ("window_time", time, attribute),
    ] {
        columns.push(RelColumn { column: Column::new(name, t), time: a });
    }
    let op = Op::WindowAggregate { window, keys: keys.to_vec(), aggregates: calls.to_vec(), emit_start_end: true };
    b.graph.add(op, vec![rel], columns, span)
}

fn group_window(
    b: &mut QueryBinder<'_>,
    rel: RelId,
    parts: &Parts<'_>,
    w: &window::GroupBy,
    time: Option<usize>,
    span: Span,
) -> Aggregated {
    let time_type = w.time.as_ref().map(|t| t.data_type.ty.clone());
    let window = Window { kind: w.kind.clone(), time, zone: window::zone(b.env, time_type.as_ref()) };
    let rel = add_window(b, rel, parts.key_columns, &parts.calls, window, time_type.as_ref(), span);
    let n = parts.key_columns.len();
    Aggregated { rel, keys: (0..n).collect(), aggregates: n, window: n + parts.calls.len(), filter: None }
}

/// GROUP BY window_start, window_end over a window table function is a window aggregate: the rows
/// are never multiplied. `None` where the keys do not contain both.
fn over_window_table(b: &mut QueryBinder<'_>, rel: RelId, parts: &Parts<'_>, span: Span) -> Option<Result<Aggregated>> {
    let (table, filter, exprs) = match &b.graph.rels[rel].op {
        Op::Calc { filter, exprs } => (b.graph.rels[rel].inputs[0], filter.clone(), exprs.clone()),
        Op::WindowTable(_) => (rel, None, b.graph.outputs(rel).into_iter().map(|(e, _, _)| e).collect()),
        _ => return None,
    };
    let Op::WindowTable(window) = &b.graph.rels[table].op else { return None };
    let window = window.clone();
    let below = b.graph.rels[table].inputs[0];
    let width = b.graph.rels[below].columns.len();
    let part_of = |e: &Expr| e.as_column().filter(|c| *c >= width).map(|c| c - width);
    let key_parts: Vec<Option<usize>> = parts.key_columns.iter().map(|k| part_of(&exprs[*k])).collect();
    if !(key_parts.contains(&Some(0)) && key_parts.contains(&Some(1))) {
        return None;
    }
    Some(window_aggregate(b, parts, &WindowInput { window, below, width, filter, exprs, key_parts }, span))
}

struct WindowInput {
    window: Window,
    below: RelId,
    /// Columns of `below`; the window's three follow.
    width: usize,
    filter: Option<Expr>,
    exprs: Vec<Expr>,
    /// For each key: the part of the window it is.
    key_parts: Vec<Option<usize>>,
}

fn reads(e: &Expr) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    e.collect_columns(&mut out);
    out
}

fn window_aggregate(b: &mut QueryBinder<'_>, parts: &Parts<'_>, w: &WindowInput, span: Span) -> Result<Aggregated> {
    let reads_window = |e: &Expr| reads(e).iter().any(|c| *c >= w.width);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for part in w.filter.iter().flat_map(conjuncts) {
        if !reads_window(part) {
            before.push(part.clone());
        } else if reads(part).iter().all(|c| *c >= w.width) {
            after.push(part.clone());
        } else {
            return Err(Error::user("a condition mixes columns of the window and of the table")
                .at(part.span)
                .help("separate them with AND, or put it into HAVING"));
        }
    }
    let below_names: Vec<String> = b.graph.rels[w.below].columns.iter().map(|c| c.column.name.clone()).collect();
    let mut inputs = Inputs { outputs: vec![], names: &below_names };
    let mut keys = Vec::new();
    for (k, part) in parts.key_columns.iter().zip(&w.key_parts) {
        let e = &w.exprs[*k];
        if part.is_some() {
            continue;
        }
        if reads_window(e) {
            return Err(Error::user("a group key is computed from the window")
                .at(e.span)
                .help("group by window_start and window_end, and compute it in the select list"));
        }
        keys.push(inputs.place(e, TimeAttribute::None));
    }
    let mut calls = parts.calls.clone();
    for c in &mut calls {
        for a in c.args.iter_mut().chain(c.filter.as_mut()) {
            let e = &w.exprs[*a];
            if reads_window(e) {
                return Err(Error::user(
                    "an aggregate reads a column of the window, which is the same for all its rows",
                )
                .at(e.span)
                .help("use the column itself"));
            }
            *a = inputs.place(e, TimeAttribute::None);
        }
    }
    let time_type = w.window.time.map(|t| b.graph.rels[w.below].columns[t].column.data_type.clone());
    let time =
        w.window.time.zip(time_type.clone()).map(|(t, ty)| inputs.place(&Expr::column(t, ty), TimeAttribute::Event));
    let rel = b.calc(w.below, conjunction(before), inputs.outputs, span);
    let window = Window { time, ..w.window.clone() };
    let rel = add_window(b, rel, &keys, &calls, window, time_type.as_ref().map(|t| &t.ty), span);
    let (aggregates, window_at) = (keys.len(), keys.len() + calls.len());
    let mut next = 0;
    let key_outputs = w
        .key_parts
        .iter()
        .map(|p| match p {
            Some(part) => window_at + part,
            None => {
                next += 1;
                next - 1
            }
        })
        .collect();
    let filter = conjunction(after).map(|mut f| {
        f.remap(&|c| window_at + (c - w.width));
        f
    });
    Ok(Aggregated { rel, keys: key_outputs, aggregates, window: window_at, filter })
}

fn finish(
    b: &mut QueryBinder<'_>,
    parts: &Parts<'_>,
    a: Aggregated,
    items: Vec<Bound>,
    having: Option<Expr>,
    span: Span,
) -> Many<Relation> {
    let keys: Vec<(Expr, usize)> = parts.keys.iter().cloned().zip(a.keys.iter().copied()).collect();
    let layout = Layout { keys: &keys, aggregates: a.aggregates, window: a.window, names: parts.names };
    let mut errors = Vec::new();
    let mut outputs: Vec<Output> = Vec::new();
    for item in items {
        match resolve(item.expr, &layout) {
            Ok(e) => {
                let time = e.as_column().map_or(TimeAttribute::None, |c| b.graph.rels[a.rel].columns[c].time);
                outputs.push((e, item.name, time));
            }
            Err(e) => errors.push(e),
        }
    }
    let having = match having.map(|h| resolve(h, &layout)) {
        None => None,
        Some(Ok(h)) => Some(h),
        Some(Err(e)) => {
            errors.push(e);
            None
        }
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = outputs.iter().map(|(_, n, _)| n.clone()).collect();
    let places: Vec<Span> = outputs.iter().map(|(e, _, _)| e.span).collect();
    let rel = b.calc(a.rel, conjunction(a.filter.into_iter().chain(having)), outputs, span);
    Ok(Relation::named(b.graph, rel, names).placed(&places))
}
