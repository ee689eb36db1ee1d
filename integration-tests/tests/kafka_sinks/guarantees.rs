//! Exactly once by default, at least once where it is asked for: what `explain` says, what is done.

use std::process::Output;

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::{broker, kafka_topics};

use super::{out, says, target};

fn job(options: &str) -> String {
    out("id BIGINT", &format!("'format' = 'json'{options}")) + "INSERT INTO out VALUES (1), (2), (3);\n"
}

fn explained(job: &KafkaJob, name: &str, sql: &str) -> String {
    let said = job.command("explain", name, sql).run().ok().stdout;
    let line = said.lines().find(|l| l.contains("guarantee:")).unwrap_or_else(|| panic!("{said}"));
    line.trim().to_owned()
}

#[test]
fn exactly_once_unless_asked_otherwise() {
    let Some(here) = target("exactly", 2) else { return };
    for (name, options) in [("default", ""), ("asked", ", 'sink.delivery-guarantee' = 'exactly-once'")] {
        let sql = job(options);
        assert!(explained(&here, name, &sql).starts_with("guarantee: exactly once"));
        here.job(name, &sql).args("--set tidegate.require=exactly-once").run().ok();
        assert!(kafka_topics::exists(&here.direct, &here.fence_topic(name, "out")), "{name}");
    }
    assert_eq!(here.numbers("out", "id"), [1, 1, 2, 2, 3, 3], "by two jobs");
    let all = kafka_topics::read_uncommitted(&here.direct, &here.full("out"));
    assert_eq!(all.len(), 6, "nothing was aborted");
    // The fence is compacted and never expires.
    let fences = kafka_topics::read_committed(&here.direct, &here.fence_topic("default", "out"));
    let newest = fences.last().unwrap();
    assert_eq!(newest.json()["position"], 3, "{}", newest.text());
    let topic = here.fence_topic("default", "out");
    let described = broker::tool(&here.direct, "topics", &["--describe", "--topic", &topic], "").unwrap();
    says(&text(&described), &["cleanup.policy=compact"]);
}

/// Where no topic may be made: no topic is, and `explain` says what that costs.
#[test]
fn a_fence_in_a_group() {
    let Some(here) = target("group", 2) else { return };
    let sql = job(", 'tidegate.fence' = 'group'");
    let said = here.command("explain", "group", &sql).run().ok().stdout;
    says(&said, &["guarantee: exactly once", "limit: ", "offsets.retention.minutes", "--reset-fence"]);
    here.job("group", &sql).args("--set tidegate.require=exactly-once").run().ok();
    assert_eq!(here.numbers("out", "id"), [1, 2, 3]);
    let fence = here.fence_topic("group", "out");
    assert!(!kafka_topics::exists(&here.direct, &fence));
    let [newest, other] = &kafka_topics::group_metadata(&here.direct, &fence, &here.full("out"))[..] else { panic!() };
    assert!(newest.as_ref().is_some_and(|f| f.contains(r#""position":3"#)) && other.is_none(), "{newest:?} {other:?}");
    let said = here.job("group", &job(", 'tidegate.fence' = 'grupp'")).run().fails_with(2);
    says(&said, &["tidegate.fence", "topic", "group"]);
}

#[test]
fn at_least_once_writes_no_fence() {
    let Some(here) = target("atleast", 2) else { return };
    let sql = job(", 'sink.delivery-guarantee' = 'at-least-once'");
    says(&explained(&here, "atleast", &sql), &["guarantee: at least once", "as the table asks"]);
    let said = here.job("required", &sql).args("--set tidegate.require=exactly-once").run().fails_with(2);
    says(&said, &["exactly-once"]);
    here.job("atleast", &sql).run().ok();
    assert_eq!(here.numbers("out", "id"), [1, 2, 3]);
    assert!(!kafka_topics::exists(&here.direct, &here.fence_topic("atleast", "out")));
}

/// The prefix of Flink's option goes before everything that a broker's administrator may grant by prefix.
#[test]
fn a_transactional_id_prefix() {
    let Some(here) = target("prefix", 1) else { return };
    here.job("job", &job(", 'sink.transactional-id-prefix' = '${p}team'")).run().ok();
    assert_eq!(here.numbers("out", "id"), [1, 2, 3]);
    let (team, name) = (here.full("team"), here.full("job"));
    assert!(kafka_topics::exists(&here.direct, &format!("_tidegate-fence.{team}.{name}.out")));
    assert!(!kafka_topics::exists(&here.direct, &here.fence_topic("job", "out")));
    let listed = text(&broker::tool(&here.direct, "txns", &["list"], "").unwrap());
    says(&listed, &[&format!("{team}-{name}-out-0")]);
    assert!(!listed.contains(&format!("tidegate-{name}-out-0")), "{listed}");
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
