//! Topics of a Kafka cluster for `produce`, `tail` and `query`; an error where the program was built
//! without a client.

#[cfg(feature = "kafka")]
pub use with_client::{declare_all, source, writer};
#[cfg(not(feature = "kafka"))]
pub use without_client::{declare_all, source, writer};

#[cfg(feature = "kafka")]
mod with_client {
    use std::fmt::Write;
    use std::sync::Arc;

    use tidegate_core::Result;
    use tidegate_core::source::Source;
    use tidegate_kafka::{Cluster, Writer};

    /// A topic to be read.
    ///
    /// # Errors
    /// Properties that cannot be used.
    pub fn source(properties: &[(&str, &str)], topic: &str) -> Result<Arc<dyn Source>> {
        Cluster::new(properties.iter().copied())?.source(topic)
    }

    /// A topic to be written to.
    ///
    /// # Errors
    /// No such topic, or a cluster that does not answer.
    pub async fn writer(properties: &[(&str, &str)], topic: &str, create: Option<u32>) -> Result<Writer> {
        Cluster::new(properties.iter().copied())?.writer(topic, create).await
    }

    /// CREATE TABLE statements (flink dialect) for every topic: key and message as text, and what Kafka
    /// knows of each record.
    ///
    /// # Errors
    /// A cluster that does not answer.
    pub async fn declare_all(properties: &[(&str, &str)]) -> Result<String> {
        let mut out = String::new();
        for topic in Cluster::new(properties.iter().copied())?.topics().await? {
            let mut options = String::new();
            for (name, value) in properties {
                // Writing into a String cannot fail.
                let _ = write!(options, " {} = {},", literal(&format!("properties.{name}")), literal(value));
            }
            let _ = writeln!(
                out,
                "CREATE TABLE `{}` (`message_key` STRING, `message` STRING, `partition` INT METADATA VIRTUAL, \
                 `offset` BIGINT METADATA VIRTUAL, `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL) WITH (\
                 'connector' = 'kafka', 'topic' = {},{options} 'scan.startup.mode' = 'earliest-offset', \
                 'key.format' = 'raw', 'key.fields' = 'message_key', 'value.format' = 'raw', \
                 'value.fields-include' = 'EXCEPT_KEY');",
                topic.replace('`', "``"),
                literal(&topic)
            );
        }
        Ok(out)
    }

    fn literal(text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(not(feature = "kafka"))]
mod without_client {
    use std::sync::Arc;

    use tidegate_core::source::Source;
    use tidegate_core::{Error, Result};

    use crate::produce::Writes;

    fn missing() -> Error {
        Error::user("this program was built without a Kafka client")
            .help("build it with the feature: cargo build --release -p tidegate --features kafka")
    }

    /// # Errors
    /// Always.
    pub fn source(_: &[(&str, &str)], _: &str) -> Result<Arc<dyn Source>> {
        Err(missing())
    }

    /// # Errors
    /// Always.
    #[allow(clippy::unused_async, reason = "as with a client")]
    pub async fn writer(_: &[(&str, &str)], _: &str, _: Option<u32>) -> Result<Box<dyn Writes>> {
        Err(missing())
    }

    /// # Errors
    /// Always.
    #[allow(clippy::unused_async, reason = "as with a client")]
    pub async fn declare_all(_: &[(&str, &str)]) -> Result<String> {
        Err(missing())
    }
}
