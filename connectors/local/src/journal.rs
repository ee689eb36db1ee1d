//! A file of checksummed records of which the last valid one is the truth.
//!
//! A torn or corrupt tail counts as never written. When a file grows long, the next number is begun
//! with the newest state, the old file gets a `moved` mark for those who still read it, and goes.
//! Appending needs a lock that the caller holds; reading needs none.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_core::{Error, Result, ResultExt};

use crate::files::sync_dir;

const MAGIC: [u8; 4] = *b"TGJ1";
const HEADER: usize = 12;
/// A file longer than this is rolled at the next append.
const ROLL_BYTES: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry<T> {
    State(T),
    Moved,
}

/// A reader or writer of `<prefix>-<number>` files in a directory.
pub(crate) struct Journal<T> {
    dir: PathBuf,
    prefix: String,
    number: u64,
    file: File,
    /// End of the last valid record.
    end: u64,
    last: T,
    roll_bytes: u64,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Begins a journal with a first state, durably. The directory must be the caller's alone.
    pub(crate) fn create(dir: &Path, prefix: &str, state: &T) -> Result<()> {
        let file = open_file(&path(dir, prefix, 0), true)?;
        write(&file, 0, &Entry::State(state))?;
        sync_dir(dir)
    }

    /// Opens at the newest state; `None` where there is no valid record at all.
    pub(crate) fn open(dir: &Path, prefix: &str) -> Result<Option<Self>> {
        // A roll may pass by while we look; a few tries always suffice.
        'again: for _ in 0..100 {
            let mut numbers = numbers(dir, prefix)?;
            while let Some(number) = numbers.pop() {
                let file = match OpenOptions::new().read(true).write(true).open(path(dir, prefix, number)) {
                    Ok(f) => f,
                    // Rolled away between the listing and here.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue 'again,
                    Err(e) => return Err(Error::from(e).context(path(dir, prefix, number).display().to_string())),
                };
                let (end, last, moved) = scan::<T>(&file, 0)?;
                if moved {
                    // Rolled while being read: the next number is there by now.
                    continue 'again;
                }
                if let Some(last) = last {
                    let (dir, prefix) = (dir.to_owned(), prefix.to_owned());
                    return Ok(Some(Journal { dir, prefix, number, file, end, last, roll_bytes: ROLL_BYTES }));
                }
            }
            return Ok(None);
        }
        Err(Error::external(format!("{}: the commit file moves faster than it can be read", dir.display())))
    }

    /// The newest state seen.
    pub(crate) fn last(&self) -> &T {
        &self.last
    }

    /// Reads what others have appended. What it returns is durable: records that another process has
    /// written but perhaps not yet synced are synced first. `true` where there was something new.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let len = self.file.metadata()?.len();
        if len <= self.end {
            return Ok(false);
        }
        self.file.sync_data()?;
        let (end, last, moved) = scan::<T>(&self.file, self.end)?;
        if moved {
            let mut newer = Self::open(&self.dir, &self.prefix)?
                .ok_or_else(|| Error::external("the commit file has moved and its successor is gone").fatal())?;
            newer.roll_bytes = self.roll_bytes;
            *self = newer;
            return Ok(true);
        }
        self.end = end;
        match last {
            Some(state) => {
                self.last = state;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Appends a state, durably, over any torn tail. The caller holds the writers' lock and has
    /// called `refresh` under it.
    pub(crate) fn append(&mut self, state: T) -> Result<()> {
        if self.end > self.roll_bytes {
            return self.roll(state);
        }
        if self.file.metadata()?.len() > self.end {
            self.file.set_len(self.end)?;
        }
        self.end = write(&self.file, self.end, &Entry::State(&state))?;
        self.last = state;
        Ok(())
    }

    fn roll(&mut self, state: T) -> Result<()> {
        let next = self.number + 1;
        let file = open_file(&path(&self.dir, &self.prefix, next), true)?;
        let end = write(&file, 0, &Entry::State(&state))?;
        sync_dir(&self.dir)?;
        let (number, old) = (self.number, std::mem::replace(&mut self.file, file));
        let old_end = std::mem::replace(&mut self.end, end);
        (self.number, self.last) = (next, state);
        retire::<T>(&old, old_end)?;
        fs::remove_file(path(&self.dir, &self.prefix, number))?;
        Ok(())
    }

    /// As `refresh`, for a writer that holds the lock: also finishes a roll that a crash interrupted.
    pub(crate) fn refresh_locked(&mut self) -> Result<bool> {
        if !path(&self.dir, &self.prefix, self.number + 1).exists() {
            return self.refresh();
        }
        let mut newer = Self::open(&self.dir, &self.prefix)?
            .ok_or_else(|| Error::external("the commit file has no valid record any more").fatal())?;
        newer.settle()?;
        newer.roll_bytes = self.roll_bytes;
        *self = newer;
        Ok(true)
    }

    fn settle(&self) -> Result<()> {
        for number in numbers(&self.dir, &self.prefix)? {
            let path = path(&self.dir, &self.prefix, number);
            if number < self.number {
                let old = open_file(&path, false)?;
                let (end, _, moved) = scan::<T>(&old, 0)?;
                if !moved {
                    retire::<T>(&old, end)?;
                }
                fs::remove_file(&path)?;
            } else if number > self.number {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn roll_at(&mut self, bytes: u64) {
        self.roll_bytes = bytes;
    }
}

fn retire<T: Serialize>(file: &File, end: u64) -> Result<()> {
    file.set_len(end)?;
    write(file, end, &Entry::<&T>::Moved).map(|_| ())
}

fn path(dir: &Path, prefix: &str, number: u64) -> PathBuf {
    dir.join(format!("{prefix}-{number:08}"))
}

fn open_file(path: &Path, fresh: bool) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(fresh)
        .truncate(fresh)
        .open(path)
        .context(|| path.display().to_string())
}

/// The numbers there are, ascending.
fn numbers(dir: &Path, prefix: &str) -> Result<Vec<u64>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).context(|| dir.display().to_string())? {
        let name = entry?.file_name();
        let number: Option<u64> = name.to_str().and_then(|n| n.strip_prefix(prefix)?.strip_prefix('-')?.parse().ok());
        out.extend(number);
    }
    out.sort_unstable();
    Ok(out)
}

fn write<T: Serialize>(file: &File, at: u64, entry: &T) -> Result<u64> {
    let payload = serde_json::to_vec(entry).map_err(|e| Error::internal(format!("commit record: {e}")))?;
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    frame.extend_from_slice(&payload);
    file.write_all_at(&frame, at)?;
    file.sync_data()?;
    Ok(at + frame.len() as u64)
}

/// Reads records from `at`: the end of the last valid one, the newest state, whether a `moved` mark
/// follows it.
fn scan<T: DeserializeOwned>(file: &File, at: u64) -> Result<(u64, Option<T>, bool)> {
    let len = file.metadata()?.len();
    let mut bytes = vec![0u8; usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, at).or_else(|e| {
        // A writer may cut a torn tail while we read: what was read stays zero and is not valid.
        if e.kind() == std::io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(e) }
    })?;
    let mut rest = bytes.as_slice();
    let (mut end, mut last, mut moved) = (at, None, false);
    while let Some(payload) = frame(rest) {
        match serde_json::from_slice::<Entry<T>>(payload) {
            Ok(Entry::State(s)) => last = Some(s),
            Ok(Entry::Moved) => moved = true,
            Err(e) => return Err(Error::external(format!("a commit record cannot be understood: {e}")).fatal()),
        }
        end += (HEADER + payload.len()) as u64;
        rest = &rest[HEADER + payload.len()..];
    }
    Ok((end, last, moved))
}

fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let header = bytes.get(..HEADER)?;
    let int = |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    let payload = bytes[HEADER..].get(..int(4) as usize)?;
    (header[..4] == MAGIC && crc32fast::hash(payload) == int(8)).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(dir: &Path) -> Journal<u64> {
        Journal::open(dir, "commits").unwrap().unwrap()
    }

    #[test]
    fn a_torn_tail_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        Journal::create(dir.path(), "commits", &1u64).unwrap();
        let mut j = journal(dir.path());
        j.append(2).unwrap();
        let before = j.end;
        j.append(3).unwrap();
        let file = path(dir.path(), "commits", 0);
        let whole = fs::read(&file).unwrap();
        for cut in before..whole.len() as u64 {
            fs::write(&file, &whole[..cut as usize]).unwrap();
            let mut j = journal(dir.path());
            assert_eq!(*j.last(), 2, "cut at {cut}");
            j.append(4).unwrap();
            assert_eq!(*journal(dir.path()).last(), 4);
        }
        let mut flipped = whole.clone();
        flipped[before as usize + 14] ^= 1;
        fs::write(&file, flipped).unwrap();
        assert_eq!(*journal(dir.path()).last(), 2);
    }

    #[test]
    fn readers_follow_a_roll() {
        let dir = tempfile::tempdir().unwrap();
        Journal::create(dir.path(), "commits", &0u64).unwrap();
        let (mut writer, mut reader) = (journal(dir.path()), journal(dir.path()));
        writer.roll_at(100);
        for n in 1..50 {
            writer.append(n).unwrap();
            if n % 7 == 0 {
                assert!(reader.refresh().unwrap());
                assert_eq!(*reader.last(), n);
            }
        }
        assert!(writer.number > 5);
        assert_eq!(numbers(dir.path(), "commits").unwrap(), vec![writer.number]);
    }

    #[test]
    fn an_interrupted_roll_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        Journal::create(dir.path(), "commits", &5u64).unwrap();
        let mut reader = journal(dir.path());
        // The next file was begun but its record is torn: the old one still counts.
        fs::write(path(dir.path(), "commits", 1), b"TGJ1").unwrap();
        let j = journal(dir.path());
        assert_eq!((*j.last(), j.number), (5, 0));
        // The next file is whole, the old one has no mark yet.
        write(&open_file(&path(dir.path(), "commits", 1), true).unwrap(), 0, &Entry::State(6u64)).unwrap();
        let mut other = j;
        assert!(other.refresh_locked().unwrap());
        assert_eq!(*other.last(), 6);
        assert!(reader.refresh().unwrap());
        assert_eq!(*reader.last(), 6);
    }
}
