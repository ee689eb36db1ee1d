//! Where printers append to.

use super::short;

/// A growing text. `String` and `Vec<u8>` (bytes that are UTF-8 because only text is appended).
pub trait TextBuffer {
    /// Appends a text.
    fn text(&mut self, text: &str);
    /// Appends bytes that are ASCII; others would be left out.
    fn ascii(&mut self, bytes: &[u8]);
    /// Appends one ASCII character.
    fn byte(&mut self, byte: u8) {
        self.ascii(&[byte]);
    }
}

impl TextBuffer for String {
    #[inline]
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
    #[inline]
    fn ascii(&mut self, bytes: &[u8]) {
        // The check cannot fail; it costs a few nanoseconds and keeps the function total.
        if let Ok(text) = std::str::from_utf8(bytes) {
            self.push_str(text);
        }
    }
}

impl TextBuffer for Vec<u8> {
    #[inline]
    fn text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
    #[inline]
    fn ascii(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes copied at once, whatever the length of a short piece.
pub const WIDE: usize = 32;

/// Bytes with room behind them. Short pieces are copied together with what follows them, at a fixed
/// width, which takes no call; the next piece overwrites what was too much.
#[derive(Debug, Default)]
pub struct WideBuffer {
    /// Initialised to its end; what lies behind `length` means nothing.
    bytes: Vec<u8>,
    length: usize,
}

impl WideBuffer {
    /// With room for about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        WideBuffer { bytes: vec![0; bytes + WIDE], length: 0 }
    }
    /// Bytes appended.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }
    /// Whether nothing has been appended.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
    /// Takes back what was appended beyond a length.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, more: usize) {
        let wanted = self.length + more + WIDE;
        if wanted > self.bytes.len() {
            self.bytes.resize(wanted, 0);
        }
    }
    /// Appends `source[start..end]`; a range that does not exist is empty.
    #[inline(always)]
    pub fn range(&mut self, source: &[u8], start: usize, end: usize) {
        let length = end.wrapping_sub(start);
        if length <= WIDE
            && let Some(from) = source.get(start..).and_then(|s| s.first_chunk::<WIDE>())
            && let Some(to) = self.bytes.get_mut(self.length..).and_then(|b| b.first_chunk_mut::<WIDE>())
        {
            *to = *from;
            self.length += length;
        } else {
            self.slice(source.get(start..end).unwrap_or(&[]));
        }
    }
    /// Appends the first `length` bytes of `piece`.
    #[inline]
    pub fn padded<const N: usize>(&mut self, piece: &[u8; N], length: usize) {
        if let Some(to) = self.bytes.get_mut(self.length..).and_then(|b| b.first_chunk_mut::<N>()) {
            *to = *piece;
            self.length += length.min(N);
        } else {
            self.slice(&piece[..length.min(N)]);
        }
    }
    /// Appends bytes.
    #[inline]
    pub fn slice(&mut self, piece: &[u8]) {
        let end = self.length + piece.len();
        if end > self.bytes.len() {
            self.bytes.resize((2 * self.bytes.len()).max(end) + WIDE, 0);
        }
        short::copy(&mut self.bytes[self.length..end], piece);
        self.length = end;
    }
    /// The bytes appended.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }
}

impl TextBuffer for WideBuffer {
    #[inline]
    fn text(&mut self, text: &str) {
        self.slice(text.as_bytes());
    }
    #[inline]
    fn ascii(&mut self, bytes: &[u8]) {
        self.slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wide_buffer_holds_what_was_appended(
            source in prop::collection::vec(any::<u8>(), 0..100),
            ranges in prop::collection::vec((0..100_usize, 0..60_usize, any::<bool>()), 0..40),
            piece in any::<[u8; 20]>(),
            room in 0..50_usize,
        ) {
            let (mut wide, mut plain) = (WideBuffer::with_capacity(room), Vec::new());
            for (start, length, taken_back) in ranges {
                let (from, before) = (source.get(start..start + length).unwrap_or(&[]), plain.len());
                wide.range(&source, start, start + length);
                plain.extend_from_slice(from);
                wide.padded(&piece, length % 20);
                plain.extend_from_slice(&piece[..length % 20]);
                if taken_back {
                    wide.truncate(before);
                    plain.truncate(before);
                }
                prop_assert_eq!(wide.len(), plain.len());
            }
            prop_assert_eq!(wide.into_vec(), plain);
        }
    }
}
