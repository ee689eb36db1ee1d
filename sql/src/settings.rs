//! SET statements: known keys checked and given a meaning, unknown ones named.
//!
//! A setting holds for the whole job, wherever it stands; the last one wins and RESET takes it back.
//! Keys of Flink, Blink and DTStack are accepted in every dialect. Unknown keys are warnings, except
//! `tidegate.*`, which are errors with the nearest name.

mod keys;

use std::str::FromStr;

use tidegate_core::options::{nearest, parse_duration, parse_size};
use tidegate_core::{Dialect, Error, Result, Span};
use tidegate_plan::OnRowError;

use crate::ast::{Name, Script, Setting, StatementKind, Warning};
use crate::dialect::Inferred;
use keys::{Effect, KEYS, Key};

/// Everything SET decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the plan carries; `dialect`, `dialect_reason` and `zone` are filled in, `dead_letter`
    /// is left to the binder (see [`Settings::dead_letter`]).
    pub plan: tidegate_plan::Settings,
    /// `tidegate.dead-letter`: the table for bad rows.
    pub dead_letter: Option<Name>,
    /// `table.exec.source.idle-timeout` in ms; `None`: off.
    pub idle_timeout_ms: Option<i64>,
    /// `table.exec.legacy-cast-behaviour`
    pub legacy_cast: bool,
    /// `table.exec.sink.not-null-enforcer = DROP`
    pub drop_nulls: bool,
    /// `table.exec.sink.upsert-materialize`
    pub materialize: Materialize,
    /// `table.exec.source.cdc-events-duplicate`: normalise change sources by primary key.
    pub cdc_duplicates: bool,
    /// `tidegate.create-topics`: create missing topics, with so many partitions where a number is given.
    pub create_topics: Option<Option<u32>>,
    /// Keys that have no effect here, and the like.
    pub warnings: Vec<Warning>,
}

/// `table.exec.sink.upsert-materialize`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialize {
    /// Where upsert key ≠ sink key.
    Auto,
    /// Never.
    None,
    /// Always.
    Force,
}

