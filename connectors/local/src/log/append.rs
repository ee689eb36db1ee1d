//! Appending: data, fsync, commit record, fsync, under the topic's writer lock.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tidegate_core::clock::{Clock, SystemClock};
use tidegate_core::message::partition_of;
use tidegate_core::{Error, Result, ResultExt};

use super::block::Blocks;
use super::topic::{COMMITS, Commit, Log, Shared};
use crate::files::sync_dir;
use crate::journal::Journal;

/// A segment longer than this is followed by another.
const SEGMENT_BYTES: u64 = if cfg!(test) { 1 << 20 } else { 256 << 20 };
/// How long an append waits for another writer's append to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// The longest record.
pub(super) const MAX_RECORD: usize = 512 << 20;

/// A record to be appended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// The partition; `None`: by the key's murmur2, without a key in turn.
    pub partition: Option<u32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers as in [`tidegate_core::raw::encode_headers`].
    pub headers: Option<&'a [u8]>,
    /// Milliseconds since the epoch; `None`: now.
    pub timestamp: Option<i64>,
}

/// The files a process writes a topic with. Valid under the lock only, after `refresh`.
pub(super) struct Writer {
    lock: File,
    journal: Journal<Commit>,
    segments: HashMap<u32, (i64, File)>,
    turn: u32,
}

impl Log {
    /// Appends records durably and in order. Returns how many.
    ///
    /// # Errors
    /// Nothing was appended, but for an external error of the very last fsync, after which the
    /// records may or may not be there.
    pub fn produce<'a>(&self, records: impl IntoIterator<Item = Record<'a>>) -> Result<u64> {
        self.shared.locked(|shared, writer| {
            let n = shared.meta.partitions;
            let mut pending = Pending::new(writer.journal.last());
            for record in records {
                let partition =
                    record.partition.or_else(|| record.key.map(|k| partition_of(k, n))).unwrap_or_else(|| {
                        let turn = writer.turn;
                        writer.turn = (turn + 1) % n;
                        turn
                    });
                pending.push(shared, partition, &record)?;
            }
            let count = pending.count();
            let commit = writer.journal.last().clone();
            if count > 0 {
                writer.write(shared, pending, commit)?;
            }
            Ok(count)
        })
    }
}

/// Records on their way into blocks, a list a partition.
pub(super) struct Pending {
    blocks: Vec<Blocks>,
    now: i64,
}

impl Pending {
    pub(super) fn new(commit: &Commit) -> Self {
        let blocks = commit.partitions.iter().map(|p| Blocks::starting_at(p.next)).collect();
        Pending { blocks, now: SystemClock.now_millis() }
    }

    pub(super) fn push(&mut self, shared: &Shared, partition: u32, record: &Record<'_>) -> Result<()> {
        let size: usize = [record.key, record.value, record.headers].iter().flatten().map(|b| b.len()).sum();
        if size > MAX_RECORD {
            return Err(Error::user(format!("a record of {size} bytes is longer than a topic takes ({MAX_RECORD})")));
        }
        let blocks = self.blocks.get_mut(partition as usize).ok_or_else(|| {
            Error::user(format!(
                "topic '{}' has {} partitions, no partition {partition}",
                shared.name, shared.meta.partitions
            ))
        })?;
        blocks.push(record, self.now);
        Ok(())
    }

    fn count(&self) -> u64 {
        self.blocks.iter().map(|b| b.count as u64).sum()
    }
}

impl Shared {
    /// Runs `work` as the only writer of the topic, everything others have committed seen.
    pub(super) fn locked<R>(&self, work: impl FnOnce(&Shared, &mut Writer) -> Result<R>) -> Result<R> {
        let place = || format!("topic {}", self.name);
        let mut slot = self.writer.lock();
        if slot.is_none() {
            *slot = Some(Writer::open(&self.dir).context(place)?);
        }
        let Some(writer) = slot.as_mut() else { return Err(Error::internal("no writer")) };
        take_lock(&writer.lock).context(place)?;
        let result = self
            .check_identity()
            .and_then(|()| writer.journal.refresh_locked())
            .and_then(|_| work(self, writer))
            .context(place);
        writer.lock.unlock().context(place)?;
        self.notify();
        result
    }
}

fn take_lock(lock: &File) -> Result<()> {
    let since = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if since.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::external("another process has been writing for 10 s and holds the writer lock"));
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
}

impl Writer {
    fn open(dir: &Path) -> Result<Writer> {
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("writer.lock"))?;
        let journal = Journal::open(dir, COMMITS)?
            .ok_or_else(|| Error::external("its commit file has no valid record").fatal())?;
        Ok(Writer { lock, journal, segments: HashMap::new(), turn: 0 })
    }

    /// What is committed.
    pub(super) fn commit(&self) -> &Commit {
        self.journal.last()
    }

    /// Appends the blocks and then the commit record, which is `commit` with the new ends.
    pub(super) fn write(&mut self, shared: &Shared, pending: Pending, mut commit: Commit) -> Result<()> {
        let mut touched = Vec::new();
        for (partition, blocks) in (0u32..).zip(pending.blocks) {
            let count = blocks.count;
            if count == 0 {
                continue;
            }
            let bytes = blocks.finish();
            let end = &mut commit.partitions[partition as usize];
            if end.size >= SEGMENT_BYTES {
                (end.segment, end.size) = (end.next, 0);
            }
            let file = self.segment(shared, partition, end.segment, end.size)?;
            file.write_all_at(&bytes, end.size)?;
            end.size += bytes.len() as u64;
            end.next += count;
            touched.push(partition);
        }
        for partition in touched {
            if let Some((_, file)) = self.segments.get(&partition) {
                file.sync_data()?;
            }
        }
        self.journal.append(commit)
    }

    /// Writes a commit record without records.
    pub(super) fn write_commit(&mut self, commit: Commit) -> Result<()> {
        self.journal.append(commit)
    }

    /// The segment file, with everything beyond the committed size cut off.
    fn segment(&mut self, shared: &Shared, partition: u32, base: i64, size: u64) -> Result<&File> {
        let open = self.segments.get(&partition).is_some_and(|(b, _)| *b == base);
        if !open {
            let path = segment_path(&shared.dir, partition, base);
            let is_new = !path.exists();
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)
                .context(|| path.display().to_string())?;
            if is_new {
                sync_dir(&shared.dir)?;
            }
            self.segments.insert(partition, (base, file));
        }
        let (_, file) = self.segments.get(&partition).ok_or_else(|| Error::internal("no segment"))?;
        let len = file.metadata()?.len();
        if len < size {
            return Err(super::topic::lost(
                &shared.name,
                &format!("has lost data: partition {partition} ends at byte {len}, but {size} were committed"),
            ));
        }
        if len > size {
            file.set_len(size)?;
        }
        Ok(file)
    }
}

/// The file of a segment.
pub(super) fn segment_path(dir: &Path, partition: u32, base: i64) -> PathBuf {
    dir.join(format!("{partition}-{base:020}.seg"))
}

/// The first offsets of a partition's segments up to `newest`, ascending.
pub(super) fn segments(dir: &Path, partition: u32, newest: i64) -> Result<Vec<i64>> {
    let prefix = format!("{partition}-");
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).context(|| dir.display().to_string())? {
        let name = entry?.file_name();
        let base = name.to_str().and_then(|n| n.strip_prefix(&prefix)?.strip_suffix(".seg")?.parse::<i64>().ok());
        out.extend(base.filter(|b| *b <= newest));
    }
    out.sort_unstable();
    Ok(out)
}
