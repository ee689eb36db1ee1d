//! Comparisons. Both sides are of one family; widths and scales may differ.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType as ArrowType;
use tidegate_core::scan::CompareOp;
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::decimal;
use tidegate_formats::text::short::Literal;

use super::kernel::{Arg, Call, Kernel};
use super::value::{Value, scalar_at};
use super::view::{Booleans, Bytes, Decimals, Doubles, Integers, Texts};

/// `a op b`
pub(super) fn compile(op: CompareOp, args: &[Arg]) -> Result<Kernel> {
    let (left, right) = (args[0].ty(), args[1].ty());
    let text_literal = args[1].text().map(str::to_string);
    let family = family(left, right)
        .ok_or_else(|| Error::user(format!("{left} and {right} cannot be compared")).help("cast one side"))?;
    if let (Family::Text, Some(literal), true) = (family, text_literal, matches!(op, CompareOp::Eq | CompareOp::NotEq))
    {
        let literal = Literal::new(literal.as_bytes());
        return Ok(Box::new(move |call| equals_literal(call, &literal, op == CompareOp::NotEq)));
    }
    Ok(Box::new(move |call| run(call, op, family)))
}

/// How two types are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Integer,
    Decimal,
    Double,
    Text,
    Bytes,
    Boolean,
    Nested,
    Null,
}

/// The family of two types, where they have one.
pub(super) fn family(a: &SqlType, b: &SqlType) -> Option<Family> {
    use SqlType as T;
    let temporal = |t: &T| matches!(t, T::Date | T::Time(_) | T::Timestamp(_) | T::TimestampLtz(_));
    let interval = |t: &T| matches!(t, T::IntervalYearMonth | T::IntervalDayTime);
    Some(match (a, b) {
        (T::Null, _) | (_, T::Null) => Family::Null,
        _ if a.is_integer() && b.is_integer() => Family::Integer,
        _ if a.is_numeric() && b.is_numeric() => {
            if a.is_approximate() || b.is_approximate() {
                Family::Double
            } else {
                Family::Decimal
            }
        }
        _ if a.is_text() && b.is_text() => Family::Text,
        _ if a.is_bytes() && b.is_bytes() => Family::Bytes,
        (T::Boolean, T::Boolean) => Family::Boolean,
        (T::Array(_), T::Array(_)) | (T::Map(..), T::Map(..)) | (T::Row(_), T::Row(_)) => Family::Nested,
        // A BIGINT beside a time is the time attribute's epoch number.
        _ if temporal(a) && temporal(b) && std::mem::discriminant(a) == std::mem::discriminant(b) => Family::Integer,
        (T::Timestamp(_), T::TimestampLtz(_)) | (T::TimestampLtz(_), T::Timestamp(_)) => Family::Integer,
        _ if interval(a) && (interval(b) || b.is_integer()) => Family::Integer,
        _ => return None,
    })
}

/// Whether an ordering satisfies the comparison.
fn holds(op: CompareOp, ordering: Ordering) -> bool {
    match op {
        CompareOp::Eq => ordering.is_eq(),
        CompareOp::NotEq => ordering.is_ne(),
        CompareOp::Lt => ordering.is_lt(),
        CompareOp::LtEq => ordering.is_le(),
        CompareOp::Gt => ordering.is_gt(),
        CompareOp::GtEq => ordering.is_ge(),
    }
}

/// Doubles compare as Java's operators do: NaN is unequal to everything.
fn holds_double(op: CompareOp, a: f64, b: f64) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::NotEq => a != b,
        CompareOp::Lt => a < b,
        CompareOp::LtEq => a <= b,
        CompareOp::Gt => a > b,
        CompareOp::GtEq => a >= b,
    }
}