impl Settings {
    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.plan.dialect
    }

    /// The defaults of a dialect.
    pub fn defaults(inferred: &Inferred) -> Settings {
        Settings {
            plan: tidegate_plan::Settings {
                dialect: inferred.dialect,
                dialect_reason: inferred.reason.clone(),
                zone: default_zone(inferred.dialect),
                job_name: None,
                checkpoint_interval_ms: 1000,
                state_ttl_ms: 0,
                mini_batch: true,
                on_error: OnRowError::Stop,
                dead_letter: None,
                epoch_bytes: 64 << 20,
                pending_bytes: 1 << 30,
                log_retention_ms: 600_000,
                require_exactly_once: false,
                parallelism: None,
                raw: Vec::new(),
            },
            dead_letter: None,
            idle_timeout_ms: None,
            legacy_cast: false,
            drop_nulls: false,
            materialize: Materialize::Auto,
            cdc_duplicates: false,
            create_topics: None,
            warnings: Vec::new(),
        }
    }

    /// The settings of a script. `overrides` (`--set k=v`) win over the script's own.
    ///
    /// # Errors
    /// Values of the wrong kind, unknown `tidegate.*` keys.
    pub fn of(script: &Script, inferred: &Inferred, overrides: &[(String, String)]) -> Result<Settings> {
        let mut settings = Settings::defaults(inferred);
        for set in effective(script, overrides) {
            settings.apply(&set)?;
        }
        if settings.dead_letter.is_some() && settings.plan.on_error == OnRowError::Stop {
            settings.plan.on_error = OnRowError::DeadLetter;
        }
        if settings.plan.on_error == OnRowError::DeadLetter && settings.dead_letter.is_none() {
            return Err(Error::user("'tidegate.on-error' = 'dead-letter' without a table for the rows")
                .help("add SET 'tidegate.dead-letter' = 'name of a table'"));
        }
        Ok(settings)
    }

    fn apply(&mut self, set: &Setting) -> Result<()> {
        self.plan.raw.push((set.key.text.clone(), shown(&set.key.text, &set.value)));
        let Some(key) = KEYS.iter().find(|k| k.names.iter().any(|n| n.eq_ignore_ascii_case(&set.key.text))) else {
            return self.unknown(set);
        };
        match key.effect {
            Effect::None(why) => self.warn(set, format!("'{}' has no effect here: {why}", set.key.text)),
            _ => self.effect(key, set).map_err(|e| e.at(set.value_span).context(format!("SET '{}'", set.key.text)))?,
        }
        Ok(())
    }

    fn effect(&mut self, key: &Key, set: &Setting) -> Result<()> {
        let v = set.value.trim();
        match key.effect {
            Effect::None(_) | Effect::Dialect => {}
            Effect::Zone => self.plan.zone = zone(v, self.plan.dialect)?,
            Effect::JobName => self.plan.job_name = Some(v.to_owned()),
            Effect::Checkpoint => self.plan.checkpoint_interval_ms = positive(v)?,
            // Several Blink keys say it; the longest holds.
            Effect::StateTtl => self.plan.state_ttl_ms = duration(v)?.max(self.plan.state_ttl_ms),
            Effect::MiniBatch => self.plan.mini_batch = boolean(v)?,
            Effect::IdleTimeout => self.idle_timeout_ms = Some(duration(v)?).filter(|ms| *ms > 0),
            Effect::Parallelism => {
                let n = v.parse::<u32>().ok().filter(|n| *n > 0);
                self.plan.parallelism = Some(n.ok_or_else(|| wrong(v, "a number of tasks"))?);
            }
            Effect::OnError => self.plan.on_error = on_error(v)?,
            Effect::DeadLetter => {
                self.dead_letter = Some(Name { text: v.trim_matches('`').to_owned(), span: set.value_span });
            }
            Effect::Require => {
                self.plan.require_exactly_once = one_of(v, &["exactly-once", "at-least-once"])? == "exactly-once";
            }
            Effect::EpochBytes => self.plan.epoch_bytes = size(v)?,
            Effect::PendingBytes => self.plan.pending_bytes = size(v)?,
            Effect::LogRetention => self.plan.log_retention_ms = duration(v)?,
            Effect::CreateTopics => self.create_topics = create_topics(v)?,
            Effect::LegacyCast => self.legacy_cast = one_of(v, &["ENABLED", "DISABLED"])? == "ENABLED",
            Effect::NotNull => self.drop_nulls = one_of(v, &["DROP", "ERROR"])? == "DROP",
            Effect::CdcDuplicates => self.cdc_duplicates = boolean(v)?,
            Effect::Materialize => {
                self.materialize = match one_of(v, &["AUTO", "NONE", "FORCE"])? {
                    "NONE" => Materialize::None,
                    "FORCE" => Materialize::Force,
                    _ => Materialize::Auto,
                }
            }
            Effect::Only(values, why) => {
                let given = one_of(v, values)?;
                if given != values[0] {
                    self.warn(set, format!("'{}' = '{given}' has no effect here: {why}", set.key.text));
                }
            }
            Effect::TableOnly => {
                return Err(Error::user(format!("'{}' belongs to a table", set.key.text))
                    .help("write it into the table's WITH clause or into an OPTIONS hint"));
            }
        }
        Ok(())
    }

    fn unknown(&mut self, set: &Setting) -> Result<()> {
        let name = set.key.text.as_str();
        let near = nearest(name, KEYS.iter().flat_map(|k| k.names.iter().copied()));
        if name.to_ascii_lowercase().starts_with("tidegate.") {
            let own = KEYS.iter().flat_map(|k| k.names.iter().copied()).filter(|n| n.starts_with("tidegate."));
            let error = Error::user(format!("unknown setting '{name}'")).at(set.key.span);
            return Err(match nearest(name, own.clone()) {
                Some(n) => error.help(format!("did you mean '{n}'?")),
                None => error.help(format!("the settings are {}", own.collect::<Vec<_>>().join(", "))),
            });
        }
        let mut message = format!("setting '{name}' is not known and has no effect");
        if let Some(n) = near {
            message.push_str(&format!("; did you mean '{n}'?"));
        }
        self.warnings.push(Warning { message, span: set.key.span });
        Ok(())
    }

    fn warn(&mut self, set: &Setting, message: String) {
        self.warnings.push(Warning { message, span: set.key.span });
    }
}

