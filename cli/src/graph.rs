//! Which job of a project reads what another writes.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_core::table::{BoundTable, Resource};
use tidegate_core::{Error, Result};
use tidegate_plan::{Op, Plan};

/// The names of what a table stands for: topics, or a table. Empty for connectors of their own.
pub fn resources(table: &BoundTable) -> Vec<String> {
    match &table.binding.resource {
        Resource::Log { topics, .. } => topics.iter().map(|t| format!("log:{t}")).collect(),
        Resource::Table { name } => vec![format!("table:{name}")],
        Resource::Own => Vec::new(),
    }
}

/// What a plan reads and writes.
pub struct Flow {
    /// Names read.
    pub reads: BTreeSet<String>,
    /// Names written.
    pub writes: BTreeSet<String>,
}

/// The flow of a plan.
pub fn flow(plan: &Plan) -> Flow {
    let mut flow = Flow { reads: BTreeSet::new(), writes: BTreeSet::new() };
    for node in &plan.nodes {
        match &node.op {
            Op::Scan(scan) => flow.reads.extend(resources(&plan.tables[scan.table])),
            Op::Sink(sink) => flow.writes.extend(resources(&plan.tables[sink.table])),
            _ => {}
        }
    }
    if let Some(dead) = plan.settings.dead_letter {
        flow.writes.extend(resources(&plan.tables[dead]));
    }
    flow
}

/// For each job the jobs that write what it reads, by index.
///
/// # Errors
/// Where jobs feed each other in a circle.
pub fn upstream(names: &[&str], flows: &[Flow]) -> Result<Vec<BTreeMap<String, Vec<usize>>>> {
    let mut out = Vec::new();
    for (i, flow) in flows.iter().enumerate() {
        let mut map: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for name in &flow.reads {
            let writers: Vec<usize> =
                flows.iter().enumerate().filter(|(j, f)| *j != i && f.writes.contains(name)).map(|(j, _)| j).collect();
            if !writers.is_empty() {
                map.insert(name.clone(), writers);
            }
        }
        out.push(map);
    }
    let mut done = vec![false; flows.len()];
    loop {
        let ready: Vec<usize> =
            (0..flows.len()).filter(|i| !done[*i] && out[*i].values().flatten().all(|j| done[*j])).collect();
        if ready.is_empty() {
            break;
        }
        for i in ready {
            done[i] = true;
        }
    }
    let stuck: Vec<&str> = names.iter().zip(&done).filter(|(_, d)| !**d).map(|(n, _)| *n).collect();
    if stuck.is_empty() {
        Ok(out)
    } else {
        Err(Error::user(format!("these jobs feed each other in a circle: {}", stuck.join(", ")))
            .help("a bounded project needs jobs that can finish one after another; run them one by one without it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(reads: &[&str], writes: &[&str]) -> Flow {
        let set = |x: &[&str]| x.iter().map(|s| (*s).to_owned()).collect();
        Flow { reads: set(reads), writes: set(writes) }
    }

    #[test]
    fn finds_writers_and_circles() {
        let up = upstream(&["a", "b"], &[flow(&[], &["x"]), flow(&["x"], &["y"])]).unwrap();
        assert_eq!(up[1]["x"], vec![0]);
        assert!(upstream(&["a", "b"], &[flow(&["y"], &["x"]), flow(&["x"], &["y"])]).is_err());
    }
}
