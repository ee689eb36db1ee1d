//! Arrays, maps, rows.

use tidegate_core::{Column, DataType, Error, Result, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::{Call, Null, cast};
use crate::bind::compare;
use crate::bind::env::Env;
use crate::bind::expr::unify;
use crate::bind::types::common_type;

fn element_type(values: &[Expr]) -> DataType {
    let types: Vec<_> = values.iter().map(|v| &v.data_type).collect();
    common_type(&types).unwrap_or_else(|| SqlType::Null.nullable())
}

/// ARRAY[…]
pub(crate) fn array(c: Call<'_>) -> Result<Expr> {
    let args = unify(c.env, c.args.clone(), "ARRAY", c.span)?;
    let ty = SqlType::Array(Box::new(element_type(&args)));
    Ok(c.done(Function::ArrayOf, args, ty, Null::Never))
}

/// MAP[k, v, …]
pub(crate) fn map(c: Call<'_>) -> Result<Expr> {
    if !c.len().is_multiple_of(2) {
        return Err(Error::user("MAP takes keys and values in turn").at(c.span));
    }
    let every = |from: usize| c.args.iter().skip(from).step_by(2).cloned().collect::<Vec<_>>();
    let keys = unify(c.env, every(0), "the keys of MAP", c.span)?;
    let values = unify(c.env, every(1), "the values of MAP", c.span)?;
    let ty = SqlType::Map(Box::new(element_type(&keys)), Box::new(element_type(&values)));
    let args = keys.into_iter().zip(values).flat_map(|(k, v)| [k, v]).collect();
    Ok(c.done(Function::MapOf, args, ty, Null::Never))
}

/// ROW(…)
pub(crate) fn row(c: Call<'_>) -> Result<Expr> {
    let fields =
        c.args.iter().enumerate().map(|(i, a)| Column::new(format!("EXPR${i}"), a.data_type.clone())).collect();
    let args = c.args.clone();
    Ok(c.done(Function::RowOf, args, SqlType::Row(fields), Null::Never))
}

/// CARDINALITY
pub(crate) fn cardinality(c: Call<'_>) -> Result<Expr> {
    if !matches!(c.args[0].data_type.ty, SqlType::Array(_) | SqlType::Map(..)) {
        return Err(c.wrong(0, "an ARRAY or MAP"));
    }
    let args = c.args.clone();
    Ok(c.done(Function::Cardinality, args, SqlType::Int, Null::IfAny))
}

/// `array[n]`, `map[key]`
pub(crate) fn element(env: &Env, base: Expr, key: Expr, span: Span) -> Result<Expr> {
    let (value, key) = match &base.data_type.ty {
        SqlType::Array(e) if key.data_type.ty.is_integer() => {
            (e.as_ref().clone(), cast::implicit(env, key, &SqlType::Int))
        }
        SqlType::Array(_) => {
            return Err(
                Error::user(format!("an array is indexed by a whole number, this is {}", key.data_type.ty)).at(span)
            );
        }
        SqlType::Map(k, v) => {
            let sample = Expr::column(0, k.as_ref().clone());
            let (_, key) = compare::align(env, None, sample, key, span)?;
            (v.as_ref().clone(), key)
        }
        other => {
            return Err(Error::user(format!("[…] needs an ARRAY or MAP, this is {other}"))
                .at(span)
                .help("for JSON in a text use JSON_VALUE(column, '$.list[0]')"));
        }
    };
    let data_type = value.with_nullable(true);
    Ok(Expr::new(ExprKind::Call { function: Function::Element, args: vec![base, key] }, data_type).at(span))
}
