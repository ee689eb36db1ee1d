//! `tidegate run`: one job, or all jobs of a project in one process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_core::registry::Opener;
use tidegate_core::{Error, Result, SystemClock};
use tidegate_local::embedded::Embedded;
use tidegate_runtime::job::{Job, JobOptions, Summary};
use tidegate_runtime::metrics::{self, Progress};
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::graph::{self, Flow};
use crate::planning::{PlannedJob, Planning, Purpose};
use crate::progress::{self, Screen};
use crate::project::Project;
use crate::{metrics_server, results, signals, when};

/// Runs to the end, or until interrupted. Gives the exit code.
///
/// # Errors
/// Whatever stopped a job.
pub async fn run(args: &RunArgs) -> Result<u8> {
    let project = Project::read(&args.plan.path, args.profile.as_deref())?;
    let registry = crate::registry::all();
    let planning = Planning { registry: registry.clone(), set: args.plan.set.clone(), var: args.plan.var.clone() };
    let jobs = match planning.plan(&project, Purpose::Run) {
        Ok(jobs) => jobs,
        Err(broken) => return Ok(broken.code),
    };
    if let Some(idle) = jobs.iter().find(|j| j.plan.sinks.is_empty()) {
        return Err(Error::user("there is no INSERT to run")
            .context(idle.file.label.clone())
            .help("use tidegate query for a SELECT"));
    }
    let tables = args.target.embedded_tables.clone().or_else(|| project.embedded_tables.clone());
    let opener: Arc<dyn Opener> = match (&args.target.embedded, &tables) {
        (Some(dir), _) => Arc::new(Embedded::new(dir, registry)),
        (None, Some(dir)) => Arc::new(Embedded::tables_only(dir, registry)),
        (None, None) => Arc::new(registry),
    };
    let mut screen = Screen::new(args.plain);
    let running = start(args, &jobs, &project, &opener, &mut screen).await?;
    let handles: Vec<Arc<Job>> = running.iter().map(|r| r.job.clone()).collect();
    if let Some(address) = args.metrics {
        let page = move || handles.iter().map(|j| metrics::render(&j.progress())).collect::<String>();
        metrics_server::serve(address, Arc::new(page)).await?;
    }
    let (finished, stopped) = watch_jobs(running, &mut screen).await?;
    for (progress, _) in &finished {
        screen.message(progress::summary(progress).trim_end());
    }
    if stopped {
        screen.message(&progress::stopped(&finished));
    } else if project.is_project && !project.results.is_empty() {
        results::print(&project, &planning, &jobs, &opener).await?;
    }
    Ok(0)
}

struct Running {
    job: Arc<Job>,
}

async fn start(
    args: &RunArgs,
    jobs: &[PlannedJob],
    project: &Project,
    opener: &Arc<dyn Opener>,
    screen: &mut Screen,
) -> Result<Vec<Running>> {
    let flows: Vec<Flow> = jobs.iter().map(|j| graph::flow(&j.plan)).collect();
    let names: Vec<&str> = jobs.iter().map(|j| j.name.as_str()).collect();
    // Only a bounded run waits for writers; an unbounded one reads whatever appears.
    let upstream = if project.is_project {
        graph::upstream(&names, &flows)?
    } else {
        jobs.iter().map(|_| BTreeMap::new()).collect()
    };
    let ends: Vec<(watch::Sender<bool>, watch::Receiver<bool>)> = jobs.iter().map(|_| watch::channel(false)).collect();
    let mut running = Vec::new();
    for (i, job) in jobs.iter().enumerate() {
        let waits = upstream[i]
            .iter()
            .map(|(resource, writers)| {
                let all: Vec<watch::Receiver<bool>> = writers.iter().map(|w| ends[*w].1.clone()).collect();
                (resource.clone(), all_of(all))
            })
            .collect();
        let options = options(args, project, job, waits)?;
        let handle = Job::start(Arc::new(job.plan.clone()), opener.clone(), options)
            .await
            .map_err(|e| e.context(job.file.label.clone()))?;
        screen.message(&format!("{} started: {}", job.name, describe(job)));
        running.push(Running { job: Arc::new(handle) });
    }
    for (r, (sender, _)) in running.iter().zip(ends) {
        let mut finished = r.job.finished();
        tokio::spawn(async move {
            if finished.wait_for(|done| *done).await.is_ok() {
                sender.send_replace(true);
            }
            // Keeps the channel open: a job that failed never counts as finished.
            sender.closed().await;
        });
    }
    Ok(running)
}

