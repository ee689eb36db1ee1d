//! Which kinds of change every relation produces, which its consumers need, and so which it emits.

use tidegate_core::Error;
use tidegate_core::table::SourceChanges;
use tidegate_plan::{Changes, Op};

use super::filter;
use super::keys::Keys;
use super::{Graph, RelId};

/// What each relation may produce if everything is wanted.
pub(crate) fn produced(graph: &Graph) -> Vec<Changes> {
    let mut out: Vec<Changes> = Vec::with_capacity(graph.rels.len());
    for id in 0..graph.rels.len() {
        let rel = &graph.rels[id];
        let input = rel.inputs.first().map_or(Changes::APPEND, |i| out[*i]);
        out.push(match &rel.op {
            Op::Scan(s) => match graph.tables[s.table].binding.source {
                SourceChanges::Append => Changes::APPEND,
                SourceChanges::Upsert => Changes::UPSERT,
                SourceChanges::All => Changes::ALL,
            },
            Op::Calc { .. } => input,
            Op::Union => rel.inputs.iter().fold(Changes::APPEND, |a, i| union(a, out[*i])),
            Op::GroupAggregate { aggregates, .. } => {
                // DISTINCT over append rows only ever adds; otherwise groups shrink only if rows go.
                if aggregates.is_empty() && input.is_append() {
                    Changes::APPEND
                } else {
                    Changes { update_before: true, update_after: true, delete: !input.is_append() }
                }
            }
            Op::Deduplicate { order, keep_last, .. } => {
                if !keep_last && order.is_none() && input.is_append() {
                    Changes::APPEND
                } else {
                    Changes { update_before: true, update_after: true, delete: !input.is_append() }
                }
            }
            Op::TopN { .. } | Op::Normalize { .. } => Changes::ALL,
            Op::Values(_) | Op::WindowTable(_) | Op::WindowAggregate { .. } | Op::Sink(_) => Changes::APPEND,
        });
    }
    out
}

/// Either kind.
pub(crate) fn union(a: Changes, b: Changes) -> Changes {
    Changes {
        update_before: a.update_before || b.update_before,
        update_after: a.update_after || b.update_after,
        delete: a.delete || b.delete,
    }
}

/// Both kinds.
pub(crate) fn intersection(a: Changes, b: Changes) -> Changes {
    Changes {
        update_before: a.update_before && b.update_before,
        update_after: a.update_after && b.update_after,
        delete: a.delete && b.delete,
    }
}

/// What each relation emits: what it can produce and some consumer needs. `roots` are the needs of
/// sinks and of a bare query.
pub(crate) fn emitted(graph: &Graph, produced: &[Changes], keys: &[Keys], roots: &[(RelId, Changes)]) -> Vec<Changes> {
    let mut required = vec![Changes::APPEND; graph.rels.len()];
    for (rel, needs) in roots {
        required[*rel] = union(required[*rel], *needs);
    }
    for id in (0..graph.rels.len()).rev() {
        let rel = &graph.rels[id];
        let own = required[id];
        for input in &rel.inputs {
            let needs = match &rel.op {
                Op::Calc { filter, .. } => {
                    // A row that an update moves out of the filter must be taken back: only its old
                    // version tells.
                    let by_key = filter.as_ref().is_none_or(|f| filter::only_reads(f, keys[*input].first()));
                    if own.delete && !by_key && produced[*input].update_after { Changes::ALL } else { own }
                }
                Op::Union => own,
                Op::Normalize { .. } => Changes::UPSERT,
                _ => Changes::ALL,
            };
            required[*input] = union(required[*input], needs);
        }
    }
    required.iter().zip(produced).map(|(r, p)| intersection(*r, *p)).collect()
}

/// Operators that cannot take updates.
pub(crate) fn check(graph: &Graph, produced: &[Changes]) -> Vec<Error> {
    let mut errors = Vec::new();
    for rel in &graph.rels {
        let Some(input) = rel.inputs.first() else { continue };
        let what = match &rel.op {
            Op::WindowAggregate { .. } | Op::WindowTable(_) => "a window",
            Op::Deduplicate { order: Some(_), .. } => "a deduplication by event time",
            _ => continue,
        };
        if !produced[*input].is_append() {
            errors.push(
                Error::user(format!("{what} takes rows that are never updated, its input emits {}", produced[*input]))
                    .at(rel.span)
                    .help("put it before the aggregation, or group by DATE_FORMAT(time, …) instead of a window"),
            );
        }
    }
    errors
}
