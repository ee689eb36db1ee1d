//! A bound relation: a node of the graph and the names of its columns.

use tidegate_core::Span;
use tidegate_plan::{Expr, Op};

use super::scope::{Scope, ScopeColumn};
use crate::graph::{Graph, RelId, TimeAttribute};

/// What FROM, a view or a query stands for.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub rel: RelId,
    pub scope: Scope,
}

impl Relation {
    /// A relation whose names are the graph's own.
    pub fn of(graph: &Graph, rel: RelId) -> Self {
        let names: Vec<String> = graph.rels[rel].columns.iter().map(|c| c.column.name.clone()).collect();
        Relation::named(graph, rel, names)
    }

    /// A relation with these names.
    pub fn named(graph: &Graph, rel: RelId, names: Vec<String>) -> Self {
        let columns = graph.rels[rel]
            .columns
            .iter()
            .zip(names)
            .map(|(c, name)| ScopeColumn {
                qualifier: None,
                name,
                hidden: false,
                data_type: c.column.data_type.clone(),
                time: c.time,
            })
            .collect();
        Relation { rel, scope: Scope { columns } }
    }

    /// The same, reached as `qualifier.column`.
    pub fn qualified(mut self, qualifier: &str) -> Self {
        for c in &mut self.scope.columns {
            c.qualifier = Some(qualifier.to_owned());
        }
        self
    }

    /// All columns as expressions, with their names and roles.
    pub fn outputs(&self) -> Vec<(Expr, String, TimeAttribute)> {
        self.scope
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| (Expr::column(i, c.data_type.clone()), c.name.clone(), c.time))
            .collect()
    }

    /// Where a column is computed in the text.
    pub fn place(&self, graph: &Graph, column: usize) -> Span {
        let rel = &graph.rels[self.rel];
        match &rel.op {
            Op::Calc { exprs, .. } => exprs.get(column).map(|e| e.span).filter(|s| s.is_known()).unwrap_or(rel.span),
            _ => rel.span,
        }
    }
}
