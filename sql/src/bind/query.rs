//! Queries: WITH, set operations, VALUES, FROM. One SELECT is [`super::select`]'s.

use std::collections::HashMap;
use std::sync::Arc;

use sqlparser::ast as sp;
use tidegate_core::registry::Registry;
use tidegate_core::{Column, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, Op, SortColumn};

use super::env::Env;
use super::expr::ExprBinder;
use super::relation::Relation;
use super::scope::Scope;
use super::table::{self, Habits};
use super::types::common_type;
use super::{cast, rank, select, window};
use crate::ast::{Query, TABLE_ARGUMENT, span_of};
use crate::catalog::{Catalog, Object, TableDef, ViewDef, same_name};
use crate::graph::{Graph, RelColumn, TimeAttribute};

/// Several independent mistakes of one statement.
pub(crate) type Many<T> = std::result::Result<T, Vec<Error>>;

/// How deep queries and views may be nested.
const MAX_DEPTH: usize = 120;

/// Binds queries against a catalogue into a graph.
pub(crate) struct QueryBinder<'a> {
    pub env: &'a Env,
    pub catalog: &'a Catalog,
    pub registry: &'a Registry,
    pub habits: &'a Habits,
    pub graph: &'a mut Graph,
    /// Views bound so far, by name.
    pub views: &'a mut HashMap<String, Relation>,
    /// CTEs in reach, inner last.
    pub ctes: Vec<(String, Relation)>,
    /// The query that hints belong to.
    pub query: &'a Query,
    pub depth: usize,
}

pub(crate) fn one<T>(r: Result<T>) -> Many<T> {
    r.map_err(|e| vec![e])
}

