//! Keys as words to dense ids, in the order in which they came; none is removed alone.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::byte_table::{kept, spread};
use super::key_words::KeyWords;

/// Keys as words with dense ids.
#[derive(Debug, Default)]
pub struct WordTable {
    table: HashTable<Slot>,
    /// The words of each id, one after the other.
    words: Vec<u64>,
    state: RandomState,
    hashes: Vec<u32>,
    found: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
}

fn hash(state: &RandomState, words: &[u64]) -> u32 {
    let mut hasher = state.build_hasher();
    for pair in words.chunks_exact(2) {
        hasher.write_u128(u128::from(pair[0]) | u128::from(pair[1]) << 64);
    }
    kept(&hasher)
}

/// The words of an id; none if there is no such id.
#[inline(always)]
fn words_of(words: &[u64], id: u32, stride: usize) -> &[u64] {
    let at = id as usize * stride;
    words.get(at..at + stride).unwrap_or(&[])
}

impl WordTable {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }
    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
    /// The words of these ids, each `stride` of them.
    pub fn rows<'a>(&'a self, ids: &'a [u32], stride: usize) -> impl ExactSizeIterator<Item = &'a [u64]> {
        ids.iter().map(move |id| words_of(&self.words, *id, stride))
    }

    /// The ids of the rows that were encoded last, made where there is none; they go to `ids`, in order.
    ///
    /// Three short loops instead of one, so that the processor waits for many rows' memory at once.
    pub fn intern(&mut self, rows: &KeyWords, ids: &mut Vec<u32>) {
        let stride = rows.stride();
        let WordTable { table, words, state, hashes, found } = self;
        hashes.clear();
        hashes.extend(rows.words().chunks_exact(stride).map(|row| hash(state, row)));
        found.clear();
        found.extend(
            hashes.iter().map(|hash| table.find(spread(*hash), |s| s.hash == *hash).map_or(u32::MAX, |s| s.id)),
        );
        for ((row, found), hash) in rows.words().chunks_exact(stride).zip(found).zip(hashes) {
            if words_of(words, *found, stride) == row {
                ids.push(*found);
                continue;
            }
            // New, made by an earlier row of these, or another key of the same hash.
            let same = |s: &Slot| s.hash == *hash && words_of(words, s.id, stride) == row;
            ids.push(match table.entry(spread(*hash), same, |s| spread(s.hash)) {
                Entry::Occupied(entry) => entry.get().id,
                Entry::Vacant(entry) => {
                    let id = (words.len() / stride) as u32;
                    words.extend_from_slice(row);
                    entry.insert(Slot { hash: *hash, id });
                    id
                }
            });
        }
    }

    /// Removes all keys; the memory is kept.
    pub fn clear(&mut self) {
        self.table.clear();
        self.words.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::DataType;

    use super::*;
    use crate::state::key_words::KeyColumn;
    use crate::state::test_data::Random;

    /// Ids of numbers, in blocks of rows.
    fn intern(table: &mut WordTable, words: &mut KeyWords, numbers: &[i64]) -> Vec<u32> {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        let rows: Vec<u32> = (0..numbers.len() as u32).collect();
        let mut ids = Vec::new();
        for rows in rows.chunks(512) {
            words.encode(&[KeyColumn::new(&column).unwrap()], rows);
            table.intern(words, &mut ids);
        }
        ids
    }

    #[test]
    fn ids_are_dense_and_in_the_order_of_arrival() {
        let (mut table, mut words) = (WordTable::default(), KeyWords::new(&[DataType::Int64]).unwrap());
        for _ in 0..2 {
            assert_eq!(intern(&mut table, &mut words, &[7, 7, -1, 7, 0, -1]), [0, 0, 1, 0, 2, 1]);
            assert_eq!(intern(&mut table, &mut words, &[0, 9, 7]), [2, 3, 0]);
            let rows: Vec<&[u64]> = table.rows(&[3, 1], words.stride()).collect();
            let (keys, _) = words.to_keys(rows.into_iter()).unwrap();
            assert_eq!((keys.value(0)[8], keys.value(1)[1]), (9, 0x7f));
            assert_eq!(table.len(), 4);
            table.clear();
            assert!(table.is_empty());
        }
    }

    /// Of so many keys about eighteen pairs have the same hash.
    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let mut random = Random::new(11);
        let mut numbers: Vec<i64> = (0..400_000).map(|_| random.next() as i64).collect();
        let (mut table, mut words) = (WordTable::default(), KeyWords::new(&[DataType::Int64]).unwrap());
        let first = intern(&mut table, &mut words, &numbers);
        assert_eq!(table.len(), numbers.len());
        numbers.reverse();
        assert!(intern(&mut table, &mut words, &numbers).into_iter().rev().eq(first));
    }
}
