//! Windows in both spellings: `GROUP BY TUMBLE(…)` and `TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), …))`.

use sqlparser::ast as sp;
use tidegate_core::{Column, DataType, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function, Op, Window, WindowKind};

use super::aggregate::GroupWindow;
use super::env::Env;
use super::expr::ExprBinder;
use super::functions;
use super::query::{Many, QueryBinder, one, table_argument};
use super::relation::Relation;
use super::scope::Scope;
use crate::ast::span_of;
use crate::graph::{RelColumn, TimeAttribute};

/// The window of a GROUP BY, before its time column has a place.
pub(crate) struct GroupBy {
    pub kind: WindowKind,
    /// The time attribute; `None`: processing time.
    pub time: Option<Expr>,
    pub helper: GroupWindow,
}

/// Whether a GROUP BY expression is a window function.
pub(crate) fn is_group_window(e: &sp::Expr) -> bool {
    matches!(e, sp::Expr::Function(f) if matches!(f.name.to_string().to_ascii_uppercase().as_str(), "TUMBLE" | "HOP" | "SESSION"))
}

/// Types of a window's start and end, and of its time, for a time attribute of this type.
pub(crate) fn bound_types(env: &Env, time: Option<&SqlType>) -> (DataType, DataType) {
    let bound = env.timestamp().not_null();
    let time = match time {
        Some(SqlType::Timestamp(_)) => SqlType::Timestamp(3),
        _ => SqlType::TimestampLtz(3),
    };
    (bound, time.not_null())
}

/// The zone windows are aligned and shown in: none for wall clocks.
pub(crate) fn zone(env: &Env, time: Option<&SqlType>) -> String {
    match time {
        Some(SqlType::Timestamp(_)) => String::new(),
        _ => env.zone.clone(),
    }
}

/// Binds `TUMBLE(time, size)`, `HOP(time, slide, size)`, `SESSION(time, gap)` of GROUP BY.
pub(crate) fn group_by(env: &Env, scope: &Scope, e: &sp::Expr) -> Result<GroupBy> {
    let span = span_of(e);
    let sp::Expr::Function(f) = e else { return Err(Error::internal("not a window")) };
    let name = f.name.to_string().to_ascii_uppercase();
    let mut b = ExprBinder::new(env, scope, "GROUP BY");
    let args = functions::plain_args(&mut b, f)?;
    let bounds = match name.as_str() {
        "HOP" => (3, 4),
        "TUMBLE" => (2, 3),
        _ => (2, 2),
    };
    functions::check_arity(&name, bounds, args.len(), span)?;
    let time = time_argument(scope, &args[0], &name, span)?;
    let lengths = args[1..].iter().map(|a| interval_ms(a, &name, span)).collect::<Result<Vec<_>>>()?;
    let kind = kind(&name, &lengths, span)?;
    let (bound_type, time_type) = bound_types(env, time.as_ref().map(|t| &t.data_type.ty));
    Ok(GroupBy { kind, time, helper: GroupWindow { name, args, bound_type, time_type } })
}

fn time_argument(scope: &Scope, arg: &Expr, name: &str, span: Span) -> Result<Option<Expr>> {
    if matches!(&arg.kind, ExprKind::Call { function: Function::Proctime, .. }) {
        return Ok(None);
    }
    let column = arg.as_column().and_then(|i| scope.columns.get(i));
    match column.map(|c| c.time) {
        Some(TimeAttribute::Event) => Ok(Some(arg.clone())),
        Some(TimeAttribute::Processing) => Ok(None),
        _ => Err(no_time_attribute(
            column.map(|c| c.name.as_str()),
            name,
            if arg.span.is_known() { arg.span } else { span },
        )),
    }
}

fn no_time_attribute(column: Option<&str>, name: &str, span: Span) -> Error {
    match column {
        Some(c) => Error::user(format!("{name} needs a time attribute, and '{c}' has no watermark")).at(span).help(
            format!("declare it in CREATE TABLE: WATERMARK FOR {c} AS {c} - INTERVAL '5' SECOND; or use PROCTIME()"),
        ),
        None => Error::user(format!("{name} needs a time attribute, not an expression"))
            .at(span)
            .help("make it a computed column of the table, with WATERMARK FOR it"),
    }
}

