//! A cluster that cannot be reached, does not let us in, or does not take what we send: each is an error
//! that says what to do, in time, without a secret in it, and nothing hangs at the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod away;
mod connecting;
mod limits;
mod old;
mod rights;
mod topics;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tidegate_integration_tests::broker::{ALICE, BOB, Broker, Settings};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::Record;
use tidegate_integration_tests::process::{Finished, Tidegate};
use tidegate_integration_tests::proxy::Proxy;

/// Every call to a cluster may take this long.
const CALL_MS: u32 = 3000;
/// The longest an error may take: several calls, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(20);
/// A password that no user has.
const WRONG: &str = "wr0ng-s3cret";

/// One broker for all of them, with rights, and a proxy in front of one of its listeners. They end with
/// this process.
fn both() -> Option<&'static (Broker, Proxy)> {
    static BROKER: OnceLock<Option<(Broker, Proxy)>> = OnceLock::new();
    let start = || {
        let reserved = Proxy::reserve();
        let broker = Broker::start(Settings::new().acl().proxied(reserved.port()))?;
        let proxy = reserved.start(&broker.proxy_listener());
        Some((broker, proxy))
    };
    BROKER.get_or_init(start).as_ref()
}

fn broker() -> Option<&'static Broker> {
    both().map(|(broker, _)| broker)
}

/// One end of a job.
#[derive(Clone)]
struct End {
    bootstrap: String,
    topic: String,
    /// More options, each with a comma before it.
    options: String,
}

impl End {
    /// The topic `in` or `out` of a broker's plain listener.
    fn plain(job: &KafkaJob, topic: &str) -> End {
        End { bootstrap: job.direct.clone(), topic: job.full(topic), options: String::new() }
    }
    /// The same elsewhere.
    fn at(mut self, bootstrap: &str) -> End {
        bootstrap.clone_into(&mut self.bootstrap);
        self
    }
    fn topic(mut self, topic: &str) -> End {
        topic.clone_into(&mut self.topic);
        self
    }
    /// With one more option.
    fn with(mut self, name: &str, value: &str) -> End {
        self.options += &format!(", '{name}' = '{value}'");
        self
    }
    /// As a user, over a listener that is not encrypted unless there is an authority.
    fn user(self, (name, password): (&str, &str), protocol: &str) -> End {
        let jaas = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"{name}\" password=\"{password}\";"
        );
        self.with("properties.security.protocol", protocol)
            .with("properties.sasl.mechanism", "PLAIN")
            .with("properties.sasl.jaas.config", &jaas)
    }
}

/// A job from one end to the other.
fn copy(src: &End, out: &End) -> String {
    let table = |name: &str, end: &End, more: &str| {
        format!(
            "CREATE TABLE {name} (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '{}', \
             'properties.bootstrap.servers' = '{}', 'format' = 'json'{more}{});\n",
            end.topic, end.bootstrap, end.options
        )
    };
    let from = format!(", 'scan.startup.mode' = 'earliest-offset', 'properties.default.api.timeout.ms' = '{CALL_MS}'");
    let from = if src.options.contains("scan.startup.mode") {
        from.replace("'scan.startup.mode' = 'earliest-offset', ", "")
    } else {
        from
    };
    let to = format!(", 'properties.max.block.ms' = '{CALL_MS}'");
    table("src", src, &from) + &table("out", out, &to) + "INSERT INTO out SELECT id FROM src;\n"
}

/// The topics `in`, with three rows, and `out`.
fn topics(bootstrap: &str, name: &str) -> KafkaJob {
    let job = KafkaJob::on(bootstrap, name);
    job.create("in", 1);
    job.create("out", 1);
    job.produce("in", (0..3).map(|id| Record::new(format!(r#"{{"id":{id}}}"#))));
    job
}

/// Runs a job that has to fail in time with one of these exit codes, and gives what it said.
fn fails(job: &KafkaJob, name: &str, sql: &str, codes: &[i32]) -> String {
    let started = Instant::now();
    let end = job.bounded(name, sql).start().wait(PATIENCE);
    failed(name, end, started, codes)
}

/// The same for `tail`, `produce` and `query`.
fn command_fails(command: Tidegate, codes: &[i32]) -> String {
    let started = Instant::now();
    let end = command.run_with_input("line\n");
    failed("command", end, started, codes)
}

fn failed(name: &str, end: Finished, started: Instant, codes: &[i32]) -> String {
    let took = started.elapsed();
    let Finished { status, stdout, stderr } = end;
    assert!(took < PATIENCE, "{name} took {took:?}: {stderr}");
    assert!(status.code().is_some_and(|c| codes.contains(&c)), "{name}: {status}: {stderr}");
    for secret in [ALICE.1, BOB.1, WRONG] {
        assert!(!stderr.contains(secret) && !stdout.contains(secret), "{name}: a secret in {stderr}");
    }
    assert!(stderr.contains("help: "), "{name}: what is to be done? {stderr}");
    stderr
}

/// Fails unless all of these are in a text.
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}
