//! How far the committers have come, for people, metrics, sources and back-pressure.

use std::collections::BTreeMap;

use tidegate_core::Error;

/// A snapshot, sent on a watch channel whenever it changes.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The newest epoch that every sink has applied; `None` before epoch 0 has been decided.
    pub applied_epoch: Option<u64>,
    /// Each sink.
    pub sinks: BTreeMap<String, SinkProgress>,
    /// What stopped the committers: the job has to stop too.
    pub failed: Option<Error>,
}

/// One sink, all lanes together.
#[derive(Debug, Clone, Default)]
pub struct SinkProgress {
    /// The newest epoch whose rows have all been applied.
    pub applied_epoch: Option<u64>,
    /// Rows applied in the sink's life.
    pub applied_rows: u64,
    /// Rows decided in the sink's life.
    pub decided_rows: u64,
    /// Rows that are decided and not known to be applied.
    pub waiting_rows: u64,
    /// Rows the target refused and that went to the dead letters or were ignored, since the start.
    pub rejected_rows: u64,
    /// Those of them that were ignored.
    pub ignored_rows: u64,
    /// One of them: where it was to go and what the target said.
    pub first_rejected: Option<String>,
    /// From the newest applied decision to its acknowledgement by the target, ms.
    pub commit_delay_ms: u64,
    /// Why the sink cannot be written at the moment.
    pub absent: Option<String>,
}
