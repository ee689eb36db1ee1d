//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Real-time warehouse SQL, exactly once, in one process.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    about,
    after_help = "Exit codes: 0 done; 1 a bug in Tidegate; 2 something you can mend (SQL, options, data); \
3 a system outside failed; 4 this process was replaced by another on the same job; 130 interrupted twice."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a SQL file, or a project (a directory with a project.toml)
    Run(RunArgs),
    /// Check a SQL file or project without running it
    Check(PlanArgs),
    /// Show the graph, what is shared, what each source decodes, and each INSERT's guarantee
    Explain(PlanArgs),
    /// Read a table once and print it: tidegate query "SELECT …" --embedded DIR
    Query(QueryArgs),
    /// Put lines from standard input into a topic
    Produce(ProduceArgs),
    /// Print a topic's messages, a line each
    Tail(TailArgs),
    /// Write a small project to start from
    Init(InitArgs),
}

/// Where the tables of a job live.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Topics become logs and tables become SQLite files in this directory; no servers are needed
    #[arg(long, value_name = "DIR")]
    pub embedded: Option<PathBuf>,
    /// Only tables become SQLite files in this directory; topics are where the job says
    #[arg(long, value_name = "DIR", conflicts_with = "embedded")]
    pub embedded_tables: Option<PathBuf>,
}

/// Where topics are looked at and filled by hand.
#[derive(Debug, Clone, Args)]
pub struct Topics {
    /// The directory that was given to tidegate run --embedded
    #[arg(long, value_name = "DIR", conflicts_with = "bootstrap")]
    pub embedded: Option<PathBuf>,
    /// Kafka's brokers: --bootstrap 127.0.0.1:9092
    #[arg(long, value_name = "HOST:PORT,…")]
    pub bootstrap: Option<String>,
    /// A property of the Kafka client, by its Java name: --property security.protocol=SASL_SSL
    #[arg(long = "property", value_name = "K=V", value_parser = key_value, requires = "bootstrap")]
    pub properties: Vec<(String, String)>,
}

/// What to plan.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// A SQL file or a project directory
    pub path: PathBuf,
    /// Adds a SET: --set execution.checkpointing.interval=10s
    #[arg(long = "set", value_name = "K=V", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// A value for ${NAME}: --var rows=1000
    #[arg(long = "var", value_name = "K=V", value_parser = key_value)]
    pub var: Vec<(String, String)>,
}

/// Running.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// What to run.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Where tables live.
    #[command(flatten)]
    pub target: Target,
    /// A profile of the project: its variables come on top of the project's own
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Where a new job starts reading: earliest, latest, or a time ('2020-08-27 00:00:00' or ms)
    #[arg(long, value_name = "WHERE")]
    pub from: Option<String>,
    /// Stop there: latest (what is there now), or a time. A project without it ends when its
    /// generators do
    #[arg(long, value_name = "WHERE")]
    pub until: Option<String>,
    /// Where state is kept; default: DIR/state with --embedded, else .tidegate
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Worker tasks; default: one a core
    #[arg(long, value_name = "N")]
    pub tasks: Option<u32>,
    /// Serve Prometheus metrics on this address: --metrics 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<std::net::SocketAddr>,
    /// Start over with empty state under a new run id; rows already written stay
    #[arg(long)]
    pub fresh_state: bool,
    /// Go on although the changed SQL no longer uses some stored state
    #[arg(long)]
    pub allow_dropped_state: bool,
    /// Take over targets whose fence is missing or foreign; rows in doubt may repeat
    #[arg(long)]
    pub adopt: bool,
    /// Write the fences anew; rows in doubt may repeat
    #[arg(long)]
    pub reset_fence: bool,
    /// Where records that were to be read are gone (retention, a topic made anew), go on with the
    /// oldest there is
    #[arg(long)]
    pub skip_lost: bool,
    /// Throw away decided rows of sinks that were removed from the SQL
    #[arg(long)]
    pub drop_pending: bool,
    /// Print log lines instead of live progress
    #[arg(long)]
    pub plain: bool,
}

/// Querying.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    /// The SELECT
    pub sql: String,
    /// Take table definitions from this SQL file or project
    #[arg(long, value_name = "PATH")]
    pub tables: Option<PathBuf>,
    /// Where tables live.
    #[command(flatten)]
    pub target: Topics,
    /// A value for ${NAME}
    #[arg(long = "var", value_name = "K=V", value_parser = key_value)]
    pub var: Vec<(String, String)>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    pub format: Shape,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// A table for people
    Table,
    /// A JSON object a line
    Json,
    /// CSV with a header
    Csv,
}

/// Producing.
#[derive(Debug, Clone, Args)]
pub struct ProduceArgs {
    /// The topic
    pub topic: String,
    /// Where topics live.
    #[command(flatten)]
    pub target: Topics,
    /// Lines are {"k": key, "v": value, "p": partition}; k, v may be null and p may be left out
    #[arg(long)]
    pub envelope: bool,
    /// Make the topic with this many partitions where it is missing (embedded: always made, with 2)
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(u32).range(1..))]
    pub create: Option<u32>,
}

/// Tailing.
#[derive(Debug, Clone, Args)]
pub struct TailArgs {
    /// The topic
    pub topic: String,
    /// Where topics live.
    #[command(flatten)]
    pub target: Topics,
    /// Print {"k":…,"v":…,"p":…} lines instead of bare values
    #[arg(long)]
    pub envelope: bool,
    /// Start here: earliest, latest, or a time
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    pub from: String,
    /// Go on waiting for new messages
    #[arg(long, short)]
    pub follow: bool,
}

/// Starting a project.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The directory to make
    pub path: PathBuf,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((k, v)) if !k.trim().is_empty() => Ok((k.trim().to_owned(), v.to_owned())),
        _ => Err(format!("'{text}' is not of the form name=value")),
    }
}
