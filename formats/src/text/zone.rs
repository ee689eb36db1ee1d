//! Time zones as a table of offsets, so that a conversion costs one comparison for zones without
//! current rules (Asia/Shanghai) and a short search for the others.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use tidegate_core::{Error, Result};

use super::calendar::SECOND;

/// Transitions after this instant (2200-01-01) are computed when asked for.
const TABLE_END: i64 = 7_258_118_400;

/// A time zone.
#[derive(Clone)]
pub struct Zone {
    name: String,
    table: Arc<Table>,
}

struct Table {
    zone: TimeZone,
    /// Second from which the offset holds; the first is the beginning of time.
    from: Vec<i64>,
    offset: Vec<i64>,
    /// Whether rules go on beyond the table.
    open: bool,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone::from_time_zone("UTC", TimeZone::UTC)
    }

    /// The zone of a name: IANA (`Asia/Shanghai`), `UTC`, `Z`, `+08:00`, `GMT+8`, `UTC+08:00`. An
    /// empty name is UTC.
    ///
    /// # Errors
    /// Where no such zone is known.
    pub fn named(name: &str) -> Result<Zone> {
        let trimmed = name.trim();
        if trimmed.is_empty() || matches!(trimmed, "UTC" | "GMT" | "Z" | "UT") {
            return Ok(Zone::from_time_zone(trimmed, TimeZone::UTC));
        }
        let rest = trimmed.strip_prefix("GMT").or_else(|| trimmed.strip_prefix("UTC")).unwrap_or(trimmed);
        if let Some(seconds) = parse_offset(rest) {
            let offset = i32::try_from(seconds).ok().and_then(|s| Offset::from_seconds(s).ok());
            if let Some(offset) = offset {
                return Ok(Zone::from_time_zone(trimmed, TimeZone::fixed(offset)));
            }
        }
        match TimeZone::get(trimmed) {
            Ok(zone) => Ok(Zone::from_time_zone(trimmed, zone)),
            Err(_) => Err(Error::user(format!("unknown time zone '{name}'"))
                .help("use an IANA name such as Asia/Shanghai, or an offset such as +08:00")),
        }
    }

    /// The zone the machine is set to; UTC where that cannot be found out.
    pub fn system() -> Zone {
        let zone = TimeZone::system();
        let name = zone.iana_name().unwrap_or("UTC").to_string();
        Zone::from_time_zone(&name, zone)
    }

    fn from_time_zone(name: &str, zone: TimeZone) -> Zone {
        let first = zone.to_offset(Timestamp::MIN).seconds();
        let (mut from, mut offset) = (vec![i64::MIN], vec![i64::from(first)]);
        let mut open = false;
        for t in zone.following(Timestamp::MIN) {
            if t.timestamp().as_second() >= TABLE_END {
                open = true;
                break;
            }
            from.push(t.timestamp().as_second());
            offset.push(i64::from(t.offset().seconds()));
        }
        let name = if name.is_empty() { "UTC" } else { name }.to_string();
        Zone { name, table: Arc::new(Table { zone, from, offset, open }) }
    }

    /// Its name, as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds east of UTC at an instant (seconds since 1970).
    pub fn offset_at(&self, second: i64) -> i64 {
        let t = &*self.table;
        if t.open && second >= TABLE_END {
            let at = Timestamp::from_second(second.min(Timestamp::MAX.as_second())).unwrap_or(Timestamp::MAX);
            return i64::from(t.zone.to_offset(at).seconds());
        }
        let last = t.from.len() - 1;
        if second >= t.from[last] {
            return t.offset[last];
        }
        t.offset[t.from.partition_point(|f| *f <= second).saturating_sub(1)]
    }

    /// What the wall clock shows at an instant; both in microseconds since 1970.
    pub fn to_wall(&self, instant: i64) -> i64 {
        instant.saturating_add(self.offset_at(instant.div_euclid(SECOND)) * SECOND)
    }

    /// The instant at which the wall clock shows a time; both in microseconds. A time that occurs
    /// twice is its first occurrence; a time that is skipped moves on by the gap (as `java.time`).
    pub fn to_instant(&self, wall: i64) -> i64 {
        let second = wall.div_euclid(SECOND);
        // The offsets a day before and a day after: equal but around a transition.
        let before = self.offset_at(second.saturating_sub(86_400));
        let after = self.offset_at(second.saturating_add(86_400));
        let minus = |offset: i64| wall.saturating_sub(offset * SECOND);
        if before == after {
            return minus(before);
        }
        let early = self.offset_at(second - before) == before;
        let late = self.offset_at(second - after) == after;
        match (early, late) {
            (false, true) => minus(after),
            // Both: the first occurrence. Neither: the gap, which the old offset jumps over.
            _ => minus(before),
        }
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

/// `+08:00`, `+8`, `+0800`, `-05:30` in seconds.
pub fn parse_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', ..] => (1, &text[1..]),
        [b'-', ..] => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((h, m)) => (h, m),
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |s: &str| -> Option<i64> {
        if s.is_empty() || s.len() > 2 || !s.bytes().all(|b| b.is_ascii_digit()) { None } else { s.parse().ok() }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::calendar::{DAY, days_of};

    fn wall(y: i64, m: i64, d: i64, h: i64, min: i64) -> i64 {
        days_of(y, m, d) * DAY + (h * 60 + min) * 60 * SECOND
    }

    #[test]
    fn shanghai_is_eight_hours_ahead() {
        let zone = Zone::named("Asia/Shanghai").unwrap();
        assert_eq!(zone.offset_at(1_598_528_716), 28_800);
        assert_eq!(zone.offset_at(662_688_000 - 10_000_000), 32_400); // summer time of 1990
        assert_eq!(zone.to_instant(wall(2020, 8, 27, 19, 45)), wall(2020, 8, 27, 11, 45));
    }

    #[test]
    fn gaps_and_overlaps_as_java_resolves_them() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let hour = 3600 * SECOND;
        // 2021-03-28 02:30 does not exist: 03:30 summer time.
        assert_eq!(zone.to_instant(wall(2021, 3, 28, 2, 30)), wall(2021, 3, 28, 1, 30));
        // 2021-10-31 02:30 occurs twice: the first, in summer time.
        assert_eq!(zone.to_instant(wall(2021, 10, 31, 2, 30)), wall(2021, 10, 31, 0, 30));
        assert_eq!(zone.to_instant(wall(2021, 10, 31, 3, 30)), wall(2021, 10, 31, 2, 30));
        assert_eq!(zone.to_wall(wall(2300, 7, 1, 0, 0)) - wall(2300, 7, 1, 0, 0), 2 * hour);
    }

    #[test]
    fn offsets_and_mistakes() {
        assert_eq!(Zone::named("GMT+8").unwrap().offset_at(0), 28_800);
        assert_eq!(Zone::named("+08:00").unwrap().offset_at(0), 28_800);
        assert_eq!(Zone::named("-0530").unwrap().offset_at(0), -19_800);
        assert_eq!(Zone::named("").unwrap().offset_at(0), 0);
        assert!(Zone::named("Asia/Shanghay").is_err());
    }
}