/// The settings that hold at the end: RESET applied, overrides last.
fn effective(script: &Script, overrides: &[(String, String)]) -> Vec<Setting> {
    let mut out: Vec<Setting> = Vec::new();
    for s in &script.statements {
        match &s.kind {
            StatementKind::Set(set) => {
                out.retain(|o| !o.key.text.eq_ignore_ascii_case(&set.key.text));
                out.push(set.clone());
            }
            StatementKind::Reset(None) => out.clear(),
            StatementKind::Reset(Some(key)) => out.retain(|o| !o.key.text.eq_ignore_ascii_case(&key.text)),
            _ => {}
        }
    }
    for (k, v) in overrides {
        out.retain(|o| !o.key.text.eq_ignore_ascii_case(k));
        let key = Name { text: k.clone(), span: Span::default() };
        out.push(Setting { key, value: v.clone(), value_span: Span::default() });
    }
    out
}

fn shown(key: &str, value: &str) -> String {
    if tidegate_core::options::is_secret_name(key) { "***".to_owned() } else { value.to_owned() }
}

fn default_zone(dialect: Dialect) -> String {
    match dialect {
        Dialect::Flink => jiff::tz::TimeZone::system().iana_name().map_or_else(|| "UTC".to_owned(), str::to_owned),
        Dialect::Blink | Dialect::UFlink => "Asia/Shanghai".to_owned(),
    }
}

/// A zone by name (`Asia/Shanghai`), as `GMT+08:00`, `UTC+8`, or `default`.
fn zone(v: &str, dialect: Dialect) -> Result<String> {
    if v.eq_ignore_ascii_case("default") {
        return Ok(default_zone(dialect));
    }
    zone_name(v).ok_or_else(|| {
        Error::user(format!("'{v}' is not a time zone")).help("write a name such as 'Asia/Shanghai', or 'GMT+08:00'")
    })
}

/// The canonical name of a zone: an IANA name, or a fixed offset as `+08:00`.
pub fn zone_name(v: &str) -> Option<String> {
    if v.eq_ignore_ascii_case("z") || v.eq_ignore_ascii_case("utc") || v.eq_ignore_ascii_case("gmt") {
        return Some("UTC".to_owned());
    }
    let offset = ["GMT", "UTC"].iter().find_map(|p| v.strip_prefix(p)).unwrap_or(v);
    if let Some(rest) = offset.strip_prefix(['+', '-']) {
        let (h, m) = rest.split_once(':').unwrap_or((rest, "0"));
        let (h, m) = (h.parse::<u8>().ok()?, m.parse::<u8>().ok()?);
        return (h <= 18 && m < 60).then(|| format!("{}{h:02}:{m:02}", &offset[..1]));
    }
    jiff::tz::TimeZone::get(v).ok().map(|z| z.iana_name().map_or_else(|| v.to_owned(), str::to_owned))
}

fn wrong(v: &str, what: &str) -> Error {
    Error::user(format!("'{v}' is not {what}"))
}

fn boolean(v: &str) -> Result<bool> {
    bool::from_str(&v.to_ascii_lowercase()).map_err(|_| wrong(v, "true or false"))
}

/// `true`: with the cluster's default number of partitions; a number: with that many.
fn create_topics(v: &str) -> Result<Option<Option<u32>>> {
    match v.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(None)),
        "false" => Ok(None),
        n => match n.parse::<u32>() {
            Ok(n) if n > 0 => Ok(Some(Some(n))),
            _ => Err(wrong(v, "true, false or a number of partitions")),
        },
    }
}

fn duration(v: &str) -> Result<i64> {
    parse_duration(v).ok_or_else(|| wrong(v, "a duration such as '10 s' or '5 min'"))
}

fn positive(v: &str) -> Result<i64> {
    duration(v).and_then(|ms| if ms > 0 { Ok(ms) } else { Err(wrong(v, "longer than 0")) })
}

fn size(v: &str) -> Result<u64> {
    parse_size(v)
        .and_then(|n| u64::try_from(n).ok())
        .filter(|n| *n > 0)
        .ok_or_else(|| wrong(v, "a size such as '64mb'"))
}

fn one_of<'a>(v: &str, values: &[&'a str]) -> Result<&'a str> {
    values
        .iter()
        .find(|x| x.eq_ignore_ascii_case(v))
        .copied()
        .ok_or_else(|| wrong(v, &format!("one of {}", values.join(", "))))
}

/// `tidegate.on-error` of a job or table.
pub(crate) fn on_error(v: &str) -> Result<OnRowError> {
    Ok(match one_of(v, &["stop", "dead-letter", "ignore"])? {
        "stop" => OnRowError::Stop,
        "ignore" => OnRowError::Ignore,
        _ => OnRowError::DeadLetter,
    })
}
