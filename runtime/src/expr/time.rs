//! Functions over times that do not involve text.

use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::calendar::{DAY, Fields, SECOND, add_months, day_of_year, days_of, iso_week, weekday};
use tidegate_formats::text::timestamp::truncate;
use tidegate_formats::text::zone::Zone;
use tidegate_plan::{DateUnit, Function};

use super::kernel::{Arg, Kernel};
use super::value::integers;

/// How a time argument becomes a wall clock in µs.
#[derive(Debug, Clone)]
pub(super) enum Wall {
    Date,
    Time,
    Timestamp,
    Instant(Zone),
    Milliseconds,
}

impl Wall {
    /// For a type; the zone is used for instants only.
    pub fn of(ty: &SqlType, zone: &str) -> Result<Wall> {
        Ok(match ty {
            SqlType::Date => Wall::Date,
            SqlType::Time(_) => Wall::Time,
            SqlType::Timestamp(_) | SqlType::Null => Wall::Timestamp,
            SqlType::TimestampLtz(_) => Wall::Instant(Zone::named(zone)?),
            SqlType::IntervalDayTime => Wall::Milliseconds,
            other => return Err(Error::user(format!("{other} is not a date or time"))),
        })
    }
    /// To the wall clock.
    pub fn read(&self, value: i64) -> i64 {
        match self {
            Wall::Date => value.saturating_mul(DAY),
            Wall::Time | Wall::Milliseconds => value.saturating_mul(1000),
            Wall::Timestamp => value,
            Wall::Instant(zone) => zone.to_wall(value),
        }
    }
    /// Back from the wall clock.
    pub fn write(&self, wall: i64) -> i64 {
        match self {
            Wall::Date => wall.div_euclid(DAY),
            Wall::Time => wall.rem_euclid(DAY) / 1000,
            Wall::Milliseconds => wall / 1000,
            Wall::Timestamp => wall,
            Wall::Instant(zone) => zone.to_instant(wall),
        }
    }
}

/// Clocks: one value a batch.
pub(super) fn clock(function: &Function, args: &[Arg]) -> Result<Kernel> {
    let constant = |f: Box<dyn Fn(i64) -> i64 + Send + Sync>| -> Kernel {
        Box::new(move |call| {
            let value = f(call.context.now_micros);
            integers(call.ty, call.rows, |_| Some(value))
        })
    };
    Ok(match function {
        Function::CurrentTimestamp | Function::Proctime => constant(Box::new(|now| truncate(now, 3))),
        Function::LocalTimestamp { zone } => {
            let zone = Zone::named(zone)?;
            constant(Box::new(move |now| truncate(zone.to_wall(now), 3)))
        }
        Function::CurrentDate { zone } => {
            let zone = Zone::named(zone)?;
            constant(Box::new(move |now| zone.to_wall(now).div_euclid(DAY)))
        }
        Function::CurrentTime { zone } => {
            let zone = Zone::named(zone)?;
            constant(Box::new(move |now| zone.to_wall(now).rem_euclid(DAY) / SECOND * 1000))
        }
        _ if args.is_empty() => constant(Box::new(|now| now.div_euclid(SECOND))),
        // Blink NOW(offset): seconds are added.
        _ => Box::new(|call| {
            let offset = call.integers(0)?;
            let now = call.context.now_micros.div_euclid(SECOND);
            integers(call.ty, call.rows, |i| offset.get(i).map(|o| now.wrapping_add(o)))
        }),
    })
}

/// TO_TIMESTAMP_LTZ(number, 0|3): NULL outside the years 0 to 9999.
pub(super) fn epoch_to_instant(seconds: bool) -> Kernel {
    let low = days_of(0, 1, 1) * DAY;
    let high = days_of(10_000, 1, 1) * DAY;
    Box::new(move |call| {
        let unit = if seconds { SECOND } else { 1000 };
        let in_range = |us: i64| (us >= low && us < high).then_some(us);
        if matches!(call.args[0].array.data_type(), t if t.is_floating() || matches!(t, arrow_schema::DataType::Decimal128(..)))
        {
            let input = call.doubles(0)?;
            return integers(call.ty, call.rows, |i| {
                let ms = if seconds { input.get(i)? * 1000.0 } else { input.get(i)? };
                in_range((ms as i64).checked_mul(1000)?)
            });
        }
        let input = call.integers(0)?;
        integers(call.ty, call.rows, |i| input.get(i)?.checked_mul(unit).and_then(in_range))
    })
}

