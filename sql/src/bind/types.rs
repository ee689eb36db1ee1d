//! Type derivation: common types, arithmetic results. The decimal formulas are those Flink prints
//! (`7/2.0` is DECIMAL(17, 6)).

use tidegate_core::{Column, DataType, SqlType};

const MAX_PRECISION: i32 = 38;
const MIN_DIVISION_SCALE: i32 = 6;

/// The type that holds values of all these types, or `None` where they do not mix. Bare NULLs fit
/// anything; the result is nullable if any of them is.
pub(crate) fn common_type(types: &[&DataType]) -> Option<DataType> {
    let nullable = types.iter().any(|t| t.nullable);
    let mut out: Option<SqlType> = None;
    for t in types.iter().filter(|t| t.ty != SqlType::Null) {
        out = Some(match out {
            None => t.ty.clone(),
            Some(sofar) => common_pair(&sofar, &t.ty)?,
        });
    }
    Some(DataType { ty: out.unwrap_or(SqlType::Null), nullable })
}

fn common_pair(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    use SqlType as T;
    if a == b {
        return Some(a.clone());
    }
    if a.is_numeric() && b.is_numeric() {
        return Some(common_number(a, b));
    }
    match (a, b) {
        (T::Char(m) | T::VarChar(m), T::Char(n) | T::VarChar(n)) => Some(T::VarChar(*m.max(n))),
        (T::Binary(m) | T::VarBinary(m), T::Binary(n) | T::VarBinary(n)) => Some(T::VarBinary(*m.max(n))),
        (T::Time(m), T::Time(n)) => Some(T::Time(*m.max(n))),
        (T::Timestamp(m), T::Timestamp(n)) => Some(T::Timestamp(*m.max(n))),
        (T::TimestampLtz(m), T::TimestampLtz(n) | T::Timestamp(n)) | (T::Timestamp(m), T::TimestampLtz(n)) => {
            Some(T::TimestampLtz(*m.max(n)))
        }
        (T::Date, T::Timestamp(_) | T::TimestampLtz(_)) => Some(b.clone()),
        (T::Timestamp(_) | T::TimestampLtz(_), T::Date) => Some(a.clone()),
        (T::Array(x), T::Array(y)) => Some(T::Array(Box::new(common_type(&[x, y])?))),
        (T::Map(k, v), T::Map(l, w)) => Some(T::Map(Box::new(common_type(&[k, l])?), Box::new(common_type(&[v, w])?))),
        (T::Row(x), T::Row(y)) if x.len() == y.len() => x
            .iter()
            .zip(y)
            .map(|(c, d)| Some(Column::new(c.name.clone(), common_type(&[&c.data_type, &d.data_type])?)))
            .collect::<Option<Vec<_>>>()
            .map(T::Row),
        _ => None,
    }
}

/// Integers as decimals: digits of the widest value.
pub(crate) fn as_decimal(t: &SqlType) -> Option<(u8, u8)> {
    match t {
        SqlType::TinyInt => Some((3, 0)),
        SqlType::SmallInt => Some((5, 0)),
        SqlType::Int => Some((10, 0)),
        SqlType::BigInt => Some((19, 0)),
        SqlType::Decimal(p, s) => Some((*p, *s)),
        _ => None,
    }
}

fn rank(t: &SqlType) -> u8 {
    match t {
        SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Int => 3,
        _ => 4,
    }
}

/// The widest of two numeric types.
pub(crate) fn common_number(a: &SqlType, b: &SqlType) -> SqlType {
    if a.is_approximate() || b.is_approximate() {
        let decimal = matches!(a, SqlType::Decimal(..)) || matches!(b, SqlType::Decimal(..));
        let float = [a, b].iter().all(|t| !matches!(t, SqlType::Double));
        return if float && !decimal { SqlType::Float } else { SqlType::Double };
    }
    if a.is_integer() && b.is_integer() {
        return if rank(a) >= rank(b) { a.clone() } else { b.clone() };
    }
    match (as_decimal(a), as_decimal(b)) {
        (Some((p1, s1)), Some((p2, s2))) => {
            let scale = i32::from(s1.max(s2));
            let whole = (i32::from(p1) - i32::from(s1)).max(i32::from(p2) - i32::from(s2));
            bounded(whole + scale, scale)
        }
        _ => SqlType::Double,
    }
}

