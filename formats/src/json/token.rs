//! What a scanner sees: kinds of values, their place, and damage.

/// Containers inside containers beyond this are an error.
pub const MAX_DEPTH: usize = 512;

/// Why a document cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Byte offset in the document.
    pub at: usize,
    /// What is wrong.
    pub what: What,
}

/// The kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The document ends too early.
    End,
    /// A byte that cannot stand here.
    Unexpected,
    /// A bad escape in a string.
    Escape,
    /// Nested deeper than [`MAX_DEPTH`].
    Depth,
    /// A record must be an object.
    NotObject,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.what {
            What::End => write!(f, "the JSON text ends too early, at byte {}", self.at),
            What::Unexpected => write!(f, "not JSON at byte {}", self.at),
            What::Escape => write!(f, "bad escape in a JSON string at byte {}", self.at),
            What::Depth => write!(f, "JSON nested deeper than {MAX_DEPTH} levels at byte {}", self.at),
            What::NotObject => write!(f, "the record is not a JSON object"),
        }
    }
}

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Not there.
    Missing,
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number without fraction and exponent.
    Int,
    /// A number with fraction or exponent.
    Float,
    /// A string without escapes; the range is inside the quotes.
    Text,
    /// A string with escapes; the range is inside the quotes.
    Escaped,
    /// An object; the range is with its braces.
    Object,
    /// An array; the range is with its brackets.
    Array,
    /// Not there because a value around it, in this range, is of the wrong kind.
    Bad,
}

/// One scanned value: kind and byte range.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}
