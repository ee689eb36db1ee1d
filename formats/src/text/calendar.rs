//! Calendar arithmetic on days since 1970-01-01 and on microseconds, in the proleptic Gregorian
//! calendar. Total: out-of-range months and days carry over where a function says so.

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;

/// A calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Astronomical year (0 is 1 BC).
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A wall-clock time split into fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// The date.
    pub date: Date,
    /// Days since 1970-01-01.
    pub days: i64,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Fields {
    /// Splits microseconds since 1970-01-01 00:00 on the wall clock.
    pub fn of(wall_micros: i64) -> Fields {
        let days = wall_micros.div_euclid(DAY);
        let in_day = wall_micros.rem_euclid(DAY);
        let seconds = in_day / SECOND;
        Fields {
            date: date_of(days),
            days,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            micros: (in_day % SECOND) as u32,
        }
    }
}

/// The date of a day number. After Howard Hinnant's `civil_from_days`.
pub fn date_of(days: i64) -> Date {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Date { year, month: month as u8, day: day as u8 }
}

/// The day number of a date; months outside 1–12 and days outside the month carry over.
pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 + day - 1
}

/// Whether the year has a 29 February.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month (1–12).
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Moves a day number by months; the day is clamped to the month's last.
pub fn add_months(days: i64, months: i64) -> i64 {
    let date = date_of(days);
    let total = date.year * 12 + i64::from(date.month) - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    days_of(year, month, i64::from(date.day).min(days_in_month(year, month)))
}

/// 0 = Sunday … 6 = Saturday.
pub fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// 1 to 366.
pub fn day_of_year(days: i64) -> i64 {
    days - days_of(date_of(days).year, 1, 1) + 1
}

/// ISO 8601 week-based year and week (Monday first, four days at least).
pub fn iso_week(days: i64) -> (i64, i64) {
    // The week belongs to the year of its Thursday.
    let thursday = days - (weekday(days) + 6) % 7 + 3;
    let year = date_of(thursday).year;
    (year, (thursday - days_of(year, 1, 1)) / 7 + 1)
}

/// Week-based year and week in the US reading that Java has by default here (Sunday first, the week
/// of 1 January is week 1).
pub fn us_week(days: i64) -> (i64, i64) {
    let saturday = days - weekday(days) + 6;
    let year = date_of(saturday).year;
    (year, (saturday - days_of(year, 1, 1)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        let mut expected = days_of(-10, 1, 1);
        for year in -10..2110 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_of(year, month, day), expected);
                    assert_eq!(date_of(expected), Date { year, month: month as u8, day: day as u8 });
                    expected += 1;
                }
            }
        }
        assert_eq!(days_of(1970, 1, 1), 0);
        assert_eq!(days_of(2020, 13, 40), days_of(2021, 2, 9));
    }

    #[test]
    fn months_are_clamped() {
        assert_eq!(add_months(days_of(2020, 1, 31), 1), days_of(2020, 2, 29));
        assert_eq!(add_months(days_of(2020, 3, 31), -13), days_of(2019, 2, 28));
    }

    #[test]
    fn weeks() {
        assert_eq!(weekday(days_of(2020, 8, 27)), 4); // a Thursday
        assert_eq!(iso_week(days_of(2021, 1, 3)), (2020, 53));
        assert_eq!(iso_week(days_of(2021, 1, 4)), (2021, 1));
        assert_eq!(us_week(days_of(2019, 12, 29)), (2020, 1));
        assert_eq!(us_week(days_of(2020, 8, 27)), (2020, 35));
        assert_eq!(day_of_year(days_of(2020, 12, 31)), 366);
    }

    #[test]
    fn fields_before_1970() {
        let f = Fields::of(-1);
        assert_eq!((f.days, f.hour, f.minute, f.second, f.micros), (-1, 23, 59, 59, 999_999));
    }
}
