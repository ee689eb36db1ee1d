//! One field of one row: from its slot to a text, an integer, or any value.

use std::borrow::Cow;

use tidegate_core::Scalar;
use tidegate_core::raw::RawBatch;
use tidegate_core::scan::{Metadata, TimeUnit};
use tidegate_core::types::SqlType;

use super::early::Early;
use super::field::{Field, How, Source};
use super::fuse::{ChainEnd, Last, Residual};
use super::problem::OnBad;
use super::read::Reader;
use super::{cast, csv, raw, typed};
use crate::json::number::java_text;
use crate::json::oracle;
use crate::json::run::Slot;
use crate::json::scan::Kind;
use crate::json::string::unescape;
use crate::json::tree::Json;
use crate::text::short::Literal;
use crate::text::zone::Zone;

/// A value of any type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Scalar(Scalar),
    List(Vec<Datum>),
    Map(Vec<(String, Datum)>),
    /// A map of bytes: record headers.
    Headers(Vec<(String, Option<Vec<u8>>)>),
    Row(Vec<Datum>),
}

/// Why a field has no value.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) on: OnBad,
    pub(crate) reason: String,
}

/// The messages of a chunk, readable. A row is a message, counted from the chunk's first.
pub(crate) struct Chunk<'a> {
    pub(crate) raw: &'a RawBatch,
    pub(crate) readers: &'a [Reader],
    pub(crate) early: &'a Early,
    /// The first message.
    pub(crate) first: usize,
    /// The session's zone.
    pub(crate) zone: &'a Zone,
}

