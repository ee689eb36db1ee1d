//! From stages to the chains of their tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_core::sink::SinkInput;
use tidegate_core::{Clock, Column, Error, Result, ResultExt};
use tidegate_plan::{Changes, Insert, Node, NodeId, OnRowError, Op, Plan, Sink};

use crate::metrics::{InsertMetrics, JobMetrics, OperatorMetrics};
use crate::operator::OperatorContext;
use crate::ops;
use crate::ops::sink::SinkPrepare;
use crate::store::Appender;

use super::bad_rows::BadRows;
use super::chain::{Chain, Consumer, Element, Shared, Work};
use super::control::Control;
use super::dead_letters::DeadLetters;
use super::exchange::Exchange;
use super::fanout::Fanout;
use super::graph::{Graph, Stage};
use super::inbox::Inbox;
use super::sink::{EpochLimit, LogWriter, SinkWriter, Target};
use super::watermarks::NONE;

/// What is known of an opened sink when its writers are made.
#[derive(Debug, Clone, Copy)]
pub struct SinkShape {
    /// What it wants.
    pub input: SinkInput,
    /// Rows are only counted.
    pub discard: bool,
}

/// The dead-letter table as a sink node of its own.
pub struct LetterBox {
    /// The node; an INSERT into the same table shares its sink id.
    pub node: Node,
    /// Its sink id.
    pub sink: String,
    /// The table's writable columns.
    pub columns: Vec<Column>,
    /// What the opened sink wants.
    pub shape: SinkShape,
}

impl LetterBox {
    /// Of the plan's dead-letter table, if rows may go there.
    pub fn node(plan: &Plan) -> Option<(Node, String, Vec<Column>)> {
        let table = plan.settings.dead_letter.filter(|_| plan.settings.on_error == OnRowError::DeadLetter)?;
        let bound = plan.tables.get(table)?;
        let columns: Vec<Column> = bound.spec.writable().map(|c| c.column.clone()).collect();
        let shared = plan.sinks.iter().find_map(|s| match &plan.nodes[*s].op {
            Op::Sink(s) if s.table == table => Some(s.sink_id.clone()),
            _ => None,
        });
        let sink_id = shared.unwrap_or_else(|| bound.spec.name.clone());
        let key = bound.spec.primary_key.iter().filter_map(|k| columns.iter().position(|c| c.name == *k)).collect();
        let insert = Insert {
            number: 0,
            columns: (0..columns.len()).collect(),
            guarantee: String::new(),
            span: bound.spec.span,
        };
        let sink = Sink {
            table,
            sink_id: sink_id.clone(),
            inserts: vec![insert],
            changes: bound.binding.sink,
            key,
            materialize: false,
            not_null: Vec::new(),
            drop_nulls: false,
        };
        let node = Node {
            op: Op::Sink(sink),
            inputs: Vec::new(),
            columns: columns.clone(),
            changes: Changes::APPEND,
            unique_keys: Vec::new(),
            upsert_key: None,
            time_column: None,
            id: format!("dead-letters:{sink_id}"),
            label: format!("DeadLetters({sink_id})"),
        };
        Some((node, sink_id, columns))
    }
}

/// What chains are made from.
pub struct Builder {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its stages.
    pub graph: Graph,
    /// Counters.
    pub metrics: Arc<JobMetrics>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// To writers.
    pub control: Arc<Control>,
    /// Opened sinks by node.
    pub sinks: BTreeMap<NodeId, SinkShape>,
    /// Lanes by sink id.
    pub lanes: BTreeMap<String, u32>,
    /// The dead-letter table.
    pub letters: Option<LetterBox>,
    /// The job's log; `None` for a bare SELECT and while only layouts are asked for.
    pub log: Option<(Appender, Arc<EpochLimit>)>,
    /// Inboxes by stage and task, channels in order of cut, then sender.
    pub inboxes: Vec<Vec<Arc<Inbox>>>,
}

/// A chain and where its parts are.
pub struct Built {
    /// The chain.
    pub chain: Chain,
    /// The element of each node of the stage.
    pub element_of: BTreeMap<NodeId, usize>,
}

