//! Disks that are full, lie, or die.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidegate_integration_tests::kill::{bounded, check, feed};
use tidegate_integration_tests::wide;

/// Runs over a disk on which something goes wrong, then over a sound one.
fn survives(faults: &str, tasks: [&str; 2]) -> Option<i32> {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    feed(data, 0..400);
    let out = bounded(data).env("TIDEGATE_FAULTS", faults).args("--tasks").arg(tasks[0]).run();
    let code = out.status.code();
    assert!(code.is_none() || out.status.success() || code == Some(3), "{faults}: {:?} {}", out.status, out.stderr);
    bounded(data).args("--tasks").arg(tasks[1]).run().ok();
    check(data, 400);
    code
}

/// The machine dies at a step of the state directory, and what was not yet durable may be gone,
/// half there, or garbage.
#[test]
fn a_machine_that_dies_at_any_step() {
    let mut died = 0;
    for step in (1..=40).step_by(3) {
        let code = survives(&format!("crash-at={step},seed={step}"), ["2", "1"]);
        died += i32::from(code.is_none());
    }
    assert!(died >= 5, "only {died} runs reached their fault");
}

#[test]
fn an_fsync_that_fails_stops_the_job_and_nothing_is_lost() {
    let mut stopped = 0;
    for step in [2, 6, 11, 17] {
        let code = survives(&format!("fail-sync-at={step}"), ["1", "2"]);
        stopped += i32::from(code == Some(3));
    }
    assert!(stopped >= 3, "only {stopped} runs were stopped by their fault");
}

#[test]
fn no_room_for_the_log_stops_the_job_and_nothing_is_lost() {
    for bytes in [100, 4000, 9000] {
        let code = survives(&format!("disk-bytes={bytes}"), ["2", "7"]);
        assert_eq!(code, Some(3), "{bytes}");
    }
}

/// A small file system of its own; `None` where this user may not mount one.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(at).output();
        if mounted.is_ok_and(|o| o.status.success()) {
            return Some(Mounted(at));
        }
        println!("skipped: only root can mount a small disk");
        None
    }
    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Log, table and state on a disk that is really full, then has space again.
#[test]
fn a_full_disk_then_space() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let Some(disk) = Mounted::new(&data, "12m") else { return };
    wide::feed(&data, 0..4000, 1000);
    let job = || wide::job(&data, "50 ms", "200kb", "1mb").args("--until latest");
    let mut running = job().start();
    std::thread::sleep(Duration::from_secs(3));
    // Whether it has stopped or is waiting for room depends on what was full first.
    if running.is_running() {
        running.kill();
    } else {
        let said = running.stderr();
        let out = running.wait(Duration::from_secs(1));
        assert_eq!(out.status.code(), Some(3), "{said}");
        assert!(said.contains("No space left") || said.contains("full"), "{said}");
    }
    assert!(wide::in_table(&data) < 4000, "the disk was large enough after all");
    disk.grow("200m");
    job().run().ok();
    wide::check(&data, 4000, 1000);
}

/// Only the state directory is full: the job says so and stops; with space it goes on.
#[test]
fn a_full_state_directory_then_space() {
    let dir = tempfile::tempdir().unwrap();
    let (data, small) = (dir.path(), dir.path().join("small"));
    let Some(disk) = Mounted::new(&small, "256k") else { return };
    wide::feed(data, 0..3000, 500);
    let job = || wide::job(data, "50 ms", "1mb", "64mb").args("--until latest").arg("--state").arg(&small);
    let said = job().run().fails_with(3);
    assert!(said.contains("No space left"), "{said}");
    assert!(said.contains("state directory"), "{said}");
    disk.grow("100m");
    job().run().ok();
    wide::check(data, 3000, 500);
}
