//! The function table: one row a function and dialect, with arity and the code that types it.

#![allow(clippy::needless_pass_by_value, reason = "every row of the table has the one signature")]

pub(crate) mod collection;
pub(crate) mod conditional;
pub(crate) mod hash;
pub(crate) mod json;
pub(crate) mod math;
mod table;
pub(crate) mod text;
pub(crate) mod time;

use sqlparser::ast as sp;
use tidegate_core::options::nearest;
use tidegate_core::{DataType, Error, Result, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::aggregate;
use super::cast;
use super::env::Env;
use super::expr::ExprBinder;
use super::literal;

pub(crate) use table::{ROWS, Row};

/// A call whose arguments are bound.
pub(crate) struct Call<'a> {
    pub env: &'a Env,
    /// As written, upper case.
    pub name: &'a str,
    pub span: Span,
    pub args: Vec<Expr>,
}

/// How nullable a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Null {
    /// If any argument is.
    IfAny,
    /// Always, as Flink declares functions that may find nothing.
    Always,
    /// Never.
    Never,
}

impl Call<'_> {
    /// The number of arguments.
    pub fn len(&self) -> usize {
        self.args.len()
    }
    /// An argument.
    pub fn arg(&self, i: usize) -> Result<Expr> {
        self.args.get(i).cloned().ok_or_else(|| Error::internal(format!("{} has no argument {i}", self.name)))
    }
    /// An argument as text.
    pub fn text(&self, i: usize) -> Result<Expr> {
        to_text(self.env, self.arg(i)?, self.name).map_err(|e| self.numbered(e, i))
    }
    /// All arguments as text.
    pub fn texts(&self) -> Result<Vec<Expr>> {
        (0..self.len()).map(|i| self.text(i)).collect()
    }
    /// An argument as INT.
    pub fn int(&self, i: usize) -> Result<Expr> {
        self.number_as(i, &SqlType::Int)
    }
    /// An argument as BIGINT.
    pub fn bigint(&self, i: usize) -> Result<Expr> {
        self.number_as(i, &SqlType::BigInt)
    }
    /// An argument as DOUBLE.
    pub fn double(&self, i: usize) -> Result<Expr> {
        self.number_as(i, &SqlType::Double)
    }
    fn number_as(&self, i: usize, to: &SqlType) -> Result<Expr> {
        let x = self.arg(i)?;
        let whole_needed = to.is_integer();
        match &x.data_type.ty {
            SqlType::Null => Ok(cast::implicit(self.env, x, to)),
            t if t.is_integer() || (t.is_numeric() && (!whole_needed || !self.env.is_flink())) => {
                Ok(cast::implicit(self.env, x, to))
            }
            t if t.is_text() && !self.env.is_flink() => Ok(cast::implicit(self.env, x, to)),
            _ => Err(self.wrong(i, if whole_needed { "a whole number" } else { "a number" })),
        }
    }
    /// An argument that must be some number.
    pub fn number(&self, i: usize) -> Result<Expr> {
        let x = self.arg(i)?;
        match &x.data_type.ty {
            t if t.is_numeric() => Ok(x),
            SqlType::Null => Ok(cast::implicit(self.env, x, &SqlType::Int)),
            t if t.is_text() && !self.env.is_flink() => Ok(cast::implicit(self.env, x, &SqlType::Double)),
            _ => Err(self.wrong(i, "a number")),
        }
    }
    /// The error that an argument has the wrong type.
    pub fn wrong(&self, i: usize, wanted: &str) -> Error {
        let (ty, span) = self.args.get(i).map_or((String::new(), self.span), |a| (a.data_type.ty.to_string(), a.span));
        let e = Error::user(format!("{} takes {wanted} as argument {}, this is {ty}", self.name, i + 1))
            .at(if span.is_known() { span } else { self.span });
        match wanted {
            "a text" => e.help("write CAST(… AS STRING)"),
            "a whole number" => e.help("write CAST(… AS BIGINT)"),
            _ => e,
        }
    }
    fn numbered(&self, e: Error, i: usize) -> Error {
        if e.domain() == tidegate_core::error::Domain::User { self.wrong(i, "a text") } else { e }
    }
    /// The call itself.
    pub fn done(self, function: Function, args: Vec<Expr>, ty: SqlType, null: Null) -> Expr {
        let nullable = match null {
            Null::IfAny => args.iter().any(|a| a.data_type.nullable),
            Null::Always => true,
            Null::Never => false,
        };
        Expr::new(ExprKind::Call { function, args }, DataType { ty, nullable }).at(self.span)
    }
}