fn interval_ms(e: &Expr, name: &str, span: Span) -> Result<i64> {
    let span = if e.span.is_known() { e.span } else { span };
    match (&e.kind, &e.data_type.ty) {
        (ExprKind::Literal(Scalar::Int(ms)), SqlType::IntervalDayTime) => Ok(*ms),
        (_, SqlType::IntervalYearMonth) => {
            Err(Error::user(format!("{name} takes windows of fixed length, months are not"))
                .at(span)
                .help("use DAY, HOUR, MINUTE or SECOND"))
        }
        _ => Err(Error::user(format!("{name} takes constant intervals")).at(span).help("write INTERVAL '1' MINUTE")),
    }
}

fn kind(name: &str, lengths: &[i64], span: Span) -> Result<WindowKind> {
    let offset = |i: usize| lengths.get(i).copied().unwrap_or(0);
    let main = if matches!(name, "HOP" | "CUMULATE") { 2 } else { 1 };
    if lengths[..main].iter().any(|l| *l <= 0) {
        return Err(Error::user(format!("the lengths of {name} must be greater than zero")).at(span));
    }
    match name {
        "TUMBLE" => Ok(WindowKind::Tumble { size: lengths[0], offset: offset(1) }),
        "HOP" => {
            if lengths[0] > lengths[1] {
                return Err(Error::user(
                    "HOP slides further than its windows are long, so rows would fall between them",
                )
                .at(span)
                .help("the order is HOP(time, slide, size)"));
            }
            Ok(WindowKind::Hop { slide: lengths[0], size: lengths[1], offset: offset(2) })
        }
        "CUMULATE" => {
            if lengths[1] % lengths[0] != 0 {
                return Err(Error::user("the size of CUMULATE must be a whole number of steps")
                    .at(span)
                    .help("the order is CUMULATE(TABLE t, DESCRIPTOR(time), step, size)"));
            }
            Ok(WindowKind::Cumulate { step: lengths[0], size: lengths[1], offset: offset(2) })
        }
        _ => Ok(WindowKind::Session { gap: lengths[0] }),
    }
}

/// The arguments of a window table function by role.
struct TableArguments<'e> {
    data: Option<&'e sp::Expr>,
    time: Option<&'e sp::Expr>,
    /// Intervals in the order of [`kind`].
    lengths: Vec<&'e sp::Expr>,
}

/// `TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL …))` and relatives.
pub(crate) fn table_function(b: &mut QueryBinder<'_>, e: &sp::Expr) -> Many<Relation> {
    let span = span_of(e);
    let sp::Expr::Function(f) = e else {
        return Err(vec![Error::user("TABLE(…) needs a window function").at(span)]);
    };
    let name = f.name.to_string().to_ascii_uppercase();
    if !matches!(name.as_str(), "TUMBLE" | "HOP" | "CUMULATE" | "SESSION") {
        return Err(vec![
            Error::user(format!("{name} is not a table function"))
                .at(span)
                .help("there are TUMBLE, HOP, CUMULATE and SESSION"),
        ]);
    }
    let args = one(table_arguments(&name, f, span))?;
    let Some((table, table_span)) = args.data.and_then(table_argument) else {
        return Err(vec![Error::user(format!("{name} takes TABLE name as its first argument")).at(span)]);
    };
    let table_name = table.to_string().replace('`', "");
    let table_name = table_name.rsplit('.').next().unwrap_or_default().to_owned();
    let hint = b.query.hints.iter().find(|h| h.table == table_span).map(|h| h.options.clone()).unwrap_or_default();
    let input = b.named(&table_name, table_span, &hint)?;
    one(window_table(b, &name, &input, &args, span))
}