/// EXTRACT(unit FROM x)
pub(super) fn extract(unit: DateUnit, args: &[Arg], zone: &str) -> Result<Kernel> {
    if matches!(args[0].ty(), SqlType::IntervalYearMonth) {
        return Ok(Box::new(move |call| {
            let input = call.integers(0)?;
            integers(call.ty, call.rows, |i| {
                let months = input.get(i)?;
                Some(match unit {
                    DateUnit::Year => months / 12,
                    _ => months % 12,
                })
            })
        }));
    }
    let wall = Wall::of(args[0].ty(), zone)?;
    Ok(Box::new(move |call| {
        let input = call.integers(0)?;
        integers(call.ty, call.rows, |i| {
            let value = input.get(i)?;
            if let (DateUnit::Epoch, Wall::Instant(_)) = (unit, &wall) {
                return Some(value.div_euclid(SECOND));
            }
            Some(part(unit, wall.read(value)))
        })
    }))
}

fn part(unit: DateUnit, wall: i64) -> i64 {
    let f = Fields::of(wall);
    match unit {
        DateUnit::Millisecond => i64::from(f.micros) / 1000,
        DateUnit::Second => i64::from(f.second),
        DateUnit::Minute => i64::from(f.minute),
        DateUnit::Hour => i64::from(f.hour),
        DateUnit::Day => i64::from(f.date.day),
        DateUnit::Week => iso_week(f.days).1,
        DateUnit::Month => i64::from(f.date.month),
        DateUnit::Quarter => (i64::from(f.date.month) - 1) / 3 + 1,
        DateUnit::Year => f.date.year,
        DateUnit::DayOfWeek => weekday(f.days) + 1,
        DateUnit::DayOfYear => day_of_year(f.days),
        DateUnit::Epoch => wall.div_euclid(SECOND),
    }
}

/// FLOOR(x TO unit), CEIL(x TO unit)
pub(super) fn round_to(unit: DateUnit, up: bool, args: &[Arg], zone: &str) -> Result<Kernel> {
    let wall = Wall::of(args[0].ty(), zone)?;
    if matches!(unit, DateUnit::DayOfWeek | DateUnit::DayOfYear | DateUnit::Epoch) {
        return Err(Error::user(format!("a time cannot be rounded to {unit:?}")));
    }
    Ok(Box::new(move |call| {
        let input = call.integers(0)?;
        integers(call.ty, call.rows, |i| {
            let value = wall.read(input.get(i)?);
            let low = floor(unit, value);
            Some(wall.write(if up && low != value { next(unit, low) } else { low }))
        })
    }))
}

fn floor(unit: DateUnit, wall: i64) -> i64 {
    let f = Fields::of(wall);
    let year = f.date.year;
    let days = match unit {
        DateUnit::Year => days_of(year, 1, 1),
        DateUnit::Quarter => days_of(year, (i64::from(f.date.month) - 1) / 3 * 3 + 1, 1),
        DateUnit::Month => days_of(year, i64::from(f.date.month), 1),
        DateUnit::Week => f.days - weekday(f.days),
        _ => {
            let length = length(unit);
            return wall.saturating_sub(wall.rem_euclid(length));
        }
    };
    days.saturating_mul(DAY)
}

fn next(unit: DateUnit, wall: i64) -> i64 {
    let months = match unit {
        DateUnit::Year => 12,
        DateUnit::Quarter => 3,
        DateUnit::Month => 1,
        DateUnit::Week => return wall.saturating_add(7 * DAY),
        _ => return wall.saturating_add(length(unit)),
    };
    add_months(wall.div_euclid(DAY), months).saturating_mul(DAY)
}

/// Units of fixed length in µs.
fn length(unit: DateUnit) -> i64 {
    match unit {
        DateUnit::Millisecond => 1000,
        DateUnit::Second | DateUnit::Epoch => SECOND,
        DateUnit::Minute => 60 * SECOND,
        DateUnit::Hour => 3600 * SECOND,
        DateUnit::Week => 7 * DAY,
        _ => DAY,
    }
}

