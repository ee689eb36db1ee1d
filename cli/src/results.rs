//! The result tables that a project prints at its end.

use std::io::Write;
use std::sync::Arc;

use tidegate_core::registry::Opener;
use tidegate_core::{Error, Result};
use tidegate_plan::Op;

use crate::planning::{PlannedJob, Planning};
use crate::project::Project;
use crate::query;

/// Reads and prints every result table.
///
/// # Errors
/// Where no job writes such a table, or it cannot be read.
pub async fn print(
    project: &Project,
    planning: &Planning,
    jobs: &[PlannedJob],
    opener: &Arc<dyn Opener>,
) -> Result<()> {
    for result in &project.results {
        let job = writer(jobs, &result.table)
            .ok_or_else(|| Error::user(format!("result '{}': no job writes table '{}'", result.title, result.table)))?;
        let options = planning.options(project, &job.file.label);
        let sql = format!("SELECT * FROM `{}`", result.table);
        let rows = query::rows_of(&job.file.text, &sql, &options, opener).await?;
        let table = rows.table(&result.order_by, result.limit)?;
        writeln!(std::io::stdout(), "\n{}\n{table}", result.title)?;
    }
    Ok(())
}

fn writer<'a>(jobs: &'a [PlannedJob], table: &str) -> Option<&'a PlannedJob> {
    jobs.iter().find(|j| {
        j.plan.sinks.iter().any(|id| match &j.plan.nodes[*id].op {
            Op::Sink(s) => j.plan.tables[s.table].spec.name == table,
            _ => false,
        })
    })
}
