//! A bare SELECT: one task, bounded, no state directory. The answer is the changelog in order, or
//! the rows that stand at its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::DataType;
use tidegate_core::registry::Opener;
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::{ChangeBatch, Clock, Column, Error, Result};
use tidegate_plan::Plan;
use tokio::sync::mpsc;

use crate::hash::hash_columns;

use super::build::{Builder, metrics_of};
use super::control::{Control, Event};
use super::graph::Graph;
use super::inbox::{Barrier, Then};
use super::sink;
use super::source::{ReadLimits, SourceTask};
use super::spawn::scan_run;
use super::start::{Ask, Feed, Starts, open_sources};
use super::task::{TaskBase, guarded};
use super::watermarks::NONE;

/// Runs the query of a plan and gives its changes in order.
///
/// # Errors
/// Tables that cannot be read, rows that cannot be computed.
pub async fn changes(
    plan: Arc<Plan>,
    opener: Arc<dyn Opener>,
    clock: Arc<dyn Clock>,
    from: Option<StartMode>,
    until: Option<Bound>,
) -> Result<(Vec<Column>, Vec<ChangeBatch>)> {
    let query = plan.query.ok_or_else(|| Error::user("there is no SELECT to answer"))?;
    let columns = plan.nodes[query].columns.clone();
    let ask = Ask {
        from: Some(from.unwrap_or(StartMode::Earliest)),
        until: Some(until.unwrap_or(Bound::Latest)),
        ..Ask::default()
    };
    let graph = Graph::build(&plan, 1, &std::collections::BTreeMap::new());
    let nodes = graph.stages[0].nodes.clone();
    let metrics = Arc::new(metrics_of(&plan));
    let control = Arc::new(Control::default());
    let builder = Builder {
        plan: plan.clone(),
        graph,
        metrics: metrics.clone(),
        clock: clock.clone(),
        control: control.clone(),
        sinks: std::collections::BTreeMap::new(),
        lanes: std::collections::BTreeMap::new(),
        letters: None,
        log: None,
        inboxes: vec![Vec::new()],
    };
    let built = builder.chain(0, 0, 0)?;
    let mut starts = Starts::default();
    let mut scans = Vec::new();
    for opened in open_sources(&plan, &nodes, opener.as_ref(), clock.as_ref()).await? {
        let feed = Feed::new(opened, &plan, &metrics, &ask, &std::collections::BTreeMap::new());
        feed.resolve(&std::collections::BTreeMap::new(), &ask, &mut starts).await?;
        let mut splits = Vec::new();
        for split in &feed.opened.splits {
            splits.push(feed.open(split, &starts, NONE).await?);
        }
        feed.end_empty(splits.iter(), &starts);
        scans.push(scan_run(&feed, splits, None, &plan, &built, clock.clone())?);
    }
    let (events, mut inbox) = mpsc::unbounded_channel();
    let base = TaskBase {
        task: 0,
        chain: built.chain,
        appender: None,
        control: control.clone(),
        events,
        clock,
        ticked: Instant::now(),
    };
    let task = SourceTask { base, scans, limits: ReadLimits::default(), epoch: 0 };
    let running = tokio::task::spawn_blocking(move || run(task));
    // Dropped with the future: whoever gives the query up stops its thread too.
    let _abort = AbortOnDrop(control.clone());
    while let Some(event) = inbox.recv().await {
        match event {
            Event::InputEnded => control.ask(Barrier { epoch: 0, then: Then::End }, false),
            Event::Failed(error) => return Err(error),
            Event::Note(text) => tracing::warn!("{text}"),
            Event::Ack(_) | Event::EpochFull | Event::Stop | Event::Abort => {}
        }
    }
    let collected = running.await.map_err(|e| Error::internal(format!("the query was interrupted: {e}")))?;
    Ok((columns, collected))
}

struct AbortOnDrop(Arc<Control>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn run(mut task: SourceTask) -> Vec<ChangeBatch> {
    let events = task.base.events.clone();
    guarded(&events, "query", || task.run());
    std::mem::take(&mut task.base.chain.shared.collected)
}

/// The rows that stand after all changes, in order of their last change.
///
/// # Errors
/// Where a retraction finds no row.
pub fn standing(plan: &Plan, columns: &[Column], changes: &[ChangeBatch]) -> Result<Vec<RecordBatch>> {
    if changes.iter().all(|c| c.kinds.is_none()) {
        return Ok(changes.iter().map(|c| c.rows.clone()).collect());
    }
    let node = plan.query.and_then(|q| plan.nodes.get(q));
    let key = node.and_then(|n| n.upsert_key.clone()).unwrap_or_else(|| (0..columns.len()).collect());
    let all = sink::concat(changes)?;
    let mut table = Standing { rows: &all, key: &key, alive: vec![false; all.len()], by_hash: HashMap::new() };
    let hashable: Vec<ArrayRef> =
        key.iter().map(|c| all.rows.column(*c).clone()).filter(|c| !is_nested(c.data_type())).collect();
    let hashes = hash_columns(&hashable, all.len())?;
    let upsert = node.is_some_and(|n| n.upsert_key.is_some());
    for (row, hash) in hashes.iter().enumerate() {
        let kind = all.kind(row);
        if upsert || !kind.is_addition() {
            table.remove(*hash, row);
        }
        if kind.is_addition() {
            table.alive[row] = true;
            table.by_hash.entry(*hash).or_default().push(row);
        }
    }
    let kept: Vec<u32> = (0..all.len() as u32).filter(|r| table.alive[*r as usize]).collect();
    let rows = all.take(&UInt32Array::from(kept))?.rows;
    Ok(vec![rows])
}

struct Standing<'a> {
    rows: &'a ChangeBatch,
    key: &'a [usize],
    alive: Vec<bool>,
    by_hash: HashMap<u64, Vec<usize>>,
}

impl Standing<'_> {
    /// Removes the newest row with the key of `row`; none is no error: an upsert of a new key.
    fn remove(&mut self, hash: u64, row: usize) {
        let (rows, key) = (self.rows, self.key);
        let Some(places) = self.by_hash.get_mut(&hash) else { return };
        let equal = |a: usize, b: usize| {
            key.iter().all(|c| {
                let column = rows.rows.column(*c);
                column.slice(a, 1).to_data() == column.slice(b, 1).to_data()
            })
        };
        if let Some(i) = places.iter().rposition(|p| equal(*p, row)) {
            self.alive[places.remove(i)] = false;
        }
    }
}

fn is_nested(ty: &DataType) -> bool {
    matches!(ty, DataType::List(_) | DataType::Map(..) | DataType::Struct(_))
}