/// The counters of a plan.
pub fn metrics_of(plan: &Plan) -> JobMetrics {
    let mut inserts: Vec<Arc<InsertMetrics>> = Vec::new();
    for sink in &plan.sinks {
        if let Op::Sink(s) = &plan.nodes[*sink].op {
            let table = plan.tables.get(s.table).map(|t| t.spec.name.clone()).unwrap_or_default();
            inserts.extend(s.inserts.iter().map(|i| {
                Arc::new(InsertMetrics {
                    number: i.number,
                    table: table.clone(),
                    sink: s.sink_id.clone(),
                    rows_in: 0.into(),
                })
            }));
        }
    }
    inserts.sort_by_key(|i| i.number);
    JobMetrics {
        operators: plan.nodes.iter().map(|n| (n.label.clone(), Arc::new(OperatorMetrics::default()))).collect(),
        sources: parking_lot::Mutex::new(Vec::new()),
        inserts,
        dead_letters: 0.into(),
        ignored: 0.into(),
    }
}

impl Builder {
    /// One inbox for every task of every stage behind a cut.
    pub fn make_inboxes(graph: &Graph) -> Vec<Vec<Arc<Inbox>>> {
        let senders = |stage: &Stage| stage.inputs.iter().map(|c| graph.tasks_of(c.from) as usize).sum::<usize>();
        graph
            .stages
            .iter()
            .map(
                |s| {
                    if s.inputs.is_empty() {
                        Vec::new()
                    } else {
                        (0..s.tasks).map(|_| Inbox::new(senders(s))).collect()
                    }
                },
            )
            .collect()
    }

    /// For each channel of a stage's inboxes: the node and input it feeds.
    pub fn feeds(&self, stage: &Stage) -> Vec<(NodeId, usize)> {
        stage
            .inputs
            .iter()
            .flat_map(|c| std::iter::repeat_n((c.to, c.input), self.graph.tasks_of(c.from) as usize))
            .collect()
    }

