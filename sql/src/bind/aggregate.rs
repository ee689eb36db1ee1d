//! Aggregate calls and the helpers of group windows. While SELECT and HAVING are bound they are
//! collected here and stand in the expression as columns beyond [`AGGREGATE_BASE`]; `resolve` then
//! puts everything in terms of the aggregation's output.

use sqlparser::ast as sp;
use tidegate_core::{DataType, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{AggregateFunction, Expr, ExprKind};

use super::env::Env;
use super::expr::ExprBinder;
use super::types::{average_type, sum_type};
use super::{cast, functions};

/// Columns from here on are aggregates: `AGGREGATE_BASE + index of the call`.
pub(crate) const AGGREGATE_BASE: usize = 1 << 40;
/// Columns from here on are parts of the group window.
pub(crate) const WINDOW_BASE: usize = 1 << 41;

/// A call, its arguments over the input's columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub function: AggregateFunction,
    pub args: Vec<Expr>,
    pub distinct: bool,
    pub filter: Option<Expr>,
    pub data_type: DataType,
}

/// The window function of GROUP BY, as the helpers in SELECT must repeat it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupWindow {
    /// `TUMBLE`, `HOP` or `SESSION`.
    pub name: String,
    /// All arguments, bound.
    pub args: Vec<Expr>,
    /// Type of start and end.
    pub bound_type: DataType,
    /// Type of the rowtime.
    pub time_type: DataType,
}

/// What SELECT and HAVING asked of the aggregation.
#[derive(Debug, Default)]
pub(crate) struct Aggregates {
    /// Distinct calls in order of first mention.
    pub calls: Vec<Call>,
    /// The group window, if any.
    pub window: Option<GroupWindow>,
    /// Whether GROUP BY is global: results of an empty input are NULL.
    pub global: bool,
}

