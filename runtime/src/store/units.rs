//! Cutting decided rows into what one apply gets, and reading them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_core::{ChangeBatch, Error, Result};

use super::Store;
use super::decision::{LaneKey, Mark, RejectEntry};
use super::ledger::{Ledger, Range};
use super::planning::UnitLimits;
use super::reference::RowsRef;
use super::segment::read_sink_rows;

/// Rows to apply next.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Position of the first row.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// What the fence becomes.
    pub mark: Mark,
    /// The unit's version.
    pub version: i64,
    /// When the newest of its rows was decided, ms.
    pub decided_at: i64,
    /// The rows, in order; those that the target has refused before are left out.
    pub pieces: Vec<Piece>,
}

/// Consecutive rows inside one frame.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The frame.
    pub at: RowsRef,
    /// Index of the first row in the frame.
    pub skip: u64,
    /// How many rows.
    pub take: u64,
    /// Position of the first row in the lane.
    pub position: u64,
}

impl Planned {
    /// The position of the row with this index among the rows of the unit.
    pub fn position_of(&self, index: u64) -> Option<u64> {
        let mut left = index;
        for piece in &self.pieces {
            if left < piece.take {
                return Some(piece.position + left);
            }
            left -= piece.take;
        }
        None
    }
}

/// How units may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Merge and split decided units up to these limits.
    Freely,
    /// Exactly as decided: a replay has to have the same ranges and versions.
    AsDecided,
}

impl Store {
    /// The rows from `from` on, up to the limits; `None` where nothing more is decided.
    ///
    /// # Errors
    /// Where `from` has been forgotten.
    pub fn next_unit(&self, key: &LaneKey, from: u64, cut: Cut, limits: UnitLimits) -> Result<Option<Planned>> {
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        if from < lane.start.position {
            return Err(Error::internal(format!("rows from {from} of {} have been removed", key.sink)));
        }
        let to = match cut {
            Cut::AsDecided => decided_end(lane.ranges.iter(), from),
            Cut::Freely => free_end(lane.ranges.iter(), from, limits),
        };
        let Some(to) = to else { return Ok(None) };
        Ok(Some(planned(&ledger, key, from, to, lane.ranges.iter(), lane.start)))
    }

    /// Exactly these rows.
    ///
    /// # Errors
    /// Where they are not all there.
    pub fn unit(&self, key: &LaneKey, from: u64, to: u64) -> Result<Planned> {
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        if from < lane.start.position || to > lane.decided().position || from >= to {
            return Err(Error::internal(format!("rows {from} to {to} of {} are not all there", key.sink)));
        }
        Ok(planned(&ledger, key, from, to, lane.ranges.iter(), lane.start))
    }

    /// The rows of a unit: from memory where they still are, from the log otherwise.
    ///
    /// # Errors
    /// Of the disk.
    pub fn read_unit(&self, planned: &Planned) -> Result<Vec<ChangeBatch>> {
        planned
            .pieces
            .iter()
            .map(|Piece { at, skip, take, .. }| {
                let rows = match self.inner.cache.get(at) {
                    Some(rows) => rows,
                    None => Arc::new(read_sink_rows(&*self.inner.storage, &self.inner.dir, at)?),
                };
                let whole = *skip == 0 && *take == at.rows;
                Ok(if whole { (*rows).clone() } else { rows.slice(*skip as usize, *take as usize) })
            })
            .collect()
    }
}

/// The end of the decided unit that holds `from`.
fn decided_end<'a>(ranges: impl Iterator<Item = &'a Range>, from: u64) -> Option<u64> {
    ranges.filter(|r| r.to > from).flat_map(|r| &r.units).map(|(to, _)| *to).find(|to| *to > from)
}

/// As many rows as fit, at least one.
fn free_end<'a>(ranges: impl Iterator<Item = &'a Range>, from: u64, limits: UnitLimits) -> Option<u64> {
    let (mut to, mut bytes) = (from, 0u64);
    for range in ranges.filter(|r| r.to > from) {
        let mut at = range.from;
        for r in &range.rows {
            let (first, end) = (at.max(from), at + r.rows);
            at = end;
            if first >= end {
                continue;
            }
            let width = (r.bytes / r.rows.max(1)).max(1);
            let fits =
                (limits.rows - (to - from)).min(limits.bytes.saturating_sub(bytes) / width).max(u64::from(to == from));
            let take = fits.min(end - first);
            to += take;
            bytes += take * width;
            if take < end - first {
                return Some(to);
            }
        }
    }
    (to > from).then_some(to)
}

fn planned<'a>(
    ledger: &Ledger,
    key: &LaneKey,
    from: u64,
    to: u64,
    ranges: impl Iterator<Item = &'a Range>,
    start: super::decision::Mark,
) -> Planned {
    let mut out = Planned { from, to, mark: start, version: 0, decided_at: 0, pieces: Vec::new() };
    for range in ranges {
        if range.to <= to {
            out.mark = range.end();
        } else if out.mark.position < to {
            out.mark = out.mark.within(range.end(), to);
        }
        if range.to <= from || range.from >= to {
            continue;
        }
        out.decided_at = range.at_millis;
        out.version = range.units.iter().find(|(end, _)| *end >= to.min(range.to)).map_or(out.version, |(_, v)| *v);
        let mut at = range.from;
        for r in &range.rows {
            let (first, end) = (at.max(from), (at + r.rows).min(to));
            if first < end {
                out.pieces.push(Piece { at: r.clone(), skip: first - at, take: end - first, position: first });
            }
            at += r.rows;
        }
    }
    leave_out_refused(ledger, key, &mut out);
    out
}

/// Leaves out what the target has refused before.
fn leave_out_refused(ledger: &Ledger, key: &LaneKey, unit: &mut Planned) {
    let refused = |r: &&RejectEntry| r.key.lane == key.lane && r.key.sink == key.sink && !r.retired;
    let refused: BTreeSet<u64> = ledger.rejects.iter().filter(refused).map(|r| r.key.position).collect();
    if refused.range(unit.from..unit.to).next().is_none() {
        return;
    }
    let mut kept = Vec::new();
    for piece in std::mem::take(&mut unit.pieces) {
        let end = piece.position + piece.take;
        let mut first = piece.position;
        let mut keep = |first: u64, end: u64| {
            if first < end {
                let skip = piece.skip + (first - piece.position);
                kept.push(Piece { at: piece.at.clone(), skip, take: end - first, position: first });
            }
        };
        for hole in refused.range(piece.position..end) {
            keep(first, *hole);
            first = hole + 1;
        }
        keep(first, end);
    }
    unit.pieces = kept;
}
