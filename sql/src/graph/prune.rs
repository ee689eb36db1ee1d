//! Drops what nobody reads: unused columns, aggregates, relations. Scans keep their declared
//! columns; [`super::pushdown`] decides what they read.

use std::collections::BTreeSet;

use tidegate_plan::{Expr, Op};

use super::{Graph, InsertRel, Output, RelColumn, RelId, TimeAttribute};

/// What is still read of the graph, rebuilt. Roots keep all their columns.
pub(crate) fn prune(graph: &Graph, inserts: &mut [InsertRel], query: &mut Option<RelId>) -> Graph {
    let needed = needed_columns(graph, inserts, *query);
    let mut out = Graph { tables: graph.tables.clone(), ..Graph::default() };
    // For each old relation: the new one, and old column → new column.
    let mut map: Vec<Option<(RelId, Vec<Option<usize>>)>> = vec![None; graph.rels.len()];
    for id in 0..graph.rels.len() {
        if let Some(columns) = &needed[id] {
            map[id] = Some(rebuild(graph, id, columns, &map, &mut out));
        }
    }
    for i in inserts {
        i.rel = map[i.rel].as_ref().map_or(i.rel, |(r, _)| *r);
    }
    if let Some(q) = query {
        *q = map[*q].as_ref().map_or(*q, |(r, _)| *r);
    }
    out
}

fn needed_columns(graph: &Graph, inserts: &[InsertRel], query: Option<RelId>) -> Vec<Option<BTreeSet<usize>>> {
    let mut needed: Vec<Option<BTreeSet<usize>>> = vec![None; graph.rels.len()];
    for root in inserts.iter().map(|i| i.rel).chain(query) {
        needed[root] = Some((0..graph.rels[root].columns.len()).collect());
    }
    for id in (0..graph.rels.len()).rev() {
        let Some(own) = needed[id].clone() else { continue };
        let rel = &graph.rels[id];
        for input in &rel.inputs {
            let wanted = read_by(&rel.op, &own, graph.rels[*input].columns.len());
            needed[*input].get_or_insert_default().extend(wanted);
        }
    }
    needed
}

/// The input columns that an operator reads to produce `own` of its columns.
fn read_by(op: &Op, own: &BTreeSet<usize>, input_width: usize) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    match op {
        Op::Calc { filter, exprs } => {
            for e in filter.iter().chain(own.iter().map(|i| &exprs[*i])) {
                e.collect_columns(&mut out);
            }
        }
        Op::Union => out.extend(own),
        Op::WindowTable(w) => {
            out.extend(own.iter().filter(|i| **i < input_width));
            out.extend(w.time);
        }
        Op::WindowAggregate { window, keys, aggregates, .. } => {
            out.extend(keys);
            out.extend(window.time);
            for (i, a) in aggregates.iter().enumerate() {
                if own.contains(&(keys.len() + i)) {
                    out.extend(a.args.iter().chain(&a.filter));
                }
            }
        }
        Op::GroupAggregate { keys, aggregates } => {
            out.extend(keys);
            for (i, a) in aggregates.iter().enumerate() {
                if own.contains(&(keys.len() + i)) {
                    out.extend(a.args.iter().chain(&a.filter));
                }
            }
        }
        Op::Deduplicate { keys, order, .. } => {
            out.extend(own.iter().filter(|i| **i < input_width));
            out.extend(keys.iter().chain(order));
        }
        Op::TopN { keys, order, .. } => {
            out.extend(own.iter().filter(|i| **i < input_width));
            out.extend(keys);
            out.extend(order.iter().map(|o| o.column));
        }
        Op::Normalize { keys } => {
            out.extend(own);
            out.extend(keys);
        }
        Op::Scan(_) | Op::Values(_) | Op::Sink(_) => {}
    }
    if out.is_empty() && input_width > 0 {
        // Rows are counted: keep one column.
        out.insert(0);
    }
    out
}

type Mapped = (RelId, Vec<Option<usize>>);

