//! From plan to stages: which nodes run chained in one task, and what is exchanged between tasks.
//!
//! A stage is a head (a scan, or a node behind a cut) and everything that hangs on it through
//! uncut edges. All inputs of a node that is not a head lie in its own stage, so stages form a DAG in
//! the order of their heads and no task ever waits for itself. With one task nothing is cut.

use std::collections::BTreeMap;

use tidegate_plan::{Node, NodeId, Op, Plan, Sink};

/// How rows find the task behind a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// By the hash of these columns; `None` stands for a column that an INSERT leaves NULL. No
    /// columns: everything to task 0.
    Hash(Vec<Option<usize>>),
    /// From task i to task i (modulo the number of receivers).
    Forward,
}

/// A cut edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The node that emits.
    pub from: NodeId,
    /// The head that receives.
    pub to: NodeId,
    /// Which of its inputs.
    pub input: usize,
    /// How rows are spread.
    pub route: Route,
}

/// Nodes that run chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// In topological order; the first is the head (with one task there may be several heads).
    pub nodes: Vec<NodeId>,
    /// How many tasks run it.
    pub tasks: u32,
    /// What comes in from other stages.
    pub inputs: Vec<Cut>,
}

/// The stages of a plan, in topological order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// The stages.
    pub stages: Vec<Stage>,
}

impl Graph {
    /// Cuts a plan for `tasks` tasks. `splits`: the number of splits of each scan (and 1 for constant
    /// rows).
    pub fn build(plan: &Plan, tasks: u32, splits: &BTreeMap<NodeId, usize>) -> Graph {
        if tasks <= 1 {
            return Graph { stages: vec![Stage { nodes: wanted(plan), tasks: 1, inputs: Vec::new() }] };
        }
        let mut cutter = Cutter {
            plan,
            tasks,
            stages: Vec::new(),
            stage_of: vec![0; plan.nodes.len()],
            by: vec![None; plan.nodes.len()],
        };
        for id in wanted(plan) {
            cutter.place(id, splits);
        }
        Graph { stages: cutter.stages }
    }
    /// How many tasks a node runs in.
    pub fn tasks_of(&self, node: NodeId) -> u32 {
        self.stage_of(node).map_or(0, |s| self.stages[s].tasks)
    }
    /// The stage and the number of the cut between two nodes, if there is one.
    pub fn cut(&self, from: NodeId, to: NodeId, input: usize) -> Option<(usize, usize)> {
        let stage = self.stage_of(to)?;
        let cut = self.stages[stage].inputs.iter().position(|c| (c.from, c.to, c.input) == (from, to, input))?;
        Some((stage, cut))
    }
    /// The stage a node runs in.
    pub fn stage_of(&self, node: NodeId) -> Option<usize> {
        self.stages.iter().position(|s| s.nodes.contains(&node))
    }
}

/// The nodes that some sink or the query needs, in order.
fn wanted(plan: &Plan) -> Vec<NodeId> {
    let mut keep = vec![false; plan.nodes.len()];
    for &root in plan.sinks.iter().chain(&plan.query) {
        keep[root] = true;
    }
    for id in (0..plan.nodes.len()).rev() {
        if keep[id] {
            for &input in &plan.nodes[id].inputs {
                keep[input] = true;
            }
        }
    }
    (0..plan.nodes.len()).filter(|id| keep[*id]).collect()
}

struct Cutter<'a> {
    plan: &'a Plan,
    tasks: u32,
    stages: Vec<Stage>,
    stage_of: Vec<usize>,
    /// The columns by whose hash a node's output lies on tasks, where that is known.
    by: Vec<Option<Vec<usize>>>,
}

