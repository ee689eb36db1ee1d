//! Members that are expected next, compared eight bytes at a time.

use super::scan::word;

/// An expected member: `"name":` and the node it leads to.
#[derive(Debug)]
pub(crate) struct Expected {
    head: u64,
    mask: u64,
    /// The name with quotes and colon.
    pub(crate) bytes: Box<[u8]>,
    /// Where it leads.
    pub(crate) node: u32,
}

impl Expected {
    pub(crate) fn new(bytes: &[u8], node: u32) -> Self {
        let mut padded = [0; 8];
        let n = bytes.len().min(8);
        padded[..n].copy_from_slice(&bytes[..n]);
        let mask = if n == 8 { u64::MAX } else { (1 << (8 * n)) - 1 };
        Expected { head: u64::from_le_bytes(padded), mask, bytes: bytes.into(), node }
    }

    /// Whether it stands at a position.
    #[inline(always)]
    pub(crate) fn is_at(&self, data: &[u8], pos: usize) -> bool {
        let Some(w) = word(data, pos) else {
            return data.get(pos..).is_some_and(|d| d.starts_with(&self.bytes));
        };
        if (w ^ self.head) & self.mask != 0 {
            return false;
        }
        let n = self.bytes.len();
        match n {
            0..=8 => true,
            // The last eight bytes overlap the first: one more compare covers names up to 13 characters.
            9..=16 => word(data, pos + n - 8).is_some_and(|w| Some(w) == word(&self.bytes, n - 8)),
            _ => data.get(pos + 8..pos + n).is_some_and(|d| *d == self.bytes[8..]),
        }
    }
}