fn run(call: &Call<'_>, op: CompareOp, family: Family) -> Result<ArrayRef> {
    let n = call.rows;
    match family {
        Family::Null => Ok(from_options(n, |_| None)),
        Family::Integer => {
            let (a, b) = (call.integers(0)?, call.integers(1)?);
            if let Some(result) = integer_columns(call, op, &a, &b) {
                return Ok(result);
            }
            Ok(from_options(n, |i| Some(holds(op, a.get(i)?.cmp(&b.get(i)?)))))
        }
        Family::Decimal => {
            let (a, b) = (call.decimals(0)?, call.decimals(1)?);
            Ok(from_options(n, |i| Some(holds(op, compare_decimals(a.get(i)?, a.scale, b.get(i)?, b.scale)))))
        }
        Family::Double => {
            let (a, b) = (call.doubles(0)?, call.doubles(1)?);
            Ok(from_options(n, |i| Some(holds_double(op, a.get(i)?, b.get(i)?))))
        }
        Family::Text => {
            let (a, b) = (call.texts(0)?, call.texts(1)?);
            Ok(from_options(n, |i| Some(holds(op, a.get(i)?.cmp(b.get(i)?)))))
        }
        Family::Bytes => {
            let (a, b) = (call.bytes(0)?, call.bytes(1)?);
            Ok(from_options(n, |i| Some(holds(op, a.get(i)?.cmp(b.get(i)?)))))
        }
        Family::Boolean => {
            let (a, b) = (call.booleans(0)?, call.booleans(1)?);
            Ok(from_options(n, |i| Some(holds(op, a.get(i)?.cmp(&b.get(i)?)))))
        }
        Family::Nested => {
            let (a, b) = (call.args[0].clone(), call.args[1].clone());
            Ok(from_options(n, |i| {
                let (x, y) = (if a.constant { 0 } else { i }, if b.constant { 0 } else { i });
                if a.array.is_null(x) || b.array.is_null(y) {
                    return None;
                }
                let equal = a.array.slice(x, 1).to_data() == b.array.slice(y, 1).to_data();
                Some(equal == (op == CompareOp::Eq))
            }))
        }
    }
}

fn from_options(rows: usize, f: impl FnMut(usize) -> Option<bool>) -> ArrayRef {
    super::value::booleans(rows, f)
}

/// The nulls of a call's arguments together, where each is a column or a constant that is not NULL.
fn union_nulls(call: &Call<'_>) -> Option<Option<NullBuffer>> {
    let mut nulls: Option<NullBuffer> = None;
    for arg in call.args {
        if arg.constant && call.rows != 1 {
            if arg.array.is_null(0) {
                return None;
            }
            continue;
        }
        nulls = NullBuffer::union(nulls.as_ref(), arg.array.nulls());
    }
    Some(nulls)
}

/// Integers without looking at NULLs in the loop: their bits are added afterwards.
fn integer_columns(call: &Call<'_>, op: CompareOp, a: &Integers<'_>, b: &Integers<'_>) -> Option<ArrayRef> {
    let nulls = union_nulls(call)?;
    let bits = match (a.column(call.rows), b.constant()) {
        (Some(column), Some(constant)) => answers(call.rows, op, |i| column[i], |_| constant),
        _ => answers(call.rows, op, |i| a.raw(i), |i| b.raw(i)),
    };
    Some(Arc::new(BooleanArray::new(bits, nulls)))
}

fn answers(rows: usize, op: CompareOp, a: impl Fn(usize) -> i64, b: impl Fn(usize) -> i64) -> BooleanBuffer {
    match op {
        CompareOp::Eq => BooleanBuffer::collect_bool(rows, |i| a(i) == b(i)),
        CompareOp::NotEq => BooleanBuffer::collect_bool(rows, |i| a(i) != b(i)),
        CompareOp::Lt => BooleanBuffer::collect_bool(rows, |i| a(i) < b(i)),
        CompareOp::LtEq => BooleanBuffer::collect_bool(rows, |i| a(i) <= b(i)),
        CompareOp::Gt => BooleanBuffer::collect_bool(rows, |i| a(i) > b(i)),
        CompareOp::GtEq => BooleanBuffer::collect_bool(rows, |i| a(i) >= b(i)),
    }
}

