//! Functions between times and text.

use arrow_array::ArrayRef;
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::calendar::{DAY, SECOND};
use tidegate_formats::text::cast::blink_timestamp;
use tidegate_formats::text::pattern::{Letters, Parsed, Pattern};
use tidegate_formats::text::timestamp::{
    parse_date, parse_strict, parse_timestamp, truncate, write_date, write_timestamp,
};
use tidegate_formats::text::zone::Zone;
use tidegate_plan::Function;

use super::kernel::{Arg, Call, Kernel};
use super::time::Wall;
use super::value::{integers, texts};
use super::view::Texts;

const DEFAULT: &str = "yyyy-MM-dd HH:mm:ss";

/// A pattern argument: constant ones are compiled once, others when they change.
#[derive(Debug, Clone)]
struct Source {
    letters: Letters,
    constant: Option<Pattern>,
}

impl Source {
    fn of(arg: &Arg, letters: Letters) -> Result<Source> {
        let constant = match arg.text() {
            Some(text) => Some(Pattern::compile(text, letters).map_err(Error::user)?),
            None => None,
        };
        Ok(Source { letters, constant })
    }
    fn default_pattern(letters: Letters) -> Result<Source> {
        Ok(Source { letters, constant: Some(Pattern::compile(DEFAULT, letters).map_err(Error::internal)?) })
    }
    /// Ready for the rows of a call; `arg` is where the pattern stands, if it is an argument.
    fn reader<'a>(&'a self, call: &Call<'a>, arg: Option<usize>) -> Result<Patterns<'a>> {
        let texts = match arg {
            Some(at) if self.constant.is_none() => Some(call.texts(at)?),
            _ => None,
        };
        Ok(Patterns { source: self, texts, last: None })
    }
}

struct Patterns<'a> {
    source: &'a Source,
    texts: Option<Texts<'a>>,
    last: Option<(&'a str, Option<Pattern>)>,
}

impl Patterns<'_> {
    /// The pattern of a row; `None` where it is NULL or broken.
    fn get(&mut self, row: usize) -> Option<&Pattern> {
        if let Some(p) = &self.source.constant {
            return Some(p);
        }
        let text = self.texts.as_ref()?.get(row)?;
        if self.last.as_ref().is_none_or(|(t, _)| *t != text) {
            self.last = Some((text, Pattern::compile(text, self.source.letters).ok()));
        }
        self.last.as_ref().and_then(|(_, p)| p.as_ref())
    }
}

/// The functions of this module.
pub(super) fn compile(function: &Function, args: &[Arg]) -> Result<Kernel> {
    match function {
        Function::ToTimestamp => to_timestamp(args),
        Function::TextToInstant { zone } => text_to_instant(args, Zone::named(zone)?),
        Function::DateFormat { zone } => date_format(args, zone),
        Function::DateFormatText => reformat(args, false),
        Function::DateFormatFromTo => reformat(args, true),
        Function::FromUnixtime { zone } => from_unixtime(args, Zone::named(zone)?),
        Function::UnixTimestampText { zone, null_on_error } => unix_timestamp(args, Zone::named(zone)?, *null_on_error),
        Function::ToDate => to_date(args),
        Function::DateDiff { zone } => date_diff(args, zone),
        Function::DateAdd { zone } => date_add(args, zone, 1),
        Function::DateSub { zone } => date_add(args, zone, -1),
        Function::ConvertTz => Ok(Box::new(convert_tz)),
        other => Err(Error::internal(format!("{other:?} is not between time and text"))),
    }
}

/// The pattern that a later argument gives, or the default one.
fn pattern_at(args: &[Arg], at: usize, letters: Letters) -> Result<(Source, Option<usize>)> {
    match args.get(at) {
        Some(arg) => Ok((Source::of(arg, letters)?, Some(at))),
        None => Ok((Source::default_pattern(letters)?, None)),
    }
}

fn precision(ty: &SqlType) -> u8 {
    match ty {
        SqlType::Timestamp(p) | SqlType::TimestampLtz(p) => *p,
        _ => 3,
    }
}

/// TO_TIMESTAMP(text[, pattern]); with a pattern, plain `y-M-d[ H:m:s[.f]]` is understood as well.
fn to_timestamp(args: &[Arg]) -> Result<Kernel> {
    if args.len() < 2 {
        return Ok(Box::new(|call| {
            let input = call.texts(0)?;
            let p = precision(call.ty);
            integers(call.ty, call.rows, |i| parse_timestamp(input.get(i)?).ok().map(|us| truncate(us, p)))
        }));
    }
    let (source, at) = pattern_at(args, 1, Letters::Formatter)?;
    Ok(Box::new(move |call| {
        let input = call.texts(0)?;
        let mut patterns = source.reader(call, at)?;
        let p = precision(call.ty);
        integers(call.ty, call.rows, |i| {
            let text = input.get(i)?;
            let parsed = patterns.get(i)?.parse(text).map(|r| r.wall);
            parsed.or_else(|| parse_timestamp(text.trim()).ok()).map(|us| truncate(us, p))
        })
    }))
}

