//! The jobs that are measured, and the program that runs them.

use std::path::{Path, PathBuf};

use tidegate_core::{Error, Result};

use crate::data::Workload;
use crate::measure::Cost;

/// Of all generated data.
pub const SEED: u64 = 7;

/// A job and what it reads.
pub struct Job {
    /// What it is called on the command line and in the report.
    pub name: &'static str,
    /// The SQL, below `jobs/`.
    pub file: &'static str,
    /// What its messages look like.
    pub workload: Workload,
    /// The topic it reads.
    pub topic: &'static str,
    /// Rows per CPU-second that are wanted from local logs.
    pub target: f64,
}

/// In the order of the report.
pub static JOBS: [Job; 6] = [
    Job { name: "a", file: "a.sql", workload: Workload::Answer, topic: "answer", target: 1.6e6 },
    Job { name: "b1-nested", file: "b1_nested.sql", workload: Workload::Operation, topic: "operation", target: 1.5e6 },
    Job { name: "b1-row", file: "b1_row.sql", workload: Workload::Operation, topic: "operation", target: 1.5e6 },
    Job { name: "b3", file: "b3.sql", workload: Workload::Event, topic: "event", target: 1.5e6 },
    Job { name: "b5", file: "b5.sql", workload: Workload::Quality, topic: "quality", target: 1.5e6 },
    Job { name: "b7", file: "b7.sql", workload: Workload::Order, topic: "order", target: 0.8e6 },
];

/// Those that were asked for; all, if none were.
///
/// # Errors
/// A name that no job has.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Job>> {
    if let Some(name) = names.iter().find(|n| JOBS.iter().all(|j| j.name != n.as_str())) {
        let known: Vec<&str> = JOBS.iter().map(|j| j.name).collect();
        return Err(Error::user(format!("there is no job '{name}'")).help(known.join(", ")));
    }
    Ok(JOBS.iter().filter(|j| names.is_empty() || names.iter().any(|n| n == j.name)).collect())
}

/// Where the jobs' SQL is.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs")
}

/// The program that is measured, and how it is run: arguments of every benchmark.
#[derive(clap::Args)]
pub struct Program {
    /// Worker tasks
    #[arg(long, default_value_t = 2)]
    pub tasks: u32,
    /// Where data and state are kept
    #[arg(long, default_value = "target/bench-data")]
    pub data: PathBuf,
    /// The tidegate binary; default: beside this one
    #[arg(long)]
    tidegate: Option<PathBuf>,
}

impl Program {
    /// Where the binary is.
    ///
    /// # Errors
    /// There is none.
    pub fn path(&self) -> Result<PathBuf> {
        let path = match &self.tidegate {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("tidegate"),
        };
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::user(format!("{} is missing", path.display())).help("cargo build --release -p tidegate"))
    }
}

/// Removes a directory that may be there.
///
/// # Errors
/// It cannot be removed.
pub fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// The run of median CPU time; the first of an empty list does not exist, so there must be one.
///
/// # Errors
/// No runs.
pub fn median(mut costs: Vec<Cost>) -> Result<Cost> {
    costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    costs.get(costs.len() / 2).copied().ok_or_else(|| Error::internal("nothing was measured"))
}