impl<'a> Chunk<'a> {
    /// The bytes of a text field; `None` is NULL.
    #[inline]
    pub(crate) fn text(&self, field: &Field, row: usize) -> Result<Option<Cow<'a, [u8]>>, Bad> {
        let Source::Slot { reader, slot, how } = &field.source else {
            return Ok(match self.value(field, row)? {
                Datum::Scalar(Scalar::Text(t)) => Some(Cow::Owned(t.into_bytes())),
                _ => None,
            });
        };
        let reader = &self.readers[*reader];
        let (value, bytes) = reader.value(&self.raw.data, row, *slot);
        match how {
            How::Chain(end) => {
                let text = if reader.slow[row] { self.slow(end, reader, row) } else { chain_text(end, value, bytes) };
                Ok(text.map(|t| match &end.fit {
                    Some((to, rule)) if !reader.slow[row] => {
                        Cow::Owned(cast::fit(String::from_utf8_lossy(&t).into_owned(), &to.ty, *rule).into_bytes())
                    }
                    _ => t,
                }))
            }
            How::Typed(options) => typed_text(value, bytes, options).map_err(|reason| Bad { on: field.on_bad, reason }),
            How::Raw { .. } => Ok((value.kind != Kind::Null).then_some(Cow::Borrowed(bytes))),
            How::Csv(options) => Ok(csv::text(value, bytes, options, &field.data_type.ty).map(Cow::Borrowed)),
        }
    }

    /// The row by the plain evaluation.
    #[cold]
    fn slow(&self, end: &ChainEnd, reader: &Reader, row: usize) -> Option<Cow<'a, [u8]>> {
        let record = &self.raw.records[self.first + row];
        let range = if reader.root == tidegate_core::scan::Root::Key { record.key } else { record.value }?;
        let text = String::from_utf8_lossy(self.raw.bytes(range));
        oracle::chain_text(&text, &end.steps).map(|t| Cow::Owned(t.into_bytes()))
    }

    /// A text field whose bytes mostly are the value as they stand.
    pub(crate) fn plain_texts(&self, field: &Field) -> Option<PlainTexts<'a>> {
        let Source::Slot { reader, slot, how } = &field.source else { return None };
        let plain = match how {
            How::Chain(end) => end.is_plain(),
            How::Typed(_) => true,
            How::Raw { .. } | How::Csv(_) => false,
        };
        plain.then(|| PlainTexts { reader: &self.readers[*reader], data: &self.raw.data, slot: *slot })
    }

    /// An integer field whose digits mostly are the value as they stand.
    #[inline]
    pub(crate) fn plain_ints(&self, field: &'a Field) -> Option<PlainInts<'a>> {
        PlainInts::of(field, self.readers, &self.raw.data, self.early.of(field))
    }

    /// An integer field.
    #[inline]
    pub(crate) fn int(&self, field: &'a Field, row: usize) -> Result<Option<i64>, Bad> {
        match self.plain_ints(field).and_then(|plain| plain.get(row)) {
            Some(n) => Ok(Some(n)),
            None => self.any_int(field, row),
        }
    }

    /// An integer field, whatever it takes.
    pub(crate) fn any_int(&self, field: &Field, row: usize) -> Result<Option<i64>, Bad> {
        match self.value(field, row)? {
            Datum::Scalar(Scalar::Int(n) | Scalar::Micros(n)) => Ok(Some(n)),
            _ => Ok(None),
        }
    }

    /// A field of any type.
    pub(crate) fn value(&self, field: &Field, row: usize) -> Result<Datum, Bad> {
        let null = Datum::Scalar(Scalar::Null);
        let bad = |reason| Bad { on: field.on_bad, reason };
        let (reader, slot, how) = match &field.source {
            Source::Never => return Ok(null),
            Source::Meta(meta) => return Ok(self.metadata(*meta, self.first + row)),
            Source::Slot { reader, slot, how } => (&self.readers[*reader], *slot, how),
        };
        let (value, bytes) = reader.value(&self.raw.data, row, slot);
        let ty = &field.data_type.ty;
        match how {
            How::Chain(end) => {
                let Some(text) = self.text(field, row)? else { return Ok(null) };
                let text = String::from_utf8_lossy(&text);
                match &end.cast {
                    Some((to, rule)) => cast::text_to(&text, to, *rule, self.zone).map(Datum::Scalar).map_err(bad),
                    None => Ok(Datum::Scalar(Scalar::Text(text.into_owned()))),
                }
            }
            How::Typed(options) => match value.kind {
                Kind::Object | Kind::Array => {
                    let json = Json::parse(bytes).map_err(|e| bad(e.to_string()))?;
                    typed::datum(&json, &field.data_type, options).map_err(bad)
                }
                _ => match typed_text(value, bytes, options).map_err(bad)? {
                    None => Ok(null),
                    Some(text) => {
                        let text = std::str::from_utf8(&text).map_err(|_| bad("the text is not UTF-8".to_owned()))?;
                        typed::scalar(value.kind, text, ty, options).map(Datum::Scalar).map_err(bad)
                    }
                },
            },
            How::Raw { little_endian } => {
                if value.kind == Kind::Null {
                    return Ok(null);
                }
                raw::scalar(bytes, ty, *little_endian).map(Datum::Scalar).map_err(bad)
            }
            How::Csv(options) => csv::datum(value, bytes, options, ty).map_err(bad),
        }
    }

    fn metadata(&self, meta: Metadata, record: usize) -> Datum {
        let known = &self.raw.records[record];
        Datum::Scalar(match meta {
            Metadata::Topic => Scalar::Text(self.raw.topic.to_string()),
            Metadata::Partition => Scalar::Int(i64::from(self.raw.partition)),
            Metadata::Offset => Scalar::Int(known.offset),
            Metadata::Timestamp if known.timestamp >= 0 => Scalar::Micros(known.timestamp.saturating_mul(1000)),
            Metadata::TimestampType if known.timestamp < 0 => Scalar::Text("NoTimestampType".to_owned()),
            Metadata::TimestampType if known.broker.log_append_time => Scalar::Text("LogAppendTime".to_owned()),
            Metadata::TimestampType => Scalar::Text("CreateTime".to_owned()),
            Metadata::Timestamp => Scalar::Null,
            Metadata::LeaderEpoch => known.broker.leader_epoch.map_or(Scalar::Null, |e| Scalar::Int(i64::from(e))),
            Metadata::Key => self.raw.key(record).map_or(Scalar::Null, |k| Scalar::Bytes(k.to_vec())),
            Metadata::Headers => return Datum::Headers(self.raw.headers(record)),
        })
    }

    /// Writes down the event times of rows in ms; where there is none, what stands there is left.
    pub(crate) fn times(&self, field: &'a Field, unit: TimeUnit, rows: &[u32], times: &mut [i64]) {
        let unit = if field.data_type.ty.is_timestamp() { TimeUnit::Micros } else { unit };
        let plain = self.plain_ints(field);
        for &row in rows {
            let row = row as usize;
            let n = plain.and_then(|plain| plain.get(row)).or_else(|| self.any_int(field, row).ok().flatten());
            if let Some(ms) = n.and_then(|n| to_millis(n, unit)) {
                times[row] = ms;
            }
        }
    }
}

fn to_millis(n: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Micros => Some(n.div_euclid(1000)),
        TimeUnit::Millis => Some(n),
        TimeUnit::Seconds => n.checked_mul(1000),
    }
}