/// `text = 'literal'` straight over offsets and bytes.
fn equals_literal(call: &Call<'_>, literal: &Literal, negated: bool) -> Result<ArrayRef> {
    let value = &call.args[0];
    if value.constant || value.array.data_type() != &ArrowType::Utf8 {
        let texts = call.texts(0)?;
        return Ok(from_options(call.rows, |i| texts.get(i).map(|t| (t.as_bytes() == literal.text()) != negated)));
    }
    let array = value.array.as_string::<i32>();
    let (offsets, bytes) = (array.value_offsets(), array.value_data());
    let bits = BooleanBuffer::collect_bool(call.rows, |i| {
        literal.is_at(bytes, offsets[i] as usize, offsets[i + 1] as usize) != negated
    });
    Ok(Arc::new(BooleanArray::new(bits, array.nulls().cloned())))
}

/// Exact order of two decimals of different scales.
pub(super) fn compare_decimals(a: i128, a_scale: u8, b: i128, b_scale: u8) -> Ordering {
    if a_scale == b_scale {
        return a.cmp(&b);
    }
    if a_scale < b_scale {
        return compare_decimals(b, b_scale, a, a_scale).reverse();
    }
    // b has the smaller scale: bring it up; where that overflows, b is further from zero.
    match b.checked_mul(decimal::power_of_ten(a_scale - b_scale)) {
        Some(b) => a.cmp(&b),
        None => 0.cmp(&b),
    }
}

/// The order of two values of one array type; NULLs are not compared. Used by GREATEST and LEAST.
pub(super) fn order(family: Family, a: &Value, i: usize, b: &Value, j: usize) -> Result<Option<Ordering>> {
    Ok(match family {
        Family::Integer => Integers::of(a)?.get(i).zip(Integers::of(b)?.get(j)).map(|(x, y)| x.cmp(&y)),
        Family::Decimal => {
            let (x, y) = (Decimals::of(a)?, Decimals::of(b)?);
            x.get(i).zip(y.get(j)).map(|(p, q)| compare_decimals(p, x.scale, q, y.scale))
        }
        Family::Double => Doubles::of(a)?.get(i).zip(Doubles::of(b)?.get(j)).map(|(x, y)| x.total_cmp(&y)),
        Family::Text => Texts::of(a)?.get(i).zip(Texts::of(b)?.get(j)).map(|(x, y)| x.cmp(y)),
        Family::Bytes => Bytes::of(a)?.get(i).zip(Bytes::of(b)?.get(j)).map(|(x, y)| x.cmp(y)),
        Family::Boolean => Booleans::of(a)?.get(i).zip(Booleans::of(b)?.get(j)).map(|(x, y)| x.cmp(&y)),
        Family::Nested | Family::Null => None,
    })
}

/// IS [NOT] DISTINCT FROM: equality in which NULL equals NULL.
pub(super) fn is_distinct(negated: bool, args: &[Arg]) -> Result<Kernel> {
    let equal = compile(CompareOp::Eq, args)?;
    Ok(Box::new(move |call| {
        let result = equal(call)?;
        let equal = result.as_boolean().clone();
        let (a, b) = (call.args[0].clone(), call.args[1].clone());
        let null = |v: &Value, i: usize| {
            v.array.data_type() == &ArrowType::Null || v.array.is_null(if v.constant { 0 } else { i })
        };
        Ok(from_options(call.rows, |i| {
            let same = match (null(&a, i), null(&b, i)) {
                (true, true) => true,
                (false, false) => equal.is_valid(i) && equal.value(i),
                _ => false,
            };
            Some(same == negated)
        }))
    }))
}

/// Whether two single values are equal, for looking up map keys.
pub(super) fn equal_scalars(a: &dyn Array, i: usize, b: &dyn Array, j: usize) -> bool {
    if let (ArrowType::Decimal128(_, x), ArrowType::Decimal128(_, y)) = (a.data_type(), b.data_type()) {
        let value = |array: &dyn Array, at: usize| array.as_primitive::<Decimal128Type>().value(at);
        let scale = |s: i8| u8::try_from(s).unwrap_or(0);
        return a.is_valid(i)
            && b.is_valid(j)
            && compare_decimals(value(a, i), scale(*x), value(b, j), scale(*y)).is_eq();
    }
    scalar_at(a, i).is_some_and(|x| scalar_at(b, j).as_ref() == Some(&x))
}
