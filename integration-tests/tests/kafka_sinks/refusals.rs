//! Messages that are larger than the topic takes.

use serde_json::json;
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::{self, Record};

use super::{out, says, src};

/// Twenty rows, of which the eighth is too large for the topic `out`.
fn input(name: &str) -> Option<KafkaJob> {
    let job = KafkaJob::shared(name)?;
    job.create("in", 1);
    kafka_topics::create_with(&job.direct, &job.full("out"), 1, &[("max.message.bytes", "2000")]);
    let row = |id: i64| json!({"id": id, "v": "x".repeat(if id == 7 { 5000 } else { 300 })}).to_string();
    job.produce("in", (0..20).map(|id| Record::new(row(id))));
    Some(job)
}

fn copy(options: &str) -> String {
    src("id BIGINT, v STRING", "'format' = 'json'")
        + &out("id BIGINT, v STRING", &format!("'format' = 'json'{options}"))
        + "INSERT INTO out SELECT id, v FROM src;\n"
}

#[test]
fn a_message_that_is_too_large_stops_the_job_and_is_named() {
    let Some(job) = input("large") else { return };
    let said = job.bounded("large", &copy("")).run().fails_with(2);
    let topic = job.full("out");
    says(
        &said,
        &["sink out", "row 7:", &format!("larger than topic '{topic}' takes, at most 2000 (max.message.bytes)")],
    );
    says(&said, &["'tidegate.dead-letter'"]);
    // What comes before it may have been written in a transaction of its own; what comes after has not.
    let written = job.numbers("out", "id");
    assert_eq!(written, (0..written.len() as i64).collect::<Vec<_>>());
    assert!(written.len() <= 7, "{written:?}");
    // Nothing is forgotten: once the topic takes it, the next run writes it and the rest.
    let alter = ["--alter", "--topic", &topic, "--add-config", "max.message.bytes=100000"];
    let altered = tidegate_integration_tests::broker::tool(&job.direct, "configs", &alter, "").unwrap();
    assert!(altered.status.success(), "{altered:?}");
    job.bounded("large", &copy("")).run().ok();
    assert_eq!(job.numbers("out", "id"), (0..20).collect::<Vec<_>>());
}

#[test]
fn or_goes_to_the_dead_letters_and_the_rest_is_written() {
    let Some(job) = input("letters") else { return };
    let dead = "SET 'tidegate.on-error' = 'dead-letter';\nSET 'tidegate.dead-letter' = 'dead';\n\
                CREATE TABLE dead (reason STRING, class STRING, raw_value BYTES) WITH ('connector' = 'jdbc', \
                'url' = 'jdbc:mysql://h/x', 'table-name' = 'dead');\n";
    let said = job.bounded("letters", &format!("{dead}{}", copy(""))).run().ok().stderr;
    says(&said, &["1 dead letters", "counted refused:out: 1 (first: sink out lane 0 position 7: "]);
    let want: Vec<i64> = (0..20).filter(|id| *id != 7).collect();
    assert_eq!(job.numbers("out", "id"), want);
    let letters = job.rows("dead", "");
    assert_eq!((letters.len(), letters[0][1].as_str()), (1, Some("rejected")), "{letters:?}");
    says(letters[0][0].as_str().unwrap(), &["larger than topic", "at most 2000"]);
}

#[test]
fn or_is_left_out_where_the_job_says_so() {
    let Some(job) = input("ignored") else { return };
    let said = job.bounded("ignored", &copy("")).args("--set tidegate.on-error=ignore").run().ok().stderr;
    says(&said, &["1 ignored", "counted refused:out: 1 (first: sink out lane 0 position 7: "]);
    assert_eq!(job.numbers("out", "id"), (0..20).filter(|id| *id != 7).collect::<Vec<_>>());
}

/// The client's own limit counts too, where it is smaller.
#[test]
fn the_largest_request_of_the_client_is_a_limit_too() {
    let Some(job) = input("request") else { return };
    let said = job.bounded("request", &copy(", 'properties.max.request.size' = '1200'")).run().fails_with(2);
    says(&said, &["row 7:", "larger"]);
}
