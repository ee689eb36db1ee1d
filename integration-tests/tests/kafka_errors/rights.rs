//! A user who may not do what the job needs: the right that is missing is named.

use tidegate_integration_tests::broker::{BOB, Broker};
use tidegate_integration_tests::kafka_acls::{Operation, Resource, allow};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics;
use tidegate_integration_tests::process::Tidegate;

use super::{End, broker, command_fails, copy, fails, says, topics};

use Operation::{Create, Describe, Read, Write};

fn as_bob(broker: &Broker, end: End) -> End {
    end.at(&broker.sasl_plaintext()).user(BOB, "SASL_PLAINTEXT")
}

#[test]
fn reading() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "reading");
    let topic = |name: &str| Resource::topic(&job.full(name));
    job.create("seen", 1);
    job.produce("seen", [((), r#"{"id":1}"#, 0)]);
    job.create("hidden", 1);
    allow(&job.direct, BOB.0, &[(topic("seen"), &[Describe]), (topic("in"), &[Read])]);
    let out = End::plain(&job, "out");
    let src = |name: &str| as_bob(broker, End::plain(&job, name));
    for name in ["hidden", "seen"] {
        let said = fails(&job, name, &copy(&src(name), &out), &[2]);
        says(
            &said,
            &["table src", &job.full(name), "TopicAuthorizationFailed", "needs READ and DESCRIBE on topics it reads"],
        );
    }
    let command = Tidegate::new(["tail"]).arg(job.full("hidden")).arg("--bootstrap").arg(broker.sasl_plaintext());
    let properties =
        ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.username=bob", "sasl.password=bob-secret"];
    let command = properties.iter().fold(command, |c, p| c.arg("--property").arg(p));
    says(&command_fails(command, &[2]), &["TopicAuthorizationFailed"]);

    let group = |mode: &str| {
        let src = src("in").with("properties.group.id", &job.full("g")).with("scan.startup.mode", mode);
        copy(&src.with("properties.auto.offset.reset", "earliest"), &out)
    };
    let said = fails(&job, "group", &group("group-offsets"), &[2]);
    says(&said, &["table src", &format!("offsets of group '{}'", job.full("g")), "GroupAuthorizationFailed"]);
    says(&said, &["help: the user of this client needs READ on the consumer group"]);
    // Where the group is only told, the job runs all the same, and says once what is missing.
    let said = job.bounded("told", &group("earliest-offset")).run().ok().stderr;
    assert_eq!(said.matches("GroupAuthorizationFailed").count(), 1, "{said}");
    assert_eq!(job.numbers("out", "id"), [0, 1, 2]);
}

/// The sink's rights, one missing at a time, and all of them as the documentation lists them.
#[test]
fn writing() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "writing");
    job.create("locked", 1);
    let fences = |name: &str| Resource::topic(&format!("_tidegate-fence.{}.", job.full(name))).prefixed();
    let transactions = |name: &str| Resource::transactional_id(&format!("tidegate-{}-", job.full(name))).prefixed();
    let all: &[Operation] = &[Create, Read, Write];
    allow(
        &job.direct,
        BOB.0,
        &[
            (Resource::topic(&job.full("out")), &[Write]),
            (Resource::topic(&job.full("locked")), &[Describe]),
            (transactions("granted"), &[Write]),
            (fences("granted"), all),
            (transactions("locked"), &[Write]),
            (fences("locked"), all),
            (fences("no_transactions"), all),
            (transactions("no_fence"), &[Write]),
            (transactions("no_new_fence"), &[Write]),
            (fences("no_new_fence"), &[Describe]),
            (transactions("no_fence_write"), &[Write]),
            (fences("no_fence_write"), &[Create, Read]),
            (transactions("no_fence_read"), &[Write]),
            (fences("no_fence_read"), &[Create, Write]),
        ],
    );
    let cases: [(&str, &str, &[&str]); 6] = [
        ("locked", "locked", &["TopicAuthorizationFailed", "WRITE and DESCRIBE on topics it writes"]),
        (
            "no_transactions",
            "out",
            &["TransactionalIdAuthorizationFailed", "needs WRITE and DESCRIBE on its transactional ids"],
        ),
        ("no_fence", "out", &["TopicAuthorizationFailed", "on topics '_tidegate-fence.*'"]),
        (
            "no_new_fence",
            "out",
            &[
                "creating topic '_tidegate-fence.",
                "let this user create it, or create it yourself",
                "'tidegate.fence' = 'group'",
            ],
        ),
        ("no_fence_write", "out", &["TopicAuthorizationFailed", "on topics '_tidegate-fence.*'"]),
        ("no_fence_read", "out", &["TopicAuthorizationFailed", "on topics '_tidegate-fence.*'"]),
    ];
    let sql = |topic: &str| copy(&End::plain(&job, "in"), &as_bob(broker, End::plain(&job, topic)));
    for (name, topic, parts) in cases {
        let said = fails(&job, name, &sql(topic), &[2]);
        says(&said, parts);
        says(&said, &["sink out"]);
    }
    assert_eq!(job.read("out").len() + job.read("locked").len(), 0, "nothing has been written");
    job.bounded("granted", &sql("out")).run().ok();
    assert_eq!(job.numbers("out", "id"), [0, 1, 2]);
    at_least_once(broker, &job);
}