impl Cutter<'_> {
    fn place(&mut self, id: NodeId, splits: &BTreeMap<NodeId, usize>) {
        let node = &self.plan.nodes[id];
        if node.inputs.is_empty() {
            let tasks = self.tasks.min(splits.get(&id).copied().unwrap_or(1).max(1) as u32);
            self.new_stage(id, tasks, Vec::new());
            return;
        }
        let routes: Vec<Option<Vec<Option<usize>>>> =
            (0..node.inputs.len()).map(|input| self.required(node, input)).collect();
        let first = self.stage_of[node.inputs[0]];
        let together = node.inputs.iter().all(|i| self.stage_of[*i] == first);
        let fits = node.inputs.iter().zip(&routes).all(|(i, r)| match r {
            None => true,
            Some(r) => self.by[*i].as_ref().is_some_and(|by| by.iter().map(|c| Some(*c)).eq(r.iter().copied())),
        });
        if together && fits {
            self.stage_of[id] = first;
            self.stages[first].nodes.push(id);
        } else {
            let single = routes.iter().all(|r| r.as_ref().is_some_and(Vec::is_empty));
            let cuts = node
                .inputs
                .iter()
                .zip(routes)
                .enumerate()
                .map(|(input, (&from, route))| Cut {
                    from,
                    to: id,
                    input,
                    route: route.map_or(Route::Forward, Route::Hash),
                })
                .collect();
            self.new_stage(id, if single { 1 } else { self.tasks }, cuts);
        }
        self.by[id] = self.partitioning(id);
    }

    /// As [`required`]; but new rows alone may go to a sink from any task. Rows of one key from one
    /// split are in one task as it is, and those of several splits have no order that could be kept.
    fn required(&self, node: &Node, input: usize) -> Option<Vec<Option<usize>>> {
        match &node.op {
            Op::Sink(sink) if !sink.materialize && self.plan.nodes[node.inputs[input]].changes.is_append() => None,
            op => required(op, input),
        }
    }

    fn new_stage(&mut self, head: NodeId, tasks: u32, inputs: Vec<Cut>) {
        self.stage_of[head] = self.stages.len();
        self.stages.push(Stage { nodes: vec![head], tasks, inputs });
    }

    /// The columns by whose hash the output of a placed node lies on its tasks.
    fn partitioning(&self, id: NodeId) -> Option<Vec<usize>> {
        let node = &self.plan.nodes[id];
        match &node.op {
            Op::Scan(_) | Op::Values(_) | Op::Sink(_) => None,
            Op::GroupAggregate { keys, .. } | Op::WindowAggregate { keys, .. } => Some((0..keys.len()).collect()),
            Op::Deduplicate { keys, .. } | Op::TopN { keys, .. } | Op::Normalize { keys } => Some(keys.clone()),
            Op::WindowTable(_) => self.by[node.inputs[0]].clone(),
            Op::Calc { exprs, .. } => self.by[node.inputs[0]]
                .as_ref()?
                .iter()
                .map(|column| exprs.iter().position(|e| e.as_column() == Some(*column)))
                .collect(),
            Op::Union => {
                let common = self.by[node.inputs[0]].as_ref()?;
                let tasks = self.stages[self.stage_of[id]].tasks;
                let kept = node
                    .inputs
                    .iter()
                    .all(|i| self.by[*i].as_ref() == Some(common) && self.stages[self.stage_of[*i]].tasks == tasks);
                kept.then(|| common.clone())
            }
        }
    }
}

/// The columns of an input by whose hash a node needs its rows; `None`: any task will do.
fn required(op: &Op, input: usize) -> Option<Vec<Option<usize>>> {
    match op {
        Op::GroupAggregate { keys, .. }
        | Op::WindowAggregate { keys, .. }
        | Op::Deduplicate { keys, .. }
        | Op::TopN { keys, .. }
        | Op::Normalize { keys } => Some(keys.iter().copied().map(Some).collect()),
        Op::Sink(sink) if !sink.key.is_empty() => Some(sink_key(sink, input)),
        Op::Sink(_) | Op::Scan(_) | Op::Values(_) | Op::Calc { .. } | Op::Union | Op::WindowTable(_) => None,
    }
}

/// Where the sink key's columns are in the rows of one INSERT.
fn sink_key(sink: &Sink, input: usize) -> Vec<Option<usize>> {
    let columns = &sink.inserts[input].columns;
    sink.key.iter().map(|k| columns.iter().position(|c| c == k)).collect()
}
