//! From the bytes of an answer to records.

use bytes::Bytes;
use proptest::prelude::*;

use super::made::{BROKER_TIME, CONTROL, Made, batch, marker, values};
use crate::direct::answer::{Answer, Stop, reaches};
use crate::fetched::{Fetched, Taker};

/// Everything that comes out, in words.
fn read_in(steps: usize, bytes: &[u8], aborted: &[(i64, i64)]) -> (Vec<String>, Result<(), Stop>) {
    let mut answer = Answer::new(true);
    answer.begin(Bytes::copy_from_slice(bytes), 0..bytes.len(), aborted.to_vec());
    let mut out = Vec::new();
    while !answer.is_over() {
        let mut count = 0;
        let done = answer.take(steps, &mut count, &mut |fetched: Fetched<'_>| out.push(said(&fetched)));
        if let Err(stop) = done {
            return (out, Err(stop));
        }
        assert!(count == steps || answer.is_over());
    }
    (out, Ok(()))
}

fn said(fetched: &Fetched<'_>) -> String {
    match fetched {
        Fetched::Record(r) => {
            let text = |bytes: Option<&[u8]>| bytes.map_or("-".into(), |b| String::from_utf8_lossy(b).into_owned());
            let headers: Vec<String> =
                r.headers.read().unwrap().iter().map(|(n, v)| format!(" {n}={}", text(v.as_deref()))).collect();
            let (key, value) = (text(r.key), text(r.value));
            let epoch = r.broker.leader_epoch.map_or("-".into(), |e| e.to_string());
            let whose = if r.broker.log_append_time { "B" } else { "" };
            format!("{}@{}{whose}/{epoch} {key}:{value}{}", r.offset, r.timestamp, headers.concat())
        }
        Fetched::End(offset) => format!("end {offset}"),
        Fetched::Failed(code, why) => panic!("{code}: {why}"),
    }
}

fn read(batches: &[Made]) -> Vec<String> {
    let bytes = batches.iter().flat_map(Made::bytes).collect::<Vec<_>>();
    let (out, done) = read_in(1000, &bytes, &[]);
    assert_eq!(done, Ok(()));
    for steps in [1, 2, 3] {
        assert_eq!(read_in(steps, &bytes, &[]).0, out, "{steps} at a time");
    }
    out
}

#[test]
fn all_of_a_record_is_read() {
    let headers: &[(&str, Option<&[u8]>)] = &[("a", Some(b"1")), ("b", None), ("a", Some(b""))];
    let made = batch(
        40,
        &[
            (0, 0, Some(b"k"), Some(b"v"), &[]),
            (-5, 1, None, None, headers),
            // Those between have been compacted away.
            (700, 300, Some(b""), Some(b""), &[]),
        ],
    );
    let made = Made { last: 310, ..made };
    let want = ["40@1000/3 k:v", "41@995/3 -:- a=1 b=- a=", "340@1700/3 :", "end 351"];
    assert_eq!(read(std::slice::from_ref(&made)), want);
    for codec in 1..=4 {
        assert_eq!(read(&[made.clone().codec(codec)]), want);
    }
    let of_broker = Made { attributes: BROKER_TIME, epoch: -1, ..made };
    assert_eq!(read(&[of_broker])[1], "41@2000B/- -:- a=1 b=- a=");
}

#[test]
fn batches_follow_each_other() {
    let emptied = Made { last: 4, ..values(12, &[]) };
    let all = [values(10, &["a", "b"]), emptied, marker(17, 9, 1), values(18, &["c"]).codec(3).of(9)];
    let want = ["10@1000/3 -:a", "11@1000/3 -:b", "end 12", "end 17", "end 18", "18@1000/3 -:c", "end 19"];
    assert_eq!(read(&all), want);
    let mut bytes = all.iter().flat_map(Made::bytes).collect::<Vec<_>>();
    assert_eq!(reaches(&bytes), Some((19, 3)));
    // The last one is cut off.
    bytes.pop();
    assert_eq!(read_in(10, &bytes, &[]), (want[..5].iter().map(ToString::to_string).collect(), Ok(())));
    assert_eq!(reaches(&bytes), Some((18, 3)));
    assert_eq!(reaches(&bytes[..70]), None);
    assert_eq!(read_in(10, &bytes[..70], &[]).1, Err(Stop::Damaged("the answer has no whole batch".into())));
}

/// Producers 1 and 2 take turns; both have an aborted and a committed transaction.
#[test]
fn aborted_transactions_are_left_out() {
    let all = [
        values(0, &["1 aborted"]).of(1),
        values(1, &["2 committed"]).of(2),
        values(2, &["1 aborted"]).of(1),
        values(3, &["plain"]),
        marker(4, 1, 0),
        values(5, &["1 committed"]).of(1),
        marker(6, 2, 1),
        values(7, &["2 aborted"]).of(2),
        marker(8, 1, 1),
        marker(9, 2, 0),
        values(10, &["2 committed"]).of(2),
    ];
    let bytes = all.iter().flat_map(Made::bytes).collect::<Vec<_>>();
    let given = |from: usize, aborted: &[(i64, i64)]| {
        let start = all[..from].iter().map(|b| b.bytes().len()).sum::<usize>();
        let (out, done) = read_in(2, &bytes[start..], aborted);
        assert_eq!(done, Ok(()));
        assert_eq!(out.last().map(String::as_str), Some("end 11"));
        let values = out.into_iter().filter_map(|s| Some(s.split_once(":")?.1.to_owned()));
        values.collect::<Vec<_>>()
    };
    let committed = ["2 committed", "plain", "1 committed", "2 committed"];
    assert_eq!(given(0, &[(0, 1), (7, 2)]), committed);
    // In any order; and one that began before what is read.
    assert_eq!(given(0, &[(7, 2), (0, 1)]), committed);
    assert_eq!(given(2, &[(0, 1), (7, 2)]), committed[1..]);
    // Who reads everything is told of no aborted ones.
    assert_eq!(given(0, &[]).len(), 7);
}

/// A control record of another kind (of the cluster itself) ends nothing.
#[test]
fn only_an_abort_ends_an_aborted_transaction() {
    let all = [values(0, &["a"]).of(1), marker(1, 1, 1), values(2, &["b"]).of(1), marker(3, 1, 0)];
    let bytes = all.iter().flat_map(Made::bytes).collect::<Vec<_>>();
    assert_eq!(read_in(9, &bytes, &[(0, 1)]).0, ["end 1", "end 2", "end 3", "end 4"]);
    let odd = Made { attributes: CONTROL, ..values(0, &["x"]) };
    assert_eq!(read(&[odd]), ["end 1"]);
}

#[test]
fn damage_is_found_and_placed() {
    let whole = [values(5, &["a", "b"]), values(7, &["c"])];
    let bytes = whole.iter().flat_map(Made::bytes).collect::<Vec<_>>();
    let second = whole[0].bytes().len();
    let damaged = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        read_in(10, &bytes, &[])
    };
    let (before, said) = damaged(second + 65);
    assert_eq!(before, ["5@1000/3 -:a", "6@1000/3 -:b", "end 7"]);
    assert_eq!(said, Err(Stop::Damaged("the batch at offset 7 is damaged: its CRC is another".into())));
    // The format's number stands before what the CRC is of.
    assert_eq!(damaged(second + 16), (before, Err(Stop::Old)));
    let short = Made { records: vec![vec![40, 0, 0]], ..values(5, &["a"]) };
    let said = read_in(10, &short.bytes(), &[]).1;
    assert_eq!(said, Err(Stop::Damaged("the batch at offset 5 is damaged: a record of it makes no sense".into())));
    let unpackable = Made { attributes: 3, ..values(5, &["a"]) };
    let mut bytes = unpackable.bytes();
    bytes.truncate(61);
    bytes.extend(b"no lz4");
    let length = (bytes.len() - 12) as u32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let Err(Stop::Damaged(said)) = read_in(10, &bytes, &[]).1 else { panic!("it can be read") };
    assert!(said.contains("offset 5") && said.contains("cannot be unpacked"), "{said}");
}

