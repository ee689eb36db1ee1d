//! A job whose SQL changes between runs keeps what still fits, and says what does not. And what the
//! command line may say about starts and ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_integration_tests::process::Tidegate;
use tidegate_integration_tests::settle::{job_file, number, run_until};
use tidegate_integration_tests::{root, table_rows, topics};

const FIRST: &str = "INSERT INTO first_log SELECT id, who FROM visits;";
const SECOND: &str = "INSERT INTO second_log SELECT id, who FROM visits;";
const COUNT: &str = "INSERT INTO per_who SELECT who, COUNT(*) FROM visits GROUP BY who;";
const TABLE: &str = "INSERT INTO plain_table SELECT id, who FROM visits;";

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Fixture { dir: tempfile::tempdir().unwrap() }
    }
    fn data(&self) -> &Path {
        self.dir.path()
    }
    fn file(&self, inserts: &[&str]) -> PathBuf {
        let tables = std::fs::read_to_string(root().join("integration-tests/jobs/changed.sql")).unwrap();
        job_file(self.data(), "changed", &format!("{tables}{}\n", inserts.join("\n")))
    }
    fn job(&self, inserts: &[&str]) -> Tidegate {
        Tidegate::job(&self.file(inserts), self.data())
    }
    /// Visits `ids`, by two people in turn, in three rooms.
    fn feed(&self, ids: std::ops::Range<i64>) {
        let lines: Vec<String> =
            ids.map(|i| format!(r#"{{"id":{i},"who":"p{}","room":"r{}"}}"#, i % 2, i % 3)).collect();
        topics::produce_values(self.data(), "visits", lines.iter().map(String::as_str));
    }
    /// Runs until everything has reached `topic`, and stops.
    fn settle(&self, inserts: &[&str], topic: &str, rows: usize) -> String {
        run_until(self.job(inserts), topic, || self.ids(topic).len() == rows).stderr
    }
    fn ids(&self, topic: &str) -> Vec<i64> {
        if !self.data().join("logs").join(topic).exists() {
            return Vec::new();
        }
        let mut ids: Vec<i64> = topics::read(self.data(), topic)
            .iter()
            .filter_map(|m| serde_json::from_str::<Value>(m.value.as_deref()?).ok()?["id"].as_i64())
            .collect();
        ids.sort_unstable();
        ids
    }
    fn counts(&self) -> BTreeMap<String, i64> {
        let rows = table_rows(self.data(), "per_who", "who");
        rows.iter().map(|r| (r[0].as_str().unwrap().to_owned(), r[1].as_i64().unwrap())).collect()
    }
}

fn counts(p0: i64, p1: i64) -> BTreeMap<String, i64> {
    BTreeMap::from([("p0".to_owned(), p0), ("p1".to_owned(), p1)])
}

#[test]
fn an_added_insert_starts_empty_at_the_current_positions() {
    let f = Fixture::new();
    f.feed(0..10);
    f.settle(&[FIRST], "first_log", 10);
    f.feed(10..20);
    let said = f.job(&[FIRST, SECOND, COUNT]).args("--until latest").run().ok().stderr;
    assert!(
        said.contains("what is new in it starts at the current positions, with empty state: GroupAggregate(who)"),
        "{said}"
    );
    for sink in ["second_log", "per_who"] {
        let note = format!("sink {sink} is new: it starts with empty state at the current positions");
        assert_eq!(said.matches(&note).count(), 1, "{said}");
    }
    assert_eq!(f.ids("first_log"), (0..20).collect::<Vec<_>>());
    assert_eq!(f.ids("second_log"), (10..20).collect::<Vec<_>>());
    assert_eq!(f.counts(), counts(5, 5));
}

#[test]
fn a_removed_insert_is_drained_with_the_options_it_had() {
    for drop in [false, true] {
        let f = Fixture::new();
        f.feed(0..10);
        f.settle(&[FIRST, TABLE], "first_log", 10);
        f.feed(10..20);
        let killed = f.job(&[FIRST, TABLE]).env("TIDEGATE_FAILPOINT", "decide.after_fsync:1").run();
        assert!(killed.status.code().is_none(), "{}", killed.stderr);
        assert_eq!(number(f.data(), "plain_table", "count(*)"), 10);

        let job = f.job(&[FIRST]).args("--until latest");
        let said = if drop { job.arg("--drop-pending") } else { job }.run().ok().stderr;
        assert!(said.contains("plain_table"), "{said}");
        assert_eq!(f.ids("first_log"), (0..20).collect::<Vec<_>>());
        let rows = number(f.data(), "plain_table", "count(*)");
        if drop {
            assert!(said.contains("dropped"), "{said}");
            assert_eq!(rows, 10, "thrown away");
        } else {
            assert!(said.contains("what was decided for it has been applied first"), "{said}");
            // The decided epoch had all rows or some of them, depending on how they were read.
            assert!(rows > 10, "applied before the sink went: {rows}");
        }
        // Its fence is gone: another job may write there.
        let db = rusqlite::Connection::open(f.data().join("tables/plain_table.db")).unwrap();
        let fences: i64 = db.query_row("SELECT count(*) FROM _tidegate_fence", [], |r| r.get(0)).unwrap();
        assert_eq!(fences, 0);
    }
}

#[test]
fn an_insert_that_comes_back_starts_anew_without_doubling() {
    let f = Fixture::new();
    f.feed(0..10);
    f.settle(&[FIRST, SECOND], "second_log", 10);
    f.feed(10..20);
    f.settle(&[FIRST], "first_log", 20);
    f.feed(20..30);
    f.job(&[FIRST, SECOND]).args("--until latest").run().ok();
    assert_eq!(f.ids("first_log"), (0..30).collect::<Vec<_>>());
    assert_eq!(f.ids("second_log"), (0..10).chain(20..30).collect::<Vec<_>>());
}

#[test]
fn another_group_key_is_refused_until_the_state_may_go() {
    let f = Fixture::new();
    f.feed(0..10);
    run_until(f.job(&[COUNT]), "counts", || number(f.data(), "per_who", "sum(n)") == 10);
    let by_room = "INSERT INTO per_who SELECT room, COUNT(*) FROM visits GROUP BY room;";
    let said = f.job(&[by_room]).run().fails_with(2);
    for part in ["state would be lost", "GroupAggregate(who)", "--allow-dropped-state", "--fresh-state"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Nothing has happened: the old job goes on.
    f.feed(10..20);
    run_until(f.job(&[COUNT]), "counts", || f.counts() == counts(10, 10));
    f.feed(20..26);
    let said = f.job(&[by_room]).args("--until latest --allow-dropped-state").run().ok().stderr;
    assert!(said.contains("GroupAggregate(who)") && said.contains("dropped"), "{said}");
    let mut want = counts(10, 10);
    want.extend([("r0", 2), ("r1", 2), ("r2", 2)].map(|(k, n)| (k.to_owned(), n)));
    assert_eq!(f.counts(), want);
}

#[test]
fn fresh_state_reads_again_under_a_new_run() {
    let f = Fixture::new();
    f.feed(0..10);
    run_until(f.job(&[COUNT, FIRST]), "counts", || f.ids("first_log").len() == 10);
    let said = f.job(&[COUNT, FIRST]).args("--until latest --fresh-state").run().ok().stderr;
    assert!(said.contains("a new run"), "{said}");
    assert_eq!(f.counts(), counts(5, 5), "a table by key is the same again");
    assert_eq!(f.ids("first_log").len(), 20, "what was written stays");
}

#[test]
fn from_counts_only_for_a_new_job() {
    let f = Fixture::new();
    f.feed(0..10);
    let said = run_until(f.job(&[FIRST]).args("--from latest"), "a start", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        true
    });
    assert!(said.stderr.contains("starting behind 10 existing records"), "{}", said.stderr);
    assert!(said.stderr.contains("--from earliest"), "{}", said.stderr);
    f.feed(10..20);
    let said = f.job(&[FIRST]).args("--from earliest --until latest").run().ok().stderr;
    assert_eq!(f.ids("first_log"), (10..20).collect::<Vec<_>>());
    assert!(said.contains("--from") && said.contains("goes on where it stopped"), "{said}");
}

#[test]
fn until_a_time_reads_what_was_there_then() {
    let f = Fixture::new();
    f.feed(0..10);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    std::thread::sleep(std::time::Duration::from_millis(20));
    f.feed(10..20);
    f.job(&[FIRST, COUNT]).args(&format!("--until {now}")).run().ok();
    assert_eq!(f.ids("first_log"), (0..10).collect::<Vec<_>>());
    assert_eq!(f.counts(), counts(5, 5));
    // The end holds for good.
    let again = f.job(&[FIRST, COUNT]).args(&format!("--until {now}")).run().ok().stderr;
    assert!(again.contains("read to its end before") && again.contains("--fresh-state"), "{again}");
    assert_eq!(f.ids("first_log").len(), 10);
    f.job(&[FIRST]).args("--until soon").run().fails_with(2);
}

fn project(dir: &Path, jobs: &[(&str, &str)]) -> PathBuf {
    let names: Vec<String> = jobs.iter().map(|(name, _)| format!("\"{name}.sql\"")).collect();
    let manifest = format!("[project]\nname = \"p\"\n\n[[layer]]\nname = \"all\"\njobs = [{}]\n", names.join(", "));
    std::fs::write(dir.join("project.toml"), manifest).unwrap();
    for (name, sql) in jobs {
        std::fs::write(dir.join(format!("{name}.sql")), sql).unwrap();
    }
    dir.to_owned()
}

fn copy_job(name: &str, from: &str, to: &str) -> String {
    let table = |name: &str, topic: &str| {
        format!(
            "CREATE TABLE {name} (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
             'properties.bootstrap.servers' = 'h:1', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');\n"
        )
    };
    format!("SET 'pipeline.name' = '{name}';\n{}{}INSERT INTO b SELECT id FROM a;\n", table("a", from), table("b", to))
}

#[test]
fn two_jobs_of_one_name_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = [("one", copy_job("same", "x", "y")), ("two", copy_job("same", "y", "z"))];
    let at = project(dir.path(), &jobs.each_ref().map(|(n, s)| (*n, s.as_str())));
    let said = Tidegate::job(&at, &dir.path().join("data")).run().fails_with(2);
    assert!(said.contains("both called 'same'") && said.contains("pipeline.name"), "{said}");
}

#[test]
fn jobs_that_feed_each_other_in_a_circle_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = [("one", copy_job("one", "x", "y")), ("two", copy_job("two", "y", "x"))];
    let at = project(dir.path(), &jobs.each_ref().map(|(n, s)| (*n, s.as_str())));
    let said = Tidegate::job(&at, &dir.path().join("data")).run().fails_with(2);
    assert!(said.contains("in a circle") && said.contains("one, two"), "{said}");
}

/// Two directories, one target, the same job name: two teams that do not know of each other.
#[test]
fn two_teams_with_the_same_job_name_and_target() {
    let f = Fixture::new();
    f.feed(0..10);
    f.settle(&[FIRST], "first_log", 10);
    let said = f.job(&[FIRST]).arg("--state").arg(f.data().join("elsewhere")).run().fails_with(2);
    assert!(said.contains("written by another job directory") && said.contains("--adopt"), "{said}");
    f.feed(10..20);
    f.job(&[FIRST]).args("--until latest").run().ok();
    assert_eq!(f.ids("first_log"), (0..20).collect::<Vec<_>>());
}
