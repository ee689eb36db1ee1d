//! Whole jobs over the doubles.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_core::split::{Bound, StartMode};
use tidegate_core::table::SinkChanges;
use tidegate_core::{Result, SqlType, SystemClock};
use tidegate_plan::{Changes, OnRowError, Op, Plan};

use super::doubles::{Target, Topic, World};
use super::plans::{PlanBuilder, table};
use crate::job::{Job, JobOptions, Summary, query, query_changes};

/// k in 0..keys, v = i, t = i * 10; partition i modulo the number.
fn fill(topic: &Topic, from: i64, to: i64, keys: i64) {
    let partitions = topic.partitions.lock().len() as i64;
    for i in from..to {
        topic.push((i % partitions) as usize, i * 10, format!(r#"{{"k":{},"v":{i},"t":{}}}"#, i % keys, i * 10));
    }
}

fn world(partitions: usize, targets: &[&str]) -> (Arc<World>, Arc<Topic>) {
    let topic = Topic::new(partitions);
    let targets = targets.iter().map(|t| ((*t).to_owned(), Arc::new(Target::default()))).collect();
    (Arc::new(World { topics: BTreeMap::from([("src".to_owned(), topic.clone())]), targets }), topic)
}

fn options(dir: &Path, tasks: u32) -> JobOptions {
    JobOptions {
        tasks: Some(tasks),
        patience: Duration::from_secs(2),
        ..JobOptions::new("job", dir, Arc::new(SystemClock))
    }
}

fn bounded(dir: &Path, tasks: u32) -> JobOptions {
    JobOptions { until: Some(Bound::Latest), ..options(dir, tasks) }
}

async fn run(plan: &Arc<Plan>, world: &Arc<World>, options: JobOptions) -> Result<Summary> {
    let job = Job::start(plan.clone(), world.clone(), options).await?;
    tokio::time::timeout(Duration::from_secs(60), job.wait()).await.expect("the job hangs")
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}");
}

fn group_plan() -> Arc<Plan> {
    let mut b = PlanBuilder::new(None);
    let picked = b.calc(0, &[0, 1]);
    let grouped = b.group(picked, 0, 1);
    b.sink("out", &[grouped], &[0]);
    Arc::new(b.plan)
}

fn append_plan() -> Arc<Plan> {
    let mut b = PlanBuilder::new(None);
    let picked = b.calc(0, &[0, 1]);
    b.sink("out", &[picked], &[]);
    Arc::new(b.plan)
}

fn expected_groups(n: i64, keys: i64) -> BTreeMap<Vec<Option<i64>>, Vec<Option<i64>>> {
    let mut out: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for i in 0..n {
        let e = out.entry(i % keys).or_default();
        *e = (e.0 + 1, e.1 + i);
    }
    out.into_iter().map(|(k, (n, s))| (vec![Some(k)], vec![Some(k), Some(n), Some(s)])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scan_calc_sink_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out"]);
    fill(&topic, 0, 20_000, 7);
    let summary = run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap();
    assert!(summary.ended && !summary.pending);
    assert_eq!(summary.progress.inserts[0].rows, 20_000);
    let want: Vec<_> = {
        let mut v: Vec<_> = (0..20_000i64).map(|i| vec![Some(i % 7), Some(i)]).collect();
        v.sort();
        v
    };
    assert_eq!(world.targets["out"].multiset(), want);
    // A finished job stays finished.
    let again = run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap();
    assert!(again.ended);
    assert_eq!(world.targets["out"].rows().len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_tasks_gives_the_same() {
    for tasks in [1, 2, 7] {
        let dir = tempfile::tempdir().unwrap();
        let (world, topic) = world(3, &["out"]);
        fill(&topic, 0, 30_000, 501);
        run(&group_plan(), &world, bounded(dir.path(), tasks)).await.unwrap();
        assert_eq!(world.targets["out"].table(1), expected_groups(30_000, 501), "{tasks} tasks");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_and_crashes_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(2, &["out", "copy"]);
    let plan = {
        let mut b = PlanBuilder::new(None);
        let picked = b.calc(0, &[0, 1]);
        let grouped = b.group(picked, 0, 1);
        b.sink("out", &[grouped], &[0]);
        b.sink("copy", &[picked], &[]);
        Arc::new(b.plan)
    };
    let mut n = 0;
    // Other numbers of tasks each time: state finds its owner anew.
    for (round, tasks) in [2, 1, 7, 2, 3, 1].into_iter().enumerate() {
        let job = Job::start(plan.clone(), world.clone(), options(dir.path(), tasks)).await.unwrap();
        for _ in 0..5 {
            fill(&topic, n, n + 700, 97);
            n += 700;
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        if round % 2 == 0 {
            job.abort();
            assert!(job.wait().await.is_err());
        } else {
            job.stop();
            let summary = job.wait().await.unwrap();
            assert!(!summary.ended && !summary.pending);
        }
    }
    run(&plan, &world, bounded(dir.path(), 2)).await.unwrap();
    assert_eq!(world.targets["out"].table(1), expected_groups(n, 97));
    let mut want: Vec<_> = (0..n).map(|i| vec![Some(i % 97), Some(i)]).collect();
    want.sort();
    assert_eq!(world.targets["copy"].multiset(), want);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diamond_meets_again_in_one_sink() {
    for tasks in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let (world, topic) = world(2, &["out"]);
        fill(&topic, 0, 9_000, 50);
        let mut b = PlanBuilder::new(None);
        let left = b.group(0, 0, 1);
        let right = b.group(0, 2, 1);
        let columns = b.plan.nodes[left].columns.clone();
        let both = b.add(Op::Union, vec![left, right], columns, Changes::UPSERT, None, None);
        b.sink("out", &[both], &[0]);
        let plan = Arc::new(b.plan);
        run(&plan, &world, bounded(dir.path(), tasks)).await.unwrap();
        // Keys 0..50 by k; by t = 10 i one row each. Where both say something (0, 10, 20, 30, 40)
        // either may be the newer one.
        let table = world.targets["out"].table(1);
        assert_eq!(table.len(), 50 + 9_000 - 5, "{tasks} tasks");
        assert_eq!(table[&vec![Some(7)]][1], Some(180));
        assert_eq!(table[&vec![Some(70)]][1..], [Some(1), Some(7)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_over_its_limit_ends_early() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out"]);
    fill(&topic, 0, 300_000, 7);
    let mut plan = Plan::clone(&append_plan());
    plan.settings.checkpoint_interval_ms = 3_600_000;
    plan.settings.epoch_bytes = 100_000;
    let summary = run(&Arc::new(plan), &world, bounded(dir.path(), 1)).await.unwrap();
    assert!(summary.progress.epoch.unwrap() > 3, "{:?}", summary.progress.epoch);
    assert_eq!(world.targets["out"].rows().len(), 300_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_wait_for_an_absent_sink() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out"]);
    let mut plan = Plan::clone(&append_plan());
    plan.settings.pending_bytes = 200_000;
    plan.settings.epoch_bytes = 100_000;
    world.targets["out"].absent.store(true, Ordering::Relaxed);
    fill(&topic, 0, 200_000, 7);
    let job = Job::start(Arc::new(plan), world.clone(), bounded(dir.path(), 1)).await.unwrap();
    until("the pause", || job.progress().paused).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let read = job.progress().rows_read;
    assert!(read < 200_000, "{read}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(job.progress().rows_read, read);
    world.targets["out"].absent.store(false, Ordering::Relaxed);
    job.wait().await.unwrap();
    assert_eq!(world.targets["out"].rows().len(), 200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_an_absent_sink_leaves_the_rest_to_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out"]);
    fill(&topic, 0, 1_000, 7);
    world.targets["out"].absent.store(true, Ordering::Relaxed);
    let options = JobOptions { patience: Duration::from_millis(200), ..options(dir.path(), 1) };
    let job = Job::start(append_plan(), world.clone(), options).await.unwrap();
    until("reading", || job.progress().rows_read == 1_000).await;
    job.stop();
    assert!(job.wait().await.unwrap().pending);
    assert_eq!(world.targets["out"].rows().len(), 0);
    world.targets["out"].absent.store(false, Ordering::Relaxed);
    run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap();
    assert_eq!(world.targets["out"].rows().len(), 1_000);
}

/// However long a stop may wait: not for who is known to be away, and not long for who says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_sinks_that_do_not_answer() {
    for (silent, longest) in [(false, 4), (true, 6)] {
        let dir = tempfile::tempdir().unwrap();
        let (world, topic) = world(1, &["out"]);
        let target = &world.targets["out"];
        let away = if silent { &target.silent } else { &target.absent };
        away.store(true, Ordering::Relaxed);
        fill(&topic, 0, 1_000, 7);
        let options = JobOptions { patience: Duration::from_secs(60), ..options(dir.path(), 1) };
        let job = Job::start(append_plan(), world.clone(), options).await.unwrap();
        until("decided rows", || job.progress().sinks["out"].waiting_rows == 1_000).await;
        let asked = std::time::Instant::now();
        job.stop();
        let summary = job.wait().await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(longest), "{silent}: {:?}", asked.elapsed());
        assert!(summary.pending && summary.progress.sinks["out"].waiting_rows == 1_000, "{summary:?}");
        away.store(false, Ordering::Relaxed);
        run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap();
        assert_eq!(target.rows().len(), 1_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_behind_existing_records_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(2, &["out"]);
    fill(&topic, 0, 100, 7);
    let from = JobOptions { from: Some(StartMode::Latest), ..options(dir.path(), 1) };
    let job = Job::start(append_plan(), world.clone(), from).await.unwrap();
    let said = job.messages().join("\n");
    assert!(said.contains("starting behind 100 existing records; --from earliest reads them"), "{said}");
    fill(&topic, 100, 110, 7);
    until("the new records", || world.targets["out"].rows().len() == 10).await;
    until("the source to be told", || topic.applied.lock().get("src-0").is_some_and(|p| p == "55")).await;
    // A partition that appears is read from its beginning.
    topic.partitions.lock().push(vec![(0, r#"{"k":1,"v":-1,"t":0}"#.to_owned())]);
    until("the new partition", || world.targets["out"].rows().len() == 11).await;
    job.stop();
    job.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_bounded_read_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out"]);
    fill(&topic, 0, 50_000, 7);
    world.targets["out"].absent.store(true, Ordering::Relaxed);
    let job = Job::start(append_plan(), world.clone(), bounded(dir.path(), 1)).await.unwrap();
    job.abort();
    assert!(job.wait().await.is_err());
    drop(job);
    fill(&topic, 50_000, 60_000, 7);
    world.targets["out"].absent.store(false, Ordering::Relaxed);
    run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap();
    assert_eq!(world.targets["out"].rows().len(), 50_000, "the end is where it was first found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downstream_ends_after_upstream() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(2, &["out"]);
    fill(&topic, 0, 100, 7);
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let options = JobOptions { upstream: BTreeMap::from([("log:src".to_owned(), receiver)]), ..bounded(dir.path(), 2) };
    let job = Job::start(append_plan(), world.clone(), options).await.unwrap();
    until("the first rows", || world.targets["out"].rows().len() == 100).await;
    fill(&topic, 100, 500, 7);
    sender.send_replace(true);
    let summary = job.wait().await.unwrap();
    assert!(summary.ended);
    assert_eq!(world.targets["out"].rows().len(), 500);
    assert!(*job.finished().borrow());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_records_stop_or_go_to_the_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["out", "dead"]);
    fill(&topic, 0, 10, 7);
    topic.push(0, 0, "{broken".into());
    fill(&topic, 10, 20, 7);
    let error = run(&append_plan(), &world, bounded(dir.path(), 1)).await.unwrap_err().to_string();
    assert!(error.contains("INSERT 1 → table src → topic src partition 0 offset 10"), "{error}");
    assert_eq!(world.targets["out"].rows().len(), 0);

    let dir = tempfile::tempdir().unwrap();
    let mut plan = Plan::clone(&append_plan());
    let columns = [
        ("offset", SqlType::BigInt),
        ("raw_value", SqlType::STRING),
        ("class", SqlType::STRING),
        ("place", SqlType::STRING),
    ];
    plan.tables.push(table("dead", &columns, &[]));
    plan.tables.last_mut().unwrap().binding.sink = SinkChanges::AppendOnly;
    plan.settings.dead_letter = Some(plan.tables.len() - 1);
    plan.settings.on_error = OnRowError::DeadLetter;
    let options = JobOptions { name: "other".into(), ..bounded(dir.path(), 1) };
    let summary = run(&Arc::new(plan), &world, options).await.unwrap();
    assert_eq!(world.targets["out"].rows().len(), 20);
    assert_eq!(summary.progress.dead_letters, 1);
    let dead = world.targets["dead"].inner.lock();
    assert_eq!(dead.rows[0].1[0], Some(10));
    assert_eq!(dead.texts[0][1].as_deref(), Some("{broken"));
    assert_eq!(dead.texts[0][2].as_deref(), Some("decode"));
    assert_eq!(dead.texts[0][3].as_deref(), Some("INSERT 1 → table src"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_answer_with_rows_and_with_changes() {
    let (world, topic) = world(2, &[]);
    fill(&topic, 0, 1_000, 10);
    let mut b = PlanBuilder::new(None);
    let grouped = b.group(0, 0, 1);
    b.plan.query = Some(grouped);
    let plan = Arc::new(b.plan);
    let (columns, rows) = query(plan.clone(), world.clone(), Arc::new(SystemClock), None, None).await.unwrap();
    assert_eq!(columns.len(), 3);
    assert_eq!(rows.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 10);
    let (_, changes) = query_changes(plan, world, Arc::new(SystemClock), None, None).await.unwrap();
    assert!(changes.iter().map(tidegate_core::ChangeBatch::len).sum::<usize>() >= 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discarded_rows_are_counted_and_the_job_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &[]);
    fill(&topic, 0, 5_000, 7);
    let summary = run(&append_plan(), &world, bounded(dir.path(), 2)).await.unwrap();
    assert!(summary.ended);
    assert_eq!(summary.progress.inserts[0].rows, 5_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inserts_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let (world, topic) = world(1, &["a", "b"]);
    let plan = |a: bool, b: bool| {
        let mut p = PlanBuilder::new(None);
        let grouped = p.group(0, 0, 1);
        let picked = p.calc(0, &[0, 1]);
        if a {
            p.sink("a", &[grouped], &[0]);
        }
        if b {
            p.sink("b", &[picked], &[]);
        }
        Arc::new(p.plan)
    };
    async fn step(plan: Arc<Plan>, world: &Arc<World>, options: JobOptions, rows: u64) -> Result<Vec<String>> {
        let job = Job::start(plan, world.clone(), options).await?;
        until("reading", || job.progress().rows_read == rows).await;
        job.stop();
        job.wait().await?;
        Ok(job.messages())
    }
    fill(&topic, 0, 100, 7);
    step(plan(true, false), &world, options(dir.path(), 1), 100).await.unwrap();
    fill(&topic, 100, 200, 7);
    let said = step(plan(true, true), &world, options(dir.path(), 2), 100).await.unwrap().join("\n");
    assert!(said.contains("sink b is new: it starts with empty state at the current positions"), "{said}");
    assert_eq!(world.targets["a"].table(1), expected_groups(200, 7));
    assert_eq!(world.targets["b"].rows().len(), 100);
    fill(&topic, 200, 300, 7);
    let refused = step(plan(false, true), &world, options(dir.path(), 1), 100).await.unwrap_err().to_string();
    assert!(refused.contains("allow-dropped-state"), "{refused}");
    let dropped = JobOptions { allow_dropped_state: true, ..options(dir.path(), 1) };
    step(plan(false, true), &world, dropped, 100).await.unwrap();
    assert_eq!(world.targets["b"].rows().len(), 200);
    assert_eq!(world.targets["a"].table(1), expected_groups(200, 7));
}
