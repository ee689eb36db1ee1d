//! The inside of JSON strings: escapes to characters and back.

use wide::u8x16;

use super::lanes::{LANES, escaped, escaped_or_pair, lanes};
use crate::text::short;

/// Appends the text of a string (the bytes between its quotes) with escapes resolved. Bytes that are
/// not UTF-8 are kept as they are; a lone surrogate becomes `?`, as Java writes it.
pub fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'\\', &inside[at..]) {
        out.extend_from_slice(&inside[at..at + n]);
        at += n + 1;
        let Some(escape) = inside.get(at) else { return };
        at += 1;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => at += unicode(&inside[at..], out),
            other => out.push(*other),
        }
    }
    out.extend_from_slice(&inside[at..]);
}

/// The four digits of an escape, and of a following one that completes a surrogate pair. Returns
/// the bytes used.
fn unicode(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let Some(unit) = hex4(rest) else { return rest.len().min(4) };
    let (code, used) = match unit {
        0xd800..=0xdbff => match rest.get(4..6).filter(|b| b == b"\\u").and_then(|_| hex4(&rest[6..])) {
            Some(low @ 0xdc00..=0xdfff) => (0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 10),
            _ => (u32::from(b'?'), 4),
        },
        0xdc00..=0xdfff => (u32::from(b'?'), 4),
        _ => (unit, 4),
    };
    let mut buffer = [0; 4];
    out.extend_from_slice(char::from_u32(code).unwrap_or('?').encode_utf8(&mut buffer).as_bytes());
    used
}

fn hex4(b: &[u8]) -> Option<u32> {
    b.get(..4)?.iter().try_fold(0, |n, d| Some(n * 16 + char::from(*d).to_digit(16)?))
}

/// Which characters beyond `"`, `\` and controls are written as `\u` escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// None: for text that stays inside Tidegate.
    Few,
    /// Characters outside the basic plane as surrogate pairs: what Flink's json format writes.
    Pairs,
}

/// Appends `text` as a JSON string with quotes.
pub fn quote(text: &str, escapes: Escapes, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(i) = next_escaped(bytes, from, escapes) {
        let b = &bytes[i];
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=31 => escape_unit(u16::from(*b), out),
            _ => {
                let Some(c) = text.get(i..).and_then(|t| t.chars().next()) else { continue };
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escape_unit(*unit, out);
                }
                from = i + c.len_utf8();
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// The next byte from `at` on that cannot stand in a string as it is.
fn next_escaped(bytes: &[u8], mut at: usize, escapes: Escapes) -> Option<usize> {
    let find = |bytes| if escapes == Escapes::Pairs { escaped_or_pair(bytes) } else { escaped(bytes) };
    while let Some(bytes) = lanes(bytes, at) {
        let hits = find(bytes);
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize);
        }
        at += LANES;
    }
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let mut last = [b' '; LANES];
    short::copy(&mut last[..rest.len()], rest);
    let hits = find(u8x16::new(last));
    (hits != 0).then(|| at + hits.trailing_zeros() as usize)
}

fn escape_unit(unit: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> shift & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(inside: &str) -> String {
        let mut out = Vec::new();
        unescape(inside.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_resolve() {
        assert_eq!(plain(r#"a\"b\\c\/\n\té中"#), "a\"b\\c/\n\té中");
        assert_eq!(plain(r"\u4e2d\ud83d\ude00!"), "中😀!");
        assert_eq!(plain(r"\ud83dx\ude00\ud83d\u0041"), "?x??A");
    }

    #[test]
    fn escapes_are_found_at_any_place() {
        for special in ["\"", "\\", "\u{1f}", "\u{0}", "😀"] {
            for n in 0..20 {
                let text = format!("{}{special}{}", "é".repeat(n % 3) + &"x".repeat(n), "中~\u{7f} ".repeat(3));
                let mut out = Vec::new();
                quote(&text, Escapes::Pairs, &mut out);
                let quoted = String::from_utf8(out).unwrap();
                assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
                assert!(quoted.contains('\\') && !quoted.contains('😀'), "{quoted}");
            }
        }
    }

    #[test]
    fn quoting_is_flinks() {
        let mut out = Vec::new();
        quote("a\"b\\\u{1}/é😀\u{2028}\u{7f}\n", Escapes::Pairs, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\\\u0001/é\\uD83D\\uDE00\u{2028}\u{7f}\\n\"");
        let mut out = Vec::new();
        quote("😀", Escapes::Few, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"😀\"");
    }
}
