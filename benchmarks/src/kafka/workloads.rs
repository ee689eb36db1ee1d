//! What each job reads and writes in Kafka, what Flink runs beside it, and what is wanted.

use tidegate_core::{Error, Result};

/// A job with Kafka at both ends.
pub struct Workload {
    /// As in [`crate::jobs::JOBS`].
    pub name: &'static str,
    /// The SQL, below `jobs/`.
    pub file: &'static str,
    /// For jobs whose file leaves the sink's options open: with `{out}` and `{brokers}` to be filled in.
    pub sink: Option<&'static str>,
    /// What the names of the output topics end in.
    pub outputs: &'static [&'static str],
    /// Whether two runs write the same messages: no, where a key's value is written as often as batches come.
    pub same_output: bool,
    /// Flink's file in the spelling as published.
    pub published: Form,
    /// The fastest form we know.
    pub tuned: Form,
    /// Share of the loop that decodes.
    pub of_decode: Option<f64>,
    /// Share of the loop that copies.
    pub of_copy: Option<f64>,
    /// Times the published form.
    pub times_published: Option<f64>,
    /// Times the tuned form.
    pub times_tuned: Option<f64>,
}

/// A job as Flink runs it.
pub struct Form {
    /// Below Flink's `jobs/`.
    pub file: &'static str,
    /// The producer waits for fuller batches: a third less CPU for Flink, an eighth for the broker.
    pub linger: bool,
    /// `-key=value` of Flink's configuration.
    pub settings: &'static [&'static str],
    /// The form is so slow that it gets only this part of the messages.
    pub divisor: u64,
}

const fn form(file: &'static str) -> Form {
    Form { file, linger: false, settings: &[], divisor: 1 }
}

const fn tuned(file: &'static str, settings: &'static [&'static str]) -> Form {
    Form { file, linger: true, settings, divisor: 1 }
}

const OBJECTS: &str = "-pipeline.object-reuse=true";
const MINI_BATCH: &[&str] = &[
    OBJECTS,
    "-table.exec.mini-batch.enabled=true",
    "-table.exec.mini-batch.allow-latency=1s",
    "-table.exec.mini-batch.size=20000",
];

const ONE: &[&str] = &[""];

static WORKLOADS: [Workload; 6] = [
    Workload {
        name: "a",
        file: "kafka/a.sql",
        sink: None,
        outputs: &["-1", "-2", "-3"],
        same_output: false,
        published: form("a_answer_counts.sql"),
        tuned: tuned("a_answer_counts.sql", MINI_BATCH),
        of_decode: Some(0.85),
        of_copy: None,
        times_published: None,
        times_tuned: Some(6.0),
    },
    Workload {
        name: "b1-nested",
        file: "b1_nested.sql",
        sink: Some("type = 'kafka011', topic = '{out}', bootstrap.servers = '{brokers}'"),
        outputs: ONE,
        same_output: true,
        published: Form { divisor: 15, ..form("b2_student_op_nested.sql") },
        tuned: Form { divisor: 15, ..tuned("b1_student_op_jsonvalue.sql", &[OBJECTS]) },
        of_decode: None,
        of_copy: Some(0.8),
        times_published: Some(100.0),
        times_tuned: None,
    },
    Workload {
        name: "b1-row",
        file: "b1_row.sql",
        sink: Some(
            "'connector' = 'kafka', 'topic' = '{out}', 'properties.bootstrap.servers' = '{brokers}', \
             'key.format' = 'raw', 'key.fields' = 'messageKey', 'value.format' = 'raw', \
             'value.fields-include' = 'EXCEPT_KEY'",
        ),
        outputs: ONE,
        same_output: true,
        published: form("b3_student_op_rowtype.sql"),
        tuned: tuned("b3_student_op_rowtype.sql", &[OBJECTS]),
        of_decode: None,
        of_copy: Some(0.8),
        times_published: None,
        times_tuned: Some(8.0),
    },
    Workload {
        name: "b3",
        file: "kafka/b3.sql",
        sink: None,
        outputs: ONE,
        same_output: true,
        published: form("c1_minute_count_jsonvalue.sql"),
        tuned: tuned("c2_minute_count_tvf.sql", &[OBJECTS]),
        of_decode: None,
        of_copy: None,
        times_published: None,
        times_tuned: Some(6.0),
    },
    Workload {
        name: "b5",
        file: "kafka/b5.sql",
        sink: None,
        outputs: ONE,
        same_output: true,
        published: form("d1_qos_jsonvalue.sql"),
        tuned: tuned("d2_qos_tvf.sql", &[OBJECTS]),
        of_decode: None,
        of_copy: None,
        times_published: None,
        times_tuned: Some(10.0),
    },
    Workload {
        name: "b7",
        file: "kafka/b7.sql",
        sink: None,
        outputs: ONE,
        same_output: false,
        published: form("e1_consultant_jsonvalue.sql"),
        tuned: tuned("e2_consultant_json.sql", MINI_BATCH),
        of_decode: None,
        of_copy: None,
        times_published: None,
        times_tuned: Some(20.0),
    },
];

/// The Kafka side of a job.
///
/// # Errors
/// A job without one.
pub fn of(name: &str) -> Result<&'static Workload> {
    let found = WORKLOADS.iter().find(|w| w.name == name);
    found.ok_or_else(|| Error::internal(format!("job '{name}' has no form for Kafka")))
}
