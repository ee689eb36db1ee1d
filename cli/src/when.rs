//! `--from` and `--until`: words and times.

use tidegate_core::split::{Bound, StartMode};
use tidegate_core::{Error, Result};

/// `earliest`, `latest`, milliseconds, or a time in a zone.
///
/// # Errors
/// Where the text is none of these.
pub fn start(text: &str, zone: &str) -> Result<StartMode> {
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(StartMode::Earliest),
        "latest" => Ok(StartMode::Latest),
        _ => millis(text, zone).map(StartMode::Timestamp),
    }
}

/// `latest`, milliseconds, or a time in a zone.
///
/// # Errors
/// Where the text is none of these.
pub fn bound(text: &str, zone: &str) -> Result<Bound> {
    match text.to_ascii_lowercase().as_str() {
        "latest" => Ok(Bound::Latest),
        _ => millis(text, zone).map(Bound::Timestamp),
    }
}

fn millis(text: &str, zone: &str) -> Result<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    let civil: jiff::civil::DateTime = text.replace(' ', "T").parse().map_err(|_| {
        Error::user(format!("'{text}' is not a place to start or stop"))
            .help("use earliest, latest, milliseconds since 1970, or '2020-08-27 00:00:00'")
    })?;
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    civil.to_zoned(zone).map(|z| z.timestamp().as_millisecond()).map_err(|e| Error::user(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_times() {
        assert_eq!(start("earliest", "UTC").unwrap(), StartMode::Earliest);
        assert_eq!(bound("2020-08-27 00:00:00", "Asia/Shanghai").unwrap(), Bound::Timestamp(1_598_457_600_000));
        assert!(start("soon", "UTC").is_err());
    }
}
