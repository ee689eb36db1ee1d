//! The primitive types of Kafka's protocol (kafka.apache.org/protocol, "Protocol Primitive Types").

/// What is left to be read of some bytes. Every call answers `None` where they end too early.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a>(pub &'a [u8]);

impl<'a> Cut<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// UNSIGNED_VARINT, of at most ten bytes.
    #[inline]
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let (&first, tail) = self.0.split_first()?;
        if first < 0x80 {
            self.0 = tail;
            return Some(u64::from(first));
        }
        self.long_unsigned()
    }

    fn long_unsigned(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (i, &byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return Some(value);
            }
        }
        None
    }

    /// VARINT and VARLONG.
    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// A VARINT length and so many bytes; the inner `None` is NULL, written as a negative length.
    #[inline]
    pub(super) fn nullable(&mut self) -> Option<Option<&'a [u8]>> {
        match usize::try_from(self.signed()?) {
            Ok(length) => self.bytes(length).map(Some),
            Err(_) => Some(None),
        }
    }

    /// The number of elements of a COMPACT_ARRAY, or of bytes of COMPACT_BYTES; NULL is none.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.unsigned()?).ok().map(|n| n.saturating_sub(1))
    }

    /// Tagged fields, one at a time.
    pub(super) fn tags(&mut self, mut each: impl FnMut(u64, Cut<'a>)) -> Option<()> {
        for _ in 0..self.unsigned()? {
            let tag = self.unsigned()?;
            let length = usize::try_from(self.unsigned()?).ok()?;
            each(tag, Cut(self.bytes(length)?));
        }
        Some(())
    }

    /// Tagged fields that nobody here reads.
    pub(super) fn no_tags(&mut self) -> Option<()> {
        self.tags(|_, _| {})
    }
}

/// A request in the making, its length in front.
pub(super) struct Request(Vec<u8>);

impl Request {
    /// With the header that all versions of all calls used here have in common (version 1).
    pub(super) fn new(call: i16, version: i16, correlation: i32, client: &str) -> Request {
        let mut request = Request(vec![0; 4]);
        request.i16(call).i16(version).i32(correlation);
        let name = client.as_bytes();
        let length = name.len().min(i16::MAX as usize);
        request.i16(length as i16).0.extend_from_slice(&name[..length]);
        request
    }

    pub(super) fn i8(&mut self, value: i8) -> &mut Request {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Request {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Request {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Request {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Request {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The number of elements of a COMPACT_ARRAY or of bytes of a COMPACT_STRING; fewer than 127.
    pub(super) fn count(&mut self, elements: u8) -> &mut Request {
        debug_assert!(elements < 127);
        self.bytes(&[elements + 1])
    }

    /// No tagged fields.
    pub(super) fn no_tags(&mut self) -> &mut Request {
        self.bytes(&[0])
    }

    /// The bytes to send.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as u32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_the_specification() {
        let of = |bytes: &[u8]| Cut(bytes).signed();
        assert_eq!(of(&[0]), Some(0));
        assert_eq!(of(&[1]), Some(-1));
        assert_eq!(of(&[2]), Some(1));
        assert_eq!(of(&[0xac, 0x02]), Some(150));
        assert_eq!(of(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(i64::from(i32::MIN)));
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(of(&longest), Some(i64::MIN));
        // One that never ends, and one that ends too early.
        assert_eq!(of(&[0xff; 11]), None);
        assert_eq!(of(&[0x80]), None);
    }

    #[test]
    fn a_cut_stays_within_its_bytes() {
        let mut cut = Cut(&[0, 0, 0, 7, 4, b'a', b'b', 1, 9]);
        assert_eq!(cut.i32(), Some(7));
        assert_eq!(cut.nullable(), Some(Some(&b"ab"[..])));
        assert_eq!(cut.nullable(), Some(None));
        assert_eq!((cut.i16(), cut.0), (None, &[9u8][..]));
        assert_eq!(Cut(&[200, 1, 1]).nullable(), None);
        let mut seen = Vec::new();
        let mut tagged = Cut(&[2, 0, 1, 5, 3, 2, 6, 7, 8]);
        assert_eq!(tagged.tags(|tag, value| seen.push((tag, value.0.to_vec()))), Some(()));
        assert_eq!((seen, tagged.0), (vec![(0, vec![5]), (3, vec![6, 7])], &[8u8][..]));
    }
}
