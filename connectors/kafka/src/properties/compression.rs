//! Java has a level for each way to compress, librdkafka has one.

use super::ClientProperties;
use super::reading::Given;

/// Sets the level of the way that is used; the others are noted.
pub(super) fn settle(given: &Given, out: &mut ClientProperties) {
    for codec in ["gzip", "lz4", "zstd"] {
        let name = format!("compression.{codec}.level");
        let Some(level) = given.get(&name).and_then(|v| v.parse::<i64>().ok()) else { continue };
        let used = out.setting("compression.codec").unwrap_or("none");
        if used != codec {
            let text = format!("Kafka property '{name}' has no effect: compression.type is {used}");
            out.note(text);
            continue;
        }
        // gzip's -1 means its default in both; zstd's numbers below 1 mean other things in Java.
        let least = if codec == "gzip" { -1 } else { 1 };
        let cut = level.clamp(least, 12);
        if cut != level {
            out.note(format!("Kafka property '{name}' = '{level}': librdkafka takes {least} to 12, {cut} is used"));
        }
        if out.setting("compression.level").is_none() {
            out.set("compression.level", cut.to_string());
        }
    }
}
