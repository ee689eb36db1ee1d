//! A record to be produced.

/// Bytes of a key or value, or null.
pub trait Bytes {
    /// The bytes.
    fn bytes(self) -> Option<Vec<u8>>;
}

impl Bytes for &str {
    fn bytes(self) -> Option<Vec<u8>> {
        Some(self.as_bytes().to_vec())
    }
}

impl Bytes for String {
    fn bytes(self) -> Option<Vec<u8>> {
        Some(self.into_bytes())
    }
}

impl Bytes for &[u8] {
    fn bytes(self) -> Option<Vec<u8>> {
        Some(self.to_vec())
    }
}

impl Bytes for Vec<u8> {
    fn bytes(self) -> Option<Vec<u8>> {
        Some(self)
    }
}

/// Null.
impl Bytes for () {
    fn bytes(self) -> Option<Vec<u8>> {
        None
    }
}

impl<B: Bytes> Bytes for Option<B> {
    fn bytes(self) -> Option<Vec<u8>> {
        self.and_then(B::bytes)
    }
}

/// A record; `(key, value, partition)` is one too.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// A record without a key. Java's murmur2 finds its partition.
    pub fn new(value: impl Bytes) -> Self {
        Record { value: value.bytes(), ..Self::default() }
    }
    /// With this key.
    #[must_use]
    pub fn key(mut self, key: impl Bytes) -> Self {
        self.key = key.bytes();
        self
    }
    /// In this partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
    /// With this time, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(mut self, ms: i64) -> Self {
        self.timestamp = Some(ms);
        self
    }
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Bytes) -> Self {
        self.headers.push((name.to_owned(), value.bytes()));
        self
    }
}

impl<K: Bytes, V: Bytes> From<(K, V, i32)> for Record {
    fn from((key, value, partition): (K, V, i32)) -> Self {
        Record::new(value).key(key).partition(partition)
    }
}
