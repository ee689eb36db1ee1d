//! What a fence allows: the decisions every [`crate::sink::FencedSink`] makes, without any I/O.
//!
//! A sink reads its stored fence inside the transaction that will carry the rows, asks here, and
//! does what the answer says.

use crate::error::Error;
use crate::sink::{ApplyUnit, CommitOutcome, Fence};

/// Whether a unit may be applied over the stored fence; the outcome to return where it may not.
///
/// # Errors
/// The outcome of [`crate::sink::FencedSink::apply`]: nothing is to be written.
pub fn check_apply(stored: Option<&Fence>, unit: &ApplyUnit) -> Result<(), CommitOutcome> {
    let Some(stored) = stored else {
        return Err(CommitOutcome::Lost(format!(
            "the fence of {} is gone: the target was never claimed, or was restored or emptied",
            unit.scope
        )));
    };
    if stored.incarnation != unit.fence.incarnation {
        return Err(CommitOutcome::Replaced(stored.clone()));
    }
    if stored.epoch == unit.fence.epoch && stored.position == unit.to {
        return Err(if stored.digest == unit.fence.digest {
            CommitOutcome::AlreadyCommitted
        } else {
            CommitOutcome::Lost(format!(
                "the fence of {} has another digest at position {}: two histories share this target",
                unit.scope, unit.to
            ))
        });
    }
    if stored.position == unit.from && (unit.from < unit.to || stored.epoch < unit.fence.epoch) {
        return Ok(());
    }
    if stored.position >= unit.to {
        return Err(CommitOutcome::AlreadyCommitted);
    }
    if stored.position > unit.from {
        return Err(CommitOutcome::Unknown(format!(
            "the fence of {} stands at {}, inside the unit {}..{}",
            unit.scope, stored.position, unit.from, unit.to
        )));
    }
    Err(CommitOutcome::Lost(format!(
        "the fence of {} stands at {}, below the unit {}..{}: rows in between are missing at the target",
        unit.scope, stored.position, unit.from, unit.to
    )))
}

/// A unit carries a row for each of its positions, less those that the target has refused before.
///
/// # Errors
/// Where it carries more rows than positions: a bug.
pub fn check_rows(unit: &ApplyUnit) -> Result<(), Error> {
    let (rows, places) = (unit.rows.iter().map(|b| b.len() as u64).sum::<u64>(), unit.to - unit.from);
    if rows > places {
        return Err(Error::internal(format!("a unit of {places} positions carries {rows} rows")));
    }
    Ok(())
}

/// The fence a claim writes: own run and incarnation; position, epoch and digest as they were, or as
/// asked where there was none.
pub fn claimed(stored: Option<&Fence>, asked: &Fence) -> Fence {
    match stored {
        None => asked.clone(),
        Some(s) => Fence { run: asked.run.clone(), incarnation: asked.incarnation.clone(), ..s.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Id, Scope};

    fn fence(incarnation: &str, position: u64, epoch: u64, digest: u64) -> Fence {
        Fence { run: Id("r".into()), incarnation: Id(incarnation.into()), position, epoch, digest }
    }
    fn unit(from: u64, to: u64, epoch: u64, digest: u64) -> ApplyUnit {
        let scope = Scope { job: "j".into(), sink: "s".into(), lane: 0 };
        ApplyUnit { scope, from, to, fence: fence("me", to, epoch, digest), version: 1, rows: vec![] }
    }

    #[test]
    fn every_relation_of_fence_and_unit() {
        let at = |p, e, d| fence("me", p, e, d);
        assert!(matches!(check_apply(None, &unit(0, 5, 1, 7)), Err(CommitOutcome::Lost(_))));
        assert!(matches!(
            check_apply(Some(&fence("other", 0, 0, 0)), &unit(0, 5, 1, 7)),
            Err(CommitOutcome::Replaced(_))
        ));
        assert_eq!(check_apply(Some(&at(0, 0, 0)), &unit(0, 5, 1, 7)), Ok(()));
        assert_eq!(check_apply(Some(&at(5, 1, 7)), &unit(0, 5, 1, 7)), Err(CommitOutcome::AlreadyCommitted));
        assert!(matches!(check_apply(Some(&at(5, 1, 8)), &unit(0, 5, 1, 7)), Err(CommitOutcome::Lost(_))));
        assert_eq!(check_apply(Some(&at(9, 2, 8)), &unit(0, 5, 1, 7)), Err(CommitOutcome::AlreadyCommitted));
        assert!(matches!(check_apply(Some(&at(3, 1, 8)), &unit(0, 5, 1, 7)), Err(CommitOutcome::Unknown(_))));
        assert!(matches!(check_apply(Some(&at(3, 1, 8)), &unit(4, 5, 1, 7)), Err(CommitOutcome::Lost(_))));
    }

    #[test]
    fn an_empty_unit_moves_only_the_epoch() {
        assert_eq!(check_apply(Some(&fence("me", 5, 1, 7)), &unit(5, 5, 2, 8)), Ok(()));
        assert_eq!(check_apply(Some(&fence("me", 5, 2, 8)), &unit(5, 5, 2, 8)), Err(CommitOutcome::AlreadyCommitted));
    }

    #[test]
    fn a_claim_keeps_the_position() {
        let c = claimed(Some(&fence("old", 9, 3, 4)), &fence("new", 0, 0, 0));
        assert_eq!(c, fence("new", 9, 3, 4));
        assert_eq!(claimed(None, &fence("new", 2, 1, 1)), fence("new", 2, 1, 1));
    }
}