impl Aggregates {
    fn add(&mut self, call: Call, span: Span) -> Expr {
        let data_type = call.data_type.clone();
        let index = self.calls.iter().position(|c| *c == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        Expr::column(AGGREGATE_BASE + index, data_type).at(span)
    }
}

/// Whether a name is an aggregate function.
pub(crate) fn is_aggregate(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The names of aggregate functions.
pub(crate) const NAMES: &[&str] = &[
    "COUNT",
    "SUM",
    "SUM0",
    "AVG",
    "MIN",
    "MAX",
    "FIRST_VALUE",
    "LAST_VALUE",
    "LISTAGG",
    "CONCAT_AGG",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "VARIANCE",
    "VAR_POP",
    "VAR_SAMP",
    "ARRAY_AGG",
    "COLLECT",
    "APPROX_COUNT_DISTINCT",
];

/// Whether an expression contains an aggregate call outside OVER.
pub(crate) fn contains_aggregate(e: &sp::Expr) -> bool {
    struct Find(bool);
    impl Find {
        fn walk(&mut self, e: &sp::Expr) {
            if self.0 {
                return;
            }
            if let sp::Expr::Function(f) = e {
                let name = f.name.to_string().to_ascii_uppercase();
                if f.over.is_none() && is_aggregate(&name) {
                    self.0 = true;
                    return;
                }
            }
            functions::walk_children(e, &mut |c| self.walk(c));
        }
    }
    let mut find = Find(false);
    find.walk(e);
    find.0
}

/// Binds an aggregate call.
pub(crate) fn bind(b: &mut ExprBinder<'_>, name: &str, f: &sp::Function, span: Span) -> Result<Expr> {
    let env = b.env;
    let clause = b.clause;
    let Some(aggregates) = b.aggregates.take() else {
        let e = Error::user(format!("{name} is not allowed in {clause}")).at(span);
        return Err(match clause {
            "WHERE" => e.help("conditions on aggregates go into HAVING"),
            "an aggregate" => e.help("aggregates cannot be nested: use a sub-query"),
            _ => e,
        });
    };
    let mut inner = ExprBinder::new(env, b.scope, "an aggregate");
    let call = call_of(&mut inner, env, name, f, span, aggregates.global);
    let out = call.map(|c| aggregates.add(c, span));
    b.aggregates = Some(aggregates);
    out
}

fn call_of(b: &mut ExprBinder<'_>, env: &Env, name: &str, f: &sp::Function, span: Span, global: bool) -> Result<Call> {
    let (mut distinct, star, args, separator) = arguments(b, f)?;
    let filter = f.filter.as_ref().map(|e| b.boolean(e)).transpose()?;
    if !f.within_group.is_empty() {
        return Err(Error::user("WITHIN GROUP is not supported").at(span).help("values are taken in arrival order"));
    }
    let name = if name == "APPROX_COUNT_DISTINCT" {
        distinct = true;
        "COUNT"
    } else {
        name
    };
    if star && name != "COUNT" {
        return Err(Error::user(format!("{name}(*) makes no sense")).at(span).help("only COUNT takes *"));
    }
    let bounds = match name {
        "COUNT" if star => (0, 0),
        "FIRST_VALUE" | "LAST_VALUE" | "LISTAGG" | "CONCAT_AGG" => (1, 2),
        _ => (1, 1),
    };
    functions::check_arity(name, bounds, args.len(), span)?;
    let nullable = |e: &Expr| e.data_type.nullable || global || filter.is_some();
    let build = |function, args: Vec<Expr>, ty: SqlType, nullable: bool| Call {
        function,
        args,
        distinct,
        filter: filter.clone(),
        data_type: DataType { ty, nullable },
    };
    let first = args.first().cloned();
    let Some(x) = first else {
        return Ok(build(AggregateFunction::CountAll, vec![], SqlType::BigInt, false));
    };
    if matches!(x.data_type.ty, SqlType::Null) && name != "COUNT" {
        return Err(Error::user(format!("{name} of a bare NULL"))
            .at(span)
            .help("give the NULL a type: CAST(NULL AS BIGINT)"));
    }
    let ty = x.data_type.ty.clone();
    let call = match name {
        "COUNT" => count(x, distinct, build),
        "SUM" | "SUM0" | "AVG" => return number_aggregate(env, name, x, span, nullable, build),
        "MIN" | "MAX" => {
            if matches!(ty, SqlType::Row(_) | SqlType::Map(..) | SqlType::Array(_)) {
                return Err(Error::user(format!("{name} of a {ty} is not defined")).at(span));
            }
            let n = nullable(&x);
            let function = if name == "MIN" { AggregateFunction::Min } else { AggregateFunction::Max };
            build(function, vec![x], ty, n)
        }
        "FIRST_VALUE" | "LAST_VALUE" => {
            let function =
                if name == "FIRST_VALUE" { AggregateFunction::FirstValue } else { AggregateFunction::LastValue };
            build(function, args.clone(), ty, true)
        }
        "LISTAGG" | "CONCAT_AGG" => {
            let (default, text, separator_arg) = if name == "LISTAGG" {
                (",", x.clone(), args.get(1))
            } else if args.len() == 2 {
                ("\n", args[1].clone(), args.first())
            } else {
                ("\n", x.clone(), None)
            };
            let separator = match separator_arg.map(|s| &s.kind) {
                Some(ExprKind::Literal(Scalar::Text(s))) => s.clone(),
                Some(_) => return Err(Error::user(format!("the separator of {name} must be a constant text")).at(span)),
                None => separator.unwrap_or_else(|| default.to_owned()),
            };
            let text = functions::to_text(env, text, name)?;
            build(AggregateFunction::ListAgg(separator), vec![text], SqlType::STRING, true)
        }
        "ARRAY_AGG" => build(AggregateFunction::ArrayAgg, vec![x.clone()], SqlType::Array(Box::new(x.data_type)), true),
        "COLLECT" => {
            return Err(Error::user("COLLECT gives a MULTISET, which no sink takes")
                .at(span)
                .help("use LISTAGG for a text, ARRAY_AGG for an array, COUNT(DISTINCT x) for a number"));
        }
        _ => {
            let n = nullable(&x);
            let function = AggregateFunction::Variance {
                sample: matches!(name, "STDDEV_SAMP" | "VAR_SAMP" | "VARIANCE" | "STDDEV"),
                root: name.starts_with("STDDEV"),
            };
            let x = numeric(env, name, x, span)?;
            build(function, vec![cast::implicit(env, x, &SqlType::Double)], SqlType::Double, n)
        }
    };
    Ok(call)
}

fn count(x: Expr, distinct: bool, build: impl Fn(AggregateFunction, Vec<Expr>, SqlType, bool) -> Call) -> Call {
    let constant = matches!(&x.kind, ExprKind::Literal(v) if !v.is_null());
    if !distinct && (constant || !x.data_type.nullable) {
        return build(AggregateFunction::CountAll, vec![], SqlType::BigInt, false);
    }
    build(AggregateFunction::Count, vec![x], SqlType::BigInt, false)
}

fn numeric(env: &Env, name: &str, x: Expr, span: Span) -> Result<Expr> {
    match &x.data_type.ty {
        t if t.is_numeric() => Ok(x),
        t if t.is_text() && !env.is_flink() => Ok(cast::implicit(env, x, &SqlType::Double)),
        t => Err(Error::user(format!("{name} needs a number, this is {t}"))
            .at(span)
            .help("CAST it to BIGINT, DECIMAL or DOUBLE")),
    }
}

fn number_aggregate(
    env: &Env,
    name: &str,
    x: Expr,
    span: Span,
    nullable: impl Fn(&Expr) -> bool,
    build: impl Fn(AggregateFunction, Vec<Expr>, SqlType, bool) -> Call,
) -> Result<Call> {
    let x = numeric(env, name, x, span)?;
    let ty = x.data_type.ty.clone();
    let n = nullable(&x);
    Ok(match name {
        "SUM" => build(AggregateFunction::Sum, vec![x], sum_type(&ty), n),
        "SUM0" => build(AggregateFunction::Sum0, vec![x], sum_type(&ty), false),
        // Blink's AVG of integers keeps the fraction, Flink's does not.
        _ if env.is_flink() || matches!(ty, SqlType::Decimal(..)) => {
            build(AggregateFunction::Avg, vec![x], average_type(&ty), n)
        }
        _ => build(AggregateFunction::Avg, vec![x], SqlType::Double, n),
    })
}

type Arguments = (bool, bool, Vec<Expr>, Option<String>);

fn arguments(b: &mut ExprBinder<'_>, f: &sp::Function) -> Result<Arguments> {
    let sp::FunctionArguments::List(list) = &f.args else {
        return Ok((false, false, vec![], None));
    };
    let distinct = matches!(list.duplicate_treatment, Some(sp::DuplicateTreatment::Distinct));
    let mut star = false;
    let mut args = Vec::new();
    let mut separator = None;
    for clause in &list.clauses {
        match clause {
            sp::FunctionArgumentClause::IgnoreOrRespectNulls(sp::NullTreatment::IgnoreNulls) => {}
            sp::FunctionArgumentClause::Separator(v) => {
                if let sp::Value::SingleQuotedString(s) = &v.value {
                    separator = Some(s.clone());
                }
            }
            other => return Err(Error::user(format!("{other} inside an aggregate is not supported"))),
        }
    }
    for arg in &list.args {
        match arg {
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Wildcard) => star = true,
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => args.push(b.bind(e)?),
            other => return Err(Error::user(format!("{other} is not an argument of an aggregate"))),
        }
    }
    Ok((distinct, star, args, separator))
}

/// Where the parts of an aggregation stand in its output.
pub(crate) struct Layout<'a> {
    /// Grouping expressions over the input, and their output columns.
    pub keys: &'a [(Expr, usize)],
    /// The first aggregate.
    pub aggregates: usize,
    /// The window's start; end and time follow.
    pub window: usize,
    /// Names of the input's columns, for messages.
    pub names: &'a [String],
}

