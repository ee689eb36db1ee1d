//! The keys of SET that are known, each with its effect.

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, and why.
    None(&'static str),
    /// Chooses the dialect; see [`crate::dialect`].
    Dialect,
    /// The session zone.
    Zone,
    /// The job's name.
    JobName,
    /// The epoch interval.
    Checkpoint,
    /// State time-to-live.
    StateTtl,
    /// Per batch, or per row.
    MiniBatch,
    /// Idle splits.
    IdleTimeout,
    /// Tasks.
    Parallelism,
    /// Bad rows.
    OnError,
    /// The table for bad rows.
    DeadLetter,
    /// The least guarantee.
    Require,
    /// Bytes of an open epoch.
    EpochBytes,
    /// Bytes decided and not applied.
    PendingBytes,
    /// How long applied ranges are kept.
    LogRetention,
    /// Whether missing topics are created.
    CreateTopics,
    /// CAST gives NULL instead of failing.
    LegacyCast,
    /// NULL in a NOT NULL column.
    NotNull,
    /// Change sources repeat themselves.
    CdcDuplicates,
    /// The sink materialiser.
    Materialize,
    /// One of these; only the first is what happens here, and why.
    Only(&'static [&'static str], &'static str),
    /// An option of tables, not of jobs.
    TableOnly,
}

/// A key and its other spellings.
pub struct Key {
    /// All spellings.
    pub names: &'static [&'static str],
    /// What it does.
    pub effect: Effect,
}

const fn key(names: &'static [&'static str], effect: Effect) -> Key {
    Key { names, effect }
}

const MEMORY: &str = "state is kept in memory and written as deltas";
const ONE_PROCESS: &str = "there is one process and no cluster";
const EPOCH: &str = "groups are written once an epoch, since nothing can be seen of them sooner; 'execution.checkpointing.interval' is its length";
const ALWAYS: &str = "the planner does this where it pays";

