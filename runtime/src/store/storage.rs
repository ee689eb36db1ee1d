//! All durable I/O of the store goes through [`Storage`]: files that are only ever appended to.
//! [`FsStorage`] is the real thing; [`super::faulty::FaultyStorage`] loses, tears and refuses.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// The few things a store does to a disk. No renames, no overwriting.
pub trait Storage: Send + Sync {
    /// Makes a directory and its parents durable; nothing happens where it exists.
    ///
    /// # Errors
    /// Of the disk.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes a new file to append to. The entry is durable after [`Storage::sync_dir`].
    ///
    /// # Errors
    /// `AlreadyExists`, or of the disk.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn AppendFile>>;
    /// Exactly `length` bytes from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file is shorter, or of the disk.
    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// The length of a file.
    ///
    /// # Errors
    /// `NotFound`, or of the disk.
    fn size(&self, path: &Path) -> io::Result<u64>;
    /// Names of the files in a directory, sorted.
    ///
    /// # Errors
    /// Of the disk.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, or of the disk.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Cuts a file that nothing appends to any more.
    ///
    /// # Errors
    /// Of the disk.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Makes creations and removals in a directory durable.
    ///
    /// # Errors
    /// Of the disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Locks a directory for this process by the file `LOCK` in it, whose text says who holds it.
    /// `Ok(Err(text))`: someone else does.
    ///
    /// # Errors
    /// Of the disk.
    fn lock(&self, dir: &Path, holder: &str) -> io::Result<Result<Box<dyn DirectoryLock>, String>>;
}

/// A file being appended to. `sync` may run while another thread appends: it covers at least what
/// had been appended when it was called.
pub trait AppendFile: Send + Sync {
    /// Appends all bytes.
    ///
    /// # Errors
    /// Of the disk; how much was written is unknown.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes durable.
    ///
    /// # Errors
    /// Of the disk; nothing may be assumed about any byte since the last success.
    fn sync(&self) -> io::Result<()>;
}

/// Held until dropped.
pub trait DirectoryLock: Send + Sync {}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct FsStorage;

struct FsFile(File);

impl AppendFile for FsFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

struct FsLock(#[allow(dead_code, reason = "dropping it unlocks")] File);

impl DirectoryLock for FsLock {}

impl Storage for FsStorage {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        // The options of sinks, passwords among them, are kept here: nobody else may read them.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn AppendFile>> {
        Ok(Arc::new(FsFile(File::options().append(true).create_new(true).open(path)?)))
    }
    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        file.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = File::options().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
    fn lock(&self, dir: &Path, holder: &str) -> io::Result<Result<Box<dyn DirectoryLock>, String>> {
        let path = dir.join("LOCK");
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                Ok(Ok(Box::new(FsLock(file))))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(fs::read_to_string(&path).unwrap_or_default())),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}
