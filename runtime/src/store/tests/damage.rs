//! Torn tails, flipped bits, a full disk, fsyncs that fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::faulty::Faults;
use super::super::*;
use super::support::*;

fn open_with(storage: &FaultyStorage, dir: &Path) -> Result<(Store, Recovered)> {
    Store::open_tuned(Arc::new(storage.clone()), clock(), options(dir, &["out"]), small())
}

fn open(dir: &Path) -> Result<(Store, Recovered)> {
    open_with(&FaultyStorage::new(Faults::default()), dir)
}

fn file(dir: &Path, prefix: &str) -> PathBuf {
    dir.join(FsStorage.list(dir).unwrap().into_iter().rfind(|n| n.starts_with(prefix)).unwrap())
}

/// A directory with two decided epochs, and the length of the journal after the first.
fn two_epochs(dir: &Path) -> u64 {
    let (store, _) = open(dir).unwrap();
    store.decide_blocking(contents(&store, 0, 0, 5, &["out"]).unwrap()).unwrap();
    let length = fs::metadata(file(dir, "journal-")).unwrap().len();
    store.decide_blocking(contents(&store, 1, 5, 9, &["out"]).unwrap()).unwrap();
    length
}

fn copy(from: &Path, to: &Path) {
    for name in FsStorage.list(from).unwrap() {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn a_torn_decision_was_never_made() {
    let origin = tempfile::tempdir().unwrap();
    let first = two_epochs(origin.path()) as usize;
    let journal = file(origin.path(), "journal-");
    let whole = fs::read(&journal).unwrap();
    for cut in (first..whole.len()).step_by(97).chain([whole.len() - 1]) {
        let dir = tempfile::tempdir().unwrap();
        copy(origin.path(), dir.path());
        fs::write(dir.path().join(journal.file_name().unwrap()), &whole[..cut]).unwrap();
        let (store, mut recovered) = open(dir.path()).unwrap();
        assert_eq!((recovered.epoch, position_of(&recovered)), (Some(0), 5), "cut at {cut}");
        assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), state_at(5));
        store.decide_blocking(contents(&store, 1, 5, 9, &["out"]).unwrap()).unwrap();
        assert_eq!(decided_rows(&store, "out", 0), (0..9).collect::<Vec<_>>());
    }
}

#[test]
fn damage_before_the_end_is_an_error() {
    let origin = tempfile::tempdir().unwrap();
    let first = two_epochs(origin.path()) as usize;
    let journal = file(origin.path(), "journal-");
    let whole = fs::read(&journal).unwrap();
    for byte in (0..first).step_by(41) {
        let dir = tempfile::tempdir().unwrap();
        copy(origin.path(), dir.path());
        let mut bad = whole.clone();
        bad[byte] ^= 0x10;
        fs::write(dir.path().join(journal.file_name().unwrap()), bad).unwrap();
        let error = open(dir.path()).err().unwrap_or_else(|| panic!("byte {byte} was not noticed")).to_string();
        assert!(error.contains("is damaged at byte"), "{error}");
    }
}

#[test]
fn a_flipped_bit_in_rows_or_state_is_seen_when_read() {
    let dir = tempfile::tempdir().unwrap();
    two_epochs(dir.path());
    for name in FsStorage.list(dir.path()).unwrap().iter().filter(|n| n.starts_with("segment-")) {
        let mut bytes = fs::read(dir.path().join(name)).unwrap();
        for i in (0..bytes.len()).step_by(100) {
            bytes[i] ^= 1;
        }
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let (store, mut recovered) = open(dir.path()).unwrap();
    let error = restore(recovered.state.remove(OPERATOR)).unwrap_err().to_string();
    assert!(error.contains("the checksum of a decided frame does not fit"), "{error}");
    let key = decision::LaneKey { sink: "out".to_owned(), lane: 0 };
    let unit = store.next_unit(&key, 0, units::Cut::Freely, small().unit_limits).unwrap().unwrap();
    assert!(store.read_unit(&unit).is_err());
}

#[test]
fn missing_files_and_journals_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    two_epochs(dir.path());
    fs::remove_file(file(dir.path(), "segment-")).unwrap();
    assert!(open(dir.path()).err().unwrap().to_string().contains("is missing, decisions refer to it"));
    // A directory that has been in use never counts as new.
    for name in FsStorage.list(dir.path()).unwrap().iter().filter(|n| n.starts_with("journal-")) {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert!(open(dir.path()).err().unwrap().to_string().contains("no journal file is readable"));
}

#[test]
fn undecided_files_and_tails_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    two_epochs(dir.path());
    let segment = file(dir.path(), "segment-");
    let length = fs::metadata(&segment).unwrap().len();
    fs::write(&segment, [fs::read(&segment).unwrap(), vec![7; 100]].concat()).unwrap();
    fs::write(dir.path().join("segment-dead-000000.log"), b"x").unwrap();
    fs::write(dir.path().join("base-dead-000000.log"), b"x").unwrap();
    let (store, _) = open(dir.path()).unwrap();
    assert_eq!(fs::metadata(&segment).unwrap().len(), length);
    assert!(!dir.path().join("segment-dead-000000.log").exists() && !dir.path().join("base-dead-000000.log").exists());
    assert_eq!(decided_rows(&store, "out", 0), (0..9).collect::<Vec<_>>());
}

#[test]
fn after_a_failed_fsync_nothing_works_until_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyStorage::new(Faults::default());
    let (store, _) = open_with(&disk, dir.path()).unwrap();
    store.decide_blocking(contents(&store, 0, 0, 5, &["out"]).unwrap()).unwrap();
    let second = contents(&store, 1, 5, 9, &["out"]).unwrap();
    disk.set(Faults { fail_sync_at: Some(0), ..Faults::default() });
    assert!(store.decide_blocking(second.clone()).is_err());
    // The disk is fine again; the store is not.
    assert!(store.decide_blocking(second).is_err());
    assert!(store.appender().rows("out", 0, 0, &rows(0..1)).is_err());
    assert!(store.failure().unwrap().to_string().contains("fsync"));
    drop(store);
    let (store, recovered) = open_with(&disk, dir.path()).unwrap();
    assert_eq!(position_of(&recovered), 5);
    store.decide_blocking(contents(&store, 1, 5, 9, &["out"]).unwrap()).unwrap();
    assert_eq!(decided_rows(&store, "out", 0), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_stops_and_space_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyStorage::new(Faults { disk_bytes: Some(8000), ..Faults::default() });
    let (store, _) = open_with(&disk, dir.path()).unwrap();
    let mut n = 0;
    let error = loop {
        let step = contents(&store, n, n as i64, n as i64 + 1, &["out"]).and_then(|c| store.decide_blocking(c));
        match step {
            Ok(_) => n += 1,
            Err(e) => break e.to_string(),
        }
    };
    assert!(n > 0 && error.contains("free space on the disk"), "{error}");
    drop(store);
    disk.set(Faults::default());
    let (store, recovered) = open_with(&disk, dir.path()).unwrap();
    let at = position_of(&recovered);
    assert_eq!(at as u64, n);
    store.decide_blocking(contents(&store, n, at, at + 3, &["out"]).unwrap()).unwrap();
    assert_eq!(decided_rows(&store, "out", 0), (0..at + 3).collect::<Vec<_>>());
}
