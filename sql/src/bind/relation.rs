//! A bound relation: a node of the graph and the names of its columns.

use tidegate_core::Span;
use tidegate_plan::Expr;

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
                span: Span::default(),
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

    /// The same, with the places where its columns are computed.
    pub fn placed(mut self, places: &[Span]) -> Self {
        for (c, p) in self.scope.columns.iter_mut().zip(places) {
            c.span = *p;
        }
        self
    }

    /// Where a column is computed in the text.
    pub fn place(&self, column: usize) -> Span {
        self.scope.columns.get(column).map(|c| c.span).unwrap_or_default()
    }
}
