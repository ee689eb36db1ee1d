//! One SELECT: FROM, WHERE, then projection or aggregation ([`super::group`]), then DISTINCT.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Span};
use tidegate_plan::{Expr, ExprKind, Function, Op};

use super::aggregate::contains_aggregate;
use super::expr::ExprBinder;
use super::group;
use super::query::{Many, QueryBinder, typed_null};
use super::rank;
use super::relation::Relation;
use super::scope::Scope;
use crate::ast::span_of;
use crate::catalog::same_name;
use crate::graph::{Output, TimeAttribute};

/// An item of the select list: an expression and its name.
pub(crate) enum Item<'e> {
    /// Written out.
    Written(&'e sp::Expr, String),
    /// From a `*`: a column of the input.
    Column(usize),
}

/// Binds a SELECT.
pub(crate) fn bind(b: &mut QueryBinder<'_>, s: &sp::Select) -> Many<Relation> {
    let span = span_of(s);
    refuse_clauses(s, span).map_err(|e| vec![e])?;
    let mut input = from(b, s)?;
    let mut errors = Vec::new();
    let filter = match &s.selection {
        None => None,
        Some(e) => {
            let mut binder = ExprBinder::new(b.env, &input.scope, "WHERE");
            match binder.boolean(e) {
                Ok(f) => Some(f),
                Err(e) => {
                    errors.push(e);
                    None
                }
            }
        }
    };
    let ranking = rank::find(&s.projection);
    if let Some((index, f)) = ranking {
        if !errors.is_empty() {
            return Err(errors);
        }
        input = rank_input(b, input, filter, span);
        let outer_names = input.scope.columns.len();
        input = rank::add(b, &input, f).map_err(|e| vec![e])?;
        return ranked_projection(b, s, &input, index, outer_names, span);
    }
    let items = match expand(b, s, &input.scope) {
        Ok(items) => items,
        Err(e) => {
            errors.push(e);
            return Err(errors);
        }
    };
    let aggregated = match &s.group_by {
        sp::GroupByExpr::Expressions(list, _) => !list.is_empty(),
        sp::GroupByExpr::All(_) => true,
    } || s.having.is_some()
        || items.iter().any(|i| matches!(i, Item::Written(e, _) if contains_aggregate(e)));
    let relation = if aggregated {
        group::bind(b, s, &input, filter, &items, errors, span)?
    } else {
        project(b, &input, filter, &items, errors, span)?
    };
    match &s.distinct {
        Some(sp::Distinct::Distinct) => Ok(distinct(b, &relation, span)),
        Some(sp::Distinct::On(_)) => Err(vec![
            Error::user("DISTINCT ON is not supported")
                .at(span)
                .help("use ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) and rn = 1"),
        ]),
        _ => Ok(relation),
    }
}

fn refuse_clauses(s: &sp::Select, span: Span) -> Result<()> {
    let unsupported = [
        (s.qualify.is_some(), "QUALIFY", "filter the row number outside a sub-query"),
        (s.into.is_some(), "SELECT INTO", "use INSERT INTO"),
        (!s.lateral_views.is_empty(), "LATERAL VIEW", ""),
        (
            !s.cluster_by.is_empty() || !s.distribute_by.is_empty() || !s.sort_by.is_empty(),
            "CLUSTER BY, DISTRIBUTE BY, SORT BY",
            "",
        ),
        (!s.named_window.is_empty(), "WINDOW", "write the window into OVER (…)"),
        (s.top.is_some(), "TOP", "use LIMIT n"),
        (s.prewhere.is_some(), "PREWHERE", "use WHERE"),
        (!s.connect_by.is_empty(), "CONNECT BY", ""),
    ];
    match unsupported.into_iter().find(|(there, _, _)| *there) {
        None => Ok(()),
        Some((_, what, "")) => Err(Error::user(format!("{what} is not supported")).at(span)),
        Some((_, what, help)) => Err(Error::user(format!("{what} is not supported")).at(span).help(help)),
    }
}

fn from(b: &mut QueryBinder<'_>, s: &sp::Select) -> Many<Relation> {
    match s.from.as_slice() {
        [] => Ok(b.dual()),
        [one] => b.joined(one),
        [_, second, ..] => Err(vec![
            Error::user("a cross join (two tables in FROM) is not supported yet")
                .at(span_of(&second.relation))
                .help("put tables with the same columns together with UNION ALL"),
        ]),
    }
}

/// Applies WHERE below a ranking.
fn rank_input(b: &mut QueryBinder<'_>, input: Relation, filter: Option<Expr>, span: Span) -> Relation {
    let rel = b.calc(input.rel, filter, input.outputs(), span);
    Relation { rel, scope: input.scope }
}