/// Blink TO_TIMESTAMP(text[, pattern]).
fn text_to_instant(args: &[Arg], zone: Zone) -> Result<Kernel> {
    if args.len() < 2 {
        return Ok(Box::new(move |call| {
            let input = call.texts(0)?;
            integers(call.ty, call.rows, |i| blink_timestamp(input.get(i)?).map(|wall| zone.to_instant(wall)))
        }));
    }
    let (source, at) = pattern_at(args, 1, Letters::Simple)?;
    Ok(Box::new(move |call| {
        let input = call.texts(0)?;
        let mut patterns = source.reader(call, at)?;
        integers(call.ty, call.rows, |i| patterns.get(i)?.parse(input.get(i)?).map(|p| instant(p, &zone)))
    }))
}

/// A parsed text's own offset decides, else the zone.
fn instant(parsed: Parsed, zone: &Zone) -> i64 {
    match parsed.offset {
        Some(offset) => parsed.wall.saturating_sub(offset * SECOND),
        None => zone.to_instant(parsed.wall),
    }
}

/// DATE_FORMAT(time, pattern)
fn date_format(args: &[Arg], zone: &str) -> Result<Kernel> {
    let wall = Wall::of(args[0].ty(), zone)?;
    let source = Source::of(&args[1], Letters::Formatter)?;
    Ok(Box::new(move |call| {
        let input = call.integers(0)?;
        let mut patterns = source.reader(call, Some(1))?;
        Ok(texts(call.rows, |i, out| {
            let (Some(value), Some(pattern)) = (input.get(i), patterns.get(i)) else { return false };
            let local = wall.read(value);
            let offset = if let Wall::Instant(_) = wall { (local - value) / SECOND } else { 0 };
            pattern.write(out, local, offset);
            true
        }))
    }))
}

/// Reads `yyyy-MM-dd HH:mm:ss` as `SimpleDateFormat` would; regular texts without the pattern.
fn parse_default(text: &str, pattern: &Pattern) -> Option<i64> {
    let more_digits = text.as_bytes().get(19).is_some_and(u8::is_ascii_digit);
    if !more_digits && let Some(wall) = text.get(..19).and_then(|t| parse_strict(t, b' ', false)) {
        return Some(wall);
    }
    pattern.parse(text).map(|p| p.wall)
}

/// The date of a text `yyyy-MM-dd HH:mm:ss`, as it stands there; `None` leaves it to parsing.
fn date_of(text: &str) -> Option<&str> {
    let regular = text.len() == 19 && text.as_bytes()[0] != b'0';
    (regular && parse_strict(text, b' ', false).is_some()).then(|| &text[..10])
}

/// DATE_FORMAT(text, to) and DATE_FORMAT(text, from, to): a text that does not parse is NULL.
fn reformat(args: &[Arg], with_from: bool) -> Result<Kernel> {
    let from =
        if with_from { Source::of(&args[1], Letters::Simple)? } else { Source::default_pattern(Letters::Simple)? };
    let from_at = with_from.then_some(1);
    let to_at = if with_from { 2 } else { 1 };
    let to = Source::of(&args[to_at], Letters::Simple)?;
    Ok(Box::new(move |call| {
        let input = call.texts(0)?;
        let mut from = from.reader(call, from_at)?;
        let mut to = to.reader(call, Some(to_at))?;
        Ok(texts(call.rows, |i, out| {
            let (Some(text), Some(read), Some(write)) = (input.get(i), from.get(i), to.get(i)) else { return false };
            if !with_from
                && write.is_date()
                && let Some(date) = date_of(text)
            {
                out.push_str(date);
                return true;
            }
            let wall = if with_from { read.parse(text).map(|p| p.wall) } else { parse_default(text, read) };
            wall.map(|w| write.write(out, w, 0)).is_some()
        }))
    }))
}

/// FROM_UNIXTIME(seconds[, pattern])
fn from_unixtime(args: &[Arg], zone: Zone) -> Result<Kernel> {
    let (source, at) = pattern_at(args, 1, Letters::Simple)?;
    Ok(Box::new(move |call| {
        let input = call.integers(0)?;
        let mut patterns = source.reader(call, at)?;
        Ok(texts(call.rows, |i, out| {
            let (Some(seconds), Some(pattern)) = (input.get(i), patterns.get(i)) else { return false };
            let Some(us) = seconds.checked_mul(SECOND) else { return false };
            pattern.write(out, zone.to_wall(us), zone.offset_at(seconds));
            true
        }))
    }))
}

