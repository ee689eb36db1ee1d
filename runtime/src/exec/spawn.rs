//! From chains to threads: state put in, splits handed out, tasks started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use tidegate_core::{Clock, Error, Result, ResultExt};
use tidegate_plan::{Op, Plan};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::hash::{hash_columns, owner};
use crate::operator::StateLayout;
use crate::store::{Appender, StateReader};

use super::build::{Builder, Built};
use super::chain::Work;
use super::control::{Control, Events};
use super::follow::Follow;
use super::scan::ScanDecoder;
use super::source::{Change, ReadLimits, Reopen, ScanRun, SourceTask};
use super::split::SplitRun;
use super::start::{Feed, Starts};
use super::task::{InboxTask, TaskBase, guarded, layouts};
use super::watermarks::NONE;

/// One scan's share of a task.
///
/// # Errors
/// Where a format cannot give the columns asked for.
pub fn scan_run(
    feed: &Feed,
    splits: Vec<SplitRun>,
    changes: Option<UnboundedReceiver<Change>>,
    plan: &Plan,
    built: &Built,
    clock: Arc<dyn Clock>,
) -> Result<ScanRun> {
    let id = feed.opened.node;
    let node = &plan.nodes[id];
    let element = *built.element_of.get(&id).ok_or_else(|| Error::internal("a scan outside its stage"))?;
    let decoder = match (&node.op, &feed.opened.table) {
        (Op::Scan(scan), Some(table)) => {
            ScanDecoder::new(node, scan, table, &plan.settings, clock, feed.metrics.scan.clone())?
        }
        _ => ScanDecoder::constant(node, clock, feed.metrics.scan.clone()),
    };
    Ok(ScanRun {
        source: feed.opened.id.clone(),
        element,
        splits,
        decoder,
        watermarks: feed.watermarks.clone(),
        drift: feed.drift.clone(),
        changes,
        reopen: Reopen { source: feed.opened.source.clone(), runtime: tokio::runtime::Handle::current() },
        forwarded: NONE,
        told: Instant::now(),
    })
}

/// All tasks of a job, not yet started.
pub struct Tasks {
    sources: Vec<SourceTask>,
    behind: Vec<InboxTask>,
    /// What follows the sources.
    pub follows: Vec<Follow>,
}

/// What tasks are made with.
pub struct Parts {
    /// The log.
    pub appender: Appender,
    /// From the coordinator.
    pub control: Arc<Control>,
    /// To the coordinator.
    pub events: Events,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When batches are closed.
    pub limits: ReadLimits,
    /// The epoch that is open.
    pub epoch: u64,
}

impl Tasks {
    /// Makes all tasks of a plan.
    ///
    /// # Errors
    /// Splits that cannot be opened; state that does not fit.
    pub async fn make(
        builder: &Builder,
        feeds: &[Feed],
        starts: &Starts,
        watermarks: &BTreeMap<(String, String), i64>,
        state: BTreeMap<String, StateReader>,
        parts: &Parts,
    ) -> Result<Tasks> {
        let mut stages: Vec<Vec<Built>> = Vec::new();
        let mut number = 0;
        for (index, stage) in builder.graph.stages.iter().enumerate() {
            let mut chains = Vec::new();
            for task in 0..stage.tasks {
                chains.push(builder.chain(index, task, number)?);
                number += 1;
            }
            stages.push(chains);
        }
        restore(&mut stages, state)?;
        let mut out = Tasks { sources: Vec::new(), behind: Vec::new(), follows: Vec::new() };
        let mut shares = Shares::default();
        for feed in feeds {
            let tasks = builder.graph.tasks_of(feed.opened.node) as usize;
            let follow = shares.add(feed, tasks, starts, watermarks, &parts.events).await?;
            out.follows.extend(follow);
        }
        let mut task = 0;
        for (stage, (index, chains)) in builder.graph.stages.iter().zip(stages.into_iter().enumerate()) {
            let nodes = builder.feeds(stage);
            for (i, built) in chains.into_iter().enumerate() {
                let mut scans = Vec::new();
                for feed in feeds.iter().filter(|f| stage.nodes.contains(&f.opened.node)) {
                    let (splits, changes) = shares.take(feed.opened.node, i);
                    scans.push(scan_run(feed, splits, changes, &builder.plan, &built, parts.clock.clone())?);
                }
                let feeds_of = nodes
                    .iter()
                    .map(|(n, input)| built.element_of.get(n).map(|e| (*e, *input)))
                    .collect::<Option<Vec<_>>>();
                let base = TaskBase {
                    task,
                    chain: built.chain,
                    appender: Some(parts.appender.clone()),
                    control: parts.control.clone(),
                    events: parts.events.clone(),
                    clock: parts.clock.clone(),
                    ticked: Instant::now(),
                };
                task += 1;
                if stage.inputs.is_empty() {
                    out.sources.push(SourceTask { base, scans, limits: parts.limits, epoch: parts.epoch });
                } else {
                    let inbox = builder.inboxes[index][i].clone();
                    parts.control.watch(inbox.clone());
                    let feeds = feeds_of.ok_or_else(|| Error::internal("a stage is fed at a node it does not run"))?;
                    out.behind.push(InboxTask { base, inbox, feeds });
                }
            }
        }
        Ok(out)
    }

