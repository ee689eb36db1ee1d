//! From files to plans: what check, explain, run and query share.

use std::collections::BTreeMap;

use tidegate_core::registry::Registry;
use tidegate_core::{Domain, Error};
use tidegate_plan::Plan;
use tidegate_sql::{PlanOptions, check_script, plan_script};

use crate::project::{JobFile, Project};
use crate::report;

/// A job with its plan.
pub struct PlannedJob {
    /// The file.
    pub file: JobFile,
    /// `pipeline.name`, or the file's name.
    pub name: String,
    /// The plan.
    pub plan: Plan,
}

/// How to plan all files of a run.
pub struct Planning {
    /// The connectors.
    pub registry: Registry,
    /// `--set`.
    pub set: Vec<(String, String)>,
    /// `--var`; over the project's own.
    pub var: Vec<(String, String)>,
}

/// What is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Jobs that run: a file without an INSERT is an error.
    Run,
    /// A look at the files: declarations alone are fine.
    Check,
}

/// What went wrong, already printed in full.
pub struct Broken {
    /// How many errors there were.
    pub errors: usize,
    /// The exit code.
    pub code: u8,
}

impl Planning {
    /// Options for one file.
    pub fn options<'a>(&'a self, project: &Project, file: &str) -> PlanOptions<'a> {
        let mut variables: BTreeMap<String, String> = project.variables.clone();
        variables.extend(self.var.iter().cloned());
        PlanOptions {
            variables,
            settings: project.settings.iter().chain(&self.set).cloned().collect(),
            file_name: file.to_owned(),
            ..PlanOptions::new(&self.registry)
        }
    }

    /// Plans every job; prints every error and warning of every file to standard error.
    ///
    /// # Errors
    /// Where any file has an error.
    pub fn plan(&self, project: &Project, purpose: Purpose) -> Result<Vec<PlannedJob>, Broken> {
        let mut jobs: Vec<PlannedJob> = Vec::new();
        let mut errors: Vec<Error> = Vec::new();
        for file in &project.jobs {
            let options = self.options(project, &file.label);
            let planned = match purpose {
                Purpose::Run => plan_script(&file.text, &options).map(Some),
                Purpose::Check => check_script(&file.text, &options),
            };
            match planned {
                Ok(None) => {}
                Ok(Some(planned)) => {
                    for w in &planned.plan.warnings {
                        eprint!("{}", report::warning(&file.label, &file.text, w));
                    }
                    let name = planned.plan.settings.job_name.clone().unwrap_or_else(|| file.default_name.clone());
                    jobs.push(PlannedJob { file: file.clone(), name, plan: planned.plan });
                }
                Err(all) => {
                    for e in &all {
                        eprint!("{}", report::error(&file.label, &file.text, e));
                    }
                    errors.extend(all);
                }
            }
        }
        for (i, job) in jobs.iter().enumerate() {
            if let Some(twin) = jobs[..i].iter().find(|j| j.name == job.name) {
                let e = Error::user(format!(
                    "jobs {} and {} are both called '{}'",
                    twin.file.label, job.file.label, job.name
                ))
                .help("SET 'pipeline.name' = '…' in one of them");
                eprint!("{}", report::error(&job.file.label, "", &e));
                errors.push(e);
            }
        }
        if errors.is_empty() {
            return Ok(jobs);
        }
        let code =
            if errors.iter().all(|e| e.domain() == Domain::User) { crate::exit::USER } else { crate::exit::INTERNAL };
        Err(Broken { errors: errors.len(), code })
    }
}