impl QueryBinder<'_> {
    /// A query with its CTEs and LIMIT.
    pub fn bind(&mut self, q: &sp::Query) -> Many<Relation> {
        if self.depth >= MAX_DEPTH {
            return Err(vec![Error::user(format!("queries nested deeper than {MAX_DEPTH}")).at(span_of(q))]);
        }
        self.depth += 1;
        let before = self.ctes.len();
        let out = self.with_ctes(q);
        self.ctes.truncate(before);
        self.depth -= 1;
        out
    }

    fn with_ctes(&mut self, q: &sp::Query) -> Many<Relation> {
        if let Some(with) = &q.with {
            if with.recursive {
                return Err(vec![Error::user("WITH RECURSIVE is not supported").at(span_of(q))]);
            }
            for cte in &with.cte_tables {
                let name = &cte.alias.name.value;
                let relation = self.bind(&cte.query).map_err(|all| contexts(all, &format!("WITH {name}")))?;
                let relation = one(rename(relation, &cte.alias))?;
                self.ctes.push((name.clone(), relation));
            }
        }
        if q.fetch.is_some() || !q.locks.is_empty() || q.for_clause.is_some() || !q.pipe_operators.is_empty() {
            return Err(vec![
                Error::user("FETCH, FOR and pipe operators are not supported").at(span_of(q)).help("use LIMIT n"),
            ]);
        }
        let relation = self.body(&q.body)?;
        one(self.limited(relation, q))
    }

    fn body(&mut self, body: &sp::SetExpr) -> Many<Relation> {
        match body {
            sp::SetExpr::Select(s) => select::bind(self, s),
            sp::SetExpr::Query(q) => self.bind(q),
            sp::SetExpr::Values(v) => one(self.values(v)),
            sp::SetExpr::SetOperation { .. } => self.set_operation(body),
            sp::SetExpr::Table(t) => {
                let name = t.table_name.clone().unwrap_or_default();
                self.named(&name, Span::default(), &[])
            }
            other => Err(vec![Error::user("a query is expected here").at(span_of(other))]),
        }
    }

    /// A left-deep chain of unions is one UNION of all its branches.
    fn set_operation(&mut self, body: &sp::SetExpr) -> Many<Relation> {
        let sp::SetExpr::SetOperation { op, set_quantifier, .. } = body else { return self.body(body) };
        let all = matches!(set_quantifier, sp::SetQuantifier::All);
        if *op != sp::SetOperator::Union
            || !matches!(set_quantifier, sp::SetQuantifier::All | sp::SetQuantifier::Distinct | sp::SetQuantifier::None)
        {
            return Err(vec![
                Error::user(format!("{op} is not supported")).at(span_of(body)).help("UNION ALL and UNION are"),
            ]);
        }
        let mut branches = Vec::new();
        let mut node = body;
        while let sp::SetExpr::SetOperation { left, op: o, set_quantifier: quantifier, right } = node {
            if o != op || matches!(quantifier, sp::SetQuantifier::All) != all {
                break;
            }
            branches.push(right.as_ref());
            node = left;
        }
        branches.push(node);
        branches.reverse();
        let places: Vec<Span> = branches.iter().map(|b| span_of(*b)).collect();
        let mut relations = Vec::new();
        let mut errors = Vec::new();
        for b in branches {
            match self.body(b) {
                Ok(r) => relations.push(r),
                Err(e) => errors.extend(e),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let union = one(self.union(&relations, &places))?;
        if all { Ok(union) } else { Ok(select::distinct(self, &union, span_of(body))) }
    }

    fn union(&mut self, branches: &[Relation], places: &[Span]) -> Result<Relation> {
        let span = places.first().copied().unwrap_or_default();
        let Some(first) = branches.first() else { return Err(Error::internal("a union of nothing")) };
        let width = first.scope.columns.len();
        let names: Vec<String> = first.scope.columns.iter().map(|c| c.name.clone()).collect();
        if let Some((other, place)) = branches.iter().zip(places).find(|(b, _)| b.scope.columns.len() != width) {
            return Err(Error::user(format!(
                "the sides of UNION have {width} and {} columns",
                other.scope.columns.len()
            ))
            .at(*place));
        }
        let mut columns = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let types: Vec<_> = branches.iter().map(|b| &b.scope.columns[i].data_type).collect();
            let data_type = match common_type(&types) {
                Some(t) => t,
                None if !self.env.is_flink() && types.iter().any(|t| t.ty.is_text()) => SqlType::STRING.nullable(),
                None => {
                    let other = types.iter().find(|t| t.ty != types[0].ty).map(ToString::to_string).unwrap_or_default();
                    return Err(Error::user(format!(
                        "column {} ('{name}') of UNION mixes {} and {other}",
                        i + 1,
                        types[0]
                    ))
                    .at(branches[1].place(i))
                    .help("CAST one side"));
                }
            };
            let time = branches[0].scope.columns[i].time;
            let time =
                if branches.iter().all(|b| b.scope.columns[i].time == time) { time } else { TimeAttribute::None };
            columns.push(RelColumn { column: Column::new(name.clone(), data_type), time });
        }
        let inputs = branches
            .iter()
            .map(|b| {
                let outputs = b
                    .outputs()
                    .into_iter()
                    .zip(&columns)
                    .map(|((e, n, _), c)| (cast::implicit(self.env, e, &c.column.data_type.ty), n, c.time))
                    .collect();
                self.graph.calc(b.rel, None, outputs, span)
            })
            .collect();
        let rel = self.graph.add(Op::Union, inputs, columns, span);
        Ok(Relation::named(self.graph, rel, names))
    }

    /// `VALUES (…), (…)`
    fn values(&mut self, v: &sp::Values) -> Result<Relation> {
        let scope = Scope::default();
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(v.rows.len());
        for row in &v.rows {
            let mut b = ExprBinder::new(self.env, &scope, "VALUES");
            rows.push(row.content.iter().map(|e| b.bind(e)).collect::<Result<_>>()?);
        }
        let span = rows.iter().flatten().map(|e| e.span).find(|s| s.is_known()).unwrap_or_default();
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|r| r.len() != width) {
            return Err(Error::user("the rows of VALUES differ in length").at(span));
        }
        let mut columns = Vec::with_capacity(width);
        for i in 0..width {
            let column: Vec<Expr> = rows.iter().map(|r| r[i].clone()).collect();
            let types: Vec<_> = column.iter().map(|e| e.data_type.clone()).collect();
            let refs: Vec<_> = types.iter().collect();
            let values = super::expr::unify(self.env, column, "a VALUES column", span)?;
            let data_type = common_type(&refs).unwrap_or_else(|| SqlType::STRING.nullable());
            for (row, value) in rows.iter_mut().zip(values) {
                let nullable = value.data_type.nullable;
                row[i] = match &value.data_type.ty {
                    SqlType::Null => cast::implicit(self.env, value, &data_type.ty),
                    _ => Expr { data_type: data_type.clone().with_nullable(nullable), ..value },
                };
            }
            columns.push(RelColumn { column: Column::new(format!("EXPR${i}"), data_type), time: TimeAttribute::None });
        }
        let rel = self.graph.add(Op::Values(rows), vec![], columns, span);
        Ok(Relation::of(self.graph, rel))
    }

    /// One row without a FROM.
    pub fn dual(&mut self) -> Relation {
        let zero = Expr::literal(Scalar::Int(0), SqlType::Int.not_null());
        let column = RelColumn { column: Column::new("ZERO", SqlType::Int.not_null()), time: TimeAttribute::None };
        let rel = self.graph.add(Op::Values(vec![vec![zero]]), vec![], vec![column], Span::default());
        Relation { rel, scope: Scope::default() }
    }

    /// ORDER BY … LIMIT n is a top-n over everything; ORDER BY alone cannot end.
    fn limited(&mut self, relation: Relation, q: &sp::Query) -> Result<Relation> {
        let limit = match &q.limit_clause {
            None => None,
            Some(sp::LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                let from = offset.as_ref().map(|o| count(&o.value)).transpose()?.unwrap_or(0);
                Some((from, limit.as_ref().map(count).transpose()?))
            }
            Some(other) => {
                return Err(Error::user(format!("{other} is not supported")).at(span_of(q)).help("use LIMIT n"));
            }
        };
        let span = q.order_by.as_ref().map_or_else(|| span_of(q), span_of);
        let order = match q.order_by.as_ref().map(|o| &o.kind) {
            None => vec![],
            Some(sp::OrderByKind::Expressions(list)) => self.sort_columns(&relation, list)?,
            Some(sp::OrderByKind::All(_)) => return Err(Error::user("ORDER BY ALL is not supported").at(span)),
        };
        match limit {
            Some((from, Some(n))) => {
                if n == 0 {
                    let never = Expr::literal(Scalar::Bool(false), SqlType::Boolean.not_null());
                    let rel = self.graph.calc(relation.rel, Some(never), relation.outputs(), span);
                    return Ok(Relation { rel, ..relation });
                }
                let columns = self.graph.rels[relation.rel].columns.clone();
                let op = Op::TopN {
                    keys: vec![],
                    order,
                    from: from.saturating_add(1),
                    to: from.saturating_add(n),
                    with_rank: false,
                };
                let rel = self.graph.add(op, vec![relation.rel], columns, span);
                Ok(Relation { rel, ..relation })
            }
            None if order.is_empty() => Ok(relation),
            _ => Err(Error::user("ORDER BY without LIMIT sorts a stream that does not end")
                .at(span)
                .help("add LIMIT n for a top-n, or leave ORDER BY out")),
        }
    }

    /// ORDER BY over a relation's columns, by name or position.
    fn sort_columns(&mut self, relation: &Relation, list: &[sp::OrderByExpr]) -> Result<Vec<SortColumn>> {
        list.iter()
            .map(|o| {
                let span = span_of(&o.expr);
                let mut b = ExprBinder::new(self.env, &relation.scope, "ORDER BY");
                let e = b.bind(&o.expr)?;
                let column = match &e.kind {
                    tidegate_plan::ExprKind::Literal(Scalar::Int(n)) => {
                        usize::try_from(*n - 1).ok().filter(|i| *i < relation.scope.columns.len())
                    }
                    _ => e.as_column(),
                };
                let column = column.ok_or_else(|| {
                    Error::user("ORDER BY takes columns of the select list here")
                        .at(span)
                        .help("compute it in the select list, under a name")
                })?;
                Ok(sort_column(column, o))
            })
            .collect()
    }

    /// What stands in FROM.
    pub fn factor(&mut self, f: &sp::TableFactor) -> Many<Relation> {
        match f {
            sp::TableFactor::Table { name, alias, args: None, version, sample, .. } => {
                if version.is_some() {
                    return Err(vec![
                        Error::user("FOR SYSTEM_TIME AS OF is a lookup or temporal join; these are not supported yet")
                            .at(span_of(name)),
                    ]);
                }
                if sample.is_some() {
                    return Err(vec![Error::user("TABLESAMPLE is not supported").at(span_of(name))]);
                }
                let text = object_name(name);
                let hint = self.query.hint(name).to_vec();
                let relation = self.named(&text, span_of(name), &hint)?.qualified(&text);
                aliased(relation, alias.as_ref())
            }
            sp::TableFactor::Derived { subquery, alias, lateral, .. } => {
                if *lateral {
                    return Err(vec![Error::user("LATERAL is not supported yet").at(span_of(f))]);
                }
                let relation = self.bind(subquery)?;
                aliased(relation, alias.as_ref())
            }
            sp::TableFactor::TableFunction { expr, alias } => {
                let relation = window::table_function(self, expr)?;
                aliased(relation, alias.as_ref())
            }
            sp::TableFactor::NestedJoin { table_with_joins, alias } => {
                let relation = self.joined(table_with_joins)?;
                aliased(relation, alias.as_ref())
            }
            sp::TableFactor::UNNEST { .. } => Err(vec![
                Error::user("UNNEST is a cross join with an array; joins are not supported yet").at(span_of(f)),
            ]),
            other => Err(vec![
                Error::user(format!("{} is not supported in FROM", super::expr::shortened(&other.to_string())))
                    .at(span_of(other)),
            ]),
        }
    }

    /// One item of FROM. Joins are named, and refused for now.
    pub fn joined(&mut self, t: &sp::TableWithJoins) -> Many<Relation> {
        let left = self.factor(&t.relation);
        let Some(join) = t.joins.first() else { return left };
        let left = left?;
        Err(vec![self.join_error(&left, join)])
    }

    fn join_error(&mut self, left: &Relation, join: &sp::Join) -> Error {
        let span = span_of(&join.relation);
        let dimension = match &join.relation {
            sp::TableFactor::Table { name, version, .. } => {
                let table = self.catalog.table(&object_name(name), span).ok();
                version.is_some() || table.is_some_and(|t| t.bound.spec.is_dimension)
            }
            _ => false,
        };
        let event = left.scope.columns.iter().any(|c| c.time == TimeAttribute::Event);
        let between = on_condition(&join.join_operator).is_some_and(mentions_interval);
        let kind = match (&join.join_operator, dimension) {
            (_, true) => "lookup join with a dimension table",
            (sp::JoinOperator::CrossJoin(_) | sp::JoinOperator::CrossApply | sp::JoinOperator::OuterApply, _) => {
                "cross join"
            }
            _ if event && between => "interval join",
            _ => "regular join of two streams",
        };
        Error::user(format!("a {kind} is not supported yet"))
            .at(span)
            .help("sub-queries, UNION ALL and views work; joins come in a later version")
    }

    /// A CTE, table or view by name.
    pub fn named(&mut self, name: &str, span: Span, hint: &[tidegate_core::options::OptionEntry]) -> Many<Relation> {
        let dialect = self.env.dialect;
        if let Some((_, relation)) = self.ctes.iter().rev().find(|(n, _)| same_name(dialect, n, name)) {
            return Ok(relation.clone());
        }
        let object = one(self.catalog.get(name, span).cloned())?;
        match object {
            Object::Table(def) => {
                let def = one(self.catalog.with_options(&def, hint).map_err(|e| e.at(span)))?;
                one(self.table(&def, span))
            }
            Object::View(view) if hint.is_empty() => self.view(&view),
            Object::View(_) => Err(vec![Error::user("an OPTIONS hint goes with a table, this is a view").at(span)]),
        }
    }

    fn table(&mut self, def: &Arc<TableDef>, span: Span) -> Result<Relation> {
        if let Some(connector) = self.registry.find(def.bound.spec.dialect, &def.bound.connector) {
            let d = connector.descriptor();
            if !d.source && !self.env.looking {
                return Err(Error::user(format!(
                    "table '{}' can only be written: connector '{}' is no source",
                    def.name(),
                    def.bound.connector
                ))
                .at(span));
            }
        }
        if def.bound.spec.is_dimension && !self.env.looking {
            return Err(Error::user(format!(
                "'{}' is a dimension table: it is looked up in a join, not read as a stream",
                def.name()
            ))
            .at(span));
        }
        table::relation(self.env, self.graph, def, self.habits)
    }

    fn view(&mut self, view: &Arc<ViewDef>) -> Many<Relation> {
        let name = view.name.text.clone();
        if let Some(bound) = self.views.get(&name) {
            return Ok(bound.clone());
        }
        if self.depth >= MAX_DEPTH {
            return Err(vec![Error::user(format!("views nested deeper than {MAX_DEPTH}")).at(view.name.span)]);
        }
        let mut inner = QueryBinder {
            env: self.env,
            catalog: self.catalog,
            registry: self.registry,
            habits: self.habits,
            graph: self.graph,
            views: self.views,
            ctes: vec![],
            query: &view.query,
            depth: self.depth + 1,
        };
        let mut relation = inner.bind(&view.query.ast).map_err(|all| contexts(all, &format!("view {name}")))?;
        if !view.columns.is_empty() {
            let names: Vec<_> = view.columns.iter().map(|n| n.text.clone()).collect();
            relation = one(renamed(relation, &names, view.name.span))?;
        }
        let relation = relation.qualified(&name);
        self.views.insert(name, relation.clone());
        Ok(relation)
    }

    /// Filter and projection; a filter on a row number bounds its ranking.
    pub fn calc(
        &mut self,
        input: usize,
        filter: Option<Expr>,
        outputs: Vec<crate::graph::Output>,
        span: Span,
    ) -> usize {
        let rel = self.graph.calc(input, filter, outputs, span);
        rank::apply(self.graph, rel)
    }
}

