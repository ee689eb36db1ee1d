//! Opening a directory: lock, replay the journal, compare with the job, write the incarnation,
//! remove what nothing refers to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use tidegate_core::sink::Id;
use tidegate_core::{Clock, Error, Result};
use tokio::sync::watch;

use super::api::{OpenOptions, Recovered};
use super::cache::RowCache;
use super::decision::LaneKey;
use super::fold::BASE_PREFIX;
use super::health::{Health, store_error};
use super::inner::{Inner, Pending};
use super::journal::{self, Journal};
use super::lanes::{History, history_of};
use super::ledger::Ledger;
use super::reconcile::{Changes, reconcile};
use super::recovered::StateReader;
use super::segment::{SEGMENT_PREFIX, SegmentLog};
use super::storage::{DirectoryLock, Storage};
use super::{Store, Tuning};

/// Opens or makes a directory.
///
/// # Errors
/// In use, damaged, of another job, or of the disk.
pub fn open(
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    options: OpenOptions,
    tuning: Tuning,
) -> Result<(Store, Recovered)> {
    let dir = options.dir.clone();
    let place = |e: Error| e.context(format!("job {}", options.job));
    storage.create_dir(&dir).map_err(|e| place(store_error("making the directory", &e)))?;
    let lock = lock(&*storage, &options).map_err(place)?;
    let loaded = journal::load(&*storage, &dir).map_err(place)?;
    let before = loaded.ledger.clone();
    let incarnation = random_id()?;
    let (ledger, changes) = reconcile(before, &options, random_id()?, incarnation.clone()).map_err(place)?;
    let health = Arc::new(Health::default());
    let journal = Journal::begin(storage.clone(), dir.clone(), health.clone(), ledger, &loaded).map_err(place)?;
    let live = sweep(&*storage, &dir, &journal.ledger().read()).map_err(place)?;
    let recovered = recovered(&storage, &dir, &journal.ledger().read(), changes, loaded.ledger.is_none());
    let ledger = journal.ledger().clone();
    let log = SegmentLog::new(storage.clone(), dir.clone(), incarnation, tuning.segment_bytes, health.clone());
    let pending = Pending::of(&ledger.read());
    let epoch = ledger.read().epoch;
    let inner = Inner {
        storage,
        clock,
        dir,
        job: options.job,
        retention_millis: i64::try_from(options.retention.as_millis()).unwrap_or(i64::MAX / 2),
        pending_limit: options.pending_limit_bytes,
        cache: RowCache::new(tuning.cache_bytes),
        tuning,
        health,
        log,
        journal: Mutex::new(journal),
        ledger,
        applied: Mutex::new(BTreeMap::new()),
        pending: Mutex::new(pending),
        recent_positions: Mutex::default(),
        decided_bytes: AtomicU64::new(0),
        open_rows: AtomicU64::new(0),
        files: Mutex::new(live.into_iter().map(|f| (f, 0)).collect()),
        fold: Mutex::default(),
        decided: watch::Sender::new(epoch),
        _lock: lock,
    };
    Ok((Store { inner: Arc::new(inner) }, recovered))
}

/// What the fences of a directory's lanes may say under a job and its flags. Writes nothing: a start
/// that is going to be refused should not have dropped anything before. Empty for a new directory.
///
/// # Errors
/// As for [`open`].
pub fn preview(storage: &dyn Storage, options: &OpenOptions) -> Result<BTreeMap<LaneKey, History>> {
    let place = |e: Error| e.context(format!("job {}", options.job));
    storage.create_dir(&options.dir).map_err(|e| place(store_error("making the directory", &e)))?;
    let _lock = lock(storage, options).map_err(place)?;
    let loaded = journal::load(storage, &options.dir).map_err(place)?;
    let Some(before) = loaded.ledger else { return Ok(BTreeMap::new()) };
    let (ledger, _) = reconcile(Some(before), options, random_id()?, random_id()?).map_err(place)?;
    let lanes =
        ledger.sinks.iter().flat_map(|(id, s)| s.lanes.keys().map(|lane| LaneKey { sink: id.clone(), lane: *lane }));
    lanes.map(|key| history_of(&ledger, &key).map(|h| (key, h))).collect()
}

fn lock(storage: &dyn Storage, options: &OpenOptions) -> Result<Box<dyn DirectoryLock>> {
    let holder = format!("process {} (job {})", std::process::id(), options.job);
    match storage.lock(&options.dir, &holder).map_err(|e| store_error("locking the directory", &e))? {
        Ok(lock) => Ok(lock),
        Err(other) => {
            let other = if other.trim().is_empty() { "another process".to_owned() } else { other };
            Err(Error::user(format!("state directory {} is in use by {other}", options.dir.display()))
                .help("wait for it to end, or give this job a state directory of its own"))
        }
    }
}

/// 128 random bits.
///
/// # Errors
/// Where the machine has no randomness.
pub fn random_id() -> Result<Id> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::external(format!("no random numbers: {e}")))?;
    Ok(Id(bytes.iter().map(|b| format!("{b:02x}")).collect()))
}

/// Removes files and tails that no decision refers to; returns the files that stay.
fn sweep(storage: &dyn Storage, dir: &std::path::Path, ledger: &Ledger) -> Result<Vec<String>> {
    let disk = |doing: &str| {
        let doing = doing.to_owned();
        move |e: std::io::Error| store_error(&doing, &e)
    };
    let ends = ledger.file_ends();
    let mut found = Vec::new();
    for name in storage.list(dir).map_err(disk("listing"))? {
        if !name.starts_with(SEGMENT_PREFIX) && !name.starts_with(BASE_PREFIX) {
            continue;
        }
        let path = dir.join(&name);
        match ends.get(&name) {
            None => storage.remove(&path).map_err(disk("removing an undecided file"))?,
            Some(end) => {
                let size = storage.size(&path).map_err(disk("reading a size"))?;
                if size < *end {
                    return Err(lost_bytes(&format!("{name} has {size} bytes, decisions refer to {end}")));
                }
                if size > *end {
                    storage.truncate(&path, *end).map_err(disk("cutting undecided bytes"))?;
                }
                found.push(name);
            }
        }
    }
    match ends.keys().find(|name| !found.contains(name)) {
        Some(missing) => Err(lost_bytes(&format!("{missing} is missing, decisions refer to it"))),
        None => Ok(found),
    }
}

fn lost_bytes(what: &str) -> Error {
    Error::external(what.to_owned())
        .fatal()
        .context("state directory")
        .help("restore the directory from a backup, or begin anew in another directory")
}

fn recovered(
    storage: &Arc<dyn Storage>,
    dir: &std::path::Path,
    ledger: &Ledger,
    changes: Changes,
    is_new: bool,
) -> Recovered {
    let state = ledger
        .state
        .iter()
        .map(|(id, s)| (id.clone(), StateReader::new(storage.clone(), dir.to_owned(), s.refs().cloned())))
        .collect();
    Recovered {
        epoch: if is_new { None } else { ledger.epoch },
        positions: ledger.positions.iter().cloned().collect(),
        watermarks: ledger.watermarks.iter().cloned().collect(),
        state,
        finished: ledger.finished,
        new_sinks: changes.new_sinks,
        removed_sinks: changes.removed_sinks,
        dropped_operators: changes.dropped_operators,
        lanes: ledger.sinks.iter().map(|(id, s)| (id.clone(), s.lanes.len() as u32)).collect(),
        notes: changes.notes,
    }
}
