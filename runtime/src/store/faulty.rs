//! A disk that lies, for tests and for kill tests of the binary.
//!
//! It works on real files and knows which bytes and directory entries have been made durable. At a
//! *crash* it gives back what a power cut may leave: durable bytes for sure, any prefix of the rest,
//! possibly garbage in its last bytes; new files whose directory was not fsynced may vanish, removed
//! ones may come back. After a crash every call fails; [`FaultyStorage::restart`] is the next boot.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::storage::{AppendFile, DirectoryLock, FsStorage, Storage};
use tidegate_core::failpoint;

/// What goes wrong, and when. Steps are counted from 1 over all calls that change something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The machine dies at this step (an append at it is torn).
    pub crash_at: Option<u64>,
    /// The fsync at or after this step fails, once.
    pub fail_sync_at: Option<u64>,
    /// Appends fail once so many bytes have been appended in all.
    pub disk_bytes: Option<u64>,
    /// fsync says yes and does nothing: what a broken disk does.
    pub ignore_sync: bool,
    /// Chooses what survives a crash.
    pub seed: u64,
    /// Ends the process at the crash instead of failing every call.
    pub kill: bool,
}

impl Faults {
    /// From text such as `crash-at=17,seed=3`; names: crash-at, fail-sync-at, disk-bytes, seed,
    /// ignore-sync. `None` where a part is not understood.
    pub fn parse(text: &str) -> Option<Faults> {
        let mut faults = Faults { kill: true, ..Faults::default() };
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, "1"));
            let n: u64 = value.parse().ok()?;
            match name {
                "crash-at" => faults.crash_at = Some(n),
                "fail-sync-at" => faults.fail_sync_at = Some(n),
                "disk-bytes" => faults.disk_bytes = Some(n),
                "seed" => faults.seed = n,
                "ignore-sync" => faults.ignore_sync = n != 0,
                _ => return None,
            }
        }
        Some(faults)
    }
}

/// The storage a process should use: the machine's, or a faulty one where `TIDEGATE_FAULTS` asks
/// for it (kill tests).
pub fn storage_from_env() -> Arc<dyn Storage> {
    match std::env::var("TIDEGATE_FAULTS").ok().and_then(|t| Faults::parse(&t)) {
        Some(faults) => Arc::new(FaultyStorage::new(faults)),
        None => Arc::new(FsStorage),
    }
}

/// See the module.
#[derive(Clone)]
pub struct FaultyStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    faults: Faults,
    step: u64,
    appended: u64,
    crashed: bool,
    random: u64,
    files: BTreeMap<PathBuf, FileState>,
    removed: Vec<(PathBuf, Vec<u8>)>,
}

/// A file made since the last restart.
struct FileState {
    written: u64,
    durable: u64,
    /// Its directory entry is durable.
    entry: bool,
}

impl FaultyStorage {
    /// A disk on which these things go wrong.
    pub fn new(faults: Faults) -> Self {
        let random = faults.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
        FaultyStorage { disk: Arc::new(Mutex::new(Disk { faults, random, ..Disk::default() })) }
    }
    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.disk.lock().step
    }
    /// Whether the machine has died.
    pub fn crashed(&self) -> bool {
        self.disk.lock().crashed
    }
    /// Changes what goes wrong from now on; steps are counted on.
    pub fn set(&self, faults: Faults) {
        self.disk.lock().faults = faults;
    }
    /// Kills the machine now, unless it is dead: what was not durable may be gone.
    ///
    /// # Errors
    /// Of the real disk.
    pub fn crash(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        if disk.crashed { Ok(()) } else { disk.crash() }
    }
    /// Boots again, with other faults. Steps are counted from 1 again.
    pub fn restart(&self, faults: Faults) {
        let mut disk = self.disk.lock();
        let random = disk.random;
        *disk = Disk { faults, random, ..Disk::default() };
    }
}

impl Disk {
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the machine has crashed")) } else { Ok(()) }
    }

    /// Counts a step; `Err` where the machine dies at it.
    fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        self.step += 1;
        if self.faults.crash_at == Some(self.step) {
            self.crash()?;
            return self.alive();
        }
        Ok(())
    }

    fn crash(&mut self) -> io::Result<()> {
        self.crashed = true;
        for (path, state) in std::mem::take(&mut self.files) {
            let spared = state.entry || self.next_random().is_multiple_of(2);
            if !spared {
                fs::remove_file(&path)?;
                continue;
            }
            let loose = state.written - state.durable;
            if loose > 0 {
                let kept = self.next_random() % (loose + 1);
                let mut bytes = fs::read(&path)?;
                bytes.truncate((state.durable + kept) as usize);
                if kept > 0 && self.next_random().is_multiple_of(2) {
                    // A block that was allocated but never written.
                    let bad = (self.next_random() % kept + 1) as usize;
                    let from = bytes.len() - bad;
                    bytes[from..].fill(0);
                }
                fs::write(&path, bytes)?;
            }
        }
        for (path, bytes) in std::mem::take(&mut self.removed) {
            if self.next_random().is_multiple_of(2) && !path.exists() {
                fs::write(&path, bytes)?;
            }
        }
        if self.faults.kill {
            failpoint::kill_this_process();
        }
        Ok(())
    }

    /// The part of an append that fits on the disk.
    fn room_for(&mut self, length: usize) -> (usize, bool) {
        match self.faults.disk_bytes {
            Some(limit) if self.appended + length as u64 > limit => {
                (limit.saturating_sub(self.appended) as usize, false)
            }
            _ => (length, true),
        }
    }

    fn sync_fails(&mut self) -> bool {
        match self.faults.fail_sync_at {
            Some(at) if self.step >= at => {
                self.faults.fail_sync_at = None;
                true
            }
            _ => false,
        }
    }
}

struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    real: Arc<dyn AppendFile>,
}

impl FaultyFile {
    fn write(&self, disk: &mut Disk, bytes: &[u8]) -> io::Result<()> {
        self.real.append(bytes)?;
        disk.appended += bytes.len() as u64;
        if let Some(state) = disk.files.get_mut(&self.path) {
            state.written += bytes.len() as u64;
        }
        Ok(())
    }
}

impl AppendFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.alive()?;
        if disk.faults.crash_at == Some(disk.step + 1) {
            // Torn: part of it reaches the page cache, and a part of that may survive.
            let part = (disk.next_random() as usize) % (bytes.len() + 1);
            self.write(&mut disk, &bytes[..part])?;
        }
        disk.step()?;
        let (fits, all) = disk.room_for(bytes.len());
        self.write(&mut disk, &bytes[..fits])?;
        if all { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.step()?;
        if disk.sync_fails() {
            return Err(io::Error::other("fsync failed"));
        }
        if !disk.faults.ignore_sync
            && let Some(state) = disk.files.get_mut(&self.path)
        {
            state.durable = state.written;
        }
        Ok(())
    }
}

impl Storage for FaultyStorage {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.lock().step()?;
        FsStorage.create_dir(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn AppendFile>> {
        let mut disk = self.disk.lock();
        disk.step()?;
        let real = FsStorage.create(path)?;
        disk.files.insert(path.to_owned(), FileState { written: 0, durable: 0, entry: false });
        Ok(Arc::new(FaultyFile { disk: self.disk.clone(), path: path.to_owned(), real }))
    }
    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.lock().alive()?;
        FsStorage.read(path, offset, length)
    }
    fn size(&self, path: &Path) -> io::Result<u64> {
        self.disk.lock().alive()?;
        FsStorage.size(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.lock().alive()?;
        FsStorage.list(dir)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.step()?;
        let bytes = fs::read(path)?;
        FsStorage.remove(path)?;
        disk.files.remove(path);
        disk.removed.push((path.to_owned(), bytes));
        Ok(())
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.disk.lock().step()?;
        FsStorage.truncate(path, length)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.step()?;
        if disk.sync_fails() {
            return Err(io::Error::other("fsync failed"));
        }
        if !disk.faults.ignore_sync {
            disk.files.iter_mut().filter(|(p, _)| p.parent() == Some(dir)).for_each(|(_, f)| f.entry = true);
            disk.removed.retain(|(p, _)| p.parent() != Some(dir));
        }
        Ok(())
    }
    fn lock(&self, dir: &Path, holder: &str) -> io::Result<Result<Box<dyn DirectoryLock>, String>> {
        self.disk.lock().alive()?;
        FsStorage.lock(dir, holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_durable_bytes_are_sure_to_survive() {
        let mut shortest = u64::MAX;
        let mut vanished = 0;
        for seed in 0..50 {
            let dir = tempfile::tempdir().unwrap();
            let disk = FaultyStorage::new(Faults { seed, ..Faults::default() });
            let file = disk.create(&dir.path().join("a")).unwrap();
            file.append(b"durable").unwrap();
            file.sync().unwrap();
            disk.sync_dir(dir.path()).unwrap();
            file.append(b"loose").unwrap();
            disk.create(&dir.path().join("b")).unwrap();
            disk.crash().unwrap();
            assert!(file.append(b"x").is_err() && disk.list(dir.path()).is_err());
            let bytes = fs::read(dir.path().join("a")).unwrap();
            assert!(bytes.starts_with(b"durable"));
            shortest = shortest.min(bytes.len() as u64);
            vanished += u32::from(!dir.path().join("b").exists());
        }
        assert_eq!(shortest, 7);
        assert!((5..45).contains(&vanished));
    }

    #[test]
    fn text_names_faults() {
        assert_eq!(Faults::parse("crash-at=17, seed=3").unwrap().crash_at, Some(17));
        assert_eq!(Faults::parse("explode"), None);
    }
}