/// Puts a bound SELECT or HAVING expression in terms of the aggregation's output.
pub(crate) fn resolve(mut e: Expr, layout: &Layout<'_>) -> Result<Expr> {
    if let Some((_, column)) = layout.keys.iter().find(|(k, _)| same_value(k, &e)) {
        return Ok(Expr { kind: ExprKind::Column(*column), data_type: e.data_type, span: e.span });
    }
    if let ExprKind::Column(i) = e.kind {
        let position = if i >= WINDOW_BASE {
            layout.window + (i - WINDOW_BASE)
        } else if i >= AGGREGATE_BASE {
            layout.aggregates + (i - AGGREGATE_BASE)
        } else {
            let name = layout.names.get(i).map_or("?", String::as_str);
            return Err(Error::user(format!("column '{name}' is neither in GROUP BY nor inside an aggregate"))
                .at(e.span)
                .help("add it to GROUP BY, or wrap it: MAX(column), LAST_VALUE(column)"));
        };
        return Ok(Expr { kind: ExprKind::Column(position), ..e });
    }
    for child in e.children_mut() {
        let taken = std::mem::replace(child, super::literal::null());
        *child = resolve(taken, layout)?;
    }
    Ok(e)
}

/// Whether two expressions are the same but for NOT NULL.
fn same_value(a: &Expr, b: &Expr) -> bool {
    a.kind == b.kind && a.data_type.ty == b.data_type.ty
}

