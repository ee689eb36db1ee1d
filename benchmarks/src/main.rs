//! Runs every workload from a local log into a black hole, beside its floor, and prints one table.
//!
//! `cargo run --release -p tidegate-benchmarks -- [--rows N] [--jobs a,b3] [--repeat N] [--tasks N]`

mod data;
mod floor;
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use data::{Workload, generate};
use measure::Cost;
use tidegate_core::{Error, Result};
use tidegate_local::log::{Log, Record};

/// Rows per CPU-second of Tidegate's jobs beside plain decoding of the same bytes.
#[derive(Parser)]
struct Args {
    /// Messages a workload
    #[arg(long, default_value_t = 2_000_000)]
    rows: u64,
    /// Jobs to run, by name; default all
    #[arg(long, value_delimiter = ',')]
    jobs: Vec<String>,
    /// Runs of each job; the median is reported
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Worker tasks
    #[arg(long, default_value_t = 2)]
    tasks: u32,
    /// Where data is made and kept
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
    /// The tidegate binary; default: beside this one
    #[arg(long)]
    tidegate: Option<PathBuf>,
}

struct Job {
    name: &'static str,
    file: &'static str,
    workload: Workload,
    topic: &'static str,
    /// Rows per CPU-second that are wanted.
    target: f64,
}

const JOBS: [Job; 6] = [
    Job { name: "a", file: "a.sql", workload: Workload::Answer, topic: "answer", target: 1.6e6 },
    Job { name: "b1-nested", file: "b1_nested.sql", workload: Workload::Operation, topic: "operation", target: 1.5e6 },
    Job { name: "b1-row", file: "b1_row.sql", workload: Workload::Operation, topic: "operation", target: 1.5e6 },
    Job { name: "b3", file: "b3.sql", workload: Workload::Event, topic: "event", target: 1.5e6 },
    Job { name: "b5", file: "b5.sql", workload: Workload::Quality, topic: "quality", target: 1.5e6 },
    Job { name: "b7", file: "b7.sql", workload: Workload::Order, topic: "order", target: 0.8e6 },
];

const SEED: u64 = 7;

fn main() {
    if let Err(e) = report(&Args::parse()) {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn report(args: &Args) -> Result<()> {
    let tidegate = match &args.tidegate {
        Some(p) => p.clone(),
        None => std::env::current_exe()?.with_file_name("tidegate"),
    };
    if !tidegate.is_file() {
        return Err(Error::user(format!("{} is missing", tidegate.display())).help("cargo build --release -p tidegate"));
    }
    let jobs_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs");
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["job", "rows/CPU-s", "target", "floor", "of floor", "wall s", "rows/s", "peak MiB", "one row s"]);
    for job in JOBS.iter().filter(|j| args.jobs.is_empty() || args.jobs.iter().any(|n| n == j.name)) {
        let all = Topic { dir: args.data.clone(), rows: args.rows };
        let one = Topic { dir: args.data.join("one"), rows: 1 };
        make(&all, job)?;
        make(&one, job)?;
        let floor = floor::floor(job.workload, args.rows.min(500_000), SEED)?;
        let idle = median(args, |n| run(&tidegate, &jobs_dir, args, job, n, &one))?;
        let cost = median(args, |n| run(&tidegate, &jobs_dir, args, job, n, &all))?;
        // A run over one message is taken off, as for every peer: start-up and planning are not rows.
        let speed = args.rows as f64 / (cost.cpu - idle.cpu).max(0.01);
        table.add_row([
            job.name.to_owned(),
            format!("{:.2} M", speed / 1e6),
            format!("{:.1} M", job.target / 1e6),
            format!("{:.2} M", floor / 1e6),
            format!("{:.2}", speed / floor),
            format!("{:.2}", cost.wall),
            format!("{:.2} M", args.rows as f64 / cost.wall / 1e6),
            format!("{:.0}", cost.peak_mib),
            format!("{:.2}", idle.wall),
        ]);
        eprintln!("{}: done", job.name);
    }
    #[allow(clippy::print_stdout, reason = "the report is what the program is for")]
    {
        println!("{} messages a job, {} tasks, median of {}\n{table}", args.rows, args.tasks, args.repeat);
    }
    Ok(())
}

/// Messages on disk.
struct Topic {
    dir: PathBuf,
    rows: u64,
}

/// Puts the workload's messages into the topic, once.
fn make(topic: &Topic, job: &Job) -> Result<()> {
    let mark = topic.dir.join(format!("{}.rows", job.topic));
    if std::fs::read_to_string(&mark).is_ok_and(|rows| rows == topic.rows.to_string()) {
        return Ok(());
    }
    eprintln!("making {} messages for {} …", topic.rows, job.topic);
    std::fs::remove_file(&mark).or_else(absent)?;
    Log::delete(&topic.dir, job.topic)?;
    let log = Log::open_or_create(&topic.dir, job.topic, 2)?;
    let mut batch = Vec::new();
    let mut failed = Ok(());
    let mut flush = |batch: &mut Vec<data::Message>| {
        let records = batch.iter().map(|m| Record {
            partition: Some(m.partition),
            key: m.key.as_deref().map(str::as_bytes),
            value: Some(m.value.as_bytes()),
            headers: None,
            timestamp: Some(data::START_MS),
        });
        if let Err(e) = log.produce(records) {
            failed = Err(e);
        }
        batch.clear();
    };
    generate(job.workload, topic.rows, SEED, |m| {
        batch.push(m);
        if batch.len() == 50_000 {
            flush(&mut batch);
        }
    });
    flush(&mut batch);
    failed?;
    std::fs::write(&mark, topic.rows.to_string())?;
    Ok(())
}

fn run(tidegate: &Path, jobs: &Path, args: &Args, job: &Job, n: usize, topic: &Topic) -> Result<Cost> {
    let state = topic.dir.join(format!("state-{}-{n}", job.name));
    if state.exists() {
        std::fs::remove_dir_all(&state)?;
    }
    let cost = measure::run(
        Command::new(tidegate)
            .arg("run")
            .arg(jobs.join(job.file))
            .arg("--embedded")
            .arg(&topic.dir)
            .arg("--state")
            .arg(&state)
            .args(["--until", "latest", "--plain", "--from", "earliest"])
            .arg("--tasks")
            .arg(args.tasks.to_string()),
    );
    std::fs::remove_dir_all(&state).or_else(absent)?;
    cost
}

/// What is not there need not be removed.
fn absent(e: std::io::Error) -> std::io::Result<()> {
    if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

fn median(args: &Args, mut run: impl FnMut(usize) -> Result<Cost>) -> Result<Cost> {
    let mut costs = (0..args.repeat.max(1)).map(&mut run).collect::<Result<Vec<_>>>()?;
    costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    Ok(costs[costs.len() / 2])
}