    /// The chain of a task. `number`: the task over all stages.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn chain(&self, stage_index: usize, task: u32, number: u32) -> Result<Built> {
        let stage = &self.graph.stages[stage_index];
        let groups = self.groups(stage);
        let mut element_of = BTreeMap::new();
        for (i, group) in groups.iter().enumerate() {
            element_of.extend(group.iter().map(|node| (*node, i)));
        }
        let consumers = self.plan.consumers();
        let mut exchanges = Vec::new();
        let mut locals = Vec::new();
        let mut elements = Vec::with_capacity(groups.len());
        for group in &groups {
            let mut outs: Vec<Vec<Consumer>> = Vec::new();
            // Between an aggregate and its Calc nothing goes out.
            for node in if self.is_fused(group) { &group[1..] } else { group } {
                let mut out = Vec::new();
                for (to, input) in &consumers[*node] {
                    match (element_of.get(to), self.graph.cut(*node, *to, *input)) {
                        (_, Some((target, cut))) => {
                            let exchange = Consumer::Exchange(exchanges.len());
                            exchanges.push(self.exchange(target, cut, task));
                            let local = self.local(*to, exchange, task, stage.tasks)?;
                            // Behind all others, since elements only hand rows to later ones.
                            let index = groups.len() + locals.len();
                            out.push(if local.is_some() { Consumer::Element { index, input: 0 } } else { exchange });
                            locals.extend(local);
                        }
                        (Some(index), None) => {
                            let consumer = Consumer::Element { index: *index, input: self.input_of(*to, *input) };
                            // Calcs that were fused are one consumer, not one each.
                            if !out.contains(&consumer) {
                                out.push(consumer);
                            }
                        }
                        // A consumer that nothing needs.
                        (None, None) => {}
                    }
                }
                outs.push(out);
            }
            elements.push(self.element(group, outs, task, stage.tasks, number)?);
        }
        elements.extend(locals);
        let bad_rows = BadRows {
            policy: self.plan.settings.on_error,
            letters: self.dead_letters(task, stage.tasks, number)?,
            metrics: self.metrics.clone(),
        };
        Ok(Built {
            chain: Chain::new(elements, Shared { exchanges, bad_rows, collected: Vec::new(), located: false }),
            element_of,
        })
    }

    /// A fan-out has one input however many nodes it is made of.
    fn input_of(&self, node: NodeId, input: usize) -> usize {
        if matches!(self.plan.nodes[node].op, Op::Calc { .. }) { 0 } else { input }
    }

    /// Whether these are an aggregate and the Calc that it takes in.
    fn is_fused(&self, group: &[NodeId]) -> bool {
        group.len() > 1 && matches!(self.plan.nodes[group[0]].op, Op::GroupAggregate { .. })
    }

    /// The Calc that an aggregate takes in: the only one who reads it. Without mini-batches none does, since
    /// then the changes are to be Flink's, which that Calc cannot keep from being made.
    fn fused_calc(&self, aggregate: NodeId) -> Option<NodeId> {
        let is_aggregate = matches!(self.plan.nodes[aggregate].op, Op::GroupAggregate { .. });
        if !is_aggregate || !self.plan.settings.mini_batch || Some(aggregate) == self.plan.query {
            return None;
        }
        let readers = &self.plan.consumers()[aggregate];
        let [(calc, _)] = readers[..] else { return None };
        ops::group_aggregate::fuses(&self.plan.nodes[calc]).then_some(calc)
    }

    /// The nodes of a stage; Calcs over one input together at the place of the first, and with an
    /// aggregate the Calc that it takes in.
    fn groups(&self, stage: &Stage) -> Vec<Vec<NodeId>> {
        let mut groups: Vec<Vec<NodeId>> = Vec::new();
        let mut fan: BTreeMap<NodeId, usize> = BTreeMap::new();
        for node in &stage.nodes {
            let n = &self.plan.nodes[*node];
            if groups.iter().any(|g| g.contains(node)) {
                continue;
            }
            if let Some(calc) = self.fused_calc(*node).filter(|calc| stage.nodes.contains(calc)) {
                groups.push(vec![*node, calc]);
                continue;
            }
            if matches!(n.op, Op::Calc { .. }) && Some(*node) != self.plan.query {
                if let Some(group) = fan.get(&n.inputs[0]) {
                    groups[*group].push(*node);
                    continue;
                }
                fan.insert(n.inputs[0], groups.len());
            }
            groups.push(vec![*node]);
        }
        groups
    }

    fn exchange(&self, target: usize, cut: usize, task: u32) -> Exchange {
        let stage = &self.graph.stages[target];
        let before: usize = stage.inputs[..cut].iter().map(|c| self.graph.tasks_of(c.from) as usize).sum();
        let channel = before + task as usize;
        let targets = self.inboxes[target].iter().map(|inbox| (inbox.clone(), channel)).collect();
        Exchange::new(stage.inputs[cut].route.clone(), task as usize, targets)
    }

    fn context(&self, node: NodeId, task: u32, tasks: u32) -> OperatorContext {
        OperatorContext { clock: self.clock.clone(), task, tasks, metrics: self.metrics.operators[node].1.clone() }
    }

    fn element(
        &self,
        group: &[NodeId],
        mut consumers: Vec<Vec<Consumer>>,
        task: u32,
        tasks: u32,
        number: u32,
    ) -> Result<Element> {
        let (id, node) = (group[0], &self.plan.nodes[group[0]]);
        let context = self.context(id, task, tasks);
        let mut place = self.place(group);
        let work = match &node.op {
            Op::Scan(_) | Op::Values(_) | Op::Union => Work::Pass,
            Op::Sink(sink) => {
                place = self.plan.tables.get(sink.table).map(|t| format!("table {}", t.spec.name)).unwrap_or_default();
                Work::Sink(Box::new(self.sink(id, sink, task, tasks, number).context(|| place.clone())?))
            }
            Op::GroupAggregate { .. } if self.is_fused(group) => {
                let calc = (&self.plan.nodes[group[1]], self.metrics.operators[group[1]].1.clone());
                let label = || calc.0.label.clone();
                let operator = ops::build_fused((node, context.clone()), calc.clone(), &self.plan).context(label)?;
                Work::Operator(operator)
            }
            Op::Calc { .. } if group.len() > 1 => {
                let branches = group
                    .iter()
                    .map(|n| (&self.plan.nodes[*n], self.metrics.operators[*n].1.clone(), self.place(&[*n])))
                    .collect();
                Work::Fanout(Fanout::new(branches, &self.plan, self.clock.clone())?)
            }
            _ => Work::Operator(ops::build(node, &self.plan, context.clone()).context(|| node.label.clone())?),
        };
        if group.last().copied() == self.plan.query {
            consumers[0].push(Consumer::Collect);
        }
        Ok(Element {
            work,
            consumers,
            inputs: vec![NONE; node.inputs.len().max(1)],
            watermark: NONE,
            metrics: context.metrics,
            place,
            id: node.id.clone(),
        })
    }

    /// The local part of a node behind a cut. It counts for the node.
    fn local(&self, to: NodeId, exchange: Consumer, task: u32, tasks: u32) -> Result<Option<Element>> {
        let (node, context) = (&self.plan.nodes[to], self.context(to, task, tasks));
        let metrics = context.metrics.clone();
        let local = ops::local(node, &self.plan, context).context(|| node.label.clone())?;
        Ok(local.map(|operator| Element {
            work: Work::Operator(operator),
            consumers: vec![vec![exchange]],
            inputs: vec![NONE],
            watermark: NONE,
            metrics,
            place: self.place(&[to]),
            id: format!("{}:local", node.id),
        }))
    }

    fn sink(&self, id: NodeId, sink: &Sink, task: u32, tasks: u32, number: u32) -> Result<SinkWriter> {
        let shape = self.sinks.get(&id).ok_or_else(|| Error::internal("a sink that was not opened"))?;
        let lanes = self.lanes.get(&sink.sink_id).copied().unwrap_or(1);
        let prepare =
            SinkPrepare::new(&self.plan.nodes[id], &self.plan, shape.input, lanes, self.context(id, task, tasks))?;
        let inserts = sink
            .inserts
            .iter()
            .filter_map(|i| {
                self.metrics.inserts.iter().find(|m| m.number == i.number && m.sink == sink.sink_id).cloned()
            })
            .collect();
        let log = LogWriter::new(&sink.sink_id, number, self.target(shape.discard), self.control.clone());
        Ok(SinkWriter::new(prepare, log, inserts))
    }

    fn target(&self, discard: bool) -> Target {
        match &self.log {
            Some((appender, limit)) if !discard => Target::Log { appender: appender.clone(), limit: limit.clone() },
            _ => Target::Discard,
        }
    }

    /// The dead-letter writer of a task.
    ///
    /// # Errors
    /// Where the table's format cannot write its columns.
    pub fn dead_letters(&self, task: u32, tasks: u32, number: u32) -> Result<Option<DeadLetters>> {
        let Some(letters) = &self.letters else { return Ok(None) };
        let context = OperatorContext { clock: self.clock.clone(), task, tasks, metrics: Arc::default() };
        let lanes = self.lanes.get(&letters.sink).copied().unwrap_or(1);
        let prepare = SinkPrepare::new(&letters.node, &self.plan, letters.shape.input, lanes, context)
            .context(|| "the dead-letter table")?;
        let log = LogWriter::new(&letters.sink, number, self.target(letters.shape.discard), self.control.clone());
        Ok(Some(DeadLetters::new(letters.columns.clone(), prepare, log, self.clock.clone())))
    }

    /// `INSERT 3 → table x`: what nodes work for, in messages.
    fn place(&self, nodes: &[NodeId]) -> String {
        let mut inserts: BTreeSet<(usize, String)> = BTreeSet::new();
        let mut reached: BTreeSet<NodeId> = nodes.iter().copied().collect();
        for (id, node) in self.plan.nodes.iter().enumerate() {
            for (input, from) in node.inputs.iter().enumerate() {
                if !reached.contains(from) {
                    continue;
                }
                reached.insert(id);
                if let Op::Sink(s) = &node.op {
                    let table = self.plan.tables.get(s.table).map(|t| t.spec.name.clone()).unwrap_or_default();
                    inserts.insert((s.inserts.get(input).map_or(0, |i| i.number), table));
                }
            }
        }
        let first = nodes.first().map(|n| &self.plan.nodes[*n].op);
        let table = match first {
            Some(Op::Scan(s)) => self.plan.tables.get(s.table).map(|t| format!("table {}", t.spec.name)),
            _ => None,
        };
        let numbers: Vec<String> = inserts.iter().map(|(n, _)| n.to_string()).collect();
        let who = match inserts.len() {
            0 => None,
            1 => Some(format!("INSERT {}", numbers[0])),
            _ => Some(format!("INSERTs {}", numbers.join(", "))),
        };
        let table = table.or_else(|| match inserts.iter().next() {
            Some((_, t)) if inserts.len() == 1 => Some(format!("table {t}")),
            _ => None,
        });
        [who, table].into_iter().flatten().collect::<Vec<_>>().join(" → ")
    }
}
