//! The logical graph: relations as the binder makes them, hash-consed, projections merged as they
//! are added. [`passes`](self) turn it into the plan: [`prune`] drops unread columns, [`identity`]
//! names operators, [`pushdown`] moves field reading into scans, [`changelog`] decides row kinds and
//! keys, [`finish`] writes the plan.

pub(crate) mod changelog;
pub(crate) mod filter;
pub(crate) mod finish;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod prune;
pub(crate) mod pushdown;

use std::collections::HashMap;

use serde::Serialize;
use tidegate_core::table::BoundTable;
use tidegate_core::{Column, Span};
use tidegate_plan::{Expr, ExprKind, Function, Op};

/// Index of a relation.
pub(crate) type RelId = usize;

/// Whether a column is a time attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Default)]
pub(crate) enum TimeAttribute {
    /// An ordinary column.
    #[default]
    None,
    /// Event time: a watermark follows it.
    Event,
    /// Processing time.
    Processing,
}

/// An output column of a relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RelColumn {
    pub column: Column,
    pub time: TimeAttribute,
}

/// A relation.
#[derive(Debug, Clone)]
pub(crate) struct Rel {
    pub op: Op,
    pub inputs: Vec<RelId>,
    pub columns: Vec<RelColumn>,
    /// Where in the SQL text it was asked for.
    pub span: Span,
}

/// One INSERT: its rows already have the target's types.
#[derive(Debug, Clone)]
pub(crate) struct InsertRel {
    pub rel: RelId,
    /// Index into [`Graph::tables`].
    pub table: usize,
    /// Positions among the target's writable columns.
    pub columns: Vec<usize>,
    pub number: usize,
    pub span: Span,
}

/// Relations, each after its inputs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph {
    pub tables: Vec<BoundTable>,
    pub rels: Vec<Rel>,
    index: HashMap<String, RelId>,
}

/// An expression and its role in time.
pub(crate) type Output = (Expr, String, TimeAttribute);

/// Merging stops where the merged expressions would exceed this many nodes.
const MAX_MERGED: usize = 20_000;

impl Graph {
    /// A table's index; equal declarations are one.
    pub fn table(&mut self, table: &BoundTable) -> usize {
        let same = |t: &BoundTable| t.spec == table.spec && t.options == table.options;
        self.tables.iter().position(same).unwrap_or_else(|| {
            self.tables.push(table.clone());
            self.tables.len() - 1
        })
    }

    /// Adds a relation, or finds the equal one. Names are not part of equality.
    pub fn add(&mut self, op: Op, inputs: Vec<RelId>, columns: Vec<RelColumn>, span: Span) -> RelId {
        let types: Vec<_> = columns.iter().map(|c| (&c.column.data_type, c.time)).collect();
        let key = serde_json::to_string(&(&op, &inputs, &types)).unwrap_or_default();
        if let Some(found) = self.index.get(&key) {
            return *found;
        }
        self.rels.push(Rel { op, inputs, columns, span });
        self.index.insert(key, self.rels.len() - 1);
        self.rels.len() - 1
    }

    /// Filter and projection, merged with the input's where it is one itself.
    pub fn calc(&mut self, input: RelId, filter: Option<Expr>, outputs: Vec<Output>, span: Span) -> RelId {
        if let Op::Calc { filter: inner_filter, exprs: inner } = &self.rels[input].op {
            let mut all: Vec<&Expr> = outputs.iter().map(|(e, _, _)| e).collect();
            all.extend(filter.as_ref());
            if mergeable(inner, inner_filter.as_ref(), &all) {
                let (inner, inner_filter) = (inner.clone(), inner_filter.clone());
                let below = self.rels[input].inputs[0];
                let filter = conjunction(inner_filter.into_iter().chain(filter.map(|f| substitute(f, &inner))));
                let outputs = outputs.into_iter().map(|(e, n, t)| (substitute(e, &inner), n, t)).collect();
                return self.calc(below, filter, outputs, span);
            }
        }
        let same_shape = filter.is_none() && outputs.len() == self.rels[input].columns.len();
        let identity = same_shape
            && outputs.iter().enumerate().all(|(i, (e, _, t))| {
                e.as_column() == Some(i)
                    && self.rels[input].columns[i].time == *t
                    && self.rels[input].columns[i].column.data_type == e.data_type
            });
        if identity {
            return input;
        }
        let columns = outputs
            .iter()
            .map(|(e, name, time)| RelColumn { column: Column::new(name.clone(), e.data_type.clone()), time: *time })
            .collect();
        let exprs = outputs.into_iter().map(|(e, _, _)| e).collect();
        self.add(Op::Calc { filter, exprs }, vec![input], columns, span)
    }