/// See [`Chunk::plain_texts`].
pub(crate) struct PlainTexts<'a> {
    reader: &'a Reader,
    data: &'a [u8],
    slot: usize,
}

impl PlainTexts<'_> {
    /// Whether the text of a row is this one; `None` leaves it to [`Chunk::text`].
    #[inline(always)]
    pub(crate) fn is(&self, row: usize, literal: &Literal) -> Option<bool> {
        let (value, data) = self.reader.place(self.data, row, self.slot);
        let plain = value.is_as_written() && !self.reader.slow[row];
        plain.then(|| literal.is_at(data, value.start as usize, value.end as usize))
    }
}

/// See [`Chunk::plain_ints`].
#[derive(Clone, Copy)]
pub(crate) struct PlainInts<'a> {
    reader: &'a Reader,
    data: &'a [u8],
    slot: usize,
    field: &'a Field,
    /// What has been read already.
    known: &'a [Option<i64>],
}

impl<'a> PlainInts<'a> {
    /// Those of a field; `known` is what has been read of it already, if anything.
    #[inline]
    pub(crate) fn of(
        field: &'a Field,
        readers: &'a [Reader],
        data: &'a [u8],
        known: &'a [Option<i64>],
    ) -> Option<PlainInts<'a>> {
        match &field.source {
            Source::Slot { reader, slot, how: How::Chain(_) | How::Typed(_) } if field.plain_digits => {
                Some(PlainInts { reader: &readers[*reader], data, slot: *slot, field, known })
            }
            _ => None,
        }
    }

    /// The number of a row; `None` leaves it to [`Chunk::any_int`].
    #[inline(always)]
    pub(crate) fn get(self, row: usize) -> Option<i64> {
        if let Some(known) = self.known.get(row) {
            return *known;
        }
        let (value, data) = self.reader.place(self.data, row, self.slot);
        if self.reader.slow[row] { None } else { self.number(value, data) }
    }

    /// Gives each of some rows to `take` and its number as [`PlainInts::get`] has it.
    #[inline(always)]
    pub(crate) fn each(self, rows: impl Iterator<Item = usize>, mut take: impl FnMut(usize, Option<i64>)) {
        if self.known.is_empty() && self.reader.is_plain() {
            let slots = &self.reader.slots[..];
            for row in rows {
                let slot = slots.get(row * self.reader.width + self.slot);
                take(row, slot.and_then(|slot| self.number(*slot, self.data)));
            }
        } else {
            rows.for_each(|row| take(row, self.get(row)));
        }
    }

    #[inline(always)]
    fn number(self, slot: Slot, data: &[u8]) -> Option<i64> {
        if !matches!(slot.kind, Kind::Int | Kind::Text) {
            return None;
        }
        digits_at(data, slot.start as usize, slot.end as usize).filter(|n| self.field.in_range(*n))
    }
}

/// The number in `data[start..end]`. Eight digits are loaded at once, the first of them with what stands
/// before them, which is then replaced by zeros.
#[inline(always)]
fn digits_at(data: &[u8], start: usize, end: usize) -> Option<i64> {
    let n = match end.wrapping_sub(start) {
        len @ 1..=8 => last_digits(data, end, len),
        // Milliseconds since the epoch have thirteen.
        len @ 9..=16 => last_digits(data, end - 8, len - 8)
            .and_then(|high| last_digits(data, end, 8).map(|low| high * 100_000_000 + low)),
        _ => None,
    };
    if n.is_some() { n } else { digits(data.get(start..end)?) }
}

/// The number in the one to eight digits before `end`.
#[inline(always)]
fn last_digits(data: &[u8], end: usize, len: usize) -> Option<i64> {
    let eight = data.get(..end)?.last_chunk::<8>()?;
    let keep = u64::MAX << (64 - 8 * len);
    eight_digits((u64::from_le_bytes(*eight) & keep) | (ZEROS & !keep))
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A short run of digits with an optional minus, the usual form of a number; `None` leaves it to the
/// full conversion.
#[inline(never)]
pub(crate) fn digits(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut n = 0_i64;
    let mut rest = digits;
    while let Some((eight, tail)) = rest.split_first_chunk::<8>() {
        n = n * 100_000_000 + eight_digits(u64::from_le_bytes(*eight))?;
        rest = tail;
    }
    for b in rest {
        let d = b.wrapping_sub(b'0');
        if d > 9 {
            return None;
        }
        n = n * 10 + i64::from(d);
    }
    Some(if negative { -n } else { n })
}

/// Eight ASCII digits, the first in the lowest byte; pairs, then fours, then all at once.
#[inline]
fn eight_digits(w: u64) -> Option<i64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    if w & HIGH != ZEROS || w.wrapping_add(SIXES) & HIGH != ZEROS {
        return None;
    }
    let digits = w - ZEROS;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some(((fours * 10_000 + (fours >> 32)) & 0xffff_ffff) as i64)
}