/// A value as text: texts as they are; Blink casts everything else, Flink refuses.
pub(crate) fn to_text(env: &Env, x: Expr, what: &str) -> Result<Expr> {
    match &x.data_type.ty {
        t if t.is_text() => Ok(x),
        SqlType::Null => Ok(cast::implicit(env, x, &SqlType::STRING)),
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => Err(not_text(&x, what)),
        _ if !env.is_flink() => Ok(cast::implicit(env, x, &SqlType::STRING)),
        _ => Err(not_text(&x, what)),
    }
}

fn not_text(x: &Expr, what: &str) -> Error {
    Error::user(format!("{what} takes texts, this is {}", x.data_type.ty)).at(x.span).help("write CAST(… AS STRING)")
}

/// Functions written without parentheses.
pub(crate) fn is_niladic(name: &str) -> bool {
    matches!(
        name.to_ascii_uppercase().as_str(),
        "CURRENT_TIMESTAMP"
            | "CURRENT_DATE"
            | "CURRENT_TIME"
            | "LOCALTIMESTAMP"
            | "LOCALTIME"
            | "CURRENT_ROW_TIMESTAMP"
    )
}

/// Binds a call of any kind.
pub(crate) fn bind(b: &mut ExprBinder<'_>, f: &sp::Function, span: Span) -> Result<Expr> {
    let name = f.name.to_string().replace('`', "").to_ascii_uppercase();
    if f.over.is_some() {
        return Err(over_error(&name, span));
    }
    if aggregate::is_aggregate(&name) {
        return aggregate::bind(b, &name, f, span);
    }
    match name.as_str() {
        "TUMBLE" | "HOP" | "SESSION" => {
            return Err(Error::user(format!("{name} is a window: it belongs into GROUP BY"))
                .at(span)
                .help(format!("in SELECT use {name}_START, {name}_END or {name}_ROWTIME")));
        }
        _ if window_helper(&name) => return aggregate::window_helper(b, &name, f, span),
        "ROW_NUMBER" | "RANK" | "DENSE_RANK" => {
            return Err(Error::user(format!("{name} needs OVER (PARTITION BY … ORDER BY …)")).at(span));
        }
        "JSON_VALUE" | "JSON_QUERY" | "JSON_EXISTS" | "JSON_OBJECT" | "JSON_ARRAY" => {
            return json::bind(b, &name, f, span);
        }
        "TIMESTAMPDIFF" | "TIMESTAMPADD" => return time::unit_call(b, &name, f, span),
        _ => {}
    }
    if f.filter.is_some() {
        return Err(Error::user(format!("FILTER goes with aggregates, {name} is none")).at(span));
    }
    let args = plain_args(b, f)?;
    call(b.env, &name, args, span)
}

fn window_helper(name: &str) -> bool {
    name.split_once('_').is_some_and(|(w, part)| {
        matches!(w, "TUMBLE" | "HOP" | "SESSION") && matches!(part, "START" | "END" | "ROWTIME" | "PROCTIME")
    })
}

fn over_error(name: &str, span: Span) -> Error {
    if matches!(name, "ROW_NUMBER" | "RANK" | "DENSE_RANK") {
        return Error::user(format!("{name}() OVER stands alone in the select list of a sub-query"))
            .at(span)
            .help("write SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY t DESC) AS rn FROM t) WHERE rn = 1");
    }
    Error::user(format!("OVER aggregates ({name} OVER …) are not supported yet"))
        .at(span)
        .help("use GROUP BY, a window, or ROW_NUMBER()")
}

/// The arguments of an ordinary call.
pub(crate) fn plain_args(b: &mut ExprBinder<'_>, f: &sp::Function) -> Result<Vec<Expr>> {
    let list = match &f.args {
        sp::FunctionArguments::None => return Ok(vec![]),
        sp::FunctionArguments::Subquery(_) => return Err(Error::user("a sub-query is not an argument")),
        sp::FunctionArguments::List(list) => list,
    };
    list.args
        .iter()
        .map(|a| match a {
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => b.bind(e),
            other => Err(Error::user(format!("{other} is not an argument of {}", f.name))),
        })
        .collect()
}

/// A scalar function by its name.
pub(crate) fn call(env: &Env, name: &str, args: Vec<Expr>, span: Span) -> Result<Expr> {
    let name = name.to_ascii_uppercase();
    let rows: Vec<&Row> = ROWS.iter().filter(|r| r.names.contains(&name.as_str())).collect();
    let Some(row) = rows.iter().find(|r| r.dialects.includes(env.dialect)) else {
        return Err(unknown(env, &name, rows.first().copied(), span));
    };
    check_arity(&name, row.arity, args.len(), span)?;
    (row.bind)(Call { env, name: &name, span, args }).map_err(|e| e.at(span))
}

