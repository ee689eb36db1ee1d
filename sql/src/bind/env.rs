//! What every expression of a job is bound under: the dialect, the zone, the habits SET chose.

use std::cell::RefCell;
use std::rc::Rc;

use tidegate_core::scan::{CastFlavor, CastRule, JsonRule, OnCastError};
use tidegate_core::{Dialect, Span, SqlType};
use tidegate_plan::Warning;

/// The conditions an expression is bound under.
#[derive(Debug, Clone)]
pub(crate) struct Env {
    /// Whose rules.
    pub dialect: Dialect,
    /// The zone of conversions between instants and text or wall clocks.
    pub zone: String,
    /// `table.exec.legacy-cast-behaviour`
    pub legacy_cast: bool,
    /// A bounded look at tables, in place of a job: also tables that a job could only write or look
    /// up are read.
    pub looking: bool,
    /// Warnings that only the binder can give.
    pub notes: Rc<RefCell<Vec<Warning>>>,
}

impl Env {
    /// Warns, once a place.
    pub fn note(&self, code: &str, span: Span, message: &str) {
        let note = Warning { code: code.to_owned(), message: message.to_owned(), span };
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    /// Whether Flink's strict rules hold; Blink and UFlink share the lenient ones.
    pub fn is_flink(&self) -> bool {
        self.dialect == Dialect::Flink
    }
    /// How an explicit or implicit CAST behaves.
    pub fn cast_rule(&self, try_cast: bool) -> CastRule {
        let flavor = match (self.is_flink(), self.legacy_cast) {
            (true, false) => CastFlavor::Flink,
            (true, true) => CastFlavor::FlinkLegacy,
            (false, _) => CastFlavor::Blink,
        };
        let lenient = try_cast || flavor != CastFlavor::Flink;
        CastRule { on_error: if lenient { OnCastError::Null } else { OnCastError::Fail }, flavor }
    }
    /// Whose JSON functions.
    pub fn json_rule(&self) -> JsonRule {
        if self.is_flink() { JsonRule::Flink } else { JsonRule::Blink }
    }
    /// The dialect's type called TIMESTAMP with milliseconds: a wall clock in Flink, an instant in
    /// Blink and UFlink.
    pub fn timestamp(&self) -> SqlType {
        if self.is_flink() { SqlType::Timestamp(3) } else { SqlType::TimestampLtz(3) }
    }
}
