//! Short texts, compared and copied. `==` and `copy_from_slice` of any length are calls, which are most of
//! the work where there are few bytes; here those are taken at a fixed width: the first and the last ones,
//! which overlap.

/// Whether two byte strings are equal.
#[inline(always)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match a.len() {
            17.. => a == b,
            8.. => same_ends::<8>(a, b),
            4.. => same_ends::<4>(a, b),
            _ => a.iter().zip(b).all(|(a, b)| a == b),
        }
}

#[inline(always)]
fn same_ends<const W: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<W>() == b.first_chunk::<W>() && a.last_chunk::<W>() == b.last_chunk::<W>()
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
    fn every_difference_is_seen() {
        let text: Vec<u8> = (0..40).collect();
        for length in 0..40 {
            let a = &text[..length];
            assert!(same(a, a));
            assert!(!same(a, &text[..length + 1]) && !same(&text[..length + 1], a));
            for at in 0..length {
                let mut b = a.to_vec();
                b[at] ^= 1;
                assert!(!same(a, &b), "{length} {at}");
            }
        }
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
