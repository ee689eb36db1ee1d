//! The tables and views of a script, in the order of its statements: names resolved by the
//! dialect's rule, types by its habits, options by the connector that the table names.

mod define;
mod like;
mod paths;

use std::sync::Arc;

use tidegate_core::options::{OptionEntry, nearest};
use tidegate_core::registry::Registry;
use tidegate_core::table::BoundTable;
use tidegate_core::{Dialect, Error, Result, ResultExt, Span};

use crate::ast::{CreateTable, CreateView, Drop, Expression, Name, Query, StatementKind, Warning, WatermarkDef};

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
    /// As written, LIKE and hints merged in.
    pub declared: CreateTable,
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
    dialect: Dialect,
    registry: Registry,
    objects: Vec<(String, Object)>,
    /// Notes and warnings of declarations.
    pub warnings: Vec<Warning>,
}

impl Catalog {
    /// An empty one.
    pub fn new(dialect: Dialect, registry: Registry) -> Self {
        Catalog { dialect, registry, objects: Vec::new(), warnings: Vec::new() }
    }

    /// The dialect of its tables.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Every object in order of declaration.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(|(_, o)| o)
    }

    /// Applies CREATE and DROP; other statements change nothing here.
    ///
    /// # Errors
    /// Names that exist or do not, declarations that cannot be.
    pub fn apply(&mut self, statement: &StatementKind) -> Result<()> {
        match statement {
            StatementKind::CreateTable(t) => self.create_table(t),
            StatementKind::CreateView(v) => self.create_view(v),
            StatementKind::Drop(d) => self.drop_object(d),
            _ => Ok(()),
        }
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// Nothing of that name; the nearest one is suggested.
    pub fn get(&self, name: &str, span: Span) -> Result<&Object> {
        self.find(name).ok_or_else(|| {
            let error = Error::user(format!("there is no table or view '{name}'")).at(span);
            match nearest(name, self.objects.iter().map(|(n, _)| n.as_str())) {
                Some(n) => error.help(format!("did you mean '{n}'?")),
                None if self.objects.is_empty() => error.help("declare it with CREATE TABLE first"),
                None => {
                    let names: Vec<&str> = self.objects.iter().map(|(n, _)| n.as_str()).collect();
                    error.help(format!("declared so far: {}", names.join(", ")))
                }
            }
        })
    }

    /// A table to write or look up.
    ///
    /// # Errors
    /// As for [`Catalog::get`]; a view.
    pub fn table(&self, name: &str, span: Span) -> Result<&Arc<TableDef>> {
        match self.get(name, span)? {
            Object::Table(t) => Ok(t),
            Object::View(_) => Err(Error::user(format!("'{name}' is a view, not a table")).at(span)),
        }
    }

    /// The table with the options of a hint in place of, or beside, its own.
    ///
    /// # Errors
    /// Options that its connector does not know, or that do not fit together.
    pub fn with_options(&self, table: &Arc<TableDef>, options: &[OptionEntry]) -> Result<Arc<TableDef>> {
        if options.is_empty() {
            return Ok(table.clone());
        }
        let mut declared = table.declared.clone();
        for o in options {
            declared.options.retain(|own| own.name != o.name);
            declared.options.push(o.clone());
        }
        let (def, _) = define::define(&declared, self.dialect, &self.registry).context(|| "OPTIONS hint")?;
        Ok(Arc::new(def))
    }

    fn find(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|(n, _)| same_name(self.dialect, n, name)).map(|(_, o)| o)
    }

    fn create_table(&mut self, table: &CreateTable) -> Result<()> {
        if self.taken(&table.name, table.if_not_exists)? {
            return Ok(());
        }
        let declared = match &table.like {
            Some(like) => {
                let base =
                    self.table(&like.table.text, like.table.span).context(|| format!("table {}", table.name.text))?;
                like::merge(table, &base.declared).context(|| format!("table {}", table.name.text))?
            }
            None => table.clone(),
        };
        let (def, mut warnings) = define::define(&declared, self.dialect, &self.registry)?;
        self.warnings.append(&mut warnings);
        self.objects.push((table.name.text.clone(), Object::Table(Arc::new(def))));
        Ok(())
    }

    fn create_view(&mut self, view: &CreateView) -> Result<()> {
        if self.taken(&view.name, view.if_not_exists)? {
            return Ok(());
        }
        let def = ViewDef { name: view.name.clone(), columns: view.columns.clone(), query: view.query.clone() };
        self.objects.push((view.name.text.clone(), Object::View(Arc::new(def))));
        Ok(())
    }

    /// Whether the name is in use and that is fine.
    fn taken(&self, name: &Name, if_not_exists: bool) -> Result<bool> {
        match self.find(&name.text) {
            None => Ok(false),
            Some(_) if if_not_exists => Ok(true),
            Some(_) => Err(Error::user(format!("'{}' is declared twice", name.text))
                .at(name.span)
                .help("rename one, or write CREATE … IF NOT EXISTS")),
        }
    }

    fn drop_object(&mut self, drop: &Drop) -> Result<()> {
        let is_view = match self.find(&drop.name.text) {
            None if drop.if_exists => return Ok(()),
            None => return self.get(&drop.name.text, drop.name.span).map(|_| ()),
            Some(object) => matches!(object, Object::View(_)),
        };
        if is_view != drop.view {
            let (what, right) = if is_view { ("view", "DROP VIEW") } else { ("table", "DROP TABLE") };
            return Err(Error::user(format!("'{}' is a {what}", drop.name.text))
                .at(drop.name.span)
                .help(format!("write {right}")));
        }
        let dialect = self.dialect;
        self.objects.retain(|(n, _)| !same_name(dialect, n, &drop.name.text));
        Ok(())
    }
}
