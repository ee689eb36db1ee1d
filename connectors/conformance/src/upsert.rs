//! What [`UpsertSink`] promises: in-order replay by key converges.

use std::collections::BTreeMap;

use tidegate_core::Result as CoreResult;
use tidegate_core::change::RowKind;
use tidegate_core::sink::{ApplyUnit, CommitOutcome, Fence, Id, OpenSink, Scope, SinkLevel, UpsertSink};

use crate::failure::{Check, Failure};
use crate::rows;

type Table = BTreeMap<u64, String>;
type Change = (RowKind, u64, &'static str);

/// What the kit does to the table, a list a unit.
const UNITS: &[&[Change]] = &[
    &[(RowKind::Insert, 1, "one"), (RowKind::Insert, 2, "two"), (RowKind::Insert, 3, "three")],
    &[(RowKind::UpdateBefore, 1, "one"), (RowKind::UpdateAfter, 1, "ONE"), (RowKind::Delete, 2, "two")],
    &[
        (RowKind::Insert, 2, "two again"),
        (RowKind::Delete, 3, "three"),
        (RowKind::Insert, 3, "3"),
        (RowKind::Delete, 3, "3"),
    ],
    &[
        (RowKind::Insert, 4, "four"),
        (RowKind::UpdateAfter, 4, "FOUR"),
        (RowKind::Insert, 5, "five"),
        (RowKind::Delete, 5, "five"),
    ],
];

/// Checks an upsert sink over the columns of [`rows::columns`], keyed by `id`. `make` opens it anew
/// over one target, which is empty at first; `read_back` gives what a reader sees, name by id.
///
/// # Errors
/// The first obligation that was not kept.
pub async fn upsert_sink(
    make: impl AsyncFn() -> CoreResult<OpenSink>,
    read_back: impl AsyncFn() -> CoreResult<BTreeMap<u64, String>>,
) -> Result<(), Failure> {
    let kit = Kit { make, read_back };
    let mut expected = Table::new();
    for (n, unit) in UNITS.iter().enumerate() {
        let check = Check("upsert");
        kit.upsert(check, n..n + 1).await?;
        model(&mut expected, unit);
        kit.table_is(check, &expected, &format!("after unit {}", n + 1)).await?;
        let check = Check("replay of the last unit");
        kit.upsert(check, n..n + 1).await?;
        kit.table_is(check, &expected, &format!("after unit {} again", n + 1)).await?;
    }
    let check = Check("replay from the beginning");
    for n in 0..UNITS.len() {
        kit.upsert(check, n..n + 1).await?;
    }
    kit.table_is(check, &expected, "after all units again, in order").await?;
    let check = Check("units cut anew");
    kit.upsert(check, 0..2).await?;
    kit.upsert(check, 2..UNITS.len()).await?;
    kit.table_is(check, &expected, "after all units again, merged").await
}

fn model(table: &mut Table, changes: &[Change]) {
    for (kind, id, name) in changes {
        match kind {
            RowKind::Insert | RowKind::UpdateAfter => drop(table.insert(*id, (*name).to_owned())),
            RowKind::Delete => drop(table.remove(id)),
            RowKind::UpdateBefore => {}
        }
    }
}

struct Kit<M, R> {
    make: M,
    read_back: R,
}

impl<M: AsyncFn() -> CoreResult<OpenSink>, R: AsyncFn() -> CoreResult<Table>> Kit<M, R> {
    /// Each call opens the sink anew: an in-order replay comes after a restart.
    async fn open(&self, check: Check) -> Result<Box<dyn UpsertSink>, Failure> {
        match check.answered((self.make)().await, "opening")?.level {
            SinkLevel::Upsert(sink) => Ok(sink),
            other => check.fail(format!("the sink promises '{}', it is not an upsert sink", other.guarantee())),
        }
    }

    async fn upsert(&self, check: Check, units: std::ops::Range<usize>) -> Result<(), Failure> {
        let sink = self.open(check).await?;
        let position = |n: usize| UNITS[..n].iter().map(|u| u.len() as u64).sum::<u64>();
        let (from, to) = (position(units.start), position(units.end));
        let batches = UNITS[units.clone()].iter().map(|u| {
            let owned: Vec<_> = u.iter().map(|(k, id, name)| (*k, *id, (*name).to_owned())).collect();
            Check("the kit").answered(rows::changes(&owned), "rows")
        });
        let (run, incarnation) = (Id("run".into()), Id("incarnation".into()));
        let fence = Fence { run, incarnation, position: to, epoch: units.end as u64, digest: 1 };
        let scope = Scope { job: "conformance".into(), sink: "sink".into(), lane: 0 };
        let rows = batches.collect::<Result<_, _>>()?;
        // The version is the same in every replay; two are reserved a unit.
        let unit = ApplyUnit { scope, from, to, fence, version: 1000 + 2 * units.start as i64, rows };
        let outcome = check.answered(sink.upsert(&unit).await, "upsert")?;
        check.ensure(matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyCommitted), || {
            format!("unit {from}..{to} answers {outcome:?}")
        })
    }

    async fn table_is(&self, check: Check, expected: &Table, when: &str) -> Result<(), Failure> {
        let got = check.answered((self.read_back)().await, "reading back")?;
        check.ensure(got == *expected, || format!("{when}, the target holds {got:?}, not {expected:?}"))
    }
}
