//! Encoded messages as Arrow columns: what a message sink receives, and how partitions are chosen.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema};

/// Column of the key bytes, NULL for no key.
pub const KEY: usize = 0;
/// Column of the value bytes, NULL for a tombstone.
pub const VALUE: usize = 1;
/// Column of the chosen partition.
pub const PARTITION: usize = 2;
/// Column of the headers as in [`crate::raw::encode_headers`], NULL for none.
pub const HEADERS: usize = 3;
/// Column of the timestamp in ms, NULL for "now".
pub const TIMESTAMP: usize = 4;

/// `key BINARY, value BINARY, partition INT, headers BINARY, timestamp BIGINT`.
pub fn message_schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("key", DataType::Binary, true),
            Field::new("value", DataType::Binary, true),
            Field::new("partition", DataType::Int32, false),
            Field::new("headers", DataType::Binary, true),
            Field::new("timestamp", DataType::Int64, true),
        ]))
    });
    SCHEMA.clone()
}

/// The partition of a key as Kafka's Java client chooses it: murmur2, made positive, modulo.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// The 32-bit murmur2 of Kafka's `org.apache.kafka.common.utils.Utils` (seed 0x9747b28c).
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for c in &mut chunks {
        let mut k = u32::from_le_bytes([c[0], c[1], c[2], c[3]]).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (i, b) in tail.iter().enumerate() {
            h ^= u32::from(*b) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own UtilsTest.
    #[test]
    fn murmur2_equals_java() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }
}