/// A helper such as TUMBLE_START: part 0 start, 1 end, 2 rowtime; 3 proctime.
pub(crate) fn window_helper(b: &mut ExprBinder<'_>, name: &str, f: &sp::Function, span: Span) -> Result<Expr> {
    let Some((window, part)) = name.split_once('_') else { return Err(Error::internal("not a window helper")) };
    let clause = b.clause;
    let Some(aggregates) = b.aggregates.take() else {
        return Err(Error::user(format!("{name} is not allowed in {clause}"))
            .at(span)
            .help(format!("it belongs into SELECT or HAVING of a query with GROUP BY {window}(…)")));
    };
    let mut inner = ExprBinder::new(b.env, b.scope, "a window function");
    let args = functions::plain_args(&mut inner, f);
    let out = helper_column(aggregates, window, part, args, name, span);
    b.aggregates = Some(aggregates);
    out
}

fn helper_column(
    aggregates: &Aggregates,
    window: &str,
    part: &str,
    args: Result<Vec<Expr>>,
    name: &str,
    span: Span,
) -> Result<Expr> {
    let args = args?;
    let matches = |w: &&GroupWindow| w.name == window && w.args == args;
    let Some(w) = aggregates.window.as_ref().filter(matches) else {
        let e = Error::user(format!("{name} does not match a window of GROUP BY")).at(span);
        return Err(match &aggregates.window {
            Some(w) if w.name == window => e.help("its arguments must be the same as those of GROUP BY"),
            _ => e.help(format!("add {window}(…) with the same arguments to GROUP BY")),
        });
    };
    let (index, data_type) = match part {
        "START" => (0, w.bound_type.clone()),
        "END" => (1, w.bound_type.clone()),
        "ROWTIME" => (2, w.time_type.clone()),
        _ => {
            let now = Expr::new(
                ExprKind::Call { function: tidegate_plan::Function::Proctime, args: vec![] },
                SqlType::TimestampLtz(3).not_null(),
            );
            return Ok(now.at(span));
        }
    };
    Ok(Expr::column(WINDOW_BASE + index, data_type).at(span))
}
