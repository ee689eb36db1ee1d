//! `tidegate query "SELECT …"`: a bounded read, printed.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tidegate_core::registry::Opener;
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::{Error, Result, SystemClock};
use tidegate_local::embedded::Embedded;
use tidegate_sql::{PlanOptions, plan_query};

use crate::args::QueryArgs;
use crate::kafka;
use crate::planning::Planning;
use crate::project::Project;
use crate::report;
use crate::rows::Rows;
use crate::topics::Place;

/// Runs the query and prints its rows. Gives the exit code.
///
/// # Errors
/// A query that is not understood or tables that cannot be read.
pub async fn query(args: &QueryArgs, out: &mut impl Write) -> Result<u8> {
    let registry = crate::registry::all();
    let planning = Planning { registry: registry.clone(), set: Vec::new(), var: args.var.clone() };
    let opener: Arc<dyn Opener> = match &args.target.embedded {
        Some(dir) => Arc::new(Embedded::new(dir, registry)),
        None => Arc::new(registry),
    };
    let rows = match &args.tables {
        Some(path) => from_project(path, args, &planning, &opener).await?,
        None => {
            let script = match (&args.target.embedded, &args.target.bootstrap) {
                (Some(dir), _) => Embedded::declare_all(dir)?,
                (None, Some(_)) => match args.target.place("query")? {
                    Place::Kafka(properties) => kafka::declare_all(&properties).await?,
                    Place::Embedded(dir) => Embedded::declare_all(dir)?,
                },
                (None, None) => String::new(),
            };
            let project = Project::empty();
            rows_of(&script, &args.sql, &planning.options(&project, "query"), &opener).await?
        }
    };
    rows.print(args.format, out)?;
    Ok(0)
}

/// The jobs of a project are tried in turn: the first whose tables the query understands answers it.
async fn from_project(path: &Path, args: &QueryArgs, planning: &Planning, opener: &Arc<dyn Opener>) -> Result<Rows> {
    let project = Project::read(path, None)?;
    let mut first = None;
    for job in &project.jobs {
        match rows_of(&job.text, &args.sql, &planning.options(&project, &job.label), opener).await {
            Ok(rows) => return Ok(rows),
            Err(e) => {
                first.get_or_insert(e);
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::user("the project has no jobs")))
}

/// The rows of a SELECT over the tables of a script.
///
/// # Errors
/// A query that is not understood or tables that cannot be read.
pub async fn rows_of(script: &str, sql: &str, options: &PlanOptions<'_>, opener: &Arc<dyn Opener>) -> Result<Rows> {
    let planned = plan_query(script, sql, options).map_err(|all| match all.as_slice() {
        [one] => one.clone(),
        many => Error::user(many.iter().map(|e| report::error("query", sql, e)).collect::<String>()),
    })?;
    let zone = planned.plan.settings.zone.clone();
    let (columns, batches) = tidegate_runtime::job::query(
        Arc::new(planned.plan),
        opener.clone(),
        Arc::new(SystemClock),
        Some(StartMode::Earliest),
        Some(Bound::Latest),
    )
    .await?;
    Ok(Rows::new(columns, batches, &zone))
}
