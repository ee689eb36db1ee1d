//! Unique keys, and the key by which a relation's changes belong together.

use std::collections::BTreeSet;

use tidegate_core::SqlType;
use tidegate_core::table::SourceChanges;
use tidegate_plan::{Expr, ExprKind, Op};

use super::{Graph, RelId};

/// Sets of columns of which no two current rows agree; the best one first.
pub(crate) type Keys = Vec<Vec<usize>>;

/// The unique keys of every relation.
pub(crate) fn unique_keys(graph: &Graph) -> Vec<Keys> {
    let mut out: Vec<Keys> = Vec::with_capacity(graph.rels.len());
    for id in 0..graph.rels.len() {
        out.push(of(graph, id, &out));
    }
    out
}

fn of(graph: &Graph, id: RelId, known: &[Keys]) -> Keys {
    let rel = &graph.rels[id];
    let input = rel.inputs.first().map(|i| known[*i].clone()).unwrap_or_default();
    match &rel.op {
        Op::Scan(s) => {
            let t = &graph.tables[s.table];
            // A declared key of an append stream is not enforced: nothing may be concluded from it.
            if t.binding.source == SourceChanges::Append || t.spec.primary_key.is_empty() {
                return vec![];
            }
            let key: Option<Vec<usize>> =
                t.spec.primary_key.iter().map(|k| rel.columns.iter().position(|c| c.column.name == *k)).collect();
            key.into_iter().collect()
        }
        Op::Normalize { keys } | Op::Deduplicate { keys, .. } => vec![keys.clone()],
        Op::Calc { exprs, .. } => input.iter().filter_map(|k| through(k, exprs)).collect(),
        Op::GroupAggregate { keys, .. } => vec![(0..keys.len()).collect()],
        Op::WindowAggregate { keys, aggregates, .. } => {
            let end = keys.len() + aggregates.len() + 1;
            let start = end - 1;
            let by = |c: usize| (0..keys.len()).chain([c]).collect::<Vec<_>>();
            vec![by(end), by(start)]
        }
        Op::TopN { keys, from, to, with_rank, .. } => {
            let mut out = input;
            if *with_rank {
                let rank = rel.columns.len() - 1;
                out.insert(0, keys.iter().copied().chain([rank]).collect());
            }
            if from == to {
                out.insert(0, keys.clone());
            }
            out
        }
        Op::Union | Op::Values(_) | Op::WindowTable(_) | Op::Sink(_) => vec![],
    }
}

/// A key behind a projection: every column must come through unchanged or by an injective cast.
fn through(key: &[usize], exprs: &[Expr]) -> Option<Vec<usize>> {
    key.iter()
        .map(|k| {
            let direct = exprs.iter().position(|e| e.as_column() == Some(*k));
            direct.or_else(|| exprs.iter().position(|e| injective_of(e) == Some(*k)))
        })
        .collect()
}

/// The column of which an expression is a one-to-one image.
pub(crate) fn injective_of(e: &Expr) -> Option<usize> {
    match &e.kind {
        ExprKind::Column(c) => Some(*c),
        ExprKind::Cast { input, .. } if injective(&input.data_type.ty, &e.data_type.ty) => injective_of(input),
        _ => None,
    }
}

/// Casts that map different values to different values and never fail.
fn injective(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    let width = |t: &T| match t {
        T::TinyInt => 1,
        T::SmallInt => 2,
        T::Int => 3,
        T::BigInt => 4,
        _ => 0,
    };
    match (from, to) {
        (a, b) if a.is_integer() && b.is_integer() => width(a) <= width(b),
        (a, T::VarChar(n)) if a.is_integer() => *n >= 20,
        (T::TinyInt | T::SmallInt | T::Int, T::Double) => true,
        (T::Char(a) | T::VarChar(a), T::VarChar(b)) => a <= b,
        (T::Date, T::Timestamp(_)) => true,
        (T::Date | T::Boolean, T::VarChar(n)) => *n >= 10,
        (T::Timestamp(a), T::Timestamp(b)) | (T::TimestampLtz(a), T::TimestampLtz(b)) => a <= b,
        _ => false,
    }
}

/// The columns of a relation that are constants: any key may leave them out.
pub(crate) fn constants(graph: &Graph, id: RelId) -> BTreeSet<usize> {
    match &graph.rels[id].op {
        Op::Calc { exprs, .. } => (0..exprs.len()).filter(|i| matches!(exprs[*i].kind, ExprKind::Literal(_))).collect(),
        _ => BTreeSet::new(),
    }
}
