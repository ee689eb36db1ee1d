//! Logs end to end: what is written is read, torn tails were never written, readers and writers in
//! turn and at once.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_core::raw::RawBatch;
use tidegate_core::source::{BatchLimits, Read, Source, SplitReader};
use tidegate_core::split::{Bound, GroupFallback, Position, StartMode};

use super::*;

pub(super) fn limits(rows: usize) -> BatchLimits {
    BatchLimits { rows, bytes: 1 << 20, wait: Duration::ZERO }
}

fn produce(log: &Log, partition: u32, values: impl IntoIterator<Item = String>) {
    let values: Vec<String> = values.into_iter().collect();
    let records = values.iter().map(|v| Record {
        partition: Some(partition),
        value: Some(v.as_bytes()),
        timestamp: v.parse().ok(),
        ..Record::default()
    });
    log.produce(records).unwrap();
}

fn texts(batch: &RawBatch) -> Vec<String> {
    (0..batch.records.len()).map(|i| String::from_utf8(batch.value(i).unwrap().to_vec()).unwrap()).collect()
}

fn read_all(reader: &mut LogReader, rows: usize) -> Vec<String> {
    let mut out = Vec::new();
    while let Read::Messages(batch) = reader.read(&limits(rows)).unwrap() {
        assert!(batch.records.len() <= rows);
        out.extend(texts(&batch));
    }
    out
}

fn all(log: &Log, partition: u32) -> Vec<String> {
    read_all(&mut log.reader(partition, log.range(partition).unwrap().first, None).unwrap(), 1000)
}

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[test]
fn any_batch_size_from_any_offset_gives_the_same_records() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "课堂:t", 2).unwrap();
    produce(&log, 1, numbers(0..3000));
    produce(&log, 1, numbers(3000..3010));
    for (from, rows) in [(0, 1000), (0, 7), (1023, 1), (1024, 50), (2999, 3), (3010, 5)] {
        let mut reader = log.reader(1, from, None).unwrap();
        assert_eq!(read_all(&mut reader, rows), numbers(from as u64..3010), "from {from} by {rows}");
        assert_eq!(reader.position(), Position("3010".into()));
    }
    let mut bounded = log.reader(1, 5, Some(2000)).unwrap();
    assert_eq!(read_all(&mut bounded, 64), numbers(5..2000));
    assert!(matches!(bounded.read(&limits(1)).unwrap(), Read::End));
    assert!(log.reader(1, 3011, None).is_err());
    assert!(matches!(log.reader(0, 0, None).unwrap().read(&limits(1)).unwrap(), Read::Nothing));
}

#[test]
fn long_records_and_many_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 1).unwrap();
    let long = |n: usize| {
        std::iter::repeat_n((b'a' + (n % 26) as u8) as char, 300_000 * n % 3_000_000 + n).collect::<String>()
    };
    for n in 0..12 {
        produce(&log, 0, [long(n), n.to_string()]);
    }
    let expected: Vec<String> = (0..12).flat_map(|n| [long(n), n.to_string()]).collect();
    assert!(all(&log, 0) == expected);
}

#[test]
fn keys_choose_partitions_as_kafka_does_and_nothing_is_lost_without() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 3).unwrap();
    log.produce((0..9).map(|_| Record { value: Some(b"x"), ..Record::default() })).unwrap();
    assert!((0..3).all(|p| log.range(p).unwrap().next == 3));
    log.produce([Record { key: Some(b"foobar"), value: None, ..Record::default() }]).unwrap();
    let p = tidegate_core::message::partition_of(b"foobar", 3);
    let mut reader = log.reader(p, 3, None).unwrap();
    let Read::Messages(batch) = reader.read(&limits(9)).unwrap() else { panic!("nothing") };
    assert_eq!((batch.key(0), batch.value(0)), (Some(&b"foobar"[..]), None));
}

/// SIGKILL at any byte: the last commit's record or its data are cut short, everything before stays.
#[test]
fn torn_tails_were_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 1).unwrap();
    produce(&log, 0, numbers(0..5));
    let topic = dir.path().join("logs/t");
    let (commits, segment) = (topic.join("commits-00000000"), topic.join(format!("0-{:020}.seg", 0)));
    let (commits_before, data_before) = (fs::read(&commits).unwrap(), fs::read(&segment).unwrap());
    produce(&log, 0, numbers(5..8));
    let (commits_after, data_after) = (fs::read(&commits).unwrap(), fs::read(&segment).unwrap());
    drop(log);
    let reopen = |commit_bytes: &[u8], data_bytes: &[u8], expected: u64| {
        fs::write(&commits, commit_bytes).unwrap();
        fs::write(&segment, data_bytes).unwrap();
        let log = Log::open(dir.path(), "t").unwrap().unwrap();
        assert_eq!(all(&log, 0), numbers(0..expected));
        produce(&log, 0, numbers(expected..20));
        assert_eq!(all(&log, 0), numbers(0..20));
    };
    // The data is written before its commit record: any part of the data, no record …
    for cut in data_before.len()..=data_after.len() {
        reopen(&commits_before, &data_after[..cut], 5);
    }
    // … then all of the data, any part of the record.
    for cut in commits_before.len()..commits_after.len() {
        reopen(&commits_after[..cut], &data_after, 5);
    }
    reopen(&commits_after, &data_after, 8);
}

