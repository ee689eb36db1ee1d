//! Options of dimension tables, which are alike in all connectors of a dialect.

use crate::error::{Error, Result};
use crate::options::{CheckedOptions, OptionKind, OptionSpec};
use crate::table::{LookupCache, LookupOptions};

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const PARTITIONED: &str = "lookups follow the hash of their keys as it is";
const BATCHES: &str = "lookups are asked in batches, without a pool of their own";

/// Flink: `lookup.*`.
pub const FLINK: &[OptionSpec] = &[
    opt("lookup.cache", OptionKind::OneOf(&["NONE", "PARTIAL", "FULL"]), "Which rows are kept.").default("NONE"),
    opt("lookup.partial-cache.max-rows", OptionKind::Integer, "Rows kept.").aliases(&["lookup.cache.max-rows"]),
    opt("lookup.partial-cache.expire-after-write", OptionKind::Duration, "Until a row is asked again.")
        .aliases(&["lookup.cache.ttl"]),
    opt("lookup.partial-cache.expire-after-access", OptionKind::Duration, "Until an unused row is asked again."),
    opt("lookup.partial-cache.cache-missing-key", OptionKind::Boolean, "Whether keys without rows are kept.")
        .default("true")
        .aliases(&["lookup.partial-cache.caching-missing-key", "lookup.cache.caching-missing-key"]),
    opt(
        "lookup.full-cache.reload-strategy",
        OptionKind::OneOf(&["PERIODIC", "TIMED"]),
        "When all rows are read again.",
    )
    .default("PERIODIC"),
    opt("lookup.full-cache.periodic-reload.interval", OptionKind::Duration, "Until all rows are read again."),
    opt(
        "lookup.full-cache.periodic-reload.schedule-mode",
        OptionKind::Ignored,
        "the interval counts from the last read",
    ),
    opt("lookup.full-cache.timed-reload.iso-time", OptionKind::Ignored, "use periodic-reload.interval"),
    opt("lookup.full-cache.timed-reload.interval-in-days", OptionKind::Ignored, "use periodic-reload.interval"),
    opt("lookup.max-retries", OptionKind::Integer, "Tries after a failed lookup.").default("3"),
    opt("lookup.async", OptionKind::Ignored, BATCHES),
];

/// Blink: `cache`, `cacheSize` and so on.
pub const BLINK: &[OptionSpec] = &[
    opt("cache", OptionKind::OneOf(&["NONE", "LRU", "ALL"]), "Which rows are kept.").default("NONE"),
    opt("cacheSize", OptionKind::Integer, "Rows of an LRU cache.").default("10000"),
    opt("cacheTTLMs", OptionKind::Integer, "LRU: until a row is asked again; ALL: until all are read again.")
        .default("never"),
    opt("cacheReloadTimeBlackList", OptionKind::Ignored, "all rows are read again beside the job, at any time"),
    opt("cacheScanLimit", OptionKind::Integer, "Rows a scan asks for at once.").default("100"),
    opt("cacheEmpty", OptionKind::Boolean, "Whether keys without rows are kept.").default("true"),
    opt("partitionedJoin", OptionKind::Ignored, PARTITIONED),
    opt("shuffleEmptyKey", OptionKind::Ignored, PARTITIONED),
    opt("maxJoinRows", OptionKind::Integer, "Rows one key may match.").default("1024"),
    opt("async", OptionKind::Ignored, BATCHES),
    opt("asyncResultOrder", OptionKind::Ignored, "results keep their order"),
    opt("asyncTimeoutMs", OptionKind::Ignored, BATCHES),
    opt("asyncCapacity", OptionKind::Ignored, BATCHES),
    opt("asyncCallbackThreads", OptionKind::Ignored, BATCHES),
    opt("asyncConnectionQueueMaxsize", OptionKind::Ignored, BATCHES),
    opt("asyncCallbackQueueMaxsize", OptionKind::Ignored, BATCHES),
];

/// UFlink and DTStack: `cache`, `cacheSize` and so on, with defaults of their own.
pub const UFLINK: &[OptionSpec] = &[
    opt("cache", OptionKind::OneOf(&["NONE", "LRU", "ALL"]), "Which rows are kept.").default("NONE"),
    opt("cacheSize", OptionKind::Integer, "Rows of an LRU cache.").default("10000"),
    opt("cacheTTLMs", OptionKind::Integer, "Until a row (ALL: every row) is read again; at least 1000.")
        .default("60000"),
    opt("partitionedJoin", OptionKind::Ignored, PARTITIONED),
    opt("cacheMode", OptionKind::Ignored, "results keep their order"),
    opt("asyncCapacity", OptionKind::Ignored, BATCHES),
    opt("asyncTimeout", OptionKind::Ignored, BATCHES),
    opt("asyncPoolSize", OptionKind::Ignored, BATCHES),
    opt("asyncFailMaxNum", OptionKind::Ignored, "a failed lookup is tried again"),
    opt("connectRetryMaxNum", OptionKind::Integer, "Tries after a failed lookup."),
];

/// A connector's own specs and these, made once for the process.
pub fn with_lookup(own: &[OptionSpec], lookup: &[OptionSpec]) -> &'static [OptionSpec] {
    Box::leak([own, lookup].concat().into_boxed_slice())
}