fn on_condition(operator: &sp::JoinOperator) -> Option<&sp::Expr> {
    match operator {
        sp::JoinOperator::Join(sp::JoinConstraint::On(e))
        | sp::JoinOperator::Inner(sp::JoinConstraint::On(e))
        | sp::JoinOperator::Left(sp::JoinConstraint::On(e))
        | sp::JoinOperator::LeftOuter(sp::JoinConstraint::On(e))
        | sp::JoinOperator::RightOuter(sp::JoinConstraint::On(e))
        | sp::JoinOperator::FullOuter(sp::JoinConstraint::On(e)) => Some(e),
        _ => None,
    }
}

fn mentions_interval(e: &sp::Expr) -> bool {
    let mut found = matches!(e, sp::Expr::Interval(_));
    super::functions::walk_children(e, &mut |c| found |= mentions_interval(c));
    found
}

/// Adds a place to every error.
pub(crate) fn contexts(all: Vec<Error>, place: &str) -> Vec<Error> {
    all.into_iter().map(|e| e.context(place)).collect()
}

/// A sort column with Flink's rule for NULLs: they are smaller than every value.
pub(crate) fn sort_column(column: usize, o: &sp::OrderByExpr) -> SortColumn {
    let descending = o.options.asc == Some(false);
    SortColumn { column, descending, nulls_first: o.options.nulls_first.unwrap_or(!descending) }
}

