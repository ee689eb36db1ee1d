//! Which rows of a batch belong to which windows: what a window aggregate and its local part decide
//! alike. Rows without a time, and rows that are late for all their windows, end here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef};
use tidegate_core::Result;
use tidegate_plan::Window;

use super::assign::{Assigner, Bounds};
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::operator::{OperatorContext, Output};

/// Assigns rows to panes, and panes to windows.
pub(super) struct Intake {
    time: Option<usize>,
    /// Panes to windows.
    pub assigner: Assigner,
    ctx: OperatorContext,
}

impl Intake {
    /// For a window of the plan.
    ///
    /// # Errors
    /// Where the zone is unknown or a length is not positive.
    pub fn new(window: &Window, ctx: OperatorContext) -> Result<Self> {
        Ok(Intake { time: window.time, assigner: Assigner::new(window)?, ctx })
    }

    /// Whether windows are of event time.
    pub fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// The selected rows (`None`: all) by pane, in order; late ones left out and counted, those without a
    /// time reported.
    ///
    /// # Errors
    /// Where the policy for rows without a time is to stop.
    pub fn panes(
        &mut self,
        batch: &Batch,
        selected: Option<&[u32]>,
        out: &mut dyn Output,
    ) -> Result<BTreeMap<i64, Vec<u32>>> {
        let (times, valid) = super::times(batch, self.time, selected, self.ctx.clock.now_millis(), out)?;
        let mut panes = self.by_pane(&times, valid.as_ref(), super::rows(batch, selected));
        self.leave_out_late(batch, &mut panes);
        Ok(panes)
    }

    fn by_pane(
        &mut self,
        times: &[i64],
        valid: Option<&ArrayRef>,
        rows: impl Iterator<Item = usize>,
    ) -> BTreeMap<i64, Vec<u32>> {
        let mut panes: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        // Most rows lie in the pane of the row before: its list is at hand.
        let (mut current, mut list) = (i64::MIN, Vec::new());
        for row in rows {
            if valid.is_some_and(|v| v.is_null(row)) {
                continue;
            }
            let pane = self.assigner.pane(times[row]);
            if pane != current {
                let next = panes.remove(&pane).unwrap_or_default();
                let before = std::mem::replace(&mut list, next);
                if !before.is_empty() {
                    panes.insert(current, before);
                }
                current = pane;
            }
            list.push(row as u32);
        }
        if !list.is_empty() {
            panes.insert(current, list);
        }
        panes
    }

    fn leave_out_late(&self, batch: &Batch, panes: &mut BTreeMap<i64, Vec<u32>>) {
        let Some(marks) = &batch.marks else { return };
        let mut late = 0;
        for (pane, rows) in panes {
            // Late for its last window is late for all.
            let Some(last) = self.assigner.windows(*pane).pop() else { continue };
            let last = self.assigner.last_instant(last);
            let before = rows.len();
            rows.retain(|row| last > marks.value(*row as usize));
            late += before - rows.len();
        }
        OperatorMetrics::add(&self.ctx.metrics.late, late as u64);
    }

    /// The rows that are not late for a window.
    pub fn in_time<'a>(&self, window: Bounds, rows: &'a [u32], batch: &Batch) -> Cow<'a, [u32]> {
        let last = self.assigner.last_instant(window);
        match &batch.marks {
            Some(marks) if rows.iter().any(|r| last <= marks.value(*r as usize)) => {
                rows.iter().copied().filter(|r| last > marks.value(*r as usize)).collect()
            }
            _ => Cow::Borrowed(rows),
        }
    }

    /// The rows of a pane by stretch: from the start of the pane to the end of the first window that
    /// they are in time for. Windows of a pane close one after the other, so a row that is in time for
    /// one is in time for all that end later.
    pub fn stretches(&self, pane: i64, rows: Vec<u32>, batch: &Batch) -> Vec<(Bounds, Vec<u32>)> {
        let windows = self.assigner.windows(pane);
        let Some(first) = windows.first() else { return Vec::new() };
        let late = |window: &Bounds, row: u32| {
            batch.marks.as_ref().is_some_and(|m| self.assigner.last_instant(*window) <= m.value(row as usize))
        };
        if !rows.iter().any(|row| late(first, *row)) {
            return vec![(Bounds { start: pane, end: first.end }, rows)];
        }
        let mut by: BTreeMap<Bounds, Vec<u32>> = BTreeMap::new();
        for row in rows {
            if let Some(window) = windows.iter().find(|w| !late(w, row)) {
                by.entry(Bounds { start: pane, end: window.end }).or_default().push(row);
            }
        }
        by.into_iter().collect()
    }

    /// The windows that the rows of a stretch belong to.
    pub fn windows_of(&self, stretch: Bounds) -> impl Iterator<Item = Bounds> {
        self.assigner.windows(stretch.start).into_iter().filter(move |window| window.end >= stretch.end)
    }
}
