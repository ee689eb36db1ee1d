//! `ROW_NUMBER() OVER (…)`: the sub-query makes an unbounded ranking, the condition on the number
//! outside bounds it, and a ranking to one by time becomes a deduplication.

use sqlparser::ast as sp;
use tidegate_core::scan::CompareOp;
use tidegate_core::{Column, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Op, SortColumn};

use super::expr::ExprBinder;
use super::query::{QueryBinder, sort_column};
use super::relation::Relation;
use crate::ast::span_of;
use crate::graph::{Graph, RelColumn, RelId, TimeAttribute, conjunction, conjuncts};

/// A ranking without an end; only inside a query under construction.
pub(crate) const UNBOUNDED: u64 = u64::MAX;

/// The OVER call among the select items, if there is one.
pub(crate) fn find(items: &[sp::SelectItem]) -> Option<(usize, &sp::Function)> {
    items.iter().enumerate().find_map(|(i, item)| match item {
        sp::SelectItem::UnnamedExpr(sp::Expr::Function(f))
        | sp::SelectItem::ExprWithAlias { expr: sp::Expr::Function(f), .. } => {
            let name = f.name.to_string().to_ascii_uppercase();
            (f.over.is_some() && name == "ROW_NUMBER").then_some((i, f))
        }
        _ => None,
    })
}

/// Adds the row number as the last column of a relation.
pub(crate) fn add(b: &mut QueryBinder<'_>, input: &Relation, f: &sp::Function) -> Result<Relation> {
    let span = span_of(f);
    let Some(sp::WindowType::WindowSpec(spec)) = &f.over else {
        return Err(Error::user("named windows are not supported")
            .at(span)
            .help("write OVER (PARTITION BY … ORDER BY …)"));
    };
    if spec.order_by.is_empty() {
        return Err(Error::user("ROW_NUMBER() needs ORDER BY")
            .at(span)
            .help("OVER (PARTITION BY key ORDER BY time DESC)"));
    }
    // Partition and order expressions become columns behind the input's own.
    let mut outputs = input.outputs();
    let width = outputs.len();
    let mut place = |e: Expr, time: TimeAttribute| match e.as_column() {
        Some(i) => i,
        None => {
            outputs.push((e, format!("$rank{}", outputs.len()), time));
            outputs.len() - 1
        }
    };
    let mut keys = Vec::new();
    for e in &spec.partition_by {
        let e = ExprBinder::new(b.env, &input.scope, "PARTITION BY").bind(e)?;
        keys.push(place(e, TimeAttribute::None));
    }
    let mut order: Vec<SortColumn> = Vec::new();
    for o in &spec.order_by {
        let e = ExprBinder::new(b.env, &input.scope, "ORDER BY").bind(&o.expr)?;
        let time = match &e.kind {
            ExprKind::Call { function: tidegate_plan::Function::Proctime, .. } => TimeAttribute::Processing,
            _ => TimeAttribute::None,
        };
        if e.as_column().is_none() && time == TimeAttribute::None && !e.is_deterministic() {
            return Err(Error::user("the order of ROW_NUMBER() is not deterministic")
                .at(span_of(&o.expr))
                .help("order by a column, or by PROCTIME()"));
        }
        order.push(sort_column(place(e, time), o));
    }
    let inner = b.calc(input.rel, None, outputs, span);
    let mut columns = b.graph.rels[inner].columns.clone();
    columns.push(RelColumn { column: Column::new("rn", SqlType::BigInt.not_null()), time: TimeAttribute::None });
    let rank = columns.len() - 1;
    let op = Op::TopN { keys, order, from: 1, to: UNBOUNDED, with_rank: true };
    let rel = b.graph.add(op, vec![inner], columns, span);
    // The names of the input, then the row number; helper columns are hidden.
    let mut relation = Relation::of(b.graph, rel);
    for (i, c) in relation.scope.columns.iter_mut().enumerate() {
        if i < width {
            let own = &input.scope.columns[i];
            (c.name, c.qualifier, c.hidden) = (own.name.clone(), own.qualifier.clone(), own.hidden);
        } else {
            c.hidden = i != rank;
            c.name = String::new();
        }
    }
    Ok(relation)
}

