//! Every workload from a local log into a black hole, beside its floor.

use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_core::Result;
use tidegate_local::log::{Log, Record};

use crate::data::{self, generate};
use crate::floor;
use crate::jobs::{self, Job, SEED, median};
use crate::measure::{self, Cost};

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// Messages a workload
    #[arg(long, default_value_t = 2_000_000)]
    rows: u64,
    /// Jobs to run, by name; default all
    #[arg(long, value_delimiter = ',')]
    jobs: Vec<String>,
    /// Runs of each job; the median is reported
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    #[command(flatten)]
    program: jobs::Program,
}

/// Measures and prints the table.
///
/// # Errors
/// A run that fails.
pub fn report(args: &Args) -> Result<()> {
    let tidegate = args.program.path()?;
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["job", "rows/CPU-s", "target", "floor", "of floor", "wall s", "rows/s", "peak MiB", "one row s"]);
    for job in jobs::chosen(&args.jobs)? {
        let all = Topic { dir: args.program.data.clone(), rows: args.rows };
        let one = Topic { dir: args.program.data.join("one"), rows: 1 };
        make(&all, job)?;
        make(&one, job)?;
        let floor = floor::floor(job.workload, args.rows.min(500_000), SEED)?;
        let runs = |topic: &Topic| -> Result<Cost> {
            median((0..args.repeat.max(1)).map(|n| run(&tidegate, args, job, n, topic)).collect::<Result<_>>()?)
        };
        let (idle, cost) = (runs(&one)?, runs(&all)?);
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
        println!("{} messages a job, {} tasks, median of {}\n{table}", args.rows, args.program.tasks, args.repeat);
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
    if mark.exists() {
        std::fs::remove_file(&mark)?;
    }
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

fn run(tidegate: &Path, args: &Args, job: &Job, n: usize, topic: &Topic) -> Result<Cost> {
    let state = topic.dir.join(format!("state-{}-{n}", job.name));
    jobs::remove(&state)?;
    let sink = if job.name == "b1-nested" { "sink=type = 'blackhole'" } else { "sink='connector' = 'blackhole'" };
    let cost = measure::run(
        Command::new(tidegate)
            .arg("run")
            .arg(jobs::directory().join(job.file))
            .arg("--embedded")
            .arg(&topic.dir)
            .arg("--state")
            .arg(&state)
            .args(["--var", &format!("in={}", job.topic), "--var", "brokers=embedded:9092", "--var", sink])
            .args(["--until", "latest", "--plain", "--from", "earliest"])
            .arg("--tasks")
            .arg(args.program.tasks.to_string()),
    );
    jobs::remove(&state)?;
    cost
}
