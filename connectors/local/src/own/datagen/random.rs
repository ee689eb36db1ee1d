//! Random numbers that are a function of where they stand: no state, so no order to keep.

/// Well mixed bits of a number (the finaliser of splitmix64).
pub(super) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The bits of row `number` in a stream (a column, a purpose) under a seed.
pub(super) fn bits(seed: u64, stream: u64, number: u64) -> u64 {
    mix(mix(mix(seed) ^ stream) ^ number)
}

/// A number of `0..n` from bits, `n` > 0.
pub(super) fn below(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

/// A number of `0.0..1.0` from bits.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_enough_and_fixed_for_ever() {
        let mut buckets = [0u32; 10];
        for n in 0..10_000 {
            buckets[below(bits(7, 1, n), 10) as usize] += 1;
        }
        assert!(buckets.iter().all(|b| (800..1200).contains(b)), "{buckets:?}");
        // Persisted positions rely on these: they must not change.
        assert_eq!(bits(7, 1, 0), bits(7, 1, 0));
        assert_ne!(bits(7, 1, 0), bits(8, 1, 0));
        assert!((0..1000).all(|n| (0.0..1.0).contains(&unit(bits(1, 2, n)))));
    }
}
