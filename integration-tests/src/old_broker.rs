//! A broker from before transactions (Kafka 0.10.2), started by `services/kafka-old.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::broker;

/// Killed and removed when dropped, and when the test's process ends.
#[derive(Debug)]
pub struct OldBroker {
    dir: PathBuf,
    port: u16,
}

impl OldBroker {
    /// Starts one. `None` where its jars cannot be had; that is printed.
    pub fn start() -> Option<OldBroker> {
        let installed = script(&["install"], &[]);
        if !installed.status.success() {
            println!("skipped: no old broker: {}", String::from_utf8_lossy(&installed.stderr).trim());
            return None;
        }
        let dir = broker::run_dir().join(broker::unique("old"));
        let owner = std::process::id().to_string();
        let started = script(&["start", &dir.to_string_lossy()], &[("KAFKA_OWNER", &owner)]);
        let said = String::from_utf8_lossy(&started.stdout).into_owned();
        let port = said.split_whitespace().nth(2).and_then(|port| port.parse().ok());
        match port {
            Some(port) => Some(OldBroker { dir, port }),
            None => panic!("no old broker: {said}{}", String::from_utf8_lossy(&started.stderr)),
        }
    }

    /// Where it listens.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for OldBroker {
    fn drop(&mut self) {
        let _ = script(&["remove", &self.dir.to_string_lossy()], &[]);
    }
}

fn script(args: &[&str], env: &[(&str, &str)]) -> Output {
    let path = crate::root().join("integration-tests/services/kafka-old.sh");
    Command::new(&path)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
