//! The journal: records appended one by one, each fsynced before the next.
//!
//! `journal-<n>-<incarnation>.log` begins with a snapshot of the ledger. Every opening begins a new
//! file, and so does a file that has grown much larger than its snapshot; the older file goes once
//! the newer one is durable. A record that never finished at the very end of the newest file was
//! never acknowledged and is ignored; damage anywhere else is an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use tidegate_core::{Error, Result};

use super::decision::{FORMAT, Record};
use super::frame::{HEADER, Kind, Tail, scan, seal};
use super::health::{Health, store_error};
use super::ledger::Ledger;
use super::storage::{AppendFile, Storage};

const PREFIX: &str = "journal-";
/// Exists once the first journal is durable: without it a directory with an unreadable journal was
/// never in use.
const MARKER: &str = "TIDEGATE";
/// A file is rolled when it is larger than this and than four snapshots.
const ROLL_BYTES: u64 = 8 << 20;

/// The open journal and the ledger it adds up to.
pub struct Journal {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    health: Arc<Health>,
    sequence: u64,
    file: Arc<dyn AppendFile>,
    name: String,
    written: u64,
    snapshot: u64,
    ledger: Arc<RwLock<Ledger>>,
}

/// What a directory's journal files hold.
pub struct Loaded {
    /// The ledger; `None` for a directory that has never been in use.
    pub ledger: Option<Ledger>,
    /// The sequence number for the next file.
    pub next: u64,
    /// All journal files there are.
    pub files: Vec<String>,
}

/// Reads the journal of a directory.
///
/// # Errors
/// Of the disk, damage, a newer format.
pub fn load(storage: &dyn Storage, dir: &Path) -> Result<Loaded> {
    let names = storage.list(dir).map_err(|e| store_error("listing", &e))?;
    let in_use = names.iter().any(|n| n == MARKER);
    let files: Vec<String> = names.into_iter().filter(|n| n.starts_with(PREFIX)).collect();
    let next = files.last().and_then(|n| sequence_of(n)).map_or(1, |n| n + 1);
    for name in files.iter().rev() {
        if let Some(ledger) = replay(storage, dir, name)? {
            return Ok(Loaded { ledger: Some(ledger), next, files });
        }
    }
    if in_use {
        return Err(damaged("no journal file is readable"));
    }
    Ok(Loaded { ledger: None, next, files })
}

fn sequence_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// The ledger of one file; `None` where not even its snapshot was finished.
fn replay(storage: &dyn Storage, dir: &Path, name: &str) -> Result<Option<Ledger>> {
    let path = dir.join(name);
    let read = |e| store_error(&format!("reading {name}"), &e);
    let size = storage.size(&path).map_err(read)?;
    let bytes = storage.read(&path, 0, size as usize).map_err(read)?;
    let (frames, tail) = scan(&bytes);
    if let Tail::Damaged(at) = tail {
        return Err(damaged(&format!("{name} is damaged at byte {at}, before its end")));
    }
    let mut ledger: Option<Ledger> = None;
    for frame in frames {
        let record: Record = parse(name, frame.payload)?;
        match (&mut ledger, record) {
            (None, Record::Snapshot(mut first)) => {
                first.count_references();
                ledger = Some(*first);
            }
            (None, _) => return Err(damaged(&format!("{name} does not begin with a snapshot"))),
            (Some(ledger), record) => ledger.apply(record).map_err(|e| e.context(name.to_owned()))?,
        }
    }
    Ok(ledger)
}

fn parse(name: &str, payload: &[u8]) -> Result<Record> {
    serde_json::from_slice(payload).map_err(|e| {
        // A newer format may have records this version does not know.
        let newer = serde_json::from_slice::<serde_json::Value>(payload)
            .ok()
            .and_then(|v| v.get("Snapshot")?.get("format")?.as_u64())
            .is_some_and(|f| f > u64::from(FORMAT));
        if newer {
            Error::user(format!("{name} was written by a newer version of Tidegate"))
                .help("use that version or a newer one")
        } else {
            damaged(&format!("{name} holds a record that cannot be read: {e}"))
        }
    })
}

fn damaged(what: &str) -> Error {
    Error::external(what)
        .fatal()
        .context("state directory")
        .help("the disk has changed what was durable: restore the directory from a backup, or begin anew in another directory")
}