fn window_table(
    b: &mut QueryBinder<'_>,
    name: &str,
    input: &Relation,
    args: &TableArguments<'_>,
    span: Span,
) -> Result<Relation> {
    let column = descriptor(args.time)
        .ok_or_else(|| Error::user(format!("{name} takes DESCRIPTOR(time column) as its second argument")).at(span))?;
    let time_expr = input.scope.resolve(b.env.dialect, &column.value, super::scope::ident_span(column))?;
    let time = time_argument(&input.scope, &time_expr, name, super::scope::ident_span(column))?;
    let needed = if matches!(name, "HOP" | "CUMULATE") { 2 } else { 1 };
    if args.lengths.len() < needed {
        return Err(
            Error::user(format!("{name} takes {needed} interval{}", if needed > 1 { "s" } else { "" })).at(span)
        );
    }
    let mut lengths = Vec::new();
    for l in &args.lengths {
        let scope = Scope::default();
        let bound = ExprBinder::new(b.env, &scope, "a window").bind(l)?;
        lengths.push(interval_ms(&bound, name, span_of(*l))?);
    }
    let kind = kind(name, &lengths, span)?;
    let time_type = time.as_ref().map(|t| t.data_type.ty.clone());
    let (bound_type, window_time) = bound_types(b.env, time_type.as_ref());
    let window = Window { kind, time: time.as_ref().and_then(Expr::as_column), zone: zone(b.env, time_type.as_ref()) };
    let attribute = if time.is_some() { TimeAttribute::Event } else { TimeAttribute::Processing };
    let mut columns = b.graph.rels[input.rel].columns.clone();
    for c in &mut columns {
        c.time = TimeAttribute::None;
    }
    for (n, t, a) in [
        ("window_start", bound_type.clone(), TimeAttribute::None),
        ("window_end", bound_type, TimeAttribute::None),
        ("window_time", window_time, attribute),
    ] {
        columns.push(RelColumn { column: Column::new(n, t), time: a });
    }
    let rel = b.graph.add(Op::WindowTable(window), vec![input.rel], columns, span);
    let mut relation = Relation::of(b.graph, rel);
    for (c, own) in relation.scope.columns.iter_mut().zip(&input.scope.columns) {
        (c.name, c.qualifier, c.hidden) = (own.name.clone(), own.qualifier.clone(), own.hidden);
    }
    Ok(relation)
}

fn table_arguments<'e>(name: &str, f: &'e sp::Function, span: Span) -> Result<TableArguments<'e>> {
    let mut out = TableArguments { data: None, time: None, lengths: vec![] };
    let sp::FunctionArguments::List(list) = &f.args else { return Ok(out) };
    let mut named: Vec<(String, &sp::Expr)> = Vec::new();
    for (i, arg) in list.args.iter().enumerate() {
        match arg {
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => match i {
                0 => out.data = Some(e),
                1 => out.time = Some(e),
                _ => out.lengths.push(e),
            },
            sp::FunctionArg::Named { name, arg: sp::FunctionArgExpr::Expr(e), .. } => {
                named.push((name.value.to_ascii_uppercase(), e));
            }
            sp::FunctionArg::ExprNamed { name, arg: sp::FunctionArgExpr::Expr(e), .. } => {
                named.push((name.to_string().to_ascii_uppercase(), e));
            }
            other => return Err(Error::user(format!("{other} is not an argument of {name}")).at(span)),
        }
    }
    let order: &[&str] = match name {
        "HOP" => &["SLIDE", "SIZE", "OFFSET"],
        "CUMULATE" => &["STEP", "SIZE", "OFFSET"],
        "SESSION" => &["GAP"],
        _ => &["SIZE", "OFFSET"],
    };
    for (key, e) in &named {
        match key.as_str() {
            "DATA" => out.data = Some(e),
            "TIMECOL" => out.time = Some(e),
            k if order.contains(&k) => {}
            other => {
                return Err(Error::user(format!("{name} has no argument {other}"))
                    .at(span)
                    .help(format!("it has DATA, TIMECOL, {}", order.join(", "))));
            }
        }
    }
    for key in order {
        out.lengths.extend(named.iter().find(|(k, _)| k == key).map(|(_, e)| *e));
    }
    if out.lengths.len() > order.len() {
        return Err(Error::user(format!("{name} takes at most {} intervals", order.len())).at(span));
    }
    Ok(out)
}

fn descriptor(e: Option<&sp::Expr>) -> Option<&sp::Ident> {
    let sp::Expr::Function(f) = e? else { return None };
    if !f.name.to_string().eq_ignore_ascii_case("DESCRIPTOR") {
        return None;
    }
    let sp::FunctionArguments::List(list) = &f.args else { return None };
    match list.args.first() {
        Some(sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(sp::Expr::Identifier(id)))) => Some(id),
        _ => None,
    }
}
