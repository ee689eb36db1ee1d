//! Short texts, compared and copied. `==` and `copy_from_slice` of any length are calls, which are most of
//! the work where there are few bytes; here those are taken at a fixed width: with what stands behind them,
//! or the first and the last ones, which overlap.

/// The longest text that is taken as one number.
pub const SHORT: usize = 16;

/// By the length of a short text the bits that are its own in the number of [`SHORT`] bytes, the first of
/// them the lowest.
pub const OWN: [u128; SHORT + 1] = {
    let mut own = [0; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        own[length] = own[length - 1] << 8 | 0xff;
        length += 1;
    }
    own
};

/// The first [`SHORT`] bytes of a text as a number; where there are fewer, zeros follow them.
pub fn number(text: &[u8]) -> u128 {
    let mut bytes = [0; SHORT];
    bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    u128::from_le_bytes(bytes)
}

/// A text that many others are compared with.
#[derive(Debug, Clone)]
pub struct Literal {
    text: Vec<u8>,
    /// A short text as a number.
    number: u128,
}

impl Literal {
    /// Of a text.
    pub fn new(text: &[u8]) -> Self {
        Literal { text: text.to_vec(), number: number(text) }
    }
    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
    /// Whether `data[start..end]` is this text; a range that does not exist is not. Where there is enough
    /// behind a short text, it is compared together with that.
    #[inline(always)]
    pub fn is_at(&self, data: &[u8], start: usize, end: usize) -> bool {
        let length = self.text.len();
        if end.wrapping_sub(start) != length {
            return false;
        }
        match (data.get(start..).and_then(|data| data.first_chunk()), OWN.get(length)) {
            (Some(bytes), Some(own)) => (u128::from_le_bytes(*bytes) ^ self.number) & own == 0,
            _ => data.get(start..end) == Some(&self.text),
        }
    }
}

/// Copies `from` to `to`, which are equally long; of unequal ones what both have.
#[inline(always)]
pub fn copy(to: &mut [u8], from: &[u8]) {
    match to.len().min(from.len()) {
        n @ 33.. => to[..n].copy_from_slice(&from[..n]),
        n @ 16.. => copy_ends::<16>(to, from, n),
        n @ 8.. => copy_ends::<8>(to, from, n),
        n @ 4.. => copy_ends::<4>(to, from, n),
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}

/// The first and the last `W` of `n` bytes.
#[inline(always)]
fn copy_ends<const W: usize>(to: &mut [u8], from: &[u8], n: usize) {
    for at in [0, n - W] {
        if let (Some(to), Some(from)) = (to[at..].first_chunk_mut::<W>(), from[at..].first_chunk::<W>()) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_only_itself() {
        let data: Vec<u8> = (0..60).map(|i| i % 7).collect();
        for length in 0..25 {
            for start in 0..data.len() - length {
                let literal = Literal::new(&data[start..start + length]);
                assert_eq!(literal.text(), &data[start..start + length]);
                for from in 0..data.len() {
                    for to in from..=data.len() {
                        assert_eq!(literal.is_at(&data, from, to), &data[from..to] == literal.text());
                    }
                }
                assert!(!literal.is_at(&data, data.len(), data.len() + length + 1));
                assert!(!literal.is_at(&data, start + length + 1, start));
            }
        }
        let padded = [b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(Literal::new(b"a").is_at(&padded, 0, 1) && !Literal::new(b"a\0").is_at(&padded, 0, 1));
    }

    #[test]
    fn every_length_arrives_whole() {
        let from: Vec<u8> = (1..=80).collect();
        for n in 0..=80 {
            let mut to = [0; 81];
            copy(&mut to[..n], &from[..n]);
            assert_eq!((&to[..n], to[n]), (&from[..n], 0));
        }
        let mut to = [0; 3];
        copy(&mut to, &from);
        assert_eq!(to, [1, 2, 3]);
    }
}