fn number(options: &CheckedOptions, name: &str, least: i64) -> Result<Option<i64>> {
    let Some(text) = options.get(name) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(n) if n >= least => Ok(Some(n)),
        _ => Err(Error::user(format!("option '{name}': {text} is less than {least}"))),
    }
}

/// What [`FLINK`] options mean.
///
/// # Errors
/// Numbers below their least value.
pub fn flink(options: &CheckedOptions) -> Result<LookupOptions> {
    let mut out = LookupOptions::default();
    let rows = number(options, "lookup.partial-cache.max-rows", -1)?.filter(|n| *n > 0);
    let write = number(options, "lookup.partial-cache.expire-after-write", 0)?;
    let access = number(options, "lookup.partial-cache.expire-after-access", 0)?;
    out.cache = match options.get("lookup.cache") {
        Some("PARTIAL") => LookupCache::Lru,
        Some("FULL") => LookupCache::All,
        // The older options had no lookup.cache: both together turned the cache on.
        None if rows.is_some() && write.is_some() => LookupCache::Lru,
        _ => LookupCache::None,
    };
    out.max_rows = rows.and_then(|n| u64::try_from(n).ok()).unwrap_or(out.max_rows);
    out.ttl_ms = match out.cache {
        LookupCache::All => number(options, "lookup.full-cache.periodic-reload.interval", 1)?,
        _ => write.or(access),
    };
    out.cache_missing = options.get("lookup.partial-cache.cache-missing-key") != Some("false");
    retries(&mut out, number(options, "lookup.max-retries", 0)?);
    Ok(out)
}

/// What [`BLINK`] options mean. `maxRetryTimes` of the table counts as retries.
///
/// # Errors
/// Numbers below their least value.
pub fn blink(options: &CheckedOptions) -> Result<LookupOptions> {
    let mut out = cache(options, 1)?;
    out.cache_missing = options.get("cacheEmpty") != Some("false");
    retries(&mut out, number(options, "maxRetryTimes", 0)?);
    Ok(out)
}

/// What [`UFLINK`] options mean.
///
/// # Errors
/// Numbers below their least value.
pub fn uflink(options: &CheckedOptions) -> Result<LookupOptions> {
    let mut out = cache(options, 1000)?;
    out.ttl_ms = out.ttl_ms.or(Some(60_000));
    retries(&mut out, number(options, "connectRetryMaxNum", 0)?);
    Ok(out)
}

fn cache(options: &CheckedOptions, least_ttl: i64) -> Result<LookupOptions> {
    let mut out = LookupOptions {
        cache: match options.get("cache") {
            Some("LRU") => LookupCache::Lru,
            Some("ALL") => LookupCache::All,
            _ => LookupCache::None,
        },
        ..LookupOptions::default()
    };
    let rows = number(options, "cacheSize", 1)?;
    out.max_rows = rows.and_then(|n| u64::try_from(n).ok()).unwrap_or(out.max_rows);
    out.ttl_ms = number(options, "cacheTTLMs", least_ttl)?;
    Ok(out)
}

fn retries(out: &mut LookupOptions, given: Option<i64>) {
    if let Some(n) = given.and_then(|n| u32::try_from(n).ok()) {
        out.max_retries = n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Span;
    use crate::options::{OptionEntry, check_options};

    fn checked(specs: &[OptionSpec], pairs: &[(&str, &str)]) -> CheckedOptions {
        let entry =
            |(k, v): &(&str, &str)| OptionEntry { name: (*k).into(), value: (*v).into(), span: Span::default() };
        check_options(specs, &pairs.iter().map(entry).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn flink_new_and_old_names() {
        let new = [
            ("lookup.cache", "partial"),
            ("lookup.partial-cache.max-rows", "500"),
            ("lookup.partial-cache.expire-after-access", "1 min"),
            ("lookup.partial-cache.caching-missing-key", "false"),
            ("lookup.max-retries", "5"),
        ];
        let expected = LookupOptions {
            cache: LookupCache::Lru,
            max_rows: 500,
            ttl_ms: Some(60_000),
            cache_missing: false,
            max_retries: 5,
        };
        assert_eq!(flink(&checked(FLINK, &new)).unwrap(), expected);
        let old = [("lookup.cache.max-rows", "500"), ("lookup.cache.ttl", "10s")];
        let old = flink(&checked(FLINK, &old)).unwrap();
        assert_eq!((old.cache, old.ttl_ms), (LookupCache::Lru, Some(10_000)));
        assert_eq!(flink(&checked(FLINK, &[])).unwrap(), LookupOptions::default());
        let full = [("lookup.cache", "FULL"), ("lookup.full-cache.periodic-reload.interval", "1 h")];
        assert_eq!(flink(&checked(FLINK, &full)).unwrap().ttl_ms, Some(3_600_000));
    }

    #[test]
    fn the_older_dialects_differ_in_their_defaults() {
        let pairs = [("cache", "lru"), ("cacheSize", "7")];
        assert_eq!(blink(&checked(BLINK, &pairs)).unwrap().ttl_ms, None);
        assert_eq!(uflink(&checked(UFLINK, &pairs)).unwrap().ttl_ms, Some(60_000));
        assert_eq!(uflink(&checked(UFLINK, &pairs)).unwrap().max_rows, 7);
        assert!(uflink(&checked(UFLINK, &[("cacheTTLMs", "10")])).is_err());
    }
}
