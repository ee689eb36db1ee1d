//! Stable names of operators: a hash over what they compute and the names of their inputs. Columns of
//! a table count by name, so that a new column or another INSERT leaves the rest as it was.

use std::collections::HashSet;

use tidegate_plan::{Expr, Op, stable_hash};

use super::{Graph, RelId};

/// One id a relation.
pub(crate) fn ids(graph: &Graph) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(graph.rels.len());
    let mut seen = HashSet::new();
    for id in 0..graph.rels.len() {
        let mut text = describe(graph, id, &out);
        let mut name = hashed(&text);
        while !seen.insert(name.clone()) {
            text.push('\'');
            name = hashed(&text);
        }
        out.push(name);
    }
    out
}

pub(crate) fn hashed(text: &str) -> String {
    format!("{:016x}", stable_hash(text.as_bytes()))
}

fn describe(graph: &Graph, id: RelId, known: &[String]) -> String {
    let rel = &graph.rels[id];
    let inputs: Vec<&str> = rel.inputs.iter().map(|i| known[*i].as_str()).collect();
    let op = match &rel.op {
        Op::Scan(s) => {
            let t = &graph.tables[s.table];
            return format!("scan {} {} {}", t.spec.name, t.connector, json(&t.binding.resource));
        }
        Op::Calc { filter, exprs } => {
            let names = scan_names(graph, rel.inputs[0]);
            let by_name = |e: &Expr| {
                let mut e = e.clone();
                if let Some(names) = &names {
                    e.remap(&|c| names.get(c).map_or(c, |n| usize::try_from(stable_hash(n.as_bytes())).unwrap_or(c)));
                }
                e
            };
            let exprs: Vec<Expr> = exprs.iter().map(by_name).collect();
            json(&("calc", filter.as_ref().map(by_name), exprs))
        }
        other => json(other),
    };
    format!("{op} <- {}", inputs.join(" "))
}

fn scan_names(graph: &Graph, input: RelId) -> Option<Vec<String>> {
    matches!(graph.rels[input].op, Op::Scan(_))
        .then(|| graph.rels[input].columns.iter().map(|c| c.column.name.clone()).collect())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
