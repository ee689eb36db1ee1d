//! Rows that a target refuses after they have been decided: into the dead letters, once, before a bounded
//! run ends; or counted; or the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;
use std::time::Duration;

use tidegate_core::failpoint;
use tidegate_integration_tests::process::Tidegate;
use tidegate_integration_tests::settle::{copy_dir, job_file, number, run_until};
use tidegate_integration_tests::{table_rows, topics};

const JDBC: &str = "'connector' = 'jdbc', 'url' = 'jdbc:mysql://h/x'";
const TO_DEAD: &str = "SET 'tidegate.on-error' = 'dead-letter';\nSET 'tidegate.dead-letter' = 'dead';\n";

/// A job from the topic `src` into the table `good`, which refuses every id that ends in 7.
struct Fixture(tempfile::TempDir);

fn is_refused(id: i64) -> bool {
    id % 10 == 7
}

impl Fixture {
    /// The tables are there, and one row has been copied.
    fn new(set: &str) -> Self {
        let f = Fixture(tempfile::tempdir().unwrap());
        tidegate_local::log::Log::create(f.data(), "src", 1).unwrap();
        f.feed(0..1);
        run_until(f.job(set), "the first row", || number(f.data(), "good", "COUNT(*)") == 1);
        f.sql(
            "good",
            "CREATE TRIGGER picky BEFORE INSERT ON good WHEN NEW.id % 10 = 7 BEGIN SELECT RAISE(ABORT, 'no sevens'); END",
        );
        f
    }
    fn copy(&self) -> Self {
        let f = Fixture(tempfile::tempdir().unwrap());
        copy_dir(self.data(), f.data());
        f
    }
    fn data(&self) -> &Path {
        self.0.path()
    }
    /// Changes the database of a table.
    fn sql(&self, table: &str, statement: &str) {
        let path = self.data().join("tables").join(format!("{table}.db"));
        rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
    }
    fn feed(&self, ids: std::ops::Range<i64>) {
        let line = |id| format!("{}\n", serde_json::json!({"p": 0, "v": format!(r#"{{"id":{id}}}"#)}));
        topics::produce(self.data(), "src", &ids.map(line).collect::<String>());
    }
    fn job(&self, set: &str) -> Tidegate {
        self.job_into("good", set)
    }
    fn job_into(&self, table: &str, set: &str) -> Tidegate {
        let sql = format!(
            "{set}CREATE TABLE src (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'src', 'properties.bootstrap.servers' = 'h:1', \
             'scan.startup.mode' = 'earliest-offset', 'format' = 'json');\n\
             CREATE TABLE {table} (id BIGINT) WITH ({JDBC}, 'table-name' = '{table}');\n\
             CREATE TABLE dead (raw_value STRING, reason STRING, class STRING, place STRING) WITH ({JDBC}, 'table-name' = 'dead');\n\
             INSERT INTO {table} SELECT id FROM src;\n"
        );
        Tidegate::job(&job_file(self.data(), "refused", &sql), self.data())
    }
    fn bounded(&self, set: &str) -> Tidegate {
        self.job(set).args("--until latest")
    }
    /// Rows 0..count are where they belong, once.
    fn check(&self, count: i64, when: &str) {
        let (refused, taken): (Vec<i64>, Vec<i64>) = (0..count).partition(|id| is_refused(*id));
        assert_eq!((self.good(), self.letters()), (taken, refused), "{when}");
    }
    fn good(&self) -> Vec<i64> {
        table_rows(self.data(), "good", "1").iter().map(|r| r[0].as_i64().unwrap()).collect()
    }
    /// The ids in the dead letters.
    fn letters(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = table_rows(self.data(), "dead", "1")
            .iter()
            .map(|r| {
                assert!(r[1].as_str().unwrap().contains("no sevens") && r[2] == "rejected", "{r:?}");
                assert!(r[3].as_str().unwrap().starts_with("sink good lane 0 position "), "{r:?}");
                r[0].as_str().unwrap().trim_matches(['(', ')']).parse().unwrap()
            })
            .collect();
        ids.sort_unstable();
        ids
    }
}

#[test]
fn a_bounded_run_ends_with_every_refused_row_in_the_dead_letters() {
    let f = Fixture::new(TO_DEAD);
    f.feed(1..100);
    let said = f.bounded(TO_DEAD).run().ok().stderr;
    f.check(100, &said);
    assert!(said.contains("10 dead letters") && said.contains("counted refused:good: 10 (first: sink good"), "{said}");
    // It has ended: there is nothing left for another run.
    f.bounded(TO_DEAD).run().ok();
    f.check(100, "once more");
}

#[test]
fn rows_that_are_left_out_are_counted_with_a_sample() {
    let f = Fixture::new("");
    f.feed(1..100);
    let said = f.bounded("SET 'tidegate.on-error' = 'ignore';\n").run().ok().stderr;
    assert_eq!(f.good().len(), 90);
    let counted = "counted refused:good: 10 (first: sink good lane 0 position 7: SQLite: no sevens)";
    assert!(said.contains(", 10 ignored") && said.contains(counted), "{said}");
}

/// Wherever a bounded run is killed, the next one finishes it.
#[test]
fn dead_letters_of_a_bounded_run_arrive_once_under_sigkill() {
    let ready = Fixture::new(TO_DEAD);
    ready.feed(1..30);
    let mut deaths = 0;
    for name in failpoint::RUNTIME {
        for n in 1..20 {
            let (f, point) = (ready.copy(), format!("{name}:{n}"));
            let end = f.bounded(TO_DEAD).env("TIDEGATE_FAILPOINT", &point).start().wait(Duration::from_secs(30));
            let died = end.status.code().is_none();
            let said = if died { f.bounded(TO_DEAD).run().ok().stderr } else { end.ok().stderr };
            f.check(30, &format!("{point}: {said}"));
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths >= 25, "only {deaths} deaths");
}

/// A table of dead letters that refuses them stops the run, and nothing is lost.
#[test]
fn a_refused_dead_letter_stops_the_run_and_is_kept() {
    let f = Fixture::new(TO_DEAD);
    f.sql("dead", "CREATE TRIGGER full BEFORE INSERT ON dead BEGIN SELECT RAISE(ABORT, 'no letters'); END");
    f.feed(1..20);
    for _ in 0..2 {
        let said = f.bounded(TO_DEAD).run().fails_with(2);
        for part in ["sink dead lane 0", "no letters", "nowhere else to go", "start again"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(f.letters().is_empty());
    }
    f.sql("dead", "DROP TRIGGER full");
    let said = f.bounded(TO_DEAD).run().ok().stderr;
    f.check(20, &said);
}

/// Rows are kept for dead letters, and then the job has no table for them any more.
#[test]
fn rows_kept_for_a_table_that_is_gone_are_not_forgotten() {
    let f = Fixture::new(TO_DEAD);
    f.feed(1..20);
    let killed = f.bounded(TO_DEAD).env("TIDEGATE_FAILPOINT", "apply.before:2").run();
    assert!(killed.status.code().is_none(), "{killed:?}");
    let said = f.copy().bounded("").run().fails_with(2);
    assert!(said.contains("2 refused rows wait for a dead-letter table") && said.contains("help: "), "{said}");
    let again = f.copy();
    again.bounded("").run().fails_with(2);
    again.bounded(TO_DEAD).run().ok();
    again.check(20, "with the table again");
    let said = f.bounded("SET 'tidegate.on-error' = 'ignore';\n").run().ok().stderr;
    assert_eq!((f.good().len(), f.letters().len()), (18, 0));
    assert!(said.contains("2 refused rows that an earlier run kept for dead letters are left out"), "{said}");
    assert!(said.contains(", 2 ignored"), "{said}");
}

/// An INSERT is taken out of the job while rows that its table refused wait for the next epoch; later it
/// comes back, with positions that begin anew.
#[test]
fn refused_rows_of_a_removed_insert_still_become_dead_letters() {
    let f = Fixture::new(TO_DEAD);
    f.feed(1..20);
    let killed = f.job(TO_DEAD).env("TIDEGATE_FAILPOINT", "apply.before:2").run();
    assert!(killed.status.code().is_none(), "{killed:?}");
    f.feed(20..21);
    run_until(f.job_into("other", ""), "the other table", || number(f.data(), "other", "COUNT(*)") == 1);
    // In this life of the sink its positions count from row 21; 7 was that of a row before.
    f.feed(21..30);
    let said = f.bounded(TO_DEAD).run().ok().stderr;
    let good: Vec<i64> = (0..30).filter(|id| !is_refused(*id) && *id != 20).collect();
    assert_eq!((f.good(), f.letters()), (good, vec![7, 17, 27]), "{said}");
}