    /// How many tasks there are, and how many of them read.
    pub fn count(&self) -> (usize, usize) {
        (self.sources.len() + self.behind.len(), self.sources.len())
    }

    /// Starts all threads.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start(self, job: &str) -> Result<Vec<JoinHandle<()>>> {
        let mut threads = Vec::new();
        let mut start =
            |number: u32, events: Events, control: Arc<Control>, body: Box<dyn FnOnce() -> Result<()> + Send>| {
                let name = format!("{job}-{number}");
                let inner = name.clone();
                let spawned = std::thread::Builder::new()
                    .name(name)
                    .spawn(move || guarded(&events, &format!("task {inner}"), body));
                match spawned {
                    Ok(thread) => {
                        threads.push(thread);
                        Ok(())
                    }
                    Err(e) => {
                        control.abort();
                        Err(Error::external(format!("no thread for a task: {e}")).fatal())
                    }
                }
            };
        for task in self.behind {
            let (number, events, control) = (task.base.task, task.base.events.clone(), task.base.control.clone());
            start(number, events, control, Box::new(move || task.run()))?;
        }
        for mut task in self.sources {
            let (number, events, control) = (task.base.task, task.base.events.clone(), task.base.control.clone());
            start(number, events, control, Box::new(move || task.run()))?;
        }
        Ok(threads)
    }
}

type Share = (Vec<SplitRun>, Option<UnboundedReceiver<Change>>);

/// The splits of each scan, dealt out to its tasks.
#[derive(Default)]
struct Shares {
    of: BTreeMap<(usize, usize), Share>,
}

impl Shares {
    async fn add(
        &mut self,
        feed: &Feed,
        tasks: usize,
        starts: &Starts,
        watermarks: &BTreeMap<(String, String), i64>,
        events: &Events,
    ) -> Result<Option<Follow>> {
        let mut dealt: Vec<Vec<SplitRun>> = (0..tasks).map(|_| Vec::new()).collect();
        for (i, split) in feed.opened.splits.iter().enumerate() {
            let key = (feed.opened.id.clone(), split.id.clone());
            let watermark = watermarks.get(&key).copied().unwrap_or(NONE);
            dealt[i % tasks].push(feed.open(split, starts, watermark).await?);
        }
        feed.end_empty(dealt.iter().flatten(), starts);
        let mut follow = Follow {
            opener: feed.opener(),
            tasks: Vec::new(),
            discovery: feed.opened.source.discovery_interval().filter(|_| feed.bound.is_none()),
            upstream: feed.upstream.clone(),
            events: events.clone(),
        };
        let needed = follow.is_needed();
        for (task, splits) in dealt.into_iter().enumerate() {
            let changes = needed.then(|| {
                let (sender, receiver) = mpsc::unbounded_channel();
                follow.tasks.push(sender);
                receiver
            });
            self.of.insert((feed.opened.node, task), (splits, changes));
        }
        Ok(needed.then_some(follow))
    }

    fn take(&mut self, node: usize, task: usize) -> Share {
        self.of.remove(&(node, task)).unwrap_or_default()
    }
}

/// Puts stored state into the operators, each entry where its key belongs now.
fn restore(stages: &mut [Vec<Built>], state: BTreeMap<String, StateReader>) -> Result<()> {
    for (id, reader) in state {
        let Some((stage, element)) = find(stages, &id) else { continue };
        let tasks = stages[stage].len() as u32;
        for batch in reader {
            let batch = batch.context(|| format!("state of operator {id}"))?;
            for (task, built) in stages[stage].iter_mut().enumerate() {
                let layout = layouts(&mut built.chain).into_iter().find(|(of, _)| *of == id).map(|(_, l)| l);
                let Some(layout) = layout else { continue };
                let own = belonging(&batch, &layout, task as u32, tasks)?;
                if own.num_rows() == 0 {
                    continue;
                }
                match &mut built.chain.elements[element].work {
                    Work::Operator(op) => op.restore(&own),
                    Work::Sink(sink) => sink.operator().map_or(Ok(()), |op| op.restore(&own)),
                    Work::Pass | Work::Fanout(_) => Ok(()),
                }
                .context(|| format!("state of operator {id}"))?;
            }
        }
    }
    Ok(())
}

fn find(stages: &[Vec<Built>], id: &str) -> Option<(usize, usize)> {
    stages.iter().enumerate().find_map(|(s, chains)| {
        let element = chains.first()?.chain.elements.iter().position(|e| e.id == id)?;
        Some((s, element))
    })
}

fn belonging(batch: &RecordBatch, layout: &StateLayout, task: u32, tasks: u32) -> Result<RecordBatch> {
    if tasks == 1 {
        return Ok(batch.clone());
    }
    if layout.partition_columns.is_empty() {
        return Ok(if task == 0 { batch.clone() } else { batch.slice(0, 0) });
    }
    let keys: Vec<ArrayRef> = layout.partition_columns.iter().map(|c| batch.column(*c).clone()).collect();
    let hashes = hash_columns(&keys, batch.num_rows())?;
    let mine: BooleanArray = hashes.into_iter().map(|h| Some(owner(h, tasks) == task)).collect();
    filter_record_batch(batch, &mine).map_err(|e| Error::internal(format!("sharing out state: {e}")))
}
