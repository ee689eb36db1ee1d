//! What every plan must be: indexes in range, types that fit, inputs before their readers.

use tidegate_core::scan::RowFilter;
use tidegate_core::{Column, SqlType};
use tidegate_plan::{Expr, ExprKind, Op, Plan};

fn fits(e: &Expr, input: &[Column], what: &str) {
    if let ExprKind::Column(i) = e.kind {
        let c = input.get(i).unwrap_or_else(|| panic!("{what}: column {i} of {}", input.len()));
        let same = c.data_type.ty.to_arrow() == e.data_type.ty.to_arrow();
        assert!(same, "{what}: column {i} ({}) is {}, read as {}", c.name, c.data_type, e.data_type);
    }
    if let ExprKind::Compare { left, right, .. } = &e.kind {
        let (l, r) = (left.data_type.ty.to_arrow(), right.data_type.ty.to_arrow());
        assert_eq!(l, r, "{what}: a comparison of {} and {}", left.data_type, right.data_type);
    }
    if let ExprKind::Case { branches, otherwise } = &e.kind {
        for v in branches.iter().map(|(_, v)| v).chain([otherwise.as_ref()]) {
            assert_eq!(v.data_type.ty.to_arrow(), e.data_type.ty.to_arrow(), "{what}: CASE");
        }
    }
    for c in e.children() {
        fits(c, input, what);
    }
}

fn filter_fits(f: &RowFilter, fields: usize) {
    match f {
        RowFilter::And(all) | RowFilter::Or(all) => all.iter().for_each(|p| filter_fits(p, fields)),
        RowFilter::Compare { field, .. }
        | RowFilter::In { field, .. }
        | RowFilter::IsNull(field)
        | RowFilter::IsNotNull(field) => {
            assert!(*field < fields);
        }
    }
}

/// Panics where a plan is not sound.
pub(crate) fn check(plan: &Plan) {
    for (id, node) in plan.nodes.iter().enumerate() {
        let what = format!("#{id} {}", node.label);
        assert!(node.inputs.iter().all(|i| *i < id), "{what}: inputs come first");
        let input: &[Column] = node.inputs.first().map_or(&[], |i| &plan.nodes[*i].columns);
        let in_range = |c: usize| assert!(c < input.len(), "{what}: column {c} of {}", input.len());
        match &node.op {
            Op::Scan(s) => {
                assert_eq!(node.columns.len(), s.request.fields.len(), "{what}");
                if let Some(f) = &s.request.filter {
                    filter_fits(f, s.request.fields.len());
                }
                if let Some(t) = &s.event_time {
                    fits(&t.time, &node.columns, &what);
                    fits(&t.watermark, &node.columns, &what);
                }
            }
            Op::Values(rows) => assert!(rows.iter().all(|r| r.len() == node.columns.len()), "{what}"),
            Op::Calc { filter, exprs } => {
                assert_eq!(exprs.len(), node.columns.len(), "{what}");
                for (e, c) in exprs.iter().zip(&node.columns) {
                    fits(e, input, &what);
                    assert_eq!(e.data_type.ty.to_arrow(), c.data_type.ty.to_arrow(), "{what}: {}", c.name);
                }
                if let Some(f) = filter {
                    fits(f, input, &what);
                    assert_eq!(f.data_type.ty, SqlType::Boolean);
                }
            }
            Op::Union => {
                for i in &node.inputs {
                    let types = |cs: &[Column]| cs.iter().map(|c| c.data_type.ty.to_arrow()).collect::<Vec<_>>();
                    assert_eq!(types(&plan.nodes[*i].columns), types(&node.columns), "{what}");
                }
            }
            Op::WindowTable(w) => {
                w.time.into_iter().for_each(in_range);
                assert_eq!(node.columns.len(), input.len() + 3, "{what}");
            }
            Op::WindowAggregate { keys, aggregates, window, .. } => {
                keys.iter().copied().chain(window.time).for_each(in_range);
                aggregates.iter().for_each(|a| a.args.iter().chain(&a.filter).copied().for_each(in_range));
                assert_eq!(node.columns.len(), keys.len() + aggregates.len() + 3, "{what}");
            }
            Op::GroupAggregate { keys, aggregates } => {
                keys.iter().copied().for_each(in_range);
                aggregates.iter().for_each(|a| a.args.iter().chain(&a.filter).copied().for_each(in_range));
                assert_eq!(node.columns.len(), keys.len() + aggregates.len(), "{what}");
            }
            Op::Deduplicate { keys, order, .. } => keys.iter().chain(order).copied().for_each(in_range),
            Op::TopN { keys, order, with_rank, .. } => {
                keys.iter().copied().chain(order.iter().map(|o| o.column)).for_each(in_range);
                assert_eq!(node.columns.len(), input.len() + usize::from(*with_rank), "{what}");
            }
            Op::Normalize { keys } => keys.iter().copied().for_each(in_range),
            Op::Sink(s) => {
                assert_eq!(s.inserts.len(), node.inputs.len(), "{what}");
                for (insert, i) in s.inserts.iter().zip(&node.inputs) {
                    let own = &plan.nodes[*i].columns;
                    assert_eq!(own.len(), insert.columns.len(), "{what}");
                    for (c, t) in own.iter().zip(&insert.columns) {
                        let target = &node.columns[*t];
                        assert_eq!(
                            c.data_type.ty.to_arrow(),
                            target.data_type.ty.to_arrow(),
                            "{what}: {}",
                            target.name
                        );
                    }
                }
            }
        }
        for key in node.unique_keys.iter().chain(&node.upsert_key) {
            assert!(key.iter().all(|k| *k < node.columns.len()), "{what}: key {key:?}");
        }
    }
}
