//! `+ - * / MOD`. Integers wrap as Java's do, decimals are exact and NULL (counted) where the result
//! has too many digits, division by zero is a row error also for doubles.

use arrow_array::ArrayRef;
use arrow_buffer::i256;
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::decimal;
use tidegate_plan::Function;

use super::kernel::{Arg, Call, Kernel};
use super::value::{Value, decimals, doubles, integers};
use super::view::Decimals;

/// The operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide { null_on_zero: bool },
    Modulo,
}

/// `+ - * / MOD`
pub(super) fn binary(function: &Function, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    let op = match function {
        Function::Add => Binary::Add,
        Function::Subtract => Binary::Subtract,
        Function::Multiply => Binary::Multiply,
        Function::Divide { null_on_zero } => Binary::Divide { null_on_zero: *null_on_zero },
        Function::Modulo => Binary::Modulo,
        other => return Err(Error::internal(format!("{other:?} is not arithmetic"))),
    };
    for arg in &args[..2] {
        let ty = arg.ty();
        if ty.is_text() || ty.is_bytes() || matches!(ty, SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_)) {
            return Err(Error::user(format!("cannot calculate with {ty}")).help("cast it to a number first"));
        }
    }
    let approximate = args[..2].iter().any(|a| a.ty().is_approximate());
    Ok(match to {
        SqlType::Decimal(p, s) if !approximate => {
            let (p, s) = (*p, *s);
            Box::new(move |call| decimal_binary(call, op, p, s))
        }
        t if t.is_approximate() || approximate => Box::new(move |call| double_binary(call, op)),
        _ if args[..2].iter().any(|a| matches!(a.ty(), SqlType::Decimal(..))) => Box::new(move |call| {
            let wide = decimal_binary(call, op, 38, 0)?;
            let value = Value::column(wide);
            let input = Decimals::of(&value)?;
            integers(call.ty, call.rows, |i| input.get(i).map(|d| d as i64))
        }),
        _ => Box::new(move |call| integer_binary(call, op)),
    })
}

const BY_ZERO: (&str, &str) = ("ArithmeticException", "Division by zero");

fn integer_binary(call: &mut Call<'_>, op: Binary) -> Result<ArrayRef> {
    let (a, b) = (call.integers(0)?, call.integers(1)?);
    let problems = &mut *call.problems;
    integers(call.ty, call.rows, |i| {
        let (x, y) = (a.get(i)?, b.get(i)?);
        Some(match op {
            Binary::Add => x.wrapping_add(y),
            Binary::Subtract => x.wrapping_sub(y),
            Binary::Multiply => x.wrapping_mul(y),
            Binary::Divide { null_on_zero: true } if y == 0 => return None,
            Binary::Divide { .. } | Binary::Modulo if y == 0 => {
                problems.fail(i, BY_ZERO.0, BY_ZERO.1);
                return None;
            }
            Binary::Divide { .. } => x.wrapping_div(y),
            Binary::Modulo => x.wrapping_rem(y),
        })
    })
}

fn double_binary(call: &mut Call<'_>, op: Binary) -> Result<ArrayRef> {
    let (a, b) = (call.doubles(0)?, call.doubles(1)?);
    let problems = &mut *call.problems;
    Ok(doubles(call.ty, call.rows, |i| {
        let (x, y) = (a.get(i)?, b.get(i)?);
        Some(match op {
            Binary::Add => x + y,
            Binary::Subtract => x - y,
            Binary::Multiply => x * y,
            Binary::Divide { null_on_zero: true } if y == 0.0 => return None,
            Binary::Divide { .. } if y == 0.0 => {
                problems.fail(i, BY_ZERO.0, BY_ZERO.1);
                return None;
            }
            Binary::Divide { .. } => x / y,
            Binary::Modulo => x % y,
        })
    }))
}

fn decimal_binary(call: &mut Call<'_>, op: Binary, p: u8, s: u8) -> Result<ArrayRef> {
    let (a, b) = (call.decimals(0)?, call.decimals(1)?);
    let (sa, sb) = (a.scale, b.scale);
    let problems = &mut *call.problems;
    decimals(p, s, call.rows, |i| {
        let (x, y) = (a.get(i)?, b.get(i)?);
        if y == 0 && matches!(op, Binary::Divide { .. } | Binary::Modulo) {
            if op != (Binary::Divide { null_on_zero: true }) {
                problems.fail(i, BY_ZERO.0, BY_ZERO.1);
            }
            return None;
        }
        let value = exact(op, x, sa, y, sb, s).filter(|v| decimal::fits(*v, p));
        if value.is_none() {
            problems.count_null(i);
        }
        value
    })
}

/// The result at scale `s`, rounded half up; `None` beyond 38 digits.
fn exact(op: Binary, x: i128, sa: u8, y: i128, sb: u8, s: u8) -> Option<i128> {
    let wide = |v: i128, by: u8| i256::from_i128(v).checked_mul(power(by)?);
    match op {
        Binary::Add | Binary::Subtract | Binary::Modulo => {
            let scale = sa.max(sb);
            let (l, r) = (wide(x, scale - sa)?, wide(y, scale - sb)?);
            let value = match op {
                Binary::Add => l.checked_add(r)?,
                Binary::Subtract => l.checked_sub(r)?,
                _ => l.checked_rem(r)?,
            };
            at_scale(value, scale, s)
        }
        Binary::Multiply => at_scale(i256::from_i128(x).checked_mul(i256::from_i128(y))?, sa + sb, s),
        Binary::Divide { .. } => {
            // x / 10^sa ÷ (y / 10^sb) at scale s is x · 10^(s + sb - sa) ÷ y.
            let shift = i32::from(s) + i32::from(sb) - i32::from(sa);
            let by = u8::try_from(shift.unsigned_abs()).ok()?;
            if shift >= 0 { divide(wide(x, by)?, i256::from_i128(y)) } else { divide(i256::from_i128(x), wide(y, by)?) }
        }
    }
}

fn power(n: u8) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::from(n))
}

fn at_scale(value: i256, from: u8, to: u8) -> Option<i128> {
    if to >= from { value.checked_mul(power(to - from)?)?.to_i128() } else { divide(value, power(from - to)?) }
}

/// Rounds half up, away from zero.
fn divide(value: i256, divisor: i256) -> Option<i128> {
    let (q, r) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
    let (r, d) = (r.wrapping_abs(), divisor.wrapping_abs());
    let up = r >= d.wrapping_sub(r) && r != i256::ZERO;
    let negative = (value < i256::ZERO) != (divisor < i256::ZERO);
    let step = if up { if negative { i256::MINUS_ONE } else { i256::ONE } } else { i256::ZERO };
    q.checked_add(step)?.to_i128()
}
