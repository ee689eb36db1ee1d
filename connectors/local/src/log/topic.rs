//! One topic: its identity, what is committed, and how readers hear of more.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use tidegate_core::sink::{Fence, Scope};
use tidegate_core::{Error, Result, ResultExt};

use super::append::Writer;
use super::make::make_topic;
use crate::files::{file_name, name_of_file, random_id};
use crate::journal::Journal;

/// Partitions of a topic that is made without saying how many.
pub const DEFAULT_PARTITIONS: u32 = 2;
pub(super) const COMMITS: &str = "commits";
pub(super) const META: &str = "topic.json";
/// How often a waiting reader looks for what other processes have written.
const POLL: Duration = Duration::from_millis(10);

/// What stands in `topic.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) id: String,
    pub(super) partitions: u32,
    pub(super) created_ms: i64,
}

/// A commit record: all that is true of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) partitions: Vec<PartitionEnd>,
    pub(super) fences: Vec<(Scope, Fence)>,
}

impl Commit {
    pub(super) fn fence(&self, scope: &Scope) -> Option<&Fence> {
        self.fences.iter().find(|(s, _)| s == scope).map(|(_, f)| f)
    }
}

/// Where the bytes of a partition end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartitionEnd {
    /// First offset of the segment that is written to; names its file.
    pub(super) segment: i64,
    /// Committed bytes of that segment. Earlier segments count to their end.
    pub(super) size: u64,
    /// Offset of the next record.
    pub(super) next: i64,
    /// Oldest offset there is.
    pub(super) first: i64,
}

/// The offsets of a partition: `first .. next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRange {
    /// Of the oldest record.
    pub first: i64,
    /// One past the newest record.
    pub next: i64,
}

/// What all handles of one topic in this process share.
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) name: Arc<str>,
    pub(super) meta: Meta,
    view: Mutex<View>,
    appended: Condvar,
    pub(super) writer: Mutex<Option<Writer>>,
}

struct View {
    journal: Journal<Commit>,
    commit: Arc<Commit>,
    checked: Instant,
}

/// A topic. Cheap to clone; all handles of one process share what they know.
#[derive(Clone)]
pub struct Log {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({}, {})", self.shared.name, self.shared.meta.id)
    }
}

impl Log {
    /// Opens a topic below an embedded directory; `None` where there is no such topic.
    ///
    /// # Errors
    /// Where its files cannot be read.
    pub fn open(root: &Path, topic: &str) -> Result<Option<Log>> {
        let dir = topic_dir(root, topic);
        open_dir(&dir, topic).context(|| format!("topic {topic}"))
    }

    /// Creates a topic with this many partitions.
    ///
    /// # Errors
    /// Where it exists already.
    pub fn create(root: &Path, topic: &str, partitions: u32) -> Result<Log> {
        match Self::open_or_create_new(root, topic, partitions)? {
            (log, true) => Ok(log),
            (_, false) => Err(Error::user(format!("topic '{topic}' exists already"))),
        }
    }

    /// Opens a topic, made with this many partitions where it is missing.
    ///
    /// # Errors
    /// Where its files cannot be read or written.
    pub fn open_or_create(root: &Path, topic: &str, partitions: u32) -> Result<Log> {
        Self::open_or_create_new(root, topic, partitions).map(|(log, _)| log)
    }

    fn open_or_create_new(root: &Path, topic: &str, partitions: u32) -> Result<(Log, bool)> {
        if let Some(log) = Self::open(root, topic)? {
            return Ok((log, false));
        }
        let made = make_topic(root, topic, partitions).context(|| format!("topic {topic}"))?;
        let log = Self::open(root, topic)?.ok_or_else(|| Error::external(format!("topic {topic} vanished")))?;
        Ok((log, made))
    }

    /// Deletes a topic. Readers and sinks that have it open get an error that says so.
    ///
    /// # Errors
    /// Where its files cannot be removed.
    pub fn delete(root: &Path, topic: &str) -> Result<bool> {
        let (dir, gone) = (topic_dir(root, topic), root.join("logs").join(format!(".deleted-{}", random_id()?)));
        match fs::rename(&dir, &gone) {
            Ok(()) => {
                fs::remove_dir_all(&gone).context(|| format!("topic {topic}"))?;
                Ok(true)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::from(e).context(format!("topic {topic}"))),
        }
    }

