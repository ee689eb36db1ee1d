//! CAST between all types that have a conversion.
//!
//! | from \ to | numbers | text | bytes | times | collections |
//! |---|---|---|---|---|---|
//! | numbers, BOOLEAN | integers wrap, doubles saturate as Java's casts do; a DECIMAL that does not fit is NULL | printed | – | Blink and legacy: seconds | – |
//! | text | parsed by the rule | cut, CHAR padded | UTF-8 | parsed | – |
//! | bytes | – | UTF-8 | cut, BINARY padded | – | – |
//! | times | Blink and legacy: seconds | printed in the zone | – | through the zone | – |
//! | collections | – | `[1, 2]`, `{k=v}`, `(1, a)` | – | – | element by element |

mod from_text;
mod nested;
mod number;
pub(super) mod printer;
mod temporal;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, new_null_array};
use tidegate_core::scan::CastRule;
use tidegate_core::types::MAX_LENGTH;
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::cast::{fit_bytes, fit_text};
use tidegate_formats::text::zone::Zone;

use super::kernel::Kernel;
use super::value::{binaries, texts};
use printer::Print;

/// Whether values of `from` are values of `to` as they are.
pub(super) fn is_identity(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    match (from, to) {
        _ if from == to => true,
        (T::Char(n) | T::VarChar(n), T::VarChar(m)) | (T::Binary(n) | T::VarBinary(n), T::VarBinary(m)) => n <= m,
        (T::Timestamp(p), T::Timestamp(q)) | (T::TimestampLtz(p), T::TimestampLtz(q)) => p <= q,
        (T::Time(_), T::Time(_)) => true,
        (T::Array(a), T::Array(b)) => is_identity(&a.ty, &b.ty),
        (T::Map(a, b), T::Map(c, d)) => is_identity(&a.ty, &c.ty) && is_identity(&b.ty, &d.ty),
        (T::Row(a), T::Row(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(x, y)| x.name == y.name && is_identity(&x.data_type.ty, &y.data_type.ty))
        }
        _ => false,
    }
}

/// A cast.
///
/// # Errors
/// Where there is no conversion between the types, or the zone is unknown.
pub(super) fn compile(from: &SqlType, to: &SqlType, rule: CastRule, zone: &str) -> Result<Kernel> {
    use SqlType as T;
    let zone_of = || Zone::named(zone);
    Ok(match (from, to) {
        (T::Null, _) => {
            let ty = to.to_arrow();
            Box::new(move |call| Ok(new_null_array(&ty, call.rows)))
        }
        _ if is_identity(from, to) => Box::new(|call| {
            if call.args[0].constant { call.args[0].expand(call.rows) } else { Ok(Arc::clone(&call.args[0].array)) }
        }),
        (f, t) if f.is_text() && t.is_text() => fit(to.clone()),
        (f, t) if t.is_bytes() && (f.is_text() || f.is_bytes()) => to_bytes(to.clone()),
        (f, t) if t.is_text() => match Print::of(f, rule.flavor, zone)? {
            Some(print) => print_as(print, to.clone()),
            None => nested::to_text(f.clone(), to.clone(), rule.flavor, zone_of()?),
        },
        (f, t) if f.is_text() && is_scalar(t) => from_text::compile(to.clone(), rule, zone_of()?),
        (f, t) if is_number(f) && is_number(t) => number::compile(from, to)?,
        (f, t) if is_time(f) && is_time(t) => temporal::between(from, to, zone_of()?)?,
        (f, t) if (is_time(f) && t.is_integer()) || (f.is_integer() && is_time(t)) => temporal::seconds(from, to)?,
        (T::Array(_) | T::Map(..) | T::Row(_), _) => nested::elements(from, to, rule, zone)?,
        _ => return Err(Error::user(format!("{from} cannot be cast to {to}"))),
    })
}

fn is_number(ty: &SqlType) -> bool {
    ty.is_numeric() || matches!(ty, SqlType::Boolean | SqlType::IntervalYearMonth | SqlType::IntervalDayTime)
}

fn is_time(ty: &SqlType) -> bool {
    ty.is_timestamp() || matches!(ty, SqlType::Date | SqlType::Time(_))
}

fn is_scalar(ty: &SqlType) -> bool {
    is_time(ty) || ty.is_numeric() || matches!(ty, SqlType::Boolean)
}

fn fit(to: SqlType) -> Kernel {
    Box::new(move |call| {
        let input = call.texts(0)?;
        Ok(texts(call.rows, |i, out| {
            let Some(text) = input.get(i) else { return false };
            out.push_str(&fit_text(text, &to));
            true
        }))
    })
}

fn to_bytes(to: SqlType) -> Kernel {
    let length = match &to {
        SqlType::Binary(n) | SqlType::VarBinary(n) => *n,
        _ => MAX_LENGTH,
    };
    let whole = matches!(to, SqlType::VarBinary(MAX_LENGTH));
    Box::new(move |call| {
        // Bytes of any length are the text as it stands.
        if whole && let Some(texts) = call.args[0].array.as_string_opt::<i32>().filter(|a| a.len() == call.rows) {
            return Ok(Arc::new(BinaryArray::from(texts.clone())) as ArrayRef);
        }
        let input = call.bytes(0)?;
        Ok(binaries(call.rows, |i| input.get(i).map(|b| fit_bytes(b, &to, length))))
    })
}

fn print_as(print: Print, to: SqlType) -> Kernel {
    let whole = matches!(to, SqlType::VarChar(MAX_LENGTH));
    Box::new(move |call| {
        let mut printer = print.reader(&call.args[0])?;
        Ok(texts(call.rows, |i, out| {
            let present = printer.write(i, out);
            if present && !whole {
                let fitted = fit_text(out, &to).into_owned();
                *out = fitted;
            }
            present
        }))
    })
}
