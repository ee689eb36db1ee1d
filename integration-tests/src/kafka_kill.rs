//! The job of `jobs/kafka_kill.sql` on a broker: its topics, its input, and what its targets hold, read
//! by a consumer of its own that sees committed records only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::oracle::{self, event, field};
use crate::process::{Finished, Running, Tidegate};
use crate::{broker, kafka_topics, settle};

/// Longest wait for a running job.
const PATIENCE: Duration = Duration::from_secs(60);
/// Topics that the job writes.
const OUTPUTS: [&str; 3] = ["copies", "totals", "minutes"];
/// The tables that it writes, thus the sinks.
pub const SINKS: [&str; 3] = ["copies", "totals_log", "minutes"];

/// The job with topics of its own, and directories for its states.
pub struct Kill {
    /// The broker that tests talk to.
    pub direct: String,
    /// The broker that the job talks to: the same one, or a proxy in front of it.
    pub bootstrap: String,
    /// The broker that it reads from, where that is not the one it writes to.
    pub source: Option<String>,
    /// Goes before the names of all topics.
    pub prefix: String,
    /// Goes before the names of the topics that are written; the same, but for a second team.
    pub outputs: String,
    /// `sink.transactional-id-prefix`; empty: none.
    pub ids: String,
    /// `tidegate.fence`.
    pub fence: &'static str,
    /// Of the job's transactions, ms.
    pub timeout: u32,
    /// Of its requests, ms.
    pub request: u32,
    /// How long its sinks may go by what they know of topics, ms.
    pub age: u32,
    /// More settings of the command line.
    pub args: String,
    dir: tempfile::TempDir,
}

impl Kill {
    /// Makes the topics on a broker.
    pub fn new(bootstrap: &str, name: &str) -> Kill {
        Self::behind(bootstrap, bootstrap, name)
    }

    /// The job reaches the broker at `bootstrap`, the test at `direct`.
    pub fn behind(direct: &str, bootstrap: &str, name: &str) -> Kill {
        let prefix = format!("{}.", broker::unique(name));
        let kill = Kill {
            direct: direct.to_owned(),
            bootstrap: bootstrap.to_owned(),
            source: None,
            outputs: prefix.clone(),
            prefix,
            ids: String::new(),
            fence: "topic",
            timeout: 10_000,
            request: 10_000,
            age: 300_000,
            args: String::new(),
            dir: tempfile::tempdir().expect("a directory"),
        };
        kafka_topics::create(direct, &kill.topic("events"), 2);
        kill.create_outputs();
        kill
    }

    /// Another team's job: the same name, input and sinks, but a state directory and output topics of
    /// its own.
    pub fn namesake(&self, team: &str) -> Kill {
        let kill = Kill {
            direct: self.direct.clone(),
            bootstrap: self.bootstrap.clone(),
            source: self.source.clone(),
            prefix: self.prefix.clone(),
            outputs: format!("{}{team}.", self.prefix),
            ids: String::new(),
            args: self.args.clone(),
            dir: tempfile::tempdir().expect("a directory"),
            ..*self
        };
        kill.create_outputs();
        kill
    }

    fn create_outputs(&self) {
        for name in OUTPUTS {
            kafka_topics::create(&self.direct, &self.topic(name), 2);
        }
    }

