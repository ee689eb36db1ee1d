//! CPU time of the broker's process, where it runs on this machine.

use std::fs;

use crate::measure::{OWN, cpu_of};

/// The broker's process.
pub struct Broker {
    pid: Option<String>,
}

impl Broker {
    /// By its number, or by who listens on the first of the ports; a broker elsewhere has no CPU time here.
    pub fn find(pid: Option<u32>, bootstrap: &str) -> Broker {
        let port = || bootstrap.split(',').next()?.rsplit_once(':')?.1.parse().ok();
        let pid = pid.map(|p| p.to_string()).or_else(|| port().and_then(listener).and_then(|inode| owner(&inode)));
        if pid.is_none() {
            eprintln!("no process of this machine listens on {bootstrap}: the broker's CPU time is not shown");
        }
        Broker { pid }
    }

    /// CPU seconds so far.
    pub fn cpu(&self) -> Option<f64> {
        cpu_of(self.pid.as_deref()?, OWN)
    }

    /// What `run` returns, and the CPU seconds of the broker while it ran.
    pub fn during<T>(&self, run: impl FnOnce() -> T) -> (T, Option<f64>) {
        let before = self.cpu();
        let done = run();
        let used = self.cpu().zip(before).map(|(after, before)| after - before);
        (done, used)
    }
}

/// The inode of the socket that listens on a port: lines of `slot local:port remote:port state … inode`.
fn listener(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let port = format!("{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        text.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let here = fields.get(1)?.rsplit_once(':')?.1 == port && *fields.get(3)? == LISTEN;
            here.then(|| (*fields.get(9)?).to_owned().into()).flatten()
        })
    })
}

/// The process that has the socket open.
fn owner(inode: &str) -> Option<String> {
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.map(|p| p.file_name().to_string_lossy().into_owned()).find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        pid.bytes().all(|b| b.is_ascii_digit())
            && open.map(|fd| fs::read_link(fd.path())).any(|to| to.is_ok_and(|to| to.to_string_lossy() == socket))
    })
}
