//! Exit codes; they are documented in `tidegate --help` and the README.

use tidegate_core::{Domain, Error};

/// A bug in Tidegate.
pub const INTERNAL: u8 = 1;
/// The user can mend it: SQL, options, data.
pub const USER: u8 = 2;
/// A system outside failed.
pub const EXTERNAL: u8 = 3;
/// Another process has taken the job over.
pub const REPLACED: u8 = 4;
/// Interrupted a second time while stopping.
pub const INTERRUPTED: u8 = 130;

/// The code of an error.
pub fn code(error: &Error) -> u8 {
    if error.is_replaced() {
        return REPLACED;
    }
    match error.domain() {
        Domain::User => USER,
        Domain::External => EXTERNAL,
        Domain::Internal => INTERNAL,
    }
}
