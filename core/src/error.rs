//! The one error type: whose fault, whether to try again, and a chain of "where".
//!
//! Errors are values for people. The message says what happened, [`Error::context`] adds where
//! (statement, table, topic/partition/offset), [`Error::help`] says what to do about it.

use std::fmt;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault it is. Decides the exit code and the tone of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The user's SQL, options or data: they can fix it.
    User,
    /// A server, a disk, the network.
    External,
    /// A bug in Tidegate or a connector.
    Internal,
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same call will fail the same way.
    Never,
    /// Yes, with growing pauses.
    Backoff,
    /// Yes, after this pause (the server said so).
    After(Duration),
}

/// A place in SQL text, both counted from 1. `line == 0` means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// Line, from 1; 0 where unknown.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Span {
    /// A known place.
    pub fn new(line: u32, column: u32) -> Self {
        Span { line, column }
    }
    /// Whether the place is known.
    pub fn is_known(self) -> bool {
        self.line != 0
    }
}

/// An error with domain, retry advice, context chain, place and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    domain: Domain,
    retry: Retry,
    message: String,
    context: Vec<String>,
    span: Span,
    help: Option<String>,
    replaced: bool,
}

impl Error {
    fn new(domain: Domain, retry: Retry, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            domain,
            retry,
            message: message.into(),
            context: Vec::new(),
            span: Span::default(),
            help: None,
            replaced: false,
        }))
    }
    /// The user can fix it; never retried.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Domain::User, Retry::Never, message)
    }
    /// A system outside failed; retried with back-off unless [`Error::fatal`] is added.
    pub fn external(message: impl Into<String>) -> Self {
        Self::new(Domain::External, Retry::Backoff, message)
    }
    /// A bug; never retried.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Domain::Internal, Retry::Never, message)
    }
    /// Another process has taken this one's place: it must stop and never take it back.
    pub fn replaced(message: impl Into<String>) -> Self {
        let mut error = Self::external(message).fatal();
        error.0.replaced = true;
        error
    }
    /// Whether it is [`Error::replaced`].
    pub fn is_replaced(&self) -> bool {
        self.0.replaced
    }
    /// Says that trying again is useless.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.0.retry = Retry::Never;
        self
    }
    /// Says when to try again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }
    /// Adds an outer "where": `"table orders"`, `"partition 2 offset 991"`. Call from the inside out.
    #[must_use]
    pub fn context(mut self, place: impl Into<String>) -> Self {
        self.0.context.push(place.into());
        self
    }
    /// Adds the place in the SQL text; the innermost known place wins.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        if !self.0.span.is_known() {
            self.0.span = span;
        }
        self
    }
    /// Adds what a person can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }
    /// Whose fault it is.
    pub fn domain(&self) -> Domain {
        self.0.domain
    }
    /// Whether to try again.
    pub fn retry_advice(&self) -> Retry {
        self.0.retry
    }
    /// What happened, without where and help.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The place in the SQL text, if any.
    pub fn span(&self) -> Span {
        self.0.span
    }
    /// The help text, if any.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
    /// The context chain, outermost first.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.context.iter().rev().map(String::as_str)
    }
}

impl fmt::Display for Error {
    /// `INSERT 3 → table x → offset 991: message (line 4, column 7)`, then `help: …` on its own line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for place in self.places() {
            if !first {
                f.write_str(" → ")?;
            }
            f.write_str(place)?;
            first = false;
        }
        if !first {
            f.write_str(": ")?;
        }
        f.write_str(&self.0.message)?;
        if self.0.span.is_known() {
            write!(f, " (line {}, column {})", self.0.span.line, self.0.span.column)?;
        }
        if let Some(help) = &self.0.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Error::external(e.to_string())
    }
}

/// `?`-friendly context on results.
pub trait ResultExt<T> {
    /// Adds a "where", computed only on error.
    fn context<S: Into<String>>(self, place: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for std::result::Result<T, E> {
    fn context<S: Into<String>>(self, place: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| e.into().context(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_from_outside_in() {
        let e = Error::user("cannot cast 'x' to BIGINT")
            .context("offset 991")
            .context("table orders")
            .at(Span::new(4, 7))
            .help("use TRY_CAST");
        assert_eq!(
            e.to_string(),
            "table orders → offset 991: cannot cast 'x' to BIGINT (line 4, column 7)\nhelp: use TRY_CAST"
        );
    }
}
