//! Projects: a directory with a `project.toml` that names jobs, layers, variables and results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_core::{Error, Result};

/// A parsed project, or a single SQL file seen as one.
#[derive(Debug, Default)]
pub struct Project {
    /// The jobs, in order of layers.
    pub jobs: Vec<JobFile>,
    /// Variables for `${…}`; the command line's come on top.
    pub variables: BTreeMap<String, String>,
    /// What is printed when a bounded run has ended.
    pub results: Vec<ResultTable>,
    /// Whether it came from a project.toml.
    pub is_project: bool,
    /// A profile's directory for tables; topics are where the jobs say.
    pub embedded_tables: Option<PathBuf>,
    /// A profile's SETs; the command line's come on top.
    pub settings: Vec<(String, String)>,
}

/// One job.
#[derive(Debug, Clone)]
pub struct JobFile {
    /// The file as given, for messages.
    pub label: String,
    /// Its text.
    pub text: String,
    /// The job's name unless the SQL sets one: the file's name without `.sql`.
    pub default_name: String,
}

/// A table printed at the end.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultTable {
    /// A heading.
    pub title: String,
    /// A table one of the jobs writes.
    pub table: String,
    /// `column` or `column DESC`.
    #[serde(default)]
    pub order_by: Vec<String>,
    /// Rows shown.
    #[serde(default = "default_limit")]
    pub limit: usize,
}

fn default_limit() -> usize {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "project")]
    _project: Head,
    #[serde(default)]
    variables: BTreeMap<String, toml::Value>,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
    #[serde(default, rename = "layer")]
    layers: Vec<Layer>,
    #[serde(default, rename = "result")]
    results: Vec<ResultTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// For people; a job's own name is what its state goes by.
    #[serde(rename = "name")]
    _name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// Tables become SQLite files in this directory, unless the command line says where they live.
    embedded_tables: Option<PathBuf>,
    /// SET for every job.
    #[serde(default)]
    settings: BTreeMap<String, toml::Value>,
    #[serde(default)]
    variables: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    /// For people; order comes from what reads what.
    #[serde(rename = "name")]
    _name: String,
    jobs: Vec<String>,
}

impl Project {
    /// Reads a project directory, its `project.toml`, or one SQL file.
    ///
    /// # Errors
    /// Where a file is missing or not understood.
    pub fn read(path: &Path, profile: Option<&str>) -> Result<Project> {
        let manifest = if path.is_dir() { path.join("project.toml") } else { path.to_owned() };
        if path.is_dir() && !manifest.is_file() {
            return Err(Error::user(format!("{} has no project.toml", path.display()))
                .help("name a .sql file, or start a project with: tidegate init DIR"));
        }
        if manifest.extension().is_some_and(|e| e == "toml") {
            Self::read_manifest(&manifest, profile)
        } else {
            Self::single(path)
        }
    }

    /// Nothing: no jobs, no variables.
    pub fn empty() -> Project {
        Project::default()
    }

    fn single(path: &Path) -> Result<Project> {
        let job = JobFile::read(path.display().to_string(), path)?;
        Ok(Project { jobs: vec![job], ..Project::default() })
    }

    fn read_manifest(manifest: &Path, profile: Option<&str>) -> Result<Project> {
        let text = read(manifest)?;
        let file: File = toml::from_str(&text)
            .map_err(|e| Error::user(e.to_string().trim().to_owned()).context(manifest.display().to_string()))?;
        let mut variables = texts(file.variables);
        let (mut embedded_tables, mut settings) = (None, Vec::new());
        if let Some(name) = profile {
            let known: Vec<&str> = file.profile.keys().map(String::as_str).collect();
            let p = file.profile.get(name).ok_or_else(|| {
                Error::user(format!("the project has no profile '{name}'"))
                    .help(format!("its profiles: {}", if known.is_empty() { "none".into() } else { known.join(", ") }))
            })?;
            variables.extend(texts(p.variables.clone()));
            embedded_tables.clone_from(&p.embedded_tables);
            settings.extend(texts(p.settings.clone()));
        }
        let dir = manifest.parent().unwrap_or(Path::new("."));
        let mut jobs: Vec<JobFile> = Vec::new();
        for layer in file.layers {
            for job in layer.jobs {
                let job = JobFile::read(job.clone(), &dir.join(&job))?;
                if jobs.iter().any(|j| j.default_name == job.default_name) {
                    return Err(Error::user(format!("two jobs are called '{}'", job.default_name))
                        .context(manifest.display().to_string())
                        .help("give one of the files another name"));
                }
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return Err(Error::user("the project has no jobs")
                .context(manifest.display().to_string())
                .help("add a [[layer]] with jobs = [\"file.sql\"]"));
        }
        Ok(Project { jobs, variables, results: file.results, is_project: true, embedded_tables, settings })
    }
}

impl JobFile {
    fn read(label: String, path: &Path) -> Result<JobFile> {
        let text = read(path)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let default_name = name.strip_suffix(".sql").unwrap_or(&name).replace(|c: char| !c.is_alphanumeric(), "_");
        Ok(JobFile { label, text, default_name })
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Error::user(format!("cannot read {}: {e}", path.display())))
}

fn texts(values: BTreeMap<String, toml::Value>) -> BTreeMap<String, String> {
    values
        .into_iter()
        .map(|(k, v)| {
            let text = match v {
                toml::Value::String(s) => s,
                other => other.to_string(),
            };
            (k, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_layers_in_order_and_names_mistakes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ods")).unwrap();
        std::fs::write(dir.path().join("ods/a.b.sql"), "SELECT 1").unwrap();
        std::fs::write(
            dir.path().join("project.toml"),
            "[project]\nname='x'\n[variables]\nrows=5\n[[layer]]\nname='ods'\njobs=['ods/a.b.sql']\n",
        )
        .unwrap();
        let p = Project::read(dir.path(), None).unwrap();
        assert_eq!((p.jobs[0].default_name.as_str(), p.variables["rows"].as_str()), ("a_b", "5"));
        assert!(Project::read(dir.path(), Some("none")).unwrap_err().to_string().contains("no profile 'none'"));
        std::fs::write(dir.path().join("project.toml"), "[project]\nname='x'\nfoo=1\n").unwrap();
        assert!(Project::read(dir.path(), None).unwrap_err().to_string().contains("foo"));
    }
}
