//! The `tidegate` program: the only place that knows all connectors.

mod args;
mod exit;
mod graph;
mod init;
mod kafka;
mod memory;
mod metrics_server;
mod planning;
mod produce;
mod progress;
mod project;
mod query;
mod registry;
mod report;
mod results;
mod rows;
mod run;
mod signals;
mod tail;
mod topics;
mod when;

use std::io::{BufReader, BufWriter, Write};
use std::process::ExitCode;

use args::{Cli, Command, PlanArgs};
use clap::Parser;
use planning::{Planning, Purpose};
use project::Project;
use tidegate_core::{Error, Result};

fn main() -> ExitCode {
    memory::keep_some();
    let cli = Cli::parse();
    log_to_stderr();
    match dispatch(&cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(e) if is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::from(exit::code(&e))
        }
    }
}

fn dispatch(command: &Command) -> Result<u8> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Run(args) => {
            drop(out);
            on_runtime(run::run(args))
        }
        Command::Check(args) => check(args, &mut out),
        Command::Explain(args) => explain(args, &mut out),
        Command::Query(args) => on_runtime(query::query(args, &mut out)),
        Command::Produce(args) => {
            let said = on_runtime(produce::produce(args, BufReader::new(std::io::stdin().lock())))?;
            writeln!(std::io::stderr(), "{said}")?;
            Ok(0)
        }
        Command::Tail(args) => on_runtime(tail::tail(args, &mut out)).map(|()| 0),
        Command::Init(args) => {
            write!(out, "{}", init::init(&args.path)?)?;
            Ok(0)
        }
    }
}

fn check(args: &PlanArgs, out: &mut impl Write) -> Result<u8> {
    let (project, planning) = read(args)?;
    match planning.plan(&project, Purpose::Check) {
        Ok(jobs) => {
            if jobs.is_empty() {
                writeln!(out, "{}: ok, nothing to run", args.path.display())?;
            }
            for job in &jobs {
                let s = &job.plan.settings;
                writeln!(out, "{}: ok ({} dialect: {})", job.file.label, s.dialect, s.dialect_reason)?;
                for t in &job.plan.tables {
                    for note in &t.binding.notes {
                        writeln!(out, "  note: table {}: {note}", t.spec.name)?;
                    }
                }
            }
            out.flush()?;
            Ok(0)
        }
        Err(broken) => {
            writeln!(out, "{} error{}", broken.errors, if broken.errors == 1 { "" } else { "s" })?;
            out.flush()?;
            Ok(broken.code)
        }
    }
}

fn explain(args: &PlanArgs, out: &mut impl Write) -> Result<u8> {
    let (project, planning) = read(args)?;
    match planning.plan(&project, Purpose::Run) {
        Ok(jobs) => {
            for job in &jobs {
                writeln!(out, "== {} ({})\n{}", job.name, job.file.label, tidegate_sql::explain(&job.plan))?;
            }
            out.flush()?;
            Ok(0)
        }
        Err(broken) => Ok(broken.code),
    }
}

fn read(args: &PlanArgs) -> Result<(Project, Planning)> {
    let project = Project::read(&args.path, None)?;
    Ok((project, Planning { registry: registry::all(), set: args.set.clone(), var: args.var.clone() }))
}

/// Runs to the end of `work`. What is still waiting for a server then is not waited for.
fn on_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // Operators run on threads of their own; these two do I/O only.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::external(format!("cannot start: {e}")).fatal())?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(GRACE);
    result
}

/// How long calls that are under way at the end may take.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIDEGATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

/// `tidegate tail t | head` is not an error.
fn is_closed_pipe(e: &Error) -> bool {
    e.message().contains("Broken pipe")
}
