//! The graph: nodes in topological order, each with the properties that decide its guarantee.

use serde::{Deserialize, Serialize};
use tidegate_core::scan::ScanRequest;
use tidegate_core::table::{BoundTable, SinkChanges};
use tidegate_core::{Column, Span};

use crate::aggregate::AggregateCall;
use crate::expr::Expr;

/// Index of a node in [`Plan::nodes`].
pub type NodeId = usize;

/// A statement set as one graph. Inputs of a node always have smaller ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The tables read and written.
    pub tables: Vec<BoundTable>,
    /// The nodes in topological order. Equal sub-plans are one node with several consumers.
    pub nodes: Vec<Node>,
    /// The sink nodes, one a target table, in order of first mention. Empty for a bare SELECT.
    pub sinks: Vec<NodeId>,
    /// For a bare SELECT: the node that produces its rows.
    pub query: Option<NodeId>,
    /// Everything set by SET, resolved.
    pub settings: Settings,
    /// Warnings and lints for the user.
    pub warnings: Vec<Warning>,
}

/// A warning with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A short stable name: `sink-key-narrower`, `unbounded-state`, `unescaped-json`.
    pub code: String,
    /// What, and what to do about it.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// One operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Whose rows it takes.
    pub inputs: Vec<NodeId>,
    /// Its output columns.
    pub columns: Vec<Column>,
    /// The kinds of change it emits (already narrowed to what its consumers need).
    pub changes: Changes,
    /// Sets of output columns of which no two current rows agree.
    pub unique_keys: Vec<Vec<usize>>,
    /// The key by which its changes belong together; `None` for append-only output without one.
    pub upsert_key: Option<Vec<usize>>,
    /// The output column that is the event time, if one still is.
    pub time_column: Option<usize>,
    /// A stable id derived from the operator's content and its inputs' ids, not from its place in
    /// the file; state is stored under it.
    pub id: String,
    /// A line for people: `GroupAggregate(question_id)`.
    pub label: String,
}

/// Which kinds of change an edge carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Changes {
    /// `-U`
    pub update_before: bool,
    /// `+U`
    pub update_after: bool,
    /// `-D`
    pub delete: bool,
}

impl Changes {
    /// `+I` only.
    pub const APPEND: Changes = Changes { update_before: false, update_after: false, delete: false };
    /// `+I +U -D`: what an upsert sink needs.
    pub const UPSERT: Changes = Changes { update_before: false, update_after: true, delete: true };
    /// All four.
    pub const ALL: Changes = Changes { update_before: true, update_after: true, delete: true };
    /// Whether only `+I` occurs.
    pub fn is_append(self) -> bool {
        self == Changes::APPEND
    }
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("+I")?;
        for (on, s) in [(self.update_before, " -U"), (self.update_after, " +U"), (self.delete, " -D")] {
            if on {
                f.write_str(s)?;
            }
        }
        Ok(())
    }
}

/// What an operator does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "a plan has few nodes")]
pub enum Op {
    /// Reads a table; decodes what is asked; takes event times and watermarks from every record.
    Scan(Scan),
    /// Constant rows: each inner list is one row of literals or deterministic expressions.
    Values(Vec<Vec<Expr>>),
    /// Filter, then projection. `filter` and `exprs` read the input's columns.
    Calc {
        /// Kept rows are those for which it is TRUE.
        filter: Option<Expr>,
        /// The output columns.
        exprs: Vec<Expr>,
    },
    /// UNION ALL; all inputs have the output's columns.
    Union,
    /// Adds window_start, window_end, window_time to each row, once for each window it lies in
    /// (a window table function without aggregation).
    WindowTable(Window),
    /// GROUP BY with a window. Output: keys, aggregates, then start, end, time of the window.
    WindowAggregate {
        /// The window.
        window: Window,
        /// Grouping columns of the input.
        keys: Vec<usize>,
        /// The aggregates.
        aggregates: Vec<AggregateCall>,
        /// Filter on the output before it is emitted is a Calc; nothing here.
        emit_start_end: bool,
    },
    /// GROUP BY without a window. Output: keys, then aggregates. Retracts and updates.
    GroupAggregate {
        /// Grouping columns of the input; empty for one global group.
        keys: Vec<usize>,
        /// The aggregates.
        aggregates: Vec<AggregateCall>,
    },
    /// One row a key: ROW_NUMBER() … = 1 over a time attribute, or arrival order.
    Deduplicate {
        /// Partition columns.
        keys: Vec<usize>,
        /// The ordering column; `None`: arrival (processing time).
        order: Option<usize>,
        /// Keep the last row instead of the first.
        keep_last: bool,
    },
    /// The first n rows a key by an order. Output: the input's columns, then the rank if asked for.
    TopN {
        /// Partition columns.
        keys: Vec<usize>,
        /// Ordering columns.
        order: Vec<SortColumn>,
        /// First rank kept, from 1.
        from: u64,
        /// Last rank kept.
        to: u64,
        /// Whether the rank is an output column.
        with_rank: bool,
    },
    /// Turns an upsert stream (newest row by key, deletes by key alone) into a full changelog.
    Normalize {
        /// Key columns.
        keys: Vec<usize>,
    },
    /// Writes a table. Inputs are its INSERTs in statement order.
    Sink(Sink),
}

