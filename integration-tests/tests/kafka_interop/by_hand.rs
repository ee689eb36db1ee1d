//! `tidegate produce`, `tail` and `query` on a cluster.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_integration_tests::broker::unique;
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics;
use tidegate_integration_tests::process::{Finished, Tidegate};
use tidegate_integration_tests::settle::{job_file, wait_until};

use super::says;

fn command(job: &KafkaJob, name: &str, args: &[&str]) -> Tidegate {
    args.iter().fold(Tidegate::new([name]), Tidegate::arg).arg("--bootstrap").arg(&job.bootstrap)
}

fn tail(job: &KafkaJob, args: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = command(job, "tail", args).run().ok().stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn query(job: &KafkaJob, sql: &str) -> Value {
    let said = command(job, "query", &[sql, "--format", "json"]).run().ok().stdout;
    said.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).collect()
}

#[test]
fn produce_and_tail() {
    let Some(job) = KafkaJob::shared("hand") else { return };
    let topic = job.full("t");
    let produce = |args: &[&str], lines: &str| -> Finished {
        command(&job, "produce", &[&[topic.as_str()], args].concat()).run_with_input(lines)
    };
    let said = produce(&[], "lost\n").fails_with(2);
    says(&said, &[&format!("topic '{topic}' does not exist")]);
    assert!(!kafka_topics::exists(&job.direct, &topic));

    let said = produce(&["--create", "3"], "one\n二\n\n").ok().stderr;
    says(&said, &[&format!("3 messages into topic '{topic}'")]);
    assert_eq!(kafka_topics::partitions(&job.direct, &topic), 3);
    assert_eq!(tail(&job, &[&topic]), ["", "one", "二"]);

    let envelopes =
        "{\"k\":\"键\",\"v\":\"{\\\"a\\\":1}\",\"p\":2}\n{\"k\":\"键\",\"v\":null}\n{\"v\":\"plain\",\"p\":0}\n";
    produce(&["--envelope"], envelopes).ok();
    let lines = tail(&job, &[&topic, "--envelope"]);
    let lines: Vec<Value> = lines.iter().map(|l| serde_json::from_str(l).unwrap()).collect();
    let has = |want: &Value| lines.iter().any(|l| l == want);
    assert!(has(&json!({"p": 2, "k": "键", "v": "{\"a\":1}"})), "{lines:?}");
    assert!(has(&json!({"p": 0, "k": null, "v": "plain"})), "{lines:?}");
    let tombstone = lines.iter().find(|l| l["v"].is_null()).unwrap();
    assert_eq!(tombstone["k"], "键");
    assert_eq!(lines.len(), 6);

    says(&produce(&["--envelope"], "{\"v\":\"x\"}\nnonsense\n").fails_with(2), &["line 2", "not an envelope"]);
    says(&produce(&["--envelope"], "{\"v\":\"x\",\"p\":3}\n").fails_with(2), &["3 partitions, no partition 3"]);
    says(&produce(&[], &"x".repeat(2_000_000)).fails_with(2), &["MessageSizeTooLarge", "max.message.bytes"]);
    assert_eq!(kafka_topics::read_committed(&job.direct, &topic).len(), 6, "nothing of these is there");
}

#[test]
fn tail_follows_and_sees_what_is_committed() {
    let Some(job) = KafkaJob::shared("tail") else { return };
    job.create("t", 1);
    let topic = job.full("t");
    job.produce("t", [((), "old", 0)]);
    assert_eq!(tail(&job, &[&topic, "--from", "latest"]), [] as [&str; 0]);
    let follow = command(&job, "tail", &[&topic, "--from", "latest", "--follow"]).start();
    let seen = |text: &str| follow.stdout().lines().any(|l| l == text);
    // Until it has found out where the topic ends nothing that is produced is behind that.
    let mut n = 0;
    wait_until("the first line", || {
        n += 1;
        job.produce("t", [((), format!("line {n}"), 0)]);
        !follow.stdout().is_empty()
    });
    let open = kafka_topics::dangling_transaction(&job.direct, &topic, &unique("open"));
    job.produce("t", [((), "after", 0)]);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!seen("dangling") && !seen("after") && !seen("old"), "{}", follow.stdout());
    open.commit();
    wait_until("what was committed", || seen("dangling") && seen("after"));
    says(&command(&job, "tail", &[&job.full("u")]).run().fails_with(2), &["does not exist", &topic]);
}

#[test]
fn query_sees_every_topic_and_the_tables_of_a_job() {
    let Some(job) = KafkaJob::shared("query") else { return };
    let topic = job.full("answers");
    job.create("answers", 2);
    job.produce("answers", (0..100).map(|i| (format!("k{}", i % 4), format!(r#"{{"score":{i}}}"#), i % 2)));
    let sql = format!(
        "SELECT message_key AS k, COUNT(*) AS n, SUM(CAST(JSON_VALUE(message, '$.score') AS INT)) AS total, \
         MIN(`offset`) AS first FROM `{topic}` GROUP BY message_key"
    );
    let mut rows = query(&job, &sql);
    rows.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    let total = |r: i64| (0..25).map(|i| i * 4 + r).sum::<i64>();
    let row = |r: i64| json!({"k": format!("k{r}"), "n": 25, "total": total(r), "first": r / 2});
    assert_eq!(rows, json!([row(0), row(1), row(2), row(3)]));
    let filtered = query(&job, &format!("SELECT `partition`, `offset` FROM `{topic}` WHERE message_key IS NULL"));
    assert_eq!(filtered, json!([]));

    let file = job_file(
        &job.data(),
        "tables",
        "CREATE TABLE answers (score INT, `partition` INT METADATA VIRTUAL) WITH ('connector' = 'kafka', \
         'topic' = '${p}answers', 'properties.bootstrap.servers' = '${kafka}', 'scan.startup.mode' = 'latest-offset', \
         'format' = 'json');",
    );
    let out = command(&job, "query", &["SELECT `partition`, AVG(score) FROM answers GROUP BY `partition`"])
        .arg("--tables")
        .arg(&file)
        .arg("--var")
        .arg(format!("p={}", job.prefix))
        .arg("--var")
        .arg(format!("kafka={}", job.bootstrap))
        .args("--format csv")
        .run()
        .ok()
        .stdout;
    let mut lines: Vec<&str> = out.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0,49", "1,50"]);
    let said = command(&job, "query", &[&format!("SELECT * FROM `{topic}s`")]).run().fails_with(2);
    says(&said, &[&format!("did you mean '{topic}'?")]);
}
