//! What is decided comes back; what is not does not.

use std::sync::Arc;

use super::super::*;
use super::support::*;
use crate::store::decision::{LaneKey, Mark};
use crate::store::units::Cut;

fn open(dir: &std::path::Path) -> (Store, Recovered) {
    Store::open_tuned(Arc::new(FsStorage), clock(), options(dir, &["out"]), small()).unwrap()
}

fn key() -> LaneKey {
    LaneKey { sink: "out".to_owned(), lane: 0 }
}

#[test]
fn a_decided_epoch_comes_back_and_an_open_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (store, recovered) = open(dir.path());
    assert_eq!((recovered.epoch, recovered.positions.len(), recovered.finished), (None, 0, false));
    for (epoch, from) in [(0, 0), (1, 0), (2, 10)] {
        let to = if epoch == 0 { 0 } else { from + 10 };
        let decided = store.decide_blocking(contents(&store, epoch, from, to, &["out"]).unwrap()).unwrap();
        assert_eq!((decided.epoch, decided.rows), (epoch, (to - from) as u64));
    }
    assert_eq!(store.open_epoch_bytes(), 0);
    contents(&store, 3, 20, 30, &["out"]).unwrap();
    assert!(store.open_epoch_bytes() > 0 && store.pending_bytes() > 0);
    drop(store);

    let (store, mut recovered) = open(dir.path());
    assert_eq!((recovered.epoch, position_of(&recovered)), (Some(2), 20));
    assert_eq!(recovered.watermarks.values().copied().collect::<Vec<_>>(), vec![20]);
    assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), state_at(20));
    assert_eq!(decided_rows(&store, "out", 0), (0..20).collect::<Vec<_>>());
    assert!(store.pending_bytes() > 0);
}

#[test]
fn an_epoch_is_large_when_its_rows_take_half_of_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let tuning = Tuning { cache_bytes: 4000, ..small() };
    let (store, _) = Store::open_tuned(Arc::new(FsStorage), clock(), options(dir.path(), &["out"]), tuning).unwrap();
    store.decide_blocking(contents(&store, 0, 0, 0, &["out"]).unwrap()).unwrap();
    let first = contents(&store, 1, 0, 10, &["out"]).unwrap();
    assert!(!store.epoch_is_large(u64::MAX), "a few rows");
    // Rows of the next epoch may come before this one is decided.
    let second = contents(&store, 2, 10, 1000, &["out"]).unwrap();
    assert!(store.epoch_is_large(u64::MAX));
    store.decide_blocking(first).unwrap();
    assert!(store.epoch_is_large(u64::MAX), "the rows of the open epoch still count");
    store.decide_blocking(second).unwrap();
    assert!(!store.epoch_is_large(u64::MAX), "nothing is open");
    contents(&store, 3, 1000, 1010, &["out"]).unwrap();
    assert!(store.epoch_is_large(1), "the bytes in the log count, too");
}

#[test]
fn epochs_are_consecutive_and_the_final_one_is_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    assert!(store.decide_blocking(contents(&store, 1, 0, 1, &["out"]).unwrap()).is_err());
    let last = EpochContents { final_: true, ..contents(&store, 0, 0, 1, &["out"]).unwrap() };
    store.decide_blocking(last).unwrap();
    assert!(store.decide_blocking(contents(&store, 1, 1, 2, &["out"]).unwrap()).is_err());
    drop(store);
    assert!(open(dir.path()).1.finished);
}

#[test]
fn a_second_opening_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let error = Store::open(Arc::new(FsStorage), clock(), options(dir.path(), &["out"])).err().unwrap().to_string();
    assert!(error.contains(&format!("in use by process {} (job job)", std::process::id())), "{error}");
    drop(store);
    open(dir.path());
}

#[test]
fn applied_ranges_go_after_the_retention_and_their_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let time = clock();
    let mut with = options(dir.path(), &["out"]);
    with.retention = std::time::Duration::from_secs(60);
    let (store, _) = Store::open_tuned(Arc::new(FsStorage), time.clone(), with, small()).unwrap();
    let segments = || FsStorage.list(dir.path()).unwrap().iter().filter(|n| n.starts_with("segment-")).count();
    for epoch in 0..20 {
        let from = epoch as i64 * 10;
        store.decide_blocking(contents(&store, epoch, from, from + 10, &["out"]).unwrap()).unwrap();
        store.fold_now().unwrap();
    }
    let all = segments();
    assert!(all > 4, "{all} segments");
    let mark: Mark = store.lane_decided(&key()).unwrap();
    store.set_applied(&key(), mark);
    assert_eq!(store.pending_bytes(), 0);
    store.decide_blocking(contents(&store, 20, 200, 200, &["out"]).unwrap()).unwrap();
    assert_eq!(store.history(&key()).unwrap().start().position, 0, "kept for a target that falls back");
    time.0.fetch_add(61_000_000, std::sync::atomic::Ordering::Relaxed);
    for epoch in 21..26 {
        store.decide_blocking(contents(&store, epoch, 200, 200, &["out"]).unwrap()).unwrap();
    }
    assert_eq!(store.history(&key()).unwrap().start().position, 200);
    assert!(segments() < 4, "{} of {all} segments are left", segments());
    assert!(store.next_unit(&key(), 5, Cut::Freely, small().unit_limits).is_err());
    drop(store);
    let (_store, mut recovered) = open(dir.path());
    assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), state_at(200));
}

