//! Copies of a few bytes. `copy_from_slice` of any length is a call, which is most of the work then; here
//! short ones are two copies of a fixed width that overlap.

/// Copies `from` to `to`, which are equally long; of unequal ones what both have.
#[inline(always)]
pub fn copy_short(to: &mut [u8], from: &[u8]) {
    match to.len().min(from.len()) {
        n @ 33.. => to[..n].copy_from_slice(&from[..n]),
        n @ 16.. => both_ends::<16>(to, from, n),
        n @ 8.. => both_ends::<8>(to, from, n),
        n @ 4.. => both_ends::<4>(to, from, n),
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}

/// The first and the last `W` of `n` bytes.
#[inline(always)]
fn both_ends<const W: usize>(to: &mut [u8], from: &[u8], n: usize) {
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
    fn every_length_arrives_whole() {
        let from: Vec<u8> = (1..=80).collect();
        for n in 0..=80 {
            let mut to = [0; 81];
            copy_short(&mut to[..n], &from[..n]);
            assert_eq!((&to[..n], to[n]), (&from[..n], 0));
        }
        let mut to = [0; 3];
        copy_short(&mut to, &from);
        assert_eq!(to, [1, 2, 3]);
    }
}