fn unknown(env: &Env, name: &str, elsewhere: Option<&Row>, span: Span) -> Error {
    let e = Error::user(format!("unknown function {name}")).at(span);
    if let Some(row) = elsewhere {
        return match row.elsewhere {
            "" => e.help(format!("the {} dialect does not have it", env.dialect)),
            hint => e.help(format!("the {} dialect does not have it; {hint}", env.dialect)),
        };
    }
    let known = ROWS.iter().filter(|r| r.dialects.includes(env.dialect)).flat_map(|r| r.names.iter().copied());
    match nearest(name, known.chain(aggregate::NAMES.iter().copied())) {
        Some(n) => e.help(format!("did you mean {n}?")),
        None => e.help("user-defined functions cannot be loaded; most of them can be written with CASE, JSON_VALUE and REGEXP_EXTRACT"),
    }
}

/// Checks the number of arguments.
pub(crate) fn check_arity(name: &str, (min, max): (usize, usize), got: usize, span: Span) -> Result<()> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    let wanted = match (min, max) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (a, b) if a == b => format!("{a} arguments"),
        (a, usize::MAX) => format!("at least {a} arguments"),
        (a, b) => format!("{a} to {b} arguments"),
    };
    Err(Error::user(format!("{name} takes {wanted}, got {got}")).at(span))
}

/// Visits the direct sub-expressions of sqlparser's tree.
pub(crate) fn walk_children<'e>(e: &'e sp::Expr, visit: &mut dyn FnMut(&'e sp::Expr)) {
    use sp::Expr as E;
    match e {
        E::BinaryOp { left, right, .. } => {
            visit(right);
            visit(left);
        }
        E::UnaryOp { expr, .. } | E::Nested(expr) | E::Cast { expr, .. } | E::Extract { expr, .. } => visit(expr),
        E::Ceil { expr, .. } | E::Floor { expr, .. } => visit(expr),
        E::IsNull(x) | E::IsNotNull(x) | E::IsTrue(x) | E::IsNotTrue(x) | E::IsFalse(x) | E::IsNotFalse(x) => visit(x),
        E::IsUnknown(x) | E::IsNotUnknown(x) => visit(x),
        E::IsDistinctFrom(a, b) | E::IsNotDistinctFrom(a, b) => {
            visit(a);
            visit(b);
        }
        E::InList { expr, list, .. } => {
            visit(expr);
            list.iter().for_each(visit);
        }
        E::Between { expr, low, high, .. } => {
            visit(expr);
            visit(low);
            visit(high);
        }
        E::Like { expr, pattern, .. } | E::RLike { expr, pattern, .. } => {
            visit(expr);
            visit(pattern);
        }
        E::Position { expr, r#in } => {
            visit(expr);
            visit(r#in);
        }
        E::Substring { expr, substring_from, substring_for, .. } => {
            visit(expr);
            substring_from.iter().chain(substring_for).for_each(|x| visit(x));
        }
        E::Trim { expr, trim_what, .. } => {
            visit(expr);
            trim_what.iter().for_each(|x| visit(x));
        }
        E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            visit(expr);
            visit(overlay_what);
            visit(overlay_from);
            overlay_for.iter().for_each(|x| visit(x));
        }
        E::Case { operand, conditions, else_result, .. } => {
            operand.iter().for_each(|x| visit(x));
            for w in conditions {
                visit(&w.condition);
                visit(&w.result);
            }
            else_result.iter().for_each(|x| visit(x));
        }
        E::Function(f) => function_args(f, visit),
        E::Array(a) => a.elem.iter().for_each(visit),
        E::Tuple(items) => items.iter().for_each(visit),
        E::CompoundFieldAccess { root, .. } => visit(root),
        _ => {}
    }
}

fn function_args<'e>(f: &'e sp::Function, visit: &mut dyn FnMut(&'e sp::Expr)) {
    if let sp::FunctionArguments::List(list) = &f.args {
        for arg in &list.args {
            match arg {
                sp::FunctionArg::Named { arg: sp::FunctionArgExpr::Expr(e), .. }
                | sp::FunctionArg::ExprNamed { arg: sp::FunctionArgExpr::Expr(e), .. }
                | sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => visit(e),
                _ => {}
            }
        }
    }
}