    /// A relation's columns as expressions over it.
    pub fn outputs(&self, rel: RelId) -> Vec<Output> {
        self.rels[rel]
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| (Expr::column(i, c.column.data_type.clone()), c.column.name.clone(), c.time))
            .collect()
    }
}

/// Whether references to `inner` may be replaced by its expressions: nothing random is evaluated
/// twice, and the result stays small.
fn mergeable(inner: &[Expr], filter: Option<&Expr>, outer: &[&Expr]) -> bool {
    if filter.is_some_and(is_random) {
        return false;
    }
    let mut uses = vec![0usize; inner.len()];
    for e in outer {
        count_uses(e, &mut uses);
    }
    let mut size: usize = outer.iter().map(|e| nodes(e)).sum();
    for (e, n) in inner.iter().zip(&uses) {
        if *n > 1 && is_random(e) {
            return false;
        }
        // A random value that is not read any more may go; one in a filter must not move.
        size = size.saturating_add(nodes(e).saturating_mul(*n));
    }
    size <= MAX_MERGED
}

fn is_random(e: &Expr) -> bool {
    let own =
        matches!(&e.kind, ExprKind::Call { function: Function::Rand | Function::RandInteger | Function::Uuid, .. });
    own || e.children().into_iter().any(is_random)
}

fn count_uses(e: &Expr, uses: &mut [usize]) {
    if let ExprKind::Column(i) = e.kind
        && let Some(n) = uses.get_mut(i)
    {
        *n += 1;
    }
    for c in e.children() {
        count_uses(c, uses);
    }
}

fn nodes(e: &Expr) -> usize {
    1 + e.children().into_iter().map(nodes).sum::<usize>()
}

/// Replaces column references by the expressions behind them.
pub(crate) fn substitute(mut e: Expr, by: &[Expr]) -> Expr {
    if let ExprKind::Column(i) = e.kind {
        return match by.get(i) {
            // What the reader knows about the type (a longer VARCHAR, NOT NULL) stays, and its place.
            Some(inner) => {
                let span = if e.span.is_known() { e.span } else { inner.span };
                Expr { data_type: e.data_type, span, ..inner.clone() }
            }
            None => e,
        };
    }
    for child in e.children_mut() {
        let taken = std::mem::replace(child, crate::bind::literal::null());
        *child = substitute(taken, by);
    }
    e
}

/// `a AND b AND …`, flat; `None` of nothing.
pub(crate) fn conjunction(parts: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    let mut all = Vec::new();
    for p in parts {
        match p.kind {
            ExprKind::And(inner) => all.extend(inner),
            kind => all.push(Expr { kind, data_type: p.data_type, span: p.span }),
        }
    }
    if all.len() <= 1 {
        return all.pop();
    }
    let nullable = all.iter().any(|e| e.data_type.nullable);
    Some(Expr::new(ExprKind::And(all), tidegate_core::SqlType::Boolean.nullable().with_nullable(nullable)))
}

/// The conjuncts of a condition.
pub(crate) fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::And(all) => all.iter().flat_map(conjuncts).collect(),
        _ => vec![e],
    }
}
