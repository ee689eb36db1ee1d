//! Offsets of a consumer group: told after each applied epoch, so that consumer lag shows where people
//! look for it, and asked for by the start mode "group offsets". The job's own positions are in its
//! state directory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidegate_core::{Domain, Error, Result};

use crate::client::{Connection, Settings};
use crate::native::coordinator::Asker;
use crate::native::groups;

/// How long a group that the broker refuses is left alone.
const QUIET: Duration = Duration::from_secs(60);

/// One group.
pub(super) struct Group {
    name: String,
    refused: Mutex<Option<Instant>>,
    reader: Asker,
}

impl Group {
    pub(super) fn new(settings: Arc<Settings>, name: String) -> Group {
        let group = name.clone();
        let reader = Asker::new(move || settings.committed_reader(Some(&group)));
        Group { name, refused: Mutex::default(), reader }
    }

    /// The next offset of a partition, if the group has one. Blocks.
    pub(super) fn offset(&self, c: &Connection, topic: &str, partition: i32) -> Result<Option<i64>> {
        groups::offset(&self.reader, &self.name, (topic, partition), c.settings.patience)
    }

    /// Sets next offsets. Blocks until the broker has them. A broker that refuses is not asked again
    /// for a while: nothing depends on it.
    pub(super) fn tell(&self, c: &Connection, offsets: &[(String, i32, i64)]) -> Result<()> {
        if self.refused.lock().is_some_and(|at| at.elapsed() < QUIET) {
            return Ok(());
        }
        let result = c.tell_group(&self.name, offsets);
        let refuses = |e: &&Error| e.domain() == Domain::User;
        *self.refused.lock() = result.as_ref().err().filter(refuses).map(|_| Instant::now());
        result
    }
}
