//! A directory opened with a job that has changed.

use std::path::Path;
use std::sync::Arc;

use super::super::*;
use super::support::*;

fn open(options: OpenOptions) -> Result<(Store, Recovered)> {
    Store::open_tuned(Arc::new(FsStorage), clock(), options, small())
}

/// A directory with one decided epoch of five numbers for the sinks `a` and `b`.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(options(dir.path(), &["a", "b"])).unwrap();
    store.decide_blocking(contents(&store, 0, 0, 5, &["a", "b"]).unwrap()).unwrap();
    dir
}

fn refused(dir: &Path, change: impl Fn(&mut OpenOptions)) -> String {
    let mut options = options(dir, &["a", "b"]);
    change(&mut options);
    open(options).err().unwrap().to_string()
}

#[test]
fn what_would_mix_up_state_is_refused_and_named() {
    let dir = directory();
    let text = refused(dir.path(), |o| o.header.zone = "Asia/Shanghai".to_owned());
    assert!(text.contains("time zone UTC") && text.contains("--fresh-state"), "{text}");
    let text = refused(dir.path(), |o| o.header.dialect = tidegate_core::Dialect::Blink);
    assert!(text.contains("the flink dialect"), "{text}");
    let text = refused(dir.path(), |o| o.job = "other".to_owned());
    assert!(text.contains("belongs to job 'job'"), "{text}");
    let text = refused(dir.path(), |o| o.header.operators.clear());
    assert!(
        text.contains("GroupAggregate(k) is no longer in the plan") && text.contains("--allow-dropped-state"),
        "{text}"
    );
    let text = refused(dir.path(), |o| o.header.operators[0].schema = "other".to_owned());
    assert!(text.contains("keeps other columns now"), "{text}");
    // None of the refusals has changed anything.
    let (store, recovered) = open(options(dir.path(), &["a", "b"])).unwrap();
    assert_eq!((recovered.epoch, decided_rows(&store, "a", 0)), (Some(0), vec![0, 1, 2, 3, 4]));
}

#[test]
fn dropped_state_is_dropped_and_the_rest_kept() {
    let dir = directory();
    let mut changed = options(dir.path(), &["a", "b"]);
    changed.header.operators[0].schema = "other".to_owned();
    changed.allow_dropped_state = true;
    let (_store, recovered) = open(changed).unwrap();
    assert_eq!(recovered.dropped_operators, vec![OPERATOR]);
    assert!(recovered.state.is_empty());
    assert_eq!(position_of(&recovered), 5);
}

#[test]
fn a_fresh_state_forgets_positions_but_not_decided_rows() {
    let dir = directory();
    let run = open(options(dir.path(), &["a", "b"])).unwrap().0.identity().0;
    let mut fresh = options(dir.path(), &["a", "b"]);
    fresh.fresh_state = true;
    fresh.header.zone = "Asia/Shanghai".to_owned();
    let (store, recovered) = open(fresh).unwrap();
    assert_ne!(store.identity().0, run);
    assert!(recovered.positions.is_empty() && recovered.state.is_empty());
    assert_eq!(recovered.epoch, Some(0));
    assert_eq!(decided_rows(&store, "a", 0), vec![0, 1, 2, 3, 4]);
    store.decide_blocking(contents(&store, 1, 0, 2, &["a"]).unwrap()).unwrap();
    assert_eq!(decided_rows(&store, "a", 0), vec![0, 1, 2, 3, 4, 0, 1]);
}

#[test]
fn sinks_come_and_go() {
    let dir = directory();
    let (store, recovered) = open(options(dir.path(), &["a", "c"])).unwrap();
    assert_eq!((recovered.new_sinks, recovered.removed_sinks), (vec!["c".to_owned()], vec!["b".to_owned()]));
    assert!(recovered.notes.iter().any(|n| n.contains("sink c is new")));
    store.decide_blocking(contents(&store, 1, 5, 7, &["a", "c"]).unwrap()).unwrap();
    assert_eq!(decided_rows(&store, "c", 0), vec![5, 6]);
    drop(store);
    let mut dropping = options(dir.path(), &["a", "c"]);
    dropping.drop_pending = true;
    let (store, recovered) = open(dropping).unwrap();
    assert!(
        recovered.notes.iter().any(|n| n.contains("sink b: up to 5 decided rows dropped")),
        "{:?}",
        recovered.notes
    );
    drop(store);
    // Put back, it goes on where it was left, without what was dropped.
    let (store, _) = open(options(dir.path(), &["a", "b", "c"])).unwrap();
    store.decide_blocking(contents(&store, 2, 7, 9, &["b"]).unwrap()).unwrap();
    assert_eq!(decided_rows(&store, "b", 5), vec![7, 8]);
}

#[test]
fn the_number_of_lanes_stays() {
    let dir = directory();
    let mut more = options(dir.path(), &["a", "b"]);
    more.header.sinks[0].lanes = 4;
    let (_store, recovered) = open(more).unwrap();
    assert_eq!(recovered.lanes["a"], 1);
    assert!(recovered.notes.iter().any(|n| n.contains("keeps the 1 lanes")));
}
