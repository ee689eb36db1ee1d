//! Event time through whole jobs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::SystemClock;
use tidegate_core::split::Bound;
use tidegate_plan::Op;

use super::doubles::{Target, Topic, World};
use super::plans::PlanBuilder;
use crate::exec::source::ReadLimits;
use crate::job::{Job, JobOptions};

fn plan(delay: i64, idle: Option<i64>) -> Arc<tidegate_plan::Plan> {
    let mut b = PlanBuilder::new(Some(delay));
    if let (Op::Scan(scan), Some(_)) = (&mut b.plan.nodes[0].op, idle)
        && let Some(e) = scan.event_time.as_mut()
    {
        e.idle_timeout_ms = idle;
    }
    let counted = b.window(0, 1_000);
    let kept = b.calc(counted, &[0, 1]);
    b.sink("out", &[kept], &[]);
    Arc::new(b.plan)
}

/// With epochs of 20 ms.
fn often(delay: i64, idle: Option<i64>) -> Arc<tidegate_plan::Plan> {
    let mut plan = tidegate_plan::Plan::clone(&plan(delay, idle));
    plan.settings.checkpoint_interval_ms = 20;
    Arc::new(plan)
}

fn world(partitions: usize) -> (Arc<World>, Arc<Topic>, Arc<Target>) {
    let (topic, target) = (Topic::new(partitions), Arc::new(Target::default()));
    let world = World {
        topics: BTreeMap::from([("src".to_owned(), topic.clone())]),
        targets: BTreeMap::from([("out".to_owned(), target.clone())]),
    };
    (Arc::new(world), topic, target)
}

