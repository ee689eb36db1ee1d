//! Casts among numbers and BOOLEAN, with Java's narrowing: integers wrap, doubles saturate.

use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::decimal;

use super::super::kernel::Kernel;
use super::super::value::{booleans, decimals, doubles, integers};

/// Number or BOOLEAN to number or BOOLEAN.
pub(super) fn compile(from: &SqlType, to: &SqlType) -> Result<Kernel> {
    let integral = |t: &SqlType| t.is_integer() || matches!(t, SqlType::IntervalYearMonth | SqlType::IntervalDayTime);
    let target = to.clone();
    Ok(match (from, to) {
        (SqlType::Boolean, t) if integral(t) => Box::new(move |call| {
            let input = call.booleans(0)?;
            integers(&target, call.rows, |i| input.get(i).map(i64::from))
        }),
        (SqlType::Boolean, t) if t.is_approximate() => Box::new(move |call| {
            let input = call.booleans(0)?;
            Ok(doubles(&target, call.rows, |i| input.get(i).map(|b| f64::from(u8::from(b)))))
        }),
        (SqlType::Boolean, SqlType::Decimal(p, s)) => {
            let (p, s) = (*p, *s);
            Box::new(move |call| {
                let input = call.booleans(0)?;
                decimals(p, s, call.rows, |i| input.get(i).map(|b| i128::from(b) * decimal::power_of_ten(s)))
            })
        }
        (f, SqlType::Boolean) if f.is_approximate() => Box::new(|call| {
            let input = call.doubles(0)?;
            Ok(booleans(call.rows, |i| input.get(i).map(|d| d != 0.0)))
        }),
        (_, SqlType::Boolean) => Box::new(|call| {
            let input = call.decimals(0)?;
            Ok(booleans(call.rows, |i| input.get(i).map(|n| n != 0)))
        }),
        (f, t) if integral(f) && integral(t) => Box::new(move |call| {
            let input = call.integers(0)?;
            integers(&target, call.rows, |i| input.get(i))
        }),
        (f, t) if f.is_approximate() && integral(t) => {
            // Java goes through int for everything narrower than long.
            let long = !matches!(t, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int);
            Box::new(move |call| {
                let input = call.doubles(0)?;
                integers(&target, call.rows, |i| {
                    input.get(i).map(|d| if long { d as i64 } else { i64::from(d as i32) })
                })
            })
        }
        (SqlType::Decimal(_, s), t) if integral(t) => {
            let unit = decimal::power_of_ten(*s);
            Box::new(move |call| {
                let input = call.decimals(0)?;
                integers(&target, call.rows, |i| input.get(i).map(|d| (d / unit) as i64))
            })
        }
        (_, t) if t.is_approximate() => Box::new(move |call| {
            let input = call.doubles(0)?;
            Ok(doubles(&target, call.rows, |i| input.get(i)))
        }),
        (f, SqlType::Decimal(p, s)) if f.is_approximate() => {
            let (p, s) = (*p, *s);
            Box::new(move |call| {
                let input = call.doubles(0)?;
                let problems = &mut *call.problems;
                decimals(p, s, call.rows, |i| {
                    let value = decimal::from_double(input.get(i)?, p, s);
                    if value.is_none() {
                        problems.count_null(i);
                    }
                    value
                })
            })
        }
        (_, SqlType::Decimal(p, s)) => {
            let (p, s) = (*p, *s);
            Box::new(move |call| {
                let input = call.decimals(0)?;
                let problems = &mut *call.problems;
                decimals(p, s, call.rows, |i| {
                    let value = decimal::rescale(input.get(i)?, input.scale, s, p);
                    if value.is_none() {
                        problems.count_null(i);
                    }
                    value
                })
            })
        }
        _ => return Err(Error::user(format!("{from} cannot be cast to {to}"))),
    })
}
