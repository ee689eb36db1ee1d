//! Explicit and implicit conversions: which are allowed, and what they become. Conversions of
//! constants are carried out here, so that filters compare columns with values.

use tidegate_core::scan::{CastRule, OnCastError};
use tidegate_core::{DataType, Error, Result, Scalar, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::env::Env;
use super::literal;

/// `CAST(input AS target)` or TRY_CAST as the user wrote it.
pub(crate) fn explicit(env: &Env, input: Expr, target: &SqlType, try_cast: bool) -> Result<Expr> {
    let span = input.span;
    let from = input.data_type.ty.clone();
    if !env.is_flink()
        && let Some(e) = blink_epoch_seconds(&input, &from, target)
    {
        return Ok(e.at(span));
    }
    if !allowed(env, &from, target) {
        let e = Error::user(format!("a {from} cannot be cast to {target}")).at(span);
        return Err(match (from.is_numeric(), target.is_timestamp()) {
            (true, true) => {
                e.help("use TO_TIMESTAMP_LTZ(number, 0) for seconds or TO_TIMESTAMP_LTZ(number, 3) for milliseconds")
            }
            _ => e,
        });
    }
    let rule = env.cast_rule(try_cast);
    let nullable = input.data_type.nullable || try_cast || may_become_null(rule, &from, target);
    Ok(node(env, input, target.clone(), nullable, rule))
}

/// In Blink, numbers cast to TIMESTAMP count seconds, and back.
fn blink_epoch_seconds(input: &Expr, from: &SqlType, target: &SqlType) -> Option<Expr> {
    if from.is_numeric() && matches!(target, SqlType::TimestampLtz(_)) {
        let seconds = retag(input.clone(), SqlType::BigInt);
        return Some(Expr::new(
            ExprKind::Call { function: Function::EpochToInstant { seconds: true }, args: vec![seconds] },
            target.clone().nullable(),
        ));
    }
    if matches!(from, SqlType::TimestampLtz(_)) && matches!(target, SqlType::BigInt | SqlType::Int) {
        let nullable = input.data_type.nullable;
        let call = Expr::new(
            ExprKind::Call { function: Function::UnixTimestampInstant, args: vec![input.clone()] },
            DataType { ty: SqlType::BigInt, nullable },
        );
        return Some(retag(call, target.clone()));
    }
    None
}

/// A cast between numbers that needs no dialect (widening, wrapping).
fn retag(input: Expr, target: SqlType) -> Expr {
    if input.data_type.ty == target {
        return input;
    }
    let rule = CastRule { on_error: OnCastError::Null, flavor: tidegate_core::scan::CastFlavor::Blink };
    let (span, nullable) = (input.span, input.data_type.nullable);
    Expr::new(ExprKind::Cast { input: Box::new(input), rule, zone: String::new() }, DataType { ty: target, nullable })
        .at(span)
}

/// An implicit conversion to a type; the nullability is the input's. No node where the layout is
/// the same (texts of different length).
pub(crate) fn implicit(env: &Env, input: Expr, target: &SqlType) -> Expr {
    let rule = env.cast_rule(false);
    let nullable = input.data_type.nullable || may_become_null(rule, &input.data_type.ty, target);
    node(env, input, target.clone(), nullable, rule)
}

/// Also with Flink's legacy switch, where Flink itself goes on saying NOT NULL.
fn may_become_null(rule: CastRule, from: &SqlType, target: &SqlType) -> bool {
    rule.on_error == OnCastError::Null && can_fail(from, target)
}

/// An implicit conversion whose failure is NULL in every dialect.
pub(crate) fn implicit_or_null(env: &Env, input: Expr, target: &SqlType) -> Expr {
    let out = node(env, input, target.clone(), true, env.cast_rule(true));
    match &out.kind {
        ExprKind::Literal(v) if !v.is_null() => Expr { data_type: target.clone().not_null(), ..out },
        _ => out,
    }
}

fn node(env: &Env, input: Expr, target: SqlType, nullable: bool, rule: CastRule) -> Expr {
    let span = input.span;
    let data_type = DataType { ty: target, nullable };
    if input.data_type.ty == data_type.ty {
        return Expr { data_type, ..input };
    }
    let both_text = input.data_type.ty.is_text() && data_type.ty.is_text();
    if both_text && text_fits(&input.data_type.ty, &data_type.ty) {
        // The same bytes: only the declared length changes. A bare column keeps its own node.
        return match input.kind {
            ExprKind::Literal(_) => Expr { data_type, ..input },
            _ => Expr::new(ExprKind::Cast { input: Box::new(input), rule, zone: String::new() }, data_type)
                .at(span)
                .without_noop_cast(),
        };
    }
    if let ExprKind::Literal(value) = &input.kind
        && let Some(folded) = fold(value, &input.data_type.ty, &data_type.ty)
    {
        let nullable = if env.is_flink() { data_type.nullable } else { folded.is_null() };
        return Expr::literal(folded, data_type.with_nullable(nullable)).at(span);
    }
    let zone = if needs_zone(&input.data_type.ty, &data_type.ty) { env.zone.clone() } else { String::new() };
    Expr::new(ExprKind::Cast { input: Box::new(input), rule, zone }, data_type).at(span)
}

trait WithoutNoop {
    fn without_noop_cast(self) -> Self;
}

impl WithoutNoop for Expr {
    /// A cast between texts that changes no byte is its input with another type.
    fn without_noop_cast(self) -> Self {
        match self.kind {
            ExprKind::Cast { input, .. } => Expr { data_type: self.data_type, ..*input },
            _ => self,
        }
    }
}

fn length(t: &SqlType) -> u32 {
    match t {
        SqlType::Char(n) | SqlType::VarChar(n) | SqlType::Binary(n) | SqlType::VarBinary(n) => *n,
        _ => 0,
    }
}

fn text_fits(from: &SqlType, to: &SqlType) -> bool {
    matches!(to, SqlType::VarChar(_)) && length(from) <= length(to)
}

fn needs_zone(a: &SqlType, b: &SqlType) -> bool {
    let instant = |t: &SqlType| matches!(t, SqlType::TimestampLtz(_));
    instant(a) != instant(b)
}

/// Whether some value of `from` has no image in `to`.
fn can_fail(from: &SqlType, to: &SqlType) -> bool {
    if from.is_text() || from.is_bytes() {
        return !(to.is_text() || to.is_bytes());
    }
    matches!(to, SqlType::Decimal(..)) && from != to
}

/// Flink's table of explicit casts, and Blink's wider one.
pub(crate) fn allowed(env: &Env, from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    if from == to || *from == T::Null || to.is_text() {
        return true;
    }
    let temporal = |t: &T| matches!(t, T::Date | T::Time(_) | T::Timestamp(_) | T::TimestampLtz(_));
    match (from, to) {
        (T::Char(_) | T::VarChar(_), _) => !matches!(to, T::Array(_) | T::Map(..) | T::Row(_)),
        (T::Binary(_) | T::VarBinary(_), T::Binary(_) | T::VarBinary(_)) => true,
        (T::Boolean, n) | (n, T::Boolean) => n.is_numeric() || *n == T::Boolean,
        (T::Time(_), T::Time(_)) => true,
        (T::Date, T::Timestamp(_) | T::TimestampLtz(_)) | (T::Timestamp(_) | T::TimestampLtz(_), T::Date) => true,
        (T::Timestamp(_) | T::TimestampLtz(_), T::Timestamp(_) | T::TimestampLtz(_) | T::Time(_)) => true,
        (T::Time(_), T::Timestamp(_) | T::TimestampLtz(_)) => true,
        (T::IntervalDayTime, T::BigInt | T::Int) | (T::IntervalYearMonth, T::Int | T::BigInt) => true,
        (T::Array(a), T::Array(b)) => allowed(env, &a.ty, &b.ty),
        (T::Map(a, b), T::Map(c, d)) => allowed(env, &a.ty, &c.ty) && allowed(env, &b.ty, &d.ty),
        (T::Row(a), T::Row(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| allowed(env, &x.data_type.ty, &y.data_type.ty))
        }
        (a, b) if a.is_numeric() && b.is_numeric() => true,
        (a, b) if temporal(a) && b.is_numeric() || a.is_numeric() && temporal(b) => !env.is_flink() && temporal(b),
        _ => false,
    }
}

/// Conversions an INSERT does silently: Flink's implicit casts, and what Blink and UFlink users rely on.
pub(crate) fn storable(env: &Env, from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    if from == to || *from == T::Null {
        return true;
    }
    match (from, to) {
        (a, b) if a.is_text() && b.is_text() => true,
        (a, b) if a.is_bytes() && b.is_bytes() => true,
        (T::Timestamp(_), T::Timestamp(_)) | (T::TimestampLtz(_), T::TimestampLtz(_)) | (T::Time(_), T::Time(_)) => {
            true
        }
        (T::Timestamp(_), T::TimestampLtz(_) | T::Date) | (T::TimestampLtz(_), T::Timestamp(_) | T::Date) => true,
        (T::Date, T::Timestamp(_) | T::TimestampLtz(_)) => true,
        (T::Array(a), T::Array(b)) => storable(env, &a.ty, &b.ty),
        (T::Map(a, b), T::Map(c, d)) => storable(env, &a.ty, &c.ty) && storable(env, &b.ty, &d.ty),
        (T::Row(a), T::Row(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| storable(env, &x.data_type.ty, &y.data_type.ty))
        }
        (a, b) if a.is_numeric() && b.is_numeric() => !env.is_flink() || widens(a, b),
        (a, b) if !env.is_flink() => a.is_text() || b.is_text() || (a.is_bytes() && b.is_text()),
        _ => false,
    }
}

/// Numeric conversions Flink does by itself.
fn widens(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    let rank = |t: &T| match t {
        T::TinyInt => 1,
        T::SmallInt => 2,
        T::Int => 3,
        T::BigInt => 4,
        T::Decimal(..) => 5,
        T::Float => 6,
        T::Double => 7,
        _ => 0,
    };
    rank(from) <= rank(to)
}

/// The value of a constant in another type, where that is certain here; `None` leaves it to run time.
pub(crate) fn fold(value: &Scalar, from: &SqlType, to: &SqlType) -> Option<Scalar> {
    use SqlType as T;
    match (value, to) {
        (Scalar::Null, _) => Some(Scalar::Null),
        (Scalar::Int(n), T::TinyInt) if from.is_integer() => Some(Scalar::Int(i64::from(*n as i8))),
        (Scalar::Int(n), T::SmallInt) if from.is_integer() => Some(Scalar::Int(i64::from(*n as i16))),
        (Scalar::Int(n), T::Int) if from.is_integer() => Some(Scalar::Int(i64::from(*n as i32))),
        (Scalar::Int(n), T::BigInt) if from.is_integer() => Some(Scalar::Int(*n)),
        (Scalar::Int(n), T::Double) if from.is_integer() => Some(Scalar::Double(*n as f64)),
        (Scalar::Int(n), T::Decimal(p, s)) if from.is_integer() => {
            let scaled = i128::from(*n).checked_mul(10i128.checked_pow(u32::from(*s))?)?;
            literal::fits_precision(scaled, *p).then_some(Scalar::Decimal(scaled))
        }
        (Scalar::Decimal(d), T::Decimal(p, s)) => {
            let T::Decimal(_, from_scale) = from else { return None };
            let up = s.checked_sub(*from_scale)?;
            let scaled = d.checked_mul(10i128.checked_pow(u32::from(up))?)?;
            literal::fits_precision(scaled, *p).then_some(Scalar::Decimal(scaled))
        }
        (Scalar::Decimal(d), T::Double) => {
            let T::Decimal(_, s) = from else { return None };
            literal::decimal_text(*d, *s).parse().ok().map(Scalar::Double)
        }
        (Scalar::Text(t), T::TinyInt | T::SmallInt | T::Int | T::BigInt) => plain_integer(t, to).map(Scalar::Int),
        (Scalar::Text(t), T::Date) => literal::parse_date(t).map(Scalar::Int),
        (Scalar::Text(t), T::Timestamp(3..)) => literal::parse_timestamp(t).map(|(micros, _)| Scalar::Micros(micros)),
        (Scalar::Text(t), T::VarChar(n)) if t.chars().count() <= *n as usize => Some(value.clone()),
        _ => None,
    }
}

/// Texts that are an integer in every dialect: an optional minus and digits, in range.
fn plain_integer(text: &str, to: &SqlType) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: i64 = text.parse().ok()?;
    let fits = match to {
        SqlType::TinyInt => i8::try_from(n).is_ok(),
        SqlType::SmallInt => i16::try_from(n).is_ok(),
        SqlType::Int => i32::try_from(n).is_ok(),
        _ => true,
    };
    fits.then_some(n)
}