/// UNIX_TIMESTAMP(text[, pattern]) in seconds.
fn unix_timestamp(args: &[Arg], zone: Zone, null_on_error: bool) -> Result<Kernel> {
    let (source, at) = pattern_at(args, 1, Letters::Simple)?;
    let default = args.len() < 2;
    Ok(Box::new(move |call| {
        let input = call.texts(0)?;
        let mut patterns = source.reader(call, at)?;
        integers(call.ty, call.rows, |i| {
            let (text, pattern) = (input.get(i)?, patterns.get(i)?);
            let us = if default {
                parse_default(text, pattern).map(|wall| zone.to_instant(wall))
            } else {
                pattern.parse(text).map(|p| instant(p, &zone))
            };
            match us {
                Some(us) => Some(us.div_euclid(SECOND)),
                None if null_on_error => None,
                None => Some(i64::MIN),
            }
        })
    }))
}

/// TO_DATE(text[, pattern]) and Blink's TO_DATE(days).
fn to_date(args: &[Arg]) -> Result<Kernel> {
    if args[0].ty().is_integer() {
        return Ok(Box::new(|call| {
            let input = call.integers(0)?;
            integers(call.ty, call.rows, |i| input.get(i))
        }));
    }
    if args.len() < 2 {
        return Ok(Box::new(|call| {
            let input = call.texts(0)?;
            integers(call.ty, call.rows, |i| parse_date(input.get(i)?))
        }));
    }
    let (source, at) = pattern_at(args, 1, Letters::Simple)?;
    Ok(Box::new(move |call| {
        let input = call.texts(0)?;
        let mut patterns = source.reader(call, at)?;
        integers(call.ty, call.rows, |i| patterns.get(i)?.parse(input.get(i)?).map(|p| p.wall.div_euclid(DAY)))
    }))
}

/// An argument of the date functions: a text or a time, as a day.
enum Days {
    Text,
    Time(Wall),
}

impl Days {
    fn of(arg: &Arg, zone: &str) -> Result<Days> {
        if arg.ty().is_text() { Ok(Days::Text) } else { Ok(Days::Time(Wall::of(arg.ty(), zone)?)) }
    }
    fn read(&self, call: &Call<'_>, arg: usize) -> Result<Vec<Option<i64>>> {
        match self {
            Days::Text => {
                let input = call.texts(arg)?;
                Ok((0..call.rows).map(|i| input.get(i).and_then(parse_date)).collect())
            }
            Days::Time(wall) => {
                let input = call.integers(arg)?;
                Ok((0..call.rows).map(|i| input.get(i).map(|v| wall.read(v).div_euclid(DAY))).collect())
            }
        }
    }
}

fn date_diff(args: &[Arg], zone: &str) -> Result<Kernel> {
    let (a, b) = (Days::of(&args[0], zone)?, Days::of(&args[1], zone)?);
    Ok(Box::new(move |call| {
        let (x, y) = (a.read(call, 0)?, b.read(call, 1)?);
        integers(call.ty, call.rows, |i| Some(x[i]? - y[i]?))
    }))
}

fn date_add(args: &[Arg], zone: &str, sign: i64) -> Result<Kernel> {
    let days = Days::of(&args[0], zone)?;
    Ok(Box::new(move |call| {
        let (from, count) = (days.read(call, 0)?, call.integers(1)?);
        Ok(texts(call.rows, |i, out| {
            let moved = from[i].zip(count.get(i)).and_then(|(d, n)| d.checked_add(sign.checked_mul(n)?));
            // Years that no date text has.
            let Some(day) = moved.filter(|d| (-719_528..=2_932_896).contains(d)) else { return false };
            write_date(out, day);
            true
        }))
    }))
}

/// CONVERT_TZ(text, from zone, to zone); NULL where the text or a zone is not understood.
fn convert_tz(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, from, to) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    let pattern = Pattern::compile(DEFAULT, Letters::Simple).map_err(Error::internal)?;
    let mut zones: Vec<(String, Option<Zone>)> = Vec::new();
    let mut zone = |name: &str| -> Option<Zone> {
        if let Some((_, zone)) = zones.iter().find(|(n, _)| n == name) {
            return zone.clone();
        }
        let zone = Zone::named(name).ok();
        // A column of ever new names must not grow this list for ever.
        if zones.len() < 64 {
            zones.push((name.to_string(), zone.clone()));
        }
        zone
    };
    Ok(texts(call.rows, |i, out| {
        let (Some(text), Some(from), Some(to)) = (input.get(i), from.get(i), to.get(i)) else { return false };
        let (Some(from), Some(to)) = (zone(from), zone(to)) else { return false };
        let Some(wall) = parse_default(text, &pattern) else { return false };
        write_timestamp(out, to.to_wall(from.to_instant(wall)), 0);
        true
    }))
}
