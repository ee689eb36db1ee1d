//! Seeded random columns for the tests of state and operators.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int32Array,
    Int64Array, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};

/// A small xorshift generator: the tests need repeatable numbers, nothing more.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
    pub(crate) fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.below(5) == 0 { None } else { Some(value(self)) }
    }
}

const TEXTS: [&str; 6] = ["", "a", "a\0b", "课堂", "question_17", "ab"];

/// One column of most types, `rows` long, NULLs included.
pub(crate) fn random_columns(seed: u64, rows: usize) -> Vec<ArrayRef> {
    let mut r = Random::new(seed + 1);
    macro_rules! column {
        ($a:ty, $f:expr) => {
            Arc::new((0..rows).map(|_| r.maybe($f)).collect::<$a>()) as ArrayRef
        };
    }
    let mut columns = vec![
        column!(Int64Array, |r| r.next() as i64),
        column!(Int32Array, |r| r.next() as i32),
        column!(Int8Array, |r| r.next() as i8),
        column!(BooleanArray, |r| r.below(2) == 0),
        column!(Float64Array, |r| r.next() as i64 as f64 / 1e9),
        column!(Float32Array, |r| r.next() as i32 as f32 / 1e3),
        column!(TimestampMicrosecondArray, |r| r.next() as i64 >> 12),
    ];
    columns.push(Arc::new((0..rows).map(|_| r.maybe(|r| TEXTS[r.below(6) as usize])).collect::<StringArray>()));
    columns
        .push(Arc::new((0..rows).map(|_| r.maybe(|r| TEXTS[r.below(6) as usize].as_bytes())).collect::<BinaryArray>()));
    let decimals: Decimal128Array = (0..rows).map(|_| r.maybe(|r| i128::from(r.next() as i64) * 1000)).collect();
    columns.push(Arc::new(decimals.with_precision_and_scale(38, 4).unwrap()));

    let mut list = ListBuilder::new(StringBuilder::new());
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for _ in 0..rows {
        let there = r.below(4) != 0;
        for i in 0..if there { r.below(3) } else { 0 } {
            list.values().append_option(r.maybe(|r| TEXTS[r.below(6) as usize]));
            map.keys().append_value(format!("k{i}"));
            map.values().append_option(r.maybe(|r| r.next() as i64));
        }
        list.append(there);
        map.append(there).unwrap();
    }
    columns.push(Arc::new(list.finish()));
    columns.push(Arc::new(map.finish()));
    let fields = vec![
        (Arc::new(Field::new("n", DataType::Int64, true)), columns[0].clone()),
        (Arc::new(Field::new("t", DataType::Utf8, true)), columns[7].clone()),
    ];
    columns.push(Arc::new(StructArray::from(fields)));
    columns
}
