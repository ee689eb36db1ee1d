//! Where a bounded read ends.

use std::time::Duration;

use super::groups::commit;
use super::reading::{ALL, BEGIN, before, earliest, input, read_with, record, refused, says};

fn bounded(mode: &str) -> String {
    earliest(&format!(", 'properties.group.id' = '${{p}}g', 'scan.bounded.mode' = {mode}"))
}

#[test]
fn at_the_end_at_a_time_and_at_given_offsets() {
    let Some(job) = input("bounds") else { return };
    let read = |name: &str, sql: &str| read_with(&job, name, sql, "").0;
    assert_eq!(read("latest", &bounded("'latest-offset'")), ALL);
    let timestamp = |ms: i64| bounded(&format!("'timestamp', 'scan.bounded.timestamp-millis' = '{ms}'"));
    assert_eq!(read("time", &timestamp(BEGIN + 4000)), before(4), "that time itself is left out");
    assert_eq!(read("never", &timestamp(BEGIN + 600_000)), ALL);
    assert_eq!(read("long_ago", &timestamp(7)), [] as [i64; 0]);
    let offsets = |list: &str| bounded(&format!("'specific-offsets', 'scan.bounded.specific-offsets' = '{list}'"));
    assert_eq!(read("offsets", &offsets("partition:0,offset:2;partition:1,offset:0")), [0, 1]);
    commit(&job, "g", &[(0, 1), (1, 3)]);
    assert_eq!(read("group", &bounded("'group-offsets'")), [0, 100, 101, 102]);

    let said = refused(&job, "missing", &bounded("'timestamp'"));
    says(&said, &["'scan.bounded.mode' = 'timestamp' needs 'scan.bounded.timestamp-millis'"]);
}

/// The end is where the topic ended when the job first started, and it is final.
#[test]
fn an_end_is_kept_across_restarts() {
    let Some(job) = input("kept") else { return };
    let sql = bounded("'latest-offset'");
    let mut killed = job.job("kept", &sql).env("TIDEGATE_FAILPOINT", "decide.after_fsync:1").start();
    while killed.is_running() {
        std::thread::sleep(Duration::from_millis(20));
    }
    job.produce("in", (10..15).map(|n| record(0, n)));
    let again = |sql: &str| job.job("kept", sql).run().ok().stderr;
    again(&sql);
    assert_eq!(super::reading::ids(&job), ALL);
    says(&again(&sql), &["all input has been read to its end before", "--fresh-state starts anew"]);
    assert_eq!(super::reading::ids(&job), ALL);
}
