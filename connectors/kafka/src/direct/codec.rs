//! Compressed records. The codecs and their numbers are those of Kafka's message format.

use std::io::{self, Read};

/// More than a broker takes of any batch, even where it compresses a thousand times.
const LARGEST: u64 = 1 << 30;

/// What Java puts in front of snappy's blocks: a mark and two versions.
const JAVA_SNAPPY: &[u8] = b"\x82SNAPPY\0";
const JAVA_SNAPPY_HEADER: usize = 16;

/// Puts the records that are in `packed` into `into`, in place of what is there.
///
/// # Errors
/// A codec that nobody knows; bytes that are not of it; more of them than memory is for.
pub(super) fn unpack(codec: i16, packed: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    match codec {
        1 => all(flate2::read::MultiGzDecoder::new(packed), into),
        2 => snappy(packed, into),
        3 => all(lz4_flex::frame::FrameDecoder::new(packed), into),
        4 => all(zstd::stream::read::Decoder::with_buffer(packed)?, into),
        unknown => Err(io::Error::other(format!("codec {unknown} is not known"))),
    }
}

fn all(from: impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    from.take(LARGEST + 1).read_to_end(into)?;
    fits(into.len() as u64)
}

fn fits(bytes: u64) -> io::Result<()> {
    if bytes > LARGEST { Err(io::Error::other("more than 1 GiB")) } else { Ok(()) }
}

/// One block, as librdkafka writes, or Java's: its header, then blocks with their lengths in front.
fn snappy(packed: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    if !packed.starts_with(JAVA_SNAPPY) {
        return snappy_block(packed, into);
    }
    let ends_early = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut rest = packed.get(JAVA_SNAPPY_HEADER..).ok_or_else(ends_early)?;
    while !rest.is_empty() {
        let (length, blocks) = rest.split_first_chunk().ok_or_else(ends_early)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, behind) = blocks.split_at_checked(length).ok_or_else(ends_early)?;
        snappy_block(block, into)?;
        rest = behind;
    }
    Ok(())
}

fn snappy_block(block: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    let start = into.len();
    let length = snap::raw::decompress_len(block)?;
    fits((start + length) as u64)?;
    into.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut into[start..])?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub fn packed(codec: i16, plain: &[u8]) -> Vec<u8> {
        match codec {
            1 => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            2 => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
            3 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            _ => zstd::encode_all(plain, 1).unwrap(),
        }
    }

    #[test]
    fn every_codec_gives_back_what_was_packed() {
        let plain: Vec<u8> = (0..300_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let mut out = b"old".to_vec();
        for codec in 1..=4 {
            for plain in [&plain[..], b"", b"x"] {
                unpack(codec, &packed(codec, plain), &mut out).unwrap();
                assert!(out == plain, "codec {codec}");
            }
            let whole = packed(codec, &plain);
            assert!(unpack(codec, &whole[..whole.len() / 2], &mut out).is_err(), "codec {codec}");
        }
        assert!(unpack(5, b"", &mut out).is_err());
    }

    #[test]
    fn snappy_of_java_has_blocks() {
        let mut whole = [JAVA_SNAPPY, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for block in [&b"first, "[..], b"second"] {
            let block = packed(2, block);
            whole.extend_from_slice(&(block.len() as u32).to_be_bytes());
            whole.extend_from_slice(&block);
        }
        let mut out = Vec::new();
        unpack(2, &whole, &mut out).unwrap();
        assert_eq!(out, b"first, second");
        assert!(unpack(2, &whole[..whole.len() - 1], &mut out).is_err());
    }
}
