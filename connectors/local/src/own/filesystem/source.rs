//! Files as a message source: a split a file, a record a line.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use regex::Regex;
use tidegate_core::raw::{ByteRange, RawBatch, RawRecord};
use tidegate_core::source::{BatchLimits, Read, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::{Error, Result, ResultExt};

use super::sink::committed_length;

/// How much is read at once; more only where a line is longer.
const CHUNK: usize = 1 << 20;
/// The longest line.
const MAX_LINE: usize = 512 << 20;

pub(super) struct FileSource {
    pub(super) path: PathBuf,
    pub(super) pattern: Option<Regex>,
    pub(super) every: Option<Duration>,
    pub(super) keep_empty: bool,
}

impl FileSource {
    fn files(&self) -> Result<Vec<PathBuf>> {
        let about = fs::metadata(&self.path).map_err(|e| {
            Error::user(format!("{}: {e}", self.path.display())).help("'path' names a file or a directory to read")
        })?;
        if !about.is_dir() {
            return Ok(vec![self.path.clone()]);
        }
        let mut out = Vec::new();
        for entry in fs::read_dir(&self.path).context(|| self.path.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let wanted = !name.starts_with(['.', '_']) && self.pattern.as_ref().is_none_or(|p| p.is_match(&name));
            if wanted && fs::metadata(entry.path())?.is_file() {
                out.push(entry.path());
            }
        }
        out.sort();
        Ok(out)
    }

    fn file(&self, split: &Split) -> Result<(File, u64)> {
        let path = Path::new(&split.topic);
        let file = File::open(path).map_err(|e| lost(split, &e.to_string()))?;
        if identity(&file.metadata()?) != split.identity {
            return Err(lost(split, "the file was deleted and made again"));
        }
        let len = file.metadata()?.len();
        Ok((file, committed_length(path)?.map_or(len, |c| c.min(len))))
    }
}

fn identity(about: &fs::Metadata) -> String {
    format!("file {}-{}", about.dev(), about.ino())
}

fn lost(split: &Split, why: &str) -> Error {
    Error::user(format!("{}: {why}: the positions of this job no longer exist", split.topic))
        .help("restore the file, or start the job anew (--fresh-state)")
}

fn byte_of(position: &Position) -> Result<u64> {
    position.0.parse().map_err(|_| Error::user(format!("'{position}' is not a position in a file")))
}

#[async_trait]
impl Source for FileSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        let files = self.files()?;
        files
            .iter()
            .enumerate()
            .map(|(n, path)| {
                let topic = path.display().to_string();
                let identity = identity(&fs::metadata(path).context(|| topic.clone())?);
                Ok(Split { id: topic.clone(), topic, partition: n as i32, identity })
            })
            .collect()
    }

    async fn resolve(&self, _: &Split, _: &StartMode) -> Result<Resolved> {
        // Files have neither offsets nor times to start from: they are read from their beginning.
        Ok(Resolved { position: Position("0".to_owned()), skipped: Some(0) })
    }

    async fn bound(&self, split: &Split, _: &Bound) -> Result<Option<Position>> {
        Ok(Some(Position(self.file(split)?.1.to_string())))
    }

    async fn open(&self, split: &Split, at: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let (file, len) = self.file(split)?;
        let (at, end) = (byte_of(at)?, end.map(byte_of).transpose()?.unwrap_or(len));
        if at > len || end > len {
            return Err(lost(split, &format!("the file has {len} bytes, fewer than were read before")));
        }
        Ok(Box::new(LineReader {
            file,
            topic: split.topic.as_str().into(),
            partition: split.partition,
            at,
            end,
            keep_empty: self.keep_empty,
        }))
    }

    fn discovery_interval(&self) -> Option<Duration> {
        self.every
    }
}

struct LineReader {
    file: File,
    topic: Arc<str>,
    partition: i32,
    at: u64,
    end: u64,
    keep_empty: bool,
}

impl LineReader {
    /// Bytes from `at` on that hold at least one whole line.
    fn chunk(&self, bytes: usize) -> Result<Vec<u8>> {
        let left = self.end - self.at;
        let mut want = bytes.clamp(1, CHUNK);
        loop {
            let n = left.min(want as u64) as usize;
            let mut chunk = vec![0; n];
            self.file.read_exact_at(&mut chunk, self.at)?;
            if n as u64 == left || memchr::memrchr(b'\n', &chunk).is_some() {
                return Ok(chunk);
            }
            if want >= MAX_LINE {
                let place = format!("{} byte {}", self.topic, self.at);
                return Err(Error::user(format!("a line is longer than {MAX_LINE} bytes")).context(place));
            }
            want = want.saturating_mul(4).max(CHUNK / 4);
        }
    }
}

impl SplitReader for LineReader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        if self.at >= self.end {
            return Ok(Read::End);
        }
        let chunk = self.chunk(limits.bytes)?;
        let mut records = Vec::with_capacity(limits.rows.min(chunk.len() / 64 + 1));
        let mut used = 0;
        while records.len() < limits.rows.max(1) && used < chunk.len() {
            let (line_end, next) = match memchr::memchr(b'\n', &chunk[used..]) {
                Some(n) => (used + n, used + n + 1),
                None if self.at + chunk.len() as u64 == self.end => (chunk.len(), chunk.len()),
                None => break,
            };
            let value_end = if line_end > used && chunk[line_end - 1] == b'\r' { line_end - 1 } else { line_end };
            if self.keep_empty || value_end > used {
                records.push(RawRecord {
                    key: None,
                    value: Some(ByteRange { start: used as u32, end: value_end as u32 }),
                    headers: None,
                    offset: (self.at + used as u64) as i64,
                    timestamp: -1,
                    broker: tidegate_core::raw::BrokerFacts::default(),
                });
            }
            used = next;
        }
        self.at += used as u64;
        Ok(Read::Messages(RawBatch {
            topic: self.topic.clone(),
            partition: self.partition,
            data: Bytes::from(chunk),
            records,
            next: self.position(),
            behind: None,
        }))
    }

    fn position(&self) -> Position {
        Position(self.at.to_string())
    }
}
