//! The two calls: which versions a broker speaks (ApiVersions), and records of one partition (Fetch).

use super::wire::{Cut, Request};

const FETCH: i16 = 1;
const API_VERSIONS: i16 = 18;

/// The first version of Fetch that names a topic by its id (KIP-516, Kafka 3.1): whoever reads by id never reads
/// another topic of the same name. Kafka 4 speaks it too.
const FETCH_VERSION: i16 = 13;
const API_VERSIONS_VERSION: i16 = 0;

/// A topic's id.
pub(super) type TopicId = [u8; 16];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub topic: TopicId,
    pub partition: i32,
    pub offset: i64,
    /// The leader's epoch in the record before, -1 where unknown: a leader whose log has another history says so
    /// (KIP-595).
    pub epoch: i32,
}

/// How it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub client: String,
    pub wait_ms: i32,
    pub least_bytes: i32,
    /// Of one answer; a batch that is larger comes whole.
    pub most_bytes: i32,
    pub committed_only: bool,
}

/// The answer to a fetch, its records still in the bytes that they came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Kafka's number of what went wrong, 0 for nothing.
    pub error: i16,
    /// The end of what may be read: committed records only, where that was asked for.
    pub end: i64,
    /// First offset and producer of aborted transactions.
    pub aborted: Vec<(i64, i64)>,
    /// Where in the answer the batches are.
    pub batches: std::ops::Range<usize>,
    /// Where this log and the reader's part: the records behind are not those that were read.
    pub parted: Option<i64>,
}

/// The question for versions.
pub(super) fn ask_versions(client: &str) -> Vec<u8> {
    Request::new(API_VERSIONS, API_VERSIONS_VERSION, 0, client).finish()
}

/// Whether the broker speaks the version of Fetch that is used here. `None`: an answer that makes no sense.
pub(super) fn speaks(answer: &[u8]) -> Option<bool> {
    let mut cut = Cut(answer);
    let (_correlation, _error) = (cut.i32()?, cut.i16()?);
    for _ in 0..cut.i32()? {
        let (call, least, most) = (cut.i16()?, cut.i16()?, cut.i16()?);
        if call == FETCH {
            return Some((least..=most).contains(&FETCH_VERSION));
        }
    }
    Some(false)
}

/// The question for records.
pub(super) fn ask(asked: &Asked, manner: &Manner, correlation: i32) -> Vec<u8> {
    let mut request = Request::new(FETCH, FETCH_VERSION, correlation, &manner.client);
    request.no_tags();
    request.i32(-1).i32(manner.wait_ms).i32(manner.least_bytes).i32(manner.most_bytes);
    request.i8(i8::from(manner.committed_only));
    // No session: each question says all of it.
    request.i32(0).i32(-1);
    request.count(1).bytes(&asked.topic);
    request.count(1).i32(asked.partition).i32(-1).i64(asked.offset).i32(asked.epoch).i64(-1).i32(manner.most_bytes);
    request.no_tags().no_tags();
    // Neither forgotten topics nor a rack.
    request.count(0).count(0).no_tags();
    request.finish()
}