impl Journal {
    /// Begins a new file with a snapshot of the ledger and removes the older ones. Durable on return.
    ///
    /// # Errors
    /// Of the disk.
    pub fn begin(
        storage: Arc<dyn Storage>,
        dir: PathBuf,
        health: Arc<Health>,
        ledger: Ledger,
        loaded: &Loaded,
    ) -> Result<Journal> {
        let (name, file, written) = new_file(&*storage, &dir, &health, loaded.next, &ledger)?;
        if !health.watch("listing", storage.list(&dir))?.iter().any(|n| n == MARKER) {
            let marker = health.watch("making the marker", storage.create(&dir.join(MARKER)))?;
            health.watch("writing the marker", marker.append(b"A Tidegate state directory.\n"))?;
            health.watch("fsync of the marker", marker.sync())?;
            health.watch("fsync of the state directory", storage.sync_dir(&dir))?;
        }
        let journal = Journal {
            storage,
            dir,
            health,
            sequence: loaded.next,
            file,
            name,
            written,
            snapshot: written,
            ledger: Arc::new(RwLock::new(ledger)),
        };
        tidegate_core::failpoint::hit("open.after_incarnation");
        journal.remove(&loaded.files)?;
        Ok(journal)
    }

    /// What the records add up to. Readers never wait for the disk: it is locked for writing only
    /// while a durable record is applied.
    pub fn ledger(&self) -> &Arc<RwLock<Ledger>> {
        &self.ledger
    }

    /// Appends a record, makes it durable and applies it.
    ///
    /// # Errors
    /// Of the disk: the store has failed then.
    pub fn commit(&mut self, record: Record) -> Result<()> {
        self.commit_through(record, &Steps::default())
    }

    /// As [`Journal::commit`], with something to do between the steps.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    pub fn commit_through(&mut self, record: Record, steps: &Steps) -> Result<()> {
        let frame = encode(&record)?;
        self.health.check()?;
        (steps.before_write)();
        self.health.watch("writing a decision", self.file.append(&frame))?;
        (steps.after_write)();
        self.health.watch("fsync of a decision", self.file.sync())?;
        (steps.after_sync)();
        self.written += frame.len() as u64;
        self.ledger.write().apply(record)?;
        if self.written > ROLL_BYTES.max(4 * self.snapshot) { self.roll() } else { Ok(()) }
    }

    fn roll(&mut self) -> Result<()> {
        let (name, file, written) =
            new_file(&*self.storage, &self.dir, &self.health, self.sequence + 1, &self.ledger.read())?;
        let old = std::mem::replace(&mut self.name, name);
        self.sequence += 1;
        self.file = file;
        self.written = written;
        self.snapshot = written;
        self.remove(&[old])
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        names
            .iter()
            .try_for_each(|n| self.health.watch("removing an old journal", self.storage.remove(&self.dir.join(n))))
    }
}

/// Called between the steps of a commit.
pub struct Steps {
    /// Before anything is written.
    pub before_write: fn(),
    /// Written, not durable.
    pub after_write: fn(),
    /// Durable.
    pub after_sync: fn(),
}

impl Default for Steps {
    fn default() -> Self {
        Steps { before_write: || (), after_write: || (), after_sync: || () }
    }
}

fn encode(record: &Record) -> Result<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, record).map_err(|e| Error::internal(format!("journal record: {e}")))?;
    seal(Kind::Journal, &mut frame)?;
    Ok(frame)
}

fn new_file(
    storage: &dyn Storage,
    dir: &Path,
    health: &Health,
    sequence: u64,
    ledger: &Ledger,
) -> Result<(String, Arc<dyn AppendFile>, u64)> {
    let name = format!("{PREFIX}{sequence:010}-{}.log", ledger.incarnation);
    let frame = encode(&Record::Snapshot(Box::new(ledger.clone())))?;
    let file = health.watch("making a journal", storage.create(&dir.join(&name)))?;
    health.watch("writing a journal", file.append(&frame))?;
    health.watch("fsync of a journal", file.sync())?;
    health.watch("fsync of the state directory", storage.sync_dir(dir))?;
    Ok((name, file, frame.len() as u64))
}
