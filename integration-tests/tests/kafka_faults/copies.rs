//! More than one directory of one job: copies, backups, ping-pong, two teams. One of them may write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_integration_tests::broker;
use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::oracle;
use tidegate_integration_tests::process::Running;
use tidegate_integration_tests::settle::{copy_dir, wait_until};

use super::{PATIENCE, dies_at, fails, finish, pause_in_a_transaction, settled, start_and_claim, start_and_replace};

/// A job that has applied 1000 events, and a copy of its state.
fn with_copy(bootstrap: &str, name: &str) -> (Kill, PathBuf) {
    let job = settled(bootstrap, name);
    let copy = job.beside("copy");
    copy_dir(&job.state(), &copy);
    (job, copy)
}

#[test]
fn a_copy_that_fell_behind_is_refused() {
    let Some(bootstrap) = broker::shared() else { return };
    let (job, copy) = with_copy(&bootstrap, "behind");
    job.feed(1000..2000);
    job.settle(job.unbounded(), 2000);
    let said = fails(job.on(&copy).start(), 2);
    assert!(said.contains("older copy or a restored backup") && said.contains("--adopt"), "{said}");
    job.feed(2000..3000);
    job.finish(3000);
}

/// The copy decides rows of its own and dies before they are applied: both now have epochs of the
/// same numbers with other rows in them.
#[test]
fn a_copy_with_a_history_of_its_own_is_refused() {
    let Some(bootstrap) = broker::shared() else { return };
    let (job, copy) = with_copy(&bootstrap, "history");
    job.feed(1000..1500);
    dies_at(job.on(&copy), "decide.after_fsync:1");
    job.feed(1500..2000);
    job.settle(job.unbounded(), 2000);
    let said = fails(job.on(&copy).start(), 2);
    assert!(said.contains("copy"), "{said}");
    job.finish(2000);
}

#[test]
fn of_two_running_copies_the_later_owns_the_targets() {
    let Some(bootstrap) = broker::shared() else { return };
    let (job, copy) = with_copy(&bootstrap, "two-copies");
    let earlier = start_and_claim(&job, job.unbounded());
    let mut later = start_and_claim(&job, job.on(&copy));
    job.feed(1000..2000);
    let said = fails(earlier, 4);
    assert!(said.contains("has been replaced"), "{said}");
    job.wait_counted(&mut later, 2000);

    // Ping-pong: it does not take the targets back, and does not disturb who has them.
    for fed in [2000, 3000, 4000] {
        let owner = job.owner();
        job.feed(fed..fed + 500);
        let said = fails(job.unbounded().start(), 2);
        assert!(said.contains("copy"), "{said}");
        job.feed(fed + 500..fed + 1000);
        job.wait_counted(&mut later, fed + 1000);
        assert_eq!(job.owner(), owner);
    }
    later.terminate();
    later.wait(PATIENCE).ok();
    job.feed(5000..6000);
    finish(&job, job.on(&copy), 6000);
}

/// As long as nothing new has been applied either of them may take the targets over, in turn. Who
/// has them last keeps them.
#[test]
fn idle_copies_take_turns() {
    let Some(bootstrap) = broker::shared() else { return };
    let (job, copy) = with_copy(&bootstrap, "turns");
    let mut one = start_and_claim(&job, job.unbounded());
    let mut other = start_and_claim(&job, job.on(&copy));
    for _ in 0..2 {
        one.kill();
        one = start_and_claim(&job, job.unbounded());
        other.kill();
        other = start_and_claim(&job, job.on(&copy));
    }
    job.feed(1000..2000);
    let said = fails(one, 4);
    assert!(said.contains("has been replaced"), "{said}");
    job.wait_counted(&mut other, 2000);
    other.kill();
    fails(job.unbounded().start(), 2);
    finish(&job, job.on(&copy), 2000);
}

/// A machine stands still in the middle of a transaction, its directory goes on elsewhere to the end,
/// and then it wakes up.
#[test]
fn a_process_that_was_paused_in_a_transaction_finds_itself_replaced() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = Kill::new(&bootstrap, "paused");
    job.timeout = 60_000;
    job.args = "--set execution.checkpointing.interval=10ms".to_owned();
    let mut fed = 0;
    for round in ["first", "second", "third"] {
        let mut earlier = start_and_claim(&job, job.unbounded());
        let owner = job.owner();
        pause_in_a_transaction(&job, &mut earlier, &mut fed);
        let copy = job.beside(round);
        copy_dir(&job.state(), &copy);
        job.feed(fed..fed + 100);
        fed += 100;
        let mut later = start_and_replace(&job, job.on(&copy), owner.as_ref());
        job.wait_counted(&mut later, fed);
        later.terminate();
        later.wait(PATIENCE).ok();

        earlier.resume();
        let said = fails(earlier, 4);
        assert!(said.contains("has been replaced"), "{said}");
        fails(job.unbounded().start(), 2);
        // The copy is the job from now on.
        std::fs::remove_dir_all(job.state()).unwrap();
        std::fs::rename(&copy, job.state()).unwrap();
        assert_eq!(job.counted(), fed);
    }
    job.feed(fed..fed + 500);
    job.finish(fed + 500);
}

