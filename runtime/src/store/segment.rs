//! The rolling log of rows and state deltas: one for the whole process.
//!
//! Frames of all tasks follow each other in `segment-<incarnation>-<n>.log`. A file belongs to the
//! incarnation that made it and is never appended to by another; what a decision does not refer to
//! is garbage. Appends only write; the decision makes everything written before it durable at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use parking_lot::Mutex;
use tidegate_core::sink::Id;
use tidegate_core::{ChangeBatch, Error, Result};

use super::frame::{Kind, open};
use super::health::{Health, store_error};
use super::ipc::{read_batch, read_rows};
use super::reference::{Reference, RowsRef, StateRef};
use super::storage::{AppendFile, Storage};
use tidegate_core::failpoint;

/// Bytes after which a new segment is begun.
pub const SEGMENT_BYTES: u64 = 32 << 20;
/// How segment files are called.
pub const SEGMENT_PREFIX: &str = "segment-";

/// Appends frames and makes them durable.
pub struct SegmentLog {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    incarnation: Id,
    segment_bytes: u64,
    health: Arc<Health>,
    files: Mutex<Files>,
    appended: AtomicU64,
}

#[derive(Default)]
struct Files {
    current: Option<String>,
    made: u64,
    new_entries: bool,
    closed: Vec<String>,
    /// Files with bytes that may not be durable, and the current one.
    open: BTreeMap<String, OpenFile>,
}

struct OpenFile {
    file: Arc<dyn AppendFile>,
    written: u64,
    synced: u64,
}

impl SegmentLog {
    /// A log of this incarnation; no file is made before the first append.
    pub fn new(
        storage: Arc<dyn Storage>,
        dir: PathBuf,
        incarnation: Id,
        segment_bytes: u64,
        health: Arc<Health>,
    ) -> Self {
        let files = Mutex::default();
        SegmentLog { storage, dir, incarnation, segment_bytes, health, files, appended: AtomicU64::new(0) }
    }

    /// Bytes appended since the log was made.
    pub fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// Files that became full since the last call.
    pub fn take_closed(&self) -> Vec<String> {
        std::mem::take(&mut self.files.lock().closed)
    }

    /// Appends a sealed frame.
    ///
    /// # Errors
    /// Of the disk; the store has failed then.
    pub fn append(&self, frame: &[u8], checksum: u32) -> Result<Reference> {
        self.health.check()?;
        let mut files = self.files.lock();
        let name = self.health.watch("making a segment", self.current_file(&mut files))?;
        let open = files.open.get_mut(&name).ok_or_else(|| Error::internal("the current segment is not open"))?;
        self.health.watch("appending to the log", open.file.append(frame))?;
        let offset = open.written;
        open.written += frame.len() as u64;
        drop(files);
        self.appended.fetch_add(frame.len() as u64, Ordering::Relaxed);
        failpoint::hit("log.after_append");
        Ok(Reference { file: name, offset, length: frame.len() as u64, checksum })
    }

    /// The name of the file to append to; makes one where there is none or it is full.
    fn current_file(&self, files: &mut Files) -> std::io::Result<String> {
        if let Some(name) = &files.current
            && files.open.get(name).is_some_and(|f| f.written < self.segment_bytes)
        {
            return Ok(name.clone());
        }
        let name = format!("{SEGMENT_PREFIX}{}-{:06}.log", self.incarnation, files.made);
        let file = self.storage.create(&self.dir.join(&name))?;
        files.made += 1;
        files.new_entries = true;
        files.open.insert(name.clone(), OpenFile { file, written: 0, synced: 0 });
        let full = files.current.replace(name.clone());
        files.closed.extend(full);
        Ok(name)
    }

    /// Makes everything appended so far durable: the files, then their directory entries.
    ///
    /// # Errors
    /// Of the disk; the store has failed then.
    pub fn sync(&self) -> Result<()> {
        self.health.check()?;
        let (dirty, entries) = {
            let mut files = self.files.lock();
            let dirty: Vec<_> = files
                .open
                .iter()
                .filter(|(_, f)| f.written > f.synced)
                .map(|(name, f)| (name.clone(), f.file.clone(), f.written))
                .collect();
            (dirty, std::mem::take(&mut files.new_entries))
        };
        for (_, file, _) in &dirty {
            self.health.watch("fsync of the log", file.sync())?;
        }
        if entries {
            self.health.watch("fsync of the state directory", self.storage.sync_dir(&self.dir))?;
        }
        let mut files = self.files.lock();
        for (name, _, written) in dirty {
            if let Some(open) = files.open.get_mut(&name) {
                open.synced = written;
            }
        }
        let current = files.current.clone();
        files.open.retain(|name, f| f.written > f.synced || Some(name) == current.as_ref());
        Ok(())
    }
}

/// Reads a frame and checks that it is the one referred to.
fn read_frame(storage: &dyn Storage, dir: &Path, at: &Reference) -> Result<(Kind, Vec<u8>)> {
    let bytes = storage
        .read(&dir.join(&at.file), at.offset, at.length as usize)
        .map_err(|e| store_error(&format!("reading {} at {}", at.file, at.offset), &e))?;
    let kind = open(&bytes).filter(|f| f.checksum == at.checksum && f.length as u64 == at.length).map(|f| f.kind);
    kind.map(|k| (k, bytes)).ok_or_else(|| {
        Error::external(format!(
            "{} is damaged at byte {}: the checksum of a decided frame does not fit",
            at.file, at.offset
        ))
        .fatal()
        .context("state directory")
        .help("restore the directory from a backup, or start with --fresh-state")
    })
}

/// Reads sink rows.
///
/// # Errors
/// Where the bytes are gone or damaged.
pub fn read_sink_rows(storage: &dyn Storage, dir: &Path, rows: &RowsRef) -> Result<ChangeBatch> {
    let (kind, bytes) = read_frame(storage, dir, &rows.at)?;
    let batch = read_rows(kind, &bytes[super::frame::HEADER..])?;
    if batch.len() as u64 == rows.rows {
        Ok(batch)
    } else {
        Err(Error::internal("a log frame has another number of rows than its reference"))
    }
}

/// Reads a state delta.
///
/// # Errors
/// Where the bytes are gone or damaged.
pub fn read_state(storage: &dyn Storage, dir: &Path, state: &StateRef) -> Result<RecordBatch> {
    let (_, bytes) = read_frame(storage, dir, &state.at)?;
    read_batch(&bytes[super::frame::HEADER..])
}
