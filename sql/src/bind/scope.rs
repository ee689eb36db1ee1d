//! Names in reach of an expression, by the dialect's rule for case.

use sqlparser::ast as sp;
use tidegate_core::options::nearest;
use tidegate_core::{DataType, Dialect, Error, Result, Span, SqlType};
use tidegate_plan::{Expr, ExprKind};

use crate::catalog::same_name;
use crate::graph::TimeAttribute;

/// A column in reach.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    /// Table name or alias before the dot.
    pub qualifier: Option<String>,
    /// Its name.
    pub name: String,
    /// Not part of `SELECT *`.
    pub hidden: bool,
    /// Its type.
    pub data_type: DataType,
    /// Whether it is a time attribute.
    pub time: TimeAttribute,
    /// Where it is computed, if in this query.
    pub span: Span,
}

/// The columns in reach; their positions are the columns of the input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// In the input's order.
    pub columns: Vec<ScopeColumn>,
}

impl Scope {
    /// A column by name, `None` where there is none.
    fn find(&self, dialect: Dialect, qualifier: Option<&str>, name: &str) -> Result<Option<usize>> {
        let mut exact: Vec<usize> = Vec::new();
        for (i, c) in self.columns.iter().enumerate() {
            let qualified = match (qualifier, &c.qualifier) {
                (None, _) => true,
                (Some(q), Some(own)) => same_name(dialect, own, q),
                (Some(_), None) => false,
            };
            if qualified && same_name(dialect, &c.name, name) {
                exact.push(i);
            }
        }
        if exact.len() > 1 && exact.iter().filter(|i| self.columns[**i].name == name).count() == 1 {
            exact.retain(|i| self.columns[*i].name == name);
        }
        match exact.as_slice() {
            [] => Ok(None),
            [i] => Ok(Some(*i)),
            _ => Err(Error::user(format!("column '{name}' is ambiguous: {} columns have this name", exact.len()))
                .help("give the columns different names with AS, or write table.column")),
        }
    }

    /// The column as an expression.
    pub(crate) fn column(&self, index: usize, span: Span) -> Expr {
        Expr::column(index, self.columns[index].data_type.clone()).at(span)
    }

    /// A name without dots.
    pub(crate) fn resolve(&self, dialect: Dialect, name: &str, span: Span) -> Result<Expr> {
        match self.find(dialect, None, name).map_err(|e| e.at(span))? {
            Some(i) => Ok(self.column(i, span)),
            None => Err(self.unknown(dialect, name, span)),
        }
    }

    /// Whether a name without dots is a column.
    pub(crate) fn has(&self, dialect: Dialect, name: &str) -> bool {
        !matches!(self.find(dialect, None, name), Ok(None))
    }

    /// `table.column`, `column.field`, `table.column.field…`.
    pub(crate) fn resolve_path(&self, dialect: Dialect, parts: &[sp::Ident], span: Span) -> Result<Expr> {
        let (Some(first), Some(second)) = (parts.first(), parts.get(1)) else {
            let name = parts.first().map_or("", |p| p.value.as_str());
            return self.resolve(dialect, name, span);
        };
        let place = |e: Error| e.at(span);
        if let Some(i) = self.find(dialect, Some(&first.value), &second.value).map_err(place)? {
            return fields(dialect, self.column(i, span), &parts[2..], span);
        }
        if let Some(i) = self.find(dialect, None, &first.value).map_err(place)? {
            return fields(dialect, self.column(i, span), &parts[1..], span);
        }
        let known =
            self.columns.iter().any(|c| c.qualifier.as_deref().is_some_and(|q| same_name(dialect, q, &first.value)));
        if known {
            return Err(self.unknown(dialect, &second.value, span));
        }
        let e = Error::user(format!("'{}' is neither a table of this FROM nor a column", first.value)).at(span);
        let tables: Vec<&str> = self.columns.iter().filter_map(|c| c.qualifier.as_deref()).collect();
        Err(match nearest(&first.value, tables.iter().copied().chain(self.names())) {
            Some(n) => e.help(format!("did you mean '{n}'?")),
            None => e,
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    fn unknown(&self, dialect: Dialect, name: &str, span: Span) -> Error {
        let e = Error::user(format!("unknown column '{name}'")).at(span);
        if self.columns.is_empty() {
            return e.help("there is no FROM, so there are no columns; texts are written in single quotes");
        }
        if let Some(other) = self.names().find(|n| n.eq_ignore_ascii_case(name)) {
            return e.help(format!("names are case sensitive in the {dialect} dialect: it is declared as '{other}'"));
        }
        match nearest(name, self.names()) {
            Some(n) => e.help(format!("did you mean '{n}'?")),
            None => e.help(format!("the columns are {}", list(self.names()))),
        }
    }
}

/// Names in one line, shortened.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    if all.len() <= 12 {
        return all.join(", ");
    }
    format!("{}, … ({} in all)", all[..12].join(", "), all.len())
}

/// Field access on a ROW, one name after the other.
pub(crate) fn fields(dialect: Dialect, base: Expr, path: &[sp::Ident], span: Span) -> Result<Expr> {
    path.iter().try_fold(base, |e, name| field(dialect, e, &name.value, span))
}

/// One field of a ROW.
pub(crate) fn field(dialect: Dialect, base: Expr, name: &str, span: Span) -> Result<Expr> {
    let SqlType::Row(columns) = &base.data_type.ty else {
        return Err(Error::user(format!("a {} has no field '{name}'", base.data_type.ty))
            .at(span)
            .help("only ROW columns have fields; for JSON in a text use JSON_VALUE(column, '$.field')"));
    };
    let Some(index) = columns.iter().position(|c| same_name(dialect, &c.name, name)) else {
        let e = Error::user(format!("the ROW has no field '{name}'")).at(span);
        return Err(match nearest(name, columns.iter().map(|c| c.name.as_str())) {
            Some(n) => e.help(format!("did you mean '{n}'?")),
            None => e.help(format!("its fields are {}", list(columns.iter().map(|c| c.name.as_str())))),
        });
    };
    let mut data_type = columns[index].data_type.clone();
    data_type.nullable |= base.data_type.nullable;
    Ok(Expr::new(ExprKind::Field { input: Box::new(base), index }, data_type).at(span))
}

/// Where an identifier begins.
pub(crate) fn ident_span(id: &sp::Ident) -> Span {
    let start = id.span.start;
    Span::new(u32::try_from(start.line).unwrap_or(0), u32::try_from(start.column).unwrap_or(0))
}
