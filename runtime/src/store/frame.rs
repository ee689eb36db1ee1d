//! Checksummed frames, the only thing that store files contain.
//!
//! ```text
//! "TGF1" | kind u8 | length of payload u32 LE | crc32 of kind, length and payload, u32 LE | payload
//! ```

use tidegate_core::{Error, Result};

/// Bytes before the payload.
pub const HEADER: usize = 13;
const MAGIC: &[u8; 4] = b"TGF1";

/// What a payload is. The numbers are persisted: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Sink rows, all `+I`.
    Rows = 1,
    /// Sink rows with their kinds in a last column.
    RowsWithKinds = 2,
    /// A state delta.
    State = 3,
    /// A journal record.
    Journal = 4,
}

impl Kind {
    fn from_u8(n: u8) -> Option<Kind> {
        [Kind::Rows, Kind::RowsWithKinds, Kind::State, Kind::Journal].into_iter().find(|k| *k as u8 == n)
    }
}

/// Writes the header into the first [`HEADER`] bytes of `frame`, the payload following them, and
/// returns the checksum.
///
/// # Errors
/// Where the payload is 4 GiB or more.
pub fn seal(kind: Kind, frame: &mut [u8]) -> Result<u32> {
    let length = u32::try_from(frame.len() - HEADER)
        .map_err(|_| Error::user("a single batch is larger than 4 GiB").help("lower the batch limits"))?;
    frame[..4].copy_from_slice(MAGIC);
    frame[4] = kind as u8;
    frame[5..9].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(frame);
    frame[9..HEADER].copy_from_slice(&crc.to_le_bytes());
    Ok(crc)
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[4..9]);
    hasher.update(&frame[HEADER..]);
    hasher.finalize()
}

/// A frame at the start of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: Kind,
    /// The payload.
    pub payload: &'a [u8],
    /// Bytes of the whole frame.
    pub length: usize,
    /// Its checksum.
    pub checksum: u32,
}

/// The frame at the start of `bytes`; `None` where there is none or it is damaged.
pub fn open(bytes: &[u8]) -> Option<Frame<'_>> {
    if bytes.len() < HEADER || &bytes[..4] != MAGIC {
        return None;
    }
    let kind = Kind::from_u8(bytes[4])?;
    let length = HEADER + u32::from_le_bytes(bytes[5..9].try_into().ok()?) as usize;
    let stored = u32::from_le_bytes(bytes[9..HEADER].try_into().ok()?);
    let frame = bytes.get(..length)?;
    (checksum(frame) == stored).then_some(Frame { kind, payload: &frame[HEADER..], length, checksum: stored })
}

/// How a run of frames ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With the last frame.
    Clean,
    /// With something that is not a frame, from this byte: a write that never finished.
    Torn(usize),
    /// With damage at this byte that an intact frame follows: what was durable has changed.
    Damaged(usize),
}

/// All frames from the start of `bytes` up to the first that is none, and what follows.
pub fn scan(bytes: &[u8]) -> (Vec<Frame<'_>>, Tail) {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Some(frame) = open(&bytes[at..]) else {
            let later = (at + 1..bytes.len()).any(|i| bytes[i..].starts_with(MAGIC) && open(&bytes[i..]).is_some());
            return (frames, if later { Tail::Damaged(at) } else { Tail::Torn(at) });
        };
        at += frame.length;
        frames.push(frame);
    }
    (frames, Tail::Clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut f = vec![0; HEADER];
        f.extend_from_slice(payload);
        seal(Kind::Journal, &mut f).unwrap();
        f
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let good = frame(b"some payload");
        assert_eq!(open(&good).unwrap().payload, b"some payload");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bad).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_torn_tail_is_not_damage() {
        let mut bytes = frame(b"one");
        let first = bytes.len();
        bytes.extend(frame(b"two"));
        for cut in first + 1..bytes.len() {
            let (frames, tail) = scan(&bytes[..cut]);
            assert_eq!((frames.len(), tail), (1, Tail::Torn(first)));
        }
        assert_eq!(scan(&bytes).1, Tail::Clean);
        bytes[3] ^= 1;
        assert_eq!(scan(&bytes).1, Tail::Damaged(0));
    }
}
