//! Where printers append to.

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
