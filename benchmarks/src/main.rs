//! What Tidegate's jobs cost beside floors and beside peers.
//!
//! - `tidegate-bench`: from local logs into a black hole.
//! - `tidegate-bench kafka`: Kafka at both ends, exactly once.
//! - `tidegate-bench kafka-latency`: from produce to committed output.

mod data;
mod floor;
mod jobs;
mod kafka;
mod local;
mod measure;

use clap::{Parser, Subcommand};
use tidegate_core::Result;

/// Rows per CPU-second of Tidegate's jobs beside plain decoding of the same bytes.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    mode: Option<Mode>,
    #[command(flatten)]
    local: local::Args,
}

#[derive(Subcommand)]
enum Mode {
    /// The jobs with Kafka at both ends, beside loops that only consume or copy, and beside Flink
    Kafka(kafka::Args),
    /// From produce to committed output at a steady rate
    KafkaLatency(kafka::latency::Args),
    /// A floor, as a process of its own so that it is measured as the jobs are
    #[command(hide = true)]
    KafkaFloor(kafka::floors::Args),
}

fn main() {
    let cli = Cli::parse();
    let done: Result<()> = match &cli.mode {
        None => local::report(&cli.local),
        Some(Mode::Kafka(args)) => kafka::report(args),
        Some(Mode::KafkaLatency(args)) => kafka::latency::report(args),
        Some(Mode::KafkaFloor(args)) => kafka::floors::run(args),
    };
    if let Err(e) = done {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}