/// The select list over a ranking: the item with OVER is the rank, the last column.
fn ranked_projection(
    b: &mut QueryBinder<'_>,
    s: &sp::Select,
    input: &Relation,
    rank_item: usize,
    own_columns: usize,
    span: Span,
) -> Many<Relation> {
    let visible = Scope { columns: input.scope.columns[..own_columns].to_vec() };
    let rank = input.scope.columns.len() - 1;
    let mut outputs: Vec<Output> = Vec::new();
    let mut errors = Vec::new();
    for (i, item) in s.projection.iter().enumerate() {
        if i == rank_item {
            let name = match item {
                sp::SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                _ => format!("EXPR${i}"),
            };
            outputs.push((input.scope.column(rank, span), name, TimeAttribute::None));
            continue;
        }
        let one = sp::Select { projection: vec![item.clone()], ..s.clone() };
        match expand(b, &one, &visible) {
            Ok(items) => {
                for item in &items {
                    match output(b, &visible, item) {
                        Ok(o) => outputs.push(o),
                        Err(e) => errors.push(e),
                    }
                }
            }
            Err(e) => errors.push(e),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = outputs.iter().map(|(_, n, _)| n.clone()).collect();
    let places: Vec<Span> = outputs.iter().map(|(e, _, _)| e.span).collect();
    // Not `b.calc`: the condition on the number stands in the query around this one.
    let rel = b.graph.calc(input.rel, None, outputs, span);
    Ok(Relation::named(b.graph, rel, names).placed(&places))
}

/// The select list with `*` written out.
fn expand<'e>(b: &QueryBinder<'_>, s: &'e sp::Select, scope: &Scope) -> Result<Vec<Item<'e>>> {
    let mut out = Vec::new();
    for item in &s.projection {
        match item {
            sp::SelectItem::UnnamedExpr(e) => {
                let name = implied_name(e).unwrap_or_else(|| format!("EXPR${}", out.len()));
                out.push(Item::Written(e, name));
            }
            sp::SelectItem::ExprWithAlias { expr, alias } => out.push(Item::Written(expr, alias.value.clone())),
            sp::SelectItem::ExprWithAliases { expr, .. } => {
                return Err(Error::user("one expression has one name").at(span_of(expr)));
            }
            sp::SelectItem::Wildcard(options) => {
                let span = span_of(item);
                if scope.columns.is_empty() {
                    return Err(Error::user("SELECT * needs a FROM").at(span));
                }
                plain_star(options, span)?;
                out.extend(scope.columns.iter().enumerate().filter(|(_, c)| !c.hidden).map(|(i, _)| Item::Column(i)));
            }
            sp::SelectItem::QualifiedWildcard(kind, options) => {
                let span = span_of(item);
                plain_star(options, span)?;
                let name = match kind {
                    sp::SelectItemQualifiedWildcardKind::ObjectName(n) => super::query::object_name(n),
                    sp::SelectItemQualifiedWildcardKind::Expr(e) => {
                        return Err(Error::user(format!("{e}.* is not supported")).at(span));
                    }
                };
                let matches = |q: &Option<String>| q.as_deref().is_some_and(|q| same_name(b.env.dialect, q, &name));
                let columns: Vec<_> = scope
                    .columns
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| !c.hidden && matches(&c.qualifier))
                    .map(|(i, _)| Item::Column(i))
                    .collect();
                if columns.is_empty() {
                    return Err(Error::user(format!("'{name}' is not a table of this FROM")).at(span));
                }
                out.extend(columns);
            }
        }
    }
    Ok(out)
}

fn plain_star(o: &sp::WildcardAdditionalOptions, span: Span) -> Result<()> {
    if o.opt_exclude.is_some()
        || o.opt_except.is_some()
        || o.opt_replace.is_some()
        || o.opt_rename.is_some()
        || o.opt_ilike.is_some()
    {
        return Err(Error::user("* EXCEPT, REPLACE and RENAME are not supported")
            .at(span)
            .help("write the columns out"));
    }
    Ok(())
}

/// The name an item has without AS: that of its column or field.
fn implied_name(e: &sp::Expr) -> Option<String> {
    match e {
        sp::Expr::Identifier(id) => Some(id.value.clone()),
        sp::Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()),
        sp::Expr::Nested(inner) => implied_name(inner),
        _ => None,
    }
}

/// One item without aggregates.
fn output(b: &QueryBinder<'_>, scope: &Scope, item: &Item<'_>) -> Result<Output> {
    match item {
        Item::Column(i) => {
            let c = &scope.columns[*i];
            Ok((scope.column(*i, Span::default()), c.name.clone(), c.time))
        }
        Item::Written(e, name) => {
            let bound = ExprBinder::new(b.env, scope, "SELECT").bind(e)?;
            let time = time_of(scope, &bound);
            let bound = typed_null(b.env, bound);
            let span = if bound.span.is_known() { bound.span } else { span_of(*e) };
            Ok((bound.at(span), name.clone(), time))
        }
    }
}

/// Whether an expression still is a time attribute.
pub(crate) fn time_of(scope: &Scope, e: &Expr) -> TimeAttribute {
    match &e.kind {
        ExprKind::Column(i) => scope.columns.get(*i).map_or(TimeAttribute::None, |c| c.time),
        ExprKind::Call { function: Function::Proctime, .. } => TimeAttribute::Processing,
        _ => TimeAttribute::None,
    }
}

fn project(
    b: &mut QueryBinder<'_>,
    input: &Relation,
    filter: Option<Expr>,
    items: &[Item<'_>],
    mut errors: Vec<Error>,
    span: Span,
) -> Many<Relation> {
    let mut outputs = Vec::with_capacity(items.len());
    for item in items {
        match output(b, &input.scope, item) {
            Ok(o) => outputs.push(o),
            Err(e) => errors.push(e),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = outputs.iter().map(|(_, n, _)| n.clone()).collect();
    let places: Vec<Span> = outputs.iter().map(|(e, _, _)| e.span).collect();
    let rel = b.calc(input.rel, filter, outputs, span);
    Ok(Relation::named(b.graph, rel, names).placed(&places))
}

/// DISTINCT: a group for every row.
pub(crate) fn distinct(b: &mut QueryBinder<'_>, input: &Relation, span: Span) -> Relation {
    let mut columns = b.graph.rels[input.rel].columns.clone();
    for c in &mut columns {
        c.time = TimeAttribute::None;
    }
    let keys = (0..columns.len()).collect();
    let rel = b.graph.add(Op::GroupAggregate { keys, aggregates: vec![] }, vec![input.rel], columns, span);
    let names = input.scope.columns.iter().map(|c| c.name.clone()).collect();
    Relation::named(b.graph, rel, names)
}
