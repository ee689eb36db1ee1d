//! CPU time, memory and wall time of a child process, and CPU time of this thread, from /proc.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
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
    run_and_read(command).map(|(cost, _)| cost)
}

/// The same, and what it wrote to standard output.
///
/// # Errors
/// As for [`run`].
pub fn run_and_read(command: &mut Command) -> Result<(Cost, String)> {
    let before = cpu_of("self", CHILDREN).unwrap_or(0.0);
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Error::user(format!("cannot start {command:?}: {e}")))?;
    let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let peak = watch(&mut child);
    let status = child.wait()?;
    let wall = start.elapsed().as_secs_f64();
    let cpu = cpu_of("self", CHILDREN).unwrap_or(0.0) - before;
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if !status.success() {
        return Err(Error::internal(format!("{command:?} ended with {status}:\n{}", last_lines(&err))));
    }
    Ok((Cost { cpu, wall, peak_mib: peak }, out))
}

/// Reads a pipe to its end beside everything else, so that a talkative child is never held up.
pub fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The end of what a program said.
pub fn last_lines(text: &str) -> String {
    let tail: Vec<&str> = text.lines().rev().take(8).collect();
    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
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

/// Place of user CPU time among the fields of /proc/PID/stat, counted from the third; system time follows.
pub const OWN: usize = 11;
/// The same of all children that have been waited for.
const CHILDREN: usize = 13;

/// CPU seconds of a process, user and system; the kernel counts hundredths.
pub fn cpu_of(pid: &str, whose: usize) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(") ")?;
    let ticks: f64 = after.split(' ').skip(whose).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    Some(ticks / 100.0)
}
