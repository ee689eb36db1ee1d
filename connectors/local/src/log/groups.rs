//! What consumer groups have applied: `groups/<group>/<topic>.json`. For information and for
//! starting at "group offsets"; a job's own positions are in its state directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_core::{Error, Result, ResultExt};

use super::topic::Log;
use crate::files::{file_name, make_dir, random_id};

/// The consumer groups of an embedded directory.
#[derive(Debug, Clone)]
pub struct Groups {
    dir: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Committed {
    topic_id: String,
    offsets: BTreeMap<u32, i64>,
}

impl Groups {
    /// The groups below an embedded directory.
    pub fn new(root: &Path) -> Groups {
        Groups { dir: root.join("groups") }
    }

    /// The next offset of a group in a partition; `None` where it has none, or where the topic was
    /// made anew since.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn offset(&self, group: &str, log: &Log, partition: u32) -> Result<Option<i64>> {
        Ok(self.read(group, log)?.offsets.get(&partition).copied())
    }

    /// Sets next offsets of a group.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn commit(&self, group: &str, log: &Log, offsets: &[(u32, i64)]) -> Result<()> {
        let mut committed = self.read(group, log)?;
        committed.topic_id = log.id().to_owned();
        committed.offsets.extend(offsets.iter().copied());
        let path = self.path(group, log);
        let text = serde_json::to_vec(&committed).map_err(|e| Error::internal(e.to_string()))?;
        make_dir(path.parent().unwrap_or(&self.dir))?;
        let new = path.with_extension(format!("new-{}", random_id()?));
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).context(|| format!("group {group}"))
    }

    fn path(&self, group: &str, log: &Log) -> PathBuf {
        self.dir.join(file_name(group)).join(format!("{}.json", file_name(log.name())))
    }

    fn read(&self, group: &str, log: &Log) -> Result<Committed> {
        let path = self.path(group, log);
        let bytes = match fs::read(&path) {
            Ok(b) => b,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Committed::default()),
            Err(e) => return Err(Error::from(e).context(format!("group {group}"))),
        };
        let committed: Committed = serde_json::from_slice(&bytes)
            .map_err(|e| Error::user(format!("{}: {e}", path.display())).help("delete the file to forget the group"))?;
        Ok(if committed.topic_id == log.id() { committed } else { Committed::default() })
    }
}