/// Months of a unit that has no fixed length.
fn months(unit: DateUnit) -> Option<i64> {
    match unit {
        DateUnit::Month => Some(1),
        DateUnit::Quarter => Some(3),
        DateUnit::Year => Some(12),
        _ => None,
    }
}

/// TIMESTAMPDIFF(unit, from, to): whole units, cut toward zero.
pub(super) fn difference(unit: DateUnit, args: &[Arg]) -> Result<Kernel> {
    let (a, b) = (Wall::of(args[0].ty(), "")?, Wall::of(args[1].ty(), "")?);
    Ok(Box::new(move |call| {
        let (from, to) = (call.integers(0)?, call.integers(1)?);
        integers(call.ty, call.rows, |i| {
            let (x, y) = (a.read(from.get(i)?), b.read(to.get(i)?));
            Some(match months(unit) {
                Some(n) => months_between(x, y) / n,
                None => (y.div_euclid(1000) - x.div_euclid(1000)) / (length(unit) / 1000),
            })
        })
    }))
}

/// Whole months from `x` to `y`.
fn months_between(x: i64, y: i64) -> i64 {
    if y < x {
        return -months_between(y, x);
    }
    let (a, b) = (Fields::of(x), Fields::of(y));
    let total = (b.date.year - a.date.year) * 12 + i64::from(b.date.month) - i64::from(a.date.month);
    let rest = |f: &Fields, wall: i64| (f.date.day, wall.rem_euclid(DAY));
    total - i64::from(rest(&b, y) < rest(&a, x))
}

/// TIMESTAMPADD(unit, n, x)
pub(super) fn add_unit(unit: DateUnit, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    let from = Wall::of(args[1].ty(), "")?;
    let into = Wall::of(to, "")?;
    Ok(Box::new(move |call| {
        let (count, input) = (call.integers(0)?, call.integers(1)?);
        integers(call.ty, call.rows, |i| {
            let (n, wall) = (count.get(i)?, from.read(input.get(i)?));
            let moved = match months(unit) {
                Some(m) => shift_months(wall, n.checked_mul(m)?)?,
                None => wall.checked_add(n.checked_mul(length(unit))?)?,
            };
            Some(into.write(moved))
        })
    }))
}

fn shift_months(wall: i64, months: i64) -> Option<i64> {
    // Beyond some ten thousand years the microseconds overflow; such a date is NULL.
    if months.abs() > 200_000 {
        return None;
    }
    add_months(wall.div_euclid(DAY), months).checked_mul(DAY)?.checked_add(wall.rem_euclid(DAY))
}

/// time ± interval; either operand may be the interval when adding.
pub(super) fn interval(subtract: bool, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    let is_interval = |a: &Arg| matches!(a.ty(), SqlType::IntervalYearMonth | SqlType::IntervalDayTime);
    let (time_at, interval_at) = if is_interval(&args[0]) && !is_interval(&args[1]) { (1, 0) } else { (0, 1) };
    let by_month = matches!(args[interval_at].ty(), SqlType::IntervalYearMonth);
    let sign = if subtract { -1 } else { 1 };
    if args[time_at].ty().is_integer() {
        // A BIGINT time attribute counts milliseconds.
        return Ok(Box::new(move |call| {
            let (time, interval) = (call.integers(time_at)?, call.integers(interval_at)?);
            integers(call.ty, call.rows, |i| time.get(i)?.checked_add(interval.get(i)?.checked_mul(sign)?))
        }));
    }
    let (from, into) = (Wall::of(args[time_at].ty(), "")?, Wall::of(to, "")?);
    Ok(Box::new(move |call| {
        let (time, interval) = (call.integers(time_at)?, call.integers(interval_at)?);
        integers(call.ty, call.rows, |i| {
            let wall = from.read(time.get(i)?);
            let amount = interval.get(i)?.checked_mul(sign)?;
            let moved =
                if by_month { shift_months(wall, amount)? } else { wall.checked_add(amount.checked_mul(1000)?)? };
            Some(into.write(moved))
        })
    }))
}
