//! The jobs with Kafka at both ends, exactly once, beside two loops that only consume or copy, and
//! beside Flink.

mod batches;
mod broker;
mod cluster;
mod flink;
pub mod floors;
pub mod latency;
mod table;
mod workloads;

use std::path::PathBuf;
use std::process::Command;

use tidegate_core::{Error, Result};

use self::broker::Broker;
use self::cluster::{Cluster, Volume};
use self::flink::Flink;
use self::workloads::Workload;
use crate::jobs::{self, Job, median};
use crate::measure::{self, Cost};

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// A broker that is running: HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// Messages a job
    #[arg(long, default_value_t = 2_000_000)]
    rows: u64,
    /// Jobs to run, by name; default all
    #[arg(long, value_delimiter = ',')]
    jobs: Vec<String>,
    /// Runs of each job and floor; medians are reported
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    #[command(flatten)]
    program: jobs::Program,
    /// The broker's process; default: who listens on the port
    #[arg(long)]
    broker_pid: Option<u32>,
    /// A directory with flink.sh and Flink's jobs; without it Flink is left out
    #[arg(long)]
    flink: Option<PathBuf>,
    /// Messages a job for Flink, a fifteenth of them for its slowest forms; default: as many as for
    /// Tidegate, since what an aggregate costs depends on how many keys it has met
    #[arg(long)]
    flink_rows: Option<u64>,
    /// Repetitions in one warm JVM; the best is reported
    #[arg(long, default_value_t = 5)]
    flink_repeat: u32,
}

/// Medians of one program's runs.
#[derive(Debug, Clone, Copy)]
struct Median {
    /// Rows per CPU-second, a run over one message taken off.
    speed: f64,
    /// Rows per second of wall time.
    wall_speed: f64,
    peak_mib: f64,
    /// The broker's CPU seconds for a million messages, those of a run over one taken off.
    broker: Option<f64>,
}

/// One line of the report.
struct Line {
    workload: &'static Workload,
    own: Median,
    /// Wall seconds of a whole run over one message.
    one_row: f64,
    decode: Median,
    copy: Median,
    published: Option<flink::Best>,
    tuned: Option<flink::Best>,
}

/// Measures and prints the table.
///
/// # Errors
/// A run that fails.
pub fn report(args: &Args) -> Result<()> {
    let bench = Bench {
        tidegate: args.program.path()?,
        cluster: Cluster::connect(&args.bootstrap)?,
        broker: Broker::find(args.broker_pid, &args.bootstrap),
        args,
    };
    let mut lines = Vec::new();
    for job in jobs::chosen(&args.jobs)? {
        lines.push(bench.measure(job)?);
        eprintln!("{}: done", job.name);
    }
    #[allow(clippy::print_stdout, reason = "the report is what the program is for")]
    {
        println!("{} messages a job, {} tasks, medians of {}", args.rows, args.program.tasks, args.repeat);
        println!("{}", table::of(&lines));
    }
    Ok(())
}

struct Bench<'a> {
    args: &'a Args,
    tidegate: PathBuf,
    cluster: Cluster,
    broker: Broker,
}

/// A run, and the broker's CPU seconds while it lasted.
type Run = (Cost, Option<f64>);