/// Nobody else is there: who was away for longer than its transaction may last just goes on.
#[test]
fn a_process_that_was_paused_for_longer_than_a_transaction_lives_goes_on() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = Kill::new(&bootstrap, "slept");
    job.timeout = 1500;
    job.args = "--set execution.checkpointing.interval=10ms".to_owned();
    let mut fed = 0;
    let mut running = start_and_claim(&job, job.unbounded());
    for _ in 0..2 {
        pause_in_a_transaction(&job, &mut running, &mut fed);
        std::thread::sleep(Duration::from_secs(4));
        running.resume();
        job.wait_counted(&mut running, fed);
    }
    running.terminate();
    running.wait(PATIENCE).ok();
    job.feed(fed..fed + 500);
    job.finish(fed + 500);
}

/// Under load nobody knows who comes first. Whoever it is: one directory can go on, and has every row.
#[test]
fn copies_that_are_started_under_load() {
    let Some(bootstrap) = broker::shared() else { return };
    let mut job = Kill::new(&bootstrap, "load");
    job.args = "--set execution.checkpointing.interval=20ms".to_owned();
    let mut fed = 0;
    for round in 0..3 {
        let mut first = start_and_claim(&job, job.unbounded());
        let copy = job.beside(&format!("copy-{round}"));
        feed_for_a_while(&job, &mut fed);
        // A copy as of one moment.
        first.pause();
        copy_dir(&job.state(), &copy);
        first.resume();
        let mut second = job.on(&copy).start();
        feed_for_a_while(&job, &mut fed);
        wait_until("one of two copies to end", || !first.is_running() || !second.is_running());
        for mut running in [first, second] {
            if running.is_running() {
                running.kill();
            } else {
                let end = running.wait(PATIENCE);
                assert!(matches!(end.status.code(), Some(2 | 4)), "{}", end.stderr);
            }
        }
        go_on_with_either(&job, &copy, fed);
    }
    job.finish(fed);
}

fn feed_for_a_while(job: &Kill, fed: &mut i64) {
    for _ in 0..10 {
        job.feed(*fed..*fed + 50);
        *fed += 50;
    }
}

/// One of the two directories is let in, and becomes the job's.
fn go_on_with_either(job: &Kill, copy: &Path, count: i64) {
    let mut running = job.unbounded().start();
    let refused = wait_for_claim_or_end(job, &mut running);
    if refused {
        running.wait(PATIENCE).fails_with(2);
        std::fs::remove_dir_all(job.state()).unwrap();
        std::fs::rename(copy, job.state()).unwrap();
        running = job.unbounded().start();
    }
    job.wait_counted(&mut running, count);
    running.terminate();
    running.wait(PATIENCE).ok();
}

/// Whether it ends instead of claiming.
fn wait_for_claim_or_end(job: &Kill, running: &mut Running) -> bool {
    let before = job.owner();
    wait_until("a claim or an end", || !running.is_running() || job.owner().is_some_and(|o| Some(o) != before));
    !running.is_running()
}

#[test]
fn of_two_jobs_of_one_name_the_second_is_refused() {
    let Some(bootstrap) = broker::shared() else { return };
    let ours = settled(&bootstrap, "teams");
    let mut running = start_and_claim(&ours, ours.unbounded());
    let owner = ours.owner();

    let mut theirs = ours.namesake("b");
    let said = fails(theirs.unbounded().start(), 2);
    for part in ["another job directory", "another name", "--adopt", "sink.transactional-id-prefix"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(theirs.copied().is_empty());
    assert_eq!(ours.owner(), owner, "the fences are as they were");
    ours.feed(1000..2000);
    ours.wait_counted(&mut running, 2000);

    // With names of their own both run.
    theirs.ids = format!("{}team-b", theirs.prefix);
    let mut second = start_and_claim(&theirs, theirs.unbounded());
    theirs.wait_counted(&mut second, 2000);
    ours.feed(2000..3000);
    ours.wait_counted(&mut running, 3000);
    theirs.wait_counted(&mut second, 3000);
    assert_eq!(ours.owner(), owner);
    for job in [running, second] {
        job.terminate();
        job.wait(PATIENCE).ok();
    }
    ours.feed(3000..3500);
    theirs.finish(3500);
    ours.finish(3500);
}

/// A backup of the whole state directory comes back after more has been applied.
#[test]
fn a_restored_backup_is_refused_and_adopting_it_repeats_only_what_came_after() {
    let Some(bootstrap) = broker::shared() else { return };
    let (job, backup) = with_copy(&bootstrap, "backup");
    job.feed(1000..2000);
    job.settle(job.unbounded(), 2000);
    std::fs::remove_dir_all(job.state()).unwrap();
    copy_dir(&backup, &job.state());

    let said = fails(job.unbounded().start(), 2);
    assert!(said.contains("restored backup") && said.contains("use the newest directory"), "{said}");
    // Refused for all its flags; and a refused start has changed nothing.
    let said = fails(job.unbounded().arg("--fresh-state").start(), 2);
    assert!(said.contains("restored backup"), "{said}");

    job.bounded().arg("--adopt").start().wait(PATIENCE).ok();
    // The newest value of a key is right; in an append log the events after the backup are there twice.
    assert_eq!(job.counted(), 2000);
    let mut ids = job.copied();
    ids.sort_unstable();
    let kept = |id: &i64| oracle::field(&oracle::event(*id), "amount") >= 0;
    let mut want: Vec<i64> = (0..2000).filter(kept).chain((1000..2000).filter(kept)).collect();
    want.sort_unstable();
    assert!(ids == want, "{} rows, wanted {}", ids.len(), want.len());
}
