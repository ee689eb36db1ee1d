//! The tables and views of a script, in the order of its statements: names resolved by the
//! dialect's rule, types by its habits, options by the connector that the table names.

use std::sync::Arc;

use tidegate_core::options::{OptionEntry, nearest};
use tidegate_core::registry::Registry;
use tidegate_core::table::BoundTable;
use tidegate_core::{Dialect, Error, Result, Span};

use crate::ast::{CreateView, Drop, Expression, Name, Query, Warning, WatermarkDef};

/// A declared table.
#[derive(Debug, Clone)]
pub struct TableDef {
    /// The typed declaration and what its connector made of it. Computed columns have the type
    /// NULL here until the binder knows better.
    pub bound: BoundTable,
    /// The expressions of `Computed` columns.
    pub computed: Vec<ComputedColumn>,
    /// The watermark.
    pub watermark: Option<WatermarkDef>,
    /// Columns that `SELECT *` does not show: `ROWTIME` and `PROCTIME` of UFlink, objects that only
    /// hold the fields of `obj.field TYPE AS name`.
    pub hidden: Vec<usize>,
    /// `tidegate.*` options of the table itself.
    pub own: TableSettings,
}

/// A computed column.
#[derive(Debug, Clone)]
pub struct ComputedColumn {
    /// Index into `bound.spec.columns`.
    pub column: usize,
    /// Its expression over the table's other columns.
    pub expression: Expression,
}

/// `tidegate.*` options of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSettings {
    /// `tidegate.sink-id`: the sink's id in the store in place of the table's name.
    pub sink_id: Option<String>,
    /// `tidegate.dead-letter`: the table that takes this source's bad rows.
    pub dead_letter: Option<Name>,
    /// `tidegate.on-error`: what this source's bad rows do.
    pub on_error: Option<tidegate_plan::OnRowError>,
}

/// A view.
#[derive(Debug, Clone)]
pub struct ViewDef {
    /// Its name as declared.
    pub name: Name,
    /// New column names; empty: those of the query.
    pub columns: Vec<Name>,
    /// Its query.
    pub query: Query,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Object {
    /// A table.
    Table(Arc<TableDef>),
    /// A view.
    View(Arc<ViewDef>),
}

impl TableDef {
    /// The name as declared.
    pub fn name(&self) -> &str {
        &self.bound.spec.name
    }
    /// The expression of a computed column.
    pub fn expression_of(&self, column: usize) -> Option<&Expression> {
        self.computed.iter().find(|c| c.column == column).map(|c| &c.expression)
    }
    /// The index of a column by the dialect's rule for names.
    pub fn column(&self, name: &str) -> Option<usize> {
        let dialect = self.bound.spec.dialect;
        self.bound.spec.columns.iter().position(|c| same_name(dialect, &c.column.name, name))
    }
}

/// Whether two names are one: Flink compares case, Blink and UFlink do not.
pub fn same_name(dialect: Dialect, a: &str, b: &str) -> bool {
    match dialect {
        Dialect::Flink => a == b,
        Dialect::Blink | Dialect::UFlink => a == b || a.to_lowercase() == b.to_lowercase(),
    }
}

/// The tables and views known so far.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) dialect: Dialect,
    pub(crate) registry: Registry,
    pub(crate) objects: Vec<(String, Object)>,
    /// Notes and warnings of declarations.
    pub warnings: Vec<Warning>,
}
