//! What the branches of an OR begin with alike is asked once.
//!
//! The filters of many INSERTs over one table come as one OR of ANDs that mostly begin with the same
//! conditions. Only beginnings are taken together: a condition further back is not asked before one
//! that stands in front of it, because a field that cannot be converted decides by its place.

use tidegate_core::scan::RowFilter;

/// The same filter with common beginnings taken out, at every depth.
pub(super) fn factor(filter: &RowFilter) -> RowFilter {
    let mut branches = Vec::new();
    flatten(filter, &mut branches);
    one_of(branches)
}

/// The branches of nested ORs, each the conditions of nested ANDs in order.
fn flatten(filter: &RowFilter, out: &mut Vec<Vec<RowFilter>>) {
    match filter {
        RowFilter::Or(parts) if !parts.is_empty() => parts.iter().for_each(|part| flatten(part, out)),
        other => {
            let mut conditions = Vec::new();
            conjuncts(other, &mut conditions);
            out.push(conditions);
        }
    }
}

fn conjuncts(filter: &RowFilter, out: &mut Vec<RowFilter>) {
    match filter {
        RowFilter::And(parts) => parts.iter().for_each(|part| conjuncts(part, out)),
        RowFilter::Or(parts) if !parts.is_empty() => out.push(factor(filter)),
        other => out.push(other.clone()),
    }
}

/// An OR of branches; those with one beginning share it. A branch without conditions is TRUE.
fn one_of(branches: Vec<Vec<RowFilter>>) -> RowFilter {
    let mut groups: Vec<(RowFilter, Vec<Vec<RowFilter>>)> = Vec::new();
    for mut branch in branches {
        if branch.is_empty() {
            return RowFilter::And(Vec::new());
        }
        let first = branch.remove(0);
        match groups.iter_mut().find(|(f, _)| *f == first) {
            Some((_, rests)) => rests.push(branch),
            None => groups.push((first, vec![branch])),
        }
    }
    let mut parts: Vec<RowFilter> = groups.into_iter().map(|(first, rests)| all_of(first, rests)).collect();
    if parts.len() == 1 { parts.remove(0) } else { RowFilter::Or(parts) }
}

fn all_of(first: RowFilter, rests: Vec<Vec<RowFilter>>) -> RowFilter {
    let mut parts = vec![first];
    match one_of(rests) {
        RowFilter::And(more) => parts.extend(more),
        rest => parts.push(rest),
    }
    if parts.len() == 1 { parts.remove(0) } else { RowFilter::And(parts) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_core::Scalar;
    use tidegate_core::scan::CompareOp;

    use super::super::tests::filters::{Said, said, shapes};
    use super::*;

    fn is(field: usize, value: i64) -> RowFilter {
        RowFilter::Compare { field, op: CompareOp::Eq, value: Scalar::Int(value) }
    }

    #[test]
    fn common_beginnings_are_asked_once() {
        let (a, b, c, d) = (is(0, 1), is(1, 1), is(2, 1), is(2, 2));
        let and = |parts: &[&RowFilter]| RowFilter::And(parts.iter().map(|p| (*p).clone()).collect());
        let or = |parts: Vec<RowFilter>| RowFilter::Or(parts);
        assert_eq!(
            factor(&or(vec![and(&[&a, &b, &c]), and(&[&a, &b, &d]), and(&[&b, &c])])),
            or(vec![RowFilter::And(vec![a.clone(), b.clone(), or(vec![c.clone(), d.clone()])]), and(&[&b, &c])])
        );
        assert_eq!(factor(&or(vec![and(&[&a, &b]), a.clone()])), a, "one that is shorter decides for both");
        assert_eq!(factor(&and(&[&a, &b])), and(&[&a, &b]));
        assert_eq!(factor(&or(Vec::new())), or(Vec::new()), "an OR of nothing stays FALSE");
        assert_eq!(factor(&a), a);
    }

    /// What each field says stands in the list.
    fn eval(filter: &RowFilter, list: &[Said]) -> Said {
        said(filter, &|one| match one {
            RowFilter::Compare { field, .. } => list[*field],
            _ => panic!("not a condition of this test"),
        })
    }

    fn filters() -> impl Strategy<Value = RowFilter> {
        shapes((0..4_usize).prop_map(|field| is(field, 1)))
    }

    proptest! {
        #[test]
        fn says_what_the_filter_said(
            filter in filters(),
            list in prop::collection::vec(prop::option::of(any::<bool>()), 4),
        ) {
            prop_assert_eq!(eval(&factor(&filter), &list), eval(&filter, &list));
        }
    }
}