#[test]
fn units_are_cut_as_decided_or_freely() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    store.decide_blocking(contents(&store, 0, 0, 12, &["out"]).unwrap()).unwrap();
    store.decide_blocking(contents(&store, 1, 12, 15, &["out"]).unwrap()).unwrap();
    let cut = |how, from, rows| {
        let limits = planning::UnitLimits { rows, bytes: 1 << 20 };
        store.next_unit(&key(), from, how, limits).unwrap().map(|u| (u.to, u.mark.epoch, u.version))
    };
    let v = clock().now_millis();
    assert_eq!(cut(Cut::AsDecided, 0, 99), Some((5, 0, v)));
    assert_eq!(cut(Cut::AsDecided, 5, 99), Some((10, 0, v + 2)));
    assert_eq!(cut(Cut::AsDecided, 10, 99), Some((12, 0, v + 4)));
    assert_eq!(cut(Cut::AsDecided, 12, 99), Some((15, 1, v + 6)));
    assert_eq!(cut(Cut::Freely, 0, 99).map(|c| c.0), Some(15));
    assert_eq!(cut(Cut::Freely, 3, 4).map(|c| c.0), Some(7));
    // Versions never fall from one unit to the next, however they are cut.
    assert!(cut(Cut::Freely, 3, 4).unwrap().2 <= cut(Cut::Freely, 7, 99).unwrap().2);
    assert_eq!(cut(Cut::Freely, 15, 99), None);
    let unit =
        store.next_unit(&key(), 3, Cut::Freely, planning::UnitLimits { rows: 7, bytes: 1 << 20 }).unwrap().unwrap();
    let rows: Vec<i64> = store.read_unit(&unit).unwrap().iter().flat_map(values).collect();
    assert_eq!(rows, (3..10).collect::<Vec<_>>());
}

#[test]
fn refused_rows_are_left_out_once_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    store.decide_blocking(contents(&store, 0, 0, 10, &["out"]).unwrap()).unwrap();
    let refuse = |rows: &[u64]| {
        let rows: Vec<_> = rows.iter().map(|p| (*p, "too long".to_owned())).collect();
        store.record_rejected(&key(), &rows, false).unwrap()
    };
    assert_eq!((refuse(&[2, 7]), refuse(&[7, 3])), (2, 1));
    assert_eq!(decided_rows(&store, "out", 0), vec![0, 1, 4, 5, 6, 8, 9]);
    let unit = store.next_unit(&key(), 1, Cut::Freely, Tuning::default().unit_limits).unwrap().unwrap();
    assert_eq!(
        (0..7).map(|i| unit.position_of(i)).collect::<Vec<_>>(),
        [1, 4, 5, 6, 8, 9].map(Some).into_iter().chain([None]).collect::<Vec<_>>()
    );
    drop(store);
    let (store, _) = open(dir.path());
    let rejects = store.rejects().unwrap();
    assert_eq!(rejects.iter().flat_map(|r| values(&r.row)).collect::<Vec<_>>(), vec![2, 7, 3]);
    let taken = rejects.iter().map(|r| r.key.clone()).collect();
    store
        .decide_blocking(EpochContents { dead_letters: taken, ..contents(&store, 1, 10, 10, &["out"]).unwrap() })
        .unwrap();
    assert!(store.rejects().unwrap().is_empty());
    assert_eq!(decided_rows(&store, "out", 0), vec![0, 1, 4, 5, 6, 8, 9]);
}

#[test]
fn a_journal_rolls_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for epoch in 0..60 {
        let mut next = contents(&store, epoch, epoch as i64, epoch as i64 + 1, &["out"]).unwrap();
        // Long positions make the journal grow quickly.
        for split in 0..20 {
            let position =
                SavedPosition { position: tidegate_core::split::Position("x".repeat(20_000)), identity: String::new() };
            next.positions.insert((SOURCE.to_owned(), format!("split {split}")), position);
        }
        store.decide_blocking(next).unwrap();
    }
    drop(store);
    let journals: Vec<_> =
        FsStorage.list(dir.path()).unwrap().into_iter().filter(|n| n.starts_with("journal-")).collect();
    assert_eq!(journals.len(), 1);
    assert!(!journals[0].starts_with("journal-0000000001"), "{journals:?}");
    let (store, recovered) = open(dir.path());
    assert_eq!(recovered.epoch, Some(59));
    assert_eq!(decided_rows(&store, "out", 0), (0..60).collect::<Vec<_>>());
}
