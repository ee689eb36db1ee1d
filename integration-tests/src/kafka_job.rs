//! Small jobs over topics of a broker: their SQL names topics by `${p}` and the broker by `${kafka}`;
//! tables of databases are SQLite files in a directory of the fixture.

use std::path::PathBuf;

use serde_json::Value;

use crate::kafka_topics::{self, Message, Record};
use crate::process::Tidegate;
use crate::settle::job_file;
use crate::{broker, table_rows};

/// Names of its own on a broker, and a directory.
pub struct KafkaJob {
    /// The brokers that jobs name.
    pub bootstrap: String,
    /// The brokers that the test itself talks to.
    pub direct: String,
    /// Goes before all names, so that runs on one broker do not meet.
    pub prefix: String,
    dir: tempfile::TempDir,
}

impl KafkaJob {
    /// On the broker that all tests share; `None` where there is none.
    pub fn shared(name: &str) -> Option<KafkaJob> {
        broker::shared().map(|bootstrap| Self::on(&bootstrap, name))
    }

    /// On this broker.
    pub fn on(bootstrap: &str, name: &str) -> KafkaJob {
        Self::behind(bootstrap, bootstrap, name)
    }

    /// Jobs reach the broker at `bootstrap`, the test at `direct`.
    pub fn behind(direct: &str, bootstrap: &str, name: &str) -> KafkaJob {
        KafkaJob {
            bootstrap: bootstrap.to_owned(),
            direct: direct.to_owned(),
            prefix: format!("{}.", broker::unique(name)),
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The full name of a topic or group.
    pub fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The topic with the fence of a sink of a job.
    pub fn fence_topic(&self, job: &str, sink: &str) -> String {
        format!("_tidegate-fence.{}.{sink}", self.full(job))
    }

    /// Makes a topic.
    pub fn create(&self, topic: &str, partitions: i32) {
        kafka_topics::create(&self.direct, &self.full(topic), partitions);
    }

    /// Puts records into a topic.
    pub fn produce<R: Into<Record>>(&self, topic: &str, records: impl IntoIterator<Item = R>) {
        kafka_topics::produce(&self.direct, &self.full(topic), records);
    }

    /// Everything committed in a topic.
    pub fn read(&self, topic: &str) -> Vec<Message> {
        kafka_topics::read_committed(&self.direct, &self.full(topic))
    }

    /// The number `field` of each committed message of a topic, sorted.
    pub fn numbers(&self, topic: &str, field: &str) -> Vec<i64> {
        let mut all: Vec<i64> = self.read(topic).iter().map(|m| m.json()[field].as_i64().expect("a number")).collect();
        all.sort_unstable();
        all
    }

    /// Where tables and states are.
    pub fn data(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// All rows of a table.
    pub fn rows(&self, table: &str, order_by: &str) -> Vec<Vec<Value>> {
        table_rows(&self.data(), table, order_by)
    }

    /// Any command that plans a job: `run`, `check`, `explain`. Each name has a state of its own.
    pub fn command(&self, command: &str, job: &str, sql: &str) -> Tidegate {
        let file = job_file(self.dir.path(), job, sql);
        Tidegate::new([command])
            .arg(file)
            .arg("--var")
            .arg(format!("kafka={}", self.bootstrap))
            .arg("--var")
            .arg(format!("p={}", self.prefix))
            .arg("--set")
            .arg(format!("pipeline.name={}", self.full(job)))
            .args("--set table.local-time-zone=UTC")
    }

    /// `tidegate run`, waiting for more.
    pub fn job(&self, job: &str, sql: &str) -> Tidegate {
        self.command("run", job, sql)
            .args("--plain --set execution.checkpointing.interval=100ms --embedded-tables")
            .arg(self.dir.path())
    }

    /// `tidegate run` to what is there now.
    pub fn bounded(&self, job: &str, sql: &str) -> Tidegate {
        self.job(job, sql).args("--until latest")
    }
}
