//! Numeric functions.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::{Call, Null, cast, literal, time};
use crate::bind::env::Env;
use crate::bind::expr::arithmetic;
use crate::bind::types::{Arithmetic, round_type};

/// ABS, SIGN: the argument's own type.
pub(crate) fn keep(c: Call<'_>, f: Function) -> Result<Expr> {
    let x = c.number(0)?;
    let ty = x.data_type.ty.clone();
    Ok(c.done(f, vec![x], ty, Null::IfAny))
}

/// FLOOR, CEIL of a number: decimals lose their scale.
pub(crate) fn whole(c: Call<'_>, f: Function) -> Result<Expr> {
    let x = c.number(0)?;
    let ty = match &x.data_type.ty {
        SqlType::Decimal(p, _) => SqlType::Decimal(*p, 0),
        other => other.clone(),
    };
    Ok(c.done(f, vec![x], ty, Null::IfAny))
}

/// `FLOOR(x)`, `FLOOR(x TO unit)` in their own syntax.
pub(crate) fn floor_ceil(env: &Env, arg: Expr, field: &sp::CeilFloorKind, ceil: bool, span: Span) -> Result<Expr> {
    let name = if ceil { "CEIL" } else { "FLOOR" };
    match field {
        sp::CeilFloorKind::DateTimeField(sp::DateTimeField::NoDateTime) => super::call(env, name, vec![arg], span),
        sp::CeilFloorKind::DateTimeField(unit) => time::floor_to(env, literal::unit(unit), arg, ceil, span),
        sp::CeilFloorKind::Scale(_) => Err(Error::user(format!("{name} takes one number")).at(span)),
    }
}

/// ROUND, TRUNCATE
pub(crate) fn rounded(c: Call<'_>, f: Function) -> Result<Expr> {
    let x = c.number(0)?;
    let digits = if c.len() > 1 { c.int(1)? } else { literal::int(0) };
    let constant = match digits.kind {
        ExprKind::Literal(Scalar::Int(n)) => Some(n),
        _ => None,
    };
    let ty = round_type(&x.data_type.ty, constant);
    Ok(c.done(f, vec![x, digits], ty, Null::IfAny))
}

/// MOD(a, b)
pub(crate) fn modulo(c: Call<'_>) -> Result<Expr> {
    arithmetic(c.env, Arithmetic::Modulo, c.number(0)?, c.number(1)?, c.span)
}

/// Functions on DOUBLEs.
pub(crate) fn to_double(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = (0..c.len()).map(|i| c.double(i)).collect::<Result<Vec<_>>>()?;
    Ok(c.done(f, args, SqlType::Double, Null::IfAny))
}

/// LOG(x), LOG(base, x)
pub(crate) fn log(c: Call<'_>) -> Result<Expr> {
    let f = if c.len() == 1 { Function::Ln } else { Function::Log };
    to_double(c, f)
}

/// SIN and relatives
pub(crate) fn trigonometric(c: Call<'_>, name: &str) -> Result<Expr> {
    to_double(c, Function::Trigonometric(name.to_owned()))
}

/// PI()
pub(crate) fn pi(c: Call<'_>) -> Result<Expr> {
    Ok(c.done(Function::Pi, vec![], SqlType::Double, Null::Never))
}

/// RAND()
pub(crate) fn rand(c: Call<'_>) -> Result<Expr> {
    Ok(c.done(Function::Rand, vec![], SqlType::Double, Null::Never))
}

/// RAND_INTEGER(bound)
pub(crate) fn rand_integer(c: Call<'_>) -> Result<Expr> {
    let bound = cast::implicit(c.env, c.int(0)?, &SqlType::Int);
    Ok(c.done(Function::RandInteger, vec![bound], SqlType::Int, Null::IfAny))
}