/// Where `rel` filters an unbounded ranking by its number, bounds the ranking.
pub(crate) fn apply(graph: &mut Graph, rel: RelId) -> RelId {
    let Op::Calc { filter: Some(filter), exprs } = &graph.rels[rel].op else { return rel };
    let ranking = graph.rels[rel].inputs[0];
    let Op::TopN { keys, order, to: UNBOUNDED, with_rank: true, .. } = &graph.rels[ranking].op else { return rel };
    let rank = graph.rels[ranking].columns.len() - 1;
    let Some((from, to, rest)) = bounds(filter, rank) else { return rel };
    let (keys, order, exprs) = (keys.clone(), order.clone(), exprs.clone());
    let (columns, below, span) =
        (graph.rels[ranking].columns.clone(), graph.rels[ranking].inputs[0], graph.rels[rel].span);
    let outputs = exprs.into_iter().zip(&graph.rels[rel].columns).map(|(e, c)| (e, c.column.name.clone(), c.time));
    let reads_rank = |e: &Expr| {
        let mut read = std::collections::BTreeSet::new();
        e.collect_columns(&mut read);
        read.contains(&rank)
    };
    let (mut outputs, mut rest): (Vec<_>, Vec<Expr>) = (outputs.collect(), rest);
    if from == to {
        // The number is known: rn = 1.
        let known = Expr::literal(Scalar::Int(i64::try_from(from).unwrap_or(1)), SqlType::BigInt.not_null());
        for (e, _, _) in &mut outputs {
            replace(e, rank, &known);
        }
        for e in &mut rest {
            replace(e, rank, &known);
        }
    }
    let with_rank = outputs.iter().any(|(e, _, _)| reads_rank(e)) || rest.iter().any(reads_rank);
    let width = if with_rank { columns.len() } else { columns.len() - 1 };
    let columns = columns[..width].to_vec();
    let single = (from, to) == (1, 1) && !with_rank && order.len() == 1;
    let time = order.first().map(|o| graph.rels[below].columns[o.column].time);
    let op = match (single, time) {
        (true, Some(TimeAttribute::Event)) => {
            Op::Deduplicate { keys, order: Some(order[0].column), keep_last: order[0].descending }
        }
        (true, Some(TimeAttribute::Processing)) => {
            Op::Deduplicate { keys, order: None, keep_last: order[0].descending }
        }
        _ => Op::TopN { keys, order, from, to, with_rank },
    };
    let bounded = graph.add(op, vec![below], columns, graph_span(graph, ranking));
    graph.calc(bounded, conjunction(rest), outputs, span)
}

fn graph_span(graph: &Graph, rel: RelId) -> Span {
    graph.rels[rel].span
}

fn replace(e: &mut Expr, column: usize, by: &Expr) {
    if e.as_column() == Some(column) {
        *e = by.clone().at(e.span);
        return;
    }
    for c in e.children_mut() {
        replace(c, column, by);
    }
}

/// First and last rank that a condition lets through, and the rest of it.
fn bounds(filter: &Expr, rank: usize) -> Option<(u64, u64, Vec<Expr>)> {
    let (mut from, mut to) = (1u64, UNBOUNDED);
    let mut rest = Vec::new();
    for part in conjuncts(filter) {
        match bound(part, rank) {
            Some((CompareOp::Eq, n)) => (from, to) = (from.max(n), to.min(n)),
            Some((CompareOp::LtEq, n)) => to = to.min(n),
            Some((CompareOp::Lt, n)) => to = to.min(n.saturating_sub(1)),
            Some((CompareOp::GtEq, n)) => from = from.max(n),
            Some((CompareOp::Gt, n)) => from = from.max(n.saturating_add(1)),
            _ => rest.push(part.clone()),
        }
    }
    (to != UNBOUNDED && from <= to && from > 0).then_some((from, to, rest))
}

fn bound(e: &Expr, rank: usize) -> Option<(CompareOp, u64)> {
    let ExprKind::Compare { op, left, right } = &e.kind else { return None };
    let number = |e: &Expr| match e.kind {
        ExprKind::Literal(Scalar::Int(n)) => u64::try_from(n).ok(),
        _ => None,
    };
    if left.as_column() == Some(rank) {
        return Some((*op, number(right)?));
    }
    if right.as_column() == Some(rank) {
        let flipped = match op {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::LtEq => CompareOp::GtEq,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::GtEq => CompareOp::LtEq,
            same => *same,
        };
        return Some((flipped, number(left)?));
    }
    None
}

/// The error of a ranking that nothing bounds.
pub(crate) fn unbounded(span: Span) -> Error {
    Error::user("ROW_NUMBER() is used without a bound, so every row would be kept and renumbered for ever")
        .at(span)
        .help("filter it outside the sub-query: WHERE rn = 1, or WHERE rn <= 10")
}
