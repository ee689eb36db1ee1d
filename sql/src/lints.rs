//! Warnings about plans that run but may not do what is meant. Each has a code, a place, and says
//! what to do.

use tidegate_plan::{Plan, Warning};

use crate::graph::{Graph, InsertRel};
use crate::settings::Settings;

/// A note of parser, settings or catalogue.
pub(crate) fn note(w: &crate::ast::Warning) -> Warning {
    Warning { code: "note".to_owned(), message: w.message.clone(), span: w.span }
}

/// Lints over expressions as the user wrote them.
pub(crate) fn before_pushdown(_graph: &Graph, _inserts: &[InsertRel], _settings: &Settings) -> Vec<Warning> {
    Vec::new()
}

/// Lints over the finished plan.
pub(crate) fn after(_plan: &Plan) -> Vec<Warning> {
    Vec::new()
}
