//! Batches and answers made by hand, as the specification says.

use crate::direct::codec::tests::packed;

/// A batch in the making.
#[derive(Clone)]
pub struct Made {
    pub base: i64,
    pub epoch: i32,
    pub attributes: i16,
    pub producer: i64,
    /// The offset of the last record there once was, counted from the first.
    pub last: i32,
    pub times: (i64, i64),
    pub records: Vec<Vec<u8>>,
}

/// A record: time and offset counted from the batch's, key, value, headers.
pub type Entry<'a> = (i64, i64, Option<&'a [u8]>, Option<&'a [u8]>, &'a [(&'a str, Option<&'a [u8]>)]);

/// Attributes.
pub const BROKER_TIME: i16 = 0x08;
pub const TRANSACTIONAL: i16 = 0x10;
pub const CONTROL: i16 = 0x20;

pub fn batch(base: i64, records: &[Entry<'_>]) -> Made {
    let last = records.last().map_or(0, |r| r.1 as i32);
    let records = records.iter().map(|r| entry(*r)).collect();
    Made { base, epoch: 3, attributes: 0, producer: -1, last, times: (1000, 2000), records }
}

/// Values alone, one offset after the other.
pub fn values(base: i64, values: &[&str]) -> Made {
    let entries: Vec<Entry<'_>> =
        values.iter().enumerate().map(|(i, v)| (0, i as i64, None, Some(v.as_bytes()), &[][..])).collect();
    batch(base, &entries)
}

/// The end of a transaction: 0 aborts, 1 commits.
pub fn marker(base: i64, producer: i64, kind: u8) -> Made {
    let made = batch(base, &[(0, 0, Some(&[0, 0, 0, kind]), Some(&[0, 0, 0, 0, 0, 7]), &[])]);
    Made { attributes: TRANSACTIONAL | CONTROL, producer, ..made }
}

impl Made {
    pub fn of(self, producer: i64) -> Made {
        Made { attributes: self.attributes | TRANSACTIONAL, producer, ..self }
    }

    pub fn codec(self, codec: i16) -> Made {
        Made { attributes: self.attributes | codec, ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.extend(self.attributes.to_be_bytes());
        checked.extend(self.last.to_be_bytes());
        checked.extend(self.times.0.to_be_bytes());
        checked.extend(self.times.1.to_be_bytes());
        checked.extend(self.producer.to_be_bytes());
        checked.extend(0i16.to_be_bytes());
        checked.extend(0i32.to_be_bytes());
        checked.extend((self.records.len() as i32).to_be_bytes());
        match self.attributes & 7 {
            0 => checked.extend(self.records.concat()),
            codec => checked.extend(packed(codec, &self.records.concat())),
        }
        let mut out = Vec::new();
        out.extend(self.base.to_be_bytes());
        out.extend((checked.len() as i32 + 9).to_be_bytes());
        out.extend(self.epoch.to_be_bytes());
        out.push(2);
        out.extend(crc32c::crc32c(&checked).to_be_bytes());
        out.extend(checked);
        out
    }
}

fn entry((time, offset, key, value, headers): Entry<'_>) -> Vec<u8> {
    let mut body = vec![0];
    varint(&mut body, time);
    varint(&mut body, offset);
    nullable(&mut body, key);
    nullable(&mut body, value);
    varint(&mut body, headers.len() as i64);
    for (name, value) in headers {
        nullable(&mut body, Some(name.as_bytes()));
        nullable(&mut body, *value);
    }
    let mut out = Vec::new();
    varint(&mut out, body.len() as i64);
    out.extend(body);
    out
}

fn nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(out, bytes.map_or(-1, |b| b.len() as i64));
    out.extend(bytes.unwrap_or_default());
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