/// The text at the end of a chain, before its cast.
#[inline]
pub(crate) fn chain_text<'a>(end: &ChainEnd, slot: Slot, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if let Some(residual) = &end.residual {
        return residual_text(end, residual, slot, bytes);
    }
    last_text(end.last, slot, bytes)
}

#[inline]
fn last_text(last: Last, slot: Slot, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match (slot.kind, last) {
        (Kind::Object | Kind::Array, Last::BlinkValue | Last::Query) => {
            Json::parse(bytes).ok().map(|json| Cow::Owned(json.to_text().into_bytes()))
        }
        (Kind::Missing | Kind::Null | Kind::Bad | Kind::Object | Kind::Array, _) | (_, Last::Query) => None,
        (Kind::Text, _) => Some(Cow::Borrowed(bytes)),
        (Kind::Int, _) if bytes != b"-0" => Some(Cow::Borrowed(bytes)),
        (Kind::Int | Kind::Float, _) => Some(Cow::Owned(java_text(&String::from_utf8_lossy(bytes)).into_bytes())),
        (Kind::True, _) => Some(Cow::Borrowed(b"true")),
        (Kind::False, _) => Some(Cow::Borrowed(b"false")),
        (Kind::Escaped, _) => Some(Cow::Owned(plain(bytes))),
    }
}

/// The part of a chain behind what the path program reads, by the plain functions.
#[cold]
fn residual_text<'a>(end: &ChainEnd, residual: &Residual, slot: Slot, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let text = if residual.mid_path {
        match slot.kind {
            Kind::Missing => return None,
            Kind::Object | Kind::Array => Cow::Borrowed(bytes),
            // Nothing is inside a scalar, whichever it is.
            _ => Cow::Borrowed(b"0".as_slice()),
        }
    } else {
        last_text(end.last, slot, bytes)?
    };
    oracle::chain_text(&String::from_utf8_lossy(&text), &residual.steps).map(|t| Cow::Owned(t.into_bytes()))
}

/// The text of a value of the json format; `None` is NULL.
#[inline]
fn typed_text<'a>(slot: Slot, bytes: &'a [u8], options: &typed::TypedOptions) -> Result<Option<Cow<'a, [u8]>>, String> {
    Ok(Some(match slot.kind {
        Kind::Text | Kind::Int | Kind::Float => Cow::Borrowed(bytes),
        Kind::Null => return Ok(None),
        Kind::Missing if options.fail_on_missing => return Err("the field is missing".to_owned()),
        Kind::Missing => return Ok(None),
        Kind::True => Cow::Borrowed(b"true"),
        Kind::False => Cow::Borrowed(b"false"),
        Kind::Escaped => Cow::Owned(plain(bytes)),
        Kind::Object | Kind::Array => Cow::Owned(Json::parse(bytes).map_err(|e| e.to_string())?.to_text().into_bytes()),
        Kind::Bad => return Err(format!("{} is no ROW", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]))),
    }))
}

fn plain(inside: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inside.len());
    unescape(inside, &mut out);
    out
}

/// The bounds of an integer type.
pub(crate) fn bounds(ty: &SqlType) -> (i64, i64) {
    match ty {
        SqlType::TinyInt => (i64::from(i8::MIN), i64::from(i8::MAX)),
        SqlType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        SqlType::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_eight_at_a_time() {
        for n in [0, 7, -1, 12_345_678, 99_999_999, 1_598_486_400_123, -123_456_789_012_345_678] {
            assert_eq!(digits(n.to_string().as_bytes()), Some(n));
            for before in ["", "9", "\"x\":", "\"a long name\":"] {
                let text = format!("{before}{n}");
                assert_eq!(digits_at(text.as_bytes(), before.len(), text.len()), Some(n), "{text}");
            }
        }
        for bad in [
            "",
            "-",
            "1234567a",
            "a2345678",
            "1234567:",
            "/2345678",
            "+5",
            " 5",
            "1234567890123456789",
            "12345678\u{1}",
        ] {
            assert_eq!(digits(bad.as_bytes()), None, "{bad}");
            let long = format!("12345678{bad}");
            assert_eq!(digits_at(long.as_bytes(), 8, long.len()), None, "{bad}");
        }
    }
}