#[test]
fn lost_and_damaged_data_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 1).unwrap();
    produce(&log, 0, numbers(0..50));
    let segment = dir.path().join(format!("logs/t/0-{:020}.seg", 0));
    let whole = fs::read(&segment).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 3] ^= 1;
    fs::write(&segment, flipped).unwrap();
    let e = log.reader(0, 0, None).unwrap().read(&limits(100)).unwrap_err().to_string();
    assert!(e.contains("damaged"), "{e}");
    fs::write(&segment, &whole[..whole.len() - 1]).unwrap();
    let e = log.produce([Record::default()]).unwrap_err().to_string();
    assert!(e.contains("lost data"), "{e}");
}

#[test]
fn a_topic_made_anew_is_another_topic() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 1).unwrap();
    produce(&log, 0, numbers(0..3));
    assert!(Log::create(dir.path(), "t", 1).is_err());
    assert!(Log::delete(dir.path(), "t").unwrap());
    assert!(log.produce([Record::default()]).unwrap_err().to_string().contains("was deleted"));
    let new = Log::create(dir.path(), "t", 1).unwrap();
    assert_ne!(log.id(), new.id());
    assert!(log.produce([Record::default()]).unwrap_err().to_string().contains("made again"));
    assert!(log.reader(0, 0, None).is_err());
    produce(&new, 0, numbers(0..1));
    assert_eq!(Log::list(dir.path()).unwrap(), vec!["t"]);
}

#[test]
fn a_reader_follows_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 1).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..200u64 {
                produce(&log, 0, numbers(n * 10..n * 10 + 10));
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut reader = log.reader(0, 0, None).unwrap();
        let mut got = Vec::new();
        while got.len() < 2000 {
            let limits = BatchLimits { rows: 33, bytes: 500, wait: Duration::from_secs(5) };
            match reader.read(&limits).unwrap() {
                Read::Messages(batch) => got.extend(texts(&batch)),
                _ => assert!(!done.load(Ordering::SeqCst) || got.len() == 2000, "stuck at {}", got.len()),
            }
        }
        assert!(got == numbers(0..2000));
    });
}

/// Handles with files of their own, as other processes have them, append in turn.
#[test]
fn writers_of_two_processes_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    Log::create(dir.path(), "t", 1).unwrap();
    let exe = std::env::current_exe().unwrap();
    let child = |from: u64| {
        std::process::Command::new(&exe)
            .args(["--exact", "log::tests::child_writer", "--include-ignored"])
            .env("TIDEGATE_TEST_DIR", dir.path())
            .env("TIDEGATE_TEST_FROM", from.to_string())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children = [child(0), child(1000)];
    let log = Log::open(dir.path(), "t").unwrap().unwrap();
    let mut reader = log.reader(0, 0, Some(250)).unwrap();
    for n in 2000..2050u64 {
        produce(&log, 0, numbers(n..n + 1));
    }
    for c in &mut children {
        assert!(c.wait().unwrap().success());
    }
    let mut got: Vec<u64> = read_all(&mut reader, 9).iter().map(|t| t.parse().unwrap()).collect();
    for start in [0, 1000, 2000] {
        let own: Vec<u64> = got.iter().copied().filter(|n| (start..start + 1000).contains(n)).collect();
        assert!(own.is_sorted());
    }
    got.sort_unstable();
    assert!(got.iter().copied().eq((0..100).chain(1000..1100).chain(2000..2050)));
}

#[test]
#[ignore = "run by writers_of_two_processes_take_turns"]
fn child_writer() {
    let Ok(dir) = std::env::var("TIDEGATE_TEST_DIR") else { return };
    let from: u64 = std::env::var("TIDEGATE_TEST_FROM").unwrap().parse().unwrap();
    let log = Log::open(Path::new(&dir), "t").unwrap().unwrap();
    for n in from..from + 100 {
        produce(&log, 0, numbers(n..n + 1));
    }
}

