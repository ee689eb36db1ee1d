//! Whether the store can still be trusted. After a failed write or fsync nobody knows what is on
//! the disk: every later call fails too, and opening the directory again reads what is true.

use std::io;
use std::sync::OnceLock;

use tidegate_core::{Error, Result};

/// The first failure, if any.
#[derive(Debug, Default)]
pub struct Health(OnceLock<Error>);

impl Health {
    /// Fails once anything has failed.
    ///
    /// # Errors
    /// The first failure.
    pub fn check(&self) -> Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(e) => Err(e.clone()),
        }
    }
    /// The first failure.
    pub fn failure(&self) -> Option<&Error> {
        self.0.get()
    }
    /// Remembers an error for good, unless there is an earlier one.
    pub fn fail(&self, error: Error) {
        self.0.get_or_init(|| error);
    }
    /// Passes a result on; remembers its error for good.
    ///
    /// # Errors
    /// The error given, as one of the store.
    pub fn watch<T>(&self, doing: &str, result: io::Result<T>) -> Result<T> {
        self.check()?;
        result.map_err(|e| {
            let error = store_error(doing, &e);
            self.0.get_or_init(|| error).clone()
        })
    }
}

/// An error of the disk under the store, in words.
pub fn store_error(doing: &str, e: &io::Error) -> Error {
    let error = Error::external(format!("{doing}: {e}")).fatal().context("state directory");
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            error.help("free space on the disk of the state directory and start again; nothing decided is lost")
        }
        io::ErrorKind::PermissionDenied => error.help("the state directory must be writable by this user"),
        _ => error.help("the job stops here so that it recovers from what is really on the disk; start it again"),
    }
}