/// Messages of the formats before Kafka 0.11 are shorter than the header of a batch.
#[test]
fn older_formats_are_told_apart() {
    let mut old = vec![0; 40];
    old[11] = 28;
    old[16] = 1;
    assert_eq!(read_in(10, &old, &[]), (vec![], Err(Stop::Old)));
}

proptest! {
    /// Whatever comes over the wire, reading it ends, and panics nowhere.
    #[test]
    fn any_bytes_are_read_to_an_end(
        changes in prop::collection::vec((0usize..400, any::<u8>()), 0..6),
        length in 0usize..400,
        codec in 0i16..5,
        check in any::<bool>(),
    ) {
        let all = [values(0, &["some", "values"]).codec(codec), marker(2, 1, 0), values(3, &["more"]).of(1)];
        let mut bytes = all.iter().flat_map(Made::bytes).collect::<Vec<_>>();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(length);
        let mut answer = Answer::new(check);
        let end = bytes.len();
        answer.begin(Bytes::from(bytes.clone()), 0..end, vec![(0, 1)]);
        let mut count = 0;
        let done = answer.take(1000, &mut count, &mut |fetched: Fetched<'_>| {
            if let Fetched::Record(record) = fetched {
                let _ = record.headers.read();
            }
        });
        prop_assert!(done.is_err() || answer.is_over());
        let _ = reaches(&bytes);
    }
}

/// Takes the records of an answer in its bytes, or none.
#[derive(Default)]
struct InPlace {
    bytes: Option<Bytes>,
    offsets: Vec<i64>,
}

impl Taker for InPlace {
    fn lies_in(&mut self, bytes: &Bytes) -> bool {
        self.bytes.get_or_insert_with(|| bytes.clone()).as_ptr() == bytes.as_ptr()
    }
    fn lies_elsewhere(&mut self) -> bool {
        self.bytes.is_none()
    }
    fn take(&mut self, fetched: Fetched<'_>) {
        if let Fetched::Record(record) = fetched {
            self.offsets.push(record.offset);
        }
    }
}

#[test]
fn what_is_not_wanted_now_is_left_for_later() {
    let all = [values(0, &["a", "b"]), values(2, &["c"]), values(3, &["d"]).codec(3), values(4, &["e"])];
    let bytes = Bytes::from(all.iter().flat_map(Made::bytes).collect::<Vec<_>>());
    let mut answer = Answer::new(true);
    let end = bytes.len();
    answer.begin(bytes, 0..end, vec![]);
    let mut takes = Vec::new();
    while !answer.is_over() {
        let (mut count, mut taker) = (0, InPlace::default());
        let stopped = answer.take(10, &mut count, &mut taker).unwrap();
        assert_eq!((count, stopped), (taker.offsets.len(), !answer.is_over()));
        takes.push(taker.offsets);
    }
    // What is unpacked elsewhere comes by itself, and what lies in the answer may follow it.
    assert_eq!(takes, [vec![0, 1, 2], vec![3, 4]]);
}
