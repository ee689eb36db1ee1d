//! Functions over text. Positions and lengths count characters, not bytes.

use arrow_array::ArrayRef;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidegate_core::{Error, Result, SqlType};
use tidegate_plan::{Function, TrimSide};

use super::kernel::{Arg, Call, Kernel};
use super::value::{booleans, integers, slices, texts};
use super::{digest, url};

/// The functions of one text, with their arguments.
pub(super) fn compile(function: &Function, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    use Function as F;
    Ok(match function {
        F::Upper | F::Lower => case(matches!(function, F::Upper), to),
        F::Trim(side) => trim(*side),
        F::Substring => Box::new(substring),
        F::CharLength => count(|t| t.chars().count() as i64),
        F::Ascii => count(|t| t.as_bytes().first().map_or(0, |b| i64::from(*b))),
        F::Replace => Box::new(|call| {
            let (text, search, with) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
            Ok(texts(call.rows, |i, out| {
                let (Some(t), Some(s), Some(w)) = (text.get(i), search.get(i), with.get(i)) else { return false };
                out.push_str(&t.replace(s, w));
                true
            }))
        }),
        F::Position => Box::new(position),
        F::Lpad => pad(true),
        F::Rpad => pad(false),
        F::Repeat => Box::new(repeat),
        F::Reverse => map(|t, out| out.extend(t.chars().rev())),
        F::Left => side(|t, n| first_chars(t, n)),
        F::Right => side(|t, n| {
            let total = t.chars().count();
            &t[first_chars(t, total - n.min(total)).len()..]
        }),
        F::SplitIndex => split_index(args),
        F::Initcap => map(initcap),
        F::Chr => Box::new(|call| {
            let codes = call.integers(0)?;
            Ok(texts(call.rows, |i, out| match codes.get(i) {
                Some(code) if code >= 0 => {
                    out.push(char::from((code & 0xff) as u8));
                    true
                }
                _ => false,
            }))
        }),
        F::Overlay => Box::new(overlay),
        F::ToBase64 => Box::new(|call| {
            let bytes = call.bytes(0)?;
            Ok(texts(call.rows, |i, out| bytes.get(i).map(|b| STANDARD.encode_string(b, out)).is_some()))
        }),
        F::FromBase64 => Box::new(|call| {
            let input = call.texts(0)?;
            Ok(texts(call.rows, |i, out| match input.get(i).map(|t| STANDARD.decode(t)) {
                Some(Ok(bytes)) => {
                    out.push_str(&String::from_utf8_lossy(&bytes));
                    true
                }
                _ => false,
            }))
        }),
        F::Hex => digest::hex(args),
        F::StartsWith => compare_bytes(<[u8]>::starts_with),
        F::EndsWith => compare_bytes(<[u8]>::ends_with),
        F::KeyValue => Box::new(url::key_value),
        F::ParseUrl => Box::new(url::parse_url),
        other => return Err(Error::internal(format!("{other:?} is no function of text"))),
    })
}

fn map(f: fn(&str, &mut String)) -> Kernel {
    Box::new(move |call| {
        let input = call.texts(0)?;
        Ok(texts(call.rows, |i, out| input.get(i).map(|t| f(t, out)).is_some()))
    })
}

fn count(f: fn(&str) -> i64) -> Kernel {
    Box::new(move |call| {
        let input = call.texts(0)?;
        integers(call.ty, call.rows, |i| input.get(i).map(f))
    })
}

fn side(f: for<'a> fn(&'a str, usize) -> &'a str) -> Kernel {
    Box::new(move |call| {
        let (input, lengths) = (call.texts(0)?, call.integers(1)?);
        Ok(slices(call.rows, |i| {
            let (t, n) = (input.get(i)?, lengths.get(i)?);
            Some(usize::try_from(n).map_or("", |n| f(t, n)))
        }))
    })
}

fn compare_bytes(f: fn(&[u8], &[u8]) -> bool) -> Kernel {
    Box::new(move |call| {
        let (a, b) = (call.bytes(0)?, call.bytes(1)?);
        Ok(booleans(call.rows, |i| Some(f(a.get(i)?, b.get(i)?))))
    })
}

/// The first `n` characters.
fn first_chars(text: &str, n: usize) -> &str {
    text.char_indices().nth(n).map_or(text, |(at, _)| &text[..at])
}

/// UPPER and LOWER; a CHAR(n) result is cut to its length as Flink does (`straße` → `STRASS`).
fn case(upper: bool, to: &SqlType) -> Kernel {
    let length = if let SqlType::Char(n) = to { Some(*n as usize) } else { None };
    Box::new(move |call| {
        let input = call.texts(0)?;
        Ok(texts(call.rows, |i, out| {
            let Some(text) = input.get(i) else { return false };
            if text.is_ascii() {
                out.push_str(text);
                if upper {
                    out.make_ascii_uppercase();
                } else {
                    out.make_ascii_lowercase();
                }
                return true;
            }
            let changed = if upper { text.to_uppercase() } else { text.to_lowercase() };
            out.push_str(length.map_or(changed.as_str(), |n| first_chars(&changed, n)));
            true
        }))
    })
}

/// Arguments: text, and the set of characters to remove (blank where there is none).
fn trim(side: TrimSide) -> Kernel {
    Box::new(move |call| {
        let input = call.texts(0)?;
        let set = if call.args.len() > 1 { Some(call.texts(1)?) } else { None };
        Ok(slices(call.rows, |i| {
            let text = input.get(i)?;
            let set = match &set {
                Some(s) => s.get(i)?,
                None => " ",
            };
            let one = |c: char| set.contains(c);
            Some(match side {
                TrimSide::Both => text.trim_matches(one),
                TrimSide::Leading => text.trim_start_matches(one),
                TrimSide::Trailing => text.trim_end_matches(one),
            })
        }))
    })
}

