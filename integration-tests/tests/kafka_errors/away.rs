//! A broker that goes away under a running job: it waits, and a stop is heard all the same.

use std::time::{Duration, Instant};

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::Record;
use tidegate_integration_tests::process::Running;
use tidegate_integration_tests::settle::wait_while_running;

use super::{End, copy};

/// A stop waits some seconds for sinks that have rows to come, and a little more for calls under way; the
/// rest is what a busy machine adds.
const STOP: Duration = Duration::from_secs(8);

/// A job whose source, sink or both are behind the proxy.
struct Case {
    name: &'static str,
    job: KafkaJob,
    sql: String,
}

impl Case {
    fn new(direct: &str, proxy: &str, name: &'static str) -> Case {
        let job = super::topics(direct, name);
        let end = |topic: &str, away: bool| End::plain(&job, topic).at(if away { proxy } else { direct });
        let sql = copy(&end("in", name != "sink"), &end("out", name != "source"));
        Case { name, job, sql }
    }
    fn start(&self) -> Running {
        self.job.job(self.name, &self.sql).start()
    }
    fn wait_rows(&self, running: &mut Running, count: usize) {
        wait_while_running(running, self.name, || self.job.read("out").len() == count);
    }
}

/// SIGTERM has to end it in time.
fn stops(running: Running, name: &str) -> String {
    running.terminate();
    let end = running.wait(STOP);
    assert!(matches!(end.status.code(), Some(0 | 3)), "{name}: {:?}: {}", end.status, end.stderr);
    end.stderr
}

#[test]
fn a_stop_is_heard_while_the_broker_is_away() {
    let Some((broker, proxy)) = super::both() else { return };
    let cases = ["source", "sink", "both"].map(|name| Case::new(&broker.bootstrap(), &proxy.bootstrap(), name));
    let mut running: Vec<Running> = cases.iter().map(Case::start).collect();
    for (case, running) in cases.iter().zip(&mut running) {
        case.wait_rows(running, 3);
    }
    proxy.refuse(true);
    proxy.cut_all();
    // Rows for the sink are decided and wait; the source cannot be read.
    for case in &cases {
        case.job.produce("in", (3..6).map(|id| Record::new(format!(r#"{{"id":{id}}}"#))));
    }
    std::thread::sleep(Duration::from_secs(2));
    std::thread::scope(|scope| {
        for (case, mut running) in cases.iter().zip(running) {
            assert!(running.is_running(), "{}: it must wait for the broker: {}", case.name, running.stderr());
            scope.spawn(move || {
                let said = stops(running, case.name);
                if case.name == "sink" {
                    for part in ["3 rows for sink out: ", "kept in the state directory", "the next run commits it"] {
                        assert!(said.contains(part), "{part}: {said}");
                    }
                }
            });
        }
    });
    proxy.refuse(false);
    // Nothing is lost: the next run goes on from there.
    for case in &cases {
        let mut running = case.start();
        case.wait_rows(&mut running, 6);
        stops(running, case.name);
        assert_eq!(case.job.numbers("out", "id"), [0, 1, 2, 3, 4, 5], "{}", case.name);
    }
}

/// Where nobody has answered yet there is nothing to commit: it ends at once.
#[test]
fn a_stop_is_heard_while_the_start_waits() {
    let Some(broker) = super::broker() else { return };
    let job = super::topics(&broker.bootstrap(), "start");
    let sql = copy(&End::plain(&job, "in").at("127.0.0.1:1"), &End::plain(&job, "out"));
    let running = job.job("start", &sql).start();
    std::thread::sleep(Duration::from_millis(700));
    let started = Instant::now();
    running.terminate();
    let end = running.wait(STOP);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Ended by the signal, or by itself because it heard it.
    assert!(matches!(end.status.code(), None | Some(0 | 3)), "{:?}", end.status);
}