impl Bench<'_> {
    fn measure(&self, job: &Job) -> Result<Line> {
        let workload = workloads::of(job.name)?;
        let (all, one) = (self.cluster.input(job, self.args.rows)?, self.cluster.input(job, 1)?);
        let (mut own, mut decode, mut copy) = (Runs::default(), Runs::default(), Runs::default());
        let mut written = None;
        // In turns, so that a machine that gets slower or faster changes all of them alike.
        for n in 0..self.args.repeat.max(1) {
            own.idle.push(self.run(workload, &one, 1, n)?.0);
            let (run, volume) = self.run(workload, &all, self.args.rows, n)?;
            own.full.push(run);
            check(workload, written, volume)?;
            written = Some(volume);
            decode.idle.push(self.decode_floor(job, &one, 1)?);
            decode.full.push(self.decode_floor(job, &all, self.args.rows)?);
            copy.idle.push(self.copy_floor(job, &one, 1, average(volume), n)?);
            copy.full.push(self.copy_floor(job, &all, self.args.rows, volume, n)?);
        }
        let flink = self.args.flink.as_ref().map(|dir| Flink {
            dir,
            rows: self.args.flink_rows.unwrap_or(self.args.rows),
            repetitions: self.args.flink_repeat,
            cluster: &self.cluster,
            broker: &self.broker,
        });
        let beside = |form| flink.as_ref().map(|f| f.best(job, workload.outputs, form)).transpose();
        Ok(Line {
            workload,
            one_row: median(own.idle.iter().map(|r| r.0).collect())?.wall,
            own: own.median(self.args.rows)?,
            decode: decode.median(self.args.rows)?,
            copy: copy.median(self.args.rows)?,
            published: beside(&workload.published)?,
            tuned: beside(&workload.tuned)?,
        })
    }

    /// One run of a job with new state into new topics, and what it wrote.
    fn run(&self, workload: &Workload, topic: &str, rows: u64, n: usize) -> Result<(Run, Volume)> {
        let id = format!("bench-{}-{}-{n}-{rows}", std::process::id(), workload.name);
        let outputs: Vec<String> = workload.outputs.iter().map(|o| format!("{id}{o}")).collect();
        let state = self.args.program.data.join(&id);
        jobs::remove(&state)?;
        self.cluster.create(&outputs)?;
        let mut command = Command::new(&self.tidegate);
        command
            .arg("run")
            .arg(jobs::directory().join(workload.file))
            .arg("--state")
            .arg(&state)
            .args(["--until", "latest", "--from", "earliest", "--plain"])
            .args(["--tasks", &self.args.program.tasks.to_string()])
            .args(["--set", &format!("pipeline.name={id}")])
            .args(["--var", &format!("in={topic}"), "--var", &format!("out={id}")])
            .args(["--var", &format!("brokers={}", self.cluster.bootstrap)]);
        if let Some(sink) = workload.sink {
            let sink = sink.replace("{out}", &id).replace("{brokers}", &self.cluster.bootstrap);
            command.args(["--var", &format!("sink={sink}")]);
        }
        let (cost, broker) = self.broker.during(|| measure::run(&mut command));
        jobs::remove(&state)?;
        let cost = cost?;
        let volume = self.cluster.volume(&outputs)?;
        self.cluster.delete_of(&id)?;
        Ok(((cost, broker), volume))
    }

    fn decode_floor(&self, job: &Job, topic: &str, rows: u64) -> Result<Run> {
        self.floor(&["decode", job.name, &self.cluster.bootstrap, topic, "--rows", &rows.to_string()])
    }

    fn copy_floor(&self, job: &Job, topic: &str, rows: u64, volume: Volume, n: usize) -> Result<Run> {
        // Never the same name twice: a broker may still answer for the topic that was deleted.
        let out = format!("bench-{}-{}-{n}-copy-{rows}", std::process::id(), job.name);
        self.cluster.create(std::slice::from_ref(&out))?;
        let run = self.floor(&[
            "copy",
            job.name,
            &self.cluster.bootstrap,
            topic,
            "--out",
            &out,
            "--rows",
            &rows.to_string(),
            "--messages",
            &volume.messages.to_string(),
            "--key-bytes",
            &volume.key_bytes.to_string(),
            "--value-bytes",
            &volume.value_bytes.to_string(),
        ])?;
        let made = self.cluster.volume(std::slice::from_ref(&out))?;
        self.cluster.delete_of(&out)?;
        if made == volume { Ok(run) } else { Err(Error::internal(format!("the copy is {made:?}, not {volume:?}"))) }
    }

    fn floor(&self, args: &[&str]) -> Result<Run> {
        let program = std::env::current_exe()?;
        let (cost, broker) = self.broker.during(|| measure::run(Command::new(program).arg("kafka-floor").args(args)));
        Ok((cost?, broker))
    }
}

/// An output that is there, and the same in every run where it is bound to be.
fn check(workload: &Workload, before: Option<Volume>, now: Volume) -> Result<()> {
    if now.messages == 0 {
        return Err(Error::internal(format!("{}: nothing was written", workload.name)));
    }
    match before {
        Some(before) if workload.same_output && before != now => {
            Err(Error::internal(format!("{}: one run wrote {before:?}, the next {now:?}", workload.name)))
        }
        _ => Ok(()),
    }
}

/// One message of average size.
fn average(all: Volume) -> Volume {
    let messages = all.messages.max(1);
    Volume { messages: 1, key_bytes: all.key_bytes / messages, value_bytes: all.value_bytes / messages }
}

/// Runs over one message, and over all.
#[derive(Default)]
struct Runs {
    idle: Vec<Run>,
    full: Vec<Run>,
}

impl Runs {
    fn median(&self, rows: u64) -> Result<Median> {
        let costs = |runs: &[Run]| median(runs.iter().map(|r| r.0).collect());
        let (idle, full) = (costs(&self.idle)?, costs(&self.full)?);
        let broker = |runs: &[Run]| {
            let mut seconds: Vec<f64> = runs.iter().filter_map(|r| r.1).collect();
            seconds.sort_by(f64::total_cmp);
            seconds.get(seconds.len() / 2).copied()
        };
        let rows = rows as f64;
        Ok(Median {
            // Start-up and planning are not rows; nor are they for any peer.
            speed: rows / (full.cpu - idle.cpu).max(0.01),
            wall_speed: rows / full.wall,
            peak_mib: full.peak_mib,
            broker: broker(&self.full).zip(broker(&self.idle)).map(|(full, idle)| (full - idle) / rows * 1e6),
        })
    }
}