#[tokio::test]
async fn every_start_and_bound() {
    let dir = tempfile::tempdir().unwrap();
    let topics = LogTopics::Named(vec!["t".into()], 1);
    let source = LogSource::new(dir.path(), topics.clone(), Some("g".into()));
    // A declared reader makes the topic.
    let split = source.splits().await.unwrap().remove(0);
    assert_eq!(split.id, "t-0");
    let log = Log::open(dir.path(), "t").unwrap().unwrap();
    produce(&log, 0, numbers(0..2000));
    produce(&log, 0, ["5000".to_owned(), "4000".to_owned(), "6000".to_owned()]);
    let at = async |mode: StartMode| source.resolve(&split, &mode).await.map(|r| (r.position.0, r.skipped));
    let is = |n: u64| Some((n.to_string(), Some(n)));
    assert_eq!(at(StartMode::Earliest).await.ok(), is(0));
    assert_eq!(at(StartMode::Latest).await.ok(), is(2003));
    assert_eq!(at(StartMode::Timestamp(1500)).await.ok(), is(1500));
    assert_eq!(at(StartMode::Timestamp(4500)).await.ok(), is(2000));
    assert_eq!(at(StartMode::Timestamp(5500)).await.ok(), is(2002));
    assert_eq!(at(StartMode::Timestamp(7000)).await.ok(), is(2003));
    assert_eq!(at(StartMode::Offsets(vec![(0, 7)])).await.ok(), is(7));
    assert_eq!(at(StartMode::Offsets(vec![(1, 7)])).await.ok(), is(0));
    assert!(at(StartMode::Offsets(vec![(0, 9999)])).await.is_err());
    assert!(at(StartMode::GroupOffsets(GroupFallback::Fail)).await.is_err());
    assert_eq!(at(StartMode::GroupOffsets(GroupFallback::Latest)).await.ok(), is(2003));
    source.applied(&[(split.clone(), Position("42".into()))]).await.unwrap();
    assert_eq!(at(StartMode::GroupOffsets(GroupFallback::Fail)).await.ok(), is(42));
    let end = async |bound: Bound| source.bound(&split, &bound).await.unwrap().map(|p| p.0);
    assert_eq!(end(Bound::Latest).await.as_deref(), Some("2003"));
    assert_eq!(end(Bound::Timestamp(100)).await.as_deref(), Some("100"));
    assert_eq!(end(Bound::Offsets(vec![(0, 9)])).await.as_deref(), Some("9"));
    assert_eq!(end(Bound::GroupOffsets).await.as_deref(), Some("42"));
    let anonymous = LogSource::new(dir.path(), topics, None);
    assert!(anonymous.resolve(&split, &StartMode::GroupOffsets(GroupFallback::Latest)).await.is_err());
    Log::delete(dir.path(), "t").unwrap();
    Log::create(dir.path(), "t", 1).unwrap();
    let e = source.open(&split, &Position("42".into()), None).await.err().unwrap().to_string();
    assert!(e.contains("made again"), "{e}");
}

#[tokio::test]
async fn a_pattern_finds_topics_that_come_later() {
    let dir = tempfile::tempdir().unwrap();
    let pattern = Box::new(regex::Regex::new("^(?:ods_.*)$").unwrap());
    let source = LogSource::new(dir.path(), LogTopics::Matching(pattern), None);
    assert!(source.splits().await.unwrap().is_empty());
    Log::create(dir.path(), "ods_a", 1).unwrap();
    Log::create(dir.path(), "dwd_ods_a", 1).unwrap();
    let ids: Vec<String> = source.splits().await.unwrap().into_iter().map(|s| s.id).collect();
    assert_eq!(ids, ["ods_a-0"]);
}

#[test]
fn a_tail_sees_all_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(dir.path(), "t", 2).unwrap();
    produce(&log, 0, numbers(0..5));
    produce(&log, 1, numbers(5..8));
    let mut tail = log.tail(&StartMode::Earliest, false).unwrap();
    let mut got = Vec::new();
    while let Some(batch) = tail.next(Duration::ZERO).unwrap() {
        got.extend(texts(&batch));
    }
    assert!(tail.ended());
    got.sort();
    assert_eq!(got, numbers(0..8));
    let mut follow = log.tail(&StartMode::Latest, true).unwrap();
    assert!(follow.next(Duration::ZERO).unwrap().is_none());
    produce(&log, 1, numbers(8..9));
    assert_eq!(texts(&follow.next(Duration::from_secs(2)).unwrap().unwrap()), ["8"]);
}
