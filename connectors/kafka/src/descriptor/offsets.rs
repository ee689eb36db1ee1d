//! Offsets and times as options write them.

use tidegate_core::split::GroupFallback;
use tidegate_core::{Error, Result};

use crate::properties::ClientProperties;

/// What `auto.offset.reset` says of a group without offsets, or the dialect's own way.
pub fn group_fallback(client: &ClientProperties, otherwise: GroupFallback) -> GroupFallback {
    match client.offset_reset.as_deref() {
        Some("earliest") => GroupFallback::Earliest,
        Some("latest") => GroupFallback::Latest,
        Some(_) => GroupFallback::Fail,
        None => otherwise,
    }
}

/// `partition:0,offset:42;partition:1,offset:300`
pub fn flink_offsets(option: &str, text: &str) -> Result<Vec<(i32, i64)>> {
    let one = |part: &str| -> Option<(i32, i64)> {
        let (p, o) = part.split_once(',')?;
        let partition = p.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset = o.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        Some((partition, offset))
    };
    text.split(';')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(one)
        .collect::<Option<Vec<_>>>()
        .filter(|v| !v.is_empty())
        .ok_or_else(|| {
            Error::user(format!("option '{option}': '{text}' is not a list of offsets"))
                .help("write 'partition:0,offset:42;partition:1,offset:300'")
        })
}

/// `{"0":12,"1":32}`; `None` where the text is not JSON at all.
pub fn json_offsets(option: &str, text: &str) -> Result<Vec<(i32, i64)>> {
    let wrong = || {
        Error::user(format!("option '{option}': '{text}' is not a list of offsets")).help("write '{\"0\":12,\"1\":32}'")
    };
    let map: std::collections::BTreeMap<String, i64> = serde_json::from_str(text).map_err(|_| wrong())?;
    map.into_iter().map(|(p, o)| p.trim().parse().map(|p| (p, o)).map_err(|_| wrong())).collect()
}

/// `yyyy-MM-dd HH:mm:ss` in a zone, as milliseconds.
pub fn local_time(option: &str, text: &str, zone: &str) -> Result<i64> {
    let wrong =
        || Error::user(format!("option '{option}': '{text}' is not a time")).help("write 'yyyy-MM-dd HH:mm:ss'");
    let time: jiff::civil::DateTime = text.trim().parse().map_err(|_| wrong())?;
    let zone = jiff::tz::TimeZone::get(zone).map_err(|_| {
        Error::user(format!("'{zone}' is not a time zone")).help("write a name such as 'Asia/Shanghai'")
    })?;
    time.to_zoned(zone).map(|z| z.timestamp().as_millisecond()).map_err(|_| wrong())
}

/// Topic names separated by a character.
pub fn topics(text: &str, separator: char) -> Result<Vec<String>> {
    let topics: Vec<String> =
        text.split(separator).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
    match topics.iter().find(|t| !is_topic(t)) {
        _ if topics.is_empty() => Err(Error::user("option 'topic' is empty")),
        Some(bad) => Err(Error::user(format!("'{bad}' is not the name of a topic"))
            .help("topics have letters, digits, '.', '_' and '-', at most 249")),
        None => Ok(topics),
    }
}

fn is_topic(name: &str) -> bool {
    name.len() <= 249
        && name != "."
        && name != ".."
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
