//! Bytes that are expected next, compared sixteen at a time: a member's name, or all that stands between
//! two values.

use wide::u8x16;

use super::lanes::LANES;

/// What a member's value is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing.
    Unread,
    /// Itself: the slot it goes to.
    Leaf(u32),
    /// Members inside it: its node.
    Node(u32),
}

/// Expected bytes, up to the colon of a member's name, and what its value is read for.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The first bytes, and which of them count.
    head: [Piece; 2],
    /// All of them.
    pub(crate) bytes: Box<[u8]>,
    pub(crate) target: Target,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    bytes: u8x16,
    /// A bit for each byte that counts, the lowest for the first.
    counts: u32,
}

impl Piece {
    fn new(bytes: &[u8]) -> Piece {
        let mut padded = [0; LANES];
        padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Piece { bytes: u8x16::new(padded), counts: (1 << bytes.len().min(LANES)) - 1 }
    }
    #[inline(always)]
    fn is(self, bytes: &[u8; LANES]) -> bool {
        !u8x16::new(*bytes).simd_eq(self.bytes).to_bitmask() & self.counts == 0
    }
}

impl Expected {
    pub(crate) fn new(bytes: &[u8], target: Target) -> Self {
        let piece = |at: usize| Piece::new(bytes.get(at..).unwrap_or(&[]));
        Expected { head: [piece(0), piece(LANES)], bytes: bytes.into(), target }
    }

    /// Whether it stands at a position of a document that is the beginning of `wide`.
    #[inline(always)]
    pub(crate) fn is_at(&self, document: &[u8], wide: &[u8], pos: usize) -> bool {
        pos + self.bytes.len() <= document.len() && self.stands_at(wide, pos)
    }

    /// The same, wherever the document ends.
    #[inline(always)]
    pub(crate) fn stands_at(&self, wide: &[u8], pos: usize) -> bool {
        let n = self.bytes.len();
        let Some([first, second]) = wide.get(pos..).and_then(|w| w.as_chunks::<LANES>().0.first_chunk::<2>()) else {
            return self.is_bytewise(wide, pos);
        };
        self.head[0].is(first)
            && (n <= LANES || self.head[1].is(second))
            && (n <= 2 * LANES || self.is_bytewise(wide, pos))
    }

    /// The same byte by byte: near the end of what there is, or where it is long.
    #[inline(never)]
    fn is_bytewise(&self, wide: &[u8], pos: usize) -> bool {
        wide.get(pos..).is_some_and(|rest| rest.starts_with(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_lengths_are_told_apart() {
        for length in 1..70 {
            let name: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
            let expected = Expected::new(&name, Target::Unread);
            for behind in [0, 1, 15, 40] {
                let mut wide = b"xy".to_vec();
                wide.extend(&name);
                let end = wide.len();
                wide.extend(vec![b'-'; behind]);
                assert!(expected.is_at(&wide[..end], &wide, 2));
                assert!(!expected.is_at(&wide[..end - 1], &wide, 2), "it ends behind the document");
                for at in 0..length {
                    let mut other = wide.clone();
                    other[2 + at] ^= 1;
                    assert!(!expected.is_at(&other[..end], &other, 2), "{length} {at}");
                }
            }
        }
    }
}