/// A decimal whose precision may be too large: digits after the point give way, down to six.
fn bounded(precision: i32, scale: i32) -> SqlType {
    let (p, s) = if precision <= MAX_PRECISION {
        (precision, scale)
    } else {
        let whole = precision - scale;
        (MAX_PRECISION, (MAX_PRECISION - whole).max(scale.min(MIN_DIVISION_SCALE)))
    };
    SqlType::Decimal(
        u8::try_from(p.clamp(1, MAX_PRECISION)).unwrap_or(38),
        u8::try_from(s.clamp(0, MAX_PRECISION)).unwrap_or(0),
    )
}

/// The four operations and MOD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// The type of `a op b` for two numeric types.
pub(crate) fn arithmetic_type(op: Arithmetic, a: &SqlType, b: &SqlType) -> SqlType {
    let any_decimal = matches!(a, SqlType::Decimal(..)) || matches!(b, SqlType::Decimal(..));
    if op == Arithmetic::Modulo && !any_decimal && b.is_integer() {
        return b.clone();
    }
    let (Some((p1, s1)), Some((p2, s2)), true) = (as_decimal(a), as_decimal(b), any_decimal) else {
        return common_number(a, b);
    };
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    match op {
        Arithmetic::Add | Arithmetic::Subtract => {
            let scale = s1.max(s2);
            bounded((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Arithmetic::Multiply => bounded(p1 + p2 + 1, s1 + s2),
        Arithmetic::Divide => {
            let scale = MIN_DIVISION_SCALE.max(s1 + p2 + 1);
            bounded(p1 - s1 + s2 + scale, scale)
        }
        Arithmetic::Modulo => {
            let scale = s1.max(s2);
            bounded((p1 - s1).min(p2 - s2) + scale, scale)
        }
    }
}

/// The type of AVG over a type in Flink: integers stay what they are, decimals get 38 digits.
pub(crate) fn average_type(t: &SqlType) -> SqlType {
    match t {
        SqlType::Decimal(_, s) => SqlType::Decimal(38, (*s).max(6)),
        other => other.clone(),
    }
}

/// The type of SUM over a type.
pub(crate) fn sum_type(t: &SqlType) -> SqlType {
    match t {
        SqlType::Decimal(_, s) => SqlType::Decimal(38, *s),
        other => other.clone(),
    }
}

/// Digits before the point that ROUND(x, digits) of a decimal needs, as Flink derives them.
pub(crate) fn round_type(t: &SqlType, digits: Option<i64>) -> SqlType {
    let SqlType::Decimal(p, s) = t else { return t.clone() };
    let (p, s) = (i32::from(*p), i32::from(*s));
    let Some(r) = digits.and_then(|d| i32::try_from(d).ok()) else {
        return SqlType::Decimal(
            *match t {
                SqlType::Decimal(p, _) => p,
                _ => &38,
            },
            u8::try_from(s).unwrap_or(0),
        );
    };
    if r >= s {
        return t.clone();
    }
    if r < 0 {
        return bounded((p - s + 1).max(1), 0);
    }
    bounded(1 + p - s + r, r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_results_are_those_flink_prints() {
        let d = SqlType::Decimal;
        let t = arithmetic_type;
        assert_eq!(t(Arithmetic::Divide, &SqlType::Int, &d(2, 1)), d(17, 6));
        assert_eq!(t(Arithmetic::Divide, &d(2, 1), &SqlType::Int), d(13, 12));
        assert_eq!(t(Arithmetic::Multiply, &d(2, 1), &d(2, 1)), d(5, 2));
        assert_eq!(t(Arithmetic::Add, &d(3, 2), &SqlType::Int), d(13, 2));
        assert_eq!(t(Arithmetic::Divide, &d(38, 10), &d(38, 10)), d(38, 6));
        assert_eq!(round_type(&d(2, 1), Some(0)), d(2, 0));
        assert_eq!(round_type(&d(4, 3), Some(2)), d(4, 2));
    }

    #[test]
    fn texts_of_different_length_become_varchar() {
        let (a, b) = (SqlType::Char(1).not_null(), SqlType::Char(5).not_null());
        assert_eq!(common_type(&[&a, &b]), Some(SqlType::VarChar(5).not_null()));
        assert_eq!(common_type(&[&a, &SqlType::Null.nullable()]), Some(SqlType::Char(1).nullable()));
        assert_eq!(common_type(&[&a, &SqlType::Int.not_null()]), None);
    }
}
