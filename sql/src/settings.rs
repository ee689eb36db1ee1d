//! SET statements: known keys checked and given a meaning, unknown ones named.

use tidegate_core::Dialect;

use crate::ast::{Name, Warning};

/// Everything SET decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the plan carries; `dialect`, `dialect_reason` and `zone` are filled in, `dead_letter`
    /// is left to the binder (see [`Settings::dead_letter`]).
    pub plan: tidegate_plan::Settings,
    /// `tidegate.dead-letter`: the table for bad rows.
    pub dead_letter: Option<Name>,
    /// `table.exec.source.idle-timeout` in ms; `None`: off.
    pub idle_timeout_ms: Option<i64>,
    /// `table.exec.legacy-cast-behaviour`
    pub legacy_cast: bool,
    /// `table.exec.sink.not-null-enforcer = DROP`
    pub drop_nulls: bool,
    /// `table.exec.sink.upsert-materialize`
    pub materialize: Materialize,
    /// `table.exec.source.cdc-events-duplicate`: normalise change sources by primary key.
    pub cdc_duplicates: bool,
    /// `tidegate.create-topics`: create missing topics.
    pub create_topics: bool,
    /// Keys that have no effect here, and the like.
    pub warnings: Vec<Warning>,
}

/// `table.exec.sink.upsert-materialize`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialize {
    /// Where upsert key ≠ sink key.
    Auto,
    /// Never.
    None,
    /// Always.
    Force,
}

impl Settings {
    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.plan.dialect
    }
}
