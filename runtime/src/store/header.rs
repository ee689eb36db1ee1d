//! What a state directory remembers about the job it belongs to, apart from its progress.

use serde::{Deserialize, Serialize};
use tidegate_core::Dialect;
use tidegate_core::table::BoundTable;

/// The job as planned: decides whether a directory's state can be gone on with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobHeader {
    /// A stable digest of the whole plan.
    pub plan_fingerprint: String,
    /// The dialect of the SQL.
    pub dialect: Dialect,
    /// The session time zone, fixed for the life of the state.
    pub zone: String,
    /// The operators that keep state.
    pub operators: Vec<OperatorInfo>,
    /// The target tables.
    pub sinks: Vec<SinkInfo>,
    /// Ids of the source tables.
    pub sources: Vec<String>,
}

/// A stateful operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorInfo {
    /// Derived from the plan's content, not from its place.
    pub id: String,
    /// For people: `GroupAggregate(who)`.
    pub label: String,
    /// The schema of its state deltas as stable text (the operator chooses it); compared for
    /// equality when a directory is opened again.
    pub schema: String,
    /// Columns of the delta that make up the key, by index. Empty: the state is a single entry.
    pub key_columns: Vec<usize>,
}

impl OperatorInfo {
    /// Whether the state of one is that of the other.
    pub fn keeps_the_same(&self, other: &OperatorInfo) -> bool {
        (&self.id, &self.schema, &self.key_columns) == (&other.id, &other.schema, &other.key_columns)
    }
    /// The label, or the id of an operator without one.
    pub fn name(&self) -> &str {
        if self.label.is_empty() { &self.id } else { &self.label }
    }
}

/// A target table. Kept whole so that a sink removed from the SQL can still be drained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkInfo {
    /// The table's name or its `tidegate.sink-id`.
    pub id: String,
    /// The declaration with its options.
    pub table: BoundTable,
    /// How many lanes a new sink gets. The store keeps the number it was first given.
    pub lanes: u32,
    /// The sink key, for people; empty for none.
    pub key: Vec<String>,
}

/// A position as it was decided, with what tells whether it still means the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPosition {
    /// The connector's own text.
    pub position: tidegate_core::split::Position,
    /// [`tidegate_core::split::Split::identity`] when it was taken.
    pub identity: String,
}

/// (source table id, split id)
pub type SplitKey = (String, String);