fn substring(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, from) = (call.texts(0)?, call.integers(1)?);
    let lengths = if call.args.len() > 2 { Some(call.integers(2)?) } else { None };
    Ok(slices(call.rows, |i| {
        let (text, from) = (input.get(i)?, from.get(i)?);
        let length = match &lengths {
            Some(l) => l.get(i)?,
            None => i64::MAX,
        };
        let start = match from {
            1.. => from - 1,
            0 => 0,
            _ => text.chars().count() as i64 + from,
        };
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else { return Some("") };
        Some(first_chars(&text[first_chars(text, start).len()..], length))
    }))
}

/// Arguments: text, needle and optionally the character to start from.
fn position(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, needle) = (call.texts(0)?, call.texts(1)?);
    let from = if call.args.len() > 2 { Some(call.integers(2)?) } else { None };
    integers(call.ty, call.rows, |i| {
        let (text, needle) = (input.get(i)?, needle.get(i)?);
        let from = match &from {
            Some(f) => f.get(i)?,
            None => 1,
        };
        let Ok(skip) = usize::try_from(from - 1) else { return Some(0) };
        let start = first_chars(text, skip).len();
        Some(match text[start..].find(needle) {
            Some(at) => text[..start + at].chars().count() as i64 + 1,
            None => 0,
        })
    })
}

/// LPAD and RPAD cut what is longer; a negative length or an empty pad is NULL.
fn pad(left: bool) -> Kernel {
    Box::new(move |call| {
        let (input, lengths, pads) = (call.texts(0)?, call.integers(1)?, call.texts(2)?);
        let problems = &mut *call.problems;
        Ok(texts(call.rows, |i, out| {
            let (Some(text), Some(length), Some(pad)) = (input.get(i), lengths.get(i), pads.get(i)) else {
                return false;
            };
            let Ok(length) = usize::try_from(length) else { return false };
            if pad.is_empty() {
                return false;
            }
            if length > MAX_MADE {
                problems.fail(i, TOO_LONG.0, TOO_LONG.1);
                return false;
            }
            let missing = length.saturating_sub(text.chars().count());
            if left {
                out.extend(pad.chars().cycle().take(missing));
            }
            out.push_str(first_chars(text, length));
            if !left {
                out.extend(pad.chars().cycle().take(missing));
            }
            true
        }))
    })
}

/// Longest text that LPAD, RPAD and REPEAT make: a wrong number must not exhaust memory.
const MAX_MADE: usize = 1 << 17;

/// The row error of a longer one.
const TOO_LONG: (&str, &str) = ("TextTooLong", "LPAD, RPAD and REPEAT make texts of at most 131072 characters");

fn repeat(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, times) = (call.texts(0)?, call.integers(1)?);
    let problems = &mut *call.problems;
    Ok(texts(call.rows, |i, out| {
        let (Some(text), Some(n)) = (input.get(i), times.get(i)) else { return false };
        let n = usize::try_from(n).unwrap_or(0);
        if text.len().saturating_mul(n) > MAX_MADE {
            problems.fail(i, TOO_LONG.0, TOO_LONG.1);
            return false;
        }
        out.extend(std::iter::repeat_n(text, n));
        true
    }))
}

/// The part at an index from 0; the separator is a text or a character code. An empty separator
/// splits at blanks.
fn split_index(args: &[Arg]) -> Kernel {
    let code = args[1].ty().is_integer();
    Box::new(move |call| {
        let (input, at) = (call.texts(0)?, call.integers(2)?);
        let codes = if code { Some(call.integers(1)?) } else { None };
        let separators = if code { None } else { Some(call.texts(1)?) };
        let mut buffer = [0_u8; 4];
        Ok(texts(call.rows, |i, out| {
            let (Some(text), Some(at)) = (input.get(i), at.get(i)) else { return false };
            let Ok(at) = usize::try_from(at) else { return false };
            let separator = match (&codes, &separators) {
                (Some(c), _) => {
                    c.get(i).and_then(|c| u8::try_from(c).ok()).map(|c| &*char::from(c).encode_utf8(&mut buffer))
                }
                (None, Some(s)) => s.get(i),
                (None, None) => None,
            };
            let Some(separator) = separator else { return false };
            if text.is_empty() {
                return false;
            }
            let part =
                if separator.is_empty() { text.split_whitespace().nth(at) } else { text.split(separator).nth(at) };
            part.map(|p| out.push_str(p)).is_some()
        }))
    })
}

fn initcap(text: &str, out: &mut String) {
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric();
    }
}

/// OVERLAY(text PLACING new FROM a [FOR n]); a start outside the text leaves it as it is.
fn overlay(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, new, from) = (call.texts(0)?, call.texts(1)?, call.integers(2)?);
    let lengths = if call.args.len() > 3 { Some(call.integers(3)?) } else { None };
    Ok(texts(call.rows, |i, out| {
        let (Some(text), Some(new), Some(from)) = (input.get(i), new.get(i), from.get(i)) else { return false };
        let length = match &lengths {
            Some(l) => match l.get(i) {
                Some(l) => l,
                None => return false,
            },
            None => new.chars().count() as i64,
        };
        let total = text.chars().count() as i64;
        if from <= 0 || from > total {
            out.push_str(text);
            return true;
        }
        let start = (from - 1) as usize;
        let end = start.saturating_add(usize::try_from(length).unwrap_or(0));
        out.push_str(first_chars(text, start));
        out.push_str(new);
        out.push_str(&text[first_chars(text, end).len()..]);
        true
    }))
}
