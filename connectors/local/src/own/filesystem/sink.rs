//! Lines appended to a part file, exactly once: the committed length and the fence are one record
//! beside it. Bytes beyond the committed length were never written; the next apply cuts them off.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tidegate_core::fencing::{check_apply, check_rows, claimed};
use tidegate_core::message::{VALUE, message_schema};
use tidegate_core::sink::{Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, Scope, outcome_of};
use tidegate_core::{Error, Result, ResultExt, Retry};

use crate::files::{file_name, make_dir, sync_dir};
use crate::journal::Journal;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Part {
    length: u64,
    fence: Option<Fence>,
}

pub(super) struct FileSink {
    dir: PathBuf,
    extension: &'static str,
    /// One call at a time in this process; other processes are kept out by the lock file.
    turn: Arc<Mutex<()>>,
}

/// How much of a part file is committed; `None` for a file that no sink writes.
pub(super) fn committed_length(path: &Path) -> Result<Option<u64>> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return Ok(None) };
    if !name.starts_with("part-") {
        return Ok(None);
    }
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    Ok(Journal::<Part>::open(dir, &format!(".{name}.commits"))?.map(|j| j.last().length))
}

impl FileSink {
    pub(super) fn new(dir: PathBuf, extension: &'static str) -> Result<Self> {
        if dir.is_file() {
            return Err(Error::user(format!("{} is a file", dir.display()))
                .help("a sink writes part files into a directory: let 'path' name one"));
        }
        make_dir(&dir)?;
        Ok(FileSink { dir, extension, turn: Arc::default() })
    }

    fn part(&self, scope: &Scope) -> PartFile {
        let Scope { job, sink, lane } = scope;
        let name = format!("part-{}-{}-{lane}.{}", file_name(job), file_name(sink), self.extension);
        PartFile { dir: self.dir.clone(), name }
    }

    async fn locked<R: Send + 'static>(
        &self,
        scope: &Scope,
        work: impl FnOnce(&PartFile, &mut Journal<Part>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (part, turn) = (self.part(scope), self.turn.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn.lock();
            part.locked(work).context(|| part.dir.join(&part.name).display().to_string())
        });
        task.await.map_err(|e| Error::internal(format!("filesystem sink: {e}")))?
    }
}

struct PartFile {
    dir: PathBuf,
    name: String,
}

impl PartFile {
    fn prefix(&self) -> String {
        format!(".{}.commits", self.name)
    }

    fn locked<R>(&self, work: impl FnOnce(&PartFile, &mut Journal<Part>) -> Result<R>) -> Result<R> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.dir.join(format!(".{}.lock", self.name)))?;
        lock.lock()?;
        let mut journal = match Journal::open(&self.dir, &self.prefix())? {
            Some(j) => j,
            None => {
                Journal::create(&self.dir, &self.prefix(), &Part::default())?;
                Journal::open(&self.dir, &self.prefix())?.ok_or_else(|| Error::external("the commit file vanished"))?
            }
        };
        journal.refresh_locked()?;
        work(self, &mut journal)
    }

    fn open(&self, committed: u64) -> Result<File> {
        let path = self.dir.join(&self.name);
        let is_new = !path.exists();
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        if is_new {
            sync_dir(&self.dir)?;
        }
        let len = file.metadata()?.len();
        if len < committed {
            return Err(Error::user(format!("the part file has {len} bytes, but {committed} were committed"))
                .help("restore the file, or start the job anew (--fresh-state) into an empty directory"));
        }
        if len > committed {
            file.set_len(committed)?;
        }
        Ok(file)
    }
}

#[async_trait]
impl FencedSink for FileSink {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        if !fs::exists(&self.dir)? {
            return Ok(None);
        }
        let journal = Journal::<Part>::open(&self.dir, &self.part(scope).prefix())?;
        Ok(journal.and_then(|j| j.last().fence.clone()))
    }

    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        self.claim_if(scope, fence, Arc::new(|_| true)).await
    }

    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        make_dir(&self.dir)?;
        let fence = fence.clone();
        self.locked(scope, move |file, journal| {
            let before = journal.last().clone();
            if !admits(before.fence.as_ref()) {
                return Ok(before.fence);
            }
            file.open(before.length)?;
            let fence = Some(claimed(before.fence.as_ref(), &fence));
            journal.append(Part { length: before.length, fence })?;
            Ok(before.fence)
        })
        .await
    }

    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let owned = unit.clone();
        let done = self.locked(&unit.scope, move |file, journal| apply(file, journal, &owned)).await;
        match done {
            Ok(outcome) => outcome,
            // Whether the last sync failed or something before it, the fence tells.
            Err(e) if e.retry_advice() != Retry::Never => CommitOutcome::Unknown(e.to_string()),
            Err(e) => outcome_of(&e),
        }
    }

    async fn retire(&self, scope: &Scope) -> Result<()> {
        self.locked(scope, |_, journal| {
            let length = journal.last().length;
            journal.append(Part { length, fence: None })
        })
        .await
    }
}

fn apply(file: &PartFile, journal: &mut Journal<Part>, unit: &ApplyUnit) -> Result<CommitOutcome> {
    let Part { length, fence } = journal.last().clone();
    if let Err(outcome) = check_apply(fence.as_ref(), unit) {
        return Ok(outcome);
    }
    check_rows(unit)?;
    let mut lines = Vec::new();
    for batch in &unit.rows {
        if batch.rows.schema().fields().len() != message_schema().fields().len() {
            return Err(Error::internal(format!("a message sink was given {:?}", batch.rows.schema())));
        }
        let values = batch.rows.column(VALUE).as_binary::<i32>();
        for i in 0..values.len() {
            // A NULL value is a delete, and there is nothing to delete in a file of lines.
            if values.is_valid(i) {
                lines.extend_from_slice(values.value(i));
                lines.push(b'\n');
            }
        }
    }
    let out = file.open(length)?;
    out.write_all_at(&lines, length)?;
    out.sync_data()?;
    journal.append(Part { length: length + lines.len() as u64, fence: Some(unit.fence.clone()) })?;
    Ok(CommitOutcome::Committed)
}