/// All of them.
pub const KEYS: &[Key] = &[
    key(&["tidegate.dialect"], Effect::Dialect),
    key(&["tidegate.require"], Effect::Require),
    key(&["tidegate.on-error"], Effect::OnError),
    key(&["tidegate.dead-letter"], Effect::DeadLetter),
    key(&["tidegate.epoch-bytes"], Effect::EpochBytes),
    key(&["tidegate.pending-bytes"], Effect::PendingBytes),
    key(&["tidegate.log-retention"], Effect::LogRetention),
    key(&["tidegate.create-topics"], Effect::CreateTopics),
    key(&["tidegate.sink-id"], Effect::TableOnly),
    key(&["pipeline.name", "blink.job.name"], Effect::JobName),
    key(&["table.local-time-zone", "blink.job.timeZone"], Effect::Zone),
    key(
        &[
            "execution.checkpointing.interval",
            "blink.checkpoint.interval.ms",
            "sql.checkpoint.interval",
            "flink.checkpoint.interval",
        ],
        Effect::Checkpoint,
    ),
    key(
        &["execution.checkpointing.mode", "blink.checkpoint.mode", "sql.checkpoint.mode"],
        Effect::Only(&["EXACTLY_ONCE", "AT_LEAST_ONCE"], "an epoch is always decided exactly once"),
    ),
    key(
        &[
            "table.exec.state.ttl",
            "blink.state.ttl.ms",
            "state.backend.niagara.ttl.ms",
            "state.backend.gemini.ttl.ms",
            "state.backend.rocksdb.ttl.ms",
            "sql.ttl.min",
            "sql.ttl.max",
        ],
        Effect::StateTtl,
    ),
    key(&["table.exec.mini-batch.enabled"], Effect::MiniBatch),
    key(
        &["table.exec.mini-batch.allow-latency", "blink.miniBatch.allowLatencyMs", "blink.microBatch.allowLatencyMs"],
        Effect::None(EPOCH),
    ),
    key(&["table.exec.mini-batch.size", "blink.miniBatch.size"], Effect::None("a batch ends by rows, bytes or time")),
    key(&["blink.miniBatch.join.enabled", "sql.exec.mini-batch.window.enabled"], Effect::None(ALWAYS)),
    key(&["table.exec.source.idle-timeout", "sql.exec.source.idle.timeout.ms"], Effect::IdleTimeout),
    key(&["table.exec.source.cdc-events-duplicate"], Effect::CdcDuplicates),
    key(&["table.exec.sink.not-null-enforcer"], Effect::NotNull),
    key(&["table.exec.sink.upsert-materialize"], Effect::Materialize),
    key(
        &["table.exec.sink.type-length-enforcer"],
        Effect::Only(&["IGNORE", "TRIM_PAD", "ERROR"], "texts are written as they are"),
    ),
    key(
        &["table.exec.sink.keyed-shuffle"],
        Effect::Only(&["AUTO", "NONE", "FORCE"], "rows of one key always keep their order"),
    ),
    key(&["table.exec.legacy-cast-behaviour"], Effect::LegacyCast),
    key(
        &["parallelism.default", "table.exec.resource.default-parallelism", "sql.env.parallelism"],
        Effect::Parallelism,
    ),
    key(
        &[
            "table.exec.async-lookup.buffer-capacity",
            "table.exec.async-lookup.output-mode",
            "table.exec.async-lookup.timeout",
        ],
        Effect::None("lookups are asked in batches"),
    ),
    key(&["table.exec.deduplicate.insert-update-after-sensitive-enabled"], Effect::None(ALWAYS)),
    key(&["table.dml-sync"], Effect::None("a run always waits for its job")),
    key(&["table.dynamic-table-options.enabled"], Effect::Only(&["true", "false"], "hints are always read")),
    key(&["pipeline.object-reuse", "blink.object.reuse"], Effect::None("there are no objects to copy")),
    key(&["pipeline.operator-chaining.enabled", "pipeline.operator-chaining"], Effect::None(ALWAYS)),
    key(
        &["pipeline.max-parallelism", "sql.max.env.parallelism"],
        Effect::None("state is not bound to a number of tasks"),
    ),
    key(
        &["execution.runtime-mode"],
        Effect::Only(&["streaming", "batch", "automatic"], "a job is a stream; bound it with --until"),
    ),
    key(
        &[
            "execution.checkpointing.timeout",
            "execution.checkpointing.min-pause",
            "execution.checkpointing.max-concurrent-checkpoints",
            "execution.checkpointing.unaligned",
            "execution.checkpointing.unaligned.enabled",
            "execution.checkpointing.externalized-checkpoint-retention",
            "execution.checkpointing.tolerable-failed-checkpoints",
            "execution.checkpointing.num-retained",
            "blink.checkpoint.timeout.ms",
            "sql.checkpoint.timeout",
        ],
        Effect::None("an epoch is decided by one local write"),
    ),
    key(
        &["execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"],
        Effect::None("the job's state directory is given at the command line"),
    ),
    key(
        &[
            "state.backend",
            "state.backend.type",
            "state.backend.incremental",
            "state.backend.rocksdb.memory.managed",
            "state.checkpoints.dir",
            "state.savepoints.dir",
            "state.checkpoints.num-retained",
        ],
        Effect::None(MEMORY),
    ),
    key(
        &["restart-strategy", "restart-strategy.type"],
        Effect::None("failed steps are tried again; a failed job is started again by its supervisor"),
    ),
    key(
        &["taskmanager.numberOfTaskSlots", "jobmanager.memory.process.size", "taskmanager.memory.process.size"],
        Effect::None(ONE_PROCESS),
    ),
    key(
        &["table.optimizer.agg-phase-strategy", "blink.localAgg.enabled", "blink.partialAgg.enabled"],
        Effect::None(ALWAYS),
    ),
    key(
        &[
            "table.optimizer.distinct-agg.split.enabled",
            "table.optimizer.reuse-source-enabled",
            "table.optimizer.reuse-sub-plan-enabled",
        ],
        Effect::None(ALWAYS),
    ),
    key(&["blink.topn.cache.size"], Effect::None(MEMORY)),
    key(
        &["blink.forbid.unionall.as.breakpoint.in.subsection.optimization"],
        Effect::None("the statement set is one graph"),
    ),
    key(&["blink.job.option"], Effect::None(ONE_PROCESS)),
    key(
        &["time.characteristic"],
        Effect::Only(&["EventTime", "ProcessingTime", "IngestionTime"], "a watermark makes event time"),
    ),
    key(&["sql-client.execution.result-mode"], Effect::None("results are printed by tidegate query")),
];
