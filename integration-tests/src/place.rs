//! Where a job's topics live: a directory of the embedded default, or a Kafka broker. The same jobs run
//! in both and must leave the same messages.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Tidegate;
use crate::topics::{self, Message};
use crate::{broker, kafka_topics};

/// A place with topics of its own.
pub struct Place {
    dir: tempfile::TempDir,
    kafka: Option<Kafka>,
}

struct Kafka {
    bootstrap: String,
    prefix: String,
}

impl Place {
    /// A new directory.
    pub fn embedded() -> Place {
        Place { dir: tempfile::tempdir().expect("a directory"), kafka: None }
    }

    /// The shared broker; `None` where there is none.
    pub fn kafka(name: &str) -> Option<Place> {
        let bootstrap = broker::shared()?;
        let prefix = format!("{}.", broker::unique(name));
        Some(Place { dir: tempfile::tempdir().expect("a directory"), kafka: Some(Kafka { bootstrap, prefix }) })
    }

    /// A broker that nobody else uses: topics have their plain names.
    pub fn on(bootstrap: &str) -> Place {
        let kafka = Kafka { bootstrap: bootstrap.to_owned(), prefix: String::new() };
        Place { dir: tempfile::tempdir().expect("a directory"), kafka: Some(kafka) }
    }

    /// Both, or the directory alone where there is no broker.
    pub fn all(name: &str) -> Vec<Place> {
        std::iter::once(Self::embedded()).chain(Self::kafka(name)).collect()
    }

    /// What it is called in messages.
    pub fn name(&self) -> &'static str {
        if self.kafka.is_some() { "kafka" } else { "embedded" }
    }

    /// The brokers as jobs name them.
    pub fn bootstrap(&self) -> String {
        self.kafka.as_ref().map_or_else(|| "embedded:9092".to_owned(), |k| k.bootstrap.clone())
    }

    /// The full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        self.kafka.as_ref().map_or_else(|| name.to_owned(), |k| format!("{}{name}", k.prefix))
    }

    /// The directory of tables (and of topics, where they are embedded).
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A job with its topics here and its tables in [`Place::data`]; missing topics are made with two
    /// partitions. Each file has a state of its own.
    pub fn job(&self, file: &Path) -> Tidegate {
        let job = Tidegate::new(["run"]).arg(file).arg("--plain");
        match &self.kafka {
            None => job.arg("--embedded").arg(self.data()),
            Some(k) => {
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                job.arg("--embedded-tables")
                    .arg(self.data())
                    .args("--set tidegate.create-topics=2 --set")
                    .arg(format!("pipeline.name={}{name}", k.prefix))
            }
        }
    }

    /// Puts `{"p":…,"k":…,"v":…}` lines into a topic of two partitions.
    pub fn produce(&self, topic: &str, lines: &str) {
        let Some(kafka) = &self.kafka else { return topics::produce(&self.data(), topic, lines) };
        let topic = self.topic(topic);
        if !kafka_topics::exists(&kafka.bootstrap, &topic) {
            kafka_topics::create(&kafka.bootstrap, &topic, 2);
        }
        let records = lines.lines().map(|line| {
            let v: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let text = |k: &str| v[k].as_str().map(str::to_owned);
            (text("k"), text("v"), v["p"].as_i64().unwrap_or(0) as i32)
        });
        kafka_topics::produce(&kafka.bootstrap, &topic, records);
    }

    /// Everything committed in a topic, partition by partition, in order.
    pub fn read(&self, topic: &str) -> Vec<Message> {
        let Some(kafka) = &self.kafka else { return topics::read(&self.data(), topic) };
        let text = |b: Option<Vec<u8>>| b.map(|b| String::from_utf8_lossy(&b).into_owned());
        let mut all = kafka_topics::read_committed(&kafka.bootstrap, &self.topic(topic));
        all.sort_by_key(|m| (m.partition, m.offset));
        all.into_iter()
            .map(|m| Message { partition: i64::from(m.partition), key: text(m.key), value: text(m.value) })
            .collect()
    }
}