fn describe(job: &PlannedJob) -> String {
    let inserts = job.plan.sinks.len();
    format!("{inserts} target{}, {} dialect", if inserts == 1 { "" } else { "s" }, job.plan.settings.dialect)
}

/// True once all are.
fn all_of(mut parts: Vec<watch::Receiver<bool>>) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        for part in &mut parts {
            if part.wait_for(|done| *done).await.is_err() {
                sender.closed().await;
                return;
            }
        }
        sender.send_replace(true);
        sender.closed().await;
    });
    receiver
}

fn options(
    args: &RunArgs,
    project: &Project,
    job: &PlannedJob,
    upstream: BTreeMap<String, watch::Receiver<bool>>,
) -> Result<JobOptions> {
    let zone = &job.plan.settings.zone;
    let embedded = args.target.embedded.as_ref().or(args.target.embedded_tables.as_ref());
    let state = match (&args.state, embedded.or(project.embedded_tables.as_ref())) {
        (Some(dir), _) => dir.clone(),
        (None, Some(dir)) => dir.join("state"),
        (None, None) => PathBuf::from(".tidegate"),
    };
    Ok(JobOptions {
        tasks: args.tasks,
        from: args.from.as_deref().map(|t| when::start(t, zone)).transpose()?,
        until: args.until.as_deref().map(|t| when::bound(t, zone)).transpose()?,
        fresh_state: args.fresh_state,
        allow_dropped_state: args.allow_dropped_state,
        adopt: args.adopt,
        reset_fence: args.reset_fence,
        drop_pending: args.drop_pending,
        skip_lost: args.skip_lost,
        upstream,
        storage: tidegate_runtime::store::storage_from_env(),
        ..JobOptions::new(&job.name, &state.join(&job.name), Arc::new(SystemClock))
    })
}

/// Shows progress until all jobs have ended; on a signal asks them to stop. A job's failure stops
/// the others, then is the result.
async fn watch_jobs(running: Vec<Running>, screen: &mut Screen) -> Result<(Vec<(Progress, Summary)>, bool)> {
    let handles: Vec<Arc<Job>> = running.iter().map(|r| r.job.clone()).collect();
    let mut waits: tokio::task::JoinSet<(usize, Result<Summary>)> = tokio::task::JoinSet::new();
    for (i, r) in running.into_iter().enumerate() {
        waits.spawn(async move { (i, r.job.wait().await) });
    }
    let mut signals = signals::Signals::listen()?;
    let mut tick = tokio::time::interval(progress::REDRAW);
    let mut done: BTreeMap<usize, Summary> = BTreeMap::new();
    let (mut stopped, mut failure) = (false, None);
    while done.len() < handles.len() {
        tokio::select! {
            _ = tick.tick() => {
                for h in &handles {
                    for text in h.messages() { screen.message(&text); }
                }
                screen.show(handles.iter().map(|h| h.progress()).collect());
            }
            () = signals.next() => {
                if stopped { std::process::exit(i32::from(crate::exit::INTERRUPTED)); }
                stopped = true;
                screen.message("stopping: closing the epoch and committing what was read (again to stop at once)");
                for h in &handles { h.stop(); }
            }
            ended = waits.join_next() => match ended {
                Some(Ok((i, Ok(summary)))) => { done.insert(i, summary); }
                Some(Ok((_, Err(e)))) => { failure.get_or_insert(e); for h in &handles { h.stop(); } if waits.is_empty() { break } }
                Some(Err(panic)) => { failure.get_or_insert(Error::internal(panic.to_string())); break }
                None => break,
            },
        }
    }
    for h in &handles {
        for text in h.messages() {
            screen.message(&text);
        }
    }
    screen.erase();
    match failure {
        Some(e) => Err(e),
        None => Ok((done.into_iter().map(|(i, s)| (handles[i].progress(), s)).collect(), stopped)),
    }
}
