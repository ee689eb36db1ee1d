//! Reads pairs one after the other and puts together what they come to.

use std::collections::BTreeMap;

use tidegate_core::options::nearest;
use tidegate_core::{Error, Result, Span};

use super::kinds::{self, Kind};
use super::table::{self, Change, Fate, Property};
use super::{ClientProperties, Isolation, agree, compression, sasl, servers, stores, wrong};

/// What was given of the properties that are not simply passed on. It holds secrets: no Debug.
#[derive(Default)]
pub(super) struct Given(BTreeMap<&'static str, (String, Span)>);

impl Given {
    /// The value, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str()).filter(|v| !v.is_empty())
    }

    /// Puts the place of a property into an error about it.
    pub(super) fn at<T>(&self, name: &str, result: Result<T>) -> Result<T> {
        result.map_err(|e| e.at(self.0.get(name).map(|(_, span)| *span).unwrap_or_default()))
    }

    /// The names that begin so.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.0.keys().copied().filter(move |n| n.starts_with(prefix))
    }
}

/// Properties on their way to a client.
pub(super) struct Reading<'a> {
    out: ClientProperties,
    given: Given,
    /// Value by name as written.
    seen: BTreeMap<String, String>,
    /// librdkafka property → the property that set it.
    origin: BTreeMap<&'static str, &'static str>,
    /// Other names that may have been meant by an unknown one.
    neighbours: &'a [&'a str],
}

