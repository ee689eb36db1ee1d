//! A broker from before transactions.

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics;
use tidegate_integration_tests::old_broker::OldBroker;
use tidegate_integration_tests::process::Tidegate;

use super::{End, copy, fails, says};

#[test]
fn exactly_once_is_refused_and_at_least_once_works() {
    let Some(broker) = OldBroker::start() else { return };
    let job = KafkaJob::on(&broker.bootstrap(), "old");
    job.create("in", 1);
    job.create("out", 1);
    let command =
        |name: &str, topic: &str| Tidegate::new([name]).arg(job.full(topic)).arg("--bootstrap").arg(broker.bootstrap());
    let lines: String = (0..3).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    command("produce", "in").run_with_input(&lines).ok();
    assert_eq!(command("tail", "in").run().ok().stdout, lines);

    let (src, out) = (End::plain(&job, "in").with("properties.group.id", &job.full("g")), End::plain(&job, "out"));
    let said = fails(&job, "exactly", &copy(&src, &out), &[2]);
    says(&said, &["sink out", "the broker is too old for this", "'sink.delivery-guarantee' = 'at-least-once'"]);
    // The same where somebody has made the fence topic.
    kafka_topics::create(&job.direct, &job.fence_topic("made", "out"), 1);
    let said = fails(&job, "made", &copy(&src, &out), &[2]);
    says(&said, &["sink out", "the broker is too old for this", "exactly-once writes need Kafka 0.11 or newer"]);
    assert_eq!(command("tail", "out").run().ok().stdout, "");

    let plain = copy(&src, &out.with("sink.delivery-guarantee", "at-least-once"));
    job.bounded("plain", &plain).run().ok();
    assert_eq!(command("tail", "out").run().ok().stdout, lines);
    assert_eq!(kafka_topics::group_offsets(&job.direct, &job.full("g"), &job.full("in")), [Some(3)]);
}
