//! Folded state equals unfolded state.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use super::support::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    /// Random upserts and deletes over few keys, folds and restarts at random: the state that comes
    /// back is what a map would hold, and old files do not pile up.
    #[test]
    fn any_schedule_of_folds_restores_the_same_state(
        epochs in prop::collection::vec((prop::collection::vec((0i64..8, 0i64..100, prop::bool::weighted(0.3)), 0..6), 0u8..4), 1..25)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open_tuned(Arc::new(FsStorage), clock(), options(dir.path(), &["out"]), small()).unwrap();
        let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
        let mut store = open().0;
        for (epoch, (entries, action)) in epochs.into_iter().enumerate() {
            let mut next = EpochContents { epoch: epoch as u64, ..EpochContents::default() };
            for (k, v, deleted) in &entries {
                if *deleted { expected.remove(k); } else { expected.insert(*k, *v); }
            }
            if !entries.is_empty() {
                next.state.push((OPERATOR.to_owned(), 0, vec![store.appender().state(OPERATOR, 0, &delta(&entries)).unwrap()]));
            }
            store.decide_blocking(next).unwrap();
            match action {
                0 => { store.fold_now().unwrap(); }
                1 => {
                    drop(store);
                    let (again, mut recovered) = open();
                    store = again;
                    prop_assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), expected.clone());
                }
                _ => {}
            }
        }
        drop(store);
        let (_store, mut recovered) = open();
        prop_assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), expected);
        let bases = FsStorage.list(dir.path()).unwrap().iter().filter(|n| n.starts_with("base-")).count();
        prop_assert!(bases <= 1);
    }
}

#[test]
fn folds_run_in_the_background_and_keep_state_small() {
    let dir = tempfile::tempdir().unwrap();
    let tuning = Tuning { background_fold: true, ..small() };
    let (store, _) = Store::open_tuned(Arc::new(FsStorage), clock(), options(dir.path(), &["out"]), tuning).unwrap();
    for epoch in 0..200 {
        let entries: Vec<_> = (0..20).map(|k| (k, epoch as i64, k % 3 == 0)).collect();
        let state = vec![store.appender().state(OPERATOR, 0, &delta(&entries)).unwrap()];
        let next = EpochContents { epoch, state: vec![(OPERATOR.to_owned(), 0, state)], ..EpochContents::default() };
        store.decide_blocking(next).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let bytes: u64 = FsStorage
        .list(dir.path())
        .unwrap()
        .iter()
        .filter(|n| !n.starts_with("journal"))
        .map(|n| FsStorage.size(&dir.path().join(n)).unwrap())
        .sum();
    assert!(bytes < 100_000, "{bytes} bytes");
    // A fold may still be running: it holds the directory until it is done.
    drop(store);
    let mut recovered = loop {
        match Store::open_tuned(Arc::new(FsStorage), clock(), options(dir.path(), &["out"]), small()) {
            Ok((_, recovered)) => break recovered,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    };
    let expected: BTreeMap<i64, i64> = (0..20).filter(|k| k % 3 != 0).map(|k| (k, 199)).collect();
    assert_eq!(restore(recovered.state.remove(OPERATOR)).unwrap(), expected);
}
