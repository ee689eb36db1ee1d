//! What a broker limits.

use super::{End, broker, copy, fails, says, topics};

#[test]
fn a_transaction_timeout_above_the_brokers_maximum() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "timeout");
    let out = End::plain(&job, "out").with("properties.transaction.timeout.ms", "1000000");
    let said = fails(&job, "timeout", &copy(&End::plain(&job, "in"), &out), &[2]);
    says(&said, &["sink out", "InvalidTransactionTimeout", "transaction.max.timeout.ms is smaller"]);
    assert_eq!(job.read("out").len(), 0);
}

#[test]
fn a_message_that_is_too_large() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "large");
    let long = format!(r#"{{"id":3,"more":"{}"}}"#, "x".repeat(1_200_000));
    // The topic `in` takes it because it was made to.
    tidegate_integration_tests::kafka_topics::create_with(
        &job.direct,
        &job.full("large"),
        1,
        &[("max.message.bytes", "3000000")],
    );
    let sql = copy(&End::plain(&job, "large"), &End::plain(&job, "out"))
        .replace("(id BIGINT)", "(id BIGINT, more STRING)")
        .replace("SELECT id FROM", "SELECT id, more FROM");
    let large = tidegate_integration_tests::process::Tidegate::new(["produce"])
        .arg(job.full("large"))
        .arg("--bootstrap")
        .arg(&job.direct)
        .args("--property max.request.size=3000000")
        .run_with_input(&format!("{long}\n"));
    large.ok();
    let said = fails(&job, "large", &sql, &[2]);
    says(&said, &["sink out", "row 0:", "is larger than topic", "max.message.bytes"]);
}
