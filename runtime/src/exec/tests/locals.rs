//! Where local parts stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_core::SystemClock;
use tidegate_plan::{AggregateFunction, Op, Plan};

use super::plans::PlanBuilder;
use crate::exec::build::{Builder, metrics_of};
use crate::exec::chain::{Chain, Consumer};
use crate::exec::graph::Graph;

/// The chain of the first task of a plan whose source has two splits.
fn first_chain(plan: Plan, tasks: u32) -> Chain {
    let graph = Graph::build(&plan, tasks, &BTreeMap::from([(0, 2)]));
    let builder = Builder {
        metrics: Arc::new(metrics_of(&plan)),
        plan: Arc::new(plan),
        inboxes: Builder::make_inboxes(&graph),
        graph,
        clock: Arc::new(SystemClock),
        control: Arc::default(),
        sinks: BTreeMap::new(),
        lanes: BTreeMap::new(),
        letters: None,
        log: None,
    };
    builder.chain(0, 0, 0).unwrap().chain
}

fn two_windows() -> PlanBuilder {
    let mut b = PlanBuilder::new(Some(0));
    let picked = b.calc(0, &[0, 1, 2]);
    let first = b.window(picked, 1_000);
    b.window(picked, 5_000);
    let grouped = b.group(first, 0, 1);
    b.plan.query = Some(grouped);
    b
}

fn shape(chain: &Chain) -> Vec<(&str, &[Consumer])> {
    chain.elements.iter().map(|e| (e.id.as_str(), e.consumers[0].as_slice())).collect()
}

#[test]
fn they_stand_behind_all_others_and_before_the_exchange() {
    let mut b = two_windows();
    b.sink("second", &[3], &[]);
    let element = |index| Consumer::Element { index, input: 0 };
    // Both windows read the Calc, each through a local part of its own; the group in the stage behind
    // and the sink are not in this chain.
    let chain = first_chain(b.plan, 2);
    assert_eq!(
        shape(&chain),
        [
            ("n0", &[element(1)][..]),
            ("n1", &[element(2), element(3)]),
            ("n2:local", &[Consumer::Exchange(0)]),
            ("n3:local", &[Consumer::Exchange(1)]),
        ]
    );
}

#[test]
fn one_task_has_none_and_what_cannot_be_split_has_none() {
    let chain = first_chain(two_windows().plan, 1);
    assert!(chain.elements.iter().all(|e| !e.id.ends_with(":local")));
    let mut b = two_windows();
    if let Op::WindowAggregate { aggregates, .. } = &mut b.plan.nodes[2].op {
        aggregates[0].function = AggregateFunction::LastValue;
        aggregates[0].args = vec![1];
    }
    let chain = first_chain(b.plan, 2);
    assert_eq!(shape(&chain)[1..], [("n1", &[Consumer::Exchange(0)][..])]);
}