/// The same relation with these of its old columns only.
fn narrowed(out: &mut Graph, (rel, map): &Mapped, read: &BTreeSet<usize>, span: tidegate_core::Span) -> Mapped {
    let kept: Vec<(usize, usize)> =
        read.iter().filter_map(|old| Some((*old, map.get(*old).copied().flatten()?))).collect();
    if kept.len() == out.rels[*rel].columns.len() {
        return (*rel, map.clone());
    }
    let outputs = kept
        .iter()
        .map(|(_, new)| {
            let c = &out.rels[*rel].columns[*new];
            (Expr::column(*new, c.column.data_type.clone()), c.column.name.clone(), c.time)
        })
        .collect();
    let mut positions = vec![None; map.len()];
    for (at, (old, _)) in kept.iter().enumerate() {
        positions[*old] = Some(at);
    }
    (out.calc(*rel, None, outputs, span), positions)
}

fn rebuild(graph: &Graph, id: RelId, needed: &BTreeSet<usize>, map: &[Option<Mapped>], out: &mut Graph) -> Mapped {
    let rel = &graph.rels[id];
    let width = rel.columns.len();
    let mut inputs: Vec<Mapped> = rel.inputs.iter().filter_map(|i| map[*i].clone()).collect();
    if matches!(rel.op, Op::Deduplicate { .. } | Op::TopN { .. } | Op::Normalize { .. } | Op::WindowTable(_)) {
        // What passes through is kept in state or copied: only what is read goes in.
        for (mapped, input) in inputs.iter_mut().zip(&rel.inputs) {
            let read = read_by(&rel.op, needed, graph.rels[*input].columns.len());
            *mapped = narrowed(out, mapped, &read, rel.span);
        }
    }
    let inputs: Vec<&Mapped> = inputs.iter().collect();
    let moved = |c: usize| inputs.first().and_then(|(_, m)| m.get(c).copied().flatten()).unwrap_or(0);
    let moved_all = |cs: &[usize]| cs.iter().map(|c| moved(*c)).collect::<Vec<_>>();
    let expr = |e: &Expr| {
        let mut e = e.clone();
        e.remap(&moved);
        e
    };
    let keep = |kept: &[usize]| {
        let mut positions = vec![None; width];
        for (new, old) in kept.iter().enumerate() {
            positions[*old] = Some(new);
        }
        positions
    };
    let columns_of = |kept: &[usize]| kept.iter().map(|i| rel.columns[*i].clone()).collect::<Vec<RelColumn>>();
    let input = inputs.first().map(|(r, _)| *r);
    match (&rel.op, input) {
        (Op::Calc { filter, exprs }, Some(input)) => {
            let kept: Vec<usize> = needed.iter().copied().collect();
            let outputs: Vec<Output> = kept
                .iter()
                .map(|i| (expr(&exprs[*i]), rel.columns[*i].column.name.clone(), rel.columns[*i].time))
                .collect();
            let new = out.calc(input, filter.as_ref().map(expr), outputs, rel.span);
            (new, keep(&kept))
        }
        (Op::Union, _) => {
            let kept: Vec<usize> = needed.iter().copied().collect();
            let branches = inputs
                .iter()
                .map(|(r, m)| {
                    let outputs: Vec<Output> = kept
                        .iter()
                        .map(|i| {
                            let c = &rel.columns[*i];
                            let at = m.get(*i).copied().flatten().unwrap_or(0);
                            (
                                Expr::column(at, out.rels[*r].columns[at].column.data_type.clone()),
                                c.column.name.clone(),
                                c.time,
                            )
                        })
                        .collect();
                    (*r, outputs)
                })
                .collect::<Vec<_>>();
            let ids = branches.into_iter().map(|(r, outputs)| out.calc(r, None, outputs, rel.span)).collect();
            (out.add(Op::Union, ids, columns_of(&kept), rel.span), keep(&kept))
        }
        (Op::WindowTable(w), Some(input)) => {
            // The input may carry more than is needed; its columns pass through.
            let mut w = w.clone();
            w.time = w.time.map(moved);
            let (columns, positions) = passed_through(rel, &inputs, out, input, 3);
            (out.add(Op::WindowTable(w), vec![input], columns, rel.span), positions)
        }
        (Op::WindowAggregate { window, keys, aggregates, emit_start_end }, Some(input)) => {
            let (kept, aggregates) = kept_calls(keys.len(), aggregates, needed, &moved, 3);
            let mut window = window.clone();
            window.time = window.time.map(moved);
            let op = Op::WindowAggregate { window, keys: moved_all(keys), aggregates, emit_start_end: *emit_start_end };
            (out.add(op, vec![input], columns_of(&kept), rel.span), keep(&kept))
        }
        (Op::GroupAggregate { keys, aggregates }, Some(input)) => {
            let (kept, aggregates) = kept_calls(keys.len(), aggregates, needed, &moved, 0);
            let op = Op::GroupAggregate { keys: moved_all(keys), aggregates };
            (out.add(op, vec![input], columns_of(&kept), rel.span), keep(&kept))
        }
        (Op::Deduplicate { keys, order, keep_last }, Some(input)) => {
            let op = Op::Deduplicate { keys: moved_all(keys), order: order.map(moved), keep_last: *keep_last };
            let (columns, positions) = passed_through(rel, &inputs, out, input, 0);
            (out.add(op, vec![input], columns, rel.span), positions)
        }
        (Op::TopN { keys, order, from, to, with_rank }, Some(input)) => {
            let order = order.iter().map(|o| tidegate_plan::SortColumn { column: moved(o.column), ..*o }).collect();
            let op = Op::TopN { keys: moved_all(keys), order, from: *from, to: *to, with_rank: *with_rank };
            let (columns, positions) = passed_through(rel, &inputs, out, input, usize::from(*with_rank));
            (out.add(op, vec![input], columns, rel.span), positions)
        }
        (Op::Normalize { keys }, Some(input)) => {
            let op = Op::Normalize { keys: moved_all(keys) };
            let (columns, positions) = passed_through(rel, &inputs, out, input, 0);
            (out.add(op, vec![input], columns, rel.span), positions)
        }
        (op, _) => {
            // Scans keep every column: what is read is decided when fields are pushed down.
            let new = out.add(op.clone(), vec![], rel.columns.clone(), rel.span);
            (new, (0..width).map(Some).collect())
        }
    }
}