/// Reading a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scan {
    /// Index into [`Plan::tables`].
    pub table: usize,
    /// What is asked of source and decoder. The scan's output columns are `request.fields`.
    pub request: ScanRequest,
    /// Event time and watermark, if declared.
    pub event_time: Option<EventTime>,
}

/// Event time of a table, over the scan's output columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventTime {
    /// The time attribute: TIMESTAMP, TIMESTAMP_LTZ, or BIGINT milliseconds.
    pub time: Expr,
    /// The watermark that a row implies: same type as `time`.
    pub watermark: Expr,
    /// Where the watermark is `time - constant`: the constant in ms (the fast path).
    pub delay_ms: Option<i64>,
    /// A split without records for this long (ms) no longer holds the watermark; `None`: it does.
    pub idle_timeout_ms: Option<i64>,
}

/// A window over a time column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its shape.
    pub kind: WindowKind,
    /// The input's time column; `None`: processing time.
    pub time: Option<usize>,
    /// The zone that windows are aligned in and boundaries are shown in, for instants and BIGINT
    /// times; empty for wall clocks.
    pub zone: String,
}

/// Shapes of windows; all lengths in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowKind {
    /// Fixed, adjoining.
    Tumble {
        /// Length.
        size: i64,
        /// Shift of the boundaries.
        offset: i64,
    },
    /// Fixed, overlapping.
    Hop {
        /// Distance of starts.
        slide: i64,
        /// Length.
        size: i64,
        /// Shift of the boundaries.
        offset: i64,
    },
    /// Growing by steps up to a size.
    Cumulate {
        /// Step.
        step: i64,
        /// Largest length.
        size: i64,
        /// Shift of the boundaries.
        offset: i64,
    },
    /// Until a gap.
    Session {
        /// The gap.
        gap: i64,
    },
}

/// A sort column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortColumn {
    /// Input column.
    pub column: usize,
    /// DESC
    pub descending: bool,
    /// NULLs before values.
    pub nulls_first: bool,
}

/// Writing a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sink {
    /// Index into [`Plan::tables`].
    pub table: usize,
    /// Its id in the store: the table's name or `tidegate.sink-id`.
    pub sink_id: String,
    /// One entry an input: the INSERT it comes from.
    pub inserts: Vec<Insert>,
    /// What happens to changes here (the binding's choice, adapted to the query by the planner).
    pub changes: SinkChanges,
    /// Positions, among the table's writable columns, of the columns whose hash chooses lane and
    /// task: the primary key, or the message key; empty where rows are independent.
    pub key: Vec<usize>,
    /// The contending rows are kept here because upsert key ≠ sink key.
    pub materialize: bool,
    /// Writable columns (by position) that must not be NULL, and whether a NULL drops the row
    /// (counted) instead of being an error.
    pub not_null: Vec<usize>,
    /// `table.exec.sink.not-null-enforcer = DROP`
    pub drop_nulls: bool,
}

/// One INSERT into a sink.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Insert {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Positions of the target's writable columns that this input's columns fill, in order.
    pub columns: Vec<usize>,
    /// The promise of this INSERT, in words.
    pub guarantee: String,
    /// Where it stands.
    pub span: Span,
}

/// What SET statements and options decided, with defaults filled in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// The dialect, as text, and why.
    pub dialect: tidegate_core::Dialect,
    /// The rule that chose it, for people.
    pub dialect_reason: String,
    /// The session zone.
    pub zone: String,
    /// Job name, if set (`pipeline.name`).
    pub job_name: Option<String>,
    /// Epoch interval in ms.
    pub checkpoint_interval_ms: i64,
    /// State time-to-live in ms; 0: for ever.
    pub state_ttl_ms: i64,
    /// Group aggregates flush once an epoch (true) or per row (false).
    pub mini_batch: bool,
    /// What a row that cannot be decoded, cast or placed in time does.
    pub on_error: OnRowError,
    /// The dead-letter table's sink: index into [`Plan::tables`].
    pub dead_letter: Option<usize>,
    /// Bytes of an open epoch that bring the barrier forward.
    pub epoch_bytes: u64,
    /// Bytes decided but not applied that pause the sources.
    pub pending_bytes: u64,
    /// How long applied ranges are kept, in ms.
    pub log_retention_ms: i64,
    /// `tidegate.require = exactly-once`: less is an error.
    pub require_exactly_once: bool,
    /// Number of tasks, if set (`parallelism.default`).
    pub parallelism: Option<u32>,
    /// Every SET as written, for `explain`.
    pub raw: Vec<(String, String)>,
}

/// What a bad row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnRowError {
    /// Stops the job with a message that names it.
    Stop,
    /// Goes to the dead-letter table in the same epoch.
    DeadLetter,
    /// Is dropped and counted.
    Ignore,
}

impl Plan {
    /// The consumers of each node, in order: `(consumer, input index)`.
    pub fn consumers(&self) -> Vec<Vec<(NodeId, usize)>> {
        let mut out = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for (input, from) in node.inputs.iter().enumerate() {
                out[*from].push((id, input));
            }
        }
        out
    }
    /// A fingerprint over all operator ids: equal plans have equal state.
    pub fn fingerprint(&self) -> String {
        let text: String = self.nodes.iter().map(|n| format!("{}\n", n.id)).collect();
        format!("{:016x}", crate::stable_hash(text.as_bytes()))
    }
}