impl<'a> Reading<'a> {
    /// Nothing read. `neighbours`: names that are no properties but could have been meant.
    pub(super) fn new(neighbours: &'a [&'a str]) -> Self {
        Reading {
            out: ClientProperties::default(),
            given: Given::default(),
            seen: BTreeMap::new(),
            origin: BTreeMap::new(),
            neighbours,
        }
    }

    /// One pair.
    pub(super) fn take(&mut self, name: &str, value: &str, span: Span) -> Result<()> {
        let name = name.trim();
        let property = table::find(name).ok_or_else(|| self.unknown(name)).map_err(|e| e.at(span))?;
        let value = kinds::check(property, value).map_err(|e| e.at(span))?;
        match self.seen.insert(name.to_owned(), value.clone()) {
            None => {}
            Some(before) if before == value => return Ok(()),
            Some(_) => return Err(wrong(name, "is given twice, with different values").at(span)),
        }
        match property.fate {
            Fate::Same | Fate::Renamed(_) => self.pass(property, value).map_err(|e| e.at(span))?,
            Fate::Translated | Fate::Connector => {
                self.given.0.insert(property.name, (value, span));
            }
            Fate::Decided(by) if by.contains(&value.as_str()) => {}
            Fate::Decided(_) => {
                let shown = if property.kind == Kind::Secret { String::new() } else { format!(" = '{value}'") };
                self.out.note(format!("Kafka property '{name}'{shown} has no effect: {}", property.why));
            }
            Fate::Meaningless if property.why.starts_with("is ") || property.why.starts_with("was ") => {
                self.out.note(format!("Kafka property '{name}' has no effect: it {}", property.why));
            }
            Fate::Meaningless => self.out.note(format!("Kafka property '{name}' has no effect: {}", property.why)),
            Fate::Refused => return Err(wrong(name, "cannot be used here").help(property.why).at(span)),
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Error {
        let known = table::all().map(|p| p.name).filter(|n| !n.ends_with('*'));
        let error = match self.neighbours {
            [] => Error::user(format!("unknown Kafka property '{name}'")),
            _ => Error::user(format!("'{name}' is neither an option of this table nor a property of a Kafka client")),
        };
        match nearest(name, known.chain(self.neighbours.iter().copied())) {
            Some(near) => error.help(format!("did you mean '{near}'?")),
            None => error.help("docs/kafka-properties.md lists the properties of Kafka clients"),
        }
    }

    fn pass(&mut self, property: &'static Property, value: String) -> Result<()> {
        let value = match property.change {
            Change::EmptyIsNone if value.is_empty() => "none".to_owned(),
            _ if value.is_empty() => return Ok(()),
            _ => match value.parse::<i64>() {
                Ok(n) if matches!(property.kind, Kind::Whole(..)) => self.number(property, n).to_string(),
                _ => value,
            },
        };
        for target in property.targets() {
            if let Some(other) = self.origin.insert(target, property.name)
                && self.out.setting(target) != Some(&value)
            {
                let what = format!("and '{other}' say different things about the same: librdkafka's '{target}'");
                return Err(wrong(property.name, what).help("keep one"));
            }
            self.out.set(target, value.clone());
        }
        Ok(())
    }

    fn number(&mut self, property: &Property, given: i64) -> i64 {
        let n = match property.change {
            Change::MinusOneIsZero if given == -1 => 0,
            Change::Kilobytes => given / 1024 + i64::from(given % 1024 != 0),
            _ => given,
        };
        let Some((least, most)) = property.limits else { return n };
        let cut = n.clamp(least, most);
        if cut != n {
            let unit = if property.change == Change::Kilobytes { " kilobytes" } else { "" };
            self.out.note(format!(
                "Kafka property '{}' = '{given}' is {} than librdkafka takes: {cut}{unit} is used",
                property.name,
                if n < least { "less" } else { "more" }
            ));
        }
        cut
    }

    /// What it all comes to.
    pub(super) fn finish(mut self) -> Result<ClientProperties> {
        self.connector()?;
        let (given, out) = (&self.given, &mut self.out);
        sasl::settle(given, out)?;
        stores::settle(given, out)?;
        compression::settle(given, out);
        agree::settle(&self.origin, out);
        Ok(self.out)
    }

    /// What the connector reads itself.
    fn connector(&mut self) -> Result<()> {
        let (given, out) = (&self.given, &mut self.out);
        if let Some(list) = given.get("bootstrap.servers") {
            given.at("bootstrap.servers", servers::check(list))?;
            out.bootstrap = Some(list.to_owned());
        }
        out.group = given.get("group.id").map(str::to_owned);
        if given.get("isolation.level") == Some("read_uncommitted") {
            out.isolation = Isolation::ReadUncommitted;
            out.note("Kafka property 'isolation.level' = 'read_uncommitted': rows of open and aborted transactions are read too");
        }
        if let Some(text) = given.get("auto.offset.reset") {
            out.offset_reset = Some(given.at("auto.offset.reset", offset_reset(text))?.to_owned());
        }
        let milliseconds = |name| given.get(name).and_then(|v| v.parse::<u64>().ok());
        let asked = [milliseconds("default.api.timeout.ms"), milliseconds("max.block.ms")].into_iter().flatten().max();
        // A call is never shorter than one of its requests, unless somebody says so.
        let request = out.setting("socket.timeout.ms").and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
        let timeout = asked.unwrap_or_else(|| out.call_timeout_ms.max(request));
        out.call_timeout_ms = timeout.min(i32::MAX as u64);
        Ok(())
    }
}

/// `earliest`, `latest` or `none`, also by the names of Kafka 0.8.
fn offset_reset(text: &str) -> Result<&'static str> {
    const NAMES: &[(&str, &str)] = &[
        ("earliest", "earliest"),
        ("latest", "latest"),
        ("none", "none"),
        ("smallest", "earliest"),
        ("largest", "latest"),
    ];
    let error = || wrong("auto.offset.reset", format_args!("'{text}' is not earliest, latest or none"));
    match NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((_, means)) => Ok(means),
        None if text.to_ascii_lowercase().starts_with("by_duration:") => {
            Err(error().help("begin at a time instead: the table's option for its start has a mode 'timestamp'"))
        }
        None => Err(match nearest(text, NAMES[..3].iter().map(|(name, _)| *name)) {
            Some(near) => error().help(format!("did you mean '{near}'?")),
            None => error(),
        }),
    }
}
