//! Filters of any shape over many rows, against their plain evaluation row by row.

use proptest::prelude::*;
use tidegate_core::Scalar;
use tidegate_core::scan::{CompareOp, RowFilter};
use tidegate_core::table::{Format, JsonFormat};
use tidegate_core::types::SqlType;

use super::{Table, column};

/// Two texts and two integers.
const NAMES: [&str; 4] = ["s", "t", "i", "j"];

/// A field of a document: nothing, a value, or one that its type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Missing,
    Value(i64),
    Bad,
}

fn document(cells: [Cell; 4]) -> String {
    let one = |(name, cell): (&str, Cell)| {
        let text = name < "k" && cell != Cell::Missing; // i and j
        match (cell, text) {
            (Cell::Missing, _) => None,
            (Cell::Value(n), true) => Some(format!("\"{name}\":{n}")),
            (Cell::Value(n), false) => Some(format!("\"{name}\":\"v{n}\"")),
            (Cell::Bad, true) => Some(format!("\"{name}\":\"x\"")),
            // Escaped: a text that has to be made first.
            (Cell::Bad, false) => Some(format!("\"{name}\":\"\\u0076\"")),
        }
    };
    format!("{{{}}}", NAMES.into_iter().zip(cells).filter_map(one).collect::<Vec<_>>().join(","))
}

/// What a filter or a condition says: TRUE, FALSE, or that a field fails.
pub(crate) type Said = Option<bool>;

/// The plain evaluation: conditions in order, from what each of them says.
pub(crate) fn said(filter: &RowFilter, condition: &dyn Fn(&RowFilter) -> Said) -> Said {
    match filter {
        RowFilter::And(parts) => {
            parts.iter().map(|p| said(p, condition)).find(|t| *t != Some(true)).unwrap_or(Some(true))
        }
        RowFilter::Or(parts) => {
            let all: Vec<Said> = parts.iter().map(|p| said(p, condition)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else if all.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        one => condition(one),
    }
}

/// Filters of any shape over these conditions.
pub(crate) fn shapes(condition: impl Strategy<Value = RowFilter> + 'static) -> impl Strategy<Value = RowFilter> {
    condition.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(RowFilter::And),
            prop::collection::vec(inner, 0..4).prop_map(RowFilter::Or),
        ]
    })
}

/// What one condition says of a document.
fn of(filter: &RowFilter, cells: [Cell; 4]) -> Said {
    match filter {
        RowFilter::Compare { field, value, .. } => condition(cells[*field], *field, |n| number(value) == n),
        RowFilter::In { field, values } => condition(cells[*field], *field, |n| values.iter().any(|v| number(v) == n)),
        RowFilter::IsNull(field) | RowFilter::IsNotNull(field) if cells[*field] == Cell::Bad && *field >= 2 => None,
        RowFilter::IsNull(field) => Some(cells[*field] == Cell::Missing),
        RowFilter::IsNotNull(field) => Some(cells[*field] != Cell::Missing),
        RowFilter::And(_) | RowFilter::Or(_) => panic!("not a condition"),
    }
}

fn condition(cell: Cell, field: usize, holds: impl Fn(i64) -> bool) -> Said {
    match cell {
        Cell::Missing => Some(false),
        Cell::Value(n) => Some(holds(n)),
        // The text "v" equals no "v0".
        Cell::Bad if field < 2 => Some(false),
        Cell::Bad => None,
    }
}

fn number(value: &Scalar) -> i64 {
    match value {
        Scalar::Int(n) => *n,
        Scalar::Text(t) => t[1..].parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn scalar(field: usize, n: i64) -> Scalar {
    if field < 2 { Scalar::Text(format!("v{n}")) } else { Scalar::Int(n) }
}

fn filters() -> impl Strategy<Value = RowFilter> {
    let field = 0..4_usize;
    let leaf = prop_oneof![
        6 => (field.clone(), 0..3_i64)
            .prop_map(|(field, n)| RowFilter::Compare { field, op: CompareOp::Eq, value: scalar(field, n) }),
        1 => (field.clone(), prop::collection::vec(0..3_i64, 1..3))
            .prop_map(|(field, n)| RowFilter::In { field, values: n.into_iter().map(|n| scalar(field, n)).collect() }),
        1 => field.clone().prop_map(RowFilter::IsNull),
        1 => field.prop_map(RowFilter::IsNotNull),
    ];
    shapes(leaf)
}

fn cells() -> impl Strategy<Value = [Cell; 4]> {
    let cell = prop_oneof![1 => Just(Cell::Missing), 8 => (0..3_i64).prop_map(Cell::Value), 1 => Just(Cell::Bad)];
    [cell.clone(), cell.clone(), cell.clone(), cell]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_kept_dropped_or_fail_as_one_by_one(
        filter in filters(),
        rows in prop::collection::vec(cells(), 1..700),
    ) {
        let fields = vec![
            column("s", SqlType::STRING),
            column("t", SqlType::STRING),
            column("i", SqlType::Int),
            column("j", SqlType::Int),
        ];
        let mut table = Table::of(Format::Json(JsonFormat::default()), fields);
        table.filter = Some(filter.clone());
        let documents: Vec<String> = rows.iter().map(|r| document(*r)).collect();
        let decoded = table.decode(&documents.iter().map(String::as_str).collect::<Vec<_>>());
        let fails = |cells: [Cell; 4]| cells[2..].contains(&Cell::Bad);
        let (mut kept, mut failed, mut dropped) = (Vec::new(), Vec::new(), 0);
        for (n, cells) in rows.iter().enumerate() {
            match said(&filter, &|one| of(one, *cells)) {
                Some(false) => dropped += 1,
                Some(true) if !fails(*cells) => kept.push(n as u32),
                _ => failed.push(n as u32),
            }
        }
        let records = decoded.records.map_or_else(|| (0..rows.len() as u32).collect(), |r| r.values().to_vec());
        let mut errors: Vec<u32> = decoded.errors.iter().map(|e| e.record).collect();
        errors.sort_unstable();
        errors.dedup();
        prop_assert_eq!((records, errors, decoded.dropped), (kept, failed, dropped));
    }
}
