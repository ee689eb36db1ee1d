//! Letting an unbounded job run until its targets have what they should, and waiting in general.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Finished, Running, Tidegate};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done`; panics with `what` after a while.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As [`wait_until`], and panics with what the program said if it ends meanwhile.
pub fn wait_while_running(running: &mut Running, what: &str, mut done: impl FnMut() -> bool) {
    wait_until(what, || {
        let is_done = done();
        assert!(is_done || running.is_running(), "{what}: it ended by itself: {}", running.stderr());
        is_done
    });
}

/// A number out of an embedded table; 0 while there is none.
pub fn number(data: &Path, table: &str, expression: &str) -> i64 {
    let path = data.join("tables").join(format!("{table}.db"));
    let query = || {
        let db = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.query_row(&format!("SELECT {expression} FROM \"{table}\""), [], |r| r.get::<_, Option<i64>>(0))
    };
    query().ok().flatten().unwrap_or(0)
}

/// Runs a job until `done`, stops it with SIGTERM and gives what it said.
pub fn run_until(job: Tidegate, what: &str, done: impl FnMut() -> bool) -> Finished {
    let mut running = job.start();
    wait_while_running(&mut running, what, done);
    running.terminate();
    running.wait(PATIENCE).ok()
}

/// Copies a directory as `cp -r` does.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// Removes an embedded table with everything SQLite keeps beside it.
pub fn delete_table(data: &Path, table: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join("tables").join(format!("{table}.db{suffix}")));
    }
}

/// A job file in a directory.
pub fn job_file(dir: &Path, name: &str, sql: &str) -> PathBuf {
    let path = dir.join(format!("{name}.sql"));
    std::fs::write(&path, sql).expect("a job file");
    path
}
