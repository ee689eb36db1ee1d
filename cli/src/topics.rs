//! Where `produce`, `tail` and `query` find topics: below a directory, or on a Kafka cluster.

use std::path::Path;

use tidegate_core::{Error, Result};

use crate::args::Topics;

/// A place with topics.
pub enum Place<'a> {
    /// The directory of the embedded default.
    Embedded(&'a Path),
    /// A cluster, by the properties of a client.
    Kafka(Vec<(&'a str, &'a str)>),
}

impl Topics {
    /// The place that was named.
    ///
    /// # Errors
    /// Where none was.
    pub fn place(&self, command: &str) -> Result<Place<'_>> {
        if let Some(dir) = &self.embedded {
            return Ok(Place::Embedded(dir));
        }
        let bootstrap = self.bootstrap.as_deref().ok_or_else(|| {
            Error::user(format!("tidegate {command} needs to know where topics live")).help(
                "add --bootstrap HOST:PORT of a Kafka cluster, or --embedded DIR, the directory given to tidegate run",
            )
        })?;
        let more = self.properties.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        Ok(Place::Kafka(std::iter::once(("bootstrap.servers", bootstrap)).chain(more).collect()))
    }
}