/// Without transactions less is needed: no transactional id and no fence topic.
fn at_least_once(broker: &Broker, job: &KafkaJob) {
    let out = |topic: &str| as_bob(broker, End::plain(job, topic)).with("sink.delivery-guarantee", "at-least-once");
    let said = fails(job, "plain_locked", &copy(&End::plain(job, "in"), &out("locked")), &[2]);
    says(&said, &["sink out", "TopicAuthorizationFailed"]);
    job.bounded("plain", &copy(&End::plain(job, "in"), &out("out"))).run().ok();
    assert_eq!(job.numbers("out", "id"), [0, 0, 1, 1, 2, 2]);
    assert!(!kafka_topics::exists(&job.direct, &job.fence_topic("plain", "out")));
}

/// A user who may make no topic keeps the fence in a group; what is missing for that is named.
#[test]
fn a_fence_in_a_group() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "in_a_group");
    job.create("unread", 1);
    let group = |name: &str| Resource::group(&format!("_tidegate-fence.{}.out", job.full(name)));
    let transactions = |name: &str| Resource::transactional_id(&format!("tidegate-{}-", job.full(name))).prefixed();
    allow(
        &job.direct,
        BOB.0,
        &[
            (Resource::topic(&job.full("out")), &[Write, Read]),
            (Resource::topic(&job.full("unread")), &[Write]),
            (transactions("granted"), &[Write]),
            (group("granted"), &[Read]),
            (transactions("no_group"), &[Write]),
            (transactions("no_read"), &[Write]),
            (group("no_read"), &[Read]),
        ],
    );
    let sql = |topic: &str| {
        let out = as_bob(broker, End::plain(&job, topic)).with("tidegate.fence", "group");
        copy(&End::plain(&job, "in"), &out)
    };
    let said = fails(&job, "no_group", &sql("out"), &[2]);
    says(&said, &["sink out", "GroupAuthorizationFailed", "needs READ on the consumer group"]);
    let said = fails(&job, "no_read", &sql("unread"), &[2]);
    says(&said, &["sink out", "TopicAuthorizationFailed", "'tidegate.fence' = 'group' READ"]);
    assert_eq!(job.read("out").len() + job.read("unread").len(), 0, "nothing has been written");
    job.bounded("granted", &sql("out")).run().ok();
    assert_eq!(job.numbers("out", "id"), [0, 1, 2]);
    assert!(!kafka_topics::exists(&job.direct, &job.fence_topic("granted", "out")));
}
