//! Sixteen bytes of a text looked at together.
//!
//! What is looked at may reach over the end of a document into the next ones of the same batch; whoever
//! finds something there has to see that it is beyond the end.

use wide::u8x16;

/// Bytes looked at together.
pub(crate) const LANES: usize = 16;

/// The bytes from `at` on, if there are enough.
#[inline(always)]
pub(crate) fn lanes(data: &[u8], at: usize) -> Option<u8x16> {
    data.get(at..)?.first_chunk::<LANES>().map(|bytes| u8x16::new(*bytes))
}

/// A bit for each byte that is a quote or a backslash, the lowest for the first.
#[inline(always)]
pub(crate) fn quote_or_slash(bytes: u8x16) -> u32 {
    (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// A bit for each byte that cannot stand in a string as it is.
#[inline(always)]
pub(crate) fn escaped(bytes: u8x16) -> u32 {
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    quote_or_slash(bytes) | control.to_bitmask()
}

/// The same, and for the first byte of each character that takes four.
#[inline(always)]
pub(crate) fn escaped_or_pair(bytes: u8x16) -> u32 {
    let pair = bytes.max(u8x16::splat(0xf0)).simd_eq(bytes);
    escaped(bytes) | pair.to_bitmask()
}

/// A bit for each byte that is no digit.
#[inline(always)]
pub(crate) fn no_digit(bytes: u8x16) -> u32 {
    let value = bytes - u8x16::splat(b'0');
    let digit = value.min(u8x16::splat(9)).simd_eq(value);
    !digit.to_bitmask() & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..LANES {
                let mut bytes = [b'5'; LANES];
                bytes[at] = byte;
                let bytes = u8x16::new(bytes);
                let bit = |is: bool| u32::from(is) << at;
                assert_eq!(quote_or_slash(bytes), bit(byte == b'"' || byte == b'\\'));
                assert_eq!(no_digit(bytes), bit(!byte.is_ascii_digit()));
                let special = byte < b' ' || byte == b'"' || byte == b'\\';
                assert_eq!(escaped(bytes), bit(special));
                assert_eq!(escaped_or_pair(bytes), bit(special || byte >= 0xf0));
            }
        }
        assert!(lanes(b"0123456789abcde", 0).is_none() && lanes(b"0123456789abcdef", 1).is_none());
        assert!(lanes(b"0123456789abcdef", 17).is_none() && lanes(b"0123456789abcdef", 0).is_some());
    }
}
