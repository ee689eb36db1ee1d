//! Casts among DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ, and to and from seconds.

use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::calendar::{DAY, SECOND};
use tidegate_formats::text::timestamp::truncate;
use tidegate_formats::text::zone::Zone;

use super::super::kernel::Kernel;
use super::super::value::integers;

/// Between two types of time. All go through the wall clock in µs.
pub(super) fn between(from: &SqlType, to: &SqlType, zone: Zone) -> Result<Kernel> {
    if matches!((from, to), (SqlType::Date, SqlType::Time(_)) | (SqlType::Time(_), SqlType::Date)) {
        return Err(Error::user(format!("{from} cannot be cast to {to}")));
    }
    let (from, to) = (from.clone(), to.clone());
    Ok(Box::new(move |call| {
        let input = call.integers(0)?;
        integers(&to, call.rows, |i| {
            let value = input.get(i)?;
            if let (SqlType::TimestampLtz(_), SqlType::TimestampLtz(p)) = (&from, &to) {
                return Some(truncate(value, *p));
            }
            let wall = match &from {
                SqlType::Date => value.checked_mul(DAY)?,
                SqlType::Time(_) => value * 1000,
                SqlType::TimestampLtz(_) => zone.to_wall(value),
                _ => value,
            };
            Some(match &to {
                SqlType::Date => wall.div_euclid(DAY),
                SqlType::Time(_) => wall.rem_euclid(DAY) / 1000,
                SqlType::TimestampLtz(p) => zone.to_instant(truncate(wall, *p)),
                SqlType::Timestamp(p) => truncate(wall, *p),
                _ => wall,
            })
        })
    }))
}

/// Between a time and a number of seconds since 1970 (Blink, and Flink's legacy casts). The
/// planner refuses these casts in modern Flink.
pub(super) fn seconds(from: &SqlType, to: &SqlType) -> Result<Kernel> {
    let target = to.clone();
    Ok(match (from, to) {
        (f, t) if f.is_timestamp() && t.is_integer() => Box::new(move |call| {
            let input = call.integers(0)?;
            integers(&target, call.rows, |i| input.get(i).map(|us| us.div_euclid(SECOND)))
        }),
        (f, t) if f.is_integer() && t.is_timestamp() => Box::new(move |call| {
            let input = call.integers(0)?;
            integers(&target, call.rows, |i| input.get(i).and_then(|s| s.checked_mul(SECOND)))
        }),
        (SqlType::Date | SqlType::Time(_), t) | (t, SqlType::Date | SqlType::Time(_)) if t.is_integer() => {
            Box::new(move |call| {
                let input = call.integers(0)?;
                integers(&target, call.rows, |i| input.get(i))
            })
        }
        _ => return Err(Error::user(format!("{from} cannot be cast to {to}"))),
    })
}