fn count(e: &sp::Expr) -> Result<u64> {
    match e {
        sp::Expr::Value(v) => match &v.value {
            sp::Value::Number(n, _) => {
                n.parse().map_err(|_| Error::user(format!("{n} is not a number of rows")).at(span_of(e)))
            }
            _ => Err(Error::user("a number of rows is needed here").at(span_of(e))),
        },
        _ => Err(Error::user("a number of rows is needed here").at(span_of(e))),
    }
}

/// A name without catalogue and database.
pub(crate) fn object_name(name: &sp::ObjectName) -> String {
    match name.0.last() {
        Some(sp::ObjectNamePart::Identifier(id)) => id.value.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn aliased(relation: Relation, alias: Option<&sp::TableAlias>) -> Many<Relation> {
    match alias {
        None => Ok(relation),
        Some(a) => one(rename(relation, a)),
    }
}

fn rename(relation: Relation, alias: &sp::TableAlias) -> Result<Relation> {
    let names: Vec<String> = alias.columns.iter().map(|c| c.name.value.clone()).collect();
    let relation =
        if names.is_empty() { relation } else { renamed(relation, &names, super::scope::ident_span(&alias.name))? };
    Ok(relation.qualified(&alias.name.value))
}

fn renamed(mut relation: Relation, names: &[String], span: Span) -> Result<Relation> {
    let visible: Vec<usize> =
        (0..relation.scope.columns.len()).filter(|i| !relation.scope.columns[*i].hidden).collect();
    if visible.len() != names.len() {
        return Err(Error::user(format!("{} names for {} columns", names.len(), visible.len())).at(span));
    }
    for (i, name) in visible.into_iter().zip(names) {
        relation.scope.columns[i].name.clone_from(name);
    }
    Ok(relation)
}

/// The table named by `__table(t)`.
pub(crate) fn table_argument(e: &sp::Expr) -> Option<(&sp::Expr, Span)> {
    let sp::Expr::Function(f) = e else { return None };
    if f.name.to_string() != TABLE_ARGUMENT {
        return None;
    }
    let sp::FunctionArguments::List(list) = &f.args else { return None };
    match list.args.first() {
        Some(sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(inner))) => Some((inner, span_of(inner))),
        _ => None,
    }
}

/// A bare NULL is nothing a sink or reader can take: it becomes STRING.
pub(crate) fn typed_null(env: &Env, e: Expr) -> Expr {
    if e.data_type.ty == SqlType::Null { cast::implicit(env, e, &SqlType::STRING) } else { e }
}
