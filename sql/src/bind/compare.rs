//! Comparisons: which types compare, and what is converted first. Here the dialects differ most.

use tidegate_core::scan::CompareOp;
use tidegate_core::{Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind};

use super::cast;
use super::env::Env;
use super::types::{common_number, common_type};

/// `left op right`.
pub(crate) fn compare(env: &Env, op: CompareOp, left: Expr, right: Expr, span: Span) -> Result<Expr> {
    if is_null_constant(&left) || is_null_constant(&right) {
        return Ok(Expr::literal(Scalar::Null, SqlType::Boolean.nullable()).at(span));
    }
    let (left, right) = align(env, Some(op), left, right, span)?;
    let nullable = left.data_type.nullable || right.data_type.nullable;
    let kind = ExprKind::Compare { op, left: Box::new(left), right: Box::new(right) };
    Ok(Expr::new(kind, SqlType::Boolean.nullable().with_nullable(nullable)).at(span))
}

/// A NULL, also one with a type.
pub(crate) fn is_null_constant(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(v) => v.is_null(),
        ExprKind::Cast { input, .. } => is_null_constant(input),
        _ => false,
    }
}

/// Both sides in one type. `op` is `None` for IN, where Flink is more lenient than for `=`.
pub(crate) fn align(env: &Env, op: Option<CompareOp>, left: Expr, right: Expr, span: Span) -> Result<(Expr, Expr)> {
    let (l, r) = (left.data_type.ty.clone(), right.data_type.ty.clone());
    let number_and_text = |a: &SqlType, b: &SqlType| a.is_numeric() && b.is_text();
    if l.is_numeric() && r.is_numeric() {
        return Ok(align_numbers(env, left, right));
    }
    if number_and_text(&l, &r) || number_and_text(&r, &l) {
        return number_with_text(env, op, left, right, span);
    }
    let temporal =
        |t: &SqlType| matches!(t, SqlType::Date | SqlType::Time(_) | SqlType::Timestamp(_) | SqlType::TimestampLtz(_));
    if temporal(&l) && r.is_text() {
        let right = cast::implicit_or_null(env, right, &l);
        return Ok((left, right));
    }
    if l.is_text() && temporal(&r) {
        let left = cast::implicit_or_null(env, left, &r);
        return Ok((left, right));
    }
    if !env.is_flink()
        && let Some(pair) = blink_pairs(env, &left, &right)
    {
        return Ok(pair);
    }
    let comparable = match common_type(&[&left.data_type, &right.data_type]) {
        Some(t) if !matches!(t.ty, SqlType::Map(..) | SqlType::Row(_) | SqlType::Array(_)) => Some(t.ty),
        _ => None,
    };
    match comparable {
        Some(t) if t.is_text() || t.is_bytes() => Ok((left, right)),
        Some(t) => Ok((cast::implicit(env, left, &t), cast::implicit(env, right, &t))),
        None => Err(Error::user(format!("a {l} cannot be compared with a {r}"))
            .at(span)
            .help("CAST one side to the type of the other")),
    }
}

/// Blink compares bytes with text as text, and BOOLEAN with its text.
fn blink_pairs(env: &Env, left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
    let (l, r) = (&left.data_type.ty, &right.data_type.ty);
    if l.is_bytes() && r.is_text() {
        return Some((cast::implicit(env, left.clone(), &SqlType::STRING), right.clone()));
    }
    if l.is_text() && r.is_bytes() {
        return Some((left.clone(), cast::implicit(env, right.clone(), &SqlType::STRING)));
    }
    if *l == SqlType::Boolean && r.is_text() {
        return Some((left.clone(), cast::implicit(env, right.clone(), l)));
    }
    if l.is_text() && *r == SqlType::Boolean {
        return Some((cast::implicit(env, left.clone(), r), right.clone()));
    }
    None
}

fn align_numbers(env: &Env, left: Expr, right: Expr) -> (Expr, Expr) {
    // A whole constant that fits the column's type is compared in that type: same answer, no cast.
    if let Some(right) = narrowed(&right, &left.data_type.ty) {
        return (left, right);
    }
    if let Some(left) = narrowed(&left, &right.data_type.ty) {
        return (left, right);
    }
    let t = common_number(&left.data_type.ty, &right.data_type.ty);
    (cast::implicit(env, left, &t), cast::implicit(env, right, &t))
}

fn narrowed(constant: &Expr, to: &SqlType) -> Option<Expr> {
    let ExprKind::Literal(Scalar::Int(n)) = constant.kind else { return None };
    let fits = match to {
        SqlType::TinyInt => i8::try_from(n).is_ok(),
        SqlType::SmallInt => i16::try_from(n).is_ok(),
        SqlType::Int => i32::try_from(n).is_ok(),
        SqlType::BigInt => true,
        _ => return None,
    };
    (fits && constant.data_type.ty.is_integer())
        .then(|| Expr::literal(Scalar::Int(n), to.clone().not_null()).at(constant.span))
}

/// Flink refuses `number = text` but converts for `<`, `>` and IN; Blink and UFlink read the text as
/// a number for every comparison, and compare as text for IN.
fn number_with_text(env: &Env, op: Option<CompareOp>, left: Expr, right: Expr, span: Span) -> Result<(Expr, Expr)> {
    let (l, r) = (&left.data_type.ty, &right.data_type.ty);
    if env.is_flink() && matches!(op, Some(CompareOp::Eq | CompareOp::NotEq)) {
        let (number, text) = if l.is_numeric() { (l, &right) } else { (r, &left) };
        let e = Error::user(format!("a {number} cannot be compared with a text")).at(span);
        return Err(match &text.kind {
            ExprKind::Literal(Scalar::Text(t)) if t.parse::<f64>().is_ok() => {
                e.help(format!("write the number without quotes: {t}"))
            }
            _ => e.help(format!("write CAST(… AS {number}), or TRY_CAST to get NULL for texts that are no number")),
        });
    }
    if !env.is_flink() && op.is_none() {
        return Ok((cast::implicit(env, left, &SqlType::STRING), cast::implicit(env, right, &SqlType::STRING)));
    }
    let target = |n: &SqlType| if n.is_integer() { wide_integer(env, n) } else { n.clone() };
    if l.is_numeric() {
        let t = target(l);
        Ok((cast::implicit(env, left, &t), cast::implicit(env, right, &t)))
    } else {
        let t = target(r);
        Ok((cast::implicit(env, left, &t), cast::implicit(env, right, &t)))
    }
    .map(|(l, r)| shrink(l, r))
}

/// A text is read as BIGINT beside any integer, so that no text overflows the narrower type.
fn wide_integer(env: &Env, n: &SqlType) -> SqlType {
    if env.is_flink() { n.clone() } else { SqlType::BigInt }
}

/// `CAST(tinyint AS BIGINT) = 2` is `tinyint = 2`: a filter the decoder can check.
fn shrink(left: Expr, right: Expr) -> (Expr, Expr) {
    let inner = |e: &Expr| match &e.kind {
        ExprKind::Cast { input, .. } if input.data_type.ty.is_integer() && e.data_type.ty.is_integer() => {
            Some((**input).clone())
        }
        _ => None,
    };
    if let Some(l) = inner(&left)
        && let Some(r) = narrowed(&right, &l.data_type.ty)
    {
        return (l, r);
    }
    if let Some(r) = inner(&right)
        && let Some(l) = narrowed(&left, &r.data_type.ty)
    {
        return (l, r);
    }
    (left, right)
}
