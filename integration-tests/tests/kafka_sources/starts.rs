//! Where a new job starts, and that an old one goes on where it was.

use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::settle::run_until;

use super::groups::{commit, committed};
use super::reading::{ALL, BEGIN, earliest, flink, from, ids, input, read, read_with, record, refused, says};

fn start(mode: &str) -> String {
    flink(&format!("'topic' = '${{p}}in', 'properties.group.id' = '${{p}}g', {mode}"))
}

#[test]
fn at_the_ends_at_a_time_and_at_given_offsets() {
    let Some(job) = input("starts") else { return };
    let (got, said) = read(&job, "earliest", &start("'scan.startup.mode' = 'earliest-offset'"));
    assert_eq!(got, ALL);
    assert!(!said.contains("existing records"), "{said}");

    let (got, said) = read(&job, "latest", &start("'scan.startup.mode' = 'latest-offset'"));
    assert_eq!(got, [] as [i64; 0]);
    says(&said, &["table src: starting behind 20 existing records; --from earliest reads them"]);

    let timestamp =
        |ms: i64| start(&format!("'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '{ms}'"));
    let (got, said) = read(&job, "time", &timestamp(BEGIN + 3500));
    assert_eq!(got, from(4));
    says(&said, &["starting behind 8 existing records"]);
    assert_eq!(read(&job, "long_ago", &timestamp(7)).0, ALL);
    assert_eq!(read(&job, "never", &timestamp(BEGIN + 60_000)).0, [] as [i64; 0], "after the newest: at the end");

    let offsets = |list: &str| {
        start(&format!("'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = '{list}'"))
    };
    let (got, said) = read(&job, "offsets", &offsets("partition:0,offset:8;partition:1,offset:9"));
    assert_eq!(got, [8, 9, 109]);
    says(&said, &["starting behind 17 existing records"]);
    let said = refused(&job, "beyond", &offsets("partition:0,offset:8;partition:1,offset:99"));
    says(&said, &["partition 1 has offsets 0 to 10: cannot start at 99", "help: start from earliest"]);
}

#[test]
fn at_the_offsets_of_a_group_or_as_its_fallback_says() {
    let Some(job) = input("groups") else { return };
    let group = |more: &str| start(&format!("'scan.startup.mode' = 'group-offsets'{more}"));
    let said = refused(&job, "fails", &group(""));
    says(&said, &[&format!("group '{}' has no offset for topic '{}' partition", job.full("g"), job.full("in"))]);
    says(&said, &["help: start from earliest, latest or a timestamp, or set auto.offset.reset"]);
    assert_eq!(read(&job, "first", &group(", 'properties.auto.offset.reset' = 'earliest'")).0, ALL);

    // Each run told the group where it ended: these groups have told nothing yet.
    let other =
        |g: &str, reset: &str| group(&format!(", 'properties.auto.offset.reset' = '{reset}'")).replace("${p}g", g);
    assert_eq!(read(&job, "last", &other("${p}g2", "latest")).0, [] as [i64; 0]);
    commit(&job, "g3", &[(0, 9), (1, 3)]);
    let (got, said) = read(&job, "stored", &other("${p}g3", "latest"));
    assert_eq!(got, [9, 103, 104, 105, 106, 107, 108, 109]);
    says(&said, &["starting behind 12 existing records"]);
    assert_eq!(committed(&job, "g3"), [Some(10), Some(10)], "told at the end");

    let said = refused(&job, "nobody", &flink("'topic' = '${p}in', 'scan.startup.mode' = 'group-offsets'"));
    says(&said, &["starting at group offsets needs a group id", "'properties.group.id'"]);
    commit(&job, "g4", &[(0, 99), (1, 3)]);
    let said = refused(&job, "cut", &other("${p}g4", "earliest"));
    says(&said, &["partition 0 has offsets 0 to 10: cannot start at the offset of group", "99"]);
}

#[test]
fn the_command_line_goes_before_the_table() {
    let Some(job) = input("from") else { return };
    let latest = start("'scan.startup.mode' = 'latest-offset'");
    assert_eq!(read_with(&job, "earliest", &latest, "--until latest --from earliest").0, ALL);
    let (got, said) = read_with(&job, "time", &latest, &format!("--until latest --from {}", BEGIN + 8000));
    assert_eq!(got, from(8));
    says(&said, &["starting behind 16 existing records"]);
}

/// After the first start no position is ever set again.
#[test]
fn an_old_job_goes_on_whatever_its_start_says_now() {
    let Some(job) = input("again") else { return };
    let until = |sql: &str, args: &str, count: usize| {
        let job_ = job.job("again", sql).args(args);
        run_until(job_, &format!("{count} rows"), || count_of(&job) == count).stderr
    };
    until(&earliest(", 'properties.group.id' = '${p}g'"), "", 20);
    job.produce("in", (10..15).map(|n| record(0, n)));
    // Even a group that is ahead does not matter: the job's own positions are older and win.
    commit(&job, "g", &[(0, 15), (1, 10)]);
    let latest = start("'scan.startup.mode' = 'latest-offset'");
    let said = until(&latest, "--from latest", 25);
    says(&said, &["--from is not used: the job goes on where it stopped; --fresh-state starts it anew"]);
    assert!(!said.contains("existing records"), "{said}");
    job.produce("in", [record(1, 10)]);
    commit(&job, "g", &[(0, 15), (1, 11)]);
    let said = until(&start("'scan.startup.mode' = 'group-offsets'"), "", 26);
    says(&said, &["going on after epoch"]);
    let mut want = from(0);
    want.extend((10..15).chain([110]));
    want.sort_unstable();
    assert_eq!(ids(&job), want, "every record once");
}

fn count_of(job: &KafkaJob) -> usize {
    tidegate_integration_tests::settle::number(&job.data(), "out", "COUNT(*)") as usize
}
