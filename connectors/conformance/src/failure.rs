//! What the kit says about a sink that does not keep its word.

use std::fmt;

use tidegate_core::Error;

/// An obligation that was not kept.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The check, in a few words.
    pub check: &'static str,
    /// What happened, and what should have.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

impl std::error::Error for Failure {}

/// Makes failures of one check.
#[derive(Clone, Copy)]
pub(crate) struct Check(pub(crate) &'static str);

impl Check {
    pub(crate) fn fail<T>(self, what: impl Into<String>) -> Result<T, Failure> {
        Err(Failure { check: self.0, what: what.into() })
    }
    pub(crate) fn ensure(self, kept: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
        if kept { Ok(()) } else { self.fail(what()) }
    }
    /// An error where the sink should have answered.
    pub(crate) fn answered<T>(self, result: Result<T, Error>, call: &str) -> Result<T, Failure> {
        result.or_else(|e| self.fail(format!("{call} failed: {e}")))
    }
}
