//! Where plans are cut.

use std::collections::BTreeMap;

use tidegate_plan::{Changes, Op};

use super::super::graph::{Graph, Route};
use super::plans::PlanBuilder;

#[test]
fn one_task_is_one_stage() {
    let mut b = PlanBuilder::new(None);
    let grouped = b.group(0, 0, 1);
    b.sink("out", &[grouped], &[0]);
    let g = Graph::build(&b.plan, 1, &BTreeMap::from([(0, 2)]));
    assert_eq!(g.stages.len(), 1);
    assert!(g.stages[0].inputs.is_empty());
}

#[test]
fn cuts_before_keys_and_not_again_where_they_are_kept() {
    let mut b = PlanBuilder::new(None);
    let picked = b.calc(0, &[0, 1]);
    let grouped = b.group(picked, 0, 1);
    let turned = b.calc(grouped, &[1, 0]);
    b.sink("same", &[turned], &[1]);
    b.sink("other", &[turned], &[0]);
    let g = Graph::build(&b.plan, 4, &BTreeMap::from([(0, 2)]));
    let stages: Vec<_> = g.stages.iter().map(|s| (s.nodes.clone(), s.tasks)).collect();
    assert_eq!(stages, vec![(vec![0, picked], 2), (vec![grouped, turned, turned + 1], 4), (vec![turned + 2], 4)]);
    assert_eq!(g.stages[1].inputs[0].route, Route::Hash(vec![Some(0)]));
    assert_eq!(g.stages[2].inputs[0].route, Route::Hash(vec![Some(0)]));
}

/// Scan → Calc → (exchange) Group → Union ← Calc: the union must not share a task with what feeds
/// it through a queue.
#[test]
fn no_stage_feeds_itself() {
    let mut b = PlanBuilder::new(None);
    let picked = b.calc(0, &[0, 1, 2]);
    let grouped = b.group(picked, 0, 1);
    let columns = b.plan.nodes[grouped].columns.clone();
    let both = b.add(Op::Union, vec![picked, grouped], columns, Changes::UPSERT, None, None);
    b.sink("out", &[both], &[]);
    let g = Graph::build(&b.plan, 2, &BTreeMap::from([(0, 1)]));
    assert_eq!(
        g.stages.iter().map(|s| s.nodes.clone()).collect::<Vec<_>>(),
        vec![vec![0, picked], vec![grouped], vec![both, both + 1]]
    );
    assert!(g.stages[2].inputs.iter().all(|c| c.route == Route::Forward));
    for stage in &g.stages {
        assert!(stage.inputs.iter().all(|c| !stage.nodes.contains(&c.from)));
    }
}

#[test]
fn a_global_aggregate_runs_in_one_task() {
    let mut b = PlanBuilder::new(None);
    let grouped = b.group(0, 0, 1);
    if let Op::GroupAggregate { keys, .. } = &mut b.plan.nodes[grouped].op {
        keys.clear();
    }
    b.sink("out", &[grouped], &[]);
    let g = Graph::build(&b.plan, 4, &BTreeMap::from([(0, 4)]));
    assert_eq!(g.stages[1].tasks, 1);
}