    /// The full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        let prefix = if OUTPUTS.contains(&name) { &self.outputs } else { &self.prefix };
        format!("{prefix}{name}")
    }

    /// The topic with the fence of a sink; or the group.
    pub fn fence_topic(&self, sink: &str) -> String {
        let ids = if self.ids.is_empty() { String::new() } else { format!("{}.", self.ids) };
        format!("_tidegate-fence.{ids}{}kill.{sink}", self.prefix)
    }

    /// Every fence record of a sink in order, as JSON.
    pub fn fences(&self, sink: &str) -> Vec<Value> {
        let topic = self.fence_topic(sink);
        kafka_topics::read_committed(&self.direct, &topic).iter().map(kafka_topics::Message::json).collect()
    }

    /// The fence of a sink as it stands, where there is one.
    pub fn newest_fence(&self, sink: &str) -> Option<Value> {
        if self.fence == "group" {
            let written = self.topic(OUTPUTS[SINKS.iter().position(|s| *s == sink).expect("a sink")]);
            let all = kafka_topics::group_metadata(&self.direct, &self.fence_topic(sink), &written);
            return all.into_iter().flatten().next().map(|text| serde_json::from_str(&text).expect("a fence"));
        }
        let is_there = kafka_topics::exists(&self.direct, &self.fence_topic(sink));
        if is_there { self.fences(sink).pop() } else { None }
    }

    /// The incarnation that owns all sinks, where one does.
    pub fn owner(&self) -> Option<String> {
        let incarnation = |f: Value| f["incarnation"].as_str().expect("an incarnation").to_owned();
        let [first, rest @ ..] = SINKS.map(|sink| self.newest_fence(sink).map(incarnation));
        first.filter(|owner| rest.iter().all(|other| other.as_ref() == Some(owner)))
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Another directory beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The job on a state directory, waiting for more.
    pub fn on(&self, state: &Path) -> Tidegate {
        let file = crate::root().join("integration-tests/jobs/kafka_kill.sql");
        let mut job = Tidegate::new(["run"]).arg(file).arg("--plain").arg("--state").arg(state);
        for (name, value) in [
            ("p", self.prefix.as_str()),
            ("out", &self.outputs),
            ("ids", &self.ids),
            ("fence", self.fence),
            ("kafka", &self.bootstrap),
            ("source", self.source.as_ref().unwrap_or(&self.bootstrap)),
            ("client", "kill-test"),
            ("timeout", &self.timeout.to_string()),
            ("request", &self.request.to_string()),
            ("age", &self.age.to_string()),
        ] {
            job = job.arg("--var").arg(format!("{name}={value}"));
        }
        job.args(&self.args)
    }

    /// The job, waiting for more.
    pub fn unbounded(&self) -> Tidegate {
        self.on(&self.state())
    }

    /// The job, reading to what is there.
    pub fn bounded(&self) -> Tidegate {
        self.unbounded().args("--until latest")
    }

    /// Puts events into the input, in turn into its two partitions.
    pub fn feed(&self, ids: std::ops::Range<i64>) {
        self.feed_into(ids, 2);
    }

    /// Puts events into the input, in turn into its first partitions.
    pub fn feed_into(&self, ids: std::ops::Range<i64>, partitions: i64) {
        let records = ids.map(|id| ((), event(id).to_string(), (id % partitions) as i32));
        kafka_topics::produce(&self.direct, &self.topic("events"), records);
    }

    fn values(&self, topic: &str) -> Vec<Value> {
        kafka_topics::read_committed(&self.direct, &self.topic(topic)).iter().map(kafka_topics::Message::json).collect()
    }

    /// How many events the newest committed totals count.
    pub fn counted(&self) -> i64 {
        let mut newest = BTreeMap::new();
        for v in self.values("totals") {
            newest.insert(oracle::who(&v), field(&v, "n"));
        }
        newest.values().sum()
    }

    /// Ids in the append log.
    pub fn copied(&self) -> Vec<i64> {
        self.values("copies").iter().map(|v| field(v, "id")).collect()
    }

    /// Runs `job` until events `0..count` are counted, then stops it.
    pub fn settle(&self, job: Tidegate, count: i64) -> Finished {
        settle::run_until(job, &format!("{count} events"), || self.counted() == count)
    }

    /// Waits until events `0..count` are counted; a job may have to wait for time-outs before.
    pub fn wait_counted(&self, running: &mut Running, count: i64) {
        let start = Instant::now();
        loop {
            let counted = self.counted();
            if counted == count {
                return;
            }
            assert!(running.is_running(), "{counted} of {count} events: it ended by itself: {}", running.stderr());
            assert!(start.elapsed() < PATIENCE, "{counted} of {count} events: {}", running.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs to the end of the input and checks every target against events `0..count`.
    pub fn finish(&self, count: i64) {
        self.bounded().start().wait(Duration::from_secs(90)).ok();
        self.check(count);
    }

    /// Checks every target against events `0..count`, all of them in closed windows.
    pub fn check(&self, count: i64) {
        oracle::copies(self.copied(), count);
        oracle::history(self.values("totals"), count);
        let minute = |v: &Value| (oracle::who(v), field(v, "n"), field(v, "total"));
        oracle::minutes(self.values("minutes").iter().map(minute), count);
    }
}
