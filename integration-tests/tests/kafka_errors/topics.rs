//! Topics that are not there.

use tidegate_integration_tests::process::Tidegate;

use super::{End, broker, command_fails, copy, fails, says, topics};

#[test]
fn a_topic_that_does_not_exist_is_named_with_the_nearest() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "topics");
    let (src, out) = (End::plain(&job, "in"), End::plain(&job, "out"));
    let (input, output) = (job.full("in"), job.full("out"));
    let said = fails(&job, "in", &copy(&src.clone().topic(&format!("{input}n")), &out), &[2]);
    says(&said, &["table src", &format!("topic '{input}n' does not exist"), &format!("did you mean '{input}'?")]);
    let said = fails(&job, "out", &copy(&src, &out.clone().topic(&format!("{output}t"))), &[2]);
    says(&said, &["table out", &format!("topic '{output}t' does not exist"), &format!("did you mean '{output}'?")]);
    says(&said, &["SET 'tidegate.create-topics' = 'true'"]);
    for command in ["tail", "produce"] {
        let command = Tidegate::new([command]).arg(format!("{input}n")).arg("--bootstrap").arg(&job.direct);
        says(&command_fails(command, &[2]), &["does not exist", &format!("did you mean '{input}'?")]);
    }
    let invalid = copy(&src, &out.topic("no blanks, please"));
    says(&fails(&job, "invalid", &invalid, &[2]), &["is not the name of a topic"]);
}