/// Columns of an operator that passes its input on and adds `extra` columns of its own.
fn passed_through(
    rel: &super::Rel,
    inputs: &[&Mapped],
    out: &Graph,
    input: RelId,
    extra: usize,
) -> (Vec<RelColumn>, Vec<Option<usize>>) {
    let own = rel.columns.len() - extra;
    let mut columns = out.rels[input].columns.clone();
    let mut positions = vec![None; rel.columns.len()];
    if let Some((_, m)) = inputs.first() {
        for (old, position) in positions.iter_mut().enumerate().take(own) {
            if let Some(new) = m.get(old).copied().flatten() {
                columns[new] = rel.columns[old].clone();
                *position = Some(new);
            }
        }
    }
    for i in 0..extra {
        positions[own + i] = Some(columns.len());
        columns.push(rel.columns[own + i].clone());
    }
    for c in columns.iter_mut().filter(|c| c.column.name.is_empty()) {
        c.time = TimeAttribute::None;
    }
    (columns, positions)
}

/// The output columns kept of an aggregation, and the calls among them.
fn kept_calls(
    keys: usize,
    calls: &[tidegate_plan::AggregateCall],
    needed: &BTreeSet<usize>,
    moved: &impl Fn(usize) -> usize,
    extra: usize,
) -> (Vec<usize>, Vec<tidegate_plan::AggregateCall>) {
    let used: Vec<usize> = (0..calls.len()).filter(|i| needed.contains(&(keys + i))).collect();
    let mut kept: Vec<usize> = (0..keys).collect();
    kept.extend(used.iter().map(|i| keys + i));
    kept.extend((0..extra).map(|i| keys + calls.len() + i));
    let calls = used
        .into_iter()
        .map(|i| {
            let mut c = calls[i].clone();
            c.args = c.args.iter().map(|a| moved(*a)).collect();
            c.filter = c.filter.map(moved);
            c
        })
        .collect();
    (kept, calls)
}
