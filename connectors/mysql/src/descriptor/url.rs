//! `jdbc:mysql://host:3306/database?…`

use tidegate_core::{Error, Result};

/// Checks that the url is one of MySQL's protocol.
pub fn check(url: &str) -> Result<()> {
    let rest = url.trim().strip_prefix("jdbc:").ok_or_else(|| wrong(url))?;
    match rest.split_once("://") {
        Some(("mysql" | "mariadb", place)) => {
            let (host, database) = place.split_once('/').unwrap_or((place, ""));
            let database = database.split('?').next().unwrap_or_default();
            if host.is_empty() || database.is_empty() { Err(wrong(url)) } else { Ok(()) }
        }
        Some((other, _)) => Err(Error::user(format!("option 'url': {other} databases are not supported, only MySQL"))
            .help("write 'jdbc:mysql://host:3306/database'")),
        None => Err(wrong(url)),
    }
}

fn wrong(url: &str) -> Error {
    // A url may carry a password behind the '?'.
    let shown = url.split('?').next().unwrap_or_default();
    Error::user(format!("option 'url': '{shown}' names no MySQL database"))
        .help("write 'jdbc:mysql://host:3306/database'")
}
