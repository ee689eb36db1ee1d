//! `--embedded DIR`.

use std::path::Path;

use tidegate_core::{Error, Result};

use crate::args::Target;

/// The directory, which these commands cannot do without.
///
/// # Errors
/// Where `--embedded` was not given.
pub fn directory<'a>(target: &'a Target, command: &str) -> Result<&'a Path> {
    target.embedded.as_deref().ok_or_else(|| {
        Error::user(format!("tidegate {command} needs to know where topics and tables live"))
            .help("add --embedded DIR, the directory given to tidegate run")
    })
}