/// The answer to [`ask`]; `None` where it makes no sense or is to another question.
pub(super) fn answered(answer: &[u8], correlation: i32) -> Option<Told> {
    let mut cut = Cut(answer);
    if cut.i32()? != correlation {
        return None;
    }
    cut.no_tags()?;
    let (_throttled, error, _session) = (cut.i32()?, cut.i16()?, cut.i32()?);
    if cut.count()? == 0 {
        // An error of the whole call.
        return (error != 0).then_some(Told { error, end: -1, aborted: vec![], batches: 0..0, parted: None });
    }
    let (_topic, partitions) = (cut.bytes(16)?, cut.count()?);
    if partitions == 0 {
        return None;
    }
    let (_partition, error) = (cut.i32()?, cut.i16()?);
    let (high, stable, _low) = (cut.i64()?, cut.i64()?, cut.i64()?);
    let end = if stable >= 0 { stable } else { high };
    let mut aborted = Vec::new();
    for _ in 0..cut.count()? {
        let (producer, first) = (cut.i64()?, cut.i64()?);
        cut.no_tags()?;
        aborted.push((first, producer));
    }
    let _replica = cut.i32()?;
    let length = cut.count()?;
    let start = answer.len() - cut.0.len();
    cut.bytes(length)?;
    let mut parted = None;
    cut.tags(|tag, mut value| {
        if tag == 0 {
            parted = value.i32().and_then(|epoch| Some((epoch, value.i64()?))).filter(|(epoch, _)| *epoch >= 0);
        }
    })?;
    Some(Told { error, end, aborted, batches: start..start + length, parted: parted.map(|(_, end)| end) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer about one partition, with tagged fields behind its records.
    fn answer(error: i16, stable: i64, aborted: &[(i64, i64)], records: &[u8], tags: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(7i32.to_be_bytes());
        out.push(0);
        out.extend([0; 10]);
        out.push(2);
        out.extend([9; 16]);
        out.push(2);
        out.extend(0i32.to_be_bytes());
        out.extend(error.to_be_bytes());
        out.extend([100, stable, 5].iter().flat_map(|n: &i64| n.to_be_bytes()));
        out.push(aborted.len() as u8 + 1);
        for (producer, first) in aborted {
            out.extend(producer.to_be_bytes());
            out.extend(first.to_be_bytes());
            out.push(0);
        }
        out.extend((-1i32).to_be_bytes());
        out.push(records.len() as u8 + 1);
        out.extend(records);
        out.extend(tags);
        out.extend([0, 0]);
        out
    }

    /// Where the logs part: an epoch and the offset it ends at.
    fn parted(epoch: i32, end: i64) -> Vec<u8> {
        let mut out = vec![2, 0, 13];
        out.extend(epoch.to_be_bytes());
        out.extend(end.to_be_bytes());
        // And a tag that nobody knows.
        out.extend([0, 9, 1, 77]);
        out
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let told = answered(&answer(0, 90, &[(1, 50), (2, 60)], b"batches", &[0]), 7).unwrap();
        assert_eq!((told.error, told.end, told.parted), (0, 90, None));
        assert_eq!(told.aborted, [(50, 1), (60, 2)]);
        assert_eq!(&answer(0, 90, &[(1, 50), (2, 60)], b"batches", &[0])[told.batches], b"batches");
        // To who reads everything no stable end is told.
        assert_eq!(answered(&answer(0, -1, &[], b"", &[0]), 7).unwrap().end, 100);
        assert_eq!(answered(&answer(6, 90, &[], b"", &[0]), 7).unwrap().error, 6);
        assert_eq!(answered(&answer(0, 90, &[], b"", &parted(3, 42)), 7).unwrap().parted, Some(42));
        assert_eq!(answered(&answer(0, 90, &[], b"", &parted(-1, -1)), 7).unwrap().parted, None);
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        let whole = answer(0, 90, &[(1, 50)], b"batches", &[0]);
        assert_eq!(answered(&whole, 8), None, "an answer to another question");
        for length in 0..whole.len() - 2 {
            assert_eq!(answered(&whole[..length], 7), None, "{length} bytes of it");
        }
        // An error of the whole call, and none of anything.
        let none = |error: u8| [&[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, error, 0, 0, 0, 0, 1, 0][..]].concat();
        assert_eq!(answered(&none(70), 7).map(|told| told.error), Some(70));
        assert_eq!(answered(&none(0), 7), None);
    }

    #[test]
    fn brokers_say_what_they_speak() {
        let says = |least: u8, most: u8| {
            let calls = [0, 0, 0, 2, 0, 0, 0, 0, 0, 9, 0, 1, 0, least, 0, most];
            speaks(&[&[0, 0, 0, 0, 0, 0][..], &calls].concat())
        };
        assert_eq!([says(4, 17), says(13, 13), says(4, 12), says(14, 20)], [true, true, false, false].map(Some));
        assert_eq!(speaks(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(false));
        assert_eq!(speaks(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), None);
    }
}
