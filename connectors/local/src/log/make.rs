//! Making the files of a topic: beside the others first, then under its name in one step.

use std::fs;
use std::path::Path;

use tidegate_core::clock::{Clock, SystemClock};
use tidegate_core::{Error, Result, ResultExt};

use super::topic::{COMMITS, Commit, META, Meta, PartitionEnd, topic_dir};
use crate::files::{make_dir, random_id, sync_dir};
use crate::journal::Journal;

/// Makes the files of a topic; `false` where someone else was faster.
pub(super) fn make_topic(root: &Path, topic: &str, partitions: u32) -> Result<bool> {
    if partitions == 0 || partitions > 10_000 {
        return Err(Error::user(format!("a topic has 1 to 10000 partitions, not {partitions}")));
    }
    let logs = root.join("logs");
    let making = logs.join(format!(".new-{}", random_id()?));
    make_dir(&making)?;
    let meta = Meta { id: random_id()?, partitions, created_ms: SystemClock.now_millis() };
    let text = serde_json::to_vec_pretty(&meta).map_err(|e| Error::internal(e.to_string()))?;
    let file = making.join(META);
    fs::write(&file, text).and_then(|()| fs::File::open(&file)?.sync_all()).context(|| file.display().to_string())?;
    let end = PartitionEnd { segment: 0, size: 0, next: 0, first: 0 };
    let commit = Commit { partitions: vec![end; partitions as usize], fences: Vec::new() };
    Journal::create(&making, COMMITS, &commit)?;
    match fs::rename(&making, topic_dir(root, topic)) {
        Ok(()) => sync_dir(&logs).map(|()| true),
        Err(e) => {
            fs::remove_dir_all(&making)?;
            if topic_dir(root, topic).join(META).exists() { Ok(false) } else { Err(e.into()) }
        }
    }
}
