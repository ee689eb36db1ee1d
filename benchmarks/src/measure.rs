//! CPU time, memory and wall time of a child process, and CPU time of this thread, from /proc.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tidegate_core::{Error, Result};

/// What a run cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// User and system CPU seconds.
    pub cpu: f64,
    /// Wall seconds.
    pub wall: f64,
    /// Largest resident set in MiB.
    pub peak_mib: f64,
}

/// Nanoseconds this thread has been on a CPU.
pub fn thread_cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// Runs a command to its end and says what it cost.
///
/// # Errors
/// Where it cannot be started or fails; its last lines are in the message.
pub fn run(command: &mut Command) -> Result<Cost> {
    let before = children_cpu();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Error::user(format!("cannot start {command:?}: {e}")))?;
    let peak = watch(&mut child);
    let output = child.wait_with_output()?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = text.lines().rev().take(8).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        return Err(Error::internal(format!("{command:?} ended with {}:\n{}", output.status, tail.join("\n"))));
    }
    Ok(Cost { cpu: children_cpu() - before, wall, peak_mib: peak })
}

/// Polls VmHWM until the process ends; the kernel keeps the peak, so polling misses only the last
/// moment.
fn watch(child: &mut Child) -> f64 {
    let mut peak = 0.0_f64;
    while let Ok(None) = child.try_wait() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:"))
            .and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

/// CPU seconds of all children that have been waited for: fields 16 and 17 of /proc/self/stat, in
/// hundredths of a second.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |x| x.1);
    let ticks: f64 = after.split(' ').skip(13).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    ticks / 100.0
}
