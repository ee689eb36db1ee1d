//! Functions that choose between values.

use tidegate_core::scan::CompareOp;
use tidegate_core::{Error, Result, SqlType};
use tidegate_plan::{Expr, Function};

use super::{Call, Null, cast, literal};
use crate::bind::compare;
use crate::bind::expr::{case_expr, unify};
use crate::bind::types::common_type;

/// COALESCE, IFNULL: NULL only if all are.
pub(crate) fn coalesce(c: Call<'_>) -> Result<Expr> {
    let args = unify(c.env, c.args.clone(), c.name, c.span)?;
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let ty = common_type(&types).map_or(SqlType::Null, |t| t.ty);
    let null = if args.iter().all(|a| a.data_type.nullable) { Null::Always } else { Null::Never };
    Ok(c.done(Function::Coalesce, args, ty, null))
}

/// NULLIF(a, b): a, or NULL where they are equal.
pub(crate) fn null_if(c: Call<'_>) -> Result<Expr> {
    let (a, b) = (c.arg(0)?, c.arg(1)?);
    let equal = compare::compare(c.env, CompareOp::Eq, a.clone(), b, c.span)?;
    case_expr(c.env, vec![(equal, literal::null())], a, c.span)
}

/// IF(condition, a, b): b where the condition is NULL.
pub(crate) fn if_call(c: Call<'_>) -> Result<Expr> {
    let condition = c.arg(0)?;
    if condition.data_type.ty != SqlType::Boolean {
        return Err(c.wrong(0, "a condition"));
    }
    case_expr(c.env, vec![(condition, c.arg(1)?)], c.arg(2)?, c.span)
}

/// GREATEST, LEAST
pub(crate) fn extreme(c: Call<'_>, f: Function) -> Result<Expr> {
    if c.env.is_flink()
        && let Some(null) = c.args.iter().find(|a| a.data_type.ty == SqlType::Null)
    {
        return Err(Error::user(format!("{} of a bare NULL", c.name)).at(null.span).help("write CAST(NULL AS …)"));
    }
    let args = unify(c.env, c.args.clone(), c.name, c.span)?;
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let ty = common_type(&types).map_or(SqlType::Null, |t| t.ty);
    if matches!(ty, SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_)) {
        return Err(c.wrong(0, "values that have an order"));
    }
    Ok(c.done(f, args, ty, Null::IfAny))
}

/// TYPEOF(x): known here.
pub(crate) fn type_of(c: Call<'_>) -> Result<Expr> {
    let text = c.args[0].data_type.to_string();
    let e = cast::implicit(c.env, literal::text(&text), &SqlType::STRING);
    Ok(Expr { data_type: SqlType::STRING.nullable(), ..e }.at(c.span))
}
