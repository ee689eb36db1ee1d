//! Making decision N out of an epoch's contents. Pure: no I/O.

use std::collections::BTreeMap;

use tidegate_core::{Error, Result};

use super::api::EpochContents;
use super::decision::{AppliedMark, Decision, LaneDecision, LaneKey, Mark, Swap};
use super::ledger::Ledger;
use super::reference::RowsRef;

/// What a decision needs beside the epoch itself.
pub struct Surroundings {
    /// Positions known to be applied.
    pub applied: BTreeMap<LaneKey, Mark>,
    /// Finished folds.
    pub swaps: Vec<Swap>,
    /// Wall clock, ms.
    pub now_millis: i64,
    /// How long applied ranges are kept, ms.
    pub retention_millis: i64,
    /// Limits of an apply unit.
    pub limits: UnitLimits,
}

/// Most that an apply unit holds.
#[derive(Debug, Clone, Copy)]
pub struct UnitLimits {
    /// Rows.
    pub rows: u64,
    /// Bytes, about; a single row may be larger.
    pub bytes: u64,
}

/// Decision N, complete with digest.
///
/// # Errors
/// Where the epoch does not follow the last one, or names what does not exist.
pub fn plan(ledger: &Ledger, contents: EpochContents, around: Surroundings) -> Result<Decision> {
    let next = ledger.epoch.map_or(0, |e| e + 1);
    if contents.epoch != next {
        return Err(Error::internal(format!("epoch {} cannot be decided: {next} is next", contents.epoch)));
    }
    let lanes = lanes(ledger, contents.rows, &around)?;
    let applied: Vec<AppliedMark> = around
        .applied
        .into_iter()
        .filter(|(key, mark)| ledger.lane(key).is_ok_and(|l| l.applied != *mark))
        .map(|(key, mark)| AppliedMark { key, mark })
        .collect();
    let oldest = around.now_millis - around.retention_millis;
    let mut decision = Decision {
        epoch: contents.epoch,
        at_millis: around.now_millis,
        positions: contents.positions.into_iter().collect(),
        watermarks: contents.watermarks.into_iter().collect(),
        lanes,
        state: state(contents.state),
        swaps: around.swaps,
        trimmed: trims(ledger, &applied, oldest),
        applied,
        taken: contents.dead_letters,
        last: contents.final_,
        digest: 0,
    };
    decision.digest = digest(ledger.digest, &decision)?;
    Ok(decision)
}

/// Chains a decision to everything before it. Its references carry checksums and incarnations, so
/// two histories never share a digest by accident.
fn digest(before: u64, decision: &Decision) -> Result<u64> {
    let text = serde_json::to_vec(decision).map_err(|e| Error::internal(format!("decision: {e}")))?;
    Ok(xxhash_rust::xxh3::xxh3_64_with_seed(&text, before))
}

/// A lane's rows follow in the order in which they were appended to the log, whichever task appended
/// them: a key's rows all come from one task, so they keep their order, and rows of different tasks
/// stay close to the order of their event times, which readers with watermarks are thankful for.
fn lanes(
    ledger: &Ledger,
    rows: Vec<(String, u32, u32, Vec<RowsRef>)>,
    around: &Surroundings,
) -> Result<Vec<LaneDecision>> {
    let mut by_lane: BTreeMap<LaneKey, Vec<RowsRef>> = BTreeMap::new();
    for (sink, lane, _, refs) in rows {
        by_lane.entry(LaneKey { sink, lane }).or_default().extend(refs.into_iter().filter(|r| r.rows > 0));
    }
    let mut out = Vec::new();
    for (key, mut refs) in by_lane.into_iter().filter(|(_, refs)| !refs.is_empty()) {
        // All of an epoch's frames are in segments of one incarnation, whose names rise.
        refs.sort_by(|a, b| a.at.cmp(&b.at));
        let lane = ledger.lane(&key)?;
        let from = lane.decided().position;
        let to = from + refs.iter().map(|r| r.rows).sum::<u64>();
        let units = cut(from, &refs, around.limits, lane.version, around.now_millis);
        out.push(LaneDecision { key, from, to, rows: refs, units });
    }
    Ok(out)
}

/// Cuts a lane's rows of one epoch into apply units and gives each its version. Two numbers are
/// reserved a unit, so `version` becomes `last + 1`; the first version after a fresh start is the
/// wall clock, above whatever an earlier life has written.
fn cut(from: u64, refs: &[RowsRef], limits: UnitLimits, last_version: i64, now_millis: i64) -> Vec<(u64, i64)> {
    let mut ends = Vec::new();
    let (mut at, mut rows, mut bytes) = (from, 0u64, 0u64);
    for r in refs {
        let width = (r.bytes / r.rows.max(1)).max(1);
        let mut left = r.rows;
        while left > 0 {
            let fits = (limits.rows - rows).min(limits.bytes.saturating_sub(bytes) / width).max(u64::from(rows == 0));
            if fits == 0 {
                ends.push(at);
                (rows, bytes) = (0, 0);
                continue;
            }
            let take = fits.min(left);
            at += take;
            rows += take;
            bytes += take * width;
            left -= take;
        }
    }
    ends.push(at);
    let mut version = last_version;
    ends.into_iter()
        .map(|end| {
            let this = (version + 1).max(now_millis);
            version = this + 1;
            (end, this)
        })
        .collect()
}

fn state(state: Vec<(String, u32, Vec<super::reference::StateRef>)>) -> Vec<(String, Vec<super::reference::StateRef>)> {
    let mut sorted = state;
    sorted.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut out: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (operator, _, refs) in sorted {
        if !refs.is_empty() {
            out.entry(operator).or_default().extend(refs);
        }
    }
    out.into_iter().collect()
}

/// Ranges to forget: wholly below what this decision records as applied, and old enough. Rows that
/// are applied but young survive a target that falls back a little.
fn trims(ledger: &Ledger, applied: &[AppliedMark], oldest_millis: i64) -> Vec<(LaneKey, u64)> {
    ledger
        .lanes()
        .filter_map(|(key, lane)| {
            let mark = applied.iter().find(|a| a.key == key).map_or(lane.applied, |a| a.mark);
            let end =
                lane.ranges.iter().take_while(|r| r.to <= mark.position && r.at_millis <= oldest_millis).last()?.to;
            Some((key, end))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::reference::Reference;
    use super::*;

    fn frame(rows: u64, bytes: u64) -> RowsRef {
        RowsRef { at: Reference { file: "f".into(), offset: 0, length: 1, checksum: 0 }, rows, bytes }
    }

    #[test]
    fn units_keep_within_limits_and_versions_grow_by_two() {
        let limits = UnitLimits { rows: 10, bytes: 1000 };
        let units = cut(5, &[frame(12, 120), frame(3, 30), frame(6, 3000)], limits, 100, 50);
        assert_eq!(units, vec![(15, 101), (21, 103), (23, 105), (25, 107), (26, 109)]);
        assert_eq!(cut(0, &[frame(1, 10)], limits, 100, 500), vec![(1, 500)]);
        // A row larger than the limit is a unit of its own.
        assert_eq!(cut(0, &[frame(2, 5000)], limits, 0, 1).len(), 2);
    }
}