fn push(topic: &Topic, partition: usize, k: i64, t: i64) {
    topic.push(partition, t, format!(r#"{{"k":{k},"v":0,"t":{t}}}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lateness_does_not_depend_on_the_size_of_batches() {
    let mut seen = Vec::new();
    for rows in [1, 7, 8192] {
        let (world, topic, target) = world(1);
        let mut random = 12_345u64;
        for i in 0..3_000i64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let disorder = (random >> 33) as i64 % 900;
            push(&topic, 0, i % 3, i * 7 - disorder);
        }
        let dir = tempfile::tempdir().unwrap();
        let options = JobOptions {
            tasks: Some(1 + (rows % 2) as u32),
            until: Some(Bound::Latest),
            limits: ReadLimits { rows, ..ReadLimits::default() },
            ..JobOptions::new("job", dir.path(), Arc::new(SystemClock))
        };
        let job = Job::start(plan(100, None), world, options).await.unwrap();
        let summary = job.wait().await.unwrap();
        let counted: i64 = target.rows().iter().filter_map(|(_, r)| r[1]).sum();
        assert!(summary.progress.late > 0);
        assert_eq!(counted as u64 + summary.progress.late, 3_000, "counted + late = input");
        seen.push((target.multiset(), summary.progress.late));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// A state directory fits with and without local parts, which one task has none of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_go_on_in_other_numbers_of_tasks() {
    let (world, topic, target) = world(2);
    let dir = tempfile::tempdir().unwrap();
    let options =
        |tasks| JobOptions { tasks: Some(tasks), ..JobOptions::new("job", dir.path(), Arc::new(SystemClock)) };
    for (round, tasks) in [2, 1, 3, 2].into_iter().enumerate() {
        for i in 0..600 {
            push(&topic, i % 2, i as i64 % 5, i as i64 % 1_000);
        }
        let job = Job::start(plan(10_000, None), world.clone(), options(tasks)).await.unwrap();
        until("reading", || job.progress().rows_read == 600).await;
        job.stop();
        let summary = job.wait().await.unwrap();
        let counted = &summary.progress.operators[1];
        assert_eq!((counted.rows_in, counted.rows_out), (600, 0), "round {round}: partial results are no rows");
    }
    let bounded = JobOptions { until: Some(Bound::Latest), ..options(7) };
    let summary = Job::start(plan(10_000, None), world, bounded).await.unwrap().wait().await.unwrap();
    assert_eq!(summary.progress.operators[1].rows_out, 5);
    assert_eq!(target.multiset(), (0..5).map(|k| vec![Some(k), Some(480)]).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_partition_does_not_decide_what_is_late() {
    for _ in 0..8 {
        let (world, topic, target) = world(2);
        for t in [100, 5_000, 200] {
            push(&topic, 0, 1, t);
        }
        let dir = tempfile::tempdir().unwrap();
        let options = JobOptions {
            tasks: Some(2),
            until: Some(Bound::Latest),
            ..JobOptions::new("job", dir.path(), Arc::new(SystemClock))
        };
        let job = Job::start(plan(100, None), world, options).await.unwrap();
        assert_eq!(job.wait().await.unwrap().progress.late, 1);
        assert_eq!(target.rows().len(), 2);
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_split_holds_windows_unless_it_may_be_idle() {
    for (idle, tasks) in [(Some(50), 1), (Some(50), 2), (None, 1)] {
        let (world, topic, target) = world(2);
        for t in 0..50 {
            push(&topic, 0, 1, t * 100);
        }
        let dir = tempfile::tempdir().unwrap();
        let options = JobOptions { tasks: Some(tasks), ..JobOptions::new("job", dir.path(), Arc::new(SystemClock)) };
        let job = Job::start(often(0, idle), world, options).await.unwrap();
        if idle.is_some() {
            // 4.9 s is the newest: four windows are complete.
            until("four windows", || target.rows().len() == 4).await;
        } else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(target.rows().is_empty());
            assert_eq!(job.progress().sources[0].held_by.as_ref().map(|h| h.0.as_str()), Some("src-1"));
        }
        job.stop();
        assert!(!job.wait().await.unwrap().ended);
        assert_eq!(target.rows().len(), if idle.is_some() { 4 } else { 0 }, "open windows stay in state");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_goes_on_after_a_stop() {
    let (world, topic, target) = world(1);
    let dir = tempfile::tempdir().unwrap();
    let options = || JobOptions { tasks: Some(1), ..JobOptions::new("job", dir.path(), Arc::new(SystemClock)) };
    for round in 0..3 {
        push(&topic, 0, 1, 100 + round);
        let job = Job::start(plan(0, None), world.clone(), options()).await.unwrap();
        until("reading", || job.progress().rows_read == 1).await;
        job.stop();
        job.wait().await.unwrap();
    }
    let bounded = JobOptions { until: Some(Bound::Latest), ..options() };
    let job = Job::start(plan(0, None), world, bounded).await.unwrap();
    job.wait().await.unwrap();
    assert_eq!(target.multiset(), vec![vec![Some(1), Some(3)]]);
}

/// A task comes to a barrier late. What the others have read since raises the watermark, but is read again
/// after a crash, and must not be late then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_again_after_a_crash_is_not_late() {
    let (world, topic, target) = world(2);
    let dir = tempfile::tempdir().unwrap();
    let plan = often(0, None);
    let options = || JobOptions { tasks: Some(2), ..JobOptions::new("job", dir.path(), Arc::new(SystemClock)) };
    let job = Job::start(plan.clone(), world.clone(), options()).await.unwrap();
    topic.shut(1);
    push(&topic, 1, 1, 6_000);
    until("partition 1", || job.progress().rows_read == 1).await;
    // The task of partition 1 stands still; the other one passes the barrier, and only then has something to read.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = job.progress().epoch;
    topic.shut(0);
    push(&topic, 0, 1, 100);
    push(&topic, 0, 1, 7_000);
    until("partition 0", || job.progress().rows_read == 3).await;
    // Now the other passes it, too; nobody passes the next one.
    topic.shut.lock().remove(&1);
    until("the epoch", || job.progress().epoch == before.map(|e| e + 1)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(job.progress().epoch, before.map(|e| e + 1));
    job.abort();
    topic.shut.lock().clear();
    assert!(job.wait().await.is_err());

    let bounded = JobOptions { until: Some(Bound::Latest), ..options() };
    let summary = Job::start(plan, world, bounded).await.unwrap().wait().await.unwrap();
    assert_eq!((summary.progress.rows_read, summary.progress.late), (2, 0));
    assert_eq!(target.rows().len(), 3);
}