    /// The names of all topics below an embedded directory, sorted.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn list(root: &Path) -> Result<Vec<String>> {
        let dir = root.join("logs");
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let mut out = Vec::new();
        for entry in fs::read_dir(&dir).context(|| dir.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_str().filter(|n| !n.starts_with('.')).and_then(name_of_file);
            out.extend(name.filter(|_| entry.path().join(META).exists()));
        }
        out.sort();
        Ok(out)
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }
    /// Random, made with the topic.
    pub fn id(&self) -> &str {
        &self.shared.meta.id
    }
    /// How many partitions.
    pub fn partitions(&self) -> u32 {
        self.shared.meta.partitions
    }
    /// What a partition holds now.
    ///
    /// # Errors
    /// No such partition, or unreadable files.
    pub fn range(&self, partition: u32) -> Result<PartitionRange> {
        let end = self.shared.end(partition)?;
        Ok(PartitionRange { first: end.first, next: end.next })
    }
}

impl Shared {
    /// The newest commit.
    pub(super) fn commit(&self) -> Result<Arc<Commit>> {
        let mut view = self.view.lock();
        self.refresh(&mut view)?;
        Ok(view.commit.clone())
    }

    /// The end of one partition.
    pub(super) fn end(&self, partition: u32) -> Result<PartitionEnd> {
        let commit = self.commit()?;
        commit.partitions.get(partition as usize).copied().ok_or_else(|| {
            Error::user(format!(
                "topic '{}' has {} partitions, no partition {partition}",
                self.name, self.meta.partitions
            ))
        })
    }

    /// Waits until a partition reaches beyond `offset`, at most this long.
    pub(super) fn wait_beyond(&self, partition: u32, offset: i64, wait: Duration) -> Result<PartitionEnd> {
        let until = Instant::now() + wait;
        let mut view = self.view.lock();
        loop {
            self.refresh(&mut view)?;
            let end = view.commit.partitions[partition as usize];
            let now = Instant::now();
            if end.next > offset || now >= until {
                return Ok(end);
            }
            self.appended.wait_for(&mut view, POLL.min(until - now));
        }
    }

    /// Tells the readers of this process to look.
    pub(super) fn notify(&self) {
        self.appended.notify_all();
    }

    fn refresh(&self, view: &mut View) -> Result<()> {
        if view.journal.refresh().context(|| format!("topic {}", self.name))? {
            view.commit = Arc::new(view.journal.last().clone());
        } else if view.checked.elapsed() > Duration::from_millis(500) {
            self.check_identity()?;
            view.checked = Instant::now();
        }
        Ok(())
    }

    /// Fails where the topic was deleted, or deleted and made again, under this handle.
    pub(super) fn check_identity(&self) -> Result<()> {
        match read_meta(&self.dir)? {
            Some(meta) if meta.id == self.meta.id => Ok(()),
            Some(_) => Err(lost(&self.name, "was deleted and made again")),
            None => Err(lost(&self.name, "was deleted")),
        }
    }
}

/// A position that cannot be gone on from.
pub(super) fn lost(topic: &str, what: &str) -> Error {
    Error::user(format!("topic '{topic}' {what}: the positions of this job no longer exist"))
        .help("restore the topic, or start the job anew (--fresh-state) and say from where (--from)")
}

pub(super) fn topic_dir(root: &Path, topic: &str) -> PathBuf {
    root.join("logs").join(file_name(topic))
}

fn read_meta(dir: &Path) -> Result<Option<Meta>> {
    match fs::read(dir.join(META)) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::external(format!("{}: {e}", dir.join(META).display())).fatal()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::from(e).context(dir.join(META).display().to_string())),
    }
}

type Open = HashMap<(PathBuf, String), Weak<Shared>>;

/// The topics this process has open, so that readers hear of appends without polling the disk.
static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

fn open_dir(dir: &Path, topic: &str) -> Result<Option<Log>> {
    let Some(meta) = read_meta(dir)? else { return Ok(None) };
    let dir = fs::canonicalize(dir).context(|| dir.display().to_string())?;
    let mut open = OPEN.lock();
    let key = (dir.clone(), meta.id.clone());
    if let Some(shared) = open.get(&key).and_then(Weak::upgrade) {
        return Ok(Some(Log { shared }));
    }
    let journal: Journal<Commit> =
        Journal::open(&dir, COMMITS)?.ok_or_else(|| Error::external("its commit file has no valid record").fatal())?;
    let commit = Arc::new(journal.last().clone());
    let view = Mutex::new(View { journal, commit, checked: Instant::now() });
    let shared =
        Arc::new(Shared { dir, name: topic.into(), meta, view, appended: Condvar::new(), writer: Mutex::new(None) });
    open.retain(|_, s| s.strong_count() > 0);
    open.insert(key, Arc::downgrade(&shared));
    Ok(Some(Log { shared }))
}
